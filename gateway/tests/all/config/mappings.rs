//! Files that settings name reach the adapter as text, and what is wrong in them is told by file, line and column.

use super::Installation;

const MAPPING: &str = r#"mapping = 1
family = "parking"
format = "json"
[request]
path = "/arrivals"
query = { lpn = "{plate}" }
headers = { X-Lots-Key = { secret = "lots_key" } }
[records]
at = "/arrivals"
[fields]
record = "/id"
plate.text = "/lpn"
captured_at = { at = "/at", time = "rfc3339" }
"#;

fn mapped(mapping: &str, rest: &str) -> Installation {
    let text = format!(
        r#"
[[sources]]
id = "larkspur-lots"
adapter = "declarative"
agreement = "agreements/larkspur-lots.toml"
{rest}

[sources.settings]
mapping = {{ file = "mappings/lots.toml" }}
base_url = "https://api.larkspur.example/v2"
"#
    );
    Installation::with_people(&text)
        .agreement("larkspur-lots")
        .file("mappings/lots.toml", mapping)
        .variable("LOTS_KEY", "hush")
}

const KEY: &str = "secrets = { lots_key = { env = \"LOTS_KEY\" } }";

#[test]
fn a_mapping_is_read_beside_the_configuration_and_names_its_secrets() {
    let config = mapped(MAPPING, KEY).config();
    let source = config.sources.first().unwrap();
    let hosts: Vec<_> = source
        .hosts
        .iter()
        .filter_map(|url| url.host_str())
        .collect();
    assert_eq!(hosts, ["api.larkspur.example"]);
    assert_eq!(
        mapped(MAPPING, "").problems(),
        [
            "turnpike.toml: `sources[0].secrets.lots_key`: is required: `{ env = \"NAME\" }` or `{ file = \"path\" }`"
        ]
    );
    let other = mapped(
        MAPPING,
        "secrets = { lots_key = { env = \"LOTS_KEY\" }, api_key = { env = \"LOTS_KEY\" } }",
    );
    assert_eq!(
        other.problems(),
        ["turnpike.toml: `sources[0].secrets.api_key`: is not a secret of adapter `declarative`"]
    );
}

#[test]
fn what_is_wrong_in_a_mapping_is_told_with_file_line_and_column() {
    let wrong = MAPPING
        .replace("\"/id\"", "\"id\"")
        .replace("rfc3339", "whenever");
    let problems = mapped(&wrong, KEY).problems();
    let [problem] = problems.as_slice() else {
        panic!("{problems:#?}");
    };
    assert!(problem.contains("`sources[0].settings`"), "{problem}");
    for place in ["mappings/lots.toml:11:10: ", "mappings/lots.toml:13:36: "] {
        assert!(problem.contains(place), "{problem}");
    }
}

#[test]
fn a_mapping_that_is_not_there_or_no_text_is_a_problem_of_the_settings() {
    let missing = mapped(MAPPING, KEY);
    std::fs::remove_file(missing.path("mappings/lots.toml")).unwrap();
    let problems = missing.problems();
    assert!(
        problems[0].contains("mappings/lots.toml cannot be read"),
        "{problems:?}"
    );
    let large = "#".repeat((1 << 20) + 1);
    let problems = mapped(&large, KEY).problems();
    assert!(problems[0].contains("larger than 1 MiB"), "{problems:?}");
}

#[test]
fn what_a_source_can_do_is_what_its_mapping_says() {
    let pushed = mapped(
        MAPPING,
        &format!("{KEY}\npush = {{ token_sha256 = \"{}\" }}", "0".repeat(64)),
    );
    let problems = pushed.problems();
    assert!(
        problems
            .iter()
            .any(|problem| problem.contains("adapter `declarative` takes no pushed messages")),
        "{problems:?}"
    );
}
