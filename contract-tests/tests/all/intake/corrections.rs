//! Corrections of a toll agency that never say what was there before: what they change is told from what is held.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use turnpike_contract_tests::{
    sim::iag::{DataFile, Txn},
    world::World,
};

use super::listening::{NO_LIMITS, add_agreement};
use crate::installation::{
    Installation, configure, eventually, now, of_kind, question_about, reads_of,
};

const TOLLS: &str = "bridge-tolls";

fn add_source(world: &World) {
    add_agreement(world, TOLLS);
    configure(
        world,
        &format!(
            "[[sources]]\nid = \"{TOLLS}\"\nadapter = \"iag\"\nagreement = \"agreements/{TOLLS}.toml\"\n\
             drop = {{ folder = \"drops/bridge\", settle_ms = 50, scan_ms = 100 }}\n{NO_LIMITS}"
        ),
    );
}

fn txn(serial: u64, plate: &str, cents: u32) -> Txn {
    Txn {
        serial,
        at: now() - SignedDuration::from_hours(2),
        local: None,
        state: Some("NJ".to_owned()),
        plate: Some(plate.to_owned()),
        plaza: "BN01".to_owned(),
        lane: "03".to_owned(),
        tag: None,
        cents,
        closed: false,
    }
}

/// Drops a file, waits until it left the folder, and tells what the ledger says was accepted and was known.
async fn drop_off(installation: &Installation, file: &DataFile) -> (u64, u64) {
    let folder = installation.world.folder().join("drops/bridge");
    let path = folder.join(file.name());
    std::fs::write(&path, file.text()).unwrap();
    eventually("the file is taken in", async || {
        folder.join("done").join(file.name()).exists().then_some(())
    })
    .await;
    let ledger = installation.ledger();
    let taken = of_kind(&ledger, "ingest").pop().unwrap();
    assert_eq!(taken["body"]["source"], TOLLS);
    let count = |name: &str| taken["body"][name].as_u64().unwrap();
    (count("accepted"), count("duplicates"))
}

async fn only_read(installation: &Installation, plate: &str) -> Value {
    let answer = installation.ask(&question_about(plate, 3)).await;
    let reads = reads_of(&answer, TOLLS);
    assert_eq!(reads.len(), 1, "{answer}");
    reads[0].clone()
}

#[tokio::test]
async fn a_correction_of_the_toll_alone_adds_no_version_and_one_of_the_plate_does() {
    let installation = Installation::start(add_source).await;
    let submitted = |minutes: i64| -> Timestamp { now() - SignedDuration::from_mins(minutes) };
    let (first, other) = (txn(4711, "TPX0001", 275), txn(4712, "TPX0002", 275));
    let original = DataFile::transactions(submitted(50), [&first, &other]);
    assert_eq!(drop_off(&installation, &original).await, (2, 0));
    let before = only_read(&installation, "TPX0001").await;

    let money = Txn {
        cents: 310,
        ..first.clone()
    };
    let money = DataFile::corrections(submitted(40), [("05", &money)]);
    assert_eq!(drop_off(&installation, &money).await, (0, 1));
    let after = only_read(&installation, "TPX0001").await;
    assert!(after["revision"].as_u64() > before["revision"].as_u64());
    for field in ["id", "received_at", "plate", "place", "extra"] {
        assert_eq!(after[field], before[field], "{field}");
    }

    let plate = Txn {
        plate: Some("TPX0003".to_owned()),
        ..first
    };
    let plate = DataFile::corrections(submitted(30), [("01", &plate)]);
    assert_eq!(drop_off(&installation, &plate).await, (1, 0));
    let corrected = only_read(&installation, "TPX0003").await;
    assert_eq!(corrected["id"], before["id"]);
    let answer = installation.ask(&question_about("TPX0001", 3)).await;
    assert_eq!(reads_of(&answer, TOLLS), Vec::<&Value>::new());
}
