//! Each guard, and what comes out without it. A guard whose removal changes nothing would be no guard.
//!
//! One engine alone would catch most of this, so each test also breaks the other one in the same place: the evaluator of
//! `schemas` decides under a document that says more than the one the second engine knows.

use std::collections::{HashMap, HashSet};

use cedar_policy::{Entities, Entity, RestrictedExpression};

use turnpike_schemas::query::Offence;

use super::*;
use crate::policy::guards::Guards;

type Attributes = HashMap<String, RestrictedExpression>;

/// The first engine decides under `lax`, as if it had a defect; the second one knows something else of it.
struct Broken {
    policy: Policy,
    lax: Agreement,
}

impl Broken {
    fn new(guards: Guards, lax: Agreement, known: Prepared) -> Self {
        let mut policy = policy(&[]);
        policy.guards = guards;
        let digest = lax.sha256().to_owned();
        policy
            .known
            .write()
            .unwrap()
            .insert(digest, Arc::new(known));
        Self { policy, lax }
    }

    fn decide(&self, requester: &Requester, purpose: Purpose) -> Decided<Permit> {
        let asking = self.policy.asking(requester);
        let query = query(purpose, -DAY);
        self.policy.decide(&self.lax, &asking, &query, now())
    }
}

/// An entity of an agreement that lists and prohibits everything the reference one prohibits, after `change`.
fn prepared(schema: bool, change: impl FnOnce(&mut Attributes)) -> Result<Prepared, Fault> {
    let cedar = Cedar::new(&PolicySource::default()).unwrap();
    let names = super::super::entities::Names::new(true);
    let agreement = permissive(|_| {});
    let mut attributes =
        names.of_agreement(agreement.document(), super::super::entities::id(&agreement));
    change(&mut attributes);
    let mut entities = names.agreement(&agreement).unwrap();
    let uid = entities[0].uid();
    entities[0] = Entity::new(uid.clone(), attributes, HashSet::new()).unwrap();
    let schema = schema.then_some(cedar.schema(Guards::default()).unwrap());
    let entities = Entities::from_entities(entities, schema).map_err(|_| Fault::Entity)?;
    Ok(Prepared::of(uid, entities, vec!["*".to_owned()]))
}

/// Says the same of who may ask, and lists no prohibition.
fn prohibits_nothing() -> Agreement {
    permissive(|document| document.why.prohibited.clear())
}

/// Lists every purpose, prohibits what the reference agreement does, and asks for nothing else.
fn permissive(change: impl FnOnce(&mut AgreementDocument)) -> Agreement {
    agreement(|document| {
        document.why.purposes = Purpose::ALL.into();
        let offences = Offence::ALL.into();
        document.why.offences = Purpose::ALL
            .into_iter()
            .filter(|purpose| purpose.is_criminal())
            .map(|purpose| (purpose, BTreeSet::clone(&offences)))
            .collect();
        document.case.patterns = [String::from("*")]
            .map(|form| form.try_into().unwrap())
            .into();
        change(document);
    })
}

fn alarmed(decided: &Decided<Permit>) -> Rule {
    assert!(decided.decision.is_err() && !decided.record.permitted());
    decided.alarm.as_ref().expect("an alarm").rule
}

/// G1. A forbid that ends in an error is skipped by Cedar: the organisation is unknown to it, so `who` forbids nothing.
#[test]
fn an_error_in_a_policy_refuses() {
    let lax =
        || permissive(|document| document.who.organisation_classes = OrganisationClass::ALL.into());
    let requester = requester(OrganisationClass::Private);
    let ask = |guards| {
        let known = prepared(true, |_| {}).unwrap();
        let broken = Broken::new(guards, lax(), known);
        let mut asking = broken.policy.asking(&requester);
        asking.forget_organisations();
        let query = query(Purpose::StolenVehicle, -DAY);
        broken.policy.decide(&broken.lax, &asking, &query, now())
    };
    let wrong = ask(Guards::without(Guard::Errors));
    assert!(wrong.decision.is_ok(), "a private organisation was served");
    let decided = ask(Guards::default());
    assert_eq!(alarmed(&decided), Rule::PolicyError);
    let said = format!("{:?}", decided.alarm);
    assert!(said.contains("error in declaration, who"), "{said}");
}

/// G2. A prohibition spelled as text and not as a purpose is no prohibition; it does not even end in an error.
#[test]
fn what_does_not_fit_the_schema_is_not_looked_at() {
    let misspelled = |attributes: &mut Attributes| {
        let word = RestrictedExpression::new_string("immigration_enforcement".to_owned());
        attributes.insert(
            "prohibited".to_owned(),
            RestrictedExpression::new_set([word]),
        );
    };
    let requester = requester(OrganisationClass::StateLocal);
    let known = prepared(false, misspelled).unwrap();
    let broken = Broken::new(Guards::without(Guard::Schema), prohibits_nothing(), known);
    let wrong = broken.decide(&requester, Purpose::ImmigrationEnforcement);
    assert!(wrong.decision.is_ok(), "a prohibited purpose was served");
    assert_eq!(prepared(true, misspelled).unwrap_err(), Fault::Entity);
    // What was refused at load is not known, and asking under it refuses.
    let decided = decide(
        &policy(&[]),
        &prohibits_nothing(),
        &query(Purpose::ImmigrationEnforcement, -DAY),
    );
    assert_eq!(alarmed(&decided), Rule::PolicyError);
}

/// G2, for questions: a purpose outside of the vocabulary is on no list of prohibitions.
#[test]
fn a_role_that_does_not_exist_is_not_looked_at() {
    let cedar = Cedar::new(&PolicySource::default()).unwrap();
    let schema = cedar.schema(Guards::default());
    let invented = r#"[{"uid":{"type":"User","id":"x"},"attrs":{"organisation":{"__entity":{"type":"Organisation","id":"o"}},
        "roles":[{"__entity":{"type":"Role","id":"owner"}}],"sworn":true,"assurance":2},"parents":[]}]"#;
    assert!(Entities::from_json_str(invented, None).is_ok());
    assert!(Entities::from_json_str(invented, schema).is_err());
}

/// G2, for the facts of questions: those of one shape that fit are noted, and that says nothing of another shape.
#[test]
fn a_word_the_schema_lacks_is_refused_however_often_it_is_asked() {
    let narrow = PolicySource {
        schema: PolicySource::default()
            .schema
            .replace("\"missing_person\", ", ""),
        ..PolicySource::default()
    };
    let agreement = agreement(|_| {});
    let policy = Policy::new(&narrow).unwrap();
    // Learned by a schema that has the word, as its own list of purposes names it.
    let known = Cedar::new(&PolicySource::default())
        .unwrap()
        .prepare(&agreement, Guards::default());
    let known = BTreeMap::from([(agreement.sha256().to_owned(), Arc::new(known.unwrap()))]);
    *policy.known.write().unwrap() = known;
    for _ in 0..2 {
        let fits = decide(&policy, &agreement, &query(Purpose::StolenVehicle, -DAY));
        assert!(fits.decision.is_ok(), "{:?}", fits.alarm);
        let decided = decide(&policy, &agreement, &query(Purpose::MissingPerson, -DAY));
        assert_eq!(alarmed(&decided), Rule::PolicyError);
    }
}

/// G3. Were the list optional, as it easily is, an agreement without it would prohibit nothing.
#[test]
fn a_missing_list_of_prohibitions_is_an_error_and_not_an_empty_one() {
    let optional = PolicySource {
        schema: PolicySource::default()
            .schema
            .replace("prohibited: Set", "prohibited?: Set"),
        policies: PolicySource::default().policies.replace(
            "when { resource.prohibited.contains(context.purpose) }",
            "when { resource has prohibited && resource.prohibited.contains(context.purpose) }",
        ),
        ..PolicySource::default()
    };
    assert_ne!(optional, PolicySource::default());
    let forget = |attributes: &mut Attributes| {
        attributes.remove("prohibited");
    };
    let known = prepared(false, forget).unwrap();
    let mut broken = Broken::new(Guards::default(), prohibits_nothing(), known);
    broken.policy.cedar = Cedar::new(&optional).unwrap();
    let requester = requester(OrganisationClass::StateLocal);
    let wrong = broken.decide(&requester, Purpose::ImmigrationEnforcement);
    assert!(wrong.decision.is_ok(), "a prohibited purpose was served");
    assert_eq!(prepared(true, forget).unwrap_err(), Fault::Entity);
    // With the real policies it is an error as well, had it been loaded somehow.
    broken.policy.cedar = Cedar::new(&PolicySource::default()).unwrap();
    let decided = broken.decide(&requester, Purpose::ImmigrationEnforcement);
    assert_eq!(alarmed(&decided), Rule::PolicyError);
    let mut written: toml::Table = toml::from_str(include_str!(
        "../../../../schemas/tests/all/reference-agreement.toml"
    ))
    .unwrap();
    written["why"].as_table_mut().unwrap().remove("prohibited");
    assert!(written.try_into::<AgreementDocument>().is_err());
}

/// G4, the first engine wrong: it permits what the second refuses.
#[test]
fn a_permit_of_the_first_engine_alone_is_no_permit() {
    let requester = requester(OrganisationClass::StateLocal);
    let ask = |guards| {
        let broken = Broken::new(guards, prohibits_nothing(), prepared(true, |_| {}).unwrap());
        broken.decide(&requester, Purpose::ImmigrationEnforcement)
    };
    let wrong = ask(Guards::without(Guard::Agreement));
    assert!(wrong.decision.is_ok(), "a prohibited purpose was served");
    assert_eq!(alarmed(&ask(Guards::default())), Rule::EnginesDisagree);
}

/// G4, the second engine wrong: the refusal of the first stands, and somebody is told.
#[test]
fn a_permit_of_the_second_engine_alone_is_no_permit_and_somebody_is_told() {
    let silent = PolicySource {
        policies: PolicySource::default().policies.replace(
            "when { resource.prohibited.contains(context.purpose) }",
            "when { false }",
        ),
        ..PolicySource::default()
    };
    let agreement = permissive(|_| {});
    let policy = Policy::new(&silent).unwrap();
    policy.learn(&agreement).unwrap();
    // On both lists: what is left once the prohibition is gone is a permission.
    let decided = decide(
        &policy,
        &agreement,
        &query(Purpose::ImmigrationEnforcement, -DAY),
    );
    assert_eq!(alarmed(&decided), Rule::EnginesDisagree);
    assert!(decided.record.verdicts[1].permit);
    assert_eq!(
        decided.record.verdicts[0].rule,
        Some(Rule::PurposeProhibited)
    );
}
