//! Taking reads in, as vendors deliver them: pushed messages, dropped and fetched files, brokers and polls, good and bad.

mod corrections;
mod fetching;
mod files;
mod listening;
mod pictures;
mod pushes;
mod webhooks;

use std::collections::BTreeMap;

use serde_json::Value;

use super::installation::{Installation, files_under, read};

/// Lines of a source's quarantine as `field: rule`, counted. A line holds place, field, rule and digest, and nothing else.
fn quarantined(installation: &Installation, source: &str) -> BTreeMap<String, usize> {
    let folder = installation
        .world
        .folder()
        .join("data/quarantine")
        .join(source);
    let mut rules = BTreeMap::new();
    if !folder.exists() {
        return rules;
    }
    for line in files_under(&folder)
        .iter()
        .map(|file| read(file))
        .collect::<String>()
        .lines()
    {
        assert!(!line.contains("TPK") && !line.contains("TPX"), "{line}");
        let line: Value = serde_json::from_str(line).unwrap();
        let fields = line.as_object().unwrap();
        for field in fields.keys() {
            let known = ["at", "payload_sha256", "index", "record", "field", "rule"];
            assert!(known.contains(&field.as_str()), "{field}");
        }
        let what = format!(
            "{}: {}",
            fields["field"].as_str().unwrap(),
            fields["rule"].as_str().unwrap()
        );
        *rules.entry(what).or_insert(0) += 1;
    }
    rules
}

async fn held(installation: &Installation, source: &str) -> u64 {
    let token = installation.token("investigator");
    installation.gateway.held(token).await.unwrap()[source]
}
