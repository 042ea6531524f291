//! What two engines cost: one decision about one source among 200 agreements by both, by the first alone, and the decisions of
//! a question over 16 sources.
//!
//! `cargo bench -p turnpike-gateway --bench policy`; percentiles of single decisions, one thread.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a program for people, which may end when something fails"
)]

use std::{
    collections::BTreeSet,
    hint::black_box,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use turnpike_gateway::policy::{Policy, PolicySource};
use turnpike_schemas::{
    agreement::{
        Agreement, AgreementDocument, Assurance, Attributes, Organisation, OrganisationClass,
        Requester, Role,
    },
    plate::{Jurisdiction, Plate},
    query::{AskedPlate, CaseRef, OnBehalfOf, Purpose, Query, TimeWindow},
    read::SourceId,
};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const AGREEMENTS: usize = 200;
const SOURCES: usize = 16;
const ROUNDS: usize = 20_000;

fn now() -> Timestamp {
    "2026-07-01T12:00:00Z".parse().unwrap()
}

fn agreements() -> Vec<Agreement> {
    let text = include_str!("../../schemas/tests/all/reference-agreement.toml");
    let document: AgreementDocument = toml::from_str(text).unwrap();
    let numbered = (0..AGREEMENTS).map(|number| {
        let mut document = document.clone();
        document.source = SourceId::parse(&format!("source-{number}")).unwrap();
        document.validate().unwrap()
    });
    numbered.collect()
}

fn requester() -> Requester {
    Requester {
        subject: "j.doe".to_owned(),
        organisation: Organisation {
            id: "brookdale-police".to_owned(),
            class: OrganisationClass::StateLocal,
            jurisdiction: Jurisdiction::parse("US-OH").unwrap(),
        },
        roles: BTreeSet::from([Role::Investigator]),
        on_behalf_of: None,
        attributes: Attributes {
            sworn: true,
            training_until: Some("2026-12-31".parse().unwrap()),
            assurance: Assurance::Aal2,
        },
    }
}

fn query() -> Query {
    Query::new(
        AskedPlate::Exact(Plate::parse("TPK0421").unwrap()),
        TimeWindow::new(now() - SignedDuration::from_hours(72), now()).unwrap(),
        Purpose::StolenVehicle,
        CaseRef::parse("BRK-2026-000042").unwrap(),
        OnBehalfOf::Own,
    )
    .unwrap()
}

/// Runs `round` with its number and prints the percentiles of its time.
fn measure(what: &str, rounds: usize, mut round: impl FnMut(usize)) {
    (0..rounds / 10).for_each(&mut round);
    let mut took: Vec<Duration> = (0..rounds)
        .map(|number| {
            let started = Instant::now();
            round(number);
            started.elapsed()
        })
        .collect();
    took.sort_unstable();
    let at = |share: usize| took[(took.len() - 1) * share / 1_000].as_nanos() as f64 / 1_000.0;
    println!(
        "{what:<58} p50 {:>8.1} us   p99 {:>8.1} us   worst of {rounds}: {:.1} us",
        at(500),
        at(990),
        at(1_000)
    );
}

fn main() {
    let agreements = agreements();
    let policy = Policy::new(&PolicySource::default()).unwrap();
    let loading = Instant::now();
    for agreement in &agreements {
        policy.learn(agreement).unwrap();
    }
    let each = loading.elapsed() / u32::try_from(AGREEMENTS).unwrap();
    println!("{AGREEMENTS} agreements, each made an entity and checked in {each:?}\n");
    let (requester, query) = (requester(), query());
    measure("native engine alone, one source", ROUNDS, |number| {
        let agreement = &agreements[number % AGREEMENTS];
        black_box(agreement.permit(&requester, &query, now()).is_ok());
    });
    let asking = policy.asking(&requester);
    measure("both engines, one source of a question", ROUNDS, |number| {
        let agreement = &agreements[number % AGREEMENTS];
        let decided = policy.decide(agreement, &asking, &query, now());
        assert!(black_box(decided).decision.is_ok());
    });
    measure("both engines, a question to one source", ROUNDS, |number| {
        let agreement = &agreements[number % AGREEMENTS];
        let asking = policy.asking(&requester);
        let decided = policy.decide(agreement, &asking, &query, now());
        assert!(black_box(decided).decision.is_ok());
    });
    let what = format!("both engines, a question over {SOURCES} sources");
    measure(&what, ROUNDS / SOURCES, |number| {
        let asking = policy.asking(&requester);
        for source in 0..SOURCES {
            let agreement = &agreements[(number * SOURCES + source) % AGREEMENTS];
            let decided = policy.decide(agreement, &asking, &query, now());
            assert!(black_box(decided).decision.is_ok());
        }
    });
}
