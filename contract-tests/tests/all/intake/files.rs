//! The toll hub's files.

use std::{path::Path, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use turnpike_contract_tests::sim::{
    TAG_CANARY,
    niop::{Ack, Correction, DataFile, Declared, Kind, Parcel, Quirk, Txn},
};

use super::{held, quarantined};
use crate::installation::{
    Installation, eventually, files_under, now, of_kind, question_about, read, reads_of, row,
};

const TOLLS: &str = "state-tolls";

/// Times of file names, a second apart, so that every file has a name of its own.
struct Deliveries<'a> {
    installation: &'a Installation,
    submitted: Timestamp,
    number: u64,
}

impl<'a> Deliveries<'a> {
    fn new(installation: &'a Installation) -> Self {
        Self {
            installation,
            submitted: now() - SignedDuration::from_hours(1),
            number: 0,
        }
    }

    fn submitted(&mut self) -> Timestamp {
        self.submitted += SignedDuration::from_secs(10);
        self.submitted
    }

    fn txn(&mut self, plate: &str) -> Txn {
        self.number += 1;
        let at = now() - SignedDuration::from_hours(2);
        Txn::video(self.number, at, plate)
    }

    fn file(&mut self, txns: Vec<Txn>) -> DataFile {
        let submitted = self.submitted();
        self.installation.world.tolls.stran(submitted, txns)
    }

    /// Drops a parcel and waits until it left the folder.
    async fn drop_off(&self, parcel: &Parcel) -> Outcome {
        let path = self.installation.world.tolls.drop_parcel(parcel).unwrap();
        self.taken(&path).await
    }

    async fn taken(&self, path: &Path) -> Outcome {
        let name = path.file_name().unwrap().to_str().unwrap();
        eventually(name, async || (!path.exists()).then_some(())).await;
        let folder = path.parent().unwrap();
        let reason = folder
            .join("quarantine")
            .join(format!("{name}.reason.json"));
        let stem = name.rsplit_once('_').map_or(name, |(stem, _)| stem);
        let acks = self.installation.world.tolls.acks().unwrap();
        Outcome {
            done: folder.join("done").join(name).exists(),
            reason: reason.exists().then(|| read(&reason)),
            acks: acks
                .into_iter()
                .filter(|ack| ack.original == stem)
                .collect(),
        }
    }
}

/// What became of a file.
#[derive(Debug)]
struct Outcome {
    done: bool,
    reason: Option<String>,
    acks: Vec<Ack>,
}

impl Outcome {
    fn codes(&self) -> Vec<&str> {
        for ack in &self.acks {
            assert_eq!(ack.problems, Vec::<String>::new(), "{ack:?}");
        }
        self.acks.iter().map(|ack| ack.code.as_str()).collect()
    }

    /// The file was refused as a whole: set aside with field and rule, nothing of its content, and code `code`.
    fn refused(&self, code: &str, what: &str) {
        assert!(!self.done, "{what}: {self:?}");
        let reason = self
            .reason
            .as_deref()
            .unwrap_or_else(|| panic!("{what}: {self:?}"));
        assert!(
            !reason.contains("TPX") && !reason.contains(TAG_CANARY),
            "{reason}"
        );
        let reason: Value = serde_json::from_str(reason).unwrap();
        assert_eq!(reason["source"], TOLLS);
        let told = &reason["rejection"];
        assert!(
            told["field"].is_string() && told["rule"].is_string(),
            "{what}: {reason}"
        );
        assert_eq!(self.codes(), [code], "{what}");
    }
}

async fn reads(installation: &Installation, plate: &str) -> Vec<Value> {
    let answer = installation.ask(&question_about(plate, 3)).await;
    reads_of(&answer, TOLLS).into_iter().cloned().collect()
}

#[tokio::test]
async fn good_files_are_taken_once_and_acknowledged_and_bad_records_cost_themselves() {
    let installation = Installation::start(|_| {}).await;
    let mut vendor = Deliveries::new(&installation);
    let txns = vec![
        vendor.txn("TPX0001").with_tag(),
        vendor.txn("TPX0002").with_blank_in_plate(),
        vendor.txn("TPX0003").into_closed(),
        vendor.txn("TPX0004").into_tag(),
    ];
    let file = vendor.file(txns);
    let parcel = file.parcel().unwrap();
    let good = vendor.drop_off(&parcel).await;
    assert!(good.done && good.reason.is_none(), "{good:?}");
    assert_eq!(good.codes(), ["00"]);
    assert_eq!(held(&installation, TOLLS).await, 3);
    assert_eq!(
        reads(&installation, "TPX0002").await[0]["plate"]["text"],
        "TPX0002"
    );

    let again = vendor.drop_off(&parcel).await;
    assert!(again.done);
    assert_eq!(
        held(&installation, TOLLS).await,
        3,
        "a file sent twice is taken once"
    );
    let ledger = installation.ledger();
    let ingests = of_kind(&ledger, "ingest");
    let counts: Vec<[&Value; 2]> = ingests
        .iter()
        .map(|entry| [&entry["body"]["accepted"], &entry["body"]["duplicates"]])
        .collect();
    assert_eq!(counts, [[3, 0], [0, 3]]);
    assert_eq!(
        ingests[0]["body"]["payload_sha256"],
        ingests[1]["body"]["payload_sha256"]
    );

    let faults = [
        Quirk::MissingElement("TxnReferenceID"),
        Quirk::WrongText("ExitDateTime", "2026-03-04T07:15:30"),
        Quirk::BadUtf8,
        Quirk::DuplicateReference,
        Quirk::DeepNesting(5),
    ];
    let (mut kept, mut set_aside) = (3, 0);
    for quirk in faults {
        let txns = vec![vendor.txn("TPX0005"), vendor.txn("TPX0006")];
        let parcel = vendor.file(txns).broken(quirk).unwrap();
        let outcome = vendor.drop_off(&parcel).await;
        assert!(outcome.done, "{quirk:?}: {outcome:?}");
        let rules: usize = quarantined(&installation, TOLLS).values().sum();
        let code = if rules > set_aside { "02" } else { "00" };
        assert_eq!(outcome.codes(), [code], "{quirk:?}");
        kept += if rules > set_aside && quirk != Quirk::DuplicateReference {
            1
        } else {
            2
        };
        set_aside = rules;
        assert_eq!(
            held(&installation, TOLLS).await,
            kept,
            "the rest of {quirk:?} is kept"
        );
    }
    assert!(set_aside >= 3, "{set_aside}");
    for file in files_under(&installation.world.folder().join("data")) {
        let bytes = std::fs::read(&file).unwrap();
        let kept = bytes
            .windows(TAG_CANARY.len())
            .any(|window| window == TAG_CANARY.as_bytes());
        assert!(!kept, "{}", file.display());
    }
}

#[tokio::test]
async fn a_correction_revises_whether_it_comes_before_or_after_its_original() {
    let installation = Installation::start(|_| {}).await;
    let mut vendor = Deliveries::new(&installation);
    let hub = &installation.world.tolls;
    let (first, second) = (vendor.txn("TPX0001"), vendor.txn("TPX0003"));
    for (txn, right, correction_first) in [(first, "TPX0002", false), (second, "TPX0004", true)] {
        let wrong = txn.plate.clone().unwrap().number;
        let correction = hub.scorr(vendor.submitted(), [Correction::of_plate(&txn, right)]);
        let mut files = [vendor.file(vec![txn.clone()]), correction];
        if correction_first {
            files.reverse();
        }
        for file in files {
            let outcome = vendor.drop_off(&file.parcel().unwrap()).await;
            assert_eq!((outcome.done, outcome.codes()), (true, vec!["00"]));
        }
        assert_eq!(reads(&installation, &wrong).await, Vec::<Value>::new());
        let corrected = reads(&installation, right).await;
        assert_eq!(corrected.len(), 1);
        assert!(corrected[0]["revision"].as_u64().unwrap() > 0);
    }
    assert_eq!(held(&installation, TOLLS).await, 2);
}

#[tokio::test]
async fn a_file_set_aside_may_have_held_reads_so_nothing_is_not_seen_until_the_next_good_one() {
    let installation = Installation::start(|_| {}).await;
    let mut vendor = Deliveries::new(&installation);
    let asked = question_about("TPX0007", 1);
    let outcome = async || {
        let answer = installation.ask(&asked).await;
        row(&answer, TOLLS)["outcome"].as_str().unwrap().to_owned()
    };
    let good = vec![vendor.txn("TPX0001")];
    let good = vendor.file(good).parcel().unwrap();
    assert!(vendor.drop_off(&good).await.done);
    assert_eq!(outcome().await, "empty");
    // Money holds no read that could be missing.
    let money = installation.world.tolls.srecon(vendor.submitted());
    vendor.drop_off(&money.parcel().unwrap()).await;
    assert_eq!(outcome().await, "empty");
    let cut = vec![vendor.txn("TPX0007")];
    let cut = vendor.file(cut).broken(Quirk::CountMismatch).unwrap();
    vendor.drop_off(&cut).await;
    assert_eq!(outcome().await, "stale");
    let next = vec![vendor.txn("TPX0001")];
    let next = vendor.file(next).parcel().unwrap();
    assert!(vendor.drop_off(&next).await.done);
    assert_eq!(outcome().await, "empty");
}

#[tokio::test]
async fn a_file_that_cannot_be_trusted_is_set_aside_whole() {
    let installation = Installation::start(|_| {}).await;
    let mut vendor = Deliveries::new(&installation);
    let refused = [
        (Quirk::CountMismatch, "01"),
        (Quirk::NameTimeMismatch, "07"),
        (Quirk::TruncatedZip, "07"),
        (Quirk::NotAZip, "07"),
        (Quirk::Bomb(64 << 20), "07"),
        (Quirk::PathEscape, "07"),
        (Quirk::TwoFiles, "07"),
        (Quirk::NoFile, "07"),
        (Quirk::Entities, "07"),
        (Quirk::ExternalEntity, "07"),
        (Quirk::DeepNesting(500), "07"),
        (Quirk::TruncatedXml, "07"),
    ];
    let mut dropped = Vec::new();
    for (quirk, code) in refused {
        let txns = vec![vendor.txn("TPX0001")];
        let parcel = vendor.file(txns).broken(quirk).unwrap();
        let path = installation.world.tolls.drop_parcel(&parcel).unwrap();
        dropped.push((path, format!("{quirk:?}"), code));
    }
    let hub = &installation.world.tolls;
    let money = hub.srecon(vendor.submitted());
    dropped.push((hub.drop_file(&money).unwrap(), "SRECON".to_owned(), "07"));
    for (path, what, code) in &dropped {
        vendor.taken(path).await.refused(code, what);
    }
    // These name nobody who could be answered.
    let list = hub.btvl(vendor.submitted());
    assert_eq!(list.kind, Kind::Btvl);
    let nameless = vendor.file(vec![Txn::video(99, now(), "TPX0001")]);
    let nameless = nameless.broken(Quirk::WrongFileName).unwrap();
    for parcel in [list.parcel().unwrap(), nameless] {
        let outcome = vendor.drop_off(&parcel).await;
        assert!(
            outcome.reason.is_some() && outcome.acks.is_empty(),
            "{outcome:?}"
        );
    }
    assert_eq!(held(&installation, TOLLS).await, 0);
    let ledger = installation.ledger();
    let refusals = of_kind(&ledger, "ingest");
    assert_eq!(refusals.len(), dropped.len() + 2);
    assert!(
        refusals
            .iter()
            .all(|entry| entry["body"]["refused"].is_string())
    );
    let outside = installation.world.folder().join("drops");
    let escaped = files_under(&outside)
        .into_iter()
        .filter(|file| file.extension().is_some_and(|kind| kind == "STRAN"));
    assert_eq!(escaped.count(), 0);
}

#[tokio::test]
async fn other_encodings_are_read_and_a_slow_writer_is_waited_for() {
    let installation = Installation::start(|world| {
        let settle = "settle_ms = 100";
        crate::installation::edit(world, "turnpike.toml", settle, "settle_ms = 600");
    })
    .await;
    let mut vendor = Deliveries::new(&installation);
    let encodings = [(Declared::Latin1, "TPX0001"), (Declared::Utf16, "TPX0002")];
    for (encoding, plate) in encodings {
        let txns = vec![vendor.txn(plate)];
        let parcel = vendor.file(txns).broken(Quirk::Encoding(encoding)).unwrap();
        let outcome = vendor.drop_off(&parcel).await;
        assert_eq!(outcome.codes(), ["00"], "{encoding:?}");
        assert_eq!(reads(&installation, plate).await.len(), 1);
    }
    let txns = vec![vendor.txn("TPX0003")];
    let parcel = vendor.file(txns).parcel().unwrap();
    let slow = installation.world.tolls.drop_slowly(&parcel).unwrap();
    let path = slow.path().to_owned();
    // Longer than the settle time: the half file was looked at and left alone.
    let looked = tokio::time::timeout(Duration::from_millis(1_500), async {
        eventually("the half file is gone", async || {
            (!path.exists()).then_some(())
        })
        .await;
    });
    assert!(looked.await.is_err(), "a file under way is not taken");
    let path = slow.finish().unwrap();
    let outcome = vendor.taken(&path).await;
    assert!(outcome.done, "{outcome:?}");
    assert_eq!(outcome.codes(), ["00"]);
    assert_eq!(reads(&installation, "TPX0003").await.len(), 1);
}
