//! Whole files in, items and verdicts out.

mod files;

use std::io::{Cursor, Write};

use serde_json::{Value, json};
use turnpike_schemas::read::Observation;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::Niop;
use crate::{
    adapter::{Adapter, Disposition, Item, ReadSeek, Verdict},
    error::{Error, ErrorKind},
};

const NAME: &str = "9999_0901_0902_20260304131500.STRAN";
const ZIP_NAME: &str = "9999_0901_0902_20260304131500_STRAN.zip";
const CORRECTION_NAME: &str = "9999_0901_0902_20260305091500.SCORR";
const SAMPLE: &str = include_str!("fixtures/9999_0901_0902_20260304131500.STRAN");
const CORRECTION: &str = include_str!("fixtures/9999_0901_0902_20260305091500.SCORR");

/// A file once decoded.
#[derive(Debug, PartialEq)]
struct Outcome {
    items: Vec<Item>,
    verdict: Verdict,
}

impl Outcome {
    fn reads(&self) -> Vec<&Observation> {
        self.items
            .iter()
            .filter_map(|item| match item {
                Item::Read(read) => Some(&**read),
                _ => None,
            })
            .collect()
    }

    fn skipped(&self) -> Vec<&'static str> {
        self.items
            .iter()
            .filter_map(|item| match item {
                Item::Skipped(reason) => Some(*reason),
                _ => None,
            })
            .collect()
    }

    /// Record, field and rule of each rejected record.
    fn rejected(&self) -> Vec<(u64, &str, &str)> {
        self.items
            .iter()
            .filter_map(|item| match item {
                Item::Rejected(r) => Some((r.record.unwrap(), &*r.field, &*r.rule)),
                _ => None,
            })
            .collect()
    }

    /// Why the file as a whole was rejected.
    fn rule(&self) -> &str {
        match &self.verdict.disposition {
            Disposition::Accepted => "accepted",
            Disposition::Rejected(rejection) => &rejection.rule,
        }
    }

    /// The return code in the acknowledgement's name.
    fn code(&self) -> Option<&'static str> {
        let acknowledgement = self.verdict.acknowledgement.as_ref()?;
        let name = acknowledgement.name(jiff::Timestamp::UNIX_EPOCH);
        ["00", "01", "02", "07"]
            .into_iter()
            .find(|code| name.rsplit('_').nth(1) == Some(code))
    }
}

fn decode_with(settings: &Value, name: &str, file: &mut dyn ReadSeek) -> Result<Outcome, Error> {
    let mut items = Vec::new();
    let verdict = Niop::new(settings)?.decode_file(name, file, &mut |item| {
        items.push(item);
        Ok(())
    })?;
    Ok(Outcome { items, verdict })
}

fn decode(name: &str, bytes: &[u8]) -> Outcome {
    decode_with(&Value::Null, name, &mut Cursor::new(bytes)).unwrap()
}

fn archive(entries: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        let options = SimpleFileOptions::default().compression_method(method);
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The sample with its first record written `count` times under different ids, each changed by `change`.
fn many(count: usize, change: impl Fn(usize, String) -> String) -> String {
    let (head, rest) = SAMPLE.split_once("    <TransactionRecord>").unwrap();
    let (record, rest) = rest.split_once("</TransactionRecord>").unwrap();
    let record = format!("    <TransactionRecord>{record}</TransactionRecord>\n");
    let (_, tail) = rest.split_once("  </TransactionDetail>").unwrap();
    let records: String = (0..count)
        .map(|n| change(n, record.replace("4711", &format!("{n:04}"))))
        .collect();
    format!("{head}{records}  </TransactionDetail>{tail}")
        .replace("<RecordCount>2<", &format!("<RecordCount>{count}<"))
}

#[test]
fn the_sample_gives_one_read_and_one_skipped_tag() {
    let outcome = decode(NAME, SAMPLE.as_bytes());
    assert_eq!(outcome.rule(), "accepted");
    assert_eq!(outcome.code(), Some("00"));
    assert_eq!(outcome.skipped(), ["tag_transaction"]);
    let [read] = outcome.reads()[..] else {
        panic!("not one read")
    };
    let json = serde_json::to_value(read).unwrap();
    let want = json!({
        "record": "0901-90100000000000004711", "revision": 0, "kind": "read",
        "plate": {"text": "TPK0421", "raw": "TPK0421", "jurisdiction": "US-GA", "jurisdiction_confidence": null,
                  "confidence": null, "candidates": []},
        "captured_at": "2026-03-04T12:58:07Z", "captured_offset_s": -18000, "captured_zone": "in_value",
        "place": {"lat": null, "lon": null, "site": "BROOKDALE CONNECTOR", "camera": "BN01", "lane": "03",
                  "bearing_deg": null, "image_bearing_deg": null},
        "vehicle": {"make": null, "model": null, "colour": null, "class": {"value": "2", "confidence": null}},
        "images": [], "retracted": false,
        "extra": {"facility_id": "BRKDALE", "plaza_desc": "BROOKDALE NORTH", "plate_type": "PASSENGER"}
    });
    assert_eq!(json, want);
}

#[test]
fn an_archive_gives_what_its_file_gives() {
    let bare = decode(NAME, SAMPLE.as_bytes());
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        for entry in [NAME, "9999_0901_0902_20260304131500.stran"] {
            let zip = archive(&[(entry, SAMPLE.as_bytes())], method);
            assert_eq!(decode(ZIP_NAME, &zip), bare);
        }
    }
}

#[test]
fn a_correction_is_a_later_revision_of_the_same_record() {
    let original = decode(NAME, SAMPLE.as_bytes());
    let correction = decode(CORRECTION_NAME, CORRECTION.as_bytes());
    assert_eq!(
        (correction.rule(), correction.code()),
        ("accepted", Some("00"))
    );
    let (original, correction) = (original.reads()[0], correction.reads()[0]);
    assert_eq!(correction.record, original.record);
    assert_eq!(correction.plate.plate.expose(), "TPK0427");
    assert!(original.revision < correction.revision && correction.revision < 1 << 53);
}

#[test]
fn corrections_order_by_sequence_then_time_then_resubmission() {
    let revision = |sequence: &str, time: &str, resubmitted: &str| {
        let xml = CORRECTION
            .replace("SeqNo>1<", &format!("SeqNo>{sequence}<"))
            .replace("2026-03-05T09:00:00Z", time)
            .replace("ResubmitCount>0<", &format!("ResubmitCount>{resubmitted}<"));
        decode(CORRECTION_NAME, xml.as_bytes()).reads()[0].revision
    };
    let ordered = [
        revision("0", "2000-01-01T00:00:00Z", "0"),
        revision("1", "2026-03-05T09:00:00Z", "0"),
        revision("1", "2026-03-05T09:00:00Z", "999"),
        revision("1", "2026-03-05T09:00:01Z", "0"),
        revision("2", "2026-03-05T08:00:00Z", "0"),
        revision("999", "2136-01-01T00:00:00Z", "999"),
    ];
    assert!(ordered.is_sorted_by(|a, b| a < b), "{ordered:?}");
    assert!(
        ordered
            .iter()
            .all(|revision| (1..1 << 53).contains(revision))
    );
}

#[test]
fn two_corrections_of_one_transaction_may_share_a_file_and_the_same_one_twice_may_not() {
    let (_, record) = CORRECTION.split_once("<CorrectionDetail>").unwrap();
    let (record, _) = record.split_once("</CorrectionDetail>").unwrap();
    let twice = |second: &str| {
        let xml = CORRECTION
            .replace("RecordCount>1<", "RecordCount>2<")
            .replace(record, &format!("{record}{second}"));
        decode(CORRECTION_NAME, xml.as_bytes())
    };
    let second = record.replace("SeqNo>1<", "SeqNo>2<");
    assert_eq!(twice(&second).reads().len(), 2);
    assert_eq!(
        twice(record).rejected(),
        [(1, "OriginalTransactionDetail/TxnReferenceID", "duplicate")]
    );
}

#[test]
fn a_correction_that_holds_the_old_values_gives_no_read() {
    let settings = json!({"correction_detail": "old_state"});
    let outcome = decode_with(
        &settings,
        CORRECTION_NAME,
        &mut Cursor::new(CORRECTION.as_bytes()),
    )
    .unwrap();
    assert_eq!(outcome.skipped(), ["correction_without_new_state"]);
    assert_eq!((outcome.items.len(), outcome.code()), (1, Some("00")));
}

#[test]
fn a_bad_record_costs_one_record_and_names_field_and_rule() {
    let form = "not of the allowed form";
    for (from, to, field, rule) in [
        ("VB01", "VX01", "RecordType", "not a record type"),
        ("VB01", "", "RecordType", "missing"),
        (
            "VB01",
            "TB01",
            "PlateInfo",
            "not allowed in a tag transaction",
        ),
        ("4711<", "47x1<", "TxnReferenceID", form),
        ("4711<", "47110<", "TxnReferenceID", form),
        ("4712<", "4711<", "TxnReferenceID", "duplicate"),
        ("12:58:07Z", "12:58:07", "ExitDateTime", "not a time in UTC"),
        (
            "07:58:07-05:00",
            "07:58:07Z",
            "ExitDateTimeTZ",
            "not a time with an offset",
        ),
        (
            "<ExitDateTime>2026-03-04T12:58:07Z</ExitDateTime>",
            "",
            "ExitDateTime",
            "missing",
        ),
        ("BRKDALE", "BRK-DALE", "FacilityID", form),
        ("BROOKDALE CONNECTOR", "", "FacilityDesc", "missing"),
        ("BN01", "bn01", "ExitPlaza", form),
        (
            "BROOKDALE NORTH",
            "BROOKDALE NORTH BROOKDALE NORTH",
            "ExitPlazaDesc",
            form,
        ),
        (">03<", ">00003<", "ExitLane", form),
        (
            ">2</VehicleClass",
            ">2,3</VehicleClass",
            "VehicleClass",
            form,
        ),
        (
            ">US<",
            ">USA<",
            "PlateInfo/PlateCountry",
            "not a known country",
        ),
        (">US<", "><", "PlateInfo/PlateCountry", "missing"),
        (">GA<", ">G1<", "PlateInfo/PlateState", form),
        ("TPK0421", "TPK-0421", "PlateInfo/PlateNumber", form),
        (
            "TPK0421",
            "TPK0421TPK0421TPK",
            "PlateInfo/PlateNumber",
            form,
        ),
        ("TPK0421", "   ", "PlateInfo/PlateNumber", "blank"),
        ("TPK0421", "\u{fffd}", "PlateInfo/PlateNumber", form),
        (
            "TPK0421</PlateNumber>",
            "TPK0421</PlateNumber><PlateNumber>TPK0422</PlateNumber>",
            "PlateInfo/PlateNumber",
            "more than once",
        ),
        ("PASSENGER", "passenger", "PlateInfo/PlateType", form),
        ("<PlateInfo>", "<PlateInfo>x", "", "text between elements"),
        ("VB01", "VC01", "EntryData/EntryDateTime", "missing"),
    ] {
        assert!(SAMPLE.contains(from), "{from}");
        let outcome = decode(NAME, SAMPLE.replacen(from, to, 1).as_bytes());
        let index = u64::from(rule == "duplicate");
        assert_eq!(outcome.rejected(), [(index, field, rule)], "{from} -> {to}");
        assert_eq!((outcome.rule(), outcome.code()), ("accepted", Some("02")));
        assert_eq!(outcome.items.len(), 2, "{from} -> {to}");
    }
}

#[test]
fn a_bad_correction_costs_one_record() {
    for (from, to, field, rule) in [
        (
            "VB01A",
            "VC01A",
            "RecordType",
            "not the type of the transaction with `A`",
        ),
        ("VB01A", "", "RecordType", "missing"),
        (
            "<CorrectionSeqNo>1</CorrectionSeqNo>",
            "",
            "CorrectionSeqNo",
            "missing",
        ),
        (
            ">1</CorrectionSeqNo",
            ">1000</CorrectionSeqNo",
            "CorrectionSeqNo",
            "not a number of the allowed length",
        ),
        (
            "2026-03-05T09:00:00Z",
            "1999-03-05T09:00:00Z",
            "CorrectionDateTime",
            "before 2000 or after 2136",
        ),
        (
            "TPK0427",
            "",
            "OriginalTransactionDetail/PlateInfo/PlateNumber",
            "missing",
        ),
    ] {
        assert!(CORRECTION.contains(from), "{from}");
        let outcome = decode(CORRECTION_NAME, CORRECTION.replacen(from, to, 1).as_bytes());
        assert_eq!(outcome.rejected(), [(0, field, rule)], "{from} -> {to}");
        assert_eq!(outcome.code(), Some("02"));
    }
}

#[test]
fn what_the_format_allows_is_taken() {
    for (from, to, plate, jurisdiction) in [
        ("", "", "TPK0421", Some("US-GA")),
        ("TPK0421", " TPK 0421", "TPK0421", Some("US-GA")),
        (">US<", ">-<", "TPK0421", None),
        ("<PlateState>GA</PlateState>", "", "TPK0421", Some("US")),
        (
            "<PlateType>PASSENGER</PlateType>",
            "",
            "TPK0421",
            Some("US-GA"),
        ),
        (
            "<VehicleClass>2</VehicleClass>",
            "<VehicleClass/>",
            "TPK0421",
            Some("US-GA"),
        ),
        ("TPK0421", "TPK<!-- -->0&#52;21", "TPK0421", Some("US-GA")),
        ("TPK0421", "<![CDATA[TPK0421]]>", "TPK0421", Some("US-GA")),
        (
            "<TollAmount>275</TollAmount>",
            "<Unknown a='1'><B>x</B></Unknown>",
            "TPK0421",
            Some("US-GA"),
        ),
    ] {
        let outcome = decode(NAME, SAMPLE.replacen(from, to, 1).as_bytes());
        assert_eq!(outcome.code(), Some("00"), "{to}");
        let read = outcome.reads()[0];
        assert_eq!(read.plate.plate.expose(), plate);
        let code = read.plate.jurisdiction.as_ref().map(|code| code.as_str());
        assert_eq!(code, jurisdiction, "{to}");
    }
}

#[test]
fn a_namespace_prefix_changes_nothing() {
    let prefixed = SAMPLE
        .replace("</", "</n:")
        .replace('<', "<n:")
        .replace("<n:/n:", "</n:")
        .replace("<n:?", "<?")
        .replace("<n:!", "<!")
        .replace("<n:TransactionData>", "<n:TransactionData xmlns:n='urn:x'>");
    assert_eq!(
        decode(NAME, prefixed.as_bytes()),
        decode(NAME, SAMPLE.as_bytes())
    );
}

#[test]
fn offsets_that_disagree_leave_the_utc_time_and_a_doubt() {
    let outcome = decode(NAME, SAMPLE.replacen("-05:00", "-04:00", 1).as_bytes());
    let read = outcome.reads()[0];
    assert_eq!(read.quality, ["offset_disagrees"]);
    assert_eq!(read.captured_at.to_string(), "2026-03-04T12:58:07Z");
    assert_eq!(read.captured_offset_s, None);
}

#[test]
fn the_way_in_is_a_second_read_only_where_the_settings_say_so() {
    let closed = SAMPLE.replacen("VB01", "VC02", 1).replacen(
        "      <VehicleClass>",
        "<EntryData><EntryDateTime>2026-03-04T12:31:00Z</EntryDateTime><EntryPlaza>BS02</EntryPlaza>\
         <EntryPlazaDesc>BROOKDALE SOUTH</EntryPlazaDesc><EntryLane>1</EntryLane></EntryData>\
         <EntryDateTimeTZ>2026-03-04T07:31:00-05:00</EntryDateTimeTZ><VehicleClass>",
        1,
    );
    assert_eq!(decode(NAME, closed.as_bytes()).reads().len(), 1);
    let settings =
        json!({"entry_reads": true, "sites": {"BRKDALE/BS02": {"lat": 41.5, "lon": -81.25}}});
    let outcome = decode_with(&settings, NAME, &mut Cursor::new(closed.as_bytes())).unwrap();
    let [exit, entry] = outcome.reads()[..] else {
        panic!("not two reads")
    };
    assert_eq!(entry.record, format!("{}-entry", exit.record));
    assert_eq!(entry.captured_at.to_string(), "2026-03-04T12:31:00Z");
    assert_eq!(entry.place.camera.as_deref(), Some("BS02"));
    assert_eq!((entry.place.lat, exit.place.lat), (Some(41.5), None));
}

#[test]
fn a_site_gives_a_position_and_the_lane_is_nearer_than_the_plaza() {
    let at = |sites: Value| {
        let settings = json!({ "sites": sites });
        let outcome = decode_with(&settings, NAME, &mut Cursor::new(SAMPLE.as_bytes())).unwrap();
        let place = outcome.reads()[0].place.clone();
        (place.lat, place.lon, place.bearing_deg)
    };
    let plaza = json!({"lat": 41.5, "lon": -81.25});
    let lane = json!({"lat": 41.6, "lon": -81.25, "bearing_deg": 90.0});
    assert_eq!(
        at(json!({"BRKDALE/BN01": plaza})),
        (Some(41.5), Some(-81.25), None)
    );
    assert_eq!(
        at(json!({"BRKDALE/BN01": plaza, "BRKDALE/BN01/03": lane})),
        (Some(41.6), Some(-81.25), Some(90.0))
    );
    assert_eq!(at(json!({"BRKDALE/BN02": plaza})), (None, None, None));
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    for settings in [
        json!({"hub": "99"}),
        json!({"home_agency": "090a"}),
        json!({"hubs": "9999"}),
        json!({"correction_detail": "maybe"}),
        json!({"sites": {"BRKDALE": {"lat": 41.5, "lon": -81.25}}}),
        json!({"sites": {"BRKDALE/BN01": {"lat": 0.0, "lon": 0.0}}}),
        json!({"sites": {"BRKDALE/BN01": {"lat": 41.5, "lon": -81.25, "bearing_deg": 360.0}}}),
    ] {
        let error = Niop::new(&settings).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{settings}");
    }
}
