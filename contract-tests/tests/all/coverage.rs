//! Each registered adapter has all that an adapter must have.

use std::collections::BTreeSet;

use turnpike_adapters::registry::ADAPTERS;
use turnpike_contract_tests::kit::{BENCHES, CHECKS};
use turnpike_contract_tests::sim::SIMS;

use crate::tree::{files, root};

fn registered() -> BTreeSet<&'static str> {
    ADAPTERS.iter().map(|entry| entry.id).collect()
}

#[test]
fn adapters_simulators_and_benches_are_the_same_list() {
    let sims: BTreeSet<_> = SIMS.iter().map(|sim| sim.adapter).collect();
    let benches: BTreeSet<_> = BENCHES.iter().map(|bench| bench.adapter).collect();
    assert_eq!(sims, registered());
    assert_eq!(benches, registered());
    assert_eq!(ADAPTERS.len(), registered().len(), "an id is used twice");
    assert_eq!(BENCHES.len(), benches.len(), "a bench is listed twice");
}

#[test]
fn every_adapter_has_a_folder_with_a_readme_and_fixtures() {
    for id in registered() {
        let folder = format!("adapters/src/{id}");
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
fn every_adapter_that_decodes_has_a_fuzz_target() {
    for entry in ADAPTERS {
        let targets: Vec<_> = files("fuzz/fuzz_targets", &[".rs"])
            .into_iter()
            .filter(|file| file.path.contains(&format!("/{}_", entry.id)))
            .collect();
        assert!(
            !targets.is_empty(),
            "{}: no target in fuzz/fuzz_targets",
            entry.id
        );
        let manifest = std::fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
        for target in targets {
            let path = target.path.trim_start_matches("fuzz/");
            assert!(
                manifest.contains(path),
                "{path} is not built: fuzz/Cargo.toml"
            );
        }
    }
}

#[test]
fn every_settings_key_named_secret_is_documented_beside_the_adapter() {
    for entry in ADAPTERS {
        let readme = root().join(format!("adapters/src/{}/README.md", entry.id));
        let readme = std::fs::read_to_string(readme).unwrap();
        for secret in entry.secrets {
            assert!(
                readme.contains(&format!("`{secret}`")),
                "{}: {secret}",
                entry.id
            );
        }
    }
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
