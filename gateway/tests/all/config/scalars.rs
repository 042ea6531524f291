//! Values, defaults, ranges, and where each came from.

use std::time::Duration;

use turnpike_gateway::config::LogFormat;

use super::{Installation, effective};

#[test]
fn an_empty_file_is_a_configuration_of_defaults() {
    let installation = Installation::new("");
    let config = installation.config();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.log_format, LogFormat::Json);
    assert_eq!(config.ledger.deadline, Duration::from_millis(250));
    assert!(
        config
            .effective
            .iter()
            .all(|effective| effective.origin == "default")
    );
    assert!(config.sources.is_empty() && config.users.is_empty());
}

#[test]
fn a_path_is_relative_to_the_folder_of_the_file() {
    let installation = Installation::new("data_dir = \"var/turnpike\"");
    assert_eq!(
        installation.config().data_dir,
        installation.path("var/turnpike")
    );
}

#[test]
fn an_effective_value_says_which_file_it_came_from() {
    let installation = Installation::new("[ledger]\nsegment_mb = 8");
    let config = installation.config();
    let file = installation.path("turnpike.toml").display().to_string();
    assert_eq!(effective(&config, "ledger.segment_mb").value, "8");
    assert_eq!(effective(&config, "ledger.segment_mb").origin, file);
    assert_eq!(effective(&config, "ledger.deadline_ms").origin, "default");
    assert_eq!(config.ledger.segment_bytes, 8 * 1024 * 1024);
}

#[test]
fn every_problem_is_reported_at_once_with_file_and_key() {
    let installation = Installation::new(
        r#"
version = 2
listen = "everywhere"
colour = "blue"
log = { level = "info", shape = "round" }

[ledger]
deadline_ms = "soon"
segment_mb = 0

[http]
max_connections = 0
max_header_kb = 4

[store]
sweep_every_s = 0

[[users]]
subject = "dana"
organisation = "nobody"
roles = []
token_sha256 = "abc"
"#,
    );
    let mut problems = installation.problems();
    problems.sort();
    assert_eq!(
        problems,
        [
            "turnpike.toml: `colour`: unknown key; see docs/configuration.md for those that exist",
            "turnpike.toml: `http.max_connections`: must be 1 or more",
            "turnpike.toml: `http.max_header_kb`: must be 8 to 1024",
            "turnpike.toml: `ledger.deadline_ms`: invalid type: string \"soon\", expected u64",
            "turnpike.toml: `ledger.segment_mb`: must be 1 to 4096",
            "turnpike.toml: `listen`: invalid socket address syntax",
            "turnpike.toml: `log.shape`: unknown key; see docs/configuration.md for those that exist",
            "turnpike.toml: `store.sweep_every_s`: must be 1 to 86400",
            "turnpike.toml: `users[0].organisation`: is not one of `organisations`",
            "turnpike.toml: `users[0].roles`: must name at least one role",
            "turnpike.toml: `users[0].token_sha256`: must be the SHA-256 of the token, 64 hexadecimal digits: \
             `turnpike token` makes both",
            "turnpike.toml: `version`: this turnpike reads version 1",
        ]
    );
}

#[test]
fn a_syntax_error_is_shown_with_its_line() {
    let problems = Installation::new("listen = \"127.0.0.1:0\"\nledger = = 5\n").problems();
    let [problem] = problems.as_slice() else {
        panic!("{problems:?}")
    };
    assert!(problem.contains("line 2, column 10"), "{problem}");
    assert!(problem.contains("ledger = = 5"), "{problem}");
}

#[test]
fn a_value_where_a_table_belongs_is_named_without_hiding_the_rest() {
    let problems = Installation::new("ledger = 5\nlimits = { user_per_minute = 0 }").problems();
    assert_eq!(
        problems,
        [
            "turnpike.toml: `ledger`: invalid type: integer `5`, expected a table",
            "turnpike.toml: `limits.user_per_minute`: must be 1 or more",
        ]
    );
}

#[test]
fn a_list_written_as_one_table_is_refused_with_the_right_spelling() {
    let problems = Installation::new("[sources]\nid = \"state-police\"").problems();
    assert_eq!(
        problems,
        ["turnpike.toml: `sources`: must be a list of tables: write `[[sources]]`"]
    );
}

#[test]
fn a_file_that_does_not_exist_is_one_problem() {
    let installation = Installation::new("");
    std::fs::remove_file(installation.path("turnpike.toml")).unwrap();
    let problems = installation.problems();
    let [problem] = problems.as_slice() else {
        panic!("{problems:?}")
    };
    assert!(
        problem.starts_with("turnpike.toml: cannot be read: "),
        "{problem}"
    );
}

#[test]
fn a_log_filter_that_means_nothing_is_refused() {
    let problems = Installation::new("[log]\nlevel = \"turnpike_gateway=loud\"").problems();
    let [problem] = problems.as_slice() else {
        panic!("{problems:?}")
    };
    assert!(
        problem.starts_with("turnpike.toml: `log.level`: "),
        "{problem}"
    );
}

#[test]
fn the_cjis_profile_refuses_to_keep_the_ledger_for_less_than_a_year() {
    let with = |profile: &str, days: u32| {
        let text = format!("profile = \"{profile}\"\n[ledger]\nretention_days = {days}");
        Installation::new(&text).load()
    };
    assert!(with("cjis", 365).is_ok() && with("standard", 364).is_ok());
    let problems = with("cjis", 364).unwrap_err();
    assert_eq!(problems.len(), 1);
    let problem = problems[0].to_string();
    assert!(
        problem.ends_with("`ledger.retention_days`: must be 365 or more with profile `cjis`"),
        "{problem}"
    );
}

#[test]
fn keys_lie_beside_the_ledger_unless_told_otherwise_and_lost_ones_are_named() {
    let config = Installation::new("data_dir = \"elsewhere\"").config();
    assert_eq!(
        config.ledger.keys,
        Some(config.data_dir.join("ledger-keys"))
    );
    let config =
        Installation::new("[ledger]\nkeys_dir = \"/keys\"\nlost_keys = [\"2026-03.1f3a9c02\"]");
    let config = config.config();
    assert_eq!(config.ledger.keys, Some("/keys".into()));
    assert_eq!(config.ledger.lost_keys.len(), 1);
    let problems = Installation::new("[ledger]\nlost_keys = [\"march\"]")
        .load()
        .unwrap_err();
    assert!(problems[0].to_string().contains("ledger.lost_keys"));
}
