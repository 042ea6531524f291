//! Entries from a file or a request: compared with what is there, decided, recorded, and only then added.

use std::collections::BTreeMap;

use jiff::Timestamp;
use turnpike_schemas::{
    alert::{Draft, Existing, Mode, Plan, Row, RowResult, Wanted, plan},
    api::alerts::{AlertImport, AlertRow, AlertSource, MAX_ROWS, NewAlertEntries},
};
use uuid::Uuid;

use super::{
    ListError, Listing,
    bounds::{Decided, Samples},
};
use crate::{
    alerts::{Import, Kept, List, file, hotlist},
    identity::Identity,
};

/// Rows as they were sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows {
    /// Each with its line.
    pub(crate) rows: Vec<Row>,
    /// Columns that are not read.
    pub(crate) ignored: Vec<u32>,
    /// Records that were dropped, because they are about persons or of no known kind.
    pub(crate) dropped: u64,
}

/// An import as it was sent.
#[derive(Debug)]
pub(crate) struct Sent {
    /// The rows.
    pub(crate) rows: Rows,
    /// What they are to the list.
    pub(crate) mode: Mode,
    /// Whether entries last longer that differ in an earlier end alone.
    pub(crate) renews: bool,
    /// When it was put together.
    pub(crate) as_of: Option<Timestamp>,
    /// Nothing is to be changed.
    pub(crate) dry_run: bool,
    /// Names the import, where its sender gave it a name: the same again changes nothing.
    pub(crate) key: Option<String>,
    /// SHA-256 of what was sent, hexadecimal.
    pub(crate) sha256: String,
}

impl From<file::Rows> for Rows {
    fn from(rows: file::Rows) -> Self {
        Self {
            rows: rows.rows,
            ignored: rows.ignored,
            dropped: 0,
        }
    }
}

impl From<hotlist::Records> for Rows {
    fn from(records: hotlist::Records) -> Self {
        Self {
            rows: records.rows,
            ignored: Vec::new(),
            dropped: records.dropped,
        }
    }
}

impl From<NewAlertEntries> for Rows {
    fn from(sent: NewAlertEntries) -> Self {
        let rows = (1..).zip(sent.entries).map(|(line, entry)| Row {
            line,
            draft: Draft {
                plate: entry.plate,
                jurisdiction: entry.jurisdiction,
                reason: entry.reason,
                expires_at: entry.expires_at,
                note: entry.note,
                broken: false,
            },
        });
        Self {
            rows: rows.collect(),
            ..Self::default()
        }
    }
}

impl Listing {
    /// Adds and removes what the rows say, or says what that would be.
    ///
    /// # Errors
    /// [`ListError`]; then nothing is changed.
    pub(crate) async fn import(
        &self,
        identity: &Identity,
        id: Uuid,
        sent: Sent,
    ) -> Result<AlertImport, ListError> {
        let list = self.owned(identity, id).await?;
        let now = self.clock.now();
        if sent.as_of.is_some_and(|as_of| as_of > now) {
            return Err(ListError::AsOf);
        }
        let key = sent.key.unwrap_or_else(|| Uuid::now_v7().to_string());
        let before = self.book.import_of(id, &key, &sent.sha256).await?;
        let existing = self.book.entries(id, now).await?;
        let rows = sent.rows.rows;
        let samples = Samples::of(&rows);
        let decided = self.decide(identity, &list, &samples, now).await?;
        let (bounds, mode, renews) = (decided.bounds, sent.mode, sent.renews);
        let existing: Vec<Existing> = existing.into_iter().filter_map(there).collect();
        let removable: BTreeMap<u64, String> = existing
            .iter()
            .map(|one| (one.id, one.entry.wanted.expose().to_owned()))
            .collect();
        let planned =
            tokio::task::spawn_blocking(move || plan(&existing, &rows, mode, renews, &bounds, now));
        let planned = planned
            .await
            .map_err(|_| crate::alerts::AlertError::Unreadable("the comparison was cut short"))?;
        let mut report = report(&planned, &decided, &list);
        self.tell_turns(&list, report.added, &mut report.sources);
        (report.mode, report.dry_run) = (mode, sent.dry_run);
        report.ignored_columns = sent.rows.ignored;
        report.dropped = sent.rows.dropped;
        let is_whole = mode == Mode::Complete && !planned.removal_held_back;
        let is_taken = is_whole || !planned.add.is_empty() || !planned.renew.is_empty();
        let as_of = sent.as_of.filter(|_| is_taken);
        let as_of = as_of.map(|sent| match list.list.as_of {
            // What stays is as old as it was: only a file that is the whole list makes it younger.
            Some(before) if !is_whole => before.min(sent),
            _ => sent,
        });
        let changes = !planned.add.is_empty()
            || !planned.remove.is_empty()
            || !planned.renew.is_empty()
            || as_of.is_some_and(|at| Some(at) != list.list.as_of);
        if let Some(before) = before {
            report.added = before.added.len() as u64;
            (report.removed, report.renewed) = (before.removed, before.renewed);
            report.revision = before.revision;
            return Ok(report);
        }
        if sent.dry_run || !changes {
            return Ok(report);
        }
        let gone = planned.remove.iter();
        let gone: Vec<String> = gone.filter_map(|id| removable.get(id).cloned()).collect();
        let import = Import {
            revision: list.revision,
            key,
            sha256: sent.sha256,
            add: planned.add,
            remove: planned.remove,
            renew: planned.renew,
            as_of,
            duties: decided.duties,
        };
        report.revision = self.apply(identity, &list, import, gone, now).await?;
        Ok(report)
    }

    /// Of sources that can only be asked: how often each entry will ask, or why none does.
    fn tell_turns(&self, list: &List, more: u64, sources: &mut [AlertSource]) {
        let asked = self.sources.iter().zip(sources);
        for (watched, shown) in asked.filter(|(watched, _)| !watched.delivers) {
            if list.list.confidential {
                let why =
                    "it can only be asked, and no source is told of a plate of a confidential list";
                shown.not_asked = Some(why.to_owned());
            } else if let Some(why) = watched.not_in_turn {
                shown.not_asked = Some(why.to_owned());
            } else {
                let owner = &list.list.owner;
                shown.asked_every_s = self.turns.every_s(&watched.id, owner, more);
            }
        }
    }

    async fn apply(
        &self,
        identity: &Identity,
        list: &List,
        import: Import,
        gone: Vec<String>,
        now: Timestamp,
    ) -> Result<u64, ListError> {
        let plates = import.add.iter();
        let plates = plates.map(|entry| entry.wanted.expose().to_owned());
        let counts = [
            ("added", import.add.len().into()),
            ("removed", import.remove.len().into()),
            ("renewed", import.renew.len().into()),
            ("sha256", import.sha256.as_str().into()),
        ];
        let named = [("plates", plates.collect()), ("plates_removed", gone)];
        let entry = self
            .record(identity, list, "imported", &named, &counts)
            .await?;
        let done = self
            .book
            .import(list.id, import, self.by(identity, now, entry))
            .await?;
        Ok(done.revision)
    }
}

impl Samples {
    pub(super) fn one(wanted: &Wanted) -> Self {
        let wanted = Some(wanted.clone());
        match wanted {
            Some(Wanted::Pattern(_)) => Self {
                partial: wanted,
                ..Self::default()
            },
            _ => Self {
                whole: wanted,
                ..Self::default()
            },
        }
    }

    /// The first whole plate that can be read, and the partial one of which least is known: agreements ask for so many known characters.
    fn of(rows: &[Row]) -> Self {
        let mut samples = Self::default();
        for row in rows {
            match Wanted::parse(&row.draft.plate) {
                Ok(wanted @ Wanted::Plate(_)) => {
                    samples.whole.get_or_insert(wanted);
                }
                Ok(wanted @ Wanted::Pattern(_)) => {
                    let known = |wanted: &Wanted| wanted.expose().replace('?', "").len();
                    let fewer = samples.partial.as_ref();
                    if fewer.is_none_or(|least| known(&wanted) < known(least)) {
                        samples.partial = Some(wanted);
                    }
                }
                Err(_) => {}
            }
        }
        samples
    }
}

fn there(kept: Kept) -> Option<Existing> {
    let (id, entry) = (kept.id, kept.entry?);
    Some(Existing { id, entry })
}

fn report(planned: &Plan, decided: &Decided, list: &List) -> AlertImport {
    let mut counts = BTreeMap::new();
    let (mut rows, mut not_listed) = (Vec::new(), 0);
    for (line, result) in &planned.rows {
        *counts.entry(word(result).to_owned()).or_insert(0) += 1;
        let quiet = matches!(
            result,
            RowResult::Added
                | RowResult::Unchanged
                | RowResult::Renewed { .. }
                | RowResult::Repeated { .. }
        );
        match quiet {
            true => {}
            false if rows.len() < MAX_ROWS => rows.push(AlertRow {
                line: *line,
                result: result.clone(),
            }),
            false => not_listed += 1,
        }
    }
    let days = decided.duties.confirm_every.as_hours() / 24;
    AlertImport {
        dry_run: true,
        mode: Mode::Incremental,
        counts,
        rows,
        rows_not_listed: not_listed,
        added: planned.add.len() as u64,
        removed: planned.remove.len() as u64,
        renewed: planned.renew.len() as u64,
        dropped: 0,
        removal_held_back: planned.removal_held_back,
        ignored_columns: Vec::new(),
        needs_approval: decided.duties.approval,
        confirm_every_days: u64::try_from(days).ok().filter(|_| decided.decides),
        sources: decided.sources.clone(),
        revision: list.revision,
    }
}

fn word(result: &RowResult) -> &'static str {
    match result {
        RowResult::Added => "added",
        RowResult::Unchanged => "unchanged",
        RowResult::Renewed { .. } => "renewed",
        RowResult::Repeated { .. } => "repeated",
        RowResult::Contradicts { .. } => "contradicts",
        RowResult::Conflicts { .. } => "conflicts",
        RowResult::Full => "full",
        RowResult::Wrong { .. } => "wrong",
    }
}
