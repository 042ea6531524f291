//! Every preset loads and reads its fixture.

use turnpike_schemas::read::{Observation, ReadKind};

use super::*;

fn only(mut page: Page) -> Observation {
    assert!(page.rejected.is_empty(), "{page:?}");
    assert_eq!(page.reads.len(), 1, "{page:?}");
    page.reads.remove(0)
}

fn preset(name: &str, more: Value) -> Value {
    let mut settings = json!({ "mapping": { "preset": name } });
    if let (Some(settings), Some(more)) = (settings.as_object_mut(), more.as_object()) {
        settings.extend(more.clone());
    }
    settings
}

fn zoned(name: &str) -> Value {
    preset(name, json!({ "zone": "Europe/Madrid", "full_scale": 1000 }))
}

#[test]
fn the_list_is_sorted_and_every_preset_has_a_fixture() {
    let names: Vec<&str> = super::super::presets::PRESETS
        .iter()
        .map(|(name, _)| *name)
        .collect();
    assert!(names.is_sorted());
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/declarative/fixtures");
    let files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for name in names {
        assert!(files.iter().any(|file| file.starts_with(name)), "{name}");
    }
}

#[test]
fn repossession_sightings_over_rest() {
    let settings = preset(
        "repo-rest",
        json!({ "base_url": "https://api.sightings.example/v1", "token_url": "https://login.sightings.example/token", "image_base_url": "https://images.sightings.example" }),
    );
    let page = ENTRY.saved_answer.unwrap()(&settings, include_bytes!("../fixtures/repo-rest.json"))
        .unwrap();
    let [first, second] = page.reads.as_slice() else {
        panic!("{page:?}")
    };
    assert_eq!(first.plate.jurisdiction.as_ref().unwrap().as_str(), "US-NJ");
    assert_eq!(first.plate.confidence.unwrap().get(), 0.93);
    assert_eq!(
        (first.place.lat, first.place.camera.as_deref()),
        (Some(40.0), Some("CAR-7"))
    );
    assert_eq!(first.vehicle.make.as_ref().unwrap().value, "Volvo");
    assert_eq!(first.vehicle.colour, None, "`No Data` is not a colour");
    assert_eq!(first.images[0].reference, "path:2026/s-42.jpg");
    assert!(second.retracted && second.revision == 2);
    assert_eq!(
        (second.place.lat, &second.plate.jurisdiction),
        (None, &None)
    );
}

#[test]
fn repossession_sightings_as_csv() {
    let adapter = build(&preset("repo-csv", json!({}))).unwrap();
    let (page, refused) = dropped(
        &*adapter,
        "s.csv",
        include_bytes!("../fixtures/repo-csv.csv"),
    );
    assert_eq!(
        (page.reads.len(), page.rejected.len(), refused),
        (2, 0, None),
        "{page:?}"
    );
    assert!(page.reads[1].retracted);
    assert_eq!(page.reads[1].plate.confidence, None);
}

#[test]
fn an_elsag_dump_needs_its_zone() {
    assert!(
        build(&preset("elsag-csv", json!({})))
            .unwrap_err()
            .to_string()
            .contains("setting `zone`")
    );
    let adapter = build(&preset("elsag-csv", json!({ "zone": "Etc/UTC" }))).unwrap();
    let (page, refused) = dropped(
        &*adapter,
        "reads.csv",
        include_bytes!("../fixtures/elsag-csv.csv"),
    );
    assert_eq!((refused, page.skipped.get("no_plate")), (None, Some(&1)));
    let read = only(page);
    assert_eq!(read.captured_at.to_string(), "2026-03-04T07:15:30.413Z");
    assert_eq!(read.record, "900042");
    assert_eq!(adapter.info().family, Family::Police);
}

#[test]
fn parking_rights_are_rights() {
    let settings = preset(
        "parkmobile-rights",
        json!({ "base_url": "https://api.parkmobile.example" }),
    );
    assert_eq!(
        ENTRY.secrets.under(&settings).unwrap(),
        ["username", "password", "api_key"]
    );
    let page = ENTRY.saved_answer.unwrap()(
        &settings,
        include_bytes!("../fixtures/parkmobile-rights.json"),
    )
    .unwrap();
    let read = only(page);
    assert_eq!(read.kind, ReadKind::Right);
    assert_eq!(read.captured_at.to_string(), "2026-03-04T08:15:30.412Z");
    assert_eq!(read.captured_offset_s, Some(-18_000));
    assert_eq!(read.record, "900042");
    assert!(read.revision > 0);
    assert_eq!(
        read.extra.get("product").map(String::as_str),
        Some("Hourly")
    );
    assert_eq!(read.extra.get("space"), None);
    assert!(
        !format!("{:?}", read.extra).contains("2.5"),
        "money is not taken"
    );
}

#[test]
fn tag_messages_of_cameras() {
    let adapter = build(&zoned("tattile-xml")).unwrap();
    let body = &include_bytes!("../fixtures/tattile-xml.xml")[..];
    let read = only(adapter.decode(&Message::of("text/xml", body)).unwrap().page);
    assert_eq!(read.captured_at.to_string(), "2026-03-04T07:15:30.412Z");
    assert_eq!(read.plate.jurisdiction.unwrap().as_str(), "ES");
    assert_eq!(read.plate.confidence.unwrap().get(), 0.93);
    assert_eq!(read.place.lane.as_deref(), Some("1"));
    assert_eq!(
        read.extra.get("direction").map(String::as_str),
        Some("GOAWAY")
    );

    let adapter = build(&preset(
        "nedap-xml",
        json!({ "zone": "Europe/Amsterdam", "full_scale": 100 }),
    ))
    .unwrap();
    let body = &include_bytes!("../fixtures/nedap-xml.xml")[..];
    let read = only(adapter.decode(&Message::of("text/xml", body)).unwrap().page);
    assert_eq!(read.record, "20990002/421/2026-03-04");
    assert_eq!(read.plate.jurisdiction.unwrap().as_str(), "NL");

    let adapter = build(&zoned("tattile-csv")).unwrap();
    let (page, refused) = dropped(
        &*adapter,
        "t.csv",
        include_bytes!("../fixtures/tattile-csv.csv"),
    );
    assert_eq!((refused, page.skipped.get("not_a_read")), (None, Some(&1)));
    let read = only(page);
    assert_eq!(read.record, "20990001/421/2026-03-04");
    assert_eq!(read.vehicle.class.unwrap().value, "CAR");
}
