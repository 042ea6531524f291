//! That a shape tells what changed and keeps no value.

use proptest::prelude::*;

use super::*;
use crate::conformance::Via;

fn payload(name: &str, bytes: &str) -> Payload {
    Payload::from_file(Via::Message, name, bytes.to_owned())
}

fn shape(name: &str, bytes: &str) -> Shape {
    Shape::of(&payload(name, bytes)).unwrap()
}

/// What is told of a second payload by the shape of a first, as `kind path`.
fn told(name: &str, first: &str, second: &str) -> Vec<String> {
    let drift = shape(name, first).drift(&shape(name, second));
    let told = drift.iter().map(|drift| {
        let rejection = drift.rejection();
        format!("{} {}", drift.as_str(), rejection.field)
    });
    told.collect()
}

#[test]
fn new_missing_and_retyped_fields_are_told_in_every_format() {
    let cases = [
        (
            "a.json",
            r#"{"data":[{"plate":"TPK0421","score":0.5,"lane":null}],"next":""}"#,
            r#"{"data":[{"plate":"TPK0422","score":"0.5"},{"score":0.1,"speed":{"mph":3}}]}"#,
            vec![
                "missing data[]/plate",
                "new data[]/speed",
                "retyped data[]/score",
            ],
        ),
        (
            "a.xml",
            r#"<?xml version="1.0"?><p:Reads xmlns:p="urn:x"><p:Read id="1"><p:Plate>TPK0421</p:Plate><p:Lane>2</p:Lane></p:Read></p:Reads>"#,
            r#"<Reads><Read id="1"><Plate>4</Plate><Lane>two</Lane></Read><Read><Plate/><Lane>2</Lane><Toll c="d"/></Read></Reads>"#,
            vec![
                "missing Reads/Read/@id",
                "missing Reads/Read/Plate",
                "new Reads/Read/Toll",
                "retyped Reads/Read/Lane",
            ],
        ),
        (
            "a.csv",
            "Plate;Read At;Lane\nTPK0421;2026-03-04T07:15:30Z;2\n",
            "Plate;Read At;Speed\n\"TPK;0422\";;88\n",
            vec![
                "missing lines[]/Lane",
                "missing lines[]/Read At",
                "new lines[]/Speed",
            ],
        ),
        (
            "a.csv",
            "TPK0421,2,x\n",
            "TPK0422,3,x,9\n",
            vec!["new lines[]/column_4"],
        ),
        ("a.json", "{\"a\":1}\n{\"a\":2}\n", "{\"a\":3}", vec![]),
        ("a.bin", "\u{1}\u{2}", "\u{3}", vec![]),
    ];
    for (name, first, second, wanted) in cases {
        let mut told = told(name, first, second);
        told.sort();
        assert_eq!(told, wanted, "{second}");
    }
}

#[test]
fn another_format_is_told() {
    assert!(told("a", "{\"a\":1}", "<a>1</a>").contains(&"new (xml)".to_owned()));
}

#[test]
fn what_several_payloads_do_not_share_is_not_always_there() {
    let mut recorded = shape("a.json", r#"{"a":1,"b":{"c":1}}"#);
    recorded.merge(&shape("a.json", r#"{"a":"one"}"#));
    recorded.merge(&shape("a.json", r#"{"a":2,"b":{"d":1}}"#));
    for today in [
        r#"{"a":1}"#,
        r#"{"a":"x","b":{"c":4}}"#,
        r#"{"a":1,"b":{"d":4}}"#,
    ] {
        assert_eq!(recorded.drift(&shape("a.json", today)), [], "{today}");
    }
    let today = shape("a.json", r#"{"b":{"c":"x"}}"#);
    let wanted = [
        Drift::Missing("a".to_owned()),
        Drift::Retyped("b/c".to_owned(), "number".to_owned(), "text".to_owned()),
    ];
    assert_eq!(recorded.drift(&today), wanted);
}

#[test]
fn no_value_is_kept_even_where_it_stands_in_the_place_of_a_name() {
    let values = [
        (
            "a.json",
            r#"{"TPK0421":{"at":"BROOKDALE"},"2026-03-04":1,"HELLO":{"at":"x"}}"#,
        ),
        ("a.csv", "TPK0421,2026-03-04T07:15:30Z,HELLO\n"),
        ("a.xml", "<a><TPK0421 HELLO='BROOKDALE'>x</TPK0421></a>"),
    ];
    let plates = ["TPK0421".to_owned(), "HELLO".to_owned()];
    for (name, bytes) in values {
        let shape = shape(name, bytes).covering(&plates);
        let written = serde_json::to_string(&shape).unwrap();
        let drift = format!("{:?}", Shape::default().drift(&shape));
        for value in ["TPK0421", "2026", "HELLO", "BROOKDALE"] {
            assert!(!written.contains(value), "{value} in {written}");
            assert!(!drift.contains(value), "{value} in {drift}");
        }
    }
}

#[test]
fn parts_of_a_message_count_together_and_pictures_do_not() {
    let body = "--b\r\ncontent-type: application/json\r\n\r\n{\"plate\":\"TPK0421\"}\r\n--b\r\n\r\n\u{1}JPEG\r\n--b--\r\n";
    let mut message = payload("event.multipart", body);
    assert_eq!(
        message.content_type.as_deref(),
        Some("multipart/form-data; boundary=\"b\"")
    );
    let told: Vec<String> = Shape::of(&message)
        .unwrap()
        .fields()
        .map(|field| field.0.to_owned())
        .collect();
    assert_eq!(told, ["", "plate"]);
    message.content_type = Some("multipart/mixed; boundary=b; x=y".to_owned());
    assert_eq!(Shape::of(&message).unwrap().len(), 2);
}

#[test]
fn broken_and_endless_forms_are_errors() {
    for (bytes, error) in [
        ("{\"a\":".to_owned(), ShapeError::Broken),
        ("<a><b></a>".to_owned(), ShapeError::Broken),
        (
            "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>".to_owned(),
            ShapeError::Broken,
        ),
        ("<a>".repeat(100), ShapeError::TooWide),
        ("[".repeat(10_000), ShapeError::Broken),
    ] {
        assert_eq!(Shape::of(&payload("a", &bytes)), Err(error));
    }
    let wide: String = (0..5_000).map(|n| format!("<a{}/>", letters(n))).collect();
    assert_eq!(
        Shape::of(&payload("a.xml", &format!("<r>{wide}</r>"))),
        Err(ShapeError::TooWide)
    );
}

fn letters(mut n: u32) -> String {
    let mut letters = String::new();
    for _ in 0..4 {
        letters.push(char::from(b'a' + u8::try_from(n % 26).unwrap()));
        n /= 26;
    }
    letters
}

proptest! {
    #[test]
    fn any_bytes_have_a_shape_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300), name in "a\\.(json|xml|csv|bin)") {
        let payload = Payload::from_file(Via::File, &name, bytes);
        if let Ok(shape) = Shape::of(&payload) {
            prop_assert_eq!(shape.drift(&shape), []);
            let mut twice = shape.clone();
            twice.merge(&shape);
            prop_assert_eq!(twice, shape);
        }
    }
}

#[test]
fn an_archive_is_unpacked_so_far_and_only_where_one_can_be() {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(9 << 20));
    for number in 0..3 {
        archive.start_file(number.to_string(), options).unwrap();
        std::io::Write::write_all(&mut archive, long.as_bytes()).unwrap();
    }
    let bytes = archive.finish().unwrap().into_inner();
    let parts = |via| {
        let payload = Payload::from_file(via, "a.zip", bytes.clone());
        let parts = text::parts(&payload);
        parts.iter().map(|part| part.len()).collect::<Vec<_>>()
    };
    assert_eq!(parts(Via::Message), [bytes.len()]);
    assert_eq!(
        parts(Via::File),
        [long.len()],
        "no part of one is taken for all"
    );
}
