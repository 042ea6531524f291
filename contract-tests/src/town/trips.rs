//! History: each day each vehicle drives at most twice, out in the morning and back in the evening.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::streets::{self, Heading, Site};
use super::{Family, Passage, Town, Vehicle, whole_seconds};

/// Slowest and fastest trip in decimetres per second (29 and 79 km/h).
const SPEED_DM_S: std::ops::Range<i64> = 80..220;
const LOOK_ALIKES: [(char, char); 5] = [('O', '0'), ('B', '8'), ('I', '1'), ('S', '5'), ('Z', '2')];
const MISREAD_PERMILLE: u16 = 30;
const UNREAD_PERMILLE: u16 = 20;
const NO_STATE_PERMILLE: u16 = 100;

pub(super) fn fill(town: &mut Town, start: Timestamp, days: i64) {
    let vehicles = town.vehicles.clone();
    for day in 0..days {
        for vehicle in &vehicles {
            day_of(town, vehicle, start + SignedDuration::from_hours(24 * day));
        }
    }
    town.passages
        .sort_by_key(|passage| (passage.at, passage.id));
}

fn day_of(town: &mut Town, vehicle: &Arc<Vehicle>, midnight: Timestamp) {
    let always = vehicle.index == 0;
    let east_west = town.rng.bool();
    let (out, back) = if always || east_west {
        (Heading::East, Heading::West)
    } else {
        (Heading::North, Heading::South)
    };
    for (heading, hours) in [(out, 5..11), (back, 14..20)] {
        if always || town.rng.u8(..10) < 7 {
            // To the millisecond: an agent names what it sees by camera and millisecond.
            let past_the_hour = SignedDuration::from_millis(town.rng.i64(0..3_600_000));
            let leaves = SignedDuration::from_hours(town.rng.i64(hours)) + past_the_hour;
            drive(town, vehicle, heading, midnight + leaves);
        }
    }
}

fn drive(town: &mut Town, vehicle: &Arc<Vehicle>, heading: Heading, leaves: Timestamp) {
    let sites = stretch(town, heading, vehicle.index == 0);
    let speed_dm_s = town.rng.i64(SPEED_DM_S);
    let Some(from_m) = sites.first().map(|site| site.along_m) else {
        return;
    };
    for site in sites {
        let metres = i64::from((site.along_m - from_m).abs());
        let at = leaves + SignedDuration::from_millis(metres * 10_000 / speed_dm_s);
        let passage = observe(town, vehicle, &site, at);
        town.passages.push(passage);
    }
}

/// A contiguous part of the road with at least two sites; the whole road when `whole`.
pub(super) fn stretch(town: &mut Town, heading: Heading, whole: bool) -> Vec<Arc<Site>> {
    let route = streets::route(&town.sites, heading);
    if whole {
        return route;
    }
    let first = town.rng.usize(0..route.len().saturating_sub(1).max(1));
    let count = town.rng.usize(2..=(route.len() - first).max(2));
    route.into_iter().skip(first).take(count).collect()
}

/// What the device at `site` makes of `vehicle`.
pub(super) fn observe(
    town: &mut Town,
    vehicle: &Arc<Vehicle>,
    site: &Arc<Site>,
    at: Timestamp,
) -> Passage {
    let id = town.next_id;
    town.next_id += 1;
    let rng = &mut town.rng;
    let (text, confidence_permille) = read_plate(rng, vehicle);
    let no_state = text.is_none() || (vehicle.index != 0 && rng.u16(..1000) < NO_STATE_PERMILLE);
    let (state, state_permille) = if no_state {
        (None, 0)
    } else {
        (Some(vehicle.state), rng.u16(700..960))
    };
    Passage {
        id,
        vehicle: Arc::clone(vehicle),
        site: Arc::clone(site),
        at: if site.family == Family::Toll {
            whole_seconds(at)
        } else {
            at
        },
        lane: rng.u8(1..=site.lanes.max(1)),
        text,
        confidence_permille,
        state,
        state_permille,
    }
}

fn read_plate(rng: &mut fastrand::Rng, vehicle: &Vehicle) -> (Option<String>, u16) {
    let right = (Some(vehicle.plate.clone()), rng.u16(850..990));
    let luck = rng.u16(..1000);
    if vehicle.index == 0 || luck >= UNREAD_PERMILLE + MISREAD_PERMILLE {
        return right;
    }
    if luck < UNREAD_PERMILLE {
        return (None, 0);
    }
    misread(&vehicle.plate).map_or(right, |text| (Some(text), rng.u16(550..800)))
}

/// The text with its last confusable character taken for its look-alike.
fn misread(plate: &str) -> Option<String> {
    let mut text: Vec<char> = plate.chars().collect();
    let (place, other) = text
        .iter()
        .enumerate()
        .rev()
        .find_map(|(place, seen)| look_alike(*seen).map(|other| (place, other)))?;
    *text.get_mut(place)? = other;
    Some(text.into_iter().collect())
}

fn look_alike(seen: char) -> Option<char> {
    LOOK_ALIKES.iter().find_map(|(letter, digit)| {
        if *letter == seen {
            Some(*digit)
        } else {
            (*digit == seen).then_some(*letter)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misread_swaps_one_look_alike_and_nothing_else() {
        assert_eq!(misread("TPB0412"), Some("TPB041Z".into()));
        assert_eq!(misread("TPB3746"), Some("TP83746".into()));
        assert_eq!(misread("TPK3746"), None);
    }
}
