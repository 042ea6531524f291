//! Personal fields as they stand in the ledger: ciphertext under the key of a calendar period.
//!
//! In scope: which fields are personal, and what a sealed one looks like. Deliberately absent: the cipher and the keys;
//! whoever has them implements [`Seals`] and [`Opens`].

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Admin, Body, Entry, EntryError, Intent, Kind, Nonce, Personal, Refused, Sealed, text::is_hex,
};

/// Names of `admin` facts that say nothing about a person, a plate or a case. Every other fact is sealed, of whatever
/// JSON type it is.
pub const PUBLIC_FACTS: &[&str] = &[
    "about",
    "action",
    "adapter",
    "adapter_version",
    "added",
    "agreement",
    "agreement_sha256",
    "alarm",
    "assurance",
    "before",
    "change",
    "checks_failed",
    "checks_not_applicable",
    "checks_passed",
    "confidential",
    "day",
    "days",
    "destroying",
    "document",
    "entries",
    "entry",
    "erased",
    "findings",
    "first_month",
    "flags",
    "from",
    "image_compared",
    "intent",
    "key",
    "keys",
    "last_month",
    "late",
    "list",
    "log",
    "look_alike",
    "lost_keys",
    "made_at",
    "means",
    "narrower",
    "note_of",
    "note_sha256",
    "notice_sha256",
    "on_behalf_of",
    "organisation",
    "origin",
    "passed",
    "payloads",
    "policies",
    "policy_sha256",
    "previous",
    "previous_sha256",
    "proposal",
    "proposed",
    "provider",
    "purpose",
    "question",
    "questions",
    "read",
    "reads",
    "rejected",
    "removed",
    "report",
    "result",
    "role",
    "roles",
    "root",
    "routes",
    "rule",
    "schema",
    "second_engine",
    "sha256",
    "signatures_required",
    "signed_by",
    "site",
    "size",
    "source",
    "sources",
    "state",
    "sworn",
    "to",
    "vehicle_compared",
    "version",
    "way",
    "week",
    "widening",
    "wider",
    "withdrawn",
    "without_image",
];

/// Identity of a key: the period it seals, a full stop and 8 hexadecimal digits, as in `2026-03.1f3a9c02`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct KeyId(String);

/// A personal value that only the holder of its key can read. `Debug` shows the key's identity alone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedValue {
    /// The key.
    pub key: KeyId,
    /// Ciphertext and authentication tag, in base64url without padding.
    pub sealed: String,
    /// HMAC-SHA-256 of the value under a second key of the same period, in base64url without padding: equal values of one
    /// [`Place::domain`] and period have equal tags, which is how they are found.
    pub tag: String,
}

/// Where a personal value stands. A sealed value moved to another place does not open.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Nonce of the entry.
    pub nonce: &'a Nonce,
    /// Kind of the entry.
    pub kind: Kind,
    /// The field: `plate`, or `facts.` and a name.
    pub field: &'a str,
    /// What the value is about, for tags: `person`, `plate`, `case`, `image`, or the name of a fact.
    pub domain: &'a str,
}

/// Seals personal values under the key of the present period.
pub trait Seals {
    /// The sealed form of `value`.
    ///
    /// # Errors
    /// [`EntryError::Unsealed`]; then nothing may be written.
    fn seal(&self, place: &Place<'_>, value: &Value) -> Result<SealedValue, EntryError>;
}

/// Opens sealed values with the keys that are still there.
pub trait Opens {
    /// The value, or `None` when its key is not here or it was altered.
    fn open(&self, place: &Place<'_>, sealed: &SealedValue) -> Option<Value>;
}

/// A place in a body that holds a personal value in either form.
enum Slot<'a> {
    Text(&'a mut Personal),
    Fact(&'a mut Value),
}

/// Called with the field, its domain and the slot.
type Visit<'v> = &'v mut dyn FnMut(&str, &str, Slot<'_>) -> Result<(), EntryError>;

impl KeyId {
    /// The identity of a key of `epoch`.
    ///
    /// # Errors
    /// [`EntryError::Malformed`] when the two do not make one.
    pub fn new(epoch: &str, random: [u8; 4]) -> Result<Self, EntryError> {
        Self::try_from(format!("{epoch}.{}", crate::hex::hex(&random)))
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The period the key seals.
    #[must_use]
    pub fn epoch(&self) -> &str {
        self.0.split_once('.').map_or("", |(epoch, _)| epoch)
    }
}

impl TryFrom<String> for KeyId {
    type Error = EntryError;

    fn try_from(text: String) -> Result<Self, EntryError> {
        let digits = |epoch: &str| {
            (4..=10).contains(&epoch.len())
                && epoch.bytes().all(|b| b.is_ascii_digit() || b == b'-')
        };
        match text.split_once('.') {
            Some((epoch, random)) if digits(epoch) && is_hex(random, 8) => Ok(Self(text)),
            _ => Err(EntryError::Malformed),
        }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SealedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sealed under {}", self.key)
    }
}

impl Body {
    /// As [`Body::seal`], with every personal field sealed under the keys of `keys`. `nonce` must be fresh and random: it
    /// also keeps the sealed values of two entries apart.
    ///
    /// # Errors
    /// As [`Body::seal`], or a field cannot be sealed.
    pub fn seal_under(&self, nonce: Nonce, keys: &impl Seals) -> Result<Sealed, EntryError> {
        self.check()?;
        let (mut body, kind) = (self.clone(), self.kind());
        body.personal(&mut |field, domain, slot| {
            let place = Place {
                nonce: &nonce,
                kind,
                field,
                domain,
            };
            match slot.clear() {
                Some(value) => slot.put_sealed(keys.seal(&place, &value)?),
                None => Ok(()),
            }
        })?;
        body.seal(nonce)
    }

    /// Whether there is anything personal in it, in either form.
    #[must_use]
    pub fn is_personal(&self) -> bool {
        match self {
            Self::Intent(_) | Self::DryRun(_) => true,
            Self::Refused(refused) => {
                refused.subject.is_some()
                    || refused.case_reference.is_some()
                    || refused.plate.is_some()
            }
            Self::Admin(admin) => {
                admin.by.is_some() || admin.facts.keys().any(|name| !is_public(name))
            }
            _ => false,
        }
    }

    /// Visits every personal field. The patterns name every field, so that none is added without being looked at here.
    fn personal(&mut self, visit: Visit<'_>) -> Result<(), EntryError> {
        match self {
            Self::Intent(intent) | Self::DryRun(intent) => intent.personal(visit),
            Self::Refused(refused) => refused.personal(visit),
            Self::Admin(admin) => admin.personal(visit),
            Self::Decision(_)
            | Self::OutcomePart(_)
            | Self::Outcome(_)
            | Self::Interrupted(_)
            | Self::Ingest(_)
            | Self::Delivery(_) => Ok(()),
        }
    }
}

impl Entry {
    /// This entry with every personal field open whose key `keys` holds; the others stay sealed. Its canonical form is no
    /// longer the one in the ledger.
    #[must_use]
    pub fn opened(mut self, keys: &impl Opens) -> Self {
        let (nonce, kind) = (self.nonce.clone(), self.body.kind());
        let visited = self.body.personal(&mut |field, domain, slot| {
            let place = Place {
                nonce: &nonce,
                kind,
                field,
                domain,
            };
            match slot.sealed().and_then(|sealed| keys.open(&place, &sealed)) {
                Some(value) => slot.put(value),
                None => Ok(()),
            }
        });
        debug_assert!(visited.is_ok(), "opening refuses nothing");
        self
    }

    /// How many personal fields are sealed under which key.
    #[must_use]
    pub fn sealed_under(&self) -> BTreeMap<KeyId, u64> {
        let mut keys = BTreeMap::new();
        let visited = self.body.clone().personal(&mut |_, _, slot| {
            if let Some(sealed) = slot.sealed() {
                *keys.entry(sealed.key).or_insert(0) += 1;
            }
            Ok(())
        });
        debug_assert!(visited.is_ok(), "looking refuses nothing");
        keys
    }
}

impl Intent {
    fn personal(&mut self, visit: Visit<'_>) -> Result<(), EntryError> {
        let Self {
            action: _,
            subject,
            organisation: _,
            organisation_class: _,
            jurisdiction: _,
            on_behalf_of: _,
            purpose: _,
            case_reference,
            plate,
            plate_jurisdiction: _,
            match_mode: _,
            window: _,
            sources_wanted: _,
            image,
            asker,
            grounds,
        } = self;
        visit("subject", "person", Slot::Text(subject))?;
        visit("case_reference", "case", Slot::Text(case_reference))?;
        visit("plate", "plate", Slot::Text(plate))?;
        if let Some(until) = asker.as_mut().and_then(|it| it.training_until.as_mut()) {
            visit("training_until", "training", Slot::Text(until))?;
        }
        if let Some(warrant) = grounds.as_mut().and_then(|it| it.warrant.as_mut()) {
            visit("warrant", "case", Slot::Text(warrant))?;
        }
        image
            .iter_mut()
            .try_for_each(|image| visit("image", "image", Slot::Text(image)))
    }
}

impl Refused {
    fn personal(&mut self, visit: Visit<'_>) -> Result<(), EntryError> {
        let Self {
            reason: _,
            detail: _,
            action: _,
            subject,
            organisation: _,
            organisation_class: _,
            jurisdiction: _,
            on_behalf_of: _,
            purpose: _,
            case_reference,
            plate,
            window: _,
            sources_wanted: _,
            source: _,
            counts: _,
        } = self;
        let fields = [
            ("subject", "person", subject),
            ("case_reference", "case", case_reference),
            ("plate", "plate", plate),
        ];
        for (field, domain, text) in fields {
            if let Some(text) = text {
                visit(field, domain, Slot::Text(text))?;
            }
        }
        Ok(())
    }
}

impl Admin {
    fn personal(&mut self, visit: Visit<'_>) -> Result<(), EntryError> {
        let Self {
            action: _,
            by,
            facts,
        } = self;
        if let Some(by) = by {
            visit("by", "person", Slot::Text(by))?;
        }
        for (name, fact) in facts.iter_mut().filter(|(name, _)| !is_public(name)) {
            visit(&format!("facts.{name}"), domain(name), Slot::Fact(fact))?;
        }
        Ok(())
    }
}

impl Slot<'_> {
    fn clear(&self) -> Option<Value> {
        match self {
            Self::Text(text) => text.text().map(Value::from),
            Self::Fact(fact) if sealed_fact(fact).is_some() => None,
            Self::Fact(fact) => Some((**fact).clone()),
        }
    }

    fn sealed(&self) -> Option<SealedValue> {
        match self {
            Self::Text(text) => text.sealed().cloned(),
            Self::Fact(fact) => sealed_fact(fact),
        }
    }

    fn put(self, value: Value) -> Result<(), EntryError> {
        match (self, value) {
            (Self::Text(text), Value::String(value)) => *text = Personal::new(value),
            (Self::Text(_), _) => {}
            (Self::Fact(fact), value) => *fact = value,
        }
        Ok(())
    }

    fn put_sealed(self, sealed: SealedValue) -> Result<(), EntryError> {
        match self {
            Self::Text(text) => *text = sealed.into(),
            Self::Fact(fact) => {
                *fact = serde_json::to_value(sealed).map_err(|_| EntryError::Unsealed)?;
            }
        }
        Ok(())
    }
}

fn is_public(fact: &str) -> bool {
    PUBLIC_FACTS.contains(&fact)
}

fn sealed_fact(fact: &Value) -> Option<SealedValue> {
    fact.is_object()
        .then(|| SealedValue::deserialize(fact).ok())
        .flatten()
}

/// Facts that name a person, a plate or a case are found together with the fields that do.
fn domain(fact: &str) -> &str {
    match fact {
        "subject" | "account" | "by" | "user" | "asked_by" | "proposed_by" | "confirmed_by"
        | "approved_by" => "person",
        "plate" => "plate",
        "case" | "case_reference" => "case",
        other => other,
    }
}
