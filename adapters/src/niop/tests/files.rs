//! Files, archives and encodings as a whole, and properties over all of them.

use std::{
    io::{self, Cursor, Read, Seek, SeekFrom},
    sync::LazyLock,
};

use proptest::prelude::*;
use serde_json::{Value, json};
use zip::CompressionMethod;

use super::{
    super::{ACCOUNT_LIST, ACKNOWLEDGEMENT, Niop, RECONCILIATION},
    CORRECTION, CORRECTION_NAME, NAME, SAMPLE, ZIP_NAME, archive, decode, decode_with, many,
};
use crate::{
    adapter::Adapter,
    error::{Error, ErrorKind},
};

#[test]
fn a_file_that_is_no_file_of_plates_is_refused_unopened() {
    for (name, rule, code) in [
        ("9999_0901_20260304131500.BTVL", ACCOUNT_LIST, Some("07")),
        (
            "9999_0901_20260304131500_DTVL.zip",
            ACCOUNT_LIST,
            Some("07"),
        ),
        (
            "9999_0901_0902_20260304131500.SRECON",
            RECONCILIATION,
            Some("07"),
        ),
        (
            "9999_0902_9999_0901_0902_20260304131500_00_STRAN.ACK",
            ACKNOWLEDGEMENT,
            None,
        ),
        ("passages.xml", "not a NIOP file name", None),
        (
            "9999_0901_0903_20260304131500.STRAN",
            "for another agency",
            Some("07"),
        ),
    ] {
        let settings = json!({"home_agency": "0902"});
        let outcome = decode_with(&settings, name, &mut Unreadable).unwrap();
        assert_eq!((outcome.rule(), outcome.code()), (rule, code), "{name}");
    }
}

#[test]
fn an_account_list_under_another_name_is_refused_by_its_root() {
    for (root, rule) in [
        ("TagValidationList", ACCOUNT_LIST),
        ("ReconciliationData", RECONCILIATION),
        ("Acknowledgement", ACKNOWLEDGEMENT),
        ("CorrectionData", "not the document its name says"),
    ] {
        let outcome = decode(NAME, SAMPLE.replace("TransactionData", root).as_bytes());
        assert_eq!((outcome.rule(), outcome.code()), (rule, Some("07")));
        assert_eq!(outcome.items, []);
    }
}

#[test]
fn a_bad_file_is_rejected_as_a_whole() {
    let differs = "not as in the file name";
    let malformed = "not well-formed XML";
    let deep = format!("{}{}", "<a>".repeat(64), "</a>".repeat(64));
    let long = format!("<!--{}-->", "x".repeat(64 << 10));
    let attributes: String = (0..17).map(|n| format!(" a{n}='1'")).collect();
    let attributes = format!("<TransactionRecord{attributes}>");
    for (from, to, rule, code) in [
        (
            "<RecordCount>2",
            "<RecordCount>3",
            "not the number of records",
            "01",
        ),
        (
            "<RecordCount>2",
            "<RecordCount>1",
            "not the number of records",
            "01",
        ),
        (">STRAN<", ">SCORR<", differs, "07"),
        ("13:15:00Z", "13:15:01Z", differs, "07"),
        ("13:15:00Z", "13:15:00", "not a time in UTC", "07"),
        (">9999<", ">9998<", differs, "07"),
        (">0901<", ">0902<", differs, "07"),
        (">0902<", ">0901<", differs, "07"),
        ("<TxnDataSeqNo>118</TxnDataSeqNo>", "", "missing", "07"),
        (
            ">118<",
            ">1234567890123<",
            "not a number of the allowed length",
            "07",
        ),
        (
            ">118<",
            ">118</TxnDataSeqNo><TxnDataSeqNo>118<",
            "more than once",
            "07",
        ),
        (
            "<TransactionHeader>",
            "<TransactionHeader>x",
            "text between elements",
            "07",
        ),
        (
            "<TransactionHeader>",
            "<Header>",
            "unexpected element",
            "07",
        ),
        (
            "<TransactionRecord>",
            "<CorrectionRecord>",
            "unexpected element",
            "07",
        ),
        (
            "</TransactionRecord>",
            "</TransactionRecord>x",
            "text between elements",
            "07",
        ),
        ("</TransactionData>", "", "ends too early", "07"),
        (
            "</TransactionData>",
            "</TransactionData><a/>",
            "more than one document",
            "07",
        ),
        (
            "</TransactionData>",
            "</TransactionData>x",
            "text between elements",
            "07",
        ),
        ("</PlateInfo>", "</Plate>", malformed, "07"),
        ("</PlateInfo>", "", malformed, "07"),
        ("</PlateInfo>", "</PlateInfo></PlateInfo>", malformed, "07"),
        ("TPK0421", "TPK&plate;", "undeclared entity", "07"),
        ("TPK0421", "TPK&0421", malformed, "07"),
        ("TPK0421", "TPK<0421", malformed, "07"),
        (
            "<TransactionData>",
            "<!DOCTYPE a [<!ENTITY b 'c'>]><TransactionData>",
            "document type declaration",
            "07",
        ),
        ("<PlateInfo>", &deep, "elements are nested too deep", "07"),
        (
            "<PlateInfo>",
            &long,
            "one tag or text is larger than allowed",
            "07",
        ),
        (
            "<TransactionRecord>",
            &attributes,
            "too many attributes",
            "07",
        ),
        ("UTF-8", "EBCDIC", "unknown encoding", "07"),
    ] {
        assert!(SAMPLE.contains(from), "{from}");
        let outcome = decode(NAME, SAMPLE.replacen(from, to, 1).as_bytes());
        assert_eq!(
            (outcome.rule(), outcome.code()),
            (rule, Some(code)),
            "{from} -> {to:.80}"
        );
    }
    let (before, rest) = SAMPLE.split_once("<TransactionHeader>").unwrap();
    let (_, after) = rest.split_once("</TransactionHeader>").unwrap();
    let headless = format!("{before}{after}");
    assert_eq!(
        decode(NAME, headless.as_bytes()).rule(),
        "missing before the records"
    );
    assert_eq!(decode(NAME, b"").rule(), "ends too early");
}

#[test]
fn more_text_or_elements_than_a_record_may_have_cost_the_record() {
    let long = format!("<PlateNumber>{}</PlateNumber>", "A".repeat(4097));
    let crowd = "<Spare1>0</Spare1>".repeat(513);
    for (from, to, rule) in [
        (
            "<PlateNumber>TPK0421</PlateNumber>",
            long,
            "text is too long",
        ),
        (
            "<PlateInfo>",
            format!("{crowd}<PlateInfo>"),
            "too many elements",
        ),
    ] {
        let outcome = decode(NAME, SAMPLE.replacen(from, &to, 1).as_bytes());
        assert_eq!(outcome.rejected()[0].2, rule);
        assert_eq!(outcome.code(), Some("02"));
    }
}

#[test]
fn a_bad_archive_is_rejected_with_an_acknowledgement() {
    let good = archive(&[(NAME, SAMPLE.as_bytes())], CompressionMethod::Deflated);
    let named = |name: &str| archive(&[(name, SAMPLE.as_bytes())], CompressionMethod::Deflated);
    let mut encrypted = good.clone();
    let central = find(&encrypted, b"PK\x01\x02");
    encrypted[6] |= 1;
    encrypted[central + 8] |= 1;
    let mut foreign = good.clone();
    foreign[8] = 12;
    foreign[central + 10] = 12;
    let mut flipped = good.clone();
    flipped[200] ^= 0x55;
    let zeros = vec![b' '; 8 << 20];
    let not_plain = "entry name is not a plain file name";
    let one = "archive does not hold exactly one file";
    let incomplete = "not a complete archive";
    for (bytes, rule) in [
        (Vec::new(), incomplete),
        (b"PK\x03\x04".to_vec(), incomplete),
        (SAMPLE.as_bytes().to_vec(), incomplete),
        (good[..good.len() / 2].to_vec(), incomplete),
        (good[..good.len() - 1].to_vec(), incomplete),
        (archive(&[], CompressionMethod::Stored), one),
        (
            archive(&[(NAME, b"a"), ("b", b"b")], CompressionMethod::Stored),
            one,
        ),
        (named(&format!("../{NAME}")), not_plain),
        (named(&format!("/{NAME}")), not_plain),
        (named(&format!("..\\{NAME}")), not_plain),
        (named(&format!("in/{NAME}")), not_plain),
        (named(&format!("C:{NAME}")), not_plain),
        (named("passages.xml"), "entry name is not a NIOP file name"),
        (
            named("9999_0901_0902_20260304131501.STRAN"),
            "entry name is not that of the archive",
        ),
        (
            named("9999_0901_0902_20260304131500.SCORR"),
            "entry name is not that of the archive",
        ),
        (
            named("9999_0901_20260304131500.BTVL"),
            "entry name is not that of the archive",
        ),
        (encrypted, "entry is encrypted"),
        (foreign, "entry is neither stored nor deflated"),
        (
            archive(&[(NAME, &zeros)], CompressionMethod::Deflated),
            "entry grows more than an honest file does",
        ),
    ] {
        let outcome = decode(ZIP_NAME, &bytes);
        assert_eq!((outcome.rule(), outcome.code()), (rule, Some("07")));
        assert_eq!(outcome.items, []);
    }
    let flipped = decode(ZIP_NAME, &flipped);
    assert_ne!(flipped.rule(), "accepted");
    assert_eq!(flipped.code(), Some("07"));
}

#[test]
fn an_entry_that_is_larger_than_it_declares_or_may_be_is_rejected() {
    let mut lying = archive(&[(NAME, SAMPLE.as_bytes())], CompressionMethod::Deflated);
    let central = find(&lying, b"PK\x01\x02");
    lying[central + 24..central + 28].copy_from_slice(&100_u32.to_le_bytes());
    let outcome = decode(ZIP_NAME, &lying);
    assert_eq!(
        (outcome.rule(), outcome.code()),
        ("not readable to its end", Some("07"))
    );
    let settings = json!({"max_bytes": 1000});
    let honest = archive(&[(NAME, SAMPLE.as_bytes())], CompressionMethod::Deflated);
    for (name, bytes) in [(ZIP_NAME, honest.as_slice()), (NAME, SAMPLE.as_bytes())] {
        let outcome = decode_with(&settings, name, &mut Cursor::new(bytes)).unwrap();
        assert_eq!(
            (outcome.rule(), outcome.code()),
            (crate::toll::TOO_LARGE, Some("07"))
        );
    }
}

#[test]
fn an_honest_large_archive_passes_the_ratio() {
    let xml = many(4_000, |_, record| record);
    let zip = archive(&[(NAME, xml.as_bytes())], CompressionMethod::Deflated);
    assert!(xml.len() > 2 << 20 && zip.len() * 20 < xml.len());
    assert_eq!(decode(ZIP_NAME, &zip).reads().len(), 4_000);
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_and_no_verdict() {
    for name in [NAME, ZIP_NAME] {
        let error = decode_with(&Value::Null, name, &mut Unreadable).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }
}

#[test]
fn what_the_sink_returns_ends_the_file() {
    let adapter = Niop::new(&Value::Null).unwrap();
    let mut taken = 0;
    let error = adapter
        .decode_file(NAME, &mut Cursor::new(SAMPLE), &mut |_| {
            taken += 1;
            Err(Error::new(ErrorKind::Config, "sink", "full"))
        })
        .unwrap_err();
    assert_eq!((error.operation(), taken), ("sink", 1));
}

#[test]
fn nothing_of_tags_money_or_spare_fields_comes_out() {
    let secrets = "<TagInfo><TagAgencyID>0902</TagAgencyID><TagSerialNo>7654321</TagSerialNo></TagInfo>\
         <DiscountPlanType>SENIOR</DiscountPlanType><Spare1>7654321</Spare1><TollAmount>7654321</TollAmount>";
    for plate in ["TPK0421", "bad plate"] {
        let xml = SAMPLE.replacen("TPK0421", plate, 1).replacen(
            "<PlateInfo>",
            &format!("{secrets}<PlateInfo>"),
            1,
        );
        let outcome = decode(NAME, xml.as_bytes());
        let mut out = format!("{outcome:?}");
        for read in outcome.reads() {
            out.push_str(&serde_json::to_string(read).unwrap());
        }
        for secret in ["7654321", "SENIOR", "275", "0902,", "bad plate"] {
            assert!(!out.contains(secret), "{secret}");
        }
    }
}

#[test]
fn every_encoding_gives_the_same_items() {
    let want = decode(NAME, SAMPLE.as_bytes());
    let utf16: Vec<u8> = format!("\u{feff}{}", SAMPLE.replace("UTF-8", "UTF-16"))
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    assert_eq!(decode(NAME, &utf16), want);
    assert_eq!(decode(NAME, format!("\u{feff}{SAMPLE}").as_bytes()), want);
    for label in ["iso-8859-1", "windows-1252", "US-ASCII"] {
        assert_eq!(
            decode(NAME, SAMPLE.replace("UTF-8", label).as_bytes()),
            want
        );
    }
}

#[test]
fn bytes_that_are_not_text_cost_the_record_they_are_in() {
    let mut bytes = SAMPLE.as_bytes().to_vec();
    let at = find(&bytes, b"TPK0421");
    bytes[at] = 0xFF;
    let outcome = decode(NAME, &bytes);
    assert_eq!(
        outcome.rejected(),
        [(0, "PlateInfo/PlateNumber", "not of the allowed form")]
    );
}

#[test]
fn plain_elements_and_the_same_elements_written_otherwise_are_one() {
    let xml = many(600, |n, record| match n % 7 {
        0 => record.replace("TPK0421", "tpk"),
        1 => record.replace("VB01", "TB01"),
        2 => record.replace("<PlateType>PASSENGER</PlateType>", ""),
        _ => record,
    });
    let plain = decode(NAME, xml.as_bytes());
    assert_eq!(plain.rejected().len(), 172);
    let (prolog, body) = xml.split_at(xml.find("<TransactionData>").unwrap());
    for (from, to) in [
        (">\n", " >\n\t"),
        ("</", "<!-- --></"),
        ("\n", "<?pi?>\n"),
        ("\n ", ""),
    ] {
        let other = format!("{prolog}{}", body.replace(from, to));
        assert_ne!(other, xml);
        assert!(decode(NAME, other.as_bytes()) == plain, "{from}");
    }
}

/// A file of several windows, good and bad records mixed.
static LARGE: LazyLock<String> = LazyLock::new(|| {
    many(900, |n, record| match n % 10 {
        0 => record.replace("TPK0421", ""),
        1 => record.replace("TPK0421", "TPK&#48;421"),
        _ => record.replace("TPK0421", &format!("TPK{n}")),
    })
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_have_a_verdict(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        for name in [NAME, ZIP_NAME, CORRECTION_NAME] {
            let outcome = decode(name, &bytes);
            prop_assert_ne!(outcome.rule(), "accepted");
            prop_assert!(outcome.code().is_some());
        }
    }

    #[test]
    fn a_damaged_file_has_a_verdict(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let zip = archive(&[(NAME, SAMPLE.as_bytes())], CompressionMethod::Deflated);
        for (name, bytes) in [(NAME, SAMPLE.as_bytes()), (CORRECTION_NAME, CORRECTION.as_bytes()), (ZIP_NAME, &zip)] {
            let mut damaged = bytes.to_vec();
            for (at, byte) in &edits {
                let at = at.index(damaged.len());
                damaged[at] = *byte;
            }
            prop_assert!(decode(name, &damaged).code().is_some());
            damaged.truncate(cut.index(bytes.len()));
            prop_assert!(decode(name, &damaged).code().is_some());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn items_do_not_depend_on_how_the_bytes_arrive(chunk in prop_oneof![Just(1_usize), 2_usize..100_000]) {
        let want = decode(NAME, LARGE.as_bytes());
        let mut file = Chunked { inner: Cursor::new(LARGE.as_bytes()), chunk };
        let got = decode_with(&Value::Null, NAME, &mut file).unwrap();
        prop_assert_eq!(got.items.len(), 900);
        prop_assert!(got == want);
        let zip = archive(&[(NAME, LARGE.as_bytes())], CompressionMethod::Deflated);
        let mut file = Chunked { inner: Cursor::new(&zip[..]), chunk };
        prop_assert!(decode_with(&Value::Null, ZIP_NAME, &mut file).unwrap() == want);
    }
}

fn find(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).position(|w| w == part).unwrap()
}

/// A file on a broken disk.
struct Unreadable;

impl Read for Unreadable {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("broken"))
    }
}

impl Seek for Unreadable {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Ok(100)
    }
}

/// A file that gives a few bytes at a time.
struct Chunked<'a> {
    inner: Cursor<&'a [u8]>,
    chunk: usize,
}

impl Read for Chunked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let want = self.chunk.min(buffer.len());
        self.inner.read(&mut buffer[..want])
    }
}

impl Seek for Chunked<'_> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.inner.seek(position)
    }
}
