//! Following one user through a ledger without taking apart what is not that user's.

use std::{collections::BTreeSet, sync::Arc};

use turnpike_schemas::{
    ledger::{Body, Entry, Header, Kind, Personal},
    review::{
        question::Questions,
        trail::{Trace, Trail},
    },
};

use crate::ledger::Keyring;

/// What tags of people are about.
const PERSON: &str = "person";

/// One user being followed.
#[derive(Debug)]
pub struct Following {
    subject: String,
    keys: Arc<Keyring>,
    /// What the sealed forms of the subject are found by.
    tags: BTreeSet<String>,
    questions: Questions,
    /// Questions of the user, whose decisions and outcomes follow.
    open: BTreeSet<u64>,
    trace: Trace,
}

impl Following {
    /// Follows `subject`, whose sealed forms are found and opened with `keys`.
    #[must_use]
    pub fn of(subject: &str, keys: &Arc<Keyring>) -> Self {
        Self {
            subject: subject.to_owned(),
            tags: keys.tags(PERSON, &subject.into()).into_iter().collect(),
            keys: Arc::clone(keys),
            questions: Questions::default(),
            open: BTreeSet::new(),
            trace: Trace::of(subject),
        }
    }

    /// Whether the entry with this header may be about the user.
    #[must_use]
    pub fn wants(&self, header: &Header) -> bool {
        match header.intent {
            Some(intent) => self.open.contains(&intent),
            None => matches!(header.kind, Kind::Intent | Kind::DryRun | Kind::Refused),
        }
    }

    /// Takes a wanted entry into account.
    pub fn follow(&mut self, entry: &Entry) {
        let subject = match &entry.body {
            Body::Intent(intent) | Body::DryRun(intent) => Some(&intent.subject),
            Body::Refused(refused) => refused.subject.as_ref(),
            _ => None,
        };
        if entry.intent.is_none() {
            if subject.is_none_or(|subject| !self.is(subject)) {
                return;
            }
            self.open.insert(entry.index);
        }
        let ends = matches!(entry.body, Body::Outcome(_) | Body::Interrupted(_));
        if let Some(intent) = entry.intent.filter(|_| ends) {
            self.open.remove(&intent);
        }
        let mut complete = Vec::new();
        let entry = entry.clone().opened(&*self.keys);
        self.questions.follow(&entry, &mut complete);
        for question in &complete {
            self.trace.follow(question);
        }
    }

    fn is(&self, subject: &Personal) -> bool {
        match subject.sealed() {
            Some(sealed) => self.tags.contains(&sealed.tag),
            None => subject.expose() == self.subject,
        }
    }

    /// What was found in `entries` entries.
    #[must_use]
    pub fn finish(mut self, entries: u64) -> Trail {
        for question in &std::mem::take(&mut self.questions).finish() {
            self.trace.follow(question);
        }
        self.trace.finish(entries)
    }
}
