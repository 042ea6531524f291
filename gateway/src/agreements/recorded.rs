//! Recorded questions, decided again under other agreements.

use std::{collections::BTreeSet, path::Path};

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use turnpike_schemas::{
    agreement::{
        self, Agreement, Assurance, Attributes, Organisation, OrganisationClass, Requester, Role,
    },
    ledger::{Action, Body, Intent},
    plate::{Jurisdiction, Plate, PlatePattern},
    query::{AskedPlate, CaseRef, CaseStanding, MatchMode, OnBehalfOf, Purpose, Query, TimeWindow},
};

use crate::ledger::{self, Keyring, LedgerError};

/// One recorded question.
#[derive(Debug)]
pub struct Recorded {
    /// Index of its entry.
    pub index: u64,
    /// When it was written.
    pub at: jiff::Timestamp,
    /// What was wanted.
    pub action: Action,
    /// Who asked.
    pub requester: Requester,
    /// What was asked.
    pub query: Query,
}

/// The recorded questions of a ledger.
#[derive(Debug, Default)]
pub struct Replayed {
    /// Those that can be decided again.
    pub questions: Vec<Recorded>,
    /// How many cannot: their personal fields are sealed, or they are of an earlier turnpike.
    pub unreadable: u64,
}

/// Every question in the ledger in `dir` whose personal fields `keys` open, with everything a decision rests on.
///
/// # Errors
/// The ledger cannot be read, or is damaged.
pub fn recorded(dir: &Path, keys: &Keyring) -> Result<Replayed, LedgerError> {
    let mut found = Replayed::default();
    for entry in ledger::read_open(dir, keys)? {
        let entry = entry.map_err(LedgerError::Damaged)?;
        let Body::Intent(intent) = &entry.body else {
            continue;
        };
        if intent.action == Action::Check {
            continue;
        }
        match question(intent, entry.at) {
            Some((requester, query)) => found.questions.push(Recorded {
                index: entry.index,
                at: entry.at,
                action: intent.action,
                requester,
                query,
            }),
            None => found.unreadable += 1,
        }
    }
    Ok(found)
}

impl Recorded {
    /// Whether the agreement permits it, at the time it was asked.
    #[must_use]
    pub fn permitted(&self, agreement: &Agreement) -> bool {
        let action = match self.action {
            Action::Image => agreement::Action::Image,
            Action::Alert => agreement::Action::Alert,
            _ => agreement::Action::Query,
        };
        agreement.would_permit(action, &self.requester, &self.query, self.at)
    }
}

fn question(intent: &Intent, at: Timestamp) -> Option<(Requester, Query)> {
    let (asker, grounds) = (intent.asker.as_ref()?, intent.grounds.as_ref()?);
    let organisation = |id: &str, class: &str, jurisdiction: &str| {
        Some(Organisation {
            id: id.to_owned(),
            class: value::<OrganisationClass>(class)?,
            jurisdiction: Jurisdiction::parse(jurisdiction).ok()?,
        })
    };
    let other = match &intent.on_behalf_of {
        None => None,
        Some(id) => Some(organisation(
            id,
            asker.on_behalf_of_class.as_deref()?,
            asker.on_behalf_of_jurisdiction.as_deref()?,
        )?),
    };
    let roles: Option<BTreeSet<Role>> = asker.roles.iter().map(|role| value(role)).collect();
    let requester = Requester {
        subject: intent.subject.expose().to_owned(),
        organisation: organisation(
            &intent.organisation,
            &intent.organisation_class,
            &intent.jurisdiction,
        )?,
        roles: roles?,
        on_behalf_of: other,
        attributes: Attributes {
            sworn: asker.sworn,
            training_until: asker.training_until(at),
            assurance: value::<Assurance>(&asker.assurance)?,
        },
    };
    let text = intent.plate.expose();
    let plate = match value::<MatchMode>(&intent.match_mode)? {
        MatchMode::Exact => AskedPlate::Exact(Plate::parse(text).ok()?),
        MatchMode::LookAlike => AskedPlate::LookAlike(Plate::parse(text).ok()?),
        MatchMode::Partial => AskedPlate::Partial(PlatePattern::parse(text).ok()?),
    };
    let on_behalf_of = match &intent.on_behalf_of {
        None => OnBehalfOf::Own,
        Some(id) => OnBehalfOf::Organisation(id.clone()),
    };
    let mut query = Query::new(
        plate,
        TimeWindow::new(intent.window.from, intent.window.to).ok()?,
        value::<Purpose>(&intent.purpose)?,
        CaseRef::parse(intent.case_reference.expose()).ok()?,
        on_behalf_of,
    )
    .ok()?
    .with_case_standing(value::<CaseStanding>(&grounds.case_standing)?);
    if let Some(offence) = &grounds.offence {
        query = query.about(value(offence)?);
    }
    if grounds.urgent {
        query = query.urgently();
    }
    if let Some(warrant) = &grounds.warrant {
        query = query.under_warrant(CaseRef::parse(warrant.expose()).ok()?);
    }
    Some((requester, query))
}

/// A word of a closed vocabulary.
fn value<T: DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).ok()
}
