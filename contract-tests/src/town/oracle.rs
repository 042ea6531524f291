//! The oracle: what a correct question about a plate must bring back.

use jiff::Timestamp;

use super::{Family, Passage, Town};

/// Per family, the passages whose read text is the plate asked for, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expected {
    /// Seen by police cameras.
    pub police: Vec<Passage>,
    /// Seen at toll plazas.
    pub toll: Vec<Passage>,
    /// Seen by the camera engine.
    pub camera: Vec<Passage>,
    /// Seen by car parks.
    pub parking: Vec<Passage>,
    /// Seen by a repossession company.
    pub repossession: Vec<Passage>,
}

impl Expected {
    /// The list of one family.
    #[must_use]
    pub fn of(&self, family: Family) -> &[Passage] {
        match family {
            Family::Police => &self.police,
            Family::Toll => &self.toll,
            Family::Camera => &self.camera,
            Family::Parking => &self.parking,
            Family::Repossession => &self.repossession,
        }
    }

    /// Number of passages over all families.
    #[must_use]
    pub fn total(&self) -> usize {
        Family::ALL
            .iter()
            .map(|family| self.of(*family).len())
            .sum()
    }

    fn push(&mut self, passage: Passage) {
        match passage.site.family {
            Family::Police => self.police.push(passage),
            Family::Toll => self.toll.push(passage),
            Family::Camera => self.camera.push(passage),
            Family::Parking => self.parking.push(passage),
            Family::Repossession => self.repossession.push(passage),
        }
    }
}

impl Town {
    /// What an exact question for `plate` from `from` (inclusive) to `to` (exclusive) must find:
    /// a misread passage counts for the text that was read, not for the vehicle that passed.
    #[must_use]
    pub fn expected(&self, plate: &str, from: Timestamp, to: Timestamp) -> Expected {
        let mut expected = Expected::default();
        for passage in &self.passages {
            let asked = passage.text.as_deref() == Some(plate);
            if asked && from <= passage.at && passage.at < to {
                expected.push(passage.clone());
            }
        }
        expected
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use jiff::SignedDuration;

    use super::super::{TownSize, streets};
    use super::*;

    fn town(seed: u64, vehicles: usize) -> Town {
        let start = "2026-03-01T00:00:00Z".parse().unwrap();
        Town::new(
            seed,
            TownSize {
                vehicles,
                days: 4,
                start,
            },
        )
    }

    fn assert_nobody_teleports(town: &Town) {
        let mut last: HashMap<usize, &Passage> = HashMap::new();
        for passage in town.all_passages() {
            if let Some(before) = last.insert(passage.vehicle.index, passage) {
                let seconds = passage.at.duration_since(before.at).as_secs_f64();
                let metres = streets::distance_m(&before.site, &passage.site);
                // Toll times are cut to the second, so a leg may look up to a second shorter.
                assert!(
                    metres <= (seconds + 1.0) * 35.0,
                    "{metres} m in {seconds} s"
                );
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_town() {
        assert_eq!(town(7, 40).all_passages(), town(7, 40).all_passages());
        assert_ne!(town(7, 40).all_passages(), town(8, 40).all_passages());
    }

    #[test]
    fn all_families_see_the_protagonist_in_the_last_day() {
        for seed in 0..10 {
            let town = town(seed, 1);
            let day_ago = town.end() - SignedDuration::from_hours(24);
            let expected = town.expected("TPK0421", day_ago, town.end());
            for family in Family::ALL {
                assert!(!expected.of(family).is_empty(), "{family:?} in town {seed}");
            }
            assert!(expected.police.iter().all(Passage::read_right));
        }
    }

    #[test]
    fn a_vehicle_is_seen_in_an_order_it_could_have_driven() {
        assert_nobody_teleports(&town(11, 200));
    }

    #[test]
    fn a_small_share_of_plates_is_misread_or_not_read() {
        let town = town(5, 300);
        let all = town.all_passages();
        let unread = all.iter().filter(|p| p.text.is_none()).count();
        let misread = all
            .iter()
            .filter(|p| p.text.is_some() && !p.read_right())
            .count();
        for count in [unread, misread] {
            assert!(
                count > 0 && count * 20 < all.len(),
                "{count} of {}",
                all.len()
            );
        }
    }

    #[test]
    fn the_window_holds_its_first_instant_and_not_its_last() {
        let town = town(5, 10);
        let first = town
            .passages(Family::Police)
            .find(|p| p.text.is_some())
            .unwrap();
        let plate = first.text.as_deref().unwrap();
        let tick = SignedDuration::from_millis(1);
        assert_eq!(
            town.expected(plate, first.at, first.at + tick).police,
            std::slice::from_ref(first)
        );
        assert_eq!(town.expected(plate, first.at - tick, first.at).total(), 0);
    }

    #[test]
    fn live_traffic_goes_on_from_the_history_and_the_oracle_knows_it() {
        let mut town = town(5, 400);
        let end = town.end();
        let mut families = [0_usize; 5];
        for second in 1..=2_000 {
            let now = end + SignedDuration::from_secs(second);
            let passage = town.next_live(now).unwrap();
            assert_eq!(passage.at, now);
            let place = Family::ALL
                .iter()
                .position(|f| *f == passage.site.family)
                .unwrap();
            families[place] += 1;
            if let Some(text) = &passage.text {
                let found = town.expected(text, now, now + SignedDuration::from_secs(1));
                assert_eq!(
                    found.of(passage.site.family),
                    std::slice::from_ref(&passage)
                );
            }
        }
        assert!(families.iter().all(|count| *count > 100), "{families:?}");
        assert_nobody_teleports(&town);
    }

    #[test]
    fn one_given_vehicle_can_be_driven_on() {
        let mut town = town(5, 3);
        let protagonist = town.protagonist();
        let first = town.end() + SignedDuration::from_hours(1);
        let passage = town.next_live_of(&protagonist, first).unwrap();
        assert_eq!(passage.text.as_deref(), Some("TPK0421"));
        assert_eq!(town.next_live_of(&protagonist, first), None);
        let later = first + SignedDuration::from_mins(30);
        assert!(town.next_live_of(&protagonist, later).is_some());
        assert_nobody_teleports(&town);
    }
}
