//! What the owner of a source sees of the ledger: a log of its own, whose leaves are made of the entries that touch the source.
//!
//! An entry touches a source when it names it (a decision, an outcome, intake, a refused message, an administrative fact
//! `source`), or when it interrupts a question that the source was permitted for. Which leaves there are is a function of the
//! entries alone, so that whoever has them can count. People, plates and cases appear as pseudonyms that differ from owner to owner.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Body, Entry, EntryError, Grounds, Intent, Kind, PUBLIC_FACTS, Personal, Verdict, Window,
    canonical_json,
};
use crate::tlog::{Frontier, Hash, leaf_hash};

/// Names people, plates and cases towards one owner.
pub trait Pseudonyms {
    /// The pseudonym of `text` in the log of `source`; `domain` is `person`, `plate` or `case`.
    fn pseudonym(&self, source: &str, domain: &str, text: &str) -> String;
}

/// One leaf of the log of a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnerLeaf {
    /// The source.
    pub source: String,
    /// Index of the entry of the ledger this is made of.
    pub entry: u64,
    /// Hash of that entry as a leaf of the ledger, in base64.
    pub leaf_hash: String,
    /// When that entry was written.
    pub at: Timestamp,
    /// Its kind.
    pub kind: Kind,
    /// The question it belongs to.
    pub question: Option<Uuid>,
    /// Index of the intent, dry run or refusal it belongs to.
    pub intent: Option<u64>,
    /// Who asked what, with a decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
    /// What the entry says about this source.
    pub said: Value,
}

/// Who asked what, as the owner sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// What was wanted.
    pub action: super::Action,
    /// Pseudonym of the person or machine; absent when its key was gone.
    pub person: Option<String>,
    /// The organisation.
    pub organisation: String,
    /// What kind of organisation that is.
    pub organisation_class: String,
    /// Where that organisation has its powers.
    pub jurisdiction: String,
    /// The organisation asked for.
    pub on_behalf_of: Option<String>,
    /// Why.
    pub purpose: String,
    /// What the question rests on besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grounds: Option<Grounds>,
    /// Pseudonym of the case.
    pub case: Option<String>,
    /// Pseudonym of the plate.
    pub plate: Option<String>,
    /// How the plate was compared.
    #[serde(rename = "match")]
    pub match_mode: String,
    /// The time asked for.
    pub window: Window,
}

/// Follows a ledger from its first entry on and makes the leaves of every source's log.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Touching {
    /// Intents without outcome, with the sources permitted for each.
    open: BTreeMap<u64, BTreeSet<String>>,
    /// The question whose decisions come now.
    #[serde(skip)]
    asking: Option<(u64, Intent)>,
}

/// What a sub-log comes to at some size, as the ledger records it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnerHead {
    /// Leaves.
    pub size: u64,
    /// Root over them, in base64.
    pub root: String,
}

/// Why the export of a source's log is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OwnerError {
    /// A leaf is not in its one form.
    #[error("leaf {0} is not a leaf of an owner's log in its canonical form")]
    Form(u64),
    /// A leaf of another source.
    #[error("leaf {0} is of another source")]
    Source(u64),
    /// Entries of the ledger do not rise from leaf to leaf.
    #[error("leaf {0} does not come after the leaf before it")]
    Order(u64),
    /// More or fewer leaves than recorded.
    #[error("{found} leaves, where the ledger records {recorded}")]
    Size {
        /// As recorded.
        recorded: u64,
        /// As given.
        found: u64,
    },
    /// The leaves are not those whose root is recorded: one was withheld, added or altered.
    #[error(
        "the root over the leaves is not the one the ledger records: one was withheld, added or altered"
    )]
    Root,
    /// The entry that should record the head does not.
    #[error("the entry does not record the head of this source's log")]
    Record,
}

impl Touching {
    /// Takes the next entry into account. `entry` is open where it can be; `leaf` is the hash of it as it is written.
    pub fn follow(
        &mut self,
        entry: &Entry,
        leaf: &Hash,
        pseudonyms: &impl Pseudonyms,
    ) -> Vec<OwnerLeaf> {
        if let Body::Intent(intent) | Body::DryRun(intent) = &entry.body {
            self.asking = Some((entry.index, intent.clone()));
            if entry.body.kind() == Kind::Intent {
                self.open.insert(entry.index, BTreeSet::new());
            }
            return Vec::new();
        }
        let leaves = said(entry, self.permitted(entry)).into_iter();
        let leaves = leaves.map(|(source, said)| OwnerLeaf {
            asked: self.asked(entry, &source, pseudonyms),
            entry: entry.index,
            leaf_hash: leaf.to_base64(),
            at: entry.at,
            kind: entry.body.kind(),
            question: entry.question,
            intent: entry.intent,
            source,
            said,
        });
        let leaves = leaves.collect();
        self.settle(entry);
        leaves
    }

    /// The sources that the next entry touches.
    #[must_use]
    pub fn touched(&self, entry: &Entry) -> Vec<String> {
        let said = said(entry, self.permitted(entry)).into_iter();
        said.map(|(source, _)| source).collect()
    }

    fn permitted(&self, entry: &Entry) -> BTreeSet<String> {
        let intent = entry.intent.and_then(|intent| self.open.get(&intent));
        intent.cloned().unwrap_or_default()
    }

    fn asked(&self, entry: &Entry, source: &str, names: &impl Pseudonyms) -> Option<Asked> {
        let (index, intent) = self.asking.as_ref()?;
        let its = entry.body.kind() == Kind::Decision && entry.intent == Some(*index);
        its.then(|| asked(intent, source, names))
    }

    fn settle(&mut self, entry: &Entry) {
        let Some(intent) = entry.intent else { return };
        match &entry.body {
            Body::Decision(decision) if decision.verdict == Verdict::Permit => {
                if let Some(permitted) = self.open.get_mut(&intent) {
                    permitted.insert(decision.source.clone());
                }
            }
            Body::Outcome(_) | Body::Interrupted(_) => {
                self.open.remove(&intent);
            }
            _ => {}
        }
    }
}

impl OwnerLeaf {
    /// The one form in which this leaf is written and hashed.
    ///
    /// # Errors
    /// [`EntryError`] when it holds a float.
    pub fn canonical_bytes(&self) -> Result<Vec<u8>, EntryError> {
        let value = serde_json::to_value(self).map_err(|_| EntryError::Malformed)?;
        Ok(canonical_json(&value)?.into_bytes())
    }

    /// Reads a leaf in its one form.
    ///
    /// # Errors
    /// [`EntryError::Malformed`] or [`EntryError::NotCanonical`].
    pub fn parse(bytes: &[u8]) -> Result<Self, EntryError> {
        let leaf: Self = serde_json::from_slice(bytes).map_err(|_| EntryError::Malformed)?;
        if leaf.canonical_bytes()? == bytes {
            Ok(leaf)
        } else {
            Err(EntryError::NotCanonical)
        }
    }
}

impl OwnerHead {
    /// The head over these leaves.
    #[must_use]
    pub fn of(tree: &Frontier) -> Self {
        Self {
            size: tree.size(),
            root: tree.root().to_base64(),
        }
    }

    /// The head of `source` that an `owner_checkpoint` entry records.
    ///
    /// # Errors
    /// [`OwnerError::Record`].
    pub fn recorded(entry: &Entry, source: &str) -> Result<Self, OwnerError> {
        let Body::Admin(admin) = &entry.body else {
            return Err(OwnerError::Record);
        };
        match Self::of_record(admin) {
            Some((log, head)) if log == source => Ok(head),
            _ => Err(OwnerError::Record),
        }
    }

    /// The facts of an `owner_checkpoint` entry: the log, its size and root, and the entries before which it was made of. The
    /// log is not named `source`, or recording its head would make it grow.
    #[must_use]
    pub fn to_facts(&self, source: &str, to: u64) -> BTreeMap<String, Value> {
        let facts: [(&str, Value); 4] = [
            ("log", source.into()),
            ("size", self.size.into()),
            ("root", self.root.as_str().into()),
            ("to", to.into()),
        ];
        facts.map(|(name, fact)| (name.to_owned(), fact)).into()
    }

    /// The log and the head that an `owner_checkpoint` entry records.
    #[must_use]
    pub fn of_record(admin: &super::Admin) -> Option<(String, Self)> {
        let text = |name: &str| Some(admin.facts.get(name)?.as_str()?.to_owned());
        let is_record = admin.action == super::AdminAction::OwnerCheckpoint;
        let size = admin.facts.get("size").and_then(Value::as_u64);
        let head = Self {
            size: size.filter(|_| is_record)?,
            root: text("root")?,
        };
        Some((text("log")?, head))
    }

    /// Checks that `leaves` are all the leaves of the log of `source` with this head: none withheld, added, altered or moved.
    ///
    /// # Errors
    /// [`OwnerError`] with the first leaf at fault.
    pub fn verify<'a>(
        &self,
        source: &str,
        leaves: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), OwnerError> {
        let (mut tree, mut last) = (Frontier::default(), None);
        for bytes in leaves {
            let place = tree.size();
            let leaf = OwnerLeaf::parse(bytes).map_err(|_| OwnerError::Form(place))?;
            if leaf.source != source {
                return Err(OwnerError::Source(place));
            }
            if last.is_some_and(|last| leaf.entry <= last) {
                return Err(OwnerError::Order(place));
            }
            last = Some(leaf.entry);
            tree.append(leaf_hash(bytes));
        }
        if tree.size() != self.size {
            return Err(OwnerError::Size {
                recorded: self.size,
                found: tree.size(),
            });
        }
        if tree.root().to_base64() == self.root {
            Ok(())
        } else {
            Err(OwnerError::Root)
        }
    }
}

/// What `entry` says about each source it touches.
fn said(entry: &Entry, permitted: BTreeSet<String>) -> Vec<(String, Value)> {
    let whole = |source: &str, said: Result<Value, serde_json::Error>| {
        vec![(source.to_owned(), said.unwrap_or_default())]
    };
    match &entry.body {
        Body::Decision(decision) => whole(&decision.source, serde_json::to_value(decision)),
        Body::OutcomePart(part) => whole(&part.source, serde_json::to_value(part)),
        Body::Ingest(ingest) => whole(&ingest.source, serde_json::to_value(ingest)),
        Body::Outcome(outcome) => {
            let named = outcome.sources.iter().map(|part| {
                let said = serde_json::to_value(part).unwrap_or_default();
                (part.source.clone(), said)
            });
            // A source stands once in an outcome.
            named.collect::<BTreeMap<_, _>>().into_iter().collect()
        }
        Body::Refused(refused) => refused.source.iter().map(|source| {
            let said = json!({ "reason": refused.reason, "detail": refused.detail, "counts": refused.counts });
            (source.clone(), said)
        }).collect(),
        Body::Interrupted(interrupted) => {
            let said = json!({ "reason": interrupted.reason });
            permitted.into_iter().map(|source| (source, said.clone())).collect()
        }
        Body::Admin(admin) => {
            let source = admin.facts.get("source").and_then(Value::as_str);
            let public = admin.facts.iter().filter(|(name, _)| PUBLIC_FACTS.contains(&name.as_str()));
            let facts: BTreeMap<_, _> = public.collect();
            source.map(|source| (source.to_owned(), json!({ "action": admin.action, "facts": facts }))).into_iter().collect()
        }
        Body::Intent(_) | Body::DryRun(_) | Body::Delivery(_) => Vec::new(),
    }
}

fn asked(intent: &Intent, source: &str, names: &impl Pseudonyms) -> Asked {
    let name = |domain: &str, text: &Personal| {
        let text = text.text()?;
        Some(names.pseudonym(source, domain, text))
    };
    Asked {
        action: intent.action,
        person: name("person", &intent.subject),
        organisation: intent.organisation.clone(),
        organisation_class: intent.organisation_class.clone(),
        jurisdiction: intent.jurisdiction.clone(),
        on_behalf_of: intent.on_behalf_of.clone(),
        purpose: intent.purpose.clone(),
        grounds: intent.grounds.clone().map(|grounds| Grounds {
            // Its name is for the auditors; the owner sees that the agreement asked for one.
            warrant: None,
            ..grounds
        }),
        case: name("case", &intent.case_reference),
        plate: name("plate", &intent.plate),
        match_mode: intent.match_mode.clone(),
        window: intent.window,
    }
}

#[cfg(test)]
mod tests;
