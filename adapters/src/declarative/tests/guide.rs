//! The walk of the guide: its mapping is at most 40 lines, loads, and reads the answer beside it.

use super::*;

const GUIDE: &str = include_str!("../../../../docs/adding-a-source.md");

/// The first block of a language that holds `word`.
fn block(language: &str, word: &str) -> String {
    GUIDE
        .split("```")
        .skip(1)
        .step_by(2)
        .filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n'))
        .find(|block| block.contains(word))
        .unwrap()
        .to_owned()
}

fn settings(mapping: &str) -> Value {
    let configuration: toml::Table = block("toml", "[[sources]]").parse().unwrap();
    let source = &configuration["sources"][0];
    let mut settings = serde_json::to_value(&source["settings"]).unwrap();
    let named = settings["mapping"].as_object_mut().unwrap();
    assert_eq!(named["file"], "larkspur.toml");
    named.insert("text".to_owned(), json!(mapping));
    settings
}

#[test]
fn the_mapping_of_the_guide_reads_the_answer_of_the_guide() {
    let mapping = block("toml", "mapping = 1");
    assert!(
        mapping.lines().count() <= 40,
        "{} lines",
        mapping.lines().count()
    );
    let configuration: toml::Table = block("toml", "[[sources]]").parse().unwrap();
    let secrets = configuration["sources"][0]["secrets"].as_table().unwrap();
    let named = ENTRY.secrets.under(&settings(&mapping)).unwrap();
    assert!(named.iter().eq(secrets.keys()));
    let answer = block("json", "arrivals");
    let page = ENTRY.saved_answer.unwrap()(&settings(&mapping), answer.as_bytes()).unwrap();
    let [read] = page.reads.as_slice() else {
        panic!("{page:?}");
    };
    assert_eq!(
        (read.record.as_str(), read.revision, read.retracted),
        ("9014", 2, false)
    );
    assert_eq!(read.plate.plate.expose(), "TPK0421");
    assert_eq!(read.plate.jurisdiction.as_ref().unwrap().as_str(), "US-OH");
    assert_eq!(read.plate.confidence.unwrap().get(), 0.93);
    assert_eq!(read.captured_at.to_string(), "2026-03-04T12:15:30Z");
    assert_eq!(read.place.site.as_deref(), Some("Harbor Garage"));
    assert_eq!((read.place.lat, read.place.lon), (Some(41.5), Some(-81.25)));
    assert_eq!(read.quality, Vec::<String>::new());
    assert!(
        !serde_json::to_string(read)
            .unwrap()
            .contains("not ours to know")
    );
}

#[test]
fn what_the_guide_says_of_mistakes_is_what_is_said() {
    let mapping = block("toml", "mapping = 1");
    let said = |from: &str, to: &str| {
        let changed = mapping.replacen(from, to, 1);
        assert_ne!(changed, mapping, "{from}");
        build(&settings(&changed)).unwrap_err().to_string()
    };
    let zone = said(", zone = \"configured\"", "");
    for message in [
        said("lpn = \"{plate}\", ", ""),
        said("record = \"/id\"", "record = \"id\""),
        said("header = ", "api_key = \"k3y\"\nheader = "),
        zone.clone(),
    ] {
        let line = message.lines().next().unwrap();
        let words = line.splitn(3, ": ").nth(2).unwrap();
        let known = GUIDE.contains(words) || GUIDE.contains(words.get(..30).unwrap());
        assert!(known, "{message}");
    }
    assert!(
        GUIDE.contains(
            zone.lines()
                .next()
                .unwrap()
                .trim_start_matches("mapping: ")
                .split(": a time")
                .next()
                .unwrap()
        ),
        "{zone}"
    );
}

#[test]
fn every_preset_is_in_the_guide() {
    for (name, _) in super::super::presets::PRESETS {
        assert!(GUIDE.contains(&format!("`{name}`")), "{name}");
    }
}
