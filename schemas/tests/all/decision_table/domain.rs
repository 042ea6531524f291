//! The domain: every value of everything a decision depends on, and the decision for a combination of them.

use std::{cell::RefCell, collections::BTreeSet, collections::HashMap};

use jiff::{SignedDuration, Timestamp};
use turnpike_schemas::{
    agreement::{
        Action, Agreement, AgreementDocument, Excess, Field, OnBehalfRule, Organisation,
        OrganisationClass, Requester, Role, Rule, Status,
    },
    plate::{Plate, PlatePattern},
    query::{AskedPlate, CaseRef, OnBehalfOf, Purpose, Query, TimeWindow},
};

use super::facets;
use crate::reference;

pub(crate) const DAY: i64 = 24 * 3600;

/// Most reads of every permit of the reference agreement.
pub(crate) const MAX_READS: u32 = 200;

/// One thing a decision depends on. The number is its position in a [`Case`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dim {
    Status,
    Time,
    Action,
    Purpose,
    Roles,
    Class,
    Area,
    Behalf,
    Plate,
    Window,
    Excess,
    Offence,
    Subject,
    Listing,
    Case,
    Declaration,
    Warrant,
    Tier,
}

/// How many dimensions there are.
pub(crate) const DIMS: usize = 18;

impl Dim {
    pub(crate) const ALL: [Self; DIMS] = [
        Self::Status,
        Self::Time,
        Self::Action,
        Self::Purpose,
        Self::Roles,
        Self::Class,
        Self::Area,
        Self::Behalf,
        Self::Plate,
        Self::Window,
        Self::Excess,
        Self::Offence,
        Self::Subject,
        Self::Listing,
        Self::Case,
        Self::Declaration,
        Self::Warrant,
        Self::Tier,
    ];
}

/// One value number per [`Dim`].
pub(crate) type Case = [usize; DIMS];

/// What came of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    Refused(Rule),
    /// The question cannot be built, so no agreement ever sees it.
    NoQuestion,
    /// With the window granted, in seconds from now, where it is not the window asked for.
    Permitted {
        cut: Option<(i64, i64)>,
    },
    Kept {
        days: i64,
    },
}

pub(crate) const STATUSES: [Status; 3] = [Status::Active, Status::Suspended, Status::Revoked];

pub(crate) const TIMES: [&str; 8] = [
    "before effective_from",
    "effective_from",
    "in between",
    "1 ns before review_due",
    "review_due",
    "1 ns before effective_until",
    "effective_until",
    "after effective_until",
];

pub(crate) const ACTIONS: [&str; 7] = [
    "query",
    "query, not listed",
    "image",
    "image, not listed",
    "image, listed without the field",
    "alert",
    "alert, not listed",
];

pub(crate) const AREAS: [&str; 4] = ["US-OH", "CA-ON", "US", "US-GA"];

/// For the six questions, and whether the agreement says `both_allowed`.
pub(crate) const BEHALF: [&str; 8] = [
    "self",
    "self, but another resolved",
    "other, not resolved",
    "other, but a third resolved",
    "other, listed",
    "other, listed, in CA-ON",
    "other, class not listed",
    "other, jurisdiction not listed",
];

pub(crate) const PLATES: [&str; 6] = [
    "exact",
    "look-alike, allowed",
    "look-alike, not allowed",
    "partial, not allowed",
    "partial, 4 known where 5 are needed",
    "partial, 5 known",
];

/// How many of [`WINDOWS`] are short enough for a partial plate.
pub(crate) const PARTIAL_WINDOWS: usize = 20;

/// Windows, in seconds from now; the last ones are too wide for any partial plate.
pub(crate) const WINDOWS: [(i64, i64); 25] = [
    (-DAY, 0),
    (-7 * DAY + 1, 0),
    (-7 * DAY, 0),
    (-7 * DAY - 1, 0),
    (-30 * DAY + 1, 0),
    (-30 * DAY, 0),
    (-30 * DAY - 1, 0),
    (-31 * DAY, 0),
    (-90 * DAY + 1, -89 * DAY),
    (-90 * DAY, -89 * DAY),
    (-90 * DAY - 1, -89 * DAY),
    (-100 * DAY, -80 * DAY),
    (-91 * DAY, -90 * DAY + 1),
    (-91 * DAY, -90 * DAY),
    (-91 * DAY, -90 * DAY - 1),
    (-200 * DAY, -190 * DAY),
    (-DAY, DAY),
    (-29 * DAY, DAY),
    (-30 * DAY, 1),
    (DAY, 2 * DAY),
    (-31 * DAY - 1, 0),
    (-90 * DAY, 0),
    (-200 * DAY, 0),
    (-10 * DAY, 1000 * DAY),
    (DAY, 1000 * DAY),
];

pub(crate) const EXCESSES: [Excess; 2] = [Excess::Cut, Excess::Refuse];

pub(crate) const INGESTS: [&str; 2] = ["ingest, retention 30 days", "ingest, not listed"];

/// Sets of roles: each alone, none, and one that may ask with one that may not.
pub(crate) fn role_sets() -> Vec<BTreeSet<Role>> {
    let mut sets: Vec<BTreeSet<Role>> = Role::ALL.map(|role| BTreeSet::from([role])).into();
    sets.push(BTreeSet::new());
    sets.push(BTreeSet::from([Role::Supervisor, Role::Auditor]));
    sets
}

/// How many values a dimension has.
pub(crate) fn size(dim: Dim) -> usize {
    match dim {
        Dim::Status => STATUSES.len(),
        Dim::Time => TIMES.len(),
        Dim::Action => ACTIONS.len(),
        Dim::Purpose => Purpose::ALL.len(),
        Dim::Roles => role_sets().len(),
        Dim::Class => OrganisationClass::ALL.len(),
        Dim::Area => AREAS.len(),
        Dim::Behalf => 2 * BEHALF.len(),
        Dim::Plate => PLATES.len(),
        Dim::Window => WINDOWS.len(),
        Dim::Excess => EXCESSES.len(),
        Dim::Offence => facets::offences().len(),
        Dim::Subject => facets::SUBJECTS.iter().product(),
        Dim::Listing => facets::LISTINGS.len(),
        Dim::Case => facets::CASES.iter().product(),
        Dim::Declaration => facets::DECLARATIONS.iter().product(),
        Dim::Warrant => facets::WARRANTS.iter().product(),
        Dim::Tier => facets::TIERS.len(),
    }
}

/// Every document, requester and question of tables 1 to 3, built once; others when they are met.
pub(crate) struct World {
    agreements: Vec<Agreement>,
    requesters: Vec<Requester>,
    queries: Vec<Option<Query>>,
    times: [Timestamp; 8],
    met: RefCell<HashMap<[usize; 11], Agreement>>,
}

/// More documents than this are not kept.
const KEPT: usize = 4_096;

const AGREEMENTS: [usize; 5] = [3, ACTIONS.len(), 2, 6, 2];
const REQUESTERS: [usize; 4] = [9, 4, 4, 8];
const QUERIES: [usize; 5] = [8, 14, 2, 6, 25];

impl World {
    pub(crate) fn new() -> Self {
        let times = times();
        Self {
            agreements: combinations(AGREEMENTS, agreement_of),
            requesters: combinations(REQUESTERS, requester_of),
            queries: combinations(QUERIES, |point| query_of(point, &times)),
            times,
            met: RefCell::default(),
        }
    }

    pub(crate) fn decide(&self, case: &Case) -> Outcome {
        self.with(case, outcome).unwrap_or(Outcome::NoQuestion)
    }

    /// Hands what is asked in a case over: agreement, number of the action, requester, question and time. Nothing where the
    /// question cannot be built.
    pub(crate) fn with<T>(
        &self,
        case: &Case,
        look: impl FnOnce(&Agreement, usize, &Requester, &Query, Timestamp) -> T,
    ) -> Option<T> {
        let at = |dim: Dim| case[dim as usize];
        let asked = at(Dim::Behalf) % BEHALF.len();
        let other = usize::from(asked >= 2);
        let (plate, window) = (at(Dim::Plate), at(Dim::Window));
        let query = [at(Dim::Time), at(Dim::Purpose), other, plate, window];
        let query = self.queries[number(QUERIES, query)].as_ref()?;
        let requester = [at(Dim::Roles), at(Dim::Class), at(Dim::Area), asked];
        let requester = &self.requesters[number(REQUESTERS, requester)];
        let now = self.times[at(Dim::Time)];
        let base = [
            at(Dim::Status),
            at(Dim::Action),
            at(Dim::Behalf) / BEHALF.len(),
            plate,
            at(Dim::Excess),
        ];
        if case.iter().skip(Dim::Offence as usize).all(|it| *it == 0) {
            let agreement = &self.agreements[number(AGREEMENTS, base)];
            return Some(look(agreement, at(Dim::Action), requester, query, now));
        }
        let requester = facets::requester(requester, at(Dim::Subject));
        let query = facets::query(query, case);
        let key = facets::document_key(base, case);
        let mut met = self.met.borrow_mut();
        if met.len() >= KEPT {
            met.clear();
        }
        let agreement = met.entry(key).or_insert_with(|| {
            let plain = &self.agreements[number(AGREEMENTS, base)];
            facets::agreement(plain.document().clone(), case)
        });
        Some(look(agreement, at(Dim::Action), &requester, &query, now))
    }
}

/// What is asked for, by its number in [`ACTIONS`].
pub(crate) fn asked_of(action: usize) -> Action {
    match action {
        0..2 => Action::Query,
        2..5 => Action::Image,
        _ => Action::Alert,
    }
}

fn outcome(
    agreement: &Agreement,
    action: usize,
    requester: &Requester,
    query: &Query,
    now: Timestamp,
) -> Outcome {
    let granted = match asked_of(action) {
        Action::Query => agreement.permit(requester, query, now).map(|permit| {
            assert_eq!(permit.max_reads(), MAX_READS);
            permit.window()
        }),
        Action::Image => {
            let permit = agreement.image_permit(requester, query, now);
            permit.map(|permit| permit.window())
        }
        Action::Alert | Action::Ingest => {
            let permit = agreement.alert_permit(requester, query, now);
            permit.map(|permit| permit.window())
        }
    };
    match granted {
        Ok(window) => permitted(query, window, now),
        Err(refusal) => Outcome::Refused(refusal.rule),
    }
}

/// An agreement under which reads may be taken in, or not, and when that is decided.
pub(crate) fn ingest(status: usize, time: usize, listed: bool) -> (Agreement, Timestamp) {
    let agreement = reference::agreement(|document| {
        document.status = STATUSES[status];
        if !listed {
            document.actions.remove(&Action::Ingest);
        }
    });
    (agreement, times()[time])
}

/// The decision whether reads may be taken in.
pub(crate) fn decide_ingest(status: usize, time: usize, listed: bool) -> Outcome {
    let (agreement, now) = ingest(status, time, listed);
    match agreement.ingest_permit(now) {
        Ok(permit) => Outcome::Kept {
            days: permit
                .keep_until(reference::now())
                .duration_since(reference::now())
                .as_hours()
                / 24,
        },
        Err(refusal) => Outcome::Refused(refusal.rule),
    }
}

fn permitted(query: &Query, granted: TimeWindow, now: Timestamp) -> Outcome {
    let seconds = |at: Timestamp| {
        let offset = at.duration_since(now);
        assert_eq!(offset.subsec_nanos(), 0, "windows are cut at whole seconds");
        offset.as_secs()
    };
    Outcome::Permitted {
        cut: (granted != query.window()).then(|| (seconds(granted.from()), seconds(granted.to()))),
    }
}

fn times() -> [Timestamp; 8] {
    let document = reference::document();
    let (from, until) = (document.effective_from, document.effective_until);
    let review = document.review_due;
    let instant = SignedDuration::from_nanos(1);
    let day = SignedDuration::from_secs(DAY);
    [
        from - instant,
        from,
        reference::now(),
        review - instant,
        review,
        until - instant,
        until,
        until + day,
    ]
}

fn agreement_of([status, action, rule, plate, excess]: [usize; 5]) -> Agreement {
    reference::agreement(|document| {
        document.status = STATUSES[status];
        document.how_far.excess = EXCESSES[excess];
        document.who.on_behalf_of = [OnBehalfRule::BothAllowed, OnBehalfRule::Refuse][rule];
        facets::plain(document);
        without_action(document, action);
        match PLATES[plate] {
            "look-alike, not allowed" => document.plates.look_alike = false,
            "partial, not allowed" => document.plates.partial = None,
            _ => {}
        }
    })
}

fn without_action(document: &mut AgreementDocument, action: usize) {
    match ACTIONS[action] {
        "query, not listed" => document.actions.remove(&Action::Query),
        "image, not listed" => document.actions.remove(&Action::Image),
        "image, listed without the field" => document.what.fields.remove(&Field::Images),
        "alert" => {
            reference::alerts(document);
            true
        }
        _ => true,
    };
}

fn requester_of([roles, class, area, asked]: [usize; 4]) -> Requester {
    Requester {
        subject: "j.doe".to_owned(),
        organisation: reference::organisation(
            "brookdale-police",
            OrganisationClass::ALL[class],
            AREAS[area],
        ),
        roles: role_sets()[roles].clone(),
        on_behalf_of: resolved(BEHALF[asked]),
        attributes: reference::attributes(),
    }
}

fn resolved(asked: &str) -> Option<Organisation> {
    let (id, class, area) = match asked {
        "self" | "other, not resolved" => return None,
        "other, but a third resolved" => {
            ("otherton-police", OrganisationClass::StateLocal, "US-OH")
        }
        "other, listed, in CA-ON" => ("harbor-sheriff", OrganisationClass::StateLocal, "CA-ON"),
        "other, class not listed" => ("harbor-sheriff", OrganisationClass::Private, "US-OH"),
        "other, jurisdiction not listed" => {
            ("harbor-sheriff", OrganisationClass::StateLocal, "US-GA")
        }
        _ => ("harbor-sheriff", OrganisationClass::StateLocal, "US-OH"),
    };
    Some(reference::organisation(id, class, area))
}

fn query_of(
    [time, purpose, other, plate, window]: [usize; 5],
    times: &[Timestamp; 8],
) -> Option<Query> {
    let exact = || Plate::parse("TPK0421").unwrap();
    let pattern = |text| AskedPlate::Partial(PlatePattern::parse(text).unwrap());
    let plate = match PLATES[plate] {
        "exact" => AskedPlate::Exact(exact()),
        "partial, 4 known where 5 are needed" => pattern("TPK0???"),
        "partial, 5 known" | "partial, not allowed" => pattern("TPK04??"),
        _ => AskedPlate::LookAlike(exact()),
    };
    let (from, to) = WINDOWS[window];
    let for_whom = ["self", "harbor-sheriff"][other];
    Query::new(
        plate,
        reference::window_at(times[time], from, to),
        Purpose::ALL[purpose],
        CaseRef::parse("BRK-2026-000042").unwrap(),
        OnBehalfOf::try_from(for_whom.to_owned()).unwrap(),
    )
    .ok()
    .map(|query| query.about(facets::ENOUGH))
}

/// `make` of every point, the last value changing fastest.
fn combinations<T, const N: usize>(sizes: [usize; N], make: impl Fn([usize; N]) -> T) -> Vec<T> {
    (0..sizes.iter().product())
        .map(|number| make(point(sizes, number)))
        .collect()
}

/// The point with a number.
pub(crate) fn point<const N: usize>(sizes: [usize; N], mut number: usize) -> [usize; N] {
    let mut point = [0; N];
    for (value, size) in point.iter_mut().zip(sizes).rev() {
        *value = number % size;
        number /= size;
    }
    point
}

fn number<const N: usize>(sizes: [usize; N], point: [usize; N]) -> usize {
    sizes
        .into_iter()
        .zip(point)
        .fold(0, |number, (size, value)| number * size + value)
}
