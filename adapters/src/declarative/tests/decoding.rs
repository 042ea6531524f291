//! Payloads in every format, good and bad, and what becomes of each.

use jiff::Timestamp;
use turnpike_schemas::read::{ReadKind, ZoneProvenance};

use super::*;

const RECORD: &str = r#"{"id":"7","plate":"tpk 0421","at":"2026-03-04T07:15:30.412-05:00"}"#;

fn plain() -> Box<dyn Adapter> {
    source(&webhook(""), json!({})).unwrap()
}

#[test]
fn a_plain_message_is_one_read() {
    let page = decoded(&*plain(), RECORD);
    let [read] = page.reads.as_slice() else {
        panic!("{page:?}");
    };
    assert_eq!(read.record, "7");
    assert_eq!(read.plate.plate.expose(), "TPK0421");
    assert_eq!(read.plate.plate.expose_raw(), "tpk 0421");
    assert_eq!(
        read.captured_at,
        "2026-03-04T12:15:30.412Z".parse::<Timestamp>().unwrap()
    );
    assert_eq!(read.captured_offset_s, Some(-18_000));
    assert_eq!(read.captured_zone, ZoneProvenance::InValue);
    assert_eq!(
        (read.revision, read.retracted, read.kind),
        (0, false, ReadKind::Read)
    );
    assert_eq!(read.plate.confidence, None);
    assert_eq!(read.place, turnpike_schemas::read::Place::default());
}

#[test]
fn a_bad_field_costs_its_record_and_names_field_and_rule() {
    for (body, field, rule) in [
        (
            r#"{"plate":"TPK0421","at":"2026-03-04T07:15:30Z"}"#,
            "/id",
            "missing",
        ),
        (
            r#"{"id":"","plate":"TPK0421","at":"2026-03-04T07:15:30Z"}"#,
            "/id",
            "empty",
        ),
        (
            r#"{"id":{},"plate":"TPK0421","at":"2026-03-04T07:15:30Z"}"#,
            "/id",
            "wrong type",
        ),
        (
            r#"{"id":"7","at":"2026-03-04T07:15:30Z"}"#,
            "/plate",
            "missing",
        ),
        (
            r#"{"id":"7","plate":421,"at":"2026-03-04T07:15:30Z"}"#,
            "/plate",
            "wrong type",
        ),
        (
            r#"{"id":"7","plate":"TPK0421TPK0421TPK0421","at":"2026-03-04T07:15:30Z"}"#,
            "/plate",
            "longer than 20 characters",
        ),
        (
            r#"{"id":"7","plate":"A","plate":"B","at":"2026-03-04T07:15:30Z"}"#,
            "/plate",
            "more than once",
        ),
        (r#"{"id":"7","plate":"TPK0421"}"#, "/at", "missing"),
        (r#"{"id":"7","plate":"TPK0421","at":null}"#, "/at", "empty"),
        (
            r#"{"id":"7","plate":"TPK0421","at":"2026-03-04T07:15:30"}"#,
            "/at",
            "not a time of this form",
        ),
        (
            r#"{"id":"7","plate":"TPK0421","at":1772608530}"#,
            "/at",
            "wrong type",
        ),
    ] {
        let page = decoded(&*plain(), body);
        assert_eq!(
            page.rejected,
            [Rejection::new(Some(0), field, rule)],
            "{body}"
        );
        assert!(page.reads.is_empty());
    }
}

#[test]
fn a_plate_that_was_not_read_is_skipped() {
    for plate in ["null", "\"\"", "\" - \""] {
        let page = decoded(
            &*plain(),
            format!(r#"{{"id":"7","plate":{plate},"at":"2026-03-04T07:15:30Z"}}"#),
        );
        assert_eq!(page.skipped.get("no_plate"), Some(&1), "{plate}");
    }
}

#[test]
fn a_message_that_is_no_object_is_malformed() {
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
    let two = format!("{RECORD}{RECORD}");
    let cut = RECORD.get(..40).unwrap();
    for body in [
        "",
        " ",
        "null",
        "7",
        "\"x\"",
        "[]",
        "{",
        "<html>sign in</html>",
        two.as_str(),
        cut,
    ] {
        let error = plain().decode(&Message::json(body.to_owned())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{body}");
        assert!(!error.to_string().contains("TPK"), "{error}");
    }
    // What is not mapped is not looked at, however deep it is.
    assert_eq!(decoded(&*plain(), deep).rejected.len(), 1);
    let error = plain()
        .decode(&Message::json(&b"{\"id\":\"\xff\"}"[..]))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed);
}

#[test]
fn optional_values_that_are_wrong_are_left_out_and_noted() {
    let fields = r#"
plate.confidence = { at = "/score", scale = 255 }
plate.jurisdiction = { at = "/state", country = "US", table = { Ohio = "OH", Nowhere = "1234" } }
place.lat = "/pos/0"
place.lon = "/pos/1"
place.bearing_deg = { at = "/dir", table = { N = 0, E = 90 } }
vehicle.colour = { at = "/colour", unknown = ["none"] }
"#;
    let adapter = source(&webhook(fields), json!({})).unwrap();
    let read = |more: &str| {
        let body = RECORD.replace('}', &format!(",{more}}}"));
        let mut page = decoded(&*adapter, body);
        assert!(page.rejected.is_empty(), "{more}: {page:?}");
        page.reads.pop().unwrap()
    };
    let good = read(r#""score":51,"state":"Ohio","pos":[41.5,-81.25],"dir":"E","colour":"blue""#);
    assert_eq!(good.plate.confidence.unwrap().get(), 0.2);
    assert_eq!(good.plate.jurisdiction.unwrap().as_str(), "US-OH");
    assert_eq!((good.place.lat, good.place.lon), (Some(41.5), Some(-81.25)));
    assert_eq!(good.place.bearing_deg, Some(90.0));
    assert_eq!(good.vehicle.colour.unwrap().value, "blue");
    assert_eq!(good.quality, Vec::<String>::new());
    for (more, doubt) in [
        (r#""score":256"#, "confidence_off_scale"),
        (r#""score":-1"#, "confidence_off_scale"),
        (r#""score":"high""#, "value_not_understood:/score"),
        (r#""state":"Ohoi""#, "issuer_not_understood"),
        (r#""state":"Nowhere""#, "issuer_not_understood"),
        (r#""pos":[-181.25,41.5]"#, "position_off_scale"),
        (r#""dir":"up""#, "value_not_understood:/dir"),
        (
            r#""colour":{"name":"blue"}"#,
            "value_not_understood:/colour",
        ),
    ] {
        let read = read(more);
        assert_eq!(read.quality, [doubt], "{more}");
        assert_eq!(read.plate.confidence, None, "{more}");
        assert_eq!(read.place.lat, None, "{more}");
    }
    for (more, why) in [
        (r#""pos":[0,0]"#, "no position"),
        (r#""colour":"none""#, "not known"),
        (r#""score":null"#, "not known"),
    ] {
        let read = read(more);
        assert_eq!(read.quality, Vec::<String>::new(), "{why}");
        assert_eq!(
            (read.place.lat, read.vehicle.colour, read.plate.confidence),
            (None, None, None)
        );
    }
}

#[test]
fn corrections_and_retractions_are_those_the_mapping_names() {
    let fields = r#"
revision = "/version"
retracted = { at = "/deleted_at", set = true }
aliases = ["/old_id"]
not_before = "2015-01-01T00:00:00Z"
"#;
    let adapter = source(&webhook(fields), json!({})).unwrap();
    let page = |more: &str| decoded(&*adapter, RECORD.replace('}', &format!(",{more}}}")));
    let read = |more: &str| page(more).reads.pop().unwrap();
    assert_eq!(read(r#""version":3"#).revision, 3);
    assert_eq!(read(r#""version":null"#).revision, 0);
    assert!(read(r#""deleted_at":"2026-03-05""#).retracted);
    assert!(!read(r#""deleted_at":null"#).retracted);
    assert_eq!(read(r#""old_id":6"#).aliases, ["6"]);
    for wrong in ["-1", "1.5", "\"3\"", "1e300", "{}"] {
        let page = page(&format!(r#""version":{wrong}"#));
        assert_eq!(page.rejected.len(), 1, "{wrong}");
        assert_eq!(page.rejected[0].field, "/version");
    }
    let old = RECORD.replace("2026", "1970");
    assert_eq!(
        decoded(&*adapter, old).rejected[0].rule,
        "before any read there can be"
    );
}

#[test]
fn records_of_a_list_are_read_one_by_one_with_what_counts_from_the_message() {
    let text = webhook("place.site = \"^/head/site\"")
        .replace("[webhook]", "[webhook]\n[records]\nat = \"/reads\"\nskip = [{ at = \"/kind\", not_equals = [\"plate\"] }]");
    let adapter = source(&text, json!({})).unwrap();
    let record = RECORD.replace('}', r#","kind":"plate"}"#);
    let body = format!(
        r#"{{"reads":[{record},7,{{"kind":"beat"}},{{"kind":"plate"}},[],{record}],"head":{{"site":"Brook St"}}}}"#
    );
    let page = decoded(&*adapter, body);
    assert_eq!(page.reads.len(), 2);
    assert!(
        page.reads
            .iter()
            .all(|read| read.place.site.as_deref() == Some("Brook St"))
    );
    assert_eq!(page.skipped.get("not_a_read"), Some(&1));
    let rejected: Vec<_> = page
        .rejected
        .iter()
        .map(|r| (r.record.unwrap(), r.field.as_str()))
        .collect();
    assert_eq!(rejected, [(1, "(record)"), (3, "/plate"), (4, "(record)")]);
    for body in [
        "{}",
        r#"{"reads":"none"}"#,
        r#"{"reads":null}"#,
        r#"{"reads":[1,2"#,
    ] {
        assert!(adapter.decode(&Message::json(body)).is_err(), "{body}");
    }
    assert_eq!(decoded(&*adapter, r#"{"reads":[]}"#), Page::default());
}

#[test]
fn a_json_file_is_read_record_by_record_too() {
    let text = webhook("place.site = \"^/site\"")
        .replace("[webhook]", "[file]\n[records]\nat = \"/a/reads\"");
    let adapter = source(&text, json!({})).unwrap();
    let body =
        format!(r#"{{"x":[1,{{}}],"a":{{"reads":[{RECORD},{{}}],"y":null}},"site":"gate"}}"#);
    let (page, refused) = dropped(&*adapter, "x.json", body.as_bytes());
    assert_eq!(
        (page.reads.len(), page.rejected.len(), refused),
        (1, 1, None)
    );
    assert_eq!(page.reads[0].place.site.as_deref(), Some("gate"));
    for (body, rule) in [
        (body.get(..body.len() - 3).unwrap(), "not a JSON document"),
        ("{}", "no list of records"),
        (r#"{"a":{"reads":[]}}"#, "holds no record"),
        ("", "not a JSON document"),
    ] {
        let (_, refused) = dropped(&*adapter, "x.json", body.as_bytes());
        assert_eq!(refused.unwrap().rule, rule, "{body}");
    }
}

#[test]
fn a_long_file_is_read_whether_or_not_its_message_counts() {
    // Together longer than one record may be.
    let record = |long: &str| RECORD.replace('}', &format!(",\"note\":\"{long}\"}}"));
    let long = "x".repeat(1 << 20);
    let records = vec![record(&long); 9].join(",");
    let json = format!(r#"{{"site":"gate","reads":[{records}]}}"#);
    let records = format!(
        "<read id='1'><plate>TPK0421</plate><at>2026-03-04T07:15:30Z</at><note>{long}</note></read>"
    );
    let records = records.repeat(9);
    let document = format!("<export><site>gate</site><reads>{records}</reads></export>");
    for more in ["", "place.site = \"^/site\""] {
        let text = webhook(more).replace("[webhook]", "[file]\n[records]\nat = \"/reads\"");
        let adapter = source(&text, json!({})).unwrap();
        let (page, refused) = dropped(&*adapter, "x.json", json.as_bytes());
        assert_eq!((page.reads.len(), refused), (9, None), "json {more}");
    }
    for more in ["", "place.site = \"^export/site\""] {
        let (page, refused) = dropped(&*xml(more), "x.xml", document.as_bytes());
        assert_eq!((page.reads.len(), refused), (9, None), "xml {more}");
    }
}

#[test]
fn a_query_of_rfc_9535_finds_what_a_pointer_cannot() {
    let fields = r#"
place.camera = "$.devices[?@.type == 'camera'].name"
extra.first = "$..label"
"#;
    let adapter = source(&webhook(fields), json!({})).unwrap();
    let body = RECORD.replace('}', r#","devices":[{"type":"loop","name":"L1"},{"type":"camera","name":"C1"}],"owner":{"label":"CANARY"},"z":{"label":"ok"}}"#);
    let read = decoded(&*adapter, body).reads.pop().unwrap();
    assert_eq!(read.place.camera.as_deref(), Some("C1"));
    assert_eq!(
        read.extra.get("first").map(String::as_str),
        Some("ok"),
        "what is below `owner` is not found"
    );
}

#[test]
fn candidates_are_other_texts_than_the_plate() {
    let fields = r#"plate.candidates = { at = "/hyp", text = "/t", confidence = { at = "/c", scale = 100 } }"#;
    let adapter = source(&webhook(fields), json!({})).unwrap();
    let body = RECORD.replace('}', r#","hyp":[{"t":"TPK0421","c":90},{"t":"TPK0427","c":40},{"t":"TPK-0427","c":30},{"t":"TPX0421"},{"t":7},9,{"t":""}]}"#);
    let read = decoded(&*adapter, body).reads.pop().unwrap();
    let texts: Vec<_> = read
        .plate
        .candidates
        .iter()
        .map(|c| (c.plate.expose(), c.confidence.map(|c| c.get())))
        .collect();
    assert_eq!(texts, [("TPK0427", Some(0.4)), ("TPX0421", None)]);
}

fn xml(more: &str) -> Box<dyn Adapter> {
    let text = format!(
        "mapping = 1\nfamily = \"camera\"\nformat = \"xml\"\n[webhook]\n[file]\n[records]\nat = \"export/reads/read\"\n[fields]\nrecord = \"@id\"\nplate.text = \"plate\"\ncaptured_at = {{ at = \"at\", time = \"rfc3339\" }}\n{more}\n"
    );
    source(&text, json!({})).unwrap()
}

const XML: &str = "<x:export xmlns:x='urn:x'><site>A &amp; B</site><reads><x:read id='1'><plate>TPK0421</plate><at>2026-03-04T07:15:30Z</at><owner>CANARY</owner></x:read><read id='2'><plate><![CDATA[TPK0427]]></plate></read></reads></x:export>";

#[test]
fn xml_is_read_by_local_names() {
    let adapter = xml("place.site = \"^export/site\"");
    let page = adapter.decode(&Message::of("text/xml", XML)).unwrap().page;
    assert_eq!(page.rejected, [Rejection::new(Some(1), "at", "missing")]);
    let [read] = page.reads.as_slice() else {
        panic!("{page:?}")
    };
    assert_eq!(
        (read.record.as_str(), read.place.site.as_deref()),
        ("1", Some("A & B"))
    );
    let (same, refused) = dropped(&*adapter, "x.xml", XML.as_bytes());
    assert_eq!((same, refused), (page, None));
}

#[test]
fn bad_xml_is_refused_as_a_whole() {
    let bomb = "<!DOCTYPE x [<!ENTITY a 'b'>]><export><reads/></export>";
    let deep = format!("{}{}", "<a>".repeat(100), "</a>".repeat(100));
    let two = "<export><reads/></export><export/>";
    let cut = XML.get(..XML.len() - 10).unwrap();
    let entity = "<export><site>&boom;</site><reads/></export>";
    for (body, rule) in [
        (bomb, "document type declaration"),
        (deep.as_str(), "nested too deep"),
        (two, "more than one document"),
        (cut, "XML"),
        ("", "ends too early"),
        ("plate", "text outside"),
        ("<html><body>sign in</body></html>", "no list of records"),
        (entity, "undeclared entity"),
        (
            "<?xml version='1.0' encoding='x-none'?><export><reads/></export>",
            "encoding",
        ),
    ] {
        let error = xml("")
            .decode(&Message::of("text/xml", body.to_owned()))
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{body}");
        let said = error.to_string();
        assert!(said.contains(rule) || rule == "XML", "{body}: {said}");
    }
    let empty = xml("")
        .decode(&Message::of("text/xml", "<export><reads/></export>"))
        .unwrap();
    assert_eq!(empty.page, Page::default());
    let latin = b"<?xml version='1.0' encoding='ISO-8859-1'?><export><reads><read id='1'><plate>\xC4PK1</plate><at>2026-03-04T07:15:30Z</at></read></reads></export>";
    let page = xml("")
        .decode(&Message::of("text/xml", &latin[..]))
        .unwrap()
        .page;
    assert_eq!(page.reads[0].plate.plate.expose(), "ÄPK1");
    let huge = format!(
        "<export><img>{}</img><reads/></export>",
        "QUJD".repeat(1 << 20)
    );
    assert!(xml("").decode(&Message::of("text/xml", huge)).is_ok());
}

fn csv(lines: &str, more: &str) -> Box<dyn Adapter> {
    let text = format!(
        "mapping = 1\nfamily = \"toll\"\nformat = \"csv\"\n[file]\n[lines]\n{lines}\n[fields]\nrecord = \"id\"\nplate.text = \"plate\"\ncaptured_at = {{ at = [\"day\", \"time\"], time = \"%d.%m.%Y %H:%M\", zone = \"Europe/Madrid\" }}\n{more}\n"
    );
    source(&text, json!({})).unwrap()
}

#[test]
fn csv_is_read_by_its_header() {
    let file = "\u{feff}id;day;time;plate;note\n1;04.03.2026;07:15;TPK0421;\"a;b\"\r\n2;04.03.2026;07:16\n3;04.03.2026;25:00;TPK0421;x\n4;29.03.2026;02:30;TPK0421;x\n5;25.10.2026;02:30;TPK0421;x\n";
    let (page, refused) = dropped(&*csv("delimiter = \";\"", ""), "x.csv", file.as_bytes());
    assert_eq!(refused, None);
    assert_eq!(page.reads.len(), 1);
    assert_eq!(
        page.reads[0].captured_at.to_string(),
        "2026-03-04T06:15:00Z"
    );
    assert_eq!(page.reads[0].captured_zone, ZoneProvenance::Configured);
    let rules: Vec<_> = page
        .rejected
        .iter()
        .map(|r| (r.record.unwrap(), r.rule.as_str()))
        .collect();
    assert_eq!(
        rules,
        [
            (1, "not as many columns as the header"),
            (2, "not a time of this form"),
            (3, "a local time that did not exist"),
            (4, "a local time that came twice"),
        ]
    );
}

#[test]
fn a_csv_file_that_is_not_as_mapped_is_refused() {
    let adapter = csv("", "");
    for (file, field, rule) in [
        ("", "(file)", "no header line"),
        ("id,day,time\n1,2,3\n", "plate", "no such column"),
        (
            "id,day,time,plate,id\n",
            "id",
            "a column that is there twice",
        ),
        ("id,day,time,plate\n", "(file)", "holds no record"),
        (
            "id,day,time,plate\n1,04.03.2026,07:15,TPK0421",
            "(file)",
            "ends without a line end",
        ),
    ] {
        let (_, refused) = dropped(&*adapter, "x.csv", file.as_bytes());
        assert_eq!(refused, Some(Rejection::new(None, field, rule)), "{file}");
    }
    let open = format!("id,day,time,plate\n\"{}", "x".repeat(9 << 20));
    let (_, refused) = dropped(&*adapter, "x.csv", open.as_bytes());
    assert_eq!(refused.unwrap().rule, "a record is longer than 8 MiB");
    let loose = csv("final_newline = false", "");
    let (page, refused) = dropped(
        &*loose,
        "x.csv",
        b"id,day,time,plate\n1,04.03.2026,07:15,TPK0421",
    );
    assert_eq!((page.reads.len(), refused), (1, None));
}

#[test]
fn other_encodings_are_those_the_mapping_names() {
    let file = b"id,day,time,plate\n1,04.03.2026,07:15,\xC4PK0421\n";
    let (page, _) = dropped(&*csv("", ""), "x.csv", file);
    assert_eq!(page.rejected[0].rule, "not UTF-8");
    let (page, _) = dropped(&*csv("encoding = \"windows-1252\"", ""), "x.csv", file);
    assert_eq!(page.reads[0].plate.plate.expose(), "ÄPK0421");
}

#[test]
fn fixed_width_and_json_lines_are_read_line_by_line() {
    let fixed = r#"
mapping = 1
family = "toll"
format = "fixed_width"
[file]
name_ends = ".dat"
[lines]
skip = 1
[records]
skip = [{ at = "1", equals = ["T"] }]
[fields]
record = "2-9"
plate.text = "10-19"
captured_at = { at = "20-33", time = "%Y%m%d%H%M%S", zone = "utc" }
plate.confidence = { at = "34-36", scale = 1000 }
"#;
    let adapter = source(fixed, json!({})).unwrap();
    let file = "HEADER\nD00000001TPK0421   20260304071530930\nD00000002          20260304071531000\nD00000003TPK0422   2026030407\nT00000003\n";
    let (page, refused) = dropped(&*adapter, "reads.dat", file.as_bytes());
    assert_eq!(refused, None);
    assert_eq!((page.reads.len(), page.rejected.len()), (1, 1), "{page:?}");
    assert_eq!(page.reads[0].plate.confidence.unwrap().get(), 0.93);
    assert_eq!(page.reads[0].captured_zone, ZoneProvenance::Format);
    assert_eq!(page.skipped.get("no_plate"), Some(&1));
    assert_eq!(page.skipped.get("not_a_read"), Some(&1));
    let (_, refused) = dropped(&*adapter, "reads.csv", file.as_bytes());
    assert_eq!(refused.unwrap().field, "(name)");

    let lines = webhook("")
        .replace("\"json\"", "\"json_lines\"")
        .replace("[webhook]", "[file]");
    let adapter = source(&lines, json!({})).unwrap();
    let file = format!("{RECORD}\n\n{{\n[]\n{RECORD}\r\n");
    let (page, refused) = dropped(&*adapter, "x.jsonl", file.as_bytes());
    assert_eq!(
        (page.reads.len(), page.rejected.len(), refused),
        (2, 2, None)
    );
}

#[test]
fn a_posted_form_is_one_record() {
    let form = webhook("")
        .replace("\"json\"", "\"form\"")
        .replace("\"/", "\"");
    let adapter = source(&form, json!({})).unwrap();
    let body = "id=7&plate=TPK+0421&at=2026-03-04T07%3A15%3A30Z&driver=CANARY";
    let page = adapter
        .decode(&Message::of("application/x-www-form-urlencoded", body))
        .unwrap()
        .page;
    assert_eq!(page.reads[0].plate.plate.expose(), "TPK0421");
    let page = adapter
        .decode(&Message::of("text/plain", "id=7"))
        .unwrap()
        .page;
    assert_eq!(page.rejected[0].rule, "missing");
}

#[test]
fn without_an_identity_the_content_is_one() {
    let text = webhook("").replace("record = \"/id\"", "record = \"content\"");
    let adapter = source(&text, json!({})).unwrap();
    let id = |body: &str| {
        decoded(&*adapter, body.to_owned())
            .reads
            .pop()
            .unwrap()
            .record
    };
    let spaced = RECORD.replace(',', " , ").replace("\"id\"", "\"unmapped\"");
    assert_eq!(id(RECORD), id(&spaced), "what is not mapped does not count");
    assert_ne!(id(RECORD), id(&RECORD.replace("30.412", "30.413")));
    assert_eq!(id(RECORD).len(), 32);
}

#[test]
fn units_are_as_defined_and_never_guessed() {
    let epoch = |unit: &str| {
        let text = webhook("").replace("rfc3339", unit);
        source(&text, json!({})).unwrap()
    };
    let body = |at: &str| format!(r#"{{"id":"7","plate":"TPK0421","at":{at}}}"#);
    let at = |unit: &str, value: &str| {
        let page = decoded(&*epoch(unit), body(value));
        page.reads.first().map(|read| read.captured_at.to_string())
    };
    assert_eq!(
        at("epoch_ms", "1772608530412").as_deref(),
        Some("2026-03-04T07:15:30.412Z")
    );
    assert_eq!(
        at("epoch_s", "\"1772608530\"").as_deref(),
        Some("2026-03-04T07:15:30Z")
    );
    assert_eq!(at("epoch_s", "1772608530412"), None, "not in this calendar");
    assert_eq!(
        at("epoch_ms", "1772608530").as_deref(),
        Some("1970-01-21T12:23:28.53Z"),
        "as defined"
    );
    for value in ["0", "-5", "true", "{}", "\"soon\"", "1e300"] {
        assert_eq!(at("epoch_s", value), None, "{value}");
    }
}

#[test]
fn images_are_references_below_the_address_of_the_settings() {
    let text = webhook("images.scene = \"/photo\"");
    let with = |photo: &str, settings: Value| {
        let adapter = source(&text, settings).unwrap();
        let body = RECORD.replace('}', &format!(r#","photo":"{photo}"}}"#));
        let read = decoded(&*adapter, body).reads.pop().unwrap();
        (
            read.images.first().map(|image| image.reference.clone()),
            read.quality,
        )
    };
    let base = || json!({ "image_base_url": "https://images.example/lpr" });
    assert_eq!(
        with("https://images.example/lpr/a/1.jpg", base())
            .0
            .as_deref(),
        Some("path:a/1.jpg")
    );
    assert_eq!(
        with("https://other.example/1.jpg", base()),
        (None, vec!["image_elsewhere".to_owned()])
    );
    assert_eq!(with("a/1.jpg", json!({})), (None, vec![]));
}
