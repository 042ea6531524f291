//! What holds for every permit, whatever the agreement and the question.

use jiff::SignedDuration;
use proptest::prelude::*;
use turnpike_schemas::{
    agreement::{Action, Agreement, AgreementDocument, Excess, Rule, Status},
    query::TimeWindow,
};

use crate::reference;

/// Terms and a window from minutes to decades around the present.
fn far() -> impl Strategy<Value = (u32, u32, i64, i64)> {
    let offset = prop_oneof![-200_000_i64..200_000, -90_000_000_i64..90_000_000];
    (1_u32..2_000, 1_u32..2_000, offset, 1_i64..90_000_000)
}

fn agreement(lookback_days: u32, max_window_days: u32, excess: Excess) -> Agreement {
    reference::agreement(|document| {
        document.how_far.lookback_days = lookback_days;
        document.how_far.max_window_days = max_window_days;
        document.how_far.excess = excess;
        document.how_far.supervisor_after_days = 36_500;
        document.how_far.lookback_days_for.clear();
    })
}

fn decide(agreement: &Agreement, asked: TimeWindow) -> Result<TimeWindow, Rule> {
    let query = reference::query_over(asked);
    agreement
        .permit(&reference::requester(), &query, reference::now())
        .map(|permit| {
            assert_eq!(permit.is_cut(), permit.window() != asked);
            permit.window()
        })
        .map_err(|refusal| refusal.rule)
}

fn days(days: u32) -> SignedDuration {
    SignedDuration::from_hours(24 * i64::from(days))
}

proptest! {
    #[test]
    fn a_window_granted_is_never_wider_than_asked_nor_than_agreed((lookback, widest, from, span) in far()) {
        let asked = reference::window(from, from + span);
        for excess in [Excess::Cut, Excess::Refuse] {
            let Ok(granted) = decide(&agreement(lookback, widest, excess), asked) else { continue };
            prop_assert!(asked.from() <= granted.from() && granted.to() <= asked.to());
            prop_assert!(granted.span() <= days(widest));
            prop_assert!(granted.from() >= reference::now() - days(lookback));
        }
    }

    #[test]
    fn a_question_is_cut_only_if_it_reaches_too_far((lookback, widest, from, span) in far()) {
        let asked = reference::window(from, from + span);
        let fits = asked.from() >= reference::now() - days(lookback) && asked.span() <= days(widest);
        let cut = decide(&agreement(lookback, widest, Excess::Cut), asked);
        let refused = decide(&agreement(lookback, widest, Excess::Refuse), asked);
        prop_assert_eq!(cut == Ok(asked), fits);
        prop_assert_eq!(refused.is_ok(), fits);
        if cut == Err(Rule::WindowTooOld) {
            prop_assert!(asked.to() <= reference::now() - days(lookback));
        } else {
            prop_assert!(cut.is_ok());
        }
    }

    #[test]
    fn what_is_cut_away_is_older_than_what_is_granted_or_in_the_future((lookback, widest, from, span) in far()) {
        let asked = reference::window(from, from + span);
        let Ok(granted) = decide(&agreement(lookback, widest, Excess::Cut), asked) else { return Ok(()) };
        prop_assert!(granted.to() == asked.to() || granted.to() > reference::now() || granted.to() == reference::now());
    }

    #[test]
    fn a_smaller_question_is_never_refused_where_a_larger_one_is_permitted(
        (lookback, widest, from, span) in far(),
        cut_s in 0_i64..90_000_000,
    ) {
        let agreement = agreement(lookback, widest, Excess::Refuse);
        let larger = reference::window(from, from + span);
        let smaller = reference::window(from + cut_s.min(span - 1), from + span);
        if decide(&agreement, larger).is_ok() {
            prop_assert_eq!(decide(&agreement, smaller), Ok(smaller));
        }
    }

    #[test]
    fn reads_taken_in_are_kept_for_the_days_agreed_and_no_longer(keep in 1_u32..36_500) {
        let agreement = reference::agreement(|document| document.retention.as_mut().unwrap().days = keep);
        let permit = agreement.ingest_permit(reference::now()).unwrap();
        prop_assert_eq!(permit.keep_until(reference::now()), reference::now() + days(keep));
    }
}

#[test]
fn being_told_is_decided_like_a_question_and_only_where_it_is_listed() {
    let (requester, query, now) = (reference::requester(), reference::query(), reference::now());
    let agreement = reference::agreement(reference::alerts);
    let permit = agreement.alert_permit(&requester, &query, now).unwrap();
    assert_eq!(
        permit.window(),
        agreement.permit(&requester, &query, now).unwrap().window()
    );
    assert_eq!(
        (permit.longest(), permit.confirm_every()),
        (days(30), days(7))
    );
    assert!(permit.needs_approval());
    let rule = |change: fn(&mut AgreementDocument)| {
        let agreement = reference::agreement(|document| {
            reference::alerts(document);
            change(document);
        });
        let refused = agreement.alert_permit(&requester, &query, now);
        refused.map(drop).unwrap_err().rule
    };
    assert_eq!(
        rule(|document| {
            document.actions.remove(&Action::Alert);
            document.alerts = None;
        }),
        Rule::ActionNotAllowed
    );
    assert_eq!(
        rule(|document| document.status = Status::Revoked),
        Rule::AgreementNotActive
    );
    assert_eq!(
        rule(|document| {
            let purpose = reference::query().purpose();
            document.why.purposes.remove(&purpose);
            document.why.prohibited.insert(purpose);
        }),
        Rule::PurposeProhibited
    );
    let late = reference::query_over(reference::window(-900 * 86_400, -899 * 86_400));
    let late = agreement.alert_permit(&requester, &late, now);
    assert_eq!(late.map(drop).unwrap_err().rule, Rule::WindowTooOld);
}

#[test]
fn a_decision_on_record_says_what_was_granted_and_by_which_document() {
    let agreement = reference::agreement(|_| {});
    let (requester, now) = (reference::requester(), reference::now());
    let action = turnpike_schemas::agreement::Action::Query;
    let permit = agreement
        .permit(&requester, &reference::query(), now)
        .unwrap();
    let record = agreement.decision_record(action, now, Ok(&permit));
    assert!(record.permitted());
    assert_eq!(record.agreement_sha256, agreement.sha256());
    assert_eq!(
        (record.window, record.max_reads),
        (Some(permit.window()), Some(200))
    );
    let old = reference::query_over(reference::window(-200 * 86_400, -190 * 86_400));
    let refusal = agreement.permit(&requester, &old, now).unwrap_err();
    let record = agreement.decision_record(action, now, Err(&refusal));
    assert!(!record.permitted());
    assert_eq!(record.verdicts[0].rule, Some(Rule::WindowTooOld));
    assert_eq!((record.window, record.max_reads), (None, None));
    let nobody = turnpike_schemas::agreement::DecisionRecord {
        verdicts: vec![],
        ..record
    };
    assert!(!nobody.permitted());
}
