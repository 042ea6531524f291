//! Crate direction and dependencies.

use toml::{Table, Value};

use crate::tree::root;

const CRATES: [&str; 5] = [
    "schemas",
    "matcher",
    "adapters",
    "gateway",
    "contract-tests",
];

/// What a crate may depend on, of the workspace.
const MAY_USE: [(&str, &[&str]); 5] = [
    ("schemas", &[]),
    ("matcher", &["turnpike-schemas"]),
    ("adapters", &["turnpike-schemas"]),
    (
        "gateway",
        &["turnpike-schemas", "turnpike-matcher", "turnpike-adapters"],
    ),
    (
        "contract-tests",
        &[
            "turnpike-schemas",
            "turnpike-matcher",
            "turnpike-adapters",
            "turnpike-gateway",
        ],
    ),
];

fn manifest(folder: &str) -> Table {
    let path = root().join(folder).join("Cargo.toml");
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}

/// Name and value of every dependency, those for tests and builds included.
fn dependencies(manifest: &Table) -> Vec<(String, Value)> {
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    let tables = kinds
        .iter()
        .filter_map(|kind| manifest.get(*kind)?.as_table());
    let named = |table: &Table| {
        let entries = table
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()));
        entries.collect::<Vec<_>>()
    };
    tables.flat_map(named).collect()
}

#[test]
fn crates_depend_in_one_direction() {
    for (folder, may_use) in MAY_USE {
        for (name, _) in dependencies(&manifest(folder)) {
            let ours = name.starts_with("turnpike-");
            assert!(
                !ours || may_use.contains(&&*name),
                "{folder} depends on {name}"
            );
        }
    }
}

#[test]
fn the_members_are_these_crates() {
    let workspace = manifest(".");
    let members = workspace["workspace"]["members"].as_array().unwrap();
    let members: Vec<_> = members.iter().filter_map(Value::as_str).collect();
    assert_eq!(members, CRATES);
}

#[test]
fn every_dependency_comes_from_the_workspace_table() {
    for folder in CRATES {
        let dependencies = dependencies(&manifest(folder));
        assert!(!dependencies.is_empty(), "{folder}");
        for (name, value) in dependencies {
            let shared = value.get("workspace").and_then(Value::as_bool);
            assert_eq!(shared, Some(true), "{folder}: {name}");
        }
    }
}

#[test]
fn every_crate_keeps_the_lints_of_the_workspace() {
    for folder in CRATES {
        let lints = manifest(folder)["lints"]["workspace"].as_bool();
        assert_eq!(lints, Some(true), "{folder}");
    }
    let lints = manifest(".")["workspace"]["lints"]["rust"]["unsafe_code"].clone();
    assert_eq!(lints.as_str(), Some("forbid"));
}
