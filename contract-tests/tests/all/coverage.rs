//! Each registered adapter has all that an adapter must have.

use std::{collections::BTreeSet, io::Cursor};

use serde_json::Value;
use turnpike_adapters::adapter::{Adapter, Disposition, Message, Page};
use turnpike_adapters::registry::{ADAPTERS, Entry, Sample};
use turnpike_contract_tests::kit::CHECKS;
use turnpike_contract_tests::sim::SIMS;

use crate::tree::{adapter_folder, root};

fn registered() -> BTreeSet<&'static str> {
    ADAPTERS.iter().map(|entry| entry.id).collect()
}

#[test]
fn adapters_and_simulators_are_the_same_list() {
    let sims: BTreeSet<_> = SIMS.iter().map(|sim| sim.adapter).collect();
    assert_eq!(sims, registered());
    assert_eq!(ADAPTERS.len(), registered().len(), "an id is used twice");
    for sim in SIMS {
        let variants: BTreeSet<_> = sim.benches.iter().map(|bench| bench.variant).collect();
        assert!(!variants.is_empty(), "{}: no bench", sim.adapter);
        assert_eq!(
            sim.benches.len(),
            variants.len(),
            "{}: two benches are the same",
            sim.adapter
        );
    }
}

#[test]
fn every_example_builds_and_every_sample_decodes_under_it() {
    for entry in ADAPTERS {
        let id = entry.id;
        let built = |example: &str| {
            let settings: toml::Table = example.parse().unwrap();
            let settings = serde_json::to_value(settings).unwrap();
            let adapter = (entry.build)(&settings).unwrap_or_else(|error| panic!("{id}: {error}"));
            (settings, adapter)
        };
        built(entry.example);
        assert!(!entry.samples.is_empty(), "{id}: no sample");
        for sample in entry.samples {
            let (settings, adapter) = built(sample.example.unwrap_or(entry.example));
            let page = decoded(entry, &settings, &*adapter, sample);
            assert!(
                !page.reads.is_empty(),
                "{id}: {} holds no read",
                sample.name
            );
            assert!(page.rejected.is_empty(), "{id}: {}", sample.name);
        }
    }
}

fn decoded(entry: &Entry, settings: &Value, adapter: &dyn Adapter, sample: &Sample) -> Page {
    let can = adapter.info().capabilities;
    let mut page = Page::default();
    if can.push || can.subscribe {
        let message = Message {
            content_type: Some(sample.content_type.to_owned()),
            topic: sample.topic.map(str::to_owned),
            body: bytes::Bytes::from_static(sample.bytes),
        };
        page = adapter.decode(&message).unwrap().page;
    } else if can.file {
        let mut file = Cursor::new(sample.bytes);
        let verdict = adapter.decode_file(sample.name, &mut file, &mut |item| {
            page.push(item);
            Ok(())
        });
        assert_eq!(verdict.unwrap().disposition, Disposition::Accepted);
    } else {
        page = entry.saved_answer.unwrap()(settings, sample.bytes).unwrap();
    }
    page
}

#[test]
fn every_adapter_has_a_folder_with_a_readme_and_fixtures() {
    for id in registered() {
        let folder = adapter_folder(id);
        let readme = std::fs::read_to_string(root().join(&folder).join("README.md")).unwrap();
        assert!(
            readme.contains(id) && readme.len() > 500,
            "{id}: README.md says too little"
        );
        let fixtures = root().join(&folder).join("fixtures");
        let fixtures = std::fs::read_dir(&fixtures).unwrap();
        let names = fixtures.map(|entry| entry.unwrap().file_name());
        let fixtures = names
            .filter(|name| !name.to_string_lossy().ends_with(".md"))
            .count();
        assert!(fixtures > 0, "{id}: no fixture");
    }
}

#[test]
fn every_settings_key_named_secret_is_documented_beside_the_adapter() {
    for entry in ADAPTERS {
        let readme = root().join(adapter_folder(entry.id)).join("README.md");
        let readme = std::fs::read_to_string(readme).unwrap();
        for secret in secrets(entry) {
            assert!(
                readme.contains(&format!("`{secret}`")),
                "{}: {secret}",
                entry.id
            );
        }
    }
}

/// The secrets of the example.
fn secrets(entry: &Entry) -> Vec<String> {
    let settings: toml::Table = entry.example.parse().unwrap();
    let settings = serde_json::to_value(settings).unwrap();
    entry.secrets.under(&settings).unwrap()
}

#[test]
fn the_kit_has_many_checks_and_each_is_a_sentence_of_its_own() {
    let names: BTreeSet<_> = CHECKS.iter().map(|check| check.name).collect();
    assert_eq!(names.len(), CHECKS.len(), "two checks share a name");
    assert!(CHECKS.len() >= 40, "{}", CHECKS.len());
    for name in names {
        assert!(name.split('_').count() >= 3, "{name} is no sentence");
    }
}
