//! An agency that drops files.

use std::io;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{AWAY, DataFile, Txn, pack, read_ack};
use crate::kit::{Answer, BenchEntry, Gives, History, Sample, SimHandle, Versions, say};
use crate::sim::dropped::{Dropped, file};
use crate::town::{Family, Passage, Town};

pub(in crate::sim) const BENCH: BenchEntry = BenchEntry::plain(false, || {
    Box::pin(async { Ok(Box::new(start().map_err(say)?) as Box<dyn SimHandle>) })
});

/// Largest data file the adapter is to read.
const MAX_BYTES: u64 = 3 << 20;

fn start() -> io::Result<Dropped> {
    let mut agency = Dropped::new(Family::Toll, json!({}));
    let submitted =
        Timestamp::from_second(agency.town.end().as_second()).map_err(io::Error::other)?;
    let passages: Vec<Passage> = agency
        .town
        .passages(Family::Toll)
        .filter(|passage| passage.text.is_some())
        .cloned()
        .collect();
    let files = Files {
        submitted,
        txns: passages.iter().map(Txn::of).collect(),
    };
    agency.settings = json!({
        "max_bytes": MAX_BYTES, "home_agency": super::HOME, "sites": sites(&agency.town),
    });
    agency.never_says = &[
        "/plate/confidence",
        "/plate/jurisdiction_confidence",
        "/place/bearing_deg",
        "/place/image_bearing_deg",
        "/vehicle/make",
        "/vehicle/model",
        "/vehicle/colour",
    ];
    agency.history = History {
        samples: files.history()?,
        passages,
    };
    agency.samples = files.samples()?;
    agency.versions = files.versions()?;
    agency.acknowledged = read_ack;
    Ok(agency)
}

/// Where the plazas are.
fn sites(town: &Town) -> Value {
    let tolls = town
        .sites()
        .iter()
        .filter(|site| site.family == Family::Toll);
    let position = tolls.map(|site| {
        let key = format!("{AWAY}/{}", site.code);
        (key, json!({"lat": site.latitude, "lon": site.longitude}))
    });
    Value::Object(position.collect())
}

struct Files {
    submitted: Timestamp,
    txns: Vec<Txn>,
}

impl Files {
    fn history(&self) -> io::Result<Vec<Sample>> {
        let mut samples = Vec::new();
        for (number, some) in (0_i64..).zip(self.txns.chunks(100)) {
            let submitted = self.submitted + SignedDuration::from_secs(number);
            let file = DataFile::transactions(submitted, some);
            samples.push(taken("transactions", &file, some.len())?);
        }
        Ok(samples)
    }

    /// The first three transactions, changed.
    fn three(&self, change: impl FnOnce(&mut Vec<Txn>)) -> DataFile {
        let mut txns: Vec<Txn> = self.txns.iter().take(3).cloned().collect();
        change(&mut txns);
        DataFile::transactions(self.submitted, &txns)
    }

    fn first(&self, change: impl FnOnce(&mut Txn)) -> DataFile {
        self.three(|txns| {
            if let Some(txn) = txns.first_mut() {
                change(txn);
            }
        })
    }

    fn samples(&self) -> io::Result<Vec<Sample>> {
        let plain = self.three(|_| {});
        let text = plain.text();
        let mut samples = vec![
            taken("transactions", &plain, 3)?,
            taken("no transaction", &self.three(Vec::clear), 0)?,
            unpacked(
                "not packed",
                &plain.name(),
                text.clone().into_bytes(),
                Gives::Reads(3),
                "00",
            ),
            unpacked(
                "lines of Windows",
                &plain.name(),
                text.replace('\n', "\r\n").into_bytes(),
                Gives::Reads(3),
                "00",
            ),
            taken(
                "blanks in the plate",
                &self.first(|txn| txn.plate = Some("TP 0388-A".to_owned())),
                3,
            )?,
            taken("no state", &self.first(|txn| txn.state = None), 3)?,
            taken(
                "a state nobody knows",
                &self.first(|txn| txn.state = Some("XX".to_owned())),
                3,
            )?,
            taken("a closed system", &self.first(|txn| txn.closed = true), 3)?,
            taken(
                "the hour that clocks show twice",
                &self.first(|txn| txn.local = Some("2025-11-02T01:30:00-04:00".to_owned())),
                3,
            )?,
            personal(taken(
                "with a transponder",
                &self.first(|txn| *txn = txn.clone().with_tag()),
                3,
            )?),
            personal(packed(
                "transponders between reads",
                &self.first(|txn| *txn = txn.clone().with_tag().without_plate()),
                (Gives::Reads(2), "00"),
            )?),
            personal(packed(
                "transponders only",
                &self.three(|txns| {
                    txns.iter_mut()
                        .for_each(|txn| *txn = txn.clone().with_tag().without_plate())
                }),
                (Gives::Nothing, "00"),
            )?),
        ];
        samples.extend(self.corrections()?);
        samples.extend(self.bad_records()?);
        samples.extend(self.bad_files()?);
        Ok(samples)
    }

    fn corrections(&self) -> io::Result<Vec<Sample>> {
        let cheaper: Vec<Txn> = self
            .txns
            .iter()
            .take(2)
            .map(|txn| Txn {
                cents: 100,
                ..txn.clone()
            })
            .collect();
        let gone: Vec<Txn> = cheaper
            .iter()
            .map(|txn| txn.clone().without_plate())
            .collect();
        let file = |txns: &[Txn]| {
            DataFile::corrections(self.submitted, txns.iter().map(|txn| ("05", txn)))
        };
        let unreasonable = DataFile::corrections(
            self.submitted,
            cheaper
                .iter()
                .map(|txn| ("05", txn))
                .take(1)
                .chain(cheaper.iter().skip(1).map(|txn| ("99", txn))),
        );
        Ok(vec![
            taken("corrections of money", &file(&cheaper), 2)?,
            packed(
                "corrections that take the plate away",
                &file(&gone),
                (Gives::Nothing, "00"),
            )?,
            packed(
                "a correction without a known reason",
                &unreasonable,
                (Gives::OneBad(1, "CORRECTION_REASON"), "02"),
            )?,
        ])
    }

    fn bad_records(&self) -> io::Result<Vec<Sample>> {
        let twice = self.three(|txns| txns.extend(txns.first().cloned()));
        let mut shifted = self.three(|_| {});
        if let Some(line) = shifted.lines.first_mut() {
            line.insert(0, '0');
        }
        let bad = |field| (Gives::OneBad(2, field), "02");
        Ok(vec![
            packed(
                "the same twice",
                &twice,
                (Gives::OneBad(3, "ETC_TRX_SERIAL_NUM"), "02"),
            )?,
            packed("a shifted line", &shifted, bad("RECORD"))?,
            packed(
                "no offset",
                &self.first(|txn| txn.local = Some(format!("{:<25}", "2026-03-04T07:15:30"))),
                bad("ETC_EXIT_DATE_TIME"),
            )?,
            packed(
                "no such day",
                &self.first(|txn| txn.local = Some("2026-02-30T07:15:30-05:00".to_owned())),
                bad("ETC_EXIT_DATE_TIME"),
            )?,
            packed(
                "a small letter",
                &self.first(|txn| txn.plate = Some("tpk0421".to_owned())),
                bad("ETC_LIC_NUMBER"),
            )?,
        ])
    }

    fn bad_files(&self) -> io::Result<Vec<Sample>> {
        let plain = self.three(|_| {});
        let refused =
            |what: &str, file: &DataFile, code| packed(what, file, (Gives::Refused, code));
        let zip = |what: &str, bytes| archive(what, &plain.zip_name(), bytes, "07");
        let later = DataFile {
            submitted: self.submitted + SignedDuration::from_secs(1),
            ..plain.clone()
        };
        let whole = plain.zip()?;
        let half = whole.get(..whole.len() / 2).unwrap_or_default().to_vec();
        let list = DataFile::plates(self.submitted);
        Ok(vec![
            refused(
                "a count that is one too many",
                &DataFile {
                    count: Some(4),
                    ..plain.clone()
                },
                "01",
            )?,
            refused(
                "another version",
                &DataFile {
                    version: "01.61.00",
                    ..plain.clone()
                },
                "01",
            )?,
            archive(
                "a header of another time",
                &plain.zip_name(),
                pack(&plain.name(), later.text().as_bytes())?,
                "01",
            ),
            zip("half an archive", half),
            zip("no archive", b"no archive\n".to_vec()),
            zip(
                "a path out of the folder",
                pack(&format!("../{}", plain.name()), plain.text().as_bytes())?,
            ),
            zip(
                "another file inside",
                pack("TOLLS.TXT", plain.text().as_bytes())?,
            ),
            zip(
                "far too much inside",
                pack(&plain.name(), &vec![b'*'; 5 << 20])?,
            ),
            refused("money", &DataFile::reconciliation(self.submitted), "07")?,
            personal(refused(
                "tags of customers",
                &DataFile::tags(self.submitted),
                "07",
            )?),
            personal(refused("plates of customers", &list, "07")?),
            personal(unpacked(
                "plates of customers under the name of reads",
                &plain.name(),
                list.text().into_bytes(),
                Gives::Refused,
                "01",
            )),
            Sample {
                answer: Answer::None,
                ..unpacked(
                    "no name of a kind",
                    "TOLLS.TXT",
                    plain.text().into_bytes(),
                    Gives::Refused,
                    "",
                )
            },
        ])
    }

    fn versions(&self) -> io::Result<Vec<Versions>> {
        let mut versions = Vec::new();
        for txn in self.txns.iter().take(3) {
            let one = |hours, plate: &str| {
                let txn = Txn {
                    plate: Some(plate.to_owned()),
                    ..txn.clone()
                };
                let submitted = self.submitted + SignedDuration::from_hours(hours);
                taken(
                    "a correction",
                    &DataFile::corrections(submitted, [("01", &txn)]),
                    1,
                )
            };
            let transaction = DataFile::transactions(self.submitted, [txn]);
            let transaction = taken("a transaction", &transaction, 1)?;
            let (first, second) = (one(1, "TPK9990")?, one(2, "TPK9991")?);
            versions.push(Versions {
                earlier: transaction,
                later: first.clone(),
            });
            versions.push(Versions {
                earlier: first,
                later: second,
            });
        }
        Ok(versions)
    }
}

fn packed(what: &str, data: &DataFile, (gives, code): (Gives, &'static str)) -> io::Result<Sample> {
    let answer = (gives, Answer::Code(code));
    Ok(file(what, data.zip_name(), data.zip()?, answer))
}

/// A file that is taken whole.
fn taken(what: &str, data: &DataFile, reads: usize) -> io::Result<Sample> {
    packed(what, data, (Gives::Reads(reads), "00"))
}

fn archive(what: &str, name: &str, bytes: Vec<u8>, code: &'static str) -> Sample {
    file(what, name, bytes, (Gives::Refused, Answer::Code(code)))
}

fn unpacked(what: &str, name: &str, bytes: Vec<u8>, gives: Gives, code: &'static str) -> Sample {
    file(what, name, bytes, (gives, Answer::Code(code)))
}

fn personal(sample: Sample) -> Sample {
    Sample {
        personal: true,
        ..sample
    }
}
