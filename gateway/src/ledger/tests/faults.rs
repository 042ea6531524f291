//! A disk that fails: no acknowledgement without durability, no wait without end, no intent left open.

use std::time::Instant;

use super::disk::{Disk, EDQUOT, EIO, ENOSPC, EROFS, Fault};
use super::*;

const FAULTS: [(Fault, Unavailable, bool); 9] = [
    (Fault::Write(ENOSPC), Unavailable::NoSpace, true),
    (Fault::Write(EDQUOT), Unavailable::NoSpace, true),
    (Fault::ShortWrite(ENOSPC), Unavailable::NoSpace, true),
    (Fault::Write(EIO), Unavailable::Io, false),
    (Fault::ShortWrite(EIO), Unavailable::Io, false),
    (Fault::Write(EROFS), Unavailable::ReadOnly, false),
    (Fault::Sync(EIO), Unavailable::Io, false),
    (Fault::Sync(ENOSPC), Unavailable::NoSpace, false),
    (Fault::Sync(EROFS), Unavailable::ReadOnly, false),
];

#[derive(Debug, Clone, Copy)]
enum Call {
    Begin,
    Decide,
    Part,
    Finish,
    DryRun,
}

const CALLS: [Call; 5] = [
    Call::Begin,
    Call::Decide,
    Call::Part,
    Call::Finish,
    Call::DryRun,
];

fn on(disk: &Disk, config: LedgerConfig) -> Ledger {
    Ledger::open_with_storage(Box::new(disk.clone()), config, now()).unwrap()
}

/// A long deadline: these disks fail at once.
fn patient() -> LedgerConfig {
    LedgerConfig {
        deadline: Duration::from_secs(20),
        probe_every: Duration::from_millis(1),
        ..LedgerConfig::default()
    }
}

/// A short deadline, for disks that hang.
fn impatient() -> LedgerConfig {
    LedgerConfig {
        deadline: Duration::from_millis(50),
        ..LedgerConfig::default()
    }
}

fn reason(error: LedgerError) -> Unavailable {
    match error {
        LedgerError::Unavailable(reason) => reason,
        other => panic!("{other:?}"),
    }
}

/// Makes `call` on a disk that begins to fail just before it.
async fn fails(ledger: &Ledger, disk: &Disk, fault: Fault, call: Call) -> LedgerError {
    let ticket = begin(ledger).await.unwrap();
    disk.set(fault);
    match call {
        Call::Begin => begin(ledger).await.map(drop).unwrap_err(),
        Call::Decide => ledger
            .decide(&ticket, vec![decision("state-tolls")])
            .await
            .unwrap_err(),
        Call::Part => ledger
            .outcome_part(&ticket, part("state-tolls"))
            .await
            .map(drop)
            .unwrap_err(),
        Call::Finish => ledger
            .finish(ticket, outcome())
            .await
            .map(drop)
            .unwrap_err(),
        Call::DryRun => ledger
            .dry_run(question(3), intent(), vec![])
            .await
            .map(drop)
            .unwrap_err(),
    }
}

#[tokio::test]
async fn every_call_fails_on_every_failing_disk_and_says_why() {
    for (fault, expected, heals) in FAULTS {
        for call in CALLS {
            let disk = Disk::default();
            let ledger = on(&disk, patient());
            let error = fails(&ledger, &disk, fault, call).await;
            assert_eq!(reason(error), expected, "{fault:?} {call:?}");
            assert!(!ledger.healthy(), "{fault:?} {call:?}");
            let trouble = if heals {
                Unavailable::NoSpace
            } else {
                Unavailable::Poisoned
            };
            assert_eq!(ledger.stats().trouble, Some(trouble), "{fault:?} {call:?}");
            assert_eq!(
                kinds(&disk.entries()),
                [Kind::Intent, Kind::Decision],
                "{fault:?} {call:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_full_disk_heals_by_itself_and_the_intent_left_open_is_closed() {
    for (fault, ..) in FAULTS.into_iter().filter(|(_, _, heals)| *heals) {
        let disk = Disk::default();
        let ledger = on(&disk, patient());
        fails(&ledger, &disk, fault, Call::Finish).await;
        disk.set(None);
        eventually(|| ledger.healthy()).await;
        let ticket = begin(&ledger).await.unwrap();
        ledger.finish(ticket, outcome()).await.unwrap();
        let entries = disk.entries();
        assert_eq!(
            interruptions(&entries),
            [(0, InterruptReason::LedgerUnavailable)],
            "{fault:?}"
        );
        assert_eq!(entries.len(), 6);
    }
}

#[tokio::test]
async fn a_full_disk_heals_also_when_nothing_is_owed() {
    let disk = Disk::default();
    let ledger = on(&disk, patient());
    disk.set(Fault::ShortWrite(ENOSPC));
    begin(&ledger).await.unwrap_err();
    disk.set(None);
    eventually(|| ledger.healthy()).await;
    assert!(disk.entries().is_empty());
    assert_eq!(begin(&ledger).await.unwrap().intent(), 0);
}

#[tokio::test]
async fn after_any_other_failure_the_file_is_not_touched_again() {
    for (fault, ..) in FAULTS.into_iter().filter(|(_, _, heals)| !heals) {
        let disk = Disk::default();
        let ledger = on(&disk, patient());
        fails(&ledger, &disk, fault, Call::Finish).await;
        disk.set(None);
        let touched = disk.touched();
        assert_eq!(
            reason(begin(&ledger).await.unwrap_err()),
            Unavailable::Poisoned,
            "{fault:?}"
        );
        ledger.close().await.unwrap();
        assert_eq!(disk.touched(), touched, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_disk_costs_a_caller_the_deadline_and_the_next_one_nothing() {
    let disk = Disk::default();
    let ledger = on(&disk, impatient());
    disk.set(Fault::HangingSync);
    let started = Instant::now();
    assert!(matches!(begin(&ledger).await, Err(LedgerError::Deadline)));
    assert!(
        started.elapsed() >= Duration::from_millis(50)
            && started.elapsed() < Duration::from_secs(5)
    );
    eventually(|| !ledger.healthy()).await;
    assert_eq!(reason(begin(&ledger).await.unwrap_err()), Unavailable::Hung);
    disk.set(None);
    eventually(|| ledger.healthy() && disk.entries().len() == 3).await;
    assert_eq!(
        interruptions(&disk.entries()),
        [(0, InterruptReason::LedgerDeadline)]
    );
    assert!(begin(&ledger).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_that_came_too_late_is_followed_by_the_word_that_its_answer_was_withheld() {
    let disk = Disk::default();
    let ledger = on(&disk, impatient());
    let error = fails(&ledger, &disk, Fault::HangingSync, Call::Finish).await;
    assert!(matches!(error, LedgerError::Deadline));
    disk.set(None);
    eventually(|| disk.entries().len() == 4).await;
    assert_eq!(
        kinds(&disk.entries())[2..],
        [Kind::Outcome, Kind::Interrupted]
    );
    assert_eq!(
        interruptions(&disk.entries()),
        [(0, InterruptReason::LedgerDeadline)]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_is_cancelled_while_it_waits_leaves_a_closed_intent() {
    let disk = Disk::default();
    let ledger = on(&disk, patient());
    disk.set(Fault::HangingSync);
    let asking = tokio::spawn({
        let ledger = ledger.clone();
        async move { begin(&ledger).await.map(drop) }
    });
    eventually(|| disk.is_hanging()).await;
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    disk.set(None);
    eventually(|| disk.entries().len() == 3).await;
    assert_eq!(
        interruptions(&disk.entries()),
        [(0, InterruptReason::Abandoned)]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_at_once_and_loses_no_ticket() {
    let disk = Disk::default();
    let ledger = on(
        &disk,
        LedgerConfig {
            queue: 1,
            ..patient()
        },
    );
    let ticket = begin(&ledger).await.unwrap();
    disk.set(Fault::HangingSync);
    let ask = || {
        let ledger = ledger.clone();
        tokio::spawn(async move { begin(&ledger).await.map(drop) })
    };
    let first = ask();
    eventually(|| disk.is_hanging()).await;
    let second = ask();
    eventually(|| ledger.stats().queued == 1).await;
    assert_eq!(
        reason(ledger.finish(ticket, outcome()).await.unwrap_err()),
        Unavailable::Full
    );
    disk.set(None);
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    eventually(|| interruptions(&disk.entries()).len() == 3).await;
    let closed = interruptions(&disk.entries());
    assert!(
        closed.contains(&(0, InterruptReason::LedgerUnavailable)),
        "{closed:?}"
    );
}
