//! What an import would change: the rows of a file beside the entries that are there.

use std::collections::{BTreeMap, btree_map::Entry as Place};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Bounds, Draft, Entry, Wrong};

/// What a file is to the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// All of it: what is not in the file is removed.
    Complete,
    /// More of it: what is not in the file stays.
    Incremental,
}

/// An entry that is there, by the number the list knows it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Existing {
    /// Its number.
    pub id: u64,
    /// The entry.
    pub entry: Entry,
}

/// A row of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its line, as an editor counts.
    pub line: u64,
    /// What is written there.
    pub draft: Draft,
}

/// What becomes of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum RowResult {
    /// A new entry.
    Added,
    /// Such an entry is there.
    Unchanged,
    /// The same row as an earlier one of the file.
    Repeated {
        /// That line.
        of: u64,
    },
    /// Such an entry is there and ends earlier: it lasts longer from now on. Only where an import asks for that.
    Renewed {
        /// Its number.
        entry: u64,
    },
    /// Another row of the file wants the same plate otherwise. None of them is applied.
    Contradicts {
        /// The first of the others.
        line: u64,
    },
    /// An entry of this plate is there and says otherwise. It stays as it is.
    Conflicts {
        /// Its number.
        entry: u64,
        /// What differs: `reason`, `expires_at`, `note`.
        fields: Vec<String>,
    },
    /// The list is full.
    Full,
    /// What is written is no entry.
    Wrong {
        /// Everything that is wrong.
        problems: Vec<Wrong>,
    },
}

/// What an import would change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Every row, by its line, in the order of the file.
    pub rows: Vec<(u64, RowResult)>,
    /// Entries to be added.
    pub add: Vec<Entry>,
    /// Entries to be removed: only with a complete file of which every row can be read.
    pub remove: Vec<u64>,
    /// Entries that last longer from now on, with their ends.
    pub renew: Vec<(u64, Timestamp)>,
    /// The file is complete and has rows that cannot be read, so nothing is removed: what is missing could be one of them.
    pub removal_held_back: bool,
}

/// By what entries are the same: the plate, and who issued it.
type Key = (String, Option<String>);

fn key(entry: &Entry) -> Key {
    let issuer = entry.jurisdiction.as_ref();
    let issuer = issuer.map(|issuer| issuer.as_str().to_owned());
    (entry.wanted.expose().to_owned(), issuer)
}

/// Compares rows with what is there. Nothing that is there is changed by it: a row that says otherwise is a conflict. Where the
/// import `renews`, an entry that differs in nothing but an earlier end lasts longer.
#[must_use]
pub fn plan(
    existing: &[Existing],
    rows: &[Row],
    mode: Mode,
    renews: bool,
    bounds: &Bounds,
    now: Timestamp,
) -> Plan {
    let there: BTreeMap<Key, &Existing> =
        existing.iter().map(|one| (key(&one.entry), one)).collect();
    let mut plan = Plan::default();
    let mut seen: BTreeMap<Key, Seen> = BTreeMap::new();
    let mut read = Vec::new();
    for row in rows {
        match row.draft.check(bounds, now) {
            Ok(entry) => {
                let key = key(&entry);
                match seen.entry(key.clone()) {
                    Place::Vacant(place) => {
                        place.insert(Seen {
                            line: row.line,
                            entry: entry.clone(),
                            otherwise: None,
                        });
                    }
                    Place::Occupied(mut place) => {
                        let first = place.get_mut();
                        if first.entry != entry {
                            first.otherwise.get_or_insert(row.line);
                        }
                    }
                }
                read.push((row.line, Ok((key, entry))));
            }
            Err(problems) => read.push((row.line, Err(problems))),
        }
    }
    let kept = match mode {
        Mode::Incremental => existing.len(),
        Mode::Complete => existing
            .iter()
            .filter(|one| seen.contains_key(&key(&one.entry)))
            .count(),
    };
    let unreadable = read.iter().any(|(_, row)| row.is_err());
    plan.removal_held_back = mode == Mode::Complete && unreadable;
    let mut room = bounds.most.saturating_sub(if plan.removal_held_back {
        existing.len()
    } else {
        kept
    });
    for (line, row) in read {
        let result = match row {
            Err(problems) => RowResult::Wrong { problems },
            Ok((key, entry)) => match (seen.get(&key), there.get(&key)) {
                (Some(first), _) if first.otherwise.is_some() => RowResult::Contradicts {
                    line: first.other(line),
                },
                (Some(first), _) if first.line != line => RowResult::Repeated { of: first.line },
                (_, Some(there)) if renews && lasts_longer(there, &entry) => {
                    plan.renew.push((there.id, entry.expires_at));
                    RowResult::Renewed { entry: there.id }
                }
                (_, Some(there)) => compared(there, &entry),
                (_, None) if room == 0 => RowResult::Full,
                (_, None) => {
                    room -= 1;
                    plan.add.push(entry);
                    RowResult::Added
                }
            },
        };
        plan.rows.push((line, result));
    }
    if mode == Mode::Complete && !unreadable {
        let gone = there.iter().filter(|(key, _)| !seen.contains_key(*key));
        plan.remove = gone.map(|(_, one)| one.id).collect();
    }
    plan
}

/// The first row of a plate, and the first later one that says otherwise.
struct Seen {
    line: u64,
    entry: Entry,
    otherwise: Option<u64>,
}

impl Seen {
    fn other(&self, line: u64) -> u64 {
        match self.otherwise {
            Some(other) if line == self.line => other,
            _ => self.line,
        }
    }
}

/// Whether a row differs from what is there in a later end alone.
fn lasts_longer(there: &Existing, entry: &Entry) -> bool {
    let old = &there.entry;
    let same = old.reason == entry.reason && old.note == entry.note;
    same && old.expires_at < entry.expires_at
}

fn compared(there: &Existing, entry: &Entry) -> RowResult {
    let Existing { id, entry: old } = there;
    let fields = [
        ("reason", old.reason == entry.reason),
        ("expires_at", old.expires_at == entry.expires_at),
        ("note", old.note == entry.note),
    ];
    let differ = fields.into_iter().filter(|(_, same)| !same);
    let fields: Vec<String> = differ.map(|(name, _)| name.to_owned()).collect();
    if fields.is_empty() {
        RowResult::Unchanged
    } else {
        RowResult::Conflicts { entry: *id, fields }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-26T12:00:00Z".parse().unwrap()
    }

    const BOUNDS: Bounds = Bounds {
        longest: SignedDuration::from_hours(24 * 30),
        patterns: true,
        most: 5,
    };

    fn row(line: u64, plate: &str, reason: &str) -> Row {
        let draft = Draft {
            plate: plate.to_owned(),
            reason: reason.to_owned(),
            expires_at: "2026-12-01T00:00:00Z".to_owned(),
            ..Draft::default()
        };
        Row { line, draft }
    }

    fn there(id: u64, plate: &str, reason: &str) -> Existing {
        let entry = row(0, plate, reason).draft.check(&BOUNDS, now()).unwrap();
        Existing { id, entry }
    }

    fn planned(existing: &[Existing], rows: &[Row], mode: Mode) -> Plan {
        plan(existing, rows, mode, false, &BOUNDS, now())
    }

    fn applied(existing: &[Existing], plan: &Plan) -> Vec<Existing> {
        let kept = existing.iter().filter(|one| !plan.remove.contains(&one.id));
        let added = (1_000..).zip(&plan.add).map(|(id, entry)| Existing {
            id,
            entry: entry.clone(),
        });
        kept.cloned().chain(added).collect()
    }

    #[test]
    fn each_row_is_told_what_becomes_of_it() {
        let existing = [
            there(1, "TPK0421", "stolen_vehicle"),
            there(2, "TPK0422", "stolen_vehicle"),
            there(3, "TPK0423", "stolen_vehicle"),
        ];
        let rows = [
            row(2, "tpk 0421", "stolen_vehicle"),
            row(3, "TPK0422", "hit_and_run"),
            row(4, "TPK0424", "stolen_vehicle"),
            row(5, "TPK-0424", "stolen_vehicle"),
            row(6, "TPK0425", "stolen_vehicle"),
            row(7, "TPK0425", "hit_and_run"),
            row(8, "=1+1", "Stolen"),
        ];
        let plan = planned(&existing, &rows, Mode::Complete);
        let results: Vec<&RowResult> = plan.rows.iter().map(|(_, result)| result).collect();
        assert_eq!(
            results[..6],
            [
                &RowResult::Unchanged,
                &RowResult::Conflicts {
                    entry: 2,
                    fields: vec!["reason".to_owned()]
                },
                &RowResult::Added,
                &RowResult::Repeated { of: 4 },
                &RowResult::Contradicts { line: 7 },
                &RowResult::Contradicts { line: 6 },
            ]
        );
        assert!(
            matches!(results[6], RowResult::Wrong { problems } if problems.contains(&Wrong::Reason))
        );
        assert_eq!((plan.add.len(), plan.remove.len()), (1, 0));
        assert!(
            plan.removal_held_back,
            "the row that cannot be read could be TPK0423"
        );
        let readable = planned(&existing, &rows[..6], Mode::Complete);
        assert_eq!(readable.remove, [3]);
        assert!(
            planned(&existing, &rows[..6], Mode::Incremental)
                .remove
                .is_empty()
        );
    }

    #[test]
    fn a_full_list_takes_no_more_and_what_leaves_makes_room() {
        let existing: Vec<Existing> = (0..5)
            .map(|n| there(n, &format!("TPK000{n}"), "stolen_vehicle"))
            .collect();
        let rows = [row(1, "TPK0421", "stolen_vehicle")];
        let more = planned(&existing, &rows, Mode::Incremental);
        assert_eq!(more.rows, [(1, RowResult::Full)]);
        let all = planned(&existing, &rows, Mode::Complete);
        assert_eq!((all.add.len(), all.remove.len()), (1, 5));
    }

    proptest! {
        #[test]
        fn the_same_file_again_changes_nothing_and_nothing_is_ever_overwritten(
            there_before in proptest::collection::btree_map(0_u8..6, 0_u8..2, 0..5),
            written in proptest::collection::vec((0_u8..8, 0_u8..3), 0..12),
            complete in any::<bool>(),
        ) {
            let reason = |n: u8| ["stolen_vehicle", "hit_and_run", "Not a code"][usize::from(n)];
            let existing: Vec<Existing> = there_before.iter()
                .map(|(plate, why)| there(u64::from(*plate), &format!("TPK042{plate}"), reason(*why)))
                .collect();
            let rows: Vec<Row> = (2..).zip(&written)
                .map(|(line, (plate, why))| row(line, &format!("TPK042{plate}"), reason(*why)))
                .collect();
            let mode = if complete { Mode::Complete } else { Mode::Incremental };
            let first = planned(&existing, &rows, mode);
            prop_assert_eq!(first.rows.len(), rows.len());
            let after = applied(&existing, &first);
            prop_assert!(after.len() <= BOUNDS.most.max(existing.len()));
            for one in &existing {
                let stays = after.iter().find(|other| other.id == one.id);
                prop_assert!(stays == Some(one) || first.remove.contains(&one.id));
            }
            let second = planned(&after, &rows, mode);
            if first.rows.iter().all(|(_, result)| *result != RowResult::Full) {
                prop_assert!(second.add.is_empty() && second.remove.is_empty(), "{:?}", second);
            }
        }
    }

    #[test]
    fn what_ends_earlier_lasts_longer_where_that_is_asked_for_and_nothing_else_changes() {
        let there = |id: u64, plate: &str, reason: &str| Existing {
            id,
            entry: row(1, plate, reason).draft.check(&BOUNDS, now()).unwrap(),
        };
        let existing = [
            there(1, "TPK0421", "stolen_vehicle"),
            there(2, "TPK0422", "stolen_plate"),
        ];
        let later = |line: u64, plate: &str| {
            let mut row = row(line, plate, "stolen_vehicle");
            "2026-12-02T00:00:00Z".clone_into(&mut row.draft.expires_at);
            row
        };
        let rows = [later(1, "TPK0421"), later(2, "TPK0422")];
        let longer = plan(&existing, &rows, Mode::Complete, true, &BOUNDS, now());
        let ends: Timestamp = "2026-12-02T00:00:00Z".parse().unwrap();
        assert_eq!(longer.renew, [(1, ends)]);
        assert_eq!(longer.rows[0].1, RowResult::Renewed { entry: 1 });
        assert!(matches!(
            longer.rows[1].1,
            RowResult::Conflicts { entry: 2, .. }
        ));
        let sooner = [row(1, "TPK0421", "stolen_vehicle")];
        assert_eq!((longer.add.len(), longer.remove.len()), (0, 0));
        let old = [Existing {
            id: 1,
            entry: later(1, "TPK0421").draft.check(&BOUNDS, now()).unwrap(),
        }];
        let never = plan(&old, &sooner, Mode::Incremental, true, &BOUNDS, now());
        assert_eq!(never.renew, [], "an end never comes earlier by an import");
    }
}
