//! A toll hub that drops files.

use std::fs;
use std::io;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::fault::FaultProxy;
use crate::kit::{
    Answer, Asked, Behaviour, BenchEntry, Gives, History, Outcome, Sample, SimHandle, Versions,
    Via, say,
};
use crate::sim::niop::{Correction, Declared, Hub, Parcel, Quirk, Txn, write_bulk_zip};
use crate::sim::small_town as town;
use crate::town::{Family, Passage, Town};

pub(in crate::sim) const BENCH: BenchEntry = BenchEntry {
    variant: "",
    contacted: false,
    start: || Box::pin(async { Ok(Box::new(Tolls::start()?) as Box<dyn SimHandle>) }),
};

/// Largest data file the adapter is to unpack.
const MAX_BYTES: u64 = 3 << 20;

#[derive(Debug)]
struct Tolls {
    town: Town,
    folder: TempDir,
    hub: Hub,
    submitted: Timestamp,
    history: OnceCell<History>,
    samples: OnceCell<Vec<Sample>>,
}

impl Tolls {
    fn start() -> Result<Self, String> {
        let town = town();
        let folder = TempDir::new().map_err(say)?;
        let hub = Hub::new(&folder.path().join("in"), &folder.path().join("acks")).map_err(say)?;
        Ok(Self {
            submitted: Timestamp::from_second(town.end().as_second()).map_err(say)?,
            town,
            folder,
            hub,
            history: OnceCell::new(),
            samples: OnceCell::new(),
        })
    }

    fn files(&self) -> Files<'_> {
        Files {
            hub: &self.hub,
            submitted: self.submitted,
            passages: self.town.passages(Family::Toll).filter(read).collect(),
        }
    }
}

fn read(passage: &&Passage) -> bool {
    passage.text.is_some()
}

#[async_trait]
impl SimHandle for Tolls {
    fn town(&self) -> &Town {
        &self.town
    }

    fn family(&self) -> Family {
        Family::Toll
    }

    fn settings(&self) -> Value {
        json!({ "max_bytes": MAX_BYTES })
    }

    fn secrets(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    fn road(&self) -> Option<&FaultProxy> {
        None
    }

    fn behave(&self, behaviour: Behaviour) -> Outcome {
        Err(format!(
            "a vendor nobody contacts cannot be told {behaviour:?}"
        ))
    }

    fn asked(&self) -> Vec<Asked> {
        Vec::new()
    }

    fn image(&self) -> Option<String> {
        None
    }

    async fn history(&self) -> Result<&History, String> {
        let make = async || self.files().history().map_err(say);
        self.history.get_or_try_init(make).await
    }

    async fn samples(&self) -> Result<&[Sample], String> {
        let make = async || self.files().samples().map_err(say);
        let samples = self.samples.get_or_try_init(make).await?;
        Ok(samples)
    }

    fn versions(&self) -> Result<Vec<Versions>, String> {
        self.files().versions().map_err(say)
    }

    fn never_says(&self) -> &'static [&'static str] {
        &[
            "/plate/confidence",
            "/plate/jurisdiction_confidence",
            "/place/lat",
            "/place/lon",
            "/place/bearing_deg",
            "/place/image_bearing_deg",
            "/vehicle/make",
            "/vehicle/model",
            "/vehicle/colour",
        ]
    }

    fn acknowledged(&self, name: &str, body: &[u8]) -> Result<String, String> {
        let place = self.folder.path().join("acks").join(name);
        fs::write(&place, body).map_err(say)?;
        let acks = self.hub.acks().map_err(say)?;
        fs::remove_file(&place).map_err(say)?;
        let ack = acks.into_iter().find(|ack| ack.file_name == name);
        let ack = ack.ok_or("the hub does not see the acknowledgement")?;
        if ack.problems.is_empty() {
            Ok(ack.code)
        } else {
            Err(ack.problems.join(", "))
        }
    }
}

/// Files of one hub.
struct Files<'a> {
    hub: &'a Hub,
    submitted: Timestamp,
    passages: Vec<&'a Passage>,
}

impl Files<'_> {
    fn history(&self) -> io::Result<History> {
        let mut samples = Vec::new();
        for (number, some) in (0_i64..).zip(self.passages.chunks(100)) {
            let submitted = self.submitted + SignedDuration::from_secs(number);
            let parcel = self
                .hub
                .stran_of(submitted, some.iter().copied())
                .parcel()?;
            samples.push(taken("transactions", parcel, some.len()));
        }
        Ok(History {
            samples,
            passages: self.passages.iter().copied().cloned().collect(),
        })
    }

    fn samples(&self) -> io::Result<Vec<Sample>> {
        let mut samples = self.transactions()?;
        samples.extend(self.refused_kinds()?);
        samples.push(self.many()?);
        let three = self
            .hub
            .stran_of(self.submitted, self.passages.iter().copied().take(3));
        for (quirk, gives, answer) in quirks() {
            samples.push(file(
                format!("{quirk:?}"),
                three.broken(quirk)?,
                gives,
                answer,
            ));
        }
        Ok(samples)
    }

    fn txns(&self) -> impl Iterator<Item = Txn> {
        self.passages.iter().copied().filter_map(Txn::of)
    }

    fn transactions(&self) -> io::Result<Vec<Sample>> {
        let one = |change: fn(Txn) -> Txn| {
            self.hub
                .stran(self.submitted, self.txns().take(1).map(change))
        };
        let tags = self
            .hub
            .stran(self.submitted, self.txns().take(2).map(Txn::into_tag));
        let nothing = file(
            "transponders only",
            tags.parcel()?,
            Gives::Nothing,
            Answer::Code("00"),
        );
        let with_tag = taken("with a transponder", one(Txn::with_tag).parcel()?, 1);
        let unpacked = one(|txn| txn);
        let unpacked = Parcel {
            name: unpacked.name(),
            bytes: unpacked.xml()?,
        };
        Ok(vec![
            taken(
                "transactions",
                self.hub
                    .stran(self.submitted, self.txns().take(3))
                    .parcel()?,
                3,
            ),
            taken(
                "no transaction",
                self.hub.stran(self.submitted, []).parcel()?,
                0,
            ),
            taken("not packed", unpacked, 1),
            taken(
                "a blank in the plate",
                one(Txn::with_blank_in_plate).parcel()?,
                1,
            ),
            taken("no issuer", one(Txn::with_unknown_country).parcel()?, 1),
            taken("no plate type", one(Txn::without_plate_type).parcel()?, 1),
            taken("a closed system", one(Txn::into_closed).parcel()?, 1),
            taken(
                "times that disagree",
                one(Txn::with_zone_conflict).parcel()?,
                1,
            ),
            personal(with_tag),
            personal(nothing),
        ])
    }

    fn many(&self) -> io::Result<Sample> {
        let mut archive = io::Cursor::new(Vec::new());
        let name = write_bulk_zip(&mut archive, self.submitted, 300)?;
        let bytes = archive.into_inner();
        Ok(taken("many transactions", Parcel { name, bytes }, 300))
    }

    fn refused_kinds(&self) -> io::Result<Vec<Sample>> {
        let refused = |what, parcel, code| file(what, parcel, Gives::Refused, code);
        let btvl = self.hub.btvl(self.submitted).parcel()?;
        let srecon = self.hub.srecon(self.submitted).parcel()?;
        Ok(vec![
            personal(refused("a list of accounts", btvl, Answer::None)),
            refused("money", srecon, Answer::Code("07")),
        ])
    }

    fn versions(&self) -> io::Result<Vec<Versions>> {
        let mut versions = Vec::new();
        for txn in self.txns().take(3) {
            let corrected = Correction::of_plate(&txn, "TPK9990");
            let mut again = Correction::of_plate(&txn, "TPK9991");
            again.sequence = 2;
            again.at += SignedDuration::from_hours(1);
            let resent = Correction::resubmission(&txn);
            let stran = self.hub.stran(self.submitted, [txn]).parcel()?;
            let scorr = |correction| self.hub.scorr(self.submitted, [correction]).parcel();
            let first = taken("a correction", scorr(corrected)?, 1);
            let transaction = taken("a transaction", stran, 1);
            for (earlier, later) in [
                (transaction.clone(), first.clone()),
                (first, taken("a second correction", scorr(again)?, 1)),
                (transaction, taken("the same again", scorr(resent)?, 1)),
            ] {
                versions.push(Versions { earlier, later });
            }
        }
        Ok(versions)
    }
}

fn quirks() -> Vec<(Quirk, Gives, Answer)> {
    let refused = |quirk, answer| (quirk, Gives::Refused, answer);
    let bad = Answer::Code("07");
    vec![
        (
            Quirk::DuplicateReference,
            Gives::OneBad(3, "TxnReferenceID"),
            Answer::Code("02"),
        ),
        (
            Quirk::MissingElement("ExitDateTime"),
            Gives::OneBad(2, "ExitDateTime"),
            Answer::Code("02"),
        ),
        (
            Quirk::MissingElement("PlateNumber"),
            Gives::OneBad(2, "PlateNumber"),
            Answer::Code("02"),
        ),
        (
            Quirk::WrongText("ExitDateTime", "2026-03-04T07:15:30"),
            Gives::OneBad(2, "ExitDateTime"),
            Answer::Code("02"),
        ),
        (
            Quirk::WrongText("PlateCountry", "TPK0421"),
            Gives::OneBad(2, "PlateCountry"),
            Answer::Code("02"),
        ),
        (
            Quirk::Encoding(Declared::Latin1),
            Gives::Reads(3),
            Answer::Code("00"),
        ),
        (
            Quirk::Encoding(Declared::Utf16),
            Gives::Reads(3),
            Answer::Code("00"),
        ),
        refused(Quirk::CountMismatch, Answer::Code("01")),
        refused(Quirk::WrongFileName, Answer::None),
        refused(Quirk::NameTimeMismatch, bad),
        refused(Quirk::TruncatedZip, bad),
        refused(Quirk::NotAZip, bad),
        refused(Quirk::Bomb(5 << 20), bad),
        refused(Quirk::PathEscape, bad),
        refused(Quirk::TwoFiles, bad),
        refused(Quirk::NoFile, bad),
        refused(Quirk::Entities, bad),
        refused(Quirk::ExternalEntity, bad),
        refused(Quirk::TruncatedXml, bad),
        refused(Quirk::DeepNesting(500), bad),
        (Quirk::BadUtf8, Gives::Anything, Answer::Unchecked),
    ]
}

fn file(what: impl Into<String>, parcel: Parcel, gives: Gives, answer: Answer) -> Sample {
    Sample {
        name: parcel.name,
        answer,
        ..Sample::new(what, Via::File, parcel.bytes, gives)
    }
}

/// A file that is taken whole.
fn taken(what: &str, parcel: Parcel, reads: usize) -> Sample {
    file(what, parcel, Gives::Reads(reads), Answer::Code("00"))
}

fn personal(sample: Sample) -> Sample {
    Sample {
        personal: true,
        ..sample
    }
}
