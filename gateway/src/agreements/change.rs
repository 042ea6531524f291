//! Whether the agreement of a source may take the place of the one that decided before.
//!
//! What decided before is read from the ledger, so taking a file away changes nothing. A version that lets more through
//! needs two people, one of them the source owner; both have signed it. Every change is an entry with the whole document, and
//! a notice to the owner: decisions can be made again from the ledger alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde_json::{Value, json};
use turnpike_schemas::{
    agreement::{Agreement, AgreementDocument, Difference, Direction, Role, Status, compare},
    ledger::{Admin, AdminAction, Body, MAX_BODY_BYTES},
    read::SourceId,
};

use super::Approval;
use crate::ledger::{self, LedgerError};

/// Most differences of each direction that an entry lists; it always says how many there are.
const LISTED: usize = 40;

/// Longest document in an entry, in bytes: beside it stand the differences.
const MOST_DOCUMENT: usize = MAX_BODY_BYTES - 24 * 1024;

/// An agreement that is to decide for its source from now on.
#[derive(Debug, Clone)]
pub struct Change<'a> {
    /// The agreement.
    pub agreement: &'a Agreement,
    /// Who signed it.
    pub approvals: &'a [Approval],
    /// Whether signatures are required here.
    pub signed: bool,
}

/// A change that may be made, for the ledger.
#[derive(Debug)]
pub struct Changed {
    /// The source.
    pub source: SourceId,
    /// The entry of the change, and the notice to the owner.
    pub entries: [Admin; 2],
}

/// Why an agreement may not take the place of the one before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotAdmitted {
    /// The ledger cannot be read.
    #[error("what decided before cannot be read: {0}")]
    Ledger(#[from] LedgerError),
    /// The same version with another text.
    #[error(
        "agreement `{agreement}` of source `{source_id}` was changed without a new version: give it the next `version`, name `supersedes = \"{agreement}\"` and have it signed"
    )]
    SameVersion {
        /// The source.
        source_id: SourceId,
        /// The version.
        agreement: String,
    },
    /// It follows another version than the one that decided before.
    #[error(
        "agreement `{agreement}` of source `{source_id}` does not supersede `{before}`, which decides now: `supersedes` must name it"
    )]
    NotTheNext {
        /// The source.
        source_id: SourceId,
        /// The new version.
        agreement: String,
        /// The version that decides.
        before: String,
    },
    /// Its entry could not hold it, and what is not on record can be compared with nothing later.
    #[error(
        "agreement `{agreement}` of source `{source_id}` has {bytes} bytes as JSON, and an entry of the ledger holds at most {most} of it: leave out what is needless, or split the source"
    )]
    TooLarge {
        /// The source.
        source_id: SourceId,
        /// The version.
        agreement: String,
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        most: usize,
    },
    /// It lets more through, and not enough people approved of it.
    #[error(
        "agreement `{agreement}` of source `{source_id}` lets more through than `{before}` and needs two people, one of them the source owner, another a supervisor or operator; signed by: {by}\n{widening}"
    )]
    Approval {
        /// The source.
        source_id: SourceId,
        /// The new version.
        agreement: String,
        /// The version that decides.
        before: String,
        /// Who signed.
        by: String,
        /// What it lets through.
        widening: String,
    },
}

/// Decides of every agreement whether it may decide from now on, by what the ledger in `dir` says decided before.
/// Those that decided before already are not listed in the answer.
///
/// # Errors
/// The first [`NotAdmitted`]; then none is to be loaded.
pub fn admit<'a>(
    dir: &Path,
    agreements: impl IntoIterator<Item = Change<'a>>,
) -> Result<Vec<Changed>, NotAdmitted> {
    let before = decided_before(dir)?;
    let mut changes = Vec::new();
    for change in agreements {
        let source = &change.agreement.document().source;
        let known = before.get(source);
        if known.is_some_and(|known| known.last.sha256() == change.agreement.sha256()) {
            continue;
        }
        changes.push(changed(&change, known)?);
    }
    Ok(changes)
}

/// What decided for a source.
#[derive(Debug)]
struct Before {
    /// The agreement loaded last.
    last: Agreement,
    /// The one that was in force last: what is not in force permits nothing, and is nothing to compare with.
    in_force: Option<Agreement>,
}

/// The agreements that decided last for each source.
fn decided_before(dir: &Path) -> Result<BTreeMap<SourceId, Before>, LedgerError> {
    let mut before: BTreeMap<SourceId, Before> = BTreeMap::new();
    if !dir.exists() {
        return Ok(before);
    }
    for entry in ledger::find(dir, "agreement_change")? {
        let Body::Admin(admin) = entry.body else {
            continue;
        };
        let document = (admin.action == AdminAction::AgreementChange)
            .then(|| admin.facts.get("document").cloned())
            .flatten();
        // The document was valid when it was written; a later turnpike that no longer takes it has nothing to compare with.
        let agreement = document
            .and_then(|document| serde_json::from_value::<AgreementDocument>(document).ok())
            .and_then(|document| document.validate().ok());
        let Some(last) = agreement else { continue };
        let source = last.document().source.clone();
        let earlier = before.remove(&source).and_then(|before| before.in_force);
        let active = last.document().status == Status::Active;
        let in_force = if active { Some(last.clone()) } else { earlier };
        before.insert(source, Before { last, in_force });
    }
    Ok(before)
}

fn changed(change: &Change<'_>, known: Option<&Before>) -> Result<Changed, NotAdmitted> {
    let agreement = change.agreement;
    let source = agreement.document().source.clone();
    let document = recordable(agreement)?;
    let before = known.and_then(|known| known.in_force.as_ref());
    let differences = match (known, before) {
        (Some(known), Some(before)) => {
            follows(agreement, known, before)?;
            compare(before, agreement)
        }
        _ => Vec::new(),
    };
    let of = |direction| -> Vec<&Difference> {
        let of = differences.iter();
        of.filter(|it| it.direction == direction).collect()
    };
    let (wider, narrower) = (of(Direction::Wider), of(Direction::Narrower));
    if let Some(before) = before.filter(|_| change.signed && !wider.is_empty()) {
        approved(change, before, &wider)?;
    }
    let mut facts = BTreeMap::from([
        ("source".to_owned(), json!(source)),
        ("agreement".to_owned(), json!(agreement.reference())),
        ("sha256".to_owned(), json!(agreement.sha256())),
        (
            "previous".to_owned(),
            json!(before.map(|before| before.reference())),
        ),
        (
            "previous_sha256".to_owned(),
            json!(before.map(Agreement::sha256)),
        ),
        ("widening".to_owned(), json!(!wider.is_empty())),
        ("wider".to_owned(), listed(&wider)),
        ("narrower".to_owned(), listed(&narrower)),
        ("signatures_required".to_owned(), json!(change.signed)),
        ("signed_by".to_owned(), keys(change.approvals)),
        ("approved_by".to_owned(), holders(change.approvals)),
    ]);
    let notice = Admin {
        action: AdminAction::Notice,
        by: None,
        facts: notice(&facts, agreement.document()),
    };
    facts.insert("document".to_owned(), document);
    let entry = Admin {
        action: AdminAction::AgreementChange,
        by: None,
        facts,
    };
    Ok(Changed {
        source,
        entries: [entry, notice],
    })
}

/// The document as its entry holds it.
fn recordable(agreement: &Agreement) -> Result<Value, NotAdmitted> {
    let document = serde_json::to_value(agreement.document()).unwrap_or_default();
    let bytes = document.to_string().len();
    if bytes <= MOST_DOCUMENT {
        return Ok(document);
    }
    Err(NotAdmitted::TooLarge {
        source_id: agreement.document().source.clone(),
        agreement: agreement.reference().to_string(),
        bytes,
        most: MOST_DOCUMENT,
    })
}

/// What the owner is told: everything of the entry but the document.
fn notice(
    facts: &BTreeMap<String, Value>,
    document: &AgreementDocument,
) -> BTreeMap<String, Value> {
    let mut notice = facts.clone();
    notice.insert("about".to_owned(), json!("agreement_change"));
    notice.insert("to".to_owned(), json!(document.provider));
    notice.insert("contact".to_owned(), json!(document.contact));
    notice
}

/// Stopping a source takes no new version, and starting it again with the text that was in force before none either.
fn follows(agreement: &Agreement, known: &Before, before: &Agreement) -> Result<(), NotAdmitted> {
    let source_id = agreement.document().source.clone();
    let stops = agreement.document().status != Status::Active;
    let resumes =
        known.last.document().status == Status::Suspended && agreement.sha256() == before.sha256();
    if stops || resumes {
        return Ok(());
    }
    if agreement.reference() == before.reference() {
        return Err(NotAdmitted::SameVersion {
            source_id,
            agreement: agreement.reference().to_string(),
        });
    }
    if agreement.document().supersedes.as_ref() != Some(before.reference()) {
        return Err(NotAdmitted::NotTheNext {
            source_id,
            agreement: agreement.reference().to_string(),
            before: before.reference().to_string(),
        });
    }
    Ok(())
}

/// Two people: the owner, and another with another role.
fn approved(
    change: &Change<'_>,
    before: &Agreement,
    wider: &[&Difference],
) -> Result<(), NotAdmitted> {
    // One person is one person, however the configuration spells the name.
    let of = |owner: bool| -> BTreeSet<String> {
        let of = change.approvals.iter();
        of.filter(|approval| (approval.role == Role::SourceOwner) == owner)
            .map(|approval| person(&approval.holder))
            .collect()
    };
    let (owners, others) = (of(true), of(false));
    let two = owners
        .iter()
        .any(|owner| others.iter().any(|other| owner != other));
    if two {
        return Ok(());
    }
    let by: Vec<&str> = owners.union(&others).map(String::as_str).collect();
    let widening: Vec<String> = wider.iter().map(|it| format!("    {it}")).collect();
    Err(NotAdmitted::Approval {
        source_id: change.agreement.document().source.clone(),
        agreement: change.agreement.reference().to_string(),
        before: before.reference().to_string(),
        by: if by.is_empty() {
            "nobody".to_owned()
        } else {
            by.join(", ")
        },
        widening: widening.join("\n"),
    })
}

fn person(holder: &str) -> String {
    let words: Vec<String> = holder.split_whitespace().map(str::to_lowercase).collect();
    words.join(" ")
}

fn listed(differences: &[&Difference]) -> Value {
    let first = differences.iter().take(LISTED);
    let first: Vec<String> = first.map(ToString::to_string).collect();
    json!({ "count": differences.len(), "first": first })
}

/// Which keys signed, as what.
fn keys(approvals: &[Approval]) -> Value {
    let keys = approvals
        .iter()
        .map(|approval| json!({ "key": approval.key, "role": approval.role }));
    keys.collect()
}

/// Who signed, in the same order; people are sealed in the ledger.
fn holders(approvals: &[Approval]) -> Value {
    let holders = approvals.iter().map(|approval| json!(approval.holder));
    holders.collect()
}
