//! A disk that fills up: told in time, and what is under way is still closed.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use turnpike_schemas::ledger::{Admin, AdminAction, Body};

use super::disk::Disk;
use super::*;
use crate::ledger::{LedgerStorage, Room};

/// A disk of a thousand bytes, of which the test says how many are free.
#[derive(Debug, Clone)]
struct Small {
    disk: Disk,
    free: Arc<AtomicU64>,
}

impl LedgerStorage for Small {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.disk.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.sync()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.disk.truncate(length)
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.disk.rotate()
    }

    fn room(&self) -> Option<Room> {
        let free = self.free.load(SeqCst);
        Some(Room { total: 1_000, free })
    }
}

fn opened(free: u64) -> (Ledger, Small) {
    let small = Small {
        disk: Disk::default(),
        free: Arc::new(AtomicU64::new(free)),
    };
    let config = LedgerConfig {
        deadline: Duration::from_secs(20),
        probe_every: Duration::from_millis(1),
        space: Some(SpaceLimits::default()),
        ..LedgerConfig::default()
    };
    let storage = Box::new(small.clone());
    (
        Ledger::open_with_storage(storage, config, now()).unwrap(),
        small,
    )
}

fn alarms(small: &Small) -> Vec<String> {
    let entries = small.disk.entries();
    let alarm = |entry: Entry| match entry.body {
        Body::Admin(admin) if admin.action == AdminAction::Alarm => {
            Some(admin.facts["alarm"].as_str().unwrap().to_owned())
        }
        _ => None,
    };
    entries.into_iter().filter_map(alarm).collect()
}

#[tokio::test]
async fn space_that_gets_scarce_is_on_record_although_nobody_asks_and_questions_go_on() {
    let (ledger, small) = opened(900);
    small.free.store(200, SeqCst);
    eventually(|| alarms(&small) == ["ledger_space_scarce"]).await;
    assert!(ledger.healthy());
    assert_eq!(ledger.stats().space_used, 8_000);
    let ticket = begin(&ledger).await.unwrap();
    ledger.finish(ticket, outcome()).await.unwrap();
    assert_eq!(alarms(&small), ["ledger_space_scarce"]);
}

#[tokio::test]
async fn the_last_of_the_space_is_kept_for_what_is_under_way() {
    let (ledger, small) = opened(900);
    let ticket = begin(&ledger).await.unwrap();
    small.free.store(50, SeqCst);
    eventually(|| alarms(&small) == ["ledger_space_reserved"]).await;
    assert!(!ledger.healthy());
    assert_eq!(ledger.stats().trouble, Some(Unavailable::Reserved));
    let refused = |result: Result<(), LedgerError>| {
        assert!(matches!(
            result,
            Err(LedgerError::Unavailable(Unavailable::Reserved))
        ));
    };
    refused(begin(&ledger).await.map(drop));
    let dry = ledger.dry_run(question(2), intent(), Vec::new());
    refused(dry.await.map(drop));
    let malformed = turnpike_schemas::ledger::RefusedReason::Malformed;
    let told = turnpike_schemas::ledger::Refused::because(malformed);
    refused(ledger.refuse(None, told, Vec::new()).await.map(drop));

    ledger
        .outcome_part(&ticket, part("state-tolls"))
        .await
        .unwrap();
    ledger.finish(ticket, outcome()).await.unwrap();
    let stop = Admin {
        action: AdminAction::Stop,
        by: None,
        facts: Default::default(),
    };
    ledger.admin(stop).await.unwrap();

    small.free.store(500, SeqCst);
    eventually(|| ledger.healthy()).await;
    let ticket = begin(&ledger).await.unwrap();
    ledger.finish(ticket, outcome()).await.unwrap();
    assert_eq!(interruptions(&small.disk.entries()), []);
}

#[tokio::test]
async fn a_question_left_alone_is_still_closed_in_the_reserve() {
    let (ledger, small) = opened(900);
    let ticket = begin(&ledger).await.unwrap();
    small.free.store(0, SeqCst);
    eventually(|| !ledger.healthy()).await;
    drop(ticket);
    eventually(|| interruptions(&small.disk.entries()) == [(0, InterruptReason::Abandoned)]).await;
}

#[tokio::test]
async fn a_real_disk_tells_its_room() {
    let dir = tempfile::tempdir().unwrap();
    let config = LedgerConfig {
        deadline: Duration::from_secs(20),
        probe_every: Duration::from_millis(1),
        space: Some(SpaceLimits {
            warn_percent: 100,
            stop_percent: 100,
        }),
        ..LedgerConfig::default()
    };
    let opened = Ledger::open(dir.path(), config, now()).unwrap();
    eventually(|| opened.ledger.stats().space_used > 0).await;
    assert!(opened.ledger.healthy());
}
