//! Alert lists as their owners make, see and change them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    agreement::Rule,
    alert::{Mode, Reason, RowResult},
    plate::Jurisdiction,
    query::{CaseRef, Note, Offence, OnBehalfOf, Purpose},
    read::SourceId,
};

/// Longest name, topic or legal basis of a list, in characters.
pub const MAX_TEXT: usize = 120;

/// Most rows that an import reports one by one.
pub const MAX_ROWS: usize = 1_000;

/// A list to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAlertList {
    /// What you call it.
    #[schema(min_length = 1, max_length = 120, example = "Stolen this week")]
    pub name: String,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 120)]
    pub topic: Option<String>,
    /// Why the plates are looked for.
    pub purpose: Purpose,
    /// The type of offence, where the purpose takes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offence: Option<Offence>,
    /// For which file.
    pub case_reference: CaseRef,
    /// `self`, or the identifier of the organisation it is kept for. Always answered.
    pub on_behalf_of: OnBehalfOf,
    /// The law or order it rests on.
    #[schema(min_length = 1, max_length = 120)]
    pub legal_basis: String,
    /// Whether plates count that cameras confuse with the ones wanted. Such hits say so.
    #[serde(default)]
    pub look_alike: bool,
    /// Whether no source may ever be told of its plates.
    #[serde(default)]
    pub confidential: bool,
    /// Who may see it, and agree to its entries as a second person: subjects of your organisation.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub shared: BTreeSet<String>,
    /// When what it is made from was put together; hits of an old list say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub as_of: Option<Timestamp>,
}

/// A list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertList {
    /// Its identity.
    pub id: Uuid,
    /// Who is told of its hits.
    pub owner: String,
    /// The owner's organisation.
    pub organisation: String,
    /// As it was made.
    #[serde(flatten)]
    pub list: NewAlertList,
    /// Counts its changes.
    pub revision: u64,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub made_at: Timestamp,
    /// When it was closed: nothing is looked for any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub closed_at: Option<Timestamp>,
    /// How many of its entries are in which state; those that were removed are not counted.
    pub entries: BTreeMap<AlertState, u64>,
}

/// Lists that are yours, or shared with you.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertLists {
    /// The lists, the newest first.
    pub lists: Vec<AlertList>,
}

/// Whether an entry is looked for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// It is.
    Active,
    /// Not until a second person agrees.
    Waiting,
    /// Not until its owner says that it still holds.
    Unconfirmed,
    /// Its end has come.
    Ended,
    /// It was removed.
    Removed,
}

/// An entry of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertEntry {
    /// Its number, which no other entry ever has.
    pub entry: u64,
    /// The plate, `?` for each unknown character.
    pub plate: String,
    /// Who issued it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jurisdiction: Option<Jurisdiction>,
    /// Reason code.
    pub reason: Reason,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// What else its owner wants to remember.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
    /// Whether it is looked for.
    pub state: AlertState,
    /// Until when its owner must say that it still holds.
    #[schema(value_type = String, format = DateTime)]
    pub confirm_until: Timestamp,
    /// Who added it.
    pub added_by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub added_at: Timestamp,
    /// Who agreed, where that was needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    /// Sources that can only be asked, and about when it is the entry's turn to ask them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<AlertTurn>,
}

/// When an entry asks a source that can only be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertTurn {
    /// The source.
    pub source: SourceId,
    /// Until when it was asked about last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub asked_until: Option<Timestamp>,
    /// About when it is asked next: an estimate.
    #[schema(value_type = String, format = DateTime)]
    pub next_at: Timestamp,
}

/// Entries of a list, in the order they were added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertEntries {
    /// The entries.
    pub entries: Vec<AlertEntry>,
}

/// How far back a list is looked for, in hours.
pub const LOOK_BACK_H: std::ops::RangeInclusive<u32> = 1..=168;

/// How far back the entries of a list are to be looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LookBack {
    /// In the last so many hours, 1 to 168.
    #[schema(minimum = 1, maximum = 168)]
    pub hours: u32,
}

/// What is looked back at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LookedBack {
    /// From when on.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// How many entries; those that were looked for as far back already are left out.
    pub entries: u64,
    /// Where.
    pub sources: Vec<LookedBackAt>,
}

/// Where it is looked back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LookedBackAt {
    /// The source.
    pub source: SourceId,
    /// Its reads are kept here and looked at at once; otherwise each entry asks in its next turn.
    pub kept_here: bool,
    /// Why nothing is looked at there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
}

/// Entries to be added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAlertEntries {
    /// The entries; reported by their place, from 1.
    pub entries: Vec<NewAlertEntry>,
}

/// An entry as it is written: what is wrong with it is told row by row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAlertEntry {
    /// The plate, `?` for each unknown character, at least four known.
    pub plate: String,
    /// Who issued it: ISO 3166-2 such as `US-OH`.
    #[serde(default)]
    pub jurisdiction: String,
    /// Reason code: lower case letters, digits and `_`.
    #[serde(default)]
    pub reason: String,
    /// When it ends, with a zone.
    #[serde(default)]
    pub expires_at: String,
    /// Free text, never about a person.
    #[serde(default)]
    pub note: String,
}

/// What an import changed, or would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertImport {
    /// Nothing was changed: this is what would be.
    pub dry_run: bool,
    /// What the rows are to the list.
    pub mode: Mode,
    /// How many rows came to which result.
    pub counts: BTreeMap<String, u64>,
    /// Rows that somebody has to look at, in the order of the file: all but those added, unchanged or repeated; at most 1,000.
    pub rows: Vec<AlertRow>,
    /// How many such rows are not listed.
    pub rows_not_listed: u64,
    /// Entries added.
    pub added: u64,
    /// Entries removed.
    pub removed: u64,
    /// Entries that last longer.
    pub renewed: u64,
    /// Records of the file that were not read: about persons, of no kind that the layout takes, or without a plate.
    pub dropped: u64,
    /// The file was complete and has rows that cannot be read, so nothing was removed: what is missing could be one of them.
    pub removal_held_back: bool,
    /// Columns that were not read, from 1.
    pub ignored_columns: Vec<u32>,
    /// What was added waits for a second person.
    pub needs_approval: bool,
    /// How often you must say that what was added still holds, in days; absent where nothing was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_every_days: Option<u64>,
    /// Who will tell you of these plates and who refuses.
    pub sources: Vec<AlertSource>,
    /// The revision of the list since.
    pub revision: u64,
}

/// What becomes of one row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertRow {
    /// Its line, as an editor counts; its place, from 1, in JSON.
    pub line: u64,
    /// What becomes of it.
    #[serde(flatten)]
    pub result: RowResult,
}

/// Whether reads of one source are looked at for these plates, as its agreement decides now. It is asked again for every hit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertSource {
    /// The source.
    pub source: SourceId,
    /// You are told of its reads of whole plates.
    pub plates: bool,
    /// You are told of its reads of partial plates.
    pub partial_plates: bool,
    /// Its reads arrive by themselves. Otherwise it can only be asked.
    pub delivers: bool,
    /// It can only be asked, and each entry asks it in turn, about so often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_every_s: Option<u64>,
    /// It can only be asked, and no entry asks it: why. It is looked at only when you ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_asked: Option<String>,
    /// The rule that refuses, where one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Rule>,
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<String>,
}

/// Another end of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertRenewal {
    /// When it ends from now on.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// With whom a list is shared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertSharing {
    /// Who may see it, and agree to its entries as a second person: subjects of your organisation. Nobody else from now on.
    pub shared: BTreeSet<String>,
}

/// How many entries a change touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertChanged {
    /// Entries.
    pub entries: u64,
}

/// What was done to an entry, the first first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertHistory {
    /// What was done.
    pub history: Vec<AlertDone>,
}

/// One thing that was done to an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertDone {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// By whom; absent where its end came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What: `added`, `approved`, `confirmed`, `renewed`, `removed`, `ended`, `closed`.
    pub what: String,
    /// Entry of the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<u64>,
}
