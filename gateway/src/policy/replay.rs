//! Making a recorded decision again from the ledger alone: the question from its intent, the agreement and the policies from
//! the entries that recorded them, the time from the decision itself.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;
use turnpike_schemas::{
    agreement::{
        Agreement, AgreementDocument, Attributes, DecisionRecord, Organisation, Requester,
    },
    ledger::{Action, Admin, AdminAction, Asker, Body, Decision, Entry, Grounds, Intent, Personal},
    plate::{Jurisdiction, Plate, PlatePattern},
    query::{AskedPlate, CaseRef, MatchMode, OnBehalfOf, Query, TimeWindow},
    read::SourceId,
};

use super::{Policy, PolicySource};
use crate::federation::decision_entry;

/// Most questions whose decisions are awaited at once.
const AWAITED: usize = 10_000;

/// Stands for a plate that is sealed: decisions depend on how it is compared, and only for partial plates on its text.
const SOME_PLATE: &str = "A1";

/// Stands for a sealed case reference where every form is accepted.
const SOME_CASE: &str = "000";

/// What came of making one decision again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// Index of the entry.
    pub index: u64,
    /// The source it is about.
    pub source: String,
    /// The agreement it names.
    pub agreement: Option<String>,
    /// Same, different, or why that cannot be said.
    pub outcome: Outcome,
}

/// Whether a decision comes out as it is on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// In every part.
    Same,
    /// These parts come out otherwise: name, as recorded, as made again.
    Different(Vec<(&'static str, String, String)>),
    /// It cannot be made again.
    Impossible(&'static str),
}

/// Follows a ledger from its first entry on.
#[derive(Debug, Default)]
pub struct Replay {
    policies: BTreeMap<String, Policy>,
    agreements: BTreeMap<String, Agreement>,
    questions: BTreeMap<u64, Intent>,
}

impl Replay {
    /// Takes the next entry into account; a decision is made again.
    pub fn follow(&mut self, entry: &Entry) -> Option<Replayed> {
        match &entry.body {
            Body::Intent(intent) | Body::DryRun(intent) => {
                self.questions.insert(entry.index, intent.clone());
                while self.questions.len() > AWAITED {
                    self.questions.pop_first();
                }
                None
            }
            Body::Outcome(_) | Body::Interrupted(_) => {
                let intent = entry.intent?;
                self.questions.remove(&intent);
                None
            }
            Body::Admin(admin) => {
                self.learn(admin);
                None
            }
            Body::Decision(decision) => Some(Replayed {
                index: entry.index,
                source: decision.source.clone(),
                agreement: decision.agreement.clone(),
                outcome: self
                    .again(entry.intent, decision)
                    .map_or_else(Outcome::Impossible, |again| compare(decision, &again)),
            }),
            _ => None,
        }
    }

    /// Keeps what decisions rest on. What does not bear its own digest is not kept.
    fn learn(&mut self, admin: &Admin) {
        match admin.action {
            AdminAction::ConfigChange => {
                if let Some((digest, policy)) = policy_of(&admin.facts) {
                    self.policies.insert(digest, policy);
                }
            }
            AdminAction::AgreementChange => {
                let agreement = admin.facts.get("document").and_then(agreement_of);
                if let Some(agreement) = agreement {
                    self.agreements
                        .insert(agreement.sha256().to_owned(), agreement);
                }
            }
            _ => {}
        }
    }

    fn again(&self, intent: Option<u64>, decision: &Decision) -> Result<Decision, &'static str> {
        let intent = intent
            .and_then(|intent| self.questions.get(&intent))
            .ok_or("its question is not in this ledger")?;
        let (asker, grounds) = intent
            .asker
            .as_ref()
            .zip(intent.grounds.as_ref())
            .ok_or("an earlier version did not record what is needed")?;
        let now = decision
            .decided_at
            .ok_or("an earlier version did not record the time")?;
        let policy = decision
            .policy_sha256
            .as_ref()
            .and_then(|digest| self.policies.get(digest.as_str()))
            .ok_or("its policies are not in this ledger")?;
        let agreement = decision
            .agreement_sha256
            .as_ref()
            .and_then(|digest| self.agreements.get(digest.as_str()))
            .ok_or("its agreement is not in this ledger")?;
        let source = SourceId::parse(&decision.source).map_err(|_| "its source has no name")?;
        let requester = requester(intent, asker, now).ok_or("its asker is not understood")?;
        let query = question(intent, grounds, agreement)?;
        policy
            .learn(agreement)
            .map_err(|_| "its agreement does not fit its policies")?;
        let asking = policy.asking(&requester);
        let record: DecisionRecord = match decision.action.unwrap_or(intent.action) {
            Action::Image => policy.decide_image(agreement, &asking, &query, now).record,
            Action::Alert => policy.decide_alert(agreement, &asking, &query, now).record,
            Action::Query | Action::Check => policy.decide(agreement, &asking, &query, now).record,
        };
        Ok(Decision {
            action: decision.action,
            ..decision_entry(&source, &record, policy.sha256())
        })
    }
}

fn policy_of(facts: &BTreeMap<String, Value>) -> Option<(String, Policy)> {
    let part = |name: &str| facts.get(name).cloned().unwrap_or(Value::Null);
    let recorded = part("policy_sha256");
    let source = PolicySource {
        policies: serde_json::from_value(part("policies")).ok()?,
        schema: serde_json::from_value(part("schema")).ok()?,
        site: serde_json::from_value(part("site")).ok()?,
    };
    let digest = source.sha256();
    let sound = recorded.as_str() == Some(digest.as_str());
    let policy = sound.then(|| Policy::new(&source).ok()).flatten()?;
    Some((digest, policy))
}

/// The document, as an object or as its text.
fn agreement_of(document: &Value) -> Option<Agreement> {
    let document: AgreementDocument = match document {
        Value::String(text) => serde_json::from_str(text).ok()?,
        object => serde_json::from_value(object.clone()).ok()?,
    };
    document.validate().ok()
}

fn requester(intent: &Intent, asker: &Asker, at: Timestamp) -> Option<Requester> {
    let on_behalf_of = match &intent.on_behalf_of {
        Some(id) => Some(Organisation {
            id: id.clone(),
            class: known(asker.on_behalf_of_class.as_ref()?)?,
            jurisdiction: Jurisdiction::parse(asker.on_behalf_of_jurisdiction.as_ref()?).ok()?,
        }),
        None => None,
    };
    Some(Requester {
        subject: intent.subject.expose().to_owned(),
        organisation: Organisation {
            id: intent.organisation.clone(),
            class: known(&intent.organisation_class)?,
            jurisdiction: Jurisdiction::parse(&intent.jurisdiction).ok()?,
        },
        roles: asker.roles.iter().map(known).collect::<Option<_>>()?,
        on_behalf_of,
        attributes: Attributes {
            sworn: asker.sworn,
            training_until: asker.training_until(at),
            assurance: known(&asker.assurance)?,
        },
    })
}

fn question(
    intent: &Intent,
    grounds: &Grounds,
    agreement: &Agreement,
) -> Result<Query, &'static str> {
    const UNKNOWN: &str = "its question is not understood";
    let window = TimeWindow::new(intent.window.from, intent.window.to).map_err(|_| UNKNOWN)?;
    let purpose = known(&intent.purpose).ok_or(UNKNOWN)?;
    let whom = match &intent.on_behalf_of {
        Some(id) => OnBehalfOf::Organisation(id.clone()),
        None => OnBehalfOf::Own,
    };
    let case = case(&intent.case_reference, agreement).ok_or("its case reference is sealed")?;
    let plate = plate(intent).ok_or("its partial plate is sealed")?;
    let mut query = Query::new(plate, window, purpose, case.clone(), whom).map_err(|_| UNKNOWN)?;
    query = query.with_case_standing(known(&grounds.case_standing).ok_or(UNKNOWN)?);
    if let Some(offence) = &grounds.offence {
        query = query.about(known(offence).ok_or(UNKNOWN)?);
    }
    if grounds.urgent {
        query = query.urgently();
    }
    // That one is named is all a decision asks.
    if grounds.warrant.is_some() {
        query = query.under_warrant(case);
    }
    Ok(query)
}

fn plate(intent: &Intent) -> Option<AskedPlate> {
    let text = intent.plate.expose();
    let whole = || Plate::parse(text).or_else(|_| Plate::parse(SOME_PLATE));
    match known(&intent.match_mode)? {
        MatchMode::Exact => whole().map(AskedPlate::Exact).ok(),
        MatchMode::LookAlike => whole().map(AskedPlate::LookAlike).ok(),
        MatchMode::Partial => PlatePattern::parse(text).map(AskedPlate::Partial).ok(),
    }
}

/// The reference, or any where the agreement takes any.
fn case(recorded: &Personal, agreement: &Agreement) -> Option<CaseRef> {
    let patterns = &agreement.document().case.patterns;
    let any = patterns.iter().any(|pattern| pattern.as_str() == "*");
    match CaseRef::parse(recorded.expose()) {
        Ok(case) => Some(case),
        Err(_) if any => CaseRef::parse(SOME_CASE).ok(),
        Err(_) => None,
    }
}

/// A word of a closed vocabulary.
fn known<T: DeserializeOwned>(word: impl AsRef<str>) -> Option<T> {
    serde_json::from_value(Value::from(word.as_ref())).ok()
}

fn compare(recorded: &Decision, again: &Decision) -> Outcome {
    let verdict = |decision: &Decision| crate::federation::word(&decision.verdict);
    let agreement = |decision: &Decision| decision.agreement.clone().unwrap_or_default();
    let list = |names: &[String]| names.join(", ");
    let parts = [
        ("verdict", verdict(recorded), verdict(again)),
        ("agreement", agreement(recorded), agreement(again)),
        ("rules", list(&recorded.rules), list(&again.rules)),
        (
            "obligations",
            list(&recorded.obligations),
            list(&again.obligations),
        ),
    ];
    let different: Vec<_> = parts
        .into_iter()
        .filter(|(_, recorded, again)| recorded != again)
        .collect();
    if different.is_empty() {
        Outcome::Same
    } else {
        Outcome::Different(different)
    }
}
