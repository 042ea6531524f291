//! The life of a question in a ledger that works.

use turnpike_schemas::ledger::{Admin, AdminAction, EntryError, Refused, RefusedReason};

use super::*;

fn refused() -> Refused {
    Refused::because(RefusedReason::Unauthenticated)
}

#[tokio::test]
async fn a_question_leaves_intent_decisions_and_outcome_in_this_order() {
    let dir = tempfile::tempdir().unwrap();
    let Opened { ledger, recovered } = open(dir.path());
    assert_eq!(recovered, Recovery::default());
    let ticket = begin(&ledger).await.unwrap();
    ledger
        .decide(&ticket, vec![decision("state-tolls")])
        .await
        .unwrap();
    assert_eq!(
        ledger
            .outcome_part(&ticket, part("state-tolls"))
            .await
            .unwrap(),
        3
    );
    let receipt = ledger.finish(ticket, outcome()).await.unwrap();
    assert_eq!(
        receipt,
        Receipt {
            intent: 0,
            outcome: 4
        }
    );
    ledger.close().await.unwrap();
    let entries = entries(dir.path());
    assert_eq!(
        kinds(&entries),
        [
            Kind::Intent,
            Kind::Decision,
            Kind::Decision,
            Kind::OutcomePart,
            Kind::Outcome
        ]
    );
    assert!(
        entries
            .iter()
            .all(|entry| entry.question == Some(question(1)))
    );
    assert!(entries.iter().skip(1).all(|entry| entry.intent == Some(0)));
    let verified = Verified {
        entries: 5,
        segments: 1,
        torn_bytes: 0,
        open: vec![],
    };
    assert_eq!(verify(dir.path()).unwrap(), verified);
}

#[tokio::test]
async fn what_is_acknowledged_can_be_read_by_another_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let Opened { ledger, .. } = open(dir.path());
    let ticket = begin(&ledger).await.unwrap();
    assert_eq!(verify(dir.path()).unwrap().open, [ticket.intent()]);
    ledger.finish(ticket, outcome()).await.unwrap();
    assert!(verify(dir.path()).unwrap().open.is_empty());
}

#[tokio::test]
async fn a_dropped_ticket_closes_its_intent() {
    let disk = disk::Disk::default();
    let ledger =
        Ledger::open_with_storage(Box::new(disk.clone()), LedgerConfig::default(), now()).unwrap();
    drop(begin(&ledger).await.unwrap());
    eventually(|| !interruptions(&disk.entries()).is_empty()).await;
    assert_eq!(
        interruptions(&disk.entries()),
        [(0, InterruptReason::Abandoned)]
    );
    assert_eq!((ledger.stats().open_tickets, ledger.stats().owed), (0, 0));
}

#[tokio::test]
async fn refusals_dry_runs_and_the_rest_are_entries_too() {
    let dir = tempfile::tempdir().unwrap();
    let Opened { ledger, .. } = open(dir.path());
    ledger
        .admin(Admin {
            action: AdminAction::Start,
            by: None,
            facts: [].into(),
        })
        .await
        .unwrap();
    assert_eq!(
        ledger
            .refuse(None, refused(), vec![decision("state-tolls")])
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        ledger
            .dry_run(question(2), intent(), vec![decision("state-tolls")])
            .await
            .unwrap(),
        3
    );
    let entries = entries(dir.path());
    assert_eq!(
        kinds(&entries),
        [
            Kind::Admin,
            Kind::Refused,
            Kind::Decision,
            Kind::DryRun,
            Kind::Decision
        ]
    );
    assert_eq!((entries[2].intent, entries[4].intent), (Some(1), Some(3)));
    assert!(verify(dir.path()).unwrap().open.is_empty());
}

#[tokio::test]
async fn an_outcome_with_many_sources_is_split_so_that_every_entry_fits() {
    let dir = tempfile::tempdir().unwrap();
    let Opened { ledger, .. } = open(dir.path());
    let ticket = begin(&ledger).await.unwrap();
    let sources = (0..2_000)
        .map(|number| part(&format!("source-{number}")))
        .collect();
    let receipt = ledger
        .finish(
            ticket,
            Outcome {
                sources,
                ..outcome()
            },
        )
        .await
        .unwrap();
    assert_eq!(receipt.outcome, 1 + 2_000 - 64 + 1);
    assert_eq!(verify(dir.path()).unwrap().entries, receipt.outcome + 1);
}

#[tokio::test]
async fn an_incomplete_or_oversized_entry_is_refused_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let Opened { ledger, .. } = open(dir.path());
    let empty = Intent {
        purpose: String::new(),
        ..intent()
    };
    let error = ledger.begin(question(1), empty, vec![]).await.unwrap_err();
    assert!(matches!(
        error,
        LedgerError::Entry(EntryError::Missing {
            kind: "intent",
            field: "purpose"
        })
    ));
    let large = Intent {
        case_reference: Personal::new("x".repeat(70_000)),
        ..intent()
    };
    let error = ledger.begin(question(1), large, vec![]).await.unwrap_err();
    assert!(matches!(
        error,
        LedgerError::Entry(EntryError::TooLarge { .. })
    ));
    assert!(entries(dir.path()).is_empty() && ledger.healthy());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn entries_of_many_callers_are_consecutive_and_everything_acknowledged_is_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let config = LedgerConfig {
        segment_bytes: 40_000,
        deadline: Duration::from_secs(20),
        ..LedgerConfig::default()
    };
    let Opened { ledger, .. } = Ledger::open(dir.path(), config, now()).unwrap();
    let ask = |number: u128| {
        let ledger = ledger.clone();
        async move {
            let mut receipts = Vec::new();
            for round in 0..5 {
                let question = question(number * 100 + round);
                let ticket = ledger
                    .begin(question, intent(), vec![decision("state-tolls")])
                    .await
                    .unwrap();
                receipts.push((question, ledger.finish(ticket, outcome()).await.unwrap()));
            }
            receipts
        }
    };
    let tasks: Vec<_> = (0..64).map(|number| tokio::spawn(ask(number))).collect();
    let receipts: Vec<_> = futures::future::join_all(tasks)
        .await
        .into_iter()
        .flat_map(Result::unwrap)
        .collect();
    let stats = ledger.stats();
    assert_eq!(
        (stats.entries, stats.open_tickets, stats.queued),
        (64 * 5 * 3, 0, 0)
    );
    assert!(
        stats.batches < stats.entries / 2,
        "no group commit: {stats:?}"
    );
    ledger.close().await.unwrap();

    let entries = entries(dir.path());
    assert_eq!(entries.len(), 64 * 5 * 3);
    assert!(verify(dir.path()).unwrap().segments > 3);
    assert!(
        (0..)
            .zip(&entries)
            .all(|(index, entry)| entry.index == index)
    );
    let at = |index: u64| &entries[usize::try_from(index).unwrap()];
    for (question, Receipt { intent, outcome }) in receipts {
        let (asked, ended) = (at(intent), at(outcome));
        assert_eq!(
            (asked.question, asked.body.kind()),
            (Some(question), Kind::Intent)
        );
        assert_eq!(
            (ended.question, ended.intent, ended.body.kind()),
            (Some(question), Some(intent), Kind::Outcome)
        );
    }
}

#[tokio::test]
async fn reading_begins_at_any_entry_also_across_segments() {
    let dir = tempfile::tempdir().unwrap();
    let config = LedgerConfig {
        segment_bytes: 40_000,
        deadline: Duration::from_secs(20),
        ..LedgerConfig::default()
    };
    let Opened { ledger, .. } = Ledger::open(dir.path(), config, now()).unwrap();
    for _ in 0..120 {
        let ticket = begin(&ledger).await.unwrap();
        ledger.finish(ticket, outcome()).await.unwrap();
    }
    let all = entries(dir.path());
    assert_eq!(
        (all.len(), verify(dir.path()).unwrap().segments > 2),
        (360, true)
    );
    for index in [0, 1, 255, 256, 257, 300, 359, 360, 1_000] {
        let wanted = all
            .get(usize::try_from(index).unwrap()..)
            .unwrap_or_default();
        let near: Vec<_> = ledger
            .read_from(index)
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(near, wanted, "from {index}");
        let files: Vec<_> = read_from(dir.path(), index)
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(files, wanted, "from {index} by the files alone");
    }
}

#[tokio::test]
async fn a_closed_ledger_refuses_and_can_be_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let Opened { ledger, .. } = open(dir.path());
    assert!(matches!(
        Ledger::open(dir.path(), LedgerConfig::default(), now()),
        Err(LedgerError::Locked)
    ));
    ledger.close().await.unwrap();
    let error = begin(&ledger).await.unwrap_err();
    assert!(matches!(
        error,
        LedgerError::Unavailable(Unavailable::Closed)
    ));
    assert!(!ledger.healthy());
    assert!(open(dir.path()).ledger.healthy());
}

#[test]
fn nothing_personal_is_shown_by_debug() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let opened = open(dir.path());
        let ticket = begin(&opened.ledger).await.unwrap();
        let shown = format!("{opened:?} {ticket:?} {:?}", entries(dir.path()));
        assert!(
            !shown.contains("TPK0421")
                && !shown.contains("officer-17")
                && !shown.contains("BD-2026")
        );
        opened.ledger.finish(ticket, outcome()).await.unwrap();
    });
}
