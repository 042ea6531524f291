//! Which messages speak of the same passage, and which of them is newer.
//!
//! The agent names frames, not passages: a group lists the frames its plate was seen in, and a preview and its
//! final group share some of them while their best frame may differ. Two vehicles in one frame share the frame's
//! name, so the name of a plate in a frame is `uuid` for the frame's first plate and `uuid#n` for the others. An agent
//! that does not say which plate of each frame is meant is taken to mean the one its best plate is; one that does not
//! say even that gives one name only: two reads of one vehicle are better than one read of two.

use super::{
    read::Rank,
    wire::{Plate, Text, Wire},
};

/// Most names of one passage that are kept.
pub(super) const MAX_NAMES: usize = 64;
/// Longest frame name, bytes.
const MAX_UUID_BYTES: usize = 128;
/// Places among a frame's plates beyond this are not told apart from none.
const MAX_PLATE_INDEX: i64 = 9_999;

/// The names of one passage.
pub(super) struct Passage {
    best_uuid: String,
    record: String,
    names: Vec<String>,
}

impl Passage {
    /// The passage of a group; `None` without a usable `best_uuid`.
    pub(super) fn of_group(group: &Wire<'_>) -> Option<Self> {
        let best = usable(group.best_uuid.as_ref()?)?;
        let uuids = group.uuids.as_ref().map_or(&[][..], |list| list.as_slice());
        let indexes = group
            .plate_indexes
            .as_ref()
            .map_or(&[][..], |list| list.as_slice());
        let aligned = if indexes.len() == uuids.len() {
            indexes
        } else {
            &[]
        };
        let best_of_group = group
            .best_plate
            .as_ref()
            .and_then(|plate| plate.plate_index);
        let index_at = |at: usize| aligned.get(at).copied().or(best_of_group);
        let best_index = uuids
            .iter()
            .position(|uuid| uuid.as_str() == best)
            .and_then(index_at)
            .or(best_of_group);
        let record = qualify(best, best_index);
        let named = |at: usize| Some(qualify(usable(uuids.get(at)?)?, index_at(at)));
        let names = if aligned.is_empty() && best_of_group.is_none() {
            vec![record.clone()]
        } else {
            bounded(uuids.len(), &record, named)
        };
        Some(Self {
            best_uuid: best.to_owned(),
            record,
            names,
        })
    }

    /// The passage of one plate of a frame; `None` without a usable `uuid`.
    pub(super) fn of_frame(frame: &Wire<'_>, plate: &Plate<'_>, place: u64) -> Option<Self> {
        let uuid = usable(frame.uuid.as_ref()?)?;
        let index = plate.plate_index.or_else(|| i64::try_from(place).ok());
        let record = qualify(uuid, index);
        Some(Self {
            best_uuid: uuid.to_owned(),
            names: vec![record.clone()],
            record,
        })
    }

    /// Where the best image is, `img/<uuid>`; `None` for a name that does not fit a path.
    pub(super) fn image_reference(&self) -> Option<String> {
        is_path_safe(&self.best_uuid).then(|| format!("img/{}", self.best_uuid))
    }

    /// The name of the record, and at most [`MAX_NAMES`] names of the passage with it among them.
    pub(super) fn into_names(self) -> (String, Vec<String>) {
        (self.record, self.names)
    }
}

/// The order of the versions of a passage: how final it is, then how long the vehicle was watched, then whether it
/// tells of a list as well. Below 2^42, so exact in JSON.
pub(super) fn revision(rank: Rank, message: &Wire<'_>, is_alert: bool) -> u64 {
    const LONGEST_MS: u64 = (1 << 39) - 1;
    let watched = message.epoch_end.zip(message.epoch_start);
    let watched_ms = watched
        .and_then(|(end, start)| end.checked_sub(start))
        .and_then(|ms| u64::try_from(ms).ok())
        .unwrap_or(0);
    (rank as u64) << 40 | watched_ms.min(LONGEST_MS) << 1 | u64::from(is_alert)
}

/// Whether a frame name can be one segment of a path as it is.
pub(super) fn is_path_safe(uuid: &str) -> bool {
    (1..=MAX_UUID_BYTES).contains(&uuid.len())
        && uuid
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn usable<'t>(uuid: &'t Text<'_>) -> Option<&'t str> {
    Some(uuid.as_str()).filter(|uuid| (1..=MAX_UUID_BYTES).contains(&uuid.len()))
}

fn qualify(uuid: &str, plate_index: Option<i64>) -> String {
    match plate_index {
        Some(index @ 1..=MAX_PLATE_INDEX) => format!("{uuid}#{index}"),
        _ => uuid.to_owned(),
    }
}

/// All names, or when they are too many the earliest ones, which a preview shares, with the last and the best.
fn bounded(count: usize, best: &str, named: impl Fn(usize) -> Option<String>) -> Vec<String> {
    let early = if count <= MAX_NAMES {
        count
    } else {
        MAX_NAMES - 2
    };
    let last = (count > early).then(|| count - 1);
    let mut names: Vec<String> = (0..early).chain(last).filter_map(named).collect();
    if !names.iter().any(|name| name == best) {
        names.truncate(MAX_NAMES - 1);
        names.push(best.to_owned());
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize, best: &str) -> Vec<String> {
        bounded(count, best, |at| Some(format!("u{at}")))
    }

    #[test]
    fn first_last_and_best_are_always_among_the_names() {
        for count in [1, 2, 63, 64, 65, 66, 1024] {
            for best in [0, count / 2, count - 1] {
                let best = format!("u{best}");
                let names = names(count, &best);
                assert!(names.len() <= MAX_NAMES);
                for wanted in ["u0", &format!("u{}", count - 1), &best] {
                    assert!(
                        names.iter().any(|name| name == wanted),
                        "{wanted} of {count}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_best_frame_outside_the_list_costs_no_more_than_one_name() {
        assert_eq!(names(0, "best"), ["best"]);
        let names = names(64, "best");
        assert_eq!(names.len(), MAX_NAMES);
        assert_eq!(names.last().map(String::as_str), Some("best"));
    }

    #[test]
    fn a_name_is_path_safe_by_its_letters_and_length() {
        for (uuid, safe) in [
            ("AGENT-2042-1772608530412", true),
            ("a_b", true),
            ("", false),
            ("../etc", false),
            ("a/b", false),
            ("a b", false),
            ("a%2f", false),
            ("ä", false),
        ] {
            assert_eq!(is_path_safe(uuid), safe, "{uuid}");
        }
        assert!(is_path_safe(&"a".repeat(128)));
        assert!(!is_path_safe(&"a".repeat(129)));
    }
}
