//! Agreements, people and questions drawn at random: lists of any content, spans and instants of any size.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use proptest::{collection::btree_set, prelude::*, sample::select};
use turnpike_gateway::policy::{Policy, PolicySource};
use turnpike_schemas::{
    agreement::{
        Action, Agreement, Assurance, Attributes, Declaration, Demand, Excess, Field, OnBehalfRule,
        Organisation, OrganisationClass, PartialPlates, Register, Requester, Role, Status, Urgent,
    },
    plate::{Jurisdiction, Plate, PlatePattern},
    query::{AskedPlate, CaseRef, CaseStanding, Offence, OnBehalfOf, Purpose, Query, TimeWindow},
};

use crate::reference;

const AREAS: [&str; 7] = ["US", "US-OH", "US-GA", "CA", "CA-ON", "DE", "DE-BY"];
const NAMES: [&str; 3] = ["brookdale-police", "harbor-sheriff", "otherton-police"];

/// Around the instants that matter, and anywhere.
fn seconds() -> impl Strategy<Value = i64> {
    let day = 86_400;
    prop_oneof![
        4 => (-400_i64..400).prop_map(move |days| days * day),
        2 => (-400_i64..400, -1_i64..=1).prop_map(move |(days, off)| days * day + off),
        1 => -80_000_000_000_i64..200_000_000_000,
    ]
}

fn agreements() -> impl Strategy<Value = Agreement> {
    let who = (
        btree_set(select(&OrganisationClass::ALL[..]), 0..4),
        btree_set(select(&AREAS[..]), 0..4),
        btree_set(
            select(&[Role::Investigator, Role::Supervisor, Role::System][..]),
            0..3,
        ),
        any::<bool>(),
    );
    let why = (
        btree_set(select(&Purpose::ALL[..]), 0..12),
        btree_set(select(&Purpose::ALL[..]), 0..6),
    );
    let far = (1_u32..=400, 1_u32..=400, any::<bool>(), any::<bool>());
    let partial = proptest::option::of((4_u32..8, 1_u32..=31));
    let rest = (
        btree_set(select(&Action::ALL[..]), 1..=Action::ALL.len()),
        btree_set(select(&Field::ALL[..]), 0..12),
        select(
            &[
                Status::Active,
                Status::Active,
                Status::Active,
                Status::Suspended,
                Status::Revoked,
            ][..],
        ),
        (-200_i64..1, -1_i64..400),
    );
    (who, why, far, partial, rest).prop_map(|(who, why, far, partial, rest)| {
        reference::agreement(|document| {
            document.who.organisation_classes = who.0;
            document.who.jurisdictions = who.1.into_iter().map(area).collect();
            document.who.roles = who.2;
            document.who.on_behalf_of = if who.3 {
                OnBehalfRule::BothAllowed
            } else {
                OnBehalfRule::Refuse
            };
            (document.why.purposes, document.why.prohibited) = why;
            (
                document.how_far.lookback_days,
                document.how_far.max_window_days,
            ) = (far.0, far.1);
            document.how_far.lookback_days_for.clear();
            document.how_far.excess = if far.2 { Excess::Cut } else { Excess::Refuse };
            document.plates.look_alike = far.3;
            document.plates.partial = partial.map(|(min_known, max_window_days)| PartialPlates {
                min_known,
                max_window_days,
            });
            (document.actions, document.what.fields, document.status) = (rest.0, rest.1, rest.2);
            if document.actions.contains(&Action::Alert) {
                reference::alerts(document);
            }
            let days = |days: i64| reference::now() + SignedDuration::from_hours(days * 24);
            document.effective_from = days(rest.3.0);
            document.effective_until = days(rest.3.1).max(days(rest.3.0 + 1));
            // What is allowed must say for which offences.
            document.why.offences = Purpose::ALL
                .into_iter()
                .filter(|purpose| purpose.is_criminal())
                .map(|purpose| {
                    (
                        purpose,
                        BTreeSet::from([Offence::Robbery, Offence::HitAndRun]),
                    )
                })
                .collect();
        })
    })
}

/// What a document demands besides, drawn apart.
fn demanding() -> impl Strategy<Value = Demands> {
    let demand = || select(&[Demand::Nobody, Demand::OutsideHome, Demand::Everybody][..]);
    let level = select(&[Assurance::Aal1, Assurance::Aal2, Assurance::Aal3][..]);
    (
        (any::<bool>(), any::<bool>(), level),
        (demand(), demand(), select(&AREAS[..]), any::<bool>()),
        btree_set((select(&NAMES[..]), -2_i64..3), 0..3),
        btree_set(
            select(&["*", "BRK-####-######", "@@@-*-*42", "H*"][..]),
            0..3,
        ),
        select(&[Register::Ignore, Register::Flag, Register::Require][..]),
        btree_set(select(&["*", NAMES[0], NAMES[1]][..]), 0..3),
        (
            1_u32..=400,
            proptest::option::of(401_u32..800),
            any::<bool>(),
        ),
    )
        .prop_map(|drawn| Demands { drawn })
}

type Parts = (
    (bool, bool, Assurance),
    (Demand, Demand, &'static str, bool),
    BTreeSet<(&'static str, i64)>,
    BTreeSet<&'static str>,
    Register,
    BTreeSet<&'static str>,
    (u32, Option<u32>, bool),
);

#[derive(Debug, Clone)]
struct Demands {
    drawn: Parts,
}

impl Demands {
    fn of(&self, agreement: &Agreement) -> Agreement {
        let (requires, conditions, on_file, forms, register, listed, far) = &self.drawn;
        let mut document = agreement.document().clone();
        let who = &mut document.who;
        (
            who.requires.sworn,
            who.requires.training,
            who.requires.assurance,
        ) = *requires;
        who.organisations = listed.iter().map(ToString::to_string).collect();
        document.conditions.declaration = conditions.0;
        document.conditions.warrant = conditions.1;
        document.conditions.home = Some(area(conditions.2));
        document.conditions.urgent = if conditions.3 {
            Urgent::Accepted
        } else {
            Urgent::LikeAny
        };
        let declarations = on_file.iter().map(|(organisation, off)| Declaration {
            organisation: (*organisation).to_owned(),
            id: "DECL-1".to_owned(),
            sha256: "0".repeat(64),
            until: reference::now() + SignedDuration::from_nanos(*off),
        });
        document.conditions.declarations = declarations.collect();
        document
            .conditions
            .declarations
            .dedup_by(|one, other| one.organisation == other.organisation);
        document.case.patterns = forms
            .iter()
            .map(|form| (*form).to_owned().try_into().unwrap())
            .collect();
        document.case.register = *register;
        document.how_far.supervisor_after_days = far.0;
        document.how_far.lookback_days_for.clear();
        if let Some(longer) = far.1 {
            document
                .how_far
                .lookback_days_for
                .insert(Purpose::StolenVehicle, longer);
        }
        document.validate().unwrap()
    }
}

fn area(code: &str) -> Jurisdiction {
    Jurisdiction::parse(code).unwrap()
}

fn organisation(name: &'static str) -> impl Strategy<Value = Organisation> {
    (select(&OrganisationClass::ALL[..]), select(&AREAS[..])).prop_map(move |(class, code)| {
        Organisation {
            id: name.to_owned(),
            class,
            jurisdiction: area(code),
        }
    })
}

fn requesters() -> impl Strategy<Value = Requester> {
    let other = proptest::option::weighted(0.3, select(&NAMES[1..]).prop_flat_map(organisation));
    (
        organisation(NAMES[0]),
        btree_set(select(&Role::ALL[..]), 0..4),
        other,
    )
        .prop_map(|(organisation, roles, on_behalf_of)| Requester {
            organisation,
            roles,
            on_behalf_of,
            ..reference::requester()
        })
}

fn attributes() -> impl Strategy<Value = Attributes> {
    let trained = proptest::option::of(select(&["2026-06-30", "2026-07-01", "2026-07-02"][..]));
    let level = select(&[Assurance::Aal1, Assurance::Aal2, Assurance::Aal3][..]);
    (any::<bool>(), trained, level).prop_map(|(sworn, trained, assurance)| Attributes {
        sworn,
        training_until: trained.map(|day| day.parse().unwrap()),
        assurance,
    })
}

/// What a question rests on besides purpose and window.
fn grounds() -> impl Strategy<Value = (&'static str, Option<Offence>, CaseStanding, bool, bool)> {
    (
        select(&["BRK-2026-000042", "brk-2026-42", "HSO-1"][..]),
        proptest::option::of(select(&[Offence::Robbery, Offence::Larceny][..])),
        select(&CaseStanding::ALL[..]),
        any::<bool>(),
        any::<bool>(),
    )
}

/// For whom the question is, by the name in it: mostly for the one that was found.
fn for_whom(requester: &Requester, drawn: usize) -> OnBehalfOf {
    match (drawn, &requester.on_behalf_of) {
        (0..=5, None) => OnBehalfOf::Own,
        (0..=5, Some(found)) => OnBehalfOf::Organisation(found.id.clone()),
        (other, _) => OnBehalfOf::Organisation(NAMES[other % NAMES.len()].to_owned()),
    }
}

fn plate(drawn: usize) -> AskedPlate {
    let pattern = |text| AskedPlate::Partial(PlatePattern::parse(text).unwrap());
    let whole = Plate::parse("TPK0421").unwrap();
    match drawn {
        0 => pattern("TPK0???"),
        1 => pattern("TPK04??"),
        2 => pattern("TPK042?"),
        3 => AskedPlate::LookAlike(whole),
        _ => AskedPlate::Exact(whole),
    }
}

#[derive(Debug, Clone)]
struct Drawn {
    agreement: Agreement,
    requester: Requester,
    query: Query,
    now: Timestamp,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let instants = (
        seconds(),
        seconds(),
        prop_oneof![9 => Just(0_i64), 1 => -300_i64..300],
    );
    let rest = (select(&Purpose::ALL[..]), 0_usize..9, 0_usize..8);
    let person = (requesters(), attributes());
    (agreements(), person, instants, rest, grounds()).prop_filter_map(
        "no question",
        |(agreement, (mut requester, attributes), (one, other, now), rest, grounds)| {
            let (purpose, behalf, asked) = rest;
            let (case, offence, standing, urgent, warrant) = grounds;
            requester.attributes = attributes;
            let now = reference::now() + SignedDuration::from_hours(now * 24);
            let at = |seconds| now.checked_add(SignedDuration::from_secs(seconds)).ok();
            let window = TimeWindow::new(at(one.min(other))?, at(one.max(other))?).ok()?;
            let case = CaseRef::parse(case).unwrap();
            let whom = for_whom(&requester, behalf);
            let query = Query::new(plate(asked), window, purpose, case.clone(), whom).ok()?;
            let query = query.with_case_standing(standing);
            let query = offence.into_iter().fold(query, Query::about);
            let query = if urgent { query.urgently() } else { query };
            let query = if warrant {
                query.under_warrant(case)
            } else {
                query
            };
            Some(Drawn {
                query,
                agreement,
                requester,
                now,
            })
        },
    )
}

/// Makes of a drawn agreement one that permits more, so that permits are drawn as well.
fn willing(mut drawn: Drawn) -> Drawn {
    let mut document = drawn.agreement.document().clone();
    document.status = Status::Active;
    document.actions = Action::ALL.into();
    reference::alerts(&mut document);
    document.who.organisation_classes = OrganisationClass::ALL.into();
    document.who.jurisdictions = ["US", "CA", "DE"].map(area).into();
    document.who.roles = BTreeSet::from([Role::Investigator, Role::Supervisor, Role::System]);
    document.why.purposes = Purpose::ALL.into();
    document.why.prohibited.clear();
    document.effective_from = Timestamp::UNIX_EPOCH;
    document.effective_until = Timestamp::MAX;
    document.review_due = Timestamp::MAX;
    document.who.requires.training = false;
    document.who.requires.assurance = Assurance::Aal1;
    document.conditions.declaration = Demand::Nobody;
    document.case.patterns = [String::from("*").try_into().unwrap()].into();
    document.how_far.supervisor_after_days = 36_500;
    document.who.organisations = ["*".to_owned()].into();
    document
        .why
        .offences
        .values_mut()
        .for_each(|listed| *listed = Offence::ALL.into());
    drawn.requester.roles.insert(Role::Investigator);
    drawn.agreement = document.validate().unwrap();
    drawn
}

fn agree(policy: &Policy, drawn: &Drawn) -> Result<bool, TestCaseError> {
    policy.learn(&drawn.agreement).unwrap();
    let asking = policy.asking(&drawn.requester);
    let decided = policy.decide(&drawn.agreement, &asking, &drawn.query, drawn.now);
    let verdicts = &decided.record.verdicts;
    prop_assert_eq!(&decided.alarm, &None, "{:?}", verdicts);
    prop_assert_eq!(verdicts[0].permit, verdicts[1].permit);
    let image = policy.decide_image(&drawn.agreement, &asking, &drawn.query, drawn.now);
    prop_assert_eq!(&image.alarm, &None, "{:?}", image.record.verdicts);
    let alert = policy.decide_alert(&drawn.agreement, &asking, &drawn.query, drawn.now);
    prop_assert_eq!(&alert.alarm, &None, "{:?}", alert.record.verdicts);
    let ingest = policy.decide_ingest(&drawn.agreement, drawn.now);
    prop_assert_eq!(&ingest.alarm, &None, "{:?}", ingest.record.verdicts);
    Ok(decided.decision.is_ok())
}

#[test]
fn the_engines_agree_on_anything_drawn() {
    let policy = || Policy::new(&PolicySource::default()).unwrap();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(1_500));
    let permits = std::cell::Cell::new(0);
    let policy = policy();
    runner
        .run(&(drawn(), demanding()), |(drawn, demands)| {
            agree(&policy, &drawn)?;
            let willing = willing(drawn);
            let permitted = agree(&policy, &willing)?;
            let agreement = demands.of(&willing.agreement);
            let also = agree(
                &policy,
                &Drawn {
                    agreement,
                    ..willing
                },
            )?;
            permits.set(permits.get() + usize::from(permitted) + usize::from(also));
            Ok(())
        })
        .unwrap();
    assert!(permits.get() > 150, "{} permits were drawn", permits.get());
}
