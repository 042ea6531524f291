//! `docs/configuration.md` and `docs/agreements.md` tell the truth.

use turnpike_schemas::{
    agreement::{Action, Field, OrganisationClass, Role, Rule},
    query::Purpose,
};

use super::Installation;

const DOCUMENT: &str = include_str!("../../../../docs/configuration.md");

/// The example marked as complete.
fn example() -> &'static str {
    let (_, rest) = DOCUMENT.split_once("## A complete example").unwrap();
    let (_, rest) = rest.split_once("```toml\n").unwrap();
    rest.split_once("\n```").unwrap().0
}

fn installation() -> Installation {
    Installation::new(example())
        .signed_agreement("state-police")
        .signed_agreement("state-tolls")
        .signed_agreement("far-tolls")
        .signed_agreement("north-gate")
        .signed_agreement("town-cameras")
        .variable("FAR_TOLLS_PASSWORD", "hush")
        .variable("NORTH_GATE_USER", "gateway")
        .variable("NORTH_GATE_PASSWORD", "hush")
        .variable("STATE_POLICE_CLIENT_ID", "an id")
        .file("secrets/state-police", "hush")
}

#[test]
fn the_complete_example_loads() {
    let config = installation().config();
    let ids: Vec<&str> = config
        .sources
        .iter()
        .map(|source| source.entry.id)
        .collect();
    assert_eq!(ids, ["flock", "niop", "niop", "frigate", "rekor"]);
    assert_eq!(config.users.len(), 2);
}

#[test]
fn the_complete_example_writes_every_scalar_key_and_its_default() {
    let written = installation().config();
    let defaults = Installation::new("").config();
    for (written, default) in written.effective.iter().zip(&defaults.effective) {
        assert_eq!(written.key, default.key);
        assert_ne!(
            written.origin, "default",
            "`{}` is not in the example",
            written.key
        );
        assert_eq!(
            written.value, default.value,
            "`{}` is not the default",
            written.key
        );
    }
}

#[test]
fn every_scalar_key_has_a_row_with_its_default_and_its_variable() {
    for effective in Installation::new("").config().effective {
        let row = DOCUMENT
            .lines()
            .find(|line| line.starts_with(&format!("| `{}` |", effective.key)));
        let row = row.unwrap_or_else(|| panic!("`{}` has no row", effective.key));
        let default = effective.value.trim_matches('"');
        assert!(
            row.contains(&format!("`{default}`")),
            "the row of `{}` lacks `{default}`",
            effective.key
        );
        let variable = format!(
            "TURNPIKE__{}",
            effective.key.to_uppercase().replace('.', "__")
        );
        assert!(
            row.contains(&variable),
            "the row of `{}` lacks `{variable}`",
            effective.key
        );
    }
}

#[test]
fn every_adapter_is_named() {
    for entry in turnpike_adapters::registry::ADAPTERS {
        assert!(
            DOCUMENT.contains(&format!("`{}`", entry.id)),
            "`{}` is not described",
            entry.id
        );
        let example: toml::Table = entry.example.parse().unwrap();
        let example = serde_json::to_value(example).unwrap();
        let optional = entry.optional_secrets.iter().map(|name| (*name).to_owned());
        let wanted = entry.secrets.under(&example).unwrap();
        for secret in wanted.into_iter().chain(optional) {
            assert!(
                DOCUMENT.contains(&format!("`{secret}`")),
                "secret `{secret}` is not described"
            );
        }
    }
}

/// Serialized words in backticks, as documents and answers write them.
fn words<T: serde::Serialize>(all: &[T]) -> Vec<String> {
    let written = |value| {
        serde_json::to_value(value)
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned()
    };
    all.iter()
        .map(|value| format!("`{}`", written(value)))
        .collect()
}

#[test]
fn the_page_on_agreements_knows_every_word_of_an_agreement() {
    let page = include_str!("../../../../docs/agreements.md");
    let words = [
        words(&Rule::ALL),
        words(&Purpose::ALL),
        words(&Field::ALL),
        words(&Action::ALL),
        words(&Role::ALL),
        words(&OrganisationClass::ALL),
    ];
    for word in words.concat() {
        assert!(page.contains(&word), "{word} is not explained");
    }
}

#[test]
fn the_rules_are_listed_in_the_order_in_which_they_are_tried() {
    let page = include_str!("../../../../docs/agreements.md");
    let listed = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let known = Rule::ALL.map(Rule::as_str);
    let rules: Vec<&str> = listed
        .map(|(word, _)| word)
        .filter(|word| known.contains(word))
        .collect();
    assert_eq!(rules, known);
}
