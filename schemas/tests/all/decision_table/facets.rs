//! What a decision depends on besides who, why, when and the window: each facet has a neutral first value.

use jiff::SignedDuration;
use turnpike_schemas::{
    agreement::{
        Agreement, AgreementDocument, Assurance, Declaration, Demand, Register, Requester, Urgent,
    },
    query::{CaseRef, CaseStanding, Offence, Purpose, Query},
};

use super::domain::{Case, Dim, point};
use crate::reference;

/// A type of offence that every purpose about an offence allows, unless it names another by itself.
pub(crate) const ENOUGH: Offence = Offence::Homicide;

/// Sworn officers needed, is one, training needed, trained until, assurance needed, assurance.
pub(crate) const SUBJECTS: [usize; 6] = [2, 2, 2, 4, 3, 3];

/// Last days of training, relative to the day of the question.
pub(crate) const TRAINED: [&str; 4] = ["tomorrow", "today", "yesterday", "never"];

pub(crate) const LISTINGS: [&str; 5] = [
    "*",
    "both",
    "the asking one",
    "the one asked for",
    "neither",
];

/// Form, what the register must say, what it said.
pub(crate) const CASES: [usize; 3] = [2, 3, 4];

pub(crate) const REGISTERS: [Register; 3] = [Register::Flag, Register::Ignore, Register::Require];

/// Of whom it is demanded, what the asking organisation has on file, what the one asked for has.
pub(crate) const DECLARATIONS: [usize; 3] = [3, 4, 4];

pub(crate) const ON_FILE: [&str; 4] = ["none", "ends in 1 ns", "ends now", "ended 1 ns ago"];

/// Of whom it is demanded, whether one is named, whether the question is urgent, whether that counts.
pub(crate) const WARRANTS: [usize; 4] = [3, 2, 2, 2];

pub(crate) const DEMANDS: [Demand; 3] = [Demand::Nobody, Demand::OutsideHome, Demand::Everybody];

pub(crate) const URGENCY: [Urgent; 2] = [Urgent::Accepted, Urgent::LikeAny];

pub(crate) const LEVELS: [Assurance; 3] = [Assurance::Aal2, Assurance::Aal1, Assurance::Aal3];

/// Days after which a supervisor is needed.
pub(crate) const TIERS: [u32; 2] = [36_500, 7];

/// As the purpose needs it, not stated, or one type.
pub(crate) fn offences() -> Vec<Option<Offence>> {
    let mut offences = vec![Some(ENOUGH), None];
    offences.extend(Offence::ALL.map(Some));
    offences
}

/// The reference agreement with every facet at its first value.
pub(crate) fn plain(document: &mut AgreementDocument) {
    document.how_far.supervisor_after_days = TIERS[0];
    document.conditions.declaration = Demand::Nobody;
    document.who.requires.training = false;
}

/// The part of a case that the document is made from.
pub(crate) fn document_key(base: [usize; 5], case: &Case) -> [usize; 11] {
    let at = |dim: Dim| case[dim as usize];
    let [sworn, _, training, _, assurance, _] = point(SUBJECTS, at(Dim::Subject));
    let [_, register, _] = point(CASES, at(Dim::Case));
    let [demand, _, _, counts] = point(WARRANTS, at(Dim::Warrant));
    let [status, action, rule, plate, excess] = base;
    [
        status,
        action,
        rule,
        plate,
        excess,
        (sworn * 2 + training) * 3 + assurance,
        at(Dim::Listing),
        register,
        at(Dim::Declaration),
        demand * 2 + counts,
        at(Dim::Tier),
    ]
}

/// The document of a case.
pub(crate) fn agreement(mut document: AgreementDocument, case: &Case) -> Agreement {
    let at = |dim: Dim| case[dim as usize];
    let [sworn, _, training, _, assurance, _] = point(SUBJECTS, at(Dim::Subject));
    document.who.requires.sworn = sworn == 1;
    document.who.requires.training = training == 1;
    document.who.requires.assurance = LEVELS[assurance];
    let (asking, asked_for) = ("brookdale-police", "harbor-sheriff");
    let listed: &[&str] = match at(Dim::Listing) {
        0 => &["*"],
        1 => &[asking, asked_for],
        2 => &[asking],
        3 => &[asked_for],
        _ => &["otherton-police"],
    };
    document.who.organisations = listed.iter().map(|id| (*id).to_owned()).collect();
    let [_, register, _] = point(CASES, at(Dim::Case));
    document.case.register = REGISTERS[register];
    let [demand, own, other] = point(DECLARATIONS, at(Dim::Declaration));
    document.conditions.declaration = DEMANDS[demand];
    document.conditions.declarations = [(asking, own), (asked_for, other)]
        .into_iter()
        .filter_map(|(organisation, on_file)| declaration(organisation, on_file))
        .collect();
    let [demand, _, _, counts] = point(WARRANTS, at(Dim::Warrant));
    document.conditions.warrant = DEMANDS[demand];
    document.conditions.urgent = URGENCY[counts];
    document.how_far.supervisor_after_days = TIERS[at(Dim::Tier)];
    document.validate().unwrap()
}

fn declaration(organisation: &str, on_file: usize) -> Option<Declaration> {
    let offset = match ON_FILE[on_file] {
        "none" => return None,
        "ends in 1 ns" => 1,
        "ends now" => 0,
        _ => -1,
    };
    Some(Declaration {
        organisation: organisation.to_owned(),
        id: "DECL-1".to_owned(),
        sha256: "0".repeat(64),
        until: reference::now() + SignedDuration::from_nanos(offset),
    })
}

/// The subject of a case.
pub(crate) fn requester(plain: &Requester, subject: usize) -> Requester {
    let [_, sworn, _, trained, _, assurance] = point(SUBJECTS, subject);
    let mut requester = plain.clone();
    requester.attributes.sworn = sworn == 1;
    requester.attributes.training_until = match TRAINED[trained] {
        "tomorrow" => Some("2026-07-02".parse().unwrap()),
        "today" => Some("2026-07-01".parse().unwrap()),
        "yesterday" => Some("2026-06-30".parse().unwrap()),
        _ => None,
    };
    requester.attributes.assurance = LEVELS[assurance];
    requester
}

/// The question of a case.
pub(crate) fn query(plain: &Query, case: &Case) -> Query {
    let at = |dim: Dim| case[dim as usize];
    let [form, _, standing] = point(CASES, at(Dim::Case));
    let reference = ["BRK-2026-000042", "BRK-2026-42"][form];
    let mut query = Query::new(
        plain.plate().clone(),
        plain.window(),
        Purpose::ALL[at(Dim::Purpose)],
        CaseRef::parse(reference).unwrap(),
        plain.on_behalf_of().clone(),
    )
    .unwrap()
    .with_case_standing(CaseStanding::ALL[standing]);
    if let Some(offence) = offences()[at(Dim::Offence)] {
        query = query.about(offence);
    }
    let [_, named, urgent, _] = point(WARRANTS, at(Dim::Warrant));
    if named == 1 {
        query = query.under_warrant(CaseRef::parse("CR-2026-11").unwrap());
    }
    if urgent == 1 { query.urgently() } else { query }
}
