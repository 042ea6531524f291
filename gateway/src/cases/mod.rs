//! What makes a question one for a case: the vocabulary of this installation, the case reference, and what is owed for
//! declaring something urgent.
//!
//! In scope: purposes and offences in use here, the form of an organisation's case references, its case register, notes,
//! urgent questions. Deliberately absent: what an agreement makes of all that.

mod book;
mod register;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use jiff::Timestamp;
use regex_lite::Regex;
use turnpike_adapters::context::Clock;
use turnpike_schemas::{
    api::{QueryRequest, UrgentUse},
    ledger::{Admin, AdminAction, Digest, Personal},
    query::{CaseStanding, JUSTIFICATION_DUE, Note, Offence, OnBehalfOf, Purpose},
};
use uuid::Uuid;

use self::book::Book;
pub use self::{
    book::{BookError, Seen, digest_of_note},
    register::{CaseRegister, RegisterConfig},
};
use crate::{identity::Identity, ledger::Ledger};

/// What this installation allows to be asked for.
#[derive(Debug, Clone, Default)]
pub struct Vocabulary {
    /// Purposes in use; `None` for all.
    pub purposes: Option<Vec<Purpose>>,
    /// Types of offence in use; `None` for all.
    pub offences: Option<Vec<Offence>>,
}

/// How one organisation's cases are checked.
#[derive(Debug, Default)]
pub struct CaseRules {
    /// The form of its case references.
    pub pattern: Option<Regex>,
    /// Where its cases are looked up.
    pub register: Option<CaseRegister>,
}

/// Everything about cases that a question needs.
#[derive(Debug)]
pub struct Cases {
    vocabulary: Vocabulary,
    rules: BTreeMap<String, CaseRules>,
    book: Book,
    clock: Arc<dyn Clock>,
    keep_notes_days: u32,
}

/// Why a question is not one for a case.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// A purpose that is not used here.
    #[error("`purpose` is not in use in this installation")]
    Purpose,
    /// An offence that is not used here.
    #[error("`offence` is not in use in this installation")]
    Offence,
    /// A case reference of another form.
    #[error("`case_reference` does not have the form of a case of the organisation asked for")]
    Form,
    /// An earlier urgent question was not justified in time.
    #[error(
        "`urgent` is not available while a justification is overdue: justify question {0} first"
    )]
    Overdue(Uuid),
    /// Notes and urgent questions cannot be written down.
    #[error(transparent)]
    Book(#[from] BookError),
}

impl Cases {
    /// Opens what is kept in `data_dir`. Blocks; meant for the start of the process.
    ///
    /// # Errors
    /// [`BookError`] when the file cannot be used.
    pub fn open(
        data_dir: &Path,
        vocabulary: Vocabulary,
        rules: BTreeMap<String, CaseRules>,
        keep_notes_days: u32,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, BookError> {
        Ok(Self {
            vocabulary,
            rules,
            book: Book::open(&data_dir.join("cases.sqlite"))?,
            clock,
            keep_notes_days,
        })
    }

    /// Whether the words of a question are in use here and its case has the form of one.
    ///
    /// # Errors
    /// [`CaseError`], naming the field.
    pub fn check(&self, identity: &Identity, request: &QueryRequest) -> Result<(), CaseError> {
        let listed = |list: &Option<Vec<Purpose>>| {
            list.as_ref()
                .is_none_or(|list| list.contains(&request.purpose))
        };
        if !listed(&self.vocabulary.purposes) {
            return Err(CaseError::Purpose);
        }
        let offences = self.vocabulary.offences.as_ref();
        let offence = request.offence;
        if offence.is_some_and(|offence| offences.is_some_and(|list| !list.contains(&offence))) {
            return Err(CaseError::Offence);
        }
        let pattern = self
            .rules_of(identity, request)
            .and_then(|rules| rules.pattern.as_ref());
        let case = request.case_reference.as_str();
        if pattern.is_some_and(|pattern| !pattern.is_match(case)) {
            return Err(CaseError::Form);
        }
        Ok(())
    }

    /// What the case register of the organisation asked for says. Never longer than the register's own limit.
    pub async fn standing(&self, identity: &Identity, request: &QueryRequest) -> CaseStanding {
        let register = self
            .rules_of(identity, request)
            .and_then(|rules| rules.register.as_ref());
        match register {
            Some(register) => register.look_up(&request.case_reference).await,
            None => CaseStanding::NotChecked,
        }
    }

    /// A case belongs to the organisation for which it is asked.
    fn rules_of(&self, identity: &Identity, request: &QueryRequest) -> Option<&CaseRules> {
        let organisation = match &request.on_behalf_of {
            OnBehalfOf::Own => &identity.organisation().id,
            OnBehalfOf::Organisation(id) => id,
        };
        self.rules.get(organisation)
    }

    /// Whether the subject may declare something urgent: not while a justification is overdue.
    ///
    /// # Errors
    /// [`CaseError::Overdue`], [`CaseError::Book`].
    pub async fn may_be_urgent(&self, subject: &str) -> Result<(), CaseError> {
        match self.book.overdue_of(subject, self.clock.now()).await? {
            Some(question) => Err(CaseError::Overdue(question)),
            None => Ok(()),
        }
    }

    /// Keeps the note of a question, and gives its digest for the ledger.
    ///
    /// # Errors
    /// [`BookError`]; then the question may not be asked, because its record would point at nothing.
    pub async fn keep_note(&self, question: Uuid, note: &Note) -> Result<Digest, BookError> {
        self.book.keep_note(question, note, self.clock.now()).await
    }

    /// Notes that a justification will be owed. Called before the question is on record: a justification asked for once
    /// too often is better than one that is never asked for.
    ///
    /// # Errors
    /// [`BookError`]; then the question may not be asked.
    pub async fn owe(
        &self,
        question: Uuid,
        subject: &str,
        organisation: &str,
    ) -> Result<Timestamp, BookError> {
        let now = self.clock.now();
        let until = now.checked_add(JUSTIFICATION_DUE).unwrap_or(Timestamp::MAX);
        self.book
            .owe(question, subject, organisation, now, until)
            .await?;
        Ok(until)
    }

    /// Where an urgent question stands in the ledger.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn on_record(&self, question: Uuid, intent: u64) -> Result<(), BookError> {
        self.book.on_record(question, intent).await
    }

    /// The urgent question, and whether `subject` asked it.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn urgent(&self, question: Uuid, subject: &str) -> Result<Option<Seen>, BookError> {
        self.book.find(question, subject, self.clock.now()).await
    }

    /// Writes down that a justification was given; it is in the ledger already.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn justified(
        &self,
        question: Uuid,
        reason: &'static str,
        entry: u64,
    ) -> Result<(), BookError> {
        self.book
            .justified(question, reason, entry, self.clock.now())
            .await
    }

    /// Urgent questions: of one subject, of one organisation, or of all.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn list(&self, of: Of) -> Result<Vec<UrgentUse>, BookError> {
        self.book.list(of, self.clock.now()).await
    }

    /// The note of a question with its salt.
    ///
    /// # Errors
    /// [`BookError`].
    pub async fn note(&self, question: Uuid) -> Result<Option<(Vec<u8>, Note)>, BookError> {
        self.book.note(question).await
    }

    /// Raises an alarm, once, for every justification that has become overdue, and removes notes that are too old.
    ///
    /// # Errors
    /// [`BookError`]; what could not be recorded is tried again the next time.
    pub async fn sweep(&self, ledger: &Ledger) -> Result<(), BookError> {
        let now = self.clock.now();
        let (late, overdue) = self.book.newly_overdue(now).await?;
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        metrics::gauge!("turnpike_justifications_overdue").set(overdue as f64);
        for late in late {
            let facts = [
                ("alarm".to_owned(), "justification_overdue".into()),
                ("organisation".to_owned(), late.organisation.clone().into()),
                ("question".to_owned(), late.query.to_string().into()),
                ("intent".to_owned(), late.intent.into()),
            ];
            let alarm = Admin {
                action: AdminAction::Alarm,
                by: None,
                facts: facts.into_iter().collect(),
            };
            tracing::warn!(question = %late.query, "an urgent question was not justified in time");
            if ledger.admin(alarm).await.is_ok() {
                self.book.alarmed(late.query).await?;
            }
        }
        let keep = jiff::SignedDuration::from_hours(i64::from(self.keep_notes_days) * 24);
        let before = now.checked_sub(keep).unwrap_or(Timestamp::MIN);
        self.book.forget_notes(before).await
    }
}

/// Whose urgent questions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Of {
    /// One subject's.
    Subject(String),
    /// One organisation's.
    Organisation(String),
    /// Everybody's.
    All,
}

/// The record of a justification.
#[must_use]
pub fn justification(
    question: Uuid,
    by: &str,
    reason: &str,
    late: bool,
    note: Option<&Digest>,
    intent: Option<u64>,
) -> Admin {
    let mut facts = BTreeMap::from([
        ("question".to_owned(), question.to_string().into()),
        ("reason".to_owned(), reason.into()),
        ("late".to_owned(), late.into()),
        ("intent".to_owned(), intent.into()),
    ]);
    if let Some(note) = note {
        facts.insert("note_sha256".to_owned(), note.as_str().into());
    }
    Admin {
        action: AdminAction::Justification,
        by: Some(Personal::new(by)),
        facts,
    }
}
