//! Each rule by itself: what it reads, and where its boundary is.

use jiff::SignedDuration;
use turnpike_schemas::{
    agreement::{
        AgreementDocument, Assurance, Attributes, Declaration, Demand, Excess, Obligation,
        OrganisationClass, Register, Requester, Role, Rule, Urgent,
    },
    plate::Jurisdiction,
    query::{AskedPlate, CaseRef, CaseStanding, Offence, OnBehalfOf, Purpose, Query, TimeWindow},
};

use crate::reference;

const DAY: i64 = 24 * 3600;

type Decided = Result<TimeWindow, Rule>;

fn decide(
    change: impl FnOnce(&mut AgreementDocument),
    requester: &Requester,
    query: &Query,
) -> Decided {
    reference::agreement(change)
        .permit(requester, query, reference::now())
        .map(|permit| permit.window())
        .map_err(|refusal| refusal.rule)
}

fn refused(
    change: impl FnOnce(&mut AgreementDocument),
    requester: &Requester,
    query: &Query,
) -> Option<Rule> {
    decide(change, requester, query).err()
}

fn asked(plate: AskedPlate, purpose: Purpose, case: &str, window: TimeWindow) -> Query {
    let case = CaseRef::parse(case).unwrap();
    Query::new(plate, window, purpose, case, OnBehalfOf::Own).unwrap()
}

fn because_of(purpose: Purpose) -> Query {
    let query = reference::query();
    asked(
        query.plate().clone(),
        purpose,
        query.case().as_str(),
        query.window(),
    )
}

fn with(change: impl FnOnce(&mut Attributes)) -> Requester {
    let mut requester = reference::requester();
    change(&mut requester.attributes);
    requester
}

fn of(id: &str, area: &str) -> Requester {
    Requester {
        organisation: reference::organisation(id, OrganisationClass::StateLocal, area),
        ..reference::requester()
    }
}

fn nothing(_: &mut AgreementDocument) {}

#[test]
fn an_agreement_permits_until_its_review_is_due() {
    let (requester, query) = (reference::requester(), reference::query());
    for (offset, expected) in [
        (1, None),
        (0, Some(Rule::ReviewOverdue)),
        (-1, Some(Rule::ReviewOverdue)),
    ] {
        let due = reference::now() + SignedDuration::from_nanos(offset);
        let decided = refused(|document| document.review_due = due, &requester, &query);
        assert_eq!(decided, expected, "{offset}");
        let ingest = reference::agreement(|document| document.review_due = due)
            .ingest_permit(reference::now());
        assert_eq!(ingest.err().map(|refusal| refusal.rule), expected);
    }
}

#[test]
fn a_purpose_about_an_offence_allows_the_types_listed_and_no_other() {
    let requester = reference::requester();
    let listed = [
        Offence::Homicide,
        Offence::Kidnapping,
        Offence::SexualOffence,
        Offence::Robbery,
    ];
    let unstated = because_of(Purpose::ViolentCrime);
    assert_eq!(
        refused(nothing, &requester, &unstated),
        Some(Rule::OffenceNotAllowed)
    );
    for offence in Offence::ALL {
        let query = because_of(Purpose::ViolentCrime).about(offence);
        let expected = (!listed.contains(&offence)).then_some(Rule::OffenceNotAllowed);
        assert_eq!(refused(nothing, &requester, &query), expected, "{offence}");
        // What a purpose names by itself cannot be talked over, and a purpose about no offence asks for none.
        for purpose in [
            Purpose::StolenVehicle,
            Purpose::HitAndRun,
            Purpose::MissingPerson,
        ] {
            let query = because_of(purpose).about(offence);
            assert_eq!(refused(nothing, &requester, &query), None);
        }
    }
    let none = |document: &mut AgreementDocument| {
        let listed = [(Purpose::StolenVehicle, Default::default())];
        document.why.offences.extend(listed);
    };
    let stolen = reference::query();
    assert_eq!(
        refused(none, &requester, &stolen),
        Some(Rule::OffenceNotAllowed)
    );
}

#[test]
fn a_subject_is_sworn_trained_today_and_sure_enough() {
    let query = reference::query();
    let sworn = |document: &mut AgreementDocument| document.who.requires.sworn = true;
    for (is, expected) in [(true, None), (false, Some(Rule::SwornRequired))] {
        let requester = with(|attributes| attributes.sworn = is);
        assert_eq!(refused(sworn, &requester, &query), expected);
        assert_eq!(refused(nothing, &requester, &query), None);
    }
    for (until, expected) in [
        (Some("2026-07-02"), None),
        (Some("2026-07-01"), None),
        (Some("2026-06-30"), Some(Rule::TrainingNotCurrent)),
        (None, Some(Rule::TrainingNotCurrent)),
    ] {
        let until = until.map(|day| day.parse().unwrap());
        let requester = with(|attributes| attributes.training_until = until);
        assert_eq!(refused(nothing, &requester, &query), expected, "{until:?}");
        let untrained = |document: &mut AgreementDocument| document.who.requires.training = false;
        assert_eq!(refused(untrained, &requester, &query), None);
    }
    let levels = [Assurance::Aal1, Assurance::Aal2, Assurance::Aal3];
    for needed in levels {
        for is in levels {
            let needs = |document: &mut AgreementDocument| document.who.requires.assurance = needed;
            let requester = with(|attributes| attributes.assurance = is);
            let expected = (is < needed).then_some(Rule::AssuranceTooLow);
            assert_eq!(refused(needs, &requester, &query), expected);
        }
    }
}

#[test]
fn an_organisation_is_listed_by_name_or_all_are() {
    let query = reference::query();
    for (listed, expected) in [
        ("*", None),
        ("brookdale-police", None),
        ("brookdale", Some(Rule::OrganisationNotAllowed)),
    ] {
        let change = |document: &mut AgreementDocument| {
            document.who.organisations = [listed.to_owned()].into();
        };
        assert_eq!(refused(change, &reference::requester(), &query), expected);
    }
    let other = OnBehalfOf::Organisation("harbor-sheriff".to_owned());
    let query = Query::new(
        reference::query().plate().clone(),
        reference::query().window(),
        Purpose::StolenVehicle,
        reference::query().case().clone(),
        other,
    )
    .unwrap();
    let mut requester = reference::requester();
    requester.on_behalf_of = Some(reference::organisation(
        "harbor-sheriff",
        OrganisationClass::StateLocal,
        "US-OH",
    ));
    let own = |document: &mut AgreementDocument| {
        document.who.organisations = ["brookdale-police".to_owned()].into();
    };
    assert_eq!(
        refused(own, &requester, &query),
        Some(Rule::OnBehalfOfOrganisationNotAllowed)
    );
    assert_eq!(refused(nothing, &requester, &query), None);
}

#[test]
fn a_case_has_a_form_and_the_standing_the_agreement_asks_for() {
    let requester = reference::requester();
    let case = |text: &str| {
        asked(
            reference::query().plate().clone(),
            Purpose::StolenVehicle,
            text,
            reference::query().window(),
        )
    };
    for (text, fits) in [
        ("BRK-2026-000042", true),
        ("brk-2026-000042", true),
        ("HSO-1", true),
        ("BRK-2026-00042", false),
        ("BRK-2026-0000421", false),
        ("BRK-202A-000042", false),
        ("XHSO-1", false),
    ] {
        let expected = (!fits).then_some(Rule::CasePatternMismatch);
        assert_eq!(
            refused(nothing, &requester, &case(text)),
            expected,
            "{text}"
        );
    }
    for standing in CaseStanding::ALL {
        let query = reference::query().with_case_standing(standing);
        let needed = match standing {
            CaseStanding::Confirmed => None,
            CaseStanding::NotChecked => Some(Rule::CaseNotChecked),
            CaseStanding::Unknown => Some(Rule::CaseUnknown),
            CaseStanding::Unavailable => Some(Rule::CaseRegisterUnavailable),
        };
        for register in [Register::Ignore, Register::Flag, Register::Require] {
            let agreement = reference::agreement(|document| document.case.register = register);
            let decided = agreement.permit(&requester, &query, reference::now());
            let expected = needed.filter(|_| register == Register::Require);
            assert_eq!(decided.as_ref().err().map(|refusal| refusal.rule), expected);
            let flagged = decided.is_ok_and(|permit| {
                permit
                    .obligations()
                    .contains(&Obligation::CaseFlagged(standing))
            });
            let expected = register == Register::Flag && standing != CaseStanding::Confirmed;
            assert_eq!(flagged, expected, "{register:?} {standing:?}");
        }
    }
}

#[test]
fn an_organisation_outside_home_needs_a_declaration_that_still_counts() {
    let query = reference::query();
    let declared = |offset_ns: i64| {
        move |document: &mut AgreementDocument| {
            document.conditions.declarations = vec![Declaration {
                organisation: "erieau-police".to_owned(),
                id: "DECL-1".to_owned(),
                sha256: "ab".repeat(32),
                until: reference::now() + SignedDuration::from_nanos(offset_ns),
            }];
        }
    };
    let outside = of("erieau-police", "CA-ON");
    for (offset, expected) in [
        (1, None),
        (0, Some(Rule::DeclarationExpired)),
        (-1, Some(Rule::DeclarationExpired)),
    ] {
        assert_eq!(refused(declared(offset), &outside, &query), expected);
    }
    assert_eq!(
        refused(nothing, &outside, &query),
        Some(Rule::DeclarationMissing)
    );
    let another = of("paris-police", "CA-ON");
    assert_eq!(
        refused(declared(1), &another, &query),
        Some(Rule::DeclarationMissing)
    );
    assert_eq!(refused(nothing, &reference::requester(), &query), None);
    let of_all = |document: &mut AgreementDocument| {
        document.conditions.declaration = Demand::Everybody;
    };
    assert_eq!(
        refused(of_all, &reference::requester(), &query),
        Some(Rule::DeclarationMissing)
    );
    let permit = reference::agreement(declared(1))
        .permit(&outside, &query, reference::now())
        .unwrap();
    let named = format!("declaration=DECL-1 sha256:{}", "ab".repeat(32));
    assert!(permit.obligations_in_words().contains(&named));
}

#[test]
fn a_warrant_is_named_or_the_question_is_urgent_where_that_counts() {
    let requester = reference::requester();
    let change = |demand, urgent| {
        move |document: &mut AgreementDocument| {
            document.conditions.warrant = demand;
            document.conditions.urgent = urgent;
        }
    };
    let plain = reference::query();
    let warrant = plain
        .clone()
        .under_warrant(CaseRef::parse("CR-2026-11").unwrap());
    let urgent = plain.clone().urgently();
    for (demand, demanded) in [
        (Demand::Nobody, false),
        (Demand::OutsideHome, false),
        (Demand::Everybody, true),
    ] {
        let needed = demanded.then_some(Rule::WarrantRequired);
        for counts in [Urgent::Accepted, Urgent::LikeAny] {
            let decide = |query: &Query| refused(change(demand, counts), &requester, query);
            assert_eq!(decide(&plain), needed);
            assert_eq!(decide(&warrant), None);
            let expected = needed.filter(|_| counts == Urgent::LikeAny);
            assert_eq!(decide(&urgent), expected);
        }
    }
    let outside = change(Demand::OutsideHome, Urgent::Accepted);
    let outside = |document: &mut AgreementDocument| {
        outside(document);
        document.conditions.declaration = Demand::Nobody;
        document.conditions.home = Jurisdiction::parse("CA-ON").ok();
    };
    assert_eq!(
        refused(outside, &requester, &plain),
        Some(Rule::WarrantRequired)
    );
    let words = |query: &Query| {
        let permit = reference::agreement(change(Demand::Everybody, Urgent::Accepted))
            .permit(&requester, query, reference::now())
            .unwrap();
        permit.obligations_in_words()
    };
    assert!(words(&urgent).contains(&"justification_due_h=24".to_owned()));
    assert!(!words(&urgent).contains(&"warrant=named".to_owned()));
    assert!(words(&warrant).contains(&"warrant=named".to_owned()));
}

#[test]
fn what_is_older_is_for_supervisors_and_longest_for_named_purposes() {
    let investigator = reference::requester();
    let supervisor = Requester {
        roles: [Role::Supervisor].into(),
        ..reference::requester()
    };
    let window = |from: i64, to: i64| reference::query_over(reference::window(from, to));
    let widest = |excess| {
        move |document: &mut AgreementDocument| {
            document.how_far.excess = excess;
            document.how_far.max_window_days = 36_500;
        }
    };
    let (cut, refuse) = (widest(Excess::Cut), widest(Excess::Refuse));
    for (seconds, whole) in [
        (-60 * DAY + 1, true),
        (-60 * DAY, true),
        (-60 * DAY - 1, false),
    ] {
        let query = window(seconds, 0);
        let rest = reference::window((-60 * DAY).max(seconds), 0);
        assert_eq!(decide(cut, &investigator, &query), Ok(rest));
        assert_eq!(decide(cut, &supervisor, &query), Ok(query.window()));
        let expected = (!whole).then_some(Rule::SupervisorRequired);
        assert_eq!(refused(refuse, &investigator, &query), expected);
        assert_eq!(refused(refuse, &supervisor, &query), None);
        assert_eq!(refused(refuse, &investigator, &query.urgently()), None);
    }
    for (to, expected) in [
        (-60 * DAY - 1, Err(Rule::SupervisorRequired)),
        (-60 * DAY, Err(Rule::SupervisorRequired)),
        (
            -60 * DAY + 1,
            Ok(reference::window(-60 * DAY, -60 * DAY + 1)),
        ),
    ] {
        assert_eq!(decide(cut, &investigator, &window(-70 * DAY, to)), expected);
    }
    let far = window(-91 * DAY, 0);
    assert_eq!(
        refused(refuse, &investigator, &far),
        Some(Rule::WindowReachesTooFar)
    );
    for (days, purpose, expected) in [
        (365, Purpose::MissingPerson, None),
        (366, Purpose::MissingPerson, Some(Rule::WindowReachesTooFar)),
        (90, Purpose::HitAndRun, None),
        (91, Purpose::HitAndRun, Some(Rule::WindowReachesTooFar)),
    ] {
        let query = asked(
            reference::query().plate().clone(),
            purpose,
            "HSO-1",
            reference::window(-days * DAY, 0),
        );
        assert_eq!(
            refused(refuse, &supervisor, &query),
            expected,
            "{purpose} {days}"
        );
    }
}
