//! Two engines that must both permit.

mod guards;
mod sets;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use turnpike_schemas::{
    agreement::{
        Action, Agreement, AgreementDocument, AlertPermit, Alerts, Assurance, Attributes,
        Organisation, OrganisationClass, Permit, Requester, Role,
    },
    plate::{Jurisdiction, Plate},
    query::{AskedPlate, CaseRef, OnBehalfOf, Purpose, Query, TimeWindow},
};

use super::*;

const DAY: i64 = 24 * 3600;

fn now() -> Timestamp {
    "2026-07-01T12:00:00Z".parse().unwrap()
}

fn document() -> AgreementDocument {
    toml::from_str(include_str!(
        "../../../../schemas/tests/all/reference-agreement.toml"
    ))
    .unwrap()
}

fn agreement(change: impl FnOnce(&mut AgreementDocument)) -> Agreement {
    let mut document = document();
    change(&mut document);
    document.validate().unwrap()
}

fn organisation(id: &str, class: OrganisationClass, area: &str) -> Organisation {
    Organisation {
        id: id.to_owned(),
        class,
        jurisdiction: Jurisdiction::parse(area).unwrap(),
    }
}

fn requester(class: OrganisationClass) -> Requester {
    Requester {
        subject: "j.doe".to_owned(),
        organisation: organisation("brookdale-police", class, "US-OH"),
        roles: BTreeSet::from([Role::Investigator]),
        on_behalf_of: None,
        attributes: Attributes {
            sworn: true,
            training_until: Some("2026-12-31".parse().unwrap()),
            assurance: Assurance::Aal2,
        },
    }
}

fn query(purpose: Purpose, from_s: i64) -> Query {
    let from = now() + SignedDuration::from_secs(from_s);
    Query::new(
        AskedPlate::Exact(Plate::parse("TPK0421").unwrap()),
        TimeWindow::new(from, now()).unwrap(),
        purpose,
        CaseRef::parse("BRK-2026-000042").unwrap(),
        OnBehalfOf::Own,
    )
    .unwrap()
}

fn policy(agreements: &[&Agreement]) -> Policy {
    let policy = Policy::new(&PolicySource::default()).unwrap();
    for agreement in agreements {
        policy.learn(agreement).unwrap();
    }
    policy
}

fn decide(policy: &Policy, agreement: &Agreement, query: &Query) -> Decided<Permit> {
    let requester = requester(OrganisationClass::StateLocal);
    policy.decide(agreement, &policy.asking(&requester), query, now())
}

fn refused(decided: &Decided<Permit>) -> Option<Rule> {
    decided.decision.as_ref().err().map(|refusal| refusal.rule)
}

#[test]
fn both_engines_permit_and_both_are_on_record() {
    let agreement = agreement(|_| {});
    let policy = policy(&[&agreement]);
    let decided = decide(&policy, &agreement, &query(Purpose::StolenVehicle, -DAY));
    assert!(decided.decision.is_ok() && decided.record.permitted());
    assert_eq!(decided.alarm, None);
    let [native, cedar] = decided.record.verdicts.as_slice() else {
        panic!("{:?}", decided.record)
    };
    assert_eq!((native.engine, native.permit), (Engine::Native, true));
    assert_eq!((cedar.engine, cedar.permit), (Engine::Cedar, true));
    assert_eq!(cedar.policies, ["query"]);
    assert!(cedar.version.starts_with("4."));
    assert_eq!(decided.record.max_reads, Some(200));
}

#[test]
fn a_refusal_names_the_rule_of_one_engine_and_the_policies_of_the_other() {
    let agreement = agreement(|_| {});
    let policy = policy(&[&agreement]);
    let decided = decide(
        &policy,
        &agreement,
        &query(Purpose::ImmigrationEnforcement, -DAY),
    );
    assert_eq!(refused(&decided), Some(Rule::PurposeProhibited));
    assert_eq!(decided.alarm, None);
    assert_eq!(decided.record.verdicts[1].policies, ["prohibited", "why"]);
    assert_eq!(decided.record.window, None);
}

#[test]
fn a_window_that_is_cut_is_within_the_agreement_for_both() {
    let agreement = agreement(|_| {});
    let policy = policy(&[&agreement]);
    let decided = decide(
        &policy,
        &agreement,
        &query(Purpose::StolenVehicle, -200 * DAY),
    );
    let granted = decided.record.window.unwrap();
    assert_eq!(granted.from(), now() - SignedDuration::from_secs(30 * DAY));
}

#[test]
fn an_agreement_that_was_not_learned_permits_nothing_and_raises_an_alarm() {
    let (known, unknown) = (
        agreement(|_| {}),
        agreement(|document| document.version += 1),
    );
    let policy = policy(&[&known]);
    let decided = decide(&policy, &unknown, &query(Purpose::StolenVehicle, -DAY));
    assert_eq!(refused(&decided), Some(Rule::PolicyError));
    assert!(!decided.record.permitted());
    assert_eq!(decided.alarm.unwrap().rule, Rule::PolicyError);
    let ingest = policy.decide_ingest(&unknown, now());
    assert_eq!(ingest.decision.unwrap_err().rule, Rule::PolicyError);
    assert!(policy.decide_ingest(&known, now()).decision.is_ok());
}

#[test]
fn an_alarm_names_no_person_no_plate_and_no_case() {
    let agreement = agreement(|_| {});
    let policy = policy(&[]);
    let decided = decide(&policy, &agreement, &query(Purpose::StolenVehicle, -DAY));
    let told = format!("{:?}", decided.alarm.unwrap());
    for personal in ["j.doe", "TPK", "BRK"] {
        assert!(!told.contains(personal), "{told}");
    }
}

#[test]
fn forms_of_case_references_are_read_as_in_an_agreement() {
    use turnpike_schemas::agreement::CasePattern;
    let forms = [
        "*",
        "BRK-####-######",
        "HSO-*",
        "@@*9",
        "*-*",
        "**",
        "brk*",
        "####",
    ];
    let cases = [
        "BRK-2026-000042",
        "BRK-2026-42",
        "HSO-1",
        "hso-9",
        "AB9",
        "A19",
        "2026",
        "brk1",
        "1",
    ];
    for form in forms {
        let pattern = CasePattern::try_from(form.to_owned()).unwrap();
        for case in cases {
            let reference = CaseRef::parse(case);
            let Ok(reference) = reference else { continue };
            let wanted = pattern.matches(&reference);
            assert_eq!(question::has_form(form, case), wanted, "{form} {case}");
        }
    }
}

#[test]
fn words_of_the_schema_are_the_words_of_the_vocabulary() {
    let schema = &PolicySource::default().schema;
    let listed = |name: &str| -> BTreeSet<String> {
        let (_, list) = schema.split_once(&format!("entity {name} enum [")).unwrap();
        let list = list.split(']').next().unwrap();
        list.split('"')
            .skip(1)
            .step_by(2)
            .map(ToOwned::to_owned)
            .collect()
    };
    fn words<T: serde::Serialize>(all: &[T]) -> BTreeSet<String> {
        all.iter().map(crate::federation::word).collect()
    }
    use turnpike_schemas::{
        agreement::Field,
        query::{CaseStanding, Offence},
    };
    assert_eq!(listed("Purpose"), words(&Purpose::ALL));
    assert_eq!(listed("Role"), words(&Role::ALL));
    assert_eq!(listed("OrganisationClass"), words(&OrganisationClass::ALL));
    assert_eq!(listed("Field"), words(&Field::ALL));
    assert_eq!(listed("Offence"), words(&Offence::ALL));
    assert_eq!(listed("CaseStanding"), words(&CaseStanding::ALL));
    let criminal = PolicySource::default().policies;
    let (_, criminal) = criminal.split_once("(![").unwrap();
    let criminal: BTreeSet<String> = criminal
        .split(']')
        .next()
        .unwrap()
        .split('"')
        .skip(1)
        .step_by(2)
        .map(ToOwned::to_owned)
        .collect();
    let about_one: Vec<Purpose> = Purpose::ALL
        .into_iter()
        .filter(|purpose| purpose.is_criminal())
        .collect();
    assert_eq!(criminal, words(&about_one));
}

fn alerts(document: &mut AgreementDocument) {
    document.actions.insert(Action::Alert);
    document.alerts = Some(Alerts {
        max_days: 30,
        confirm_days: 7,
        second_approval: false,
    });
}

fn tell(policy: &Policy, agreement: &Agreement, purpose: Purpose) -> Decided<AlertPermit> {
    let requester = requester(OrganisationClass::StateLocal);
    let asking = policy.asking(&requester);
    policy.decide_alert(agreement, &asking, &query(purpose, -DAY), now())
}

#[test]
fn being_told_takes_both_engines_and_an_agreement_that_lists_it() {
    let (without, with) = (agreement(|_| {}), agreement(alerts));
    let policy = policy(&[&without, &with]);
    let told = tell(&policy, &with, Purpose::StolenVehicle);
    assert_eq!(told.alarm, None);
    assert_eq!(told.record.verdicts[1].policies, ["alert"]);
    let permit = told.decision.unwrap();
    assert_eq!(Some(permit.window()), told.record.window);
    assert!(!told.record.obligations.is_empty());
    let told = tell(&policy, &without, Purpose::StolenVehicle);
    assert_eq!(told.alarm, None);
    assert_eq!(told.decision.unwrap_err().rule, Rule::ActionNotAllowed);
    let told = tell(&policy, &with, Purpose::ImmigrationEnforcement);
    assert_eq!(told.alarm, None);
    assert_eq!(told.decision.unwrap_err().rule, Rule::PurposeProhibited);
}

#[test]
fn policies_from_before_there_were_alerts_decide_what_they_decided_and_no_alert() {
    let now = PolicySource::default();
    let (before, rest) = now.policies.split_once("@id(\"alert\")").unwrap();
    let (_, after) = rest.split_once("@id(\"ingest\")").unwrap();
    let earlier = PolicySource {
        policies: format!("{before}@id(\"ingest\"){after}"),
        schema: now
            .schema
            .replace(", alert: Bool", "")
            .replace("action query, image, alert", "action query, image"),
        ..now.clone()
    };
    assert_ne!(earlier.schema, now.schema);
    let policy = Policy::new(&earlier).unwrap();
    let agreement = agreement(alerts);
    policy.learn(&agreement).unwrap();
    let decided = decide(&policy, &agreement, &query(Purpose::StolenVehicle, -DAY));
    assert!(decided.decision.is_ok() && decided.alarm.is_none());
    let told = tell(&policy, &agreement, Purpose::StolenVehicle);
    assert_eq!(told.decision.unwrap_err().rule, Rule::PolicyError);
    assert!(told.alarm.is_some());
}
