//! What each kind of entry says.

use std::collections::BTreeMap;
use std::fmt;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Digest, EntryError, Names, Personal};

/// Kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "the table at the head of `ledger` says what each kind means"
)]
pub enum Kind {
    Intent,
    Decision,
    OutcomePart,
    Outcome,
    Refused,
    Interrupted,
    DryRun,
    Ingest,
    Admin,
    Delivery,
}

/// What an entry says, by kind.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    missing_docs,
    reason = "the table at the head of `ledger` says what each kind means"
)]
pub enum Body {
    Intent(Intent),
    Decision(Decision),
    OutcomePart(SourceOutcome),
    Outcome(Outcome),
    Refused(Refused),
    Interrupted(Interrupted),
    DryRun(Intent),
    Ingest(Ingest),
    Admin(Admin),
    Delivery(Delivery),
}

/// What is wanted of the sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Reads of a plate.
    Query,
    /// One image of one read.
    Image,
    /// Whether the source works: its reads are looked at and not released.
    Check,
    /// To be told when a plate is read.
    Alert,
}

/// A span of time: from (included) to (excluded).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Start, included.
    pub from: Timestamp,
    /// End, excluded.
    pub to: Timestamp,
}

/// Who wants to know what, from whom and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// What is wanted.
    pub action: Action,
    /// The person or machine that asks.
    pub subject: Personal,
    /// The organisation of the subject.
    pub organisation: String,
    /// What kind of organisation that is.
    pub organisation_class: String,
    /// Where that organisation has its powers.
    pub jurisdiction: String,
    /// The organisation asked for, or `null` for the own one. Always answered.
    #[serde(deserialize_with = "present")]
    pub on_behalf_of: Option<String>,
    /// Why.
    pub purpose: String,
    /// For which file.
    pub case_reference: Personal,
    /// The plate as normalised, or the known part of it.
    pub plate: Personal,
    /// Who issued the plate, or `null` when the subject did not say.
    #[serde(deserialize_with = "present")]
    pub plate_jurisdiction: Option<String>,
    /// How the plate is compared.
    #[serde(rename = "match")]
    pub match_mode: String,
    /// The time asked for.
    pub window: Window,
    /// The sources that would be asked.
    pub sources_wanted: Names,
    /// The image asked for; present exactly when `action` is `image`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Personal>,
    /// What the decisions rested on about the subject; absent in entries of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asker: Option<Asker>,
    /// What the question rests on besides purpose and case; absent in entries of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grounds: Option<Grounds>,
}

/// What is known of the subject and of the organisation it asks for, as far as decisions rest on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asker {
    /// Roles held, in their order.
    pub roles: Vec<String>,
    /// Whether the subject is a sworn officer.
    pub sworn: bool,
    /// Last day of valid training. Sealed, unlike in entries of earlier versions.
    #[serde(deserialize_with = "present")]
    pub training_until: Option<Personal>,
    /// Whether training was valid on the day of the decisions, which is all they rest on; absent in entries of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trained: Option<bool>,
    /// Authenticator assurance.
    pub assurance: String,
    /// Class of the organisation asked for.
    #[serde(deserialize_with = "present")]
    pub on_behalf_of_class: Option<String>,
    /// Jurisdiction of the organisation asked for.
    #[serde(deserialize_with = "present")]
    pub on_behalf_of_jurisdiction: Option<String>,
}

/// What a question rests on besides purpose and case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grounds {
    /// Type of offence, where the question is about one.
    #[serde(deserialize_with = "present")]
    pub offence: Option<String>,
    /// Declared urgent: a justification is owed within 24 hours.
    pub urgent: bool,
    /// What the case register said: `not_checked`, `confirmed`, `unknown` or `unavailable`.
    pub case_standing: String,
    /// The warrant or court order named in the question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warrant: Option<Personal>,
    /// Digest of the free text, which is kept elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note_sha256: Option<Digest>,
}

/// The answer of an agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The source may be contacted.
    Permit,
    /// The source is not contacted.
    Refuse,
}

/// What was decided about one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// The source.
    pub source: String,
    /// Permit or refuse.
    pub verdict: Verdict,
    /// The agreement that decided (`name@version`), or `null` when there is none.
    #[serde(deserialize_with = "present")]
    pub agreement: Option<String>,
    /// Digest of the text of that agreement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement_sha256: Option<Digest>,
    /// Digest of the policy set that decided beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_sha256: Option<Digest>,
    /// The rules that led to the verdict; never empty for a refusal.
    pub rules: Vec<String>,
    /// What the permit obliges to (caps, fields withheld, retention).
    pub obligations: Vec<String>,
    /// The time the decision was made for; absent in entries of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Timestamp>,
    /// What was decided, where it is not what the intent says: an entry of an alert list asks a source only if the agreement lets
    /// its owner be told **and** lets them ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
}

/// What came of one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceOutcome {
    /// The source.
    pub source: String,
    /// `answered`, `empty`, `refused`, `timed_out` and the like, as in the answer.
    pub outcome: String,
    /// Reads that came from this source into the answer.
    pub count: u64,
    /// Digest of those reads as normalised; required when `count` is not 0.
    #[serde(deserialize_with = "present")]
    pub digest: Option<Digest>,
    /// Whether the source had more than it gave.
    pub truncated: bool,
    /// How long it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
    /// Rule or kind of error behind the outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// How many of the sources answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Completeness {
    /// All.
    Complete,
    /// Some.
    Partial,
    /// None.
    None,
}

/// What a question led to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// How many of the sources answered.
    pub completeness: Completeness,
    /// Reads in the whole answer.
    pub reads: u64,
    /// One line for each source that has no `outcome_part` of its own.
    pub sources: Vec<SourceOutcome>,
}

/// Why a question was refused before any contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum RefusedReason {
    Unauthenticated,
    Malformed,
    DeniedByAll,
    RateLimited,
    Forbidden,
}

/// A question that was refused before any contact, as far as it was understood.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// Why.
    pub reason: RefusedReason,
    /// Name of the field or rule at fault; never its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What was wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// The person or machine that asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Personal>,
    /// Its organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// What kind of organisation that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation_class: Option<String>,
    /// Where that organisation has its powers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jurisdiction: Option<String>,
    /// The organisation asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<String>,
    /// Why it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// For which file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case_reference: Option<Personal>,
    /// The plate asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plate: Option<Personal>,
    /// The time asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// The sources asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sources_wanted: Option<Names>,
    /// The source whose messages were refused before they were looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// How many refusals this entry stands for, by their `detail`, where they were too many for an entry each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<String, u64>,
}

/// Why an intent has no outcome, or why its answer was withheld.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InterruptReason {
    /// The gateway ended before the outcome was written.
    Restart,
    /// The caller went away or failed.
    Abandoned,
    /// The ledger answered too late; nothing was released.
    LedgerDeadline,
    /// The ledger could not take the outcome; nothing was released.
    LedgerUnavailable,
}

/// An intent that gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interrupted {
    /// Why.
    pub reason: InterruptReason,
}

/// How the handing over of an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryEnd {
    /// The whole answer was handed to the connection.
    Completed,
    /// The connection ended before.
    Aborted,
}

/// What of an answer was handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// How it ended.
    pub end: DeliveryEnd,
    /// Bytes handed to the connection.
    pub bytes: u64,
}

/// How reads came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum IngestWay {
    File,
    Push,
    Poll,
    Subscribe,
}

/// What one file, push or poll brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ingest {
    /// The source.
    pub source: String,
    /// How it came.
    pub way: IngestWay,
    /// Records taken in.
    pub accepted: u64,
    /// Records already known.
    pub duplicates: u64,
    /// Records refused.
    pub rejected: u64,
    /// Records refused, by rule.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rejected_by: BTreeMap<String, u64>,
    /// Digest of what was received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload_sha256: Option<Digest>,
    /// Why the whole of it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// What was done to the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum AdminAction {
    Start,
    Stop,
    LedgerRead,
    ConfigChange,
    SourceCheck,
    SignIn,
    SignInRefused,
    SignOut,
    AccountChange,
    KeyChange,
    AgreementChange,
    Notice,
    Alarm,
    Justification,
    Finding,
    Review,
    Report,
    Export,
    Seal,
    OwnerCheckpoint,
    Erasure,
    AlertChange,
    HitReview,
    HitsRead,
    ChannelChange,
}

/// Something done to the gateway.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// What.
    pub action: AdminAction,
    /// By whom, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Personal>,
    /// Further facts. No floats.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, Value>,
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.facts.keys().collect();
        f.debug_struct("Admin")
            .field("action", &self.action)
            .field("by", &self.by)
            .field("facts", &names)
            .finish()
    }
}

impl Asker {
    /// The last day of valid training, as far as decisions made at `at` rest on it: that day itself where it is only known that
    /// training was valid.
    #[must_use]
    pub fn training_until(&self, at: Timestamp) -> Option<Date> {
        match self.trained {
            Some(trained) => trained.then(|| TimeZone::UTC.to_datetime(at).date()),
            None => self.training_until.as_ref()?.text()?.parse().ok(),
        }
    }
}

impl Kind {
    /// The name in the ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::Decision => "decision",
            Self::OutcomePart => "outcome_part",
            Self::Outcome => "outcome",
            Self::Refused => "refused",
            Self::Interrupted => "interrupted",
            Self::DryRun => "dry_run",
            Self::Ingest => "ingest",
            Self::Admin => "admin",
            Self::Delivery => "delivery",
        }
    }

    /// Whether such an entry belongs to an earlier one, which its header names.
    #[must_use]
    pub const fn follows(self) -> bool {
        matches!(
            self,
            Self::Decision | Self::OutcomePart | Self::Outcome | Self::Interrupted | Self::Delivery
        )
    }
}

impl Body {
    /// Kind of this body.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Intent(_) => Kind::Intent,
            Self::Decision(_) => Kind::Decision,
            Self::OutcomePart(_) => Kind::OutcomePart,
            Self::Outcome(_) => Kind::Outcome,
            Self::Refused(_) => Kind::Refused,
            Self::Interrupted(_) => Kind::Interrupted,
            Self::DryRun(_) => Kind::DryRun,
            Self::Ingest(_) => Kind::Ingest,
            Self::Admin(_) => Kind::Admin,
            Self::Delivery(_) => Kind::Delivery,
        }
    }

    pub(super) fn from_parts(kind: Kind, body: Value) -> Result<Self, EntryError> {
        Ok(match kind {
            Kind::Intent => Self::Intent(typed(body)?),
            Kind::Decision => Self::Decision(typed(body)?),
            Kind::OutcomePart => Self::OutcomePart(typed(body)?),
            Kind::Outcome => Self::Outcome(typed(body)?),
            Kind::Refused => Self::Refused(typed(body)?),
            Kind::Interrupted => Self::Interrupted(typed(body)?),
            Kind::DryRun => Self::DryRun(typed(body)?),
            Kind::Ingest => Self::Ingest(typed(body)?),
            Kind::Admin => Self::Admin(typed(body)?),
            Kind::Delivery => Self::Delivery(typed(body)?),
        })
    }

    pub(super) fn to_value(&self) -> Result<Value, EntryError> {
        match self {
            Self::Intent(body) | Self::DryRun(body) => serde_json::to_value(body),
            Self::Decision(body) => serde_json::to_value(body),
            Self::OutcomePart(body) => serde_json::to_value(body),
            Self::Outcome(body) => serde_json::to_value(body),
            Self::Refused(body) => serde_json::to_value(body),
            Self::Interrupted(body) => serde_json::to_value(body),
            Self::Ingest(body) => serde_json::to_value(body),
            Self::Admin(body) => serde_json::to_value(body),
            Self::Delivery(body) => serde_json::to_value(body),
        }
        .map_err(|_| EntryError::Malformed)
    }

    pub(super) fn check(&self) -> Result<(), EntryError> {
        let faults = Faults(self.kind().as_str());
        match self {
            Self::Intent(intent) | Self::DryRun(intent) => intent.check(&faults),
            Self::Decision(decision) => decision.check(&faults),
            Self::OutcomePart(part) => part.check(&faults),
            Self::Outcome(outcome) => outcome
                .sources
                .iter()
                .try_for_each(|source| source.check(&faults)),
            Self::Refused(refused) => refused.check(&faults),
            Self::Ingest(ingest) => faults.filled("source", &ingest.source),
            Self::Interrupted(_) | Self::Admin(_) | Self::Delivery(_) => Ok(()),
        }
    }
}

impl Intent {
    fn check(&self, faults: &Faults) -> Result<(), EntryError> {
        faults.filled("subject", self.subject.expose())?;
        faults.filled("organisation", &self.organisation)?;
        faults.filled("organisation_class", &self.organisation_class)?;
        faults.filled("jurisdiction", &self.jurisdiction)?;
        faults.filled_if_any("on_behalf_of", self.on_behalf_of.as_deref())?;
        faults.filled("purpose", &self.purpose)?;
        faults.filled("case_reference", self.case_reference.expose())?;
        faults.filled("plate", self.plate.expose())?;
        faults.filled_if_any("plate_jurisdiction", self.plate_jurisdiction.as_deref())?;
        faults.filled("match", &self.match_mode)?;
        faults.fits("window", self.window.from <= self.window.to)?;
        faults.fits("sources_wanted", self.sources_wanted.is_consistent())?;
        faults.fits(
            "image",
            (self.action == Action::Image) == self.image.is_some(),
        )
    }
}

impl Decision {
    fn check(&self, faults: &Faults) -> Result<(), EntryError> {
        faults.filled("source", &self.source)?;
        match self.verdict {
            Verdict::Permit => {
                faults.filled("agreement", self.agreement.as_deref().unwrap_or_default())
            }
            Verdict::Refuse => {
                faults.filled("rules", self.rules.first().map_or("", String::as_str))
            }
        }
    }
}

impl SourceOutcome {
    fn check(&self, faults: &Faults) -> Result<(), EntryError> {
        faults.filled("source", &self.source)?;
        faults.filled("outcome", &self.outcome)?;
        let undigested = self.count > 0 && self.digest.is_none();
        if undigested {
            faults.missing("digest")
        } else {
            Ok(())
        }
    }
}

impl Refused {
    /// A refusal of which nothing else is known.
    #[must_use]
    pub fn because(reason: RefusedReason) -> Self {
        Self {
            reason,
            detail: None,
            action: None,
            subject: None,
            organisation: None,
            organisation_class: None,
            jurisdiction: None,
            on_behalf_of: None,
            purpose: None,
            case_reference: None,
            plate: None,
            window: None,
            sources_wanted: None,
            source: None,
            counts: BTreeMap::new(),
        }
    }

    fn check(&self, faults: &Faults) -> Result<(), EntryError> {
        let known_only = [
            ("subject", self.subject.as_ref().map(Personal::expose)),
            ("organisation", self.organisation.as_deref()),
            ("purpose", self.purpose.as_deref()),
            (
                "case_reference",
                self.case_reference.as_ref().map(Personal::expose),
            ),
            ("plate", self.plate.as_ref().map(Personal::expose)),
            ("source", self.source.as_deref()),
        ];
        known_only
            .into_iter()
            .try_for_each(|(field, text)| faults.filled_if_any(field, text))?;
        faults.fits("counts", self.counts.values().all(|count| *count > 0))
    }
}

/// Builds the errors of one kind of entry.
struct Faults(&'static str);

impl Faults {
    fn missing(&self, field: &'static str) -> Result<(), EntryError> {
        Err(EntryError::Missing {
            kind: self.0,
            field,
        })
    }

    fn filled(&self, field: &'static str, text: &str) -> Result<(), EntryError> {
        if text.trim().is_empty() {
            self.missing(field)
        } else {
            Ok(())
        }
    }

    /// Absent is `null`, never an empty text.
    fn filled_if_any(&self, field: &'static str, text: Option<&str>) -> Result<(), EntryError> {
        text.map_or(Ok(()), |text| self.filled(field, text))
    }

    fn fits(&self, field: &'static str, fits: bool) -> Result<(), EntryError> {
        if fits {
            Ok(())
        } else {
            Err(EntryError::Contradiction {
                kind: self.0,
                field,
            })
        }
    }
}

/// The error of serde quotes the value it stumbled over, so it ends here.
fn typed<T: DeserializeOwned>(body: Value) -> Result<T, EntryError> {
    serde_json::from_value(body).map_err(|_| EntryError::Malformed)
}

/// Reads a field that may be `null` but may not be absent.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}
