//! Whole files in, items and verdicts out.

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};

use proptest::prelude::*;
use serde_json::{Value, json};
use turnpike_schemas::read::Observation;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::{ACCOUNT_LIST, Iag, RECONCILIATION};
use crate::{
    adapter::{Adapter, Disposition, Item, ReadSeek, Verdict},
    error::{Error, ErrorKind},
};

const NAME: &str = "0901_0902_20260304131500.ICTX";
const ZIP_NAME: &str = "0901_0902_20260304131500_ICTX.ZIP";
const CORRECTION_NAME: &str = "0901_0902_20260305091500.ITXC";
const SAMPLE: &str = include_str!("fixtures/0901_0902_20260304131500.ICTX");
const CORRECTION: &str = include_str!("fixtures/0901_0902_20260305091500.ITXC");
/// A tag number of the fixtures: never to come out.
const TAG: &str = "7304182956";

#[derive(Debug, PartialEq)]
struct Outcome {
    items: Vec<Item>,
    verdict: Verdict,
}

impl Outcome {
    fn reads(&self) -> Vec<&Observation> {
        let read = |item: &'_ Item| matches!(item, Item::Read(_));
        let reads = self.items.iter().filter(|item| read(item));
        reads
            .map(|item| match item {
                Item::Read(read) => &**read,
                _ => unreachable!(),
            })
            .collect()
    }

    fn skipped(&self) -> Vec<&'static str> {
        let reason = |item: &Item| match item {
            Item::Skipped(reason) => Some(*reason),
            _ => None,
        };
        self.items.iter().filter_map(reason).collect()
    }

    /// Record, field and rule of each rejected record.
    fn rejected(&self) -> Vec<(u64, &str, &str)> {
        let rejected = self.items.iter().filter_map(|item| match item {
            Item::Rejected(r) => Some((r.record.unwrap(), &*r.field, &*r.rule)),
            _ => None,
        });
        rejected.collect()
    }

    /// Field and rule for which the file as a whole was rejected.
    fn refused(&self) -> Option<(&str, &str)> {
        match &self.verdict.disposition {
            Disposition::Accepted => None,
            Disposition::Rejected(rejection) => Some((&rejection.field, &rejection.rule)),
        }
    }

    /// The code at the end of the acknowledgement.
    fn code(&self) -> Option<String> {
        let body = self.verdict.acknowledgement.as_ref()?;
        let body = String::from_utf8(body.body(jiff::Timestamp::UNIX_EPOCH)).unwrap();
        assert_eq!(body.len(), 92);
        body.get(90..).map(str::to_owned)
    }
}

fn decode_with(settings: &Value, name: &str, file: &mut dyn ReadSeek) -> Result<Outcome, Error> {
    let mut items = Vec::new();
    let verdict = Iag::new(settings)?.decode_file(name, file, &mut |item| {
        items.push(item);
        Ok(())
    })?;
    Ok(Outcome { items, verdict })
}

fn decode(name: &str, bytes: &[u8]) -> Outcome {
    decode_with(&Value::Null, name, &mut Cursor::new(bytes)).unwrap()
}

fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The sample with `text` written over the line `line` (0 is the header) from `at` on.
fn over(sample: &str, line: usize, at: usize, text: &str) -> String {
    let mut lines: Vec<String> = sample.lines().map(str::to_owned).collect();
    lines[line].replace_range(at..at + text.len(), text);
    lines.join("\n")
}

#[test]
fn the_sample_gives_two_reads_and_a_skipped_tag() {
    let outcome = decode(NAME, SAMPLE.as_bytes());
    assert_eq!(
        (outcome.refused(), outcome.code().as_deref()),
        (None, Some("00"))
    );
    assert_eq!(outcome.skipped(), ["tag_transaction"]);
    let reads = outcome.reads();
    let want = json!({
        "record": "0901-00000901000000004711", "revision": 0, "kind": "read",
        "plate": {"text": "TPK0421", "raw": "TPK0421", "jurisdiction": "US-NJ", "jurisdiction_confidence": null,
                  "confidence": null, "candidates": []},
        "captured_at": "2026-03-04T12:58:07Z", "captured_offset_s": -18000, "captured_zone": "in_value",
        "place": {"lat": null, "lon": null, "site": "0901", "camera": "BN01", "lane": "03",
                  "bearing_deg": null, "image_bearing_deg": null},
        "vehicle": {"make": null, "model": null, "colour": null, "class": null},
        "images": [], "retracted": false,
        "extra": {"toll_class": "2", "transaction_type": "B"}
    });
    assert_eq!(serde_json::to_value(reads[0]).unwrap(), want);
    let second = reads[1];
    assert_eq!(second.plate.plate.expose(), "TP0388A");
    assert_eq!(second.plate.plate.expose_raw(), "TP 0388-A");
    assert_eq!(
        second
            .plate
            .jurisdiction
            .as_ref()
            .map(|issuer| issuer.as_str()),
        Some("CA-ON")
    );
    // The hour that clocks show twice is told apart by the offset.
    assert_eq!(second.captured_at.to_string(), "2026-11-01T06:30:00Z");
    assert_eq!(second.extra["plate_type"], "PASSENGER");
}

#[test]
fn an_archive_gives_what_its_file_gives() {
    let plain = decode(NAME, SAMPLE.as_bytes());
    let inner = [(NAME, SAMPLE.as_bytes())];
    let packed = decode(ZIP_NAME, &archive(&inner));
    assert_eq!(plain.items, packed.items);
    let windows = decode(NAME, SAMPLE.replace('\n', "\r\n").as_bytes());
    assert_eq!(plain.items, windows.items);
    for (bytes, rule) in [
        (archive(&[]), "archive does not hold exactly one file"),
        (
            archive(&[("0901_0902_20260304131501.ICTX", SAMPLE.as_bytes())]),
            "entry name is not that of the archive",
        ),
        (
            archive(&[("TOLLS.TXT", SAMPLE.as_bytes())]),
            "entry name is not an IAG file name",
        ),
        (
            archive(&[("../0901_0902_20260304131500.ICTX", SAMPLE.as_bytes())]),
            "entry name is not a plain file name",
        ),
        (
            archive(&[(NAME, &[b'*'; 5 << 20])]),
            "entry grows more than an honest file does",
        ),
        (b"no archive".to_vec(), "not a complete archive"),
    ] {
        let outcome = decode(ZIP_NAME, &bytes);
        assert_eq!(outcome.refused(), Some(("archive", rule)));
        assert_eq!(outcome.code().as_deref(), Some("07"));
    }
}

#[test]
fn a_correction_is_a_later_revision_of_the_same_record() {
    let before = decode(NAME, SAMPLE.as_bytes());
    let after = decode(CORRECTION_NAME, CORRECTION.as_bytes());
    assert_eq!(
        (after.refused(), after.code().as_deref()),
        (None, Some("00"))
    );
    let (before, after) = (before.reads(), after.reads());
    assert_eq!(before[0].record, after[0].record);
    assert_eq!(after[0].plate.plate.expose(), "TPK0427");
    assert!(after[0].revision > before[0].revision);
    assert!(after[0].revision < 1 << 53);
    assert_eq!(after[0].extra["correction_reason"], "01");
    // A later file has the later word.
    let later = CORRECTION.replace("2026-03-05T09:15:00Z", "2026-03-06T09:15:00Z");
    let later = decode("0901_0902_20260306091500.ITXC", later.as_bytes());
    assert!(later.reads()[0].revision > after[0].revision);
    assert_eq!(later.reads()[0].record, after[0].record);
}

#[test]
fn a_bad_record_costs_one_record() {
    let form = "not of the allowed form";
    for (at, text, field, rule) in [
        (0, "x", "ETC_TRX_SERIAL_NUM", form),
        (28, "x901", "ETC_FAC_AGENCY", form),
        (32, "Q", "ETC_TRX_TYPE", form),
        (95, "x", "ETC_LANE_MODE", form),
        (97, "n1", "ETC_LIC_STATE", form),
        (99, "tpk0421", "ETC_LIC_NUMBER", form),
        (99, "-.&       ", "ETC_LIC_NUMBER", "not a plate"),
        (147, "?", "ETC_OVER_SPEED", form),
        (
            148,
            "2026-03-04T07:58:07      ",
            "ETC_EXIT_DATE_TIME",
            "not a time with an offset",
        ),
        (
            148,
            "*************************",
            "ETC_EXIT_DATE_TIME",
            "not a time with an offset",
        ),
        (
            148,
            "2026-02-30T07:58:07-05:00",
            "ETC_EXIT_DATE_TIME",
            "not a time with an offset",
        ),
        (173, "b", "ETC_EXIT_PLAZA", form),
        (188, "#", "ETC_EXIT_LANE", form),
        (191, "x", "ETC_DEBIT_CREDIT", form),
        (192, "-00000275", "ETC_TOLL_AMOUNT", form),
        (109, "\u{7f}", "ETC_LIC_TYPE", form),
        (109, "é", "RECORD", "not ASCII"),
    ] {
        let outcome = decode(NAME, over(SAMPLE, 1, at, text).as_bytes());
        assert_eq!(outcome.rejected(), [(0, field, rule)], "{text}");
        assert_eq!(outcome.reads().len(), 1);
        assert_eq!(outcome.code().as_deref(), Some("02"));
    }
    let shifted = SAMPLE.replacen("B*****", "B****", 1);
    let outcome = decode(NAME, shifted.as_bytes());
    assert_eq!(
        outcome.rejected(),
        [(0, "RECORD", "not of the length of its type")]
    );
    let twice = over(SAMPLE, 3, 0, "00000901000000004711");
    let outcome = decode(NAME, twice.as_bytes());
    assert_eq!(outcome.rejected(), [(2, "ETC_TRX_SERIAL_NUM", "duplicate")]);
    let outcome = decode(CORRECTION_NAME, over(CORRECTION, 1, 0, "09").as_bytes());
    assert_eq!(
        outcome.rejected(),
        [(0, "CORRECTION_REASON", "not 01 to 08")]
    );
}

#[test]
fn a_shifted_line_of_the_right_length_is_found_out() {
    let line = SAMPLE.lines().nth(1).unwrap();
    for by in 1..4 {
        let shifted = format!("{}{}", line.get(by..).unwrap(), " ".repeat(by));
        let outcome = decode(NAME, SAMPLE.replace(line, &shifted).as_bytes());
        assert_eq!((outcome.rejected().len(), outcome.reads().len()), (1, 1));
    }
}

#[test]
fn what_is_not_given_is_absent() {
    let mut sample = over(SAMPLE, 1, 97, "**");
    sample = over(&sample, 1, 139, "***");
    sample = over(&sample, 1, 173, &"*".repeat(15));
    sample = over(&sample, 1, 188, "***");
    let outcome = decode(NAME, sample.as_bytes());
    let read = outcome.reads()[0];
    assert_eq!(read.plate.jurisdiction, None);
    assert_eq!((&read.place.camera, &read.place.lane), (&None, &None));
    assert!(read.quality.is_empty() && !read.extra.contains_key("toll_class"));
    for plate in ["**********", "          "] {
        let outcome = decode(NAME, over(SAMPLE, 1, 99, plate).as_bytes());
        assert_eq!(outcome.skipped(), ["no_plate", "tag_transaction"]);
    }
}

#[test]
fn a_state_is_of_the_united_states_or_canada_or_as_the_settings_say() {
    let issuer = |settings: &Value, state: &str| {
        let sample = over(SAMPLE, 1, 97, state);
        let outcome = decode_with(settings, NAME, &mut Cursor::new(sample)).unwrap();
        let read = outcome.reads()[0].clone();
        let issuer = read
            .plate
            .jurisdiction
            .map(|issuer| issuer.as_str().to_owned());
        (issuer, read.quality, read.extra.get("plate_state").cloned())
    };
    let named = |code: &str| (Some(code.to_owned()), vec![], None);
    assert_eq!(issuer(&Value::Null, "QC"), named("CA-QC"));
    assert_eq!(issuer(&Value::Null, "DC"), named("US-DC"));
    let unknown = (
        None,
        vec!["issuer_unknown".to_owned()],
        Some("XX".to_owned()),
    );
    assert_eq!(issuer(&Value::Null, "XX"), unknown);
    assert_eq!(issuer(&json!({"states": {"XX": "MX"}}), "XX"), named("MX"));
}

#[test]
fn positions_come_from_the_table_of_plazas() {
    let settings = json!({"home_agency": "0902", "sites": {
        "0901/BN01": {"lat": 41.5, "lon": -81.25},
        "0901/BN01/03": {"lat": 41.6, "lon": -81.25, "bearing_deg": 90.0},
    }});
    let outcome = decode_with(&settings, NAME, &mut Cursor::new(SAMPLE)).unwrap();
    let place = &outcome.reads()[0].place;
    assert_eq!(
        (place.lat, place.lon, place.bearing_deg),
        (Some(41.6), Some(-81.25), Some(90.0))
    );
    for (settings, part) in [
        (json!({"home_agency": "92"}), "home_agency"),
        (json!({"plazas": {}}), "plazas"),
        (json!({"states": {"nj": "US-NJ"}}), "nj"),
        (json!({"states": {"NJ": "jersey"}}), "jurisdiction"),
        (
            json!({"sites": {"BN01": {"lat": 41.5, "lon": -81.25}}}),
            "AGENCY/PLAZA",
        ),
        (
            json!({"sites": {"0901/BN01": {"lat": 0.0, "lon": 0.0}}}),
            "position",
        ),
    ] {
        let error = Iag::new(&settings).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn a_header_that_is_not_that_of_the_file_costs_the_file() {
    for (at, text, field) in [
        (4, "01.61.00", "HEADER/VERSION"),
        (12, "0903", "HEADER/FROM_AGENCY_ID"),
        (16, "0903", "HEADER/TO_AGENCY_ID"),
        (20, "2026-03-04T13:15:01Z", "HEADER/FILE_DATE_TIME"),
        (20, "2026-03-04 13:15:00Z", "HEADER/FILE_DATE_TIME"),
        (40, "00000002", "HEADER/RECORD_COUNT"),
        (40, "00000004", "HEADER/RECORD_COUNT"),
        (40, "       3", "HEADER/RECORD_COUNT"),
        (48, "x", "HEADER/FILE_NUMBER"),
        (0, "ITXC", "HEADER/FILE_TYPE"),
        (0, "ITLP", "HEADER/FILE_TYPE"),
    ] {
        let outcome = decode(NAME, over(SAMPLE, 0, at, text).as_bytes());
        assert_eq!(
            outcome.refused().map(|(field, _)| field),
            Some(field),
            "{text}"
        );
        assert_eq!(outcome.code().as_deref(), Some("01"));
    }
    for cut in (0..SAMPLE.len() - 1).step_by(7) {
        let outcome = decode(NAME, &SAMPLE.as_bytes()[..cut]);
        assert!(
            outcome.refused().is_some() || !outcome.rejected().is_empty(),
            "{cut}"
        );
    }
}

#[test]
fn lists_and_money_are_refused_by_type_before_a_record_is_read() {
    for (name, rule, code) in [
        ("0901_20260304131500_ITAG.ZIP", ACCOUNT_LIST, None),
        ("0901_20260304131500.ITGU", ACCOUNT_LIST, None),
        ("0901_20260304131500.ICLP", ACCOUNT_LIST, None),
        ("0901_0902_20260304131500.ICRX", RECONCILIATION, Some("07")),
        (
            "0901_0902_20260304131500_IRXC.ZIP",
            RECONCILIATION,
            Some("07"),
        ),
    ] {
        let mut unreadable = Broken;
        let outcome = decode_with(&Value::Null, name, &mut unreadable).unwrap();
        assert_eq!(outcome.refused(), Some(("file name", rule)));
        assert_eq!(outcome.code().as_deref(), code);
    }
    for (header, rule) in [
        (
            "ICLP01.60.0209012026-03-04T13:15:00Z0000000001",
            ACCOUNT_LIST,
        ),
        ("ITGU", ACCOUNT_LIST),
        ("ICRX", RECONCILIATION),
    ] {
        let file = format!("{header}\nNJTPK0421   CANARY-ACCOUNT");
        let outcome = decode(NAME, file.as_bytes());
        assert_eq!(outcome.refused(), Some(("HEADER/FILE_TYPE", rule)));
        assert!(outcome.items.is_empty());
    }
    let settings = json!({"home_agency": "0903"});
    let outcome = decode_with(&settings, NAME, &mut Cursor::new(SAMPLE)).unwrap();
    assert_eq!(outcome.refused(), Some(("file name", "for another agency")));
}

/// A file on a bad disk.
#[derive(Debug)]
struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("bad disk"))
    }
}

impl Seek for Broken {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Ok(400)
    }
}

#[test]
fn a_file_that_cannot_be_read_is_no_bad_file() {
    for name in [NAME, ZIP_NAME] {
        let error = decode_with(&Value::Null, name, &mut Broken).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{name}");
    }
}

#[test]
fn what_the_caller_says_ends_the_reading() {
    let mut file = Cursor::new(SAMPLE);
    let full = |_| Err(Error::new(ErrorKind::Unavailable, "spool", "full"));
    let adapter = Iag::new(&Value::Null).unwrap();
    let error = adapter
        .decode_file(NAME, &mut file, &mut { full })
        .unwrap_err();
    assert_eq!(error.operation(), "spool");
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_without_panic(body in proptest::collection::vec(any::<u8>(), 0..400)) {
        for name in [NAME, ZIP_NAME, CORRECTION_NAME] {
            prop_assert_eq!(decode(name, &body), decode(name, &body));
        }
    }

    #[test]
    fn changed_files_let_no_tag_and_no_plate_out(
        correction in any::<bool>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let (name, sample) = if correction { (CORRECTION_NAME, CORRECTION) } else { (NAME, SAMPLE) };
        let mut body = sample.as_bytes().to_vec();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len()));
        }
        let outcome = decode(name, &body);
        let reads = serde_json::to_string(&outcome.reads()).unwrap();
        let printed = format!("{outcome:?}");
        prop_assert!(!reads.contains(TAG) && !printed.contains(TAG));
        prop_assert!(!printed.contains("TPK0421"));
    }
}
