//! Request and response types of the HTTP API.

pub mod alerts;
pub mod channels;
mod entries;
pub mod hits;
pub mod identity;
mod review;
mod sources;
mod urgent;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

pub use self::review::{
    DeclaredVehicle, FindingRequest, FlagLine, FlagList, MAX_NOTE_CHARS, MAX_QUESTIONS,
    QuestionList, QuestionSearch, Recertification, Recorded, ReviewedQuestion, SampleAnswer,
    SampleRequest, SignOff, TrailRequest, WeekList,
};
pub use self::sources::{Delivery, DriftCount, Need, SourceHealth, SourceInfo, SourceList};
pub use self::urgent::{Justification, NoteText, UrgentList, UrgentReason, UrgentState, UrgentUse};
use crate::{
    agreement::{Agreement, AgreementDocument, AgreementRef, DecisionRecord, Rule},
    hex::hex,
    plate::{Jurisdiction, Plate, PlateError, PlatePattern},
    query::{
        AskedPlate, CaseRef, MatchMode, Note, Offence, OnBehalfOf, Purpose, Query, QueryError,
        TimeWindow,
    },
    read::{Family, PlateRead, SourceId},
};

pub use entries::{
    EntryList, ListedEntry, MAX_ENTRIES, OwnerCheckpoint, OwnerLeaves, PseudonymAsked,
    PseudonymRequest, PseudonymResolved, SealProposal, SealReport, SealRequest,
};

/// Shortest and longest deadline a caller may ask for, and the default, in milliseconds.
pub const DEADLINE_MS: DeadlineBounds = DeadlineBounds {
    least: 100,
    default: 5_000,
    most: 30_000,
};

/// Longest plate text in a request, in characters, separators included.
pub const MAX_ASKED_CHARS: usize = 64;

/// Most sources a request may name.
pub const MAX_ASKED_SOURCES: usize = 256;

/// Bounds of a deadline, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct DeadlineBounds {
    /// Shortest.
    pub least: u32,
    /// When none is asked for.
    pub default: u32,
    /// Longest.
    pub most: u32,
}

/// A question as sent by a caller.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QueryRequest {
    /// The plate; with `match: partial`, `?` stands for one unknown character.
    #[schema(min_length = 1, max_length = 64, example = "TPK0421")]
    pub plate: String,
    /// How the plate is compared; `exact` when left out.
    #[serde(rename = "match", default = "exact")]
    pub match_mode: MatchMode,
    /// Who issued the plate, where known: ISO 3166-2 such as `US-OH`.
    #[serde(default)]
    pub jurisdiction: Option<Jurisdiction>,
    /// From when (included) to when (excluded).
    pub window: TimeWindow,
    /// Why.
    pub purpose: Purpose,
    /// The type of offence. Required with `violent_crime`, `property_crime` and `wanted_person`; `stolen_vehicle` and
    /// `hit_and_run` name theirs; no other purpose has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offence: Option<Offence>,
    /// For which file.
    pub case_reference: CaseRef,
    /// `self`, or the identifier of the organisation the question is asked for. Always answered.
    pub on_behalf_of: OnBehalfOf,
    /// Sources to ask; all when left out. Sources left out by the caller are listed as `not_asked`.
    #[serde(default)]
    #[schema(min_items = 1, max_items = 256)]
    pub sources: Option<Vec<SourceId>>,
    /// How long the caller waits, in milliseconds.
    #[serde(default)]
    #[schema(minimum = 100, maximum = 30000)]
    pub deadline_ms: Option<u32>,
    /// Declares the question urgent. It has to be justified within 24 hours and is always reviewed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub urgent: bool,
    /// The warrant or court order the question rests on, in the form of a case reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warrant: Option<CaseRef>,
    /// A remark for whoever reviews the question; never about a person. Kept outside of the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
}

fn exact() -> MatchMode {
    MatchMode::Exact
}

/// Why a request is not a question. Names the field and never repeats the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QueryRequestError {
    /// Bad plate.
    #[error("`plate`: {0}")]
    Plate(PlateError),
    /// A criminal purpose without the type of offence.
    #[error("`offence` is required with this purpose: say what type of offence it is about")]
    OffenceMissing,
    /// An offence where none belongs, or another than the purpose names.
    #[error("`offence` does not fit the purpose; leave it out")]
    OffenceUnfit,
    /// Bad combination.
    #[error("`window`: {0}")]
    Query(QueryError),
    /// Deadline out of bounds.
    #[error("`deadline_ms` must be 100 to 30000")]
    Deadline,
    /// Nothing to ask, or more than there can be.
    #[error("`sources` must name 1 to {MAX_ASKED_SOURCES} sources when given")]
    Sources,
}

impl QueryRequest {
    /// Builds the question.
    ///
    /// # Errors
    /// [`QueryRequestError`], naming the field.
    pub fn to_query(&self) -> Result<Query, QueryRequestError> {
        if self.plate.chars().nth(MAX_ASKED_CHARS).is_some() {
            return Err(QueryRequestError::Plate(PlateError::TooLong));
        }
        let plate = match self.match_mode {
            MatchMode::Exact => Plate::parse(&self.plate).map(AskedPlate::Exact),
            MatchMode::LookAlike => Plate::parse(&self.plate).map(AskedPlate::LookAlike),
            MatchMode::Partial => PlatePattern::parse(&self.plate).map(AskedPlate::Partial),
        }
        .map_err(QueryRequestError::Plate)?;
        let named = self.sources.as_ref().map(Vec::len);
        if named.is_some_and(|named| !(1..=MAX_ASKED_SOURCES).contains(&named)) {
            return Err(QueryRequestError::Sources);
        }
        self.deadline_ms()?;
        let query = Query::new(
            plate,
            self.window,
            self.purpose,
            self.case_reference.clone(),
            self.on_behalf_of.clone(),
        )
        .map_err(QueryRequestError::Query)?;
        let query = match self.offence()? {
            Some(offence) => query.about(offence),
            None => query,
        };
        let query = if self.urgent { query.urgently() } else { query };
        let query = match &self.warrant {
            Some(warrant) => query.under_warrant(warrant.clone()),
            None => query,
        };
        Ok(match &self.jurisdiction {
            Some(jurisdiction) => query.issued_by(jurisdiction.clone()),
            None => query,
        })
    }

    fn offence(&self) -> Result<Option<Offence>, QueryRequestError> {
        let implied = self.purpose.implied_offence();
        match (self.purpose.is_criminal(), self.offence) {
            (true, None) if implied.is_none() => Err(QueryRequestError::OffenceMissing),
            (true, Some(offence)) if implied.is_some_and(|implied| implied != offence) => {
                Err(QueryRequestError::OffenceUnfit)
            }
            (false, Some(_)) => Err(QueryRequestError::OffenceUnfit),
            (_, offence) => Ok(offence.or(implied)),
        }
    }

    /// The deadline asked for, or the default, in milliseconds.
    ///
    /// # Errors
    /// [`QueryRequestError::Deadline`] out of bounds.
    pub fn deadline_ms(&self) -> Result<u32, QueryRequestError> {
        let asked = self.deadline_ms.unwrap_or(DEADLINE_MS.default);
        if (DEADLINE_MS.least..=DEADLINE_MS.most).contains(&asked) {
            Ok(asked)
        } else {
            Err(QueryRequestError::Deadline)
        }
    }
}

impl std::fmt::Debug for QueryRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QueryRequest")
            .field("purpose", &self.purpose)
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}

/// How much of what was asked was searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Completeness {
    /// Every source was searched over the whole window. Only now does no read mean "not seen by these sources".
    Complete,
    /// Some source was not searched, or not wholly.
    Partial,
    /// No source was searched.
    None,
}

/// Why a source failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The source refused the gateway's credentials.
    Unauthorized,
    /// The source could not be reached or answered with a server error, or its breaker is open.
    Unavailable,
    /// The source's answer could not be understood.
    Malformed,
    /// The source's configuration is wrong.
    Config,
    /// The gateway itself failed while asking.
    Internal,
}

/// Whose limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitedBy {
    /// The quota this gateway keeps for the source.
    Quota,
    /// The source itself said so.
    Source,
    /// The agreement's limit on questions of the user or the organisation.
    Agreement,
}

/// A part of a search a source may be unable to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// Be asked for a plate.
    Search,
    /// Compare partial plates.
    PartialPlates,
    /// Compare look-alikes.
    LookAlike,
    /// Be told neither purpose nor case: its agreement does not let the gateway disclose what it insists on.
    Undisclosed,
    /// Be asked for a plate of this issuer.
    Jurisdiction,
    /// Be searched over this window: nothing of it is kept any more.
    Kept,
    /// Be searched for a partial plate this open over a window this wide.
    TooBroad,
}

/// What happened at one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum SourceOutcome {
    /// Searched, and reads were found.
    Answered {
        /// Reads released from this source.
        reads: u32,
        /// There were more than the agreement or the source gives at once: the newest are here.
        truncated: bool,
        /// Records of the source that could not be understood and are missing here.
        rejected: u32,
        /// The window searched, where it is smaller than the window asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        searched: Option<TimeWindow>,
    },
    /// Searched, and nothing was found.
    Empty {
        /// Records of the source that could not be understood and are missing here.
        rejected: u32,
        /// The window searched, where it is smaller than the window asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        searched: Option<TimeWindow>,
    },
    /// Not contacted: the agreement refused.
    Refused {
        /// The rule.
        rule: Rule,
        /// What the rule means.
        explanation: String,
    },
    /// Not searched: a limit was reached.
    RateLimited {
        /// Whose limit.
        by: LimitedBy,
        /// When to ask again, in seconds, where known.
        #[schema(required)]
        retry_after_s: Option<u32>,
    },
    /// Not searched in time.
    TimedOut,
    /// Not searched: it failed.
    Failed {
        /// Kind of failure.
        error: FailureKind,
        /// When to ask again, in seconds, where known.
        #[schema(required)]
        retry_after_s: Option<u32>,
    },
    /// Searched in what was taken in, but nothing new has come from the source since.
    Stale {
        /// When the source last sent anything; absent if never.
        #[schema(required, value_type = Option<String>, format = DateTime)]
        since: Option<Timestamp>,
        /// Reads released from this source.
        reads: u32,
        /// There were more.
        truncated: bool,
        /// The window searched, where it is smaller than the window asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        searched: Option<TimeWindow>,
    },
    /// Not contacted: the source cannot do what was asked.
    Unsupported {
        /// What it cannot do.
        capability: Capability,
    },
    /// Not contacted: the caller did not name it.
    NotAsked,
}

impl SourceOutcome {
    /// The word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Answered { .. } => "answered",
            Self::Empty { .. } => "empty",
            Self::Refused { .. } => "refused",
            Self::RateLimited { .. } => "rate_limited",
            Self::TimedOut => "timed_out",
            Self::Failed { .. } => "failed",
            Self::Stale { .. } => "stale",
            Self::Unsupported { .. } => "unsupported",
            Self::NotAsked => "not_asked",
        }
    }

    /// Reads released.
    #[must_use]
    pub fn reads(&self) -> u32 {
        match self {
            Self::Answered { reads, .. } | Self::Stale { reads, .. } => *reads,
            _ => 0,
        }
    }

    /// Whether the source was searched at all, perhaps not wholly.
    #[must_use]
    pub fn searched(&self) -> bool {
        matches!(
            self,
            Self::Answered { .. } | Self::Empty { .. } | Self::Stale { .. }
        )
    }

    /// Whether the source was searched wholly: nothing cut, truncated, rejected or out of date.
    #[must_use]
    pub fn searched_wholly(&self) -> bool {
        matches!(
            self,
            Self::Answered {
                truncated: false,
                rejected: 0,
                searched: None,
                ..
            } | Self::Empty {
                rejected: 0,
                searched: None
            }
        )
    }
}

/// One source's row in an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SourceReport {
    /// The source.
    pub source: SourceId,
    /// Its family.
    pub family: Family,
    /// The agreement that decided.
    #[schema(required)]
    pub agreement: Option<AgreementRef>,
    /// What happened.
    #[serde(flatten)]
    pub outcome: SourceOutcome,
    /// Time spent on the source, in milliseconds.
    pub took_ms: u32,
    /// What the permit binds whoever is given reads to, each `name=value`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub obligations: Vec<String>,
    /// Reads that answer the question may have been held back: the agreement releases none from some places, or none that
    /// are less sure. Then an answer without reads is not "not seen".
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_hold_back: bool,
}

/// What the gateway decides by: every loaded agreement, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Policy {
    /// SHA-256 over the lines `source agreement sha256`, each with its line feed, in the order of the agreements below.
    pub sha256: String,
    /// In the order of the configuration.
    pub agreements: Vec<LoadedAgreement>,
}

/// One loaded agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoadedAgreement {
    /// The source.
    pub source: SourceId,
    /// The agreement, `id@version`.
    pub agreement: AgreementRef,
    /// SHA-256 of the document, as decisions name it.
    pub sha256: String,
    /// The document.
    pub document: AgreementDocument,
}

impl Policy {
    /// The policy of these agreements, each with its source.
    #[must_use]
    pub fn of<'a>(agreements: impl IntoIterator<Item = (&'a SourceId, &'a Agreement)>) -> Self {
        let loaded = |(source, agreement): (&SourceId, &Agreement)| LoadedAgreement {
            source: source.clone(),
            agreement: agreement.reference().clone(),
            sha256: agreement.sha256().to_owned(),
            document: agreement.document().clone(),
        };
        let agreements: Vec<LoadedAgreement> = agreements.into_iter().map(loaded).collect();
        let lines = agreements
            .iter()
            .map(|it| format!("{} {} {}\n", it.source, it.agreement, it.sha256));
        Self {
            sha256: hex(&Sha256::digest(lines.collect::<String>())),
            agreements,
        }
    }
}

/// Where a question stands in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LedgerPosition {
    /// Index of the intent.
    pub intent: u64,
    /// Index of the outcome.
    pub outcome: u64,
}

/// The one answer to one question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Answer {
    /// Identity of the question.
    pub query: Uuid,
    /// How much of what was asked was searched.
    pub completeness: Completeness,
    /// The window asked for.
    pub window: TimeWindow,
    /// Reads of all sources, newest first.
    pub reads: Vec<PlateRead>,
    /// Every configured source, in the order of the configuration.
    pub sources: Vec<SourceReport>,
    /// Where the question stands in the ledger.
    pub ledger: LedgerPosition,
    /// Until when an urgent question must be justified; absent for any other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub justify_until: Option<Timestamp>,
}

impl Completeness {
    /// Derives completeness from what happened at every source.
    #[must_use]
    pub fn of(sources: &[SourceReport]) -> Self {
        if !sources.iter().any(|report| report.outcome.searched()) {
            Self::None
        } else if sources
            .iter()
            .all(|report| report.outcome.searched_wholly() && !report.may_hold_back)
        {
            Self::Complete
        } else {
            Self::Partial
        }
    }

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::None => "none",
        }
    }
}

/// One line of a streamed answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum StreamLine {
    /// First line: the question is on record.
    Begun {
        /// Identity of the question.
        query: Uuid,
        /// The window asked for.
        window: TimeWindow,
        /// Index of the intent in the ledger.
        intent: u64,
        /// Until when an urgent question must be justified; absent for any other.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>, format = DateTime)]
        justify_until: Option<Timestamp>,
    },
    /// One source is done; its rows are on record.
    Source {
        /// What happened.
        report: SourceReport,
        /// Its reads, newest first. The same read can come from one source only.
        reads: Vec<PlateRead>,
    },
    /// Last line: everything is on record. A stream without it is not an answer.
    Done {
        /// How much of what was asked was searched.
        completeness: Completeness,
        /// Where the question stands in the ledger.
        ledger: LedgerPosition,
    },
    /// Last line of a stream that could not be finished.
    Problem {
        /// What went wrong.
        problem: Problem,
    },
}

/// What would happen to a question: nobody was contacted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// Identity of the dry run.
    pub query: Uuid,
    /// The window asked for.
    pub window: TimeWindow,
    /// Every configured source.
    pub sources: Vec<ExplainedSource>,
    /// Index of the dry run in the ledger.
    pub ledger: u64,
}

/// What would happen at one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExplainedSource {
    /// The source.
    pub source: SourceId,
    /// Its family.
    pub family: Family,
    /// Whether it would be asked.
    pub would_ask: bool,
    /// What stands in the way although the agreement permits.
    #[schema(required)]
    pub unsupported: Option<Capability>,
    /// What the refusing rule means.
    #[schema(required)]
    pub explanation: Option<String>,
    /// The decision.
    pub decision: DecisionRecord,
}

/// What became of a pushed message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PushReceipt {
    /// Reads durable under their agreement, revisions included.
    pub stored: u32,
    /// Reads already held.
    pub duplicates: u32,
    /// Records that hold no read (heartbeats, vehicles without a plate).
    pub skipped: u32,
    /// Records that could not be understood; kept aside with field and rule.
    pub rejected: u32,
}

/// An error as RFC 9457 problem details.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Stable identifier of the kind of problem, a URI reference: `/problems/ledger_unavailable`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Short text, the same for every problem of the kind.
    pub title: String,
    /// HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What happened this time and what to do. Never a plate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Identity of the request, as in the gateway's log and in `x-request-id`: `urn:uuid:...`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Field of the request the problem is about, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}
