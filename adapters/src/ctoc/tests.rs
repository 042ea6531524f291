//! Whole files in, items and verdicts out.

use std::io::Cursor;

use proptest::prelude::*;
use serde_json::{Value, json};
use turnpike_schemas::read::Observation;

use super::{ACCOUNT_LIST, Ctoc, RECONCILIATION, TAG_TRANSACTIONS};
use crate::{
    adapter::{Adapter, Disposition, Item, Verdict},
    error::{Error, ErrorKind},
};

const NAME: &str = "qaqb_20260304T051500.pbp";
const CORRECTION_NAME: &str = "qaqb_20260305T091500.cor";
const SAMPLE: &str = include_str!("fixtures/qaqb_20260304T051500.pbp");
const CORRECTION: &str = include_str!("fixtures/qaqb_20260305T091500.cor");
/// A tag number of the fixtures: never to come out.
const TAG: &str = "7304182956";

#[derive(Debug, PartialEq)]
struct Outcome {
    items: Vec<Item>,
    verdict: Verdict,
}

impl Outcome {
    fn reads(&self) -> Vec<&Observation> {
        let reads = self.items.iter().filter_map(|item| match item {
            Item::Read(read) => Some(&**read),
            _ => None,
        });
        reads.collect()
    }

    fn skipped(&self) -> Vec<&'static str> {
        let skipped = self.items.iter().filter_map(|item| match item {
            Item::Skipped(reason) => Some(*reason),
            _ => None,
        });
        skipped.collect()
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

    /// The code in the acknowledgement.
    fn code(&self) -> Option<String> {
        let body = self.verdict.acknowledgement.as_ref()?;
        let body = String::from_utf8(body.body(jiff::Timestamp::UNIX_EPOCH)).unwrap();
        body.split(',').nth(7).map(str::to_owned)
    }
}

fn decode_with(settings: &Value, name: &str, bytes: &[u8]) -> Result<Outcome, Error> {
    let mut items = Vec::new();
    let mut file = Cursor::new(bytes);
    let verdict = Ctoc::new(settings)?.decode_file(name, &mut file, &mut |item| {
        items.push(item);
        Ok(())
    })?;
    Ok(Outcome { items, verdict })
}

fn decode(name: &str, text: &str) -> Outcome {
    decode_with(&Value::Null, name, text.as_bytes()).unwrap()
}

/// The file with field `field` of line `line` (0 is the header) changed.
fn with(file: &str, line: usize, field: usize, text: &str) -> String {
    let mut lines: Vec<String> = file.lines().map(str::to_owned).collect();
    let mut fields: Vec<&str> = lines[line].split(',').collect();
    fields[field] = text;
    lines[line] = fields.join(",");
    lines.join("\n")
}

#[test]
fn the_sample_gives_two_reads() {
    let outcome = decode(NAME, SAMPLE);
    assert_eq!(
        (outcome.refused(), outcome.code().as_deref()),
        (None, Some("00"))
    );
    let reads = outcome.reads();
    assert_eq!(reads.len(), 2);
    let want = json!({
        "record": "QA-0000004711", "revision": 0, "kind": "read",
        "plate": {"text": "TPK0421", "raw": "TPK0421", "jurisdiction": null, "jurisdiction_confidence": null,
                  "confidence": null, "candidates": []},
        "captured_at": "2026-03-04T06:58:07Z", "captured_offset_s": -28800, "captured_zone": "in_value",
        "place": {"lat": null, "lon": null, "site": "QA", "camera": "BN01", "lane": "03",
                  "bearing_deg": null, "image_bearing_deg": null},
        "vehicle": {"make": null, "model": null, "colour": null, "class": null},
        "images": [], "retracted": false,
        "extra": {"plate_state": "CA", "vehicle_type": "1"}
    });
    assert_eq!(serde_json::to_value(reads[0]).unwrap(), want);
}

#[test]
fn the_country_and_the_plazas_are_those_of_the_settings() {
    let settings = json!({"country": "US", "states": {"NV": "MX-SON"}, "home_agency": "QB",
        "sites": {"QA/BN01": {"lat": 41.5, "lon": -81.25}}});
    let outcome = decode_with(&settings, NAME, SAMPLE.as_bytes()).unwrap();
    let issuers: Vec<_> = outcome
        .reads()
        .iter()
        .map(|read| {
            read.plate
                .jurisdiction
                .as_ref()
                .map(|issuer| issuer.as_str().to_owned())
        })
        .collect();
    assert_eq!(
        issuers,
        [Some("US-CA".to_owned()), Some("MX-SON".to_owned())]
    );
    assert_eq!(outcome.reads()[0].place.lat, Some(41.5));
    let foreign = with(SAMPLE, 1, 2, "BC");
    let outcome = decode_with(&settings, NAME, foreign.as_bytes()).unwrap();
    let read = outcome.reads()[0];
    assert_eq!(
        (&read.plate.jurisdiction, &*read.extra["plate_state"]),
        (&None, "BC")
    );
    for (settings, part) in [
        (json!({"country": "MX"}), "MX"),
        (json!({"home_agency": "QBX"}), "home_agency"),
        (json!({"zone": "UTC"}), "zone"),
        (
            json!({"sites": {"BN01": {"lat": 41.5, "lon": -81.25}}}),
            "AGENCY/PLAZA",
        ),
    ] {
        let error = Ctoc::new(&settings).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn corrections_are_later_revisions_and_money_alone_is_none() {
    let outcome = decode(CORRECTION_NAME, CORRECTION);
    assert_eq!(
        (outcome.refused(), outcome.code().as_deref()),
        (None, Some("00"))
    );
    assert_eq!(
        outcome.skipped(),
        ["correction_of_money_only", "tag_transaction"]
    );
    let (before, reads) = (decode(NAME, SAMPLE), outcome.reads());
    let before = before.reads();
    assert_eq!(reads.len(), 2);
    assert_eq!(reads[0].record, before[0].record);
    assert_eq!(reads[0].plate.plate.expose(), "TPK0427");
    assert_eq!(reads[0].extra["correction_reason"], "L");
    assert_eq!(reads[1].record, before[1].record);
    assert_eq!(reads[1].aliases, ["QA-0000004799"]);
    assert_eq!(reads[1].captured_at.to_string(), "2026-11-01T08:30:00Z");
    assert_eq!(reads[1].extra["resubmit_reason"], "R");
    assert!(
        reads
            .iter()
            .all(|read| (1..1 << 53).contains(&read.revision))
    );
    // The second correction of a transaction comes after the first, whichever file is read first.
    let second = with(CORRECTION, 1, 3, "002");
    assert!(decode(CORRECTION_NAME, &second).reads()[0].revision > reads[0].revision);
    // One that says what the original said may take an earlier one back.
    let back = with(CORRECTION, 2, 3, "002");
    assert_eq!(
        decode(CORRECTION_NAME, &back).skipped(),
        ["tag_transaction"]
    );
    let gone = with(CORRECTION, 1, 25, "          ");
    assert_eq!(
        decode(CORRECTION_NAME, &gone).skipped()[0],
        "correction_takes_plate_away"
    );
}

#[test]
fn a_bad_record_costs_one_record() {
    for (field, text, name, rule) in [
        (0, "TPK0421", "LICENSE PLATE", "not 10 characters"),
        (0, "    -&-   ", "LICENSE PLATE", "not a plate"),
        (1, "4711", "TRAN #", "not 10 digits"),
        (1, "0000004712", "TRAN #", "duplicate"),
        (2, "ca", "STATE", "not 2 capital letters"),
        (2, "CAL", "STATE", "not 2 capital letters"),
        (3, "2.7", "TRAN AMOUNT", "not an amount"),
        (
            7,
            "2026-03-03T22:58:07",
            "EXIT TRAN DATE",
            "not a time with an offset",
        ),
        (
            7,
            "2026-03-03 22:58:07-08:00",
            "EXIT TRAN DATE",
            "not a time with an offset",
        ),
        (
            7,
            "                         ",
            "EXIT TRAN DATE",
            "not a time with an offset",
        ),
        (
            8,
            "                      ",
            "EXIT PLAZA",
            "not 1 to 22 characters",
        ),
        (9, "3", "EXIT LANE", "not 2 digits"),
        (11, "x", "VEHICLE TYPE", "not a digit"),
        (
            12,
            "0123456789012345678901234567890",
            "LP TYPE",
            "longer than 30 characters",
        ),
        (
            12,
            "PASSENGER, RED",
            "RECORD",
            "more fields than its type has",
        ),
        (12, "é", "RECORD", "not printable ASCII"),
    ] {
        let outcome = decode(NAME, &with(SAMPLE, 1, field, text));
        assert_eq!(outcome.refused(), None, "{text}");
        let record = u64::from(rule == "duplicate");
        assert_eq!(outcome.rejected(), [(record, name, rule)], "{text}");
        assert_eq!(
            (outcome.reads().len(), outcome.code().as_deref()),
            (1, Some("03"))
        );
    }
    for (field, text, name) in [
        (0, "2026-03-05", "CORRECTION DATE"),
        (0, "1999-03-05T09:00:00-08:00", "CORRECTION DATE"),
        (1, " ", "CORRECTION REASON"),
        (1, "LL", "CORRECTION REASON"),
        (2, "1", "RESUBMIT REASON"),
        (3, "1000", "CORRECTION COUNT"),
        (4, "", "RESUBMIT COUNT"),
        (9, "x", "ORIGINAL TRAN #"),
        (32, "2026-03-05", "CORRECTED EXIT TRAN DATE"),
    ] {
        let outcome = decode(CORRECTION_NAME, &with(CORRECTION, 1, field, text));
        let fields: Vec<_> = outcome
            .rejected()
            .iter()
            .map(|bad| bad.1.to_owned())
            .collect();
        assert_eq!(fields, [name], "{text}");
    }
}

#[test]
fn markers_of_nothing_are_nothing() {
    let outcome = decode(NAME, &with(SAMPLE, 1, 0, "          "));
    assert_eq!(outcome.skipped(), ["no_plate"]);
    let outcome = decode(NAME, &with(SAMPLE, 1, 9, "00"));
    assert_eq!(outcome.reads()[0].place.lane, None);
}

#[test]
fn header_and_trailer_must_be_those_of_the_file() {
    for (line, field, text, name, code) in [
        (0, 1, "CORR", "HEADER/TYPE", "01"),
        (0, 2, "42", "HEADER/SEQUENCE #", "01"),
        (0, 3, "2026-03-03", "HEADER/BUSINESS DAY", "01"),
        (0, 4, "QC", "HEADER/SOURCE", "01"),
        (0, 5, "QC", "HEADER/DESTINATION", "01"),
        (
            0,
            6,
            "2026-03-04T05:15:01-08:00",
            "HEADER/CREATE DATE",
            "01",
        ),
        (0, 6, "2026-03-04T05:15:00", "HEADER/CREATE DATE", "01"),
        (0, 7, "REV A2.1.2", "HEADER/VERSION", "01"),
        (0, 0, "HEADER", "HEADER", "01"),
        (3, 0, "#END", "TRAILER", "03"),
        (3, 1, "000043", "TRAILER/SEQUENCE #", "03"),
        (3, 2, "2026/03/04", "TRAILER/BUSINESS DAY", "03"),
        (3, 3, "000003", "TRAILER/RECORD COUNT", "03"),
        (3, 3, "2", "TRAILER/RECORD COUNT", "03"),
        (3, 4, "0000005.87", "TRAILER/AMOUNT", "03"),
        (3, 4, "5.85", "TRAILER/AMOUNT", "03"),
    ] {
        let outcome = decode(NAME, &with(SAMPLE, line, field, text));
        assert_eq!(
            outcome.refused().map(|refused| refused.0),
            Some(name),
            "{text}"
        );
        assert_eq!(outcome.code().as_deref(), Some(code), "{text}");
    }
    let cent = with(SAMPLE, 3, 4, "0000005.86");
    assert_eq!(decode(NAME, &cent).refused(), None);
    let more = format!("{SAMPLE}{SAMPLE}");
    assert_eq!(
        decode(NAME, &more).refused(),
        Some(("TRAILER", "not the last line"))
    );
    for cut in 0..SAMPLE.len() - 1 {
        assert!(
            decode(NAME, SAMPLE.get(..cut).unwrap()).refused().is_some(),
            "{cut}"
        );
    }
}

#[test]
fn lists_tags_and_money_are_refused_by_type_before_a_record_is_read() {
    for (ending, word, rule) in [
        ("tag", "TAGS", ACCOUNT_LIST),
        ("plt", "PLATES", ACCOUNT_LIST),
        ("tol", "TOLL", TAG_TRANSACTIONS),
        ("trc", "RECONCILE", RECONCILIATION),
        ("prc", "PLATERECON", RECONCILIATION),
        ("crc", "CORRECON", RECONCILIATION),
    ] {
        let file = format!("#HEADER,{word},1\nCANARY-ACCOUNT,TPK0421");
        let outcome = decode(&format!("qaqb_20260304T051500.{ending}"), &file);
        assert_eq!(outcome.refused(), Some(("file name", rule)));
        assert_eq!(outcome.code().as_deref(), Some("02"));
        let outcome = decode(NAME, &file);
        assert_eq!(outcome.refused(), Some(("HEADER/TYPE", rule)));
        assert!(outcome.items.is_empty());
    }
    let settings = json!({"home_agency": "qc"});
    let outcome = decode_with(&settings, NAME, SAMPLE.as_bytes()).unwrap();
    assert_eq!(outcome.refused(), Some(("file name", "for another agency")));
    let outcome = decode("TOLLS.csv", SAMPLE);
    assert_eq!((outcome.code(), outcome.refused().is_some()), (None, true));
    let small = json!({"max_bytes": 400});
    let outcome = decode_with(&small, NAME, SAMPLE.as_bytes()).unwrap();
    assert_eq!(outcome.refused(), Some(("file", "larger than allowed")));
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_without_panic(body in proptest::collection::vec(any::<u8>(), 0..400)) {
        for name in [NAME, CORRECTION_NAME] {
            let once = decode_with(&Value::Null, name, &body).unwrap();
            prop_assert_eq!(once, decode_with(&Value::Null, name, &body).unwrap());
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
        let outcome = decode_with(&Value::Null, name, &body).unwrap();
        let reads = serde_json::to_string(&outcome.reads()).unwrap();
        let printed = format!("{outcome:?}");
        prop_assert!(!reads.contains(TAG) && !printed.contains(TAG));
        prop_assert!(!printed.contains("TPK0421"));
    }
}
