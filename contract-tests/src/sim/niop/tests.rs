use std::io::Read;

use super::*;
use crate::sim::{CANARY, TAG_CANARY};
use crate::town::{Family, Town, TownSize};

const SUBMITTED: &str = "2026-03-04T13:15:00Z";

struct Folders {
    dir: tempfile::TempDir,
    hub: Hub,
}

fn folders() -> Folders {
    let dir = tempfile::tempdir().unwrap();
    let hub = Hub::new(&dir.path().join("drop"), &dir.path().join("ack")).unwrap();
    Folders { dir, hub }
}

fn submitted() -> Timestamp {
    SUBMITTED.parse().unwrap()
}

fn txn() -> Txn {
    Txn::video(4711, "2026-03-04T12:58:07Z".parse().unwrap(), "TPK0421")
}

fn xml_of(txn: &Txn) -> String {
    let mut xml = Vec::new();
    txn.element().write(&mut xml, 0).unwrap();
    String::from_utf8(xml).unwrap()
}

fn entries(parcel: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut zip = zip::ZipArchive::new(io::Cursor::new(parcel)).unwrap();
    (0..zip.len())
        .map(|place| {
            let mut entry = zip.by_index(place).unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (entry.name().unwrap().into_owned(), content)
        })
        .collect()
}

fn document(parcel: &Parcel) -> String {
    let (_, content) = entries(&parcel.bytes).remove(0);
    String::from_utf8(content).unwrap()
}

fn broken(quirk: Quirk) -> Parcel {
    folders()
        .hub
        .stran(submitted(), [txn()])
        .broken(quirk)
        .unwrap()
}

#[test]
fn a_dropped_file_is_an_archive_with_one_document_named_as_the_manual_says() {
    let folders = folders();
    let file = folders.hub.stran(submitted(), [txn(), txn().into_tag()]);
    let path = folders.hub.drop_file(&file).unwrap();
    assert!(path.ends_with("drop/9999_0901_0902_20260304131500_STRAN.zip"));
    let entries = entries(&std::fs::read(&path).unwrap());
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].0, "9999_0901_0902_20260304131500.STRAN");
    let xml = String::from_utf8(entries[0].1.clone()).unwrap();
    for text in [
        "<SubmissionType>STRAN</SubmissionType>",
        "<SubmissionDateTime>2026-03-04T13:15:00Z</SubmissionDateTime>",
        "<RecordCount>2</RecordCount>",
        "<TxnReferenceID>90100000000000004711</TxnReferenceID>",
        "<PlateNumber>TPK0421</PlateNumber>",
        "<ExitDateTimeTZ>2026-03-04T07:58:07-05:00</ExitDateTimeTZ>",
    ] {
        assert!(xml.contains(text), "{text} in {xml}");
    }
    assert_eq!(
        std::fs::read_dir(folders.dir.path().join("drop"))
            .unwrap()
            .count(),
        1
    );
}

#[test]
fn a_slow_drop_lies_half_written_under_its_name_until_it_is_finished() {
    let folders = folders();
    let parcel = folders.hub.stran(submitted(), [txn()]).parcel().unwrap();
    let slow = folders.hub.drop_slowly(&parcel).unwrap();
    assert!(std::fs::read(slow.path()).unwrap().len() < parcel.bytes.len());
    let path = slow.finish().unwrap();
    assert_eq!(std::fs::read(path).unwrap(), parcel.bytes);
}

#[test]
fn every_read_plate_of_the_plazas_becomes_a_record() {
    let start = "2026-03-01T00:00:00Z".parse().unwrap();
    let town = Town::new(
        21,
        TownSize {
            vehicles: 60,
            days: 2,
            start,
        },
    );
    let folders = folders();
    let file = folders.hub.stran_of(submitted(), town.all_passages());
    let wanted = town
        .passages(Family::Toll)
        .filter(|p| p.text.is_some())
        .count();
    assert!(wanted > 50);
    assert_eq!(file.records.len(), wanted);
    let xml = String::from_utf8(file.xml().unwrap()).unwrap();
    for passage in town
        .expected("TPK0421", town.end() - hours(24), town.end())
        .toll
    {
        assert!(xml.contains(&format!("<ExitDateTime>{}<", passage.at)));
    }
}

fn hours(hours: i64) -> jiff::SignedDuration {
    jiff::SignedDuration::from_hours(hours)
}

#[test]
fn records_vary_as_the_manual_allows() {
    let tag = xml_of(&txn().into_tag());
    assert!(tag.contains(">TB01<") && tag.contains(TAG_CANARY) && !tag.contains("PlateInfo"));
    let closed = xml_of(&txn().into_closed());
    assert!(closed.contains(">VC01<") && closed.contains("<EntryPlaza>BS01<"));
    assert!(closed.contains("<EntryDateTimeTZ>2026-03-04T07:48:07-05:00<"));
    assert!(xml_of(&txn().into_tag().into_closed()).contains(">TC01<"));
    assert!(xml_of(&txn().with_unknown_country()).contains("<PlateCountry>-<"));
    assert!(xml_of(&txn().with_blank_in_plate()).contains("<PlateNumber>TPK 0421<"));
    assert!(!xml_of(&txn().without_plate_type()).contains("PlateType"));
    let conflict = xml_of(&txn().with_zone_conflict());
    assert!(conflict.contains("<ExitDateTime>2026-03-04T12:58:07Z<"));
    assert!(conflict.contains("<ExitDateTimeTZ>2026-03-04T08:58:07-05:00<"));
    assert!(xml_of(&txn().with_tag()).contains(TAG_CANARY));
}

#[test]
fn a_correction_repeats_the_record_in_its_new_state_and_may_come_first() {
    let folders = folders();
    let correction = Correction::of_plate(&txn(), "TPK0427");
    let file = folders
        .hub
        .scorr(submitted(), [correction, Correction::resubmission(&txn())]);
    folders.hub.drop_file(&file).unwrap();
    assert_eq!(file.zip_name(), "9999_0901_0902_20260304131500_SCORR.zip");
    let xml = document(&file.parcel().unwrap());
    for text in [
        "<CorrectionData>",
        "<SubmissionType>SCORR<",
        "<RecordType>VB01A<",
        "<CorrectionSeqNo>1<",
        "<ResubmitReason>R<",
        "<ResubmitCount>1<",
        "<OriginalTransactionDetail>",
        "<RecordType>VB01<",
        "<PlateNumber>TPK0427<",
        "<PlateNumber>TPK0421<",
    ] {
        assert!(xml.contains(text), "{text} in {xml}");
    }
}

#[test]
fn a_duplicate_file_is_the_same_bytes_under_the_same_name() {
    let folders = folders();
    let file = folders.hub.stran(submitted(), [txn()]);
    let first = folders.hub.drop_file(&file).unwrap();
    let bytes = std::fs::read(&first).unwrap();
    std::fs::remove_file(&first).unwrap();
    assert_eq!(folders.hub.drop_file(&file).unwrap(), first);
    assert_eq!(std::fs::read(&first).unwrap(), bytes);
}

#[test]
fn account_lists_and_reconciliations_can_be_dropped_too() {
    let hub = folders().hub;
    let list = hub.btvl(submitted());
    assert_eq!(list.zip_name(), "9999_0901_20260304131500_BTVL.zip");
    assert!(document(&list.parcel().unwrap()).contains(CANARY));
    let money = hub.srecon(submitted());
    assert_eq!(money.name(), "9999_0901_0902_20260304131500.SRECON");
    assert!(document(&money.parcel().unwrap()).contains("<PostedAmount>275<"));
}

#[test]
fn headers_and_names_can_lie() {
    assert!(document(&broken(Quirk::CountMismatch)).contains("<RecordCount>2<"));
    let twice = document(&broken(Quirk::DuplicateReference));
    assert_eq!(twice.matches("90100000000000004711").count(), 2);
    assert!(twice.contains("<RecordCount>2<"));
    assert_eq!(broken(Quirk::WrongFileName).name, "TOLLS.zip");
    let late = broken(Quirk::NameTimeMismatch);
    assert_eq!(late.name, "9999_0901_0902_20260304131501_STRAN.zip");
    assert!(document(&late).contains("<SubmissionDateTime>2026-03-04T13:15:00Z<"));
}

#[test]
fn archives_can_be_hostile() {
    for quirk in [Quirk::TruncatedZip, Quirk::NotAZip] {
        assert!(zip::ZipArchive::new(io::Cursor::new(broken(quirk).bytes)).is_err());
    }
    let escape = entries(&broken(Quirk::PathEscape).bytes);
    assert_eq!(escape[0].0, "../9999_0901_0902_20260304131500.STRAN");
    assert_eq!(entries(&broken(Quirk::TwoFiles).bytes).len(), 2);
    assert!(entries(&broken(Quirk::NoFile).bytes).is_empty());
    let bomb = broken(Quirk::Bomb(8_000_000));
    assert!(bomb.bytes.len() < 20_000);
    assert!(document(&bomb).len() > 8_000_000);
    assert!(document(&bomb).ends_with("</TransactionData>\n"));
}

#[test]
fn documents_can_be_hostile() {
    let laughs = document(&broken(Quirk::Entities));
    assert!(laughs.contains("<!DOCTYPE") && laughs.contains("<FacilityDesc>&l9;<"));
    assert!(document(&broken(Quirk::ExternalEntity)).contains("SYSTEM"));
    let latin = document(&broken(Quirk::Encoding(Declared::Latin1)));
    assert!(latin.starts_with(r#"<?xml version="1.0" encoding="ISO-8859-1""#));
    let utf16 = entries(&broken(Quirk::Encoding(Declared::Utf16)).bytes)
        .remove(0)
        .1;
    assert!(utf16.starts_with(&[0xff, 0xfe, b'<', 0, b'?', 0]));
    let bad = entries(&broken(Quirk::BadUtf8).bytes).remove(0).1;
    assert!(String::from_utf8(bad).is_err());
    let deep = document(&broken(Quirk::DeepNesting(500)));
    assert_eq!(deep.matches("<Spare1>").count(), 500);
    assert!(!document(&broken(Quirk::TruncatedXml)).contains("</TransactionData>"));
}

#[test]
fn single_elements_can_be_missing_or_wrong() {
    for name in [
        "TxnReferenceID",
        "ExitDateTime",
        "PlateNumber",
        "ExitDateTimeTZ",
    ] {
        assert!(!document(&broken(Quirk::MissingElement(name))).contains(&format!("<{name}>")));
        let wrong = document(&broken(Quirk::WrongText(name, "a<b,c")));
        assert!(wrong.contains(&format!("<{name}>a&lt;b,c</{name}>")));
    }
}

#[test]
fn a_bulk_file_holds_as_many_records_as_its_header_says() {
    let mut archive = io::Cursor::new(Vec::new());
    let name = write_bulk_zip(&mut archive, submitted(), 3_000).unwrap();
    assert_eq!(name, "9999_0901_0902_20260304131500_STRAN.zip");
    let (_, xml) = entries(archive.get_ref()).remove(0);
    let xml = String::from_utf8(xml).unwrap();
    assert!(xml.contains("<RecordCount>3000<"));
    assert_eq!(xml.matches("<TransactionRecord>").count(), 3_000);
    let mut plain = Vec::new();
    write_bulk_xml(&mut plain, submitted(), 3_000).unwrap();
    assert_eq!(plain, xml.as_bytes());
}

fn ack_text(code: &str) -> String {
    format!(
        "<Acknowledgement><SubmissionType>ACK</SubmissionType>\
         <OrigSubmissionType>STRAN</OrigSubmissionType>\
         <OrigSubmissionDateTime>{SUBMITTED}</OrigSubmissionDateTime>\
         <NIOPHubID>9998</NIOPHubID><FromAgencyID>0902</FromAgencyID>\
         <ToAgencyID>0901</ToAgencyID><AckDateTime>2026-03-04T13:16:00Z</AckDateTime>\
         <AckReturnCode>{code}</AckReturnCode></Acknowledgement>"
    )
}

#[test]
fn a_good_acknowledgement_is_read_without_complaint() {
    let folders = folders();
    let name = "9998_0902_9999_0901_0902_20260304131500_00_STRAN.ACK";
    let folder = folders.dir.path().join("ack");
    std::fs::write(folder.join(name), ack_text("00")).unwrap();
    std::fs::write(folder.join("half.ACK.part"), "<Ack").unwrap();
    let acks = folders.hub.acks().unwrap();
    assert_eq!(acks.len(), 1);
    let ack = &acks[0];
    assert_eq!(ack.problems, Vec::<String>::new());
    assert_eq!((ack.orig_type.as_str(), ack.code.as_str()), ("STRAN", "00"));
    assert_eq!(ack.original, folders.hub.stran(submitted(), []).stem());
    let ends = (ack.hub.as_str(), ack.from.as_str(), ack.to.as_str());
    assert_eq!(ends, ("9998", "0902", "0901"));
    assert_eq!(
        (ack.orig_submitted.as_str(), ack.file_name.as_str()),
        (SUBMITTED, name)
    );
}

#[test]
fn a_bad_acknowledgement_is_listed_with_its_problems() {
    let cases = [
        (
            "9998_0902_9999_0901_0902_20260304131500_00_STRAN.ACK",
            "01",
            "code differs",
        ),
        (
            "9998_0902_9999_0901_0902_20260304131500_00_SCORR.ACK",
            "00",
            "type differs",
        ),
        (
            "9998_0902_9999_0901_0902_20260304131501_00_STRAN.ACK",
            "00",
            "time differs",
        ),
        (
            "9998_0902_9999_0901_20260304131500_00_STRAN.ACK",
            "00",
            "pattern",
        ),
        (
            "9997_0902_9999_0901_0902_20260304131500_00_STRAN.ACK",
            "00",
            "hub differs",
        ),
        (
            "9998_0902_9999_0901_0902_20260304131500_99_STRAN.ACK",
            "99",
            "not known",
        ),
        ("x.ACK", "00", "too few parts"),
    ];
    for (name, code, problem) in cases {
        let ack = Ack::parse(name, ack_text(code).as_bytes());
        assert!(
            ack.problems.iter().any(|p| p.contains(problem)),
            "{name}: {:?}",
            ack.problems
        );
    }
    let empty = Ack::parse("x.ACK", b"");
    assert!(
        empty
            .problems
            .iter()
            .any(|p| p.contains("AckReturnCode is missing"))
    );
}
