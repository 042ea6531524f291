//! What a new version changes is found: nothing that becomes permitted is missing from the list.

use proptest::prelude::*;
use turnpike_schemas::{
    agreement::{
        Action, Agreement, AgreementDocument, Attributes, Demand, Difference, Direction, Excess,
        Field, OnBehalfRule, OrganisationClass, Register, Requester, Role, Status, Urgent, compare,
    },
    plate::{Plate, PlatePattern},
    query::{AskedPlate, CaseRef, CaseStanding, Offence, OnBehalfOf, Purpose, Query},
};

use crate::reference;

type Change = fn(&mut AgreementDocument);

/// A change that lets more through, its key, and what is said about it.
const WIDER: [(Change, &str, &str); 32] = [
    (
        |d| d.effective_from -= jiff::SignedDuration::from_hours(1),
        "effective_from",
        "in effect from 2025-12-31T23:00:00Z instead of 2026-01-01T00:00:00Z",
    ),
    (
        |d| d.review_due += jiff::SignedDuration::from_hours(1),
        "effective_until",
        "permits until 2026-12-01T01:00:00Z instead of 2026-12-01T00:00:00Z, its end or its review",
    ),
    (
        |d| {
            drop_of(
                d.who
                    .organisation_classes
                    .insert(OrganisationClass::Foreign),
            )
        },
        "who.organisation_classes",
        "organisations of class `foreign` may now ask",
    ),
    (
        |d| drop_of(d.who.jurisdictions.insert(area("US"))),
        "who.jurisdictions",
        "organisations of `US` may now ask",
    ),
    (
        |d| drop_of(d.who.roles.insert(Role::System)),
        "who.roles",
        "subjects with the role `system` may now ask",
    ),
    (
        |d| d.who.requires.training = false,
        "who.requires.training",
        "subjects without current training may ask now",
    ),
    (
        |d| d.who.requires.assurance = Default::default(),
        "who.requires.assurance",
        "a sign-in at aal1 suffices instead of aal2",
    ),
    (
        |d| drop_of(d.why.purposes.insert(Purpose::TollEnforcement)),
        "why.purposes",
        "questions because of `toll_enforcement` may now be asked",
    ),
    (
        |d| {
            let violent = d.why.offences.get_mut(&Purpose::ViolentCrime);
            drop_of(violent.unwrap().insert(Offence::Assault));
        },
        "why.offences",
        "questions because of `violent_crime`, offence `assault` may now be asked",
    ),
    (
        |d| d.case.patterns = [pattern("*")].into(),
        "case.patterns",
        "case references of the form not listed by name may now be asked for",
    ),
    (
        |d| d.case.register = Register::Ignore,
        "case.register",
        "cases that are not confirmed pass unmarked now",
    ),
    (
        |d| d.how_far.lookback_days = 91,
        "how_far.lookback_days",
        "days of look-back: 91 instead of 90",
    ),
    (
        |d| drop_of(d.how_far.lookback_days_for.insert(Purpose::HitAndRun, 91)),
        "how_far.lookback_days_for",
        "days of look-back because of `hit_and_run`: 91 instead of 90",
    ),
    (
        |d| d.how_far.supervisor_after_days = 61,
        "how_far.supervisor_after_days",
        "days of look-back without a supervisor: 61 instead of 60",
    ),
    (
        |d| d.how_far.max_window_days = 31,
        "how_far.max_window_days",
        "days of a window: 31 instead of 30",
    ),
    (
        |d| d.plates.partial.as_mut().unwrap().min_known = 4,
        "plates.partial.min_known",
        "known characters of a partial plate: 4 instead of 5",
    ),
    (
        |d| d.plates.partial.as_mut().unwrap().max_window_days = 8,
        "plates.partial.max_window_days",
        "days of a window for a partial plate: 8 instead of 7",
    ),
    (
        |d| d.conditions.declaration = Demand::Nobody,
        "conditions.declaration",
        "demanded of `nobody` instead of `outside_home`: others ask without a declaration",
    ),
    (
        |d| d.conditions.home = Some(area("US")),
        "conditions.declaration",
        "organisations of `US` may now ask without a declaration",
    ),
    (
        |d| d.conditions.declarations[0].until += jiff::SignedDuration::from_hours(1),
        "conditions.declarations",
        "the declaration of `clearwater-police` counts until 2026-09-01T01:00:00Z instead of until 2026-09-01T00:00:00Z",
    ),
    (
        |d| d.places.excluded.clear(),
        "where.excluded",
        "reads of `site:clinic-*` may now leave",
    ),
    (
        |d| d.places.position_decimals = 4,
        "where.position_decimals",
        "decimals of a position: 4 instead of 3",
    ),
    (
        |d| drop_of(d.what.fields.insert(Field::Extra)),
        "what.fields",
        "the field `extra` may now leave",
    ),
    (
        |d| {
            drop_of(
                d.what
                    .image_kinds
                    .insert(turnpike_schemas::read::ImageKind::Scene),
            )
        },
        "what.image_kinds",
        "images that show `scene` may now leave",
    ),
    (
        |d| d.what.confidence_floor_percent = 59,
        "what.confidence_floor_percent",
        "percent of least confidence: 59 instead of 60",
    ),
    (
        |d| d.what.max_reads = 201,
        "what.max_reads",
        "reads in an answer: 201 instead of 200",
    ),
    (
        |d| d.how_much.user_per_hour = 61,
        "how_much.user_per_hour",
        "questions of a user in an hour: 61 instead of 60",
    ),
    (
        |d| d.how_much.organisation_per_day = 2_001,
        "how_much.organisation_per_day",
        "questions of an organisation in a day: 2001 instead of 2000",
    ),
    (
        |d| d.duties.delete_after_days = 91,
        "duties.delete_after_days",
        "days until what was released is deleted: 91 instead of 90",
    ),
    (
        |d| d.duties.confirm_match = false,
        "duties.confirm_match",
        "a match may be acted on unconfirmed now",
    ),
    (
        |d| d.retention.as_mut().unwrap().minutes = 1,
        "retention",
        "minutes that reads taken in are kept: 43201 instead of 43200",
    ),
    (
        |d| d.duties.feed_hours = 25,
        "duties.feed_hours",
        "hours until the provider is told of a use: 25 instead of 24",
    ),
];

fn drop_of<T>(_: T) {}

fn area(code: &str) -> turnpike_schemas::plate::Jurisdiction {
    turnpike_schemas::plate::Jurisdiction::parse(code).unwrap()
}

fn pattern(text: &str) -> turnpike_schemas::agreement::CasePattern {
    text.to_owned().try_into().unwrap()
}

fn of(direction: Direction, differences: &[Difference]) -> Vec<&Difference> {
    let of = differences.iter();
    of.filter(|it| it.direction == direction).collect()
}

#[test]
fn every_change_is_named_in_one_direction_and_in_the_other() {
    let old = reference::agreement(|_| {});
    assert_eq!(compare(&old, &old), []);
    for (change, key, text) in WIDER {
        let new = reference::agreement(change);
        let there = compare(&old, &new);
        let wider = of(Direction::Wider, &there);
        let found = wider.iter().find(|it| it.key == key);
        let found = found.unwrap_or_else(|| panic!("{key}: {there:?}"));
        assert_eq!(found.text, text, "{key}");
        assert_eq!(of(Direction::Narrower, &there), Vec::<&Difference>::new());
        let back = compare(&new, &old);
        assert_eq!(of(Direction::Wider, &back), Vec::<&Difference>::new());
        assert_eq!(of(Direction::Narrower, &back).len(), wider.len(), "{key}");
    }
}

/// Changes of the terms of alerts that widen them, and what is said.
const WIDER_ALERTS: [(Change, &str, &str); 3] = [
    (
        |d| d.alerts.as_mut().unwrap().max_days = 31,
        "alerts.max_days",
        "days that an entry of an alert list lasts: 31 instead of 30",
    ),
    (
        |d| d.alerts.as_mut().unwrap().confirm_days = 8,
        "alerts.confirm_days",
        "days until an entry of an alert list must be confirmed: 8 instead of 7",
    ),
    (
        |d| d.alerts.as_mut().unwrap().second_approval = false,
        "alerts.second_approval",
        "one person alone adds to an alert list now",
    ),
];

#[test]
fn a_change_of_the_terms_of_alerts_is_named_and_so_is_letting_anybody_be_told() {
    let before = || reference::agreement(reference::alerts);
    for (change, key, text) in WIDER_ALERTS {
        let new = reference::agreement(|document| {
            reference::alerts(document);
            change(document);
        });
        let [wider] = compare(&before(), &new).try_into().unwrap();
        assert_eq!(wider.direction, Direction::Wider, "{key}");
        assert_eq!((&*wider.key, &*wider.text), (key, text));
        let [narrower] = compare(&new, &before()).try_into().unwrap();
        assert_eq!(narrower.direction, Direction::Narrower, "{key}");
    }
    let without = reference::agreement(|_| {});
    let [wider] = compare(&without, &before()).try_into().unwrap();
    assert_eq!(
        (wider.direction, &*wider.key),
        (Direction::Wider, "actions")
    );
}

/// Changes of all kinds, several of which make a new version.
const CHANGES: [Change; 30] = [
    |d| d.status = Status::Suspended,
    |d| d.effective_until = d.review_due,
    |d| d.review_due = reference::now(),
    |d| drop_of(d.actions.remove(&Action::Query)),
    |d| {
        drop_of(
            d.who
                .organisation_classes
                .insert(OrganisationClass::Private),
        )
    },
    |d| {
        drop_of(
            d.who
                .organisation_classes
                .remove(&OrganisationClass::StateLocal),
        )
    },
    |d| d.who.jurisdictions = [area("US")].into(),
    |d| d.who.organisations = ["brookdale-police".to_owned()].into(),
    |d| drop_of(d.who.roles.insert(Role::System)),
    |d| d.who.on_behalf_of = OnBehalfRule::Refuse,
    |d| d.who.requires.sworn = true,
    |d| d.who.requires.training = false,
    |d| d.who.requires.assurance = Default::default(),
    |d| drop_of(d.why.purposes.remove(&Purpose::HitAndRun)),
    |d| d.why.prohibited.clear(),
    |d| {
        drop_of(
            d.why
                .offences
                .insert(Purpose::ViolentCrime, Offence::ALL.into()),
        )
    },
    |d| d.case.patterns = [pattern("HSO-*")].into(),
    |d| d.case.register = Register::Require,
    |d| d.how_far.lookback_days = 10,
    |d| d.how_far.lookback_days_for.clear(),
    |d| d.how_far.supervisor_after_days = 3,
    |d| d.how_far.max_window_days = 2,
    |d| d.how_far.excess = Excess::Refuse,
    |d| d.plates.look_alike = false,
    |d| d.plates.partial = None,
    |d| d.conditions.declaration = Demand::Everybody,
    |d| d.conditions.declaration = Demand::Nobody,
    |d| d.conditions.warrant = Demand::OutsideHome,
    |d| d.conditions.warrant = Demand::Everybody,
    |d| d.conditions.urgent = Urgent::LikeAny,
];

fn version() -> impl Strategy<Value = Agreement> {
    proptest::collection::vec(0..CHANGES.len(), 0..6).prop_map(|changes| {
        reference::agreement(|document| {
            let wanted = [(Purpose::WantedPerson, [Offence::Robbery].into())];
            document.why.offences.extend(wanted);
            for change in changes {
                CHANGES[change](document);
            }
        })
    })
}

fn asker() -> impl Strategy<Value = Requester> {
    let roles = proptest::sample::select(vec![Role::Investigator, Role::Supervisor, Role::System]);
    let class = proptest::sample::select(OrganisationClass::ALL.to_vec());
    let home = proptest::sample::select(vec!["US-OH", "US", "CA-ON", "US-GA"]);
    let id = proptest::sample::select(vec!["brookdale-police", "clearwater-police"]);
    let attributes = (any::<bool>(), any::<bool>(), 0..3_usize);
    (roles, class, home, id, attributes).prop_map(|(role, class, home, id, attributes)| {
        let (sworn, trained, level) = attributes;
        let mut requester = reference::requester();
        requester.roles = [role].into();
        requester.organisation = reference::organisation(id, class, home);
        requester.attributes = Attributes {
            sworn,
            training_until: trained.then(|| "2026-12-31".parse().unwrap()),
            assurance: serde_json::from_value(format!("aal{}", level + 1).into()).unwrap(),
        };
        requester
    })
}

fn question() -> impl Strategy<Value = Query> {
    let plates = vec![
        AskedPlate::Exact(Plate::parse("TPK0421").unwrap()),
        AskedPlate::LookAlike(Plate::parse("TPK0421").unwrap()),
        AskedPlate::Partial(PlatePattern::parse("TPK04??").unwrap()),
    ];
    (
        proptest::sample::select(plates),
        proptest::sample::select(Purpose::ALL.to_vec()),
        proptest::sample::select(Offence::ALL.to_vec()),
        proptest::sample::select(vec!["BRK-2026-000042", "HSO-1", "X-1"]),
        proptest::sample::select(CaseStanding::ALL.to_vec()),
        (any::<bool>(), any::<bool>()),
        (1_i64..100, 1_i64..30),
    )
        .prop_map(
            |(plate, purpose, offence, case, standing, (urgent, warrant), (ago, days))| {
                let from = -ago * 86_400;
                let window = reference::window(from, from + days * 86_400);
                let case = CaseRef::parse(case).unwrap();
                let query = Query::new(plate, window, purpose, case, OnBehalfOf::Own).unwrap();
                let query = query.about(offence).with_case_standing(standing);
                let query = if urgent { query.urgently() } else { query };
                match warrant {
                    true => query.under_warrant(CaseRef::parse("CR-1").unwrap()),
                    false => query,
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_becomes_permitted_is_on_the_list(
        old in version(),
        new in version(),
        asks in proptest::collection::vec((asker(), question()), 20),
    ) {
        let listed = of(Direction::Wider, &compare(&old, &new)).len();
        for (requester, query) in asks {
            let before = old.permit(&requester, &query, reference::now());
            let Ok(after) = new.permit(&requester, &query, reference::now()) else { continue };
            let wider = match before {
                Err(_) => true,
                Ok(before) => {
                    let (before, after) = (before.window(), after.window());
                    after.from() < before.from() || before.to() < after.to()
                }
            };
            prop_assert!(!wider || listed > 0, "{query:?} by {requester:?}");
        }
    }
}
