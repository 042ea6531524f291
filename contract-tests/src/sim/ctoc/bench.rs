//! A toll operator that drops files.

use std::io;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Correction, DESTINATION, DataFile, SOURCE, Txn, read_ack};
use crate::kit::{Answer, BenchEntry, Gives, History, Sample, SimHandle, Versions, say};
use crate::sim::dropped::{Dropped, file};
use crate::town::{Family, Passage, Town};

pub(in crate::sim) const BENCH: BenchEntry = BenchEntry::plain(false, || {
    Box::pin(async { Ok(Box::new(start().map_err(say)?) as Box<dyn SimHandle>) })
});

fn start() -> io::Result<Dropped> {
    let mut operator = Dropped::new(Family::Toll, json!({}));
    let created =
        Timestamp::from_second(operator.town.end().as_second()).map_err(io::Error::other)?;
    let passages: Vec<Passage> = operator
        .town
        .passages(Family::Toll)
        .filter(|passage| Txn::of(passage).is_some())
        .cloned()
        .collect();
    let files = Files {
        created,
        txns: passages.iter().filter_map(Txn::of).collect(),
    };
    operator.settings = json!({
        "country": "US", "home_agency": DESTINATION, "sites": sites(&operator.town),
    });
    operator.never_says = &[
        "/plate/confidence",
        "/plate/jurisdiction_confidence",
        "/place/bearing_deg",
        "/place/image_bearing_deg",
        "/vehicle/make",
        "/vehicle/model",
        "/vehicle/colour",
        "/vehicle/class",
    ];
    operator.history = History {
        samples: files.history(),
        passages,
    };
    operator.samples = files.samples();
    operator.versions = files.versions();
    operator.acknowledged = read_ack;
    Ok(operator)
}

/// Where the plazas are.
fn sites(town: &Town) -> Value {
    let tolls = town
        .sites()
        .iter()
        .filter(|site| site.family == Family::Toll);
    let position = tolls.map(|site| {
        let key = format!("{SOURCE}/{}", site.code);
        (key, json!({"lat": site.latitude, "lon": site.longitude}))
    });
    Value::Object(position.collect())
}

struct Files {
    created: Timestamp,
    txns: Vec<Txn>,
}

impl Files {
    fn history(&self) -> Vec<Sample> {
        let chunks = (0_i64..).zip(self.txns.chunks(100));
        let sample = |(number, some): (i64, &[Txn])| {
            let created = self.created + SignedDuration::from_secs(number);
            let file = DataFile::transactions(created, some);
            taken("transactions", &file, some.len())
        };
        chunks.map(sample).collect()
    }

    /// The first three transactions, changed.
    fn three(&self, change: impl FnOnce(&mut Vec<Txn>)) -> DataFile {
        let mut txns: Vec<Txn> = self.txns.iter().take(3).cloned().collect();
        change(&mut txns);
        DataFile::transactions(self.created, &txns)
    }

    fn first(&self, change: impl FnOnce(&mut Txn)) -> DataFile {
        self.three(|txns| {
            if let Some(txn) = txns.first_mut() {
                change(txn);
            }
        })
    }

    fn samples(&self) -> Vec<Sample> {
        let plain = self.three(|_| {});
        let windows = plain.text().replace('\n', "\r\n");
        let mut samples = vec![
            taken("transactions", &plain, 3),
            taken("no transaction", &self.three(Vec::clear), 0),
            text("lines of Windows", &plain, windows, (Gives::Reads(3), "00")),
            taken(
                "a letter beyond F",
                &self.first(|txn| txn.plate = "TPZ 0388".to_owned()),
                3,
            ),
            taken(
                "a province",
                &self.first(|txn| txn.state = "BC".to_owned()),
                3,
            ),
            taken("lane 00", &self.first(|txn| txn.lane = "00".to_owned()), 3),
            taken(
                "the hour that clocks show twice",
                &self.first(|txn| txn.local = Some("2025-11-02T01:30:00-07:00".to_owned())),
                3,
            ),
            taken("no plate", &self.first(|txn| txn.plate = String::new()), 2),
        ];
        samples.extend(self.corrections());
        samples.extend(self.bad_records());
        samples.extend(self.bad_files());
        samples
    }

    fn corrections(&self) -> Vec<Sample> {
        let file = |change: fn(&mut Correction)| {
            let corrections = self.txns.iter().take(2).map(|txn| {
                let mut correction = Correction::of(txn, |txn| txn.cents = 100);
                change(&mut correction);
                correction
            });
            DataFile::corrections(self.created, &corrections.collect::<Vec<_>>())
        };
        let by_tag = file(|correction| {
            correction.original = correction.original.clone().by_tag();
            correction.corrected = correction.corrected.clone().by_tag();
        });
        let from_tag =
            file(|correction| correction.original = correction.original.clone().by_tag());
        let mut one_unreasonable = file(|correction| correction.count = 2);
        if let Some(line) = one_unreasonable.lines.first_mut() {
            *line = line.replacen(",L, ,", ", , ,", 1);
        }
        let nothing = (Gives::Nothing, "00");
        vec![
            given("corrections of money", &file(|_| {}), nothing),
            taken(
                "second corrections, that may take the first back",
                &file(|correction| correction.count = 2),
                2,
            ),
            taken(
                "corrections of the number",
                &file(|correction| correction.corrected.number += 500_000),
                2,
            ),
            personal(given("corrections by tag", &by_tag, nothing)),
            personal(taken("a plate where there was a tag", &from_tag, 2)),
            given(
                "a correction without any reason",
                &one_unreasonable,
                (Gives::OneBad(1, "CORRECTION REASON"), "03"),
            ),
        ]
    }

    fn bad_records(&self) -> Vec<Sample> {
        let twice = self.three(|txns| txns.extend(txns.first().cloned()));
        let bad = |field| (Gives::OneBad(2, field), "03");
        vec![
            given("the same twice", &twice, (Gives::OneBad(3, "TRAN #"), "03")),
            given(
                "a comma in a text",
                &self.first(|txn| txn.plate_type = "PASSENGER, RED".to_owned()),
                bad("RECORD"),
            ),
            given(
                "no offset",
                &self.first(|txn| txn.local = Some("2026-03-04T07:15:30".to_owned())),
                bad("EXIT TRAN DATE"),
            ),
            given(
                "no such day",
                &self.first(|txn| txn.local = Some("2026-02-30T07:15:30-08:00".to_owned())),
                bad("EXIT TRAN DATE"),
            ),
            given(
                "a long state",
                &self.first(|txn| txn.state = "OHIO".to_owned()),
                bad("STATE"),
            ),
            given(
                "no plaza",
                &self.first(|txn| txn.plaza = String::new()),
                bad("EXIT PLAZA"),
            ),
        ]
    }

    fn bad_files(&self) -> Vec<Sample> {
        let plain = self.three(|_| {});
        let refused = |what: &str, file: &DataFile, code| given(what, file, (Gives::Refused, code));
        let written =
            |what: &str, content: String, code| text(what, &plain, content, (Gives::Refused, code));
        let whole = plain.text();
        let no_trailer = whole.rsplit_once('\n').map(|(head, _)| head.to_owned());
        let later = DataFile {
            created: self.created + SignedDuration::from_secs(1),
            ..plain.clone()
        };
        let list = DataFile::plates(self.created);
        vec![
            refused(
                "a count that is one too many",
                &DataFile {
                    count: Some(4),
                    ..plain.clone()
                },
                "03",
            ),
            refused(
                "a sum that is two cents too much",
                &DataFile {
                    cents: plain.cents + 2,
                    ..plain.clone()
                },
                "03",
            ),
            refused(
                "another revision",
                &DataFile {
                    revision: "REV A2.1.2",
                    ..plain.clone()
                },
                "01",
            ),
            written("a header of another time", later.text(), "01"),
            written("no trailer", no_trailer.unwrap_or_default(), "03"),
            written("two files in one", format!("{whole}\n{whole}"), "03"),
            written(
                "a line without end",
                format!("{whole}\n{}", "x".repeat(9000)),
                "03",
            ),
            personal(refused("plates of customers", &list, "02")),
            personal(refused(
                "tags of customers",
                &DataFile::tags(self.created),
                "02",
            )),
            personal(refused(
                "transactions by tag",
                &DataFile::by_tag(self.created),
                "02",
            )),
            refused("money", &DataFile::reconciliation(self.created), "02"),
            personal(written(
                "plates of customers under the name of reads",
                list.text(),
                "01",
            )),
            Sample {
                name: "TOLLS.csv".to_owned(),
                answer: Answer::None,
                ..written("no name of a kind", whole.clone(), "")
            },
        ]
    }

    fn versions(&self) -> Vec<Versions> {
        let mut versions = Vec::new();
        for txn in self.txns.iter().take(3) {
            let one = |count, plate: &str| {
                let corrected = Correction::of(txn, |txn| plate.clone_into(&mut txn.plate));
                let correction = Correction { count, ..corrected };
                taken(
                    "a correction",
                    &DataFile::corrections(self.created, [&correction]),
                    1,
                )
            };
            let transaction = taken(
                "a transaction",
                &DataFile::transactions(self.created, [txn]),
                1,
            );
            let (first, second) = (one(1, "TPK9990"), one(2, "TPK9991"));
            versions.push(Versions {
                earlier: transaction,
                later: first.clone(),
            });
            versions.push(Versions {
                earlier: first,
                later: second,
            });
        }
        versions
    }
}

fn text(
    what: &str,
    data: &DataFile,
    content: String,
    (gives, code): (Gives, &'static str),
) -> Sample {
    file(
        what,
        data.name(),
        content.into_bytes(),
        (gives, Answer::Code(code)),
    )
}

fn given(what: &str, data: &DataFile, gives: (Gives, &'static str)) -> Sample {
    text(what, data, data.text(), gives)
}

/// A file that is taken whole.
fn taken(what: &str, data: &DataFile, reads: usize) -> Sample {
    given(what, data, (Gives::Reads(reads), "00"))
}

fn personal(sample: Sample) -> Sample {
    Sample {
        personal: true,
        ..sample
    }
}
