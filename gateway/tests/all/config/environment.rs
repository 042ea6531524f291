//! Scalars from the environment.

use std::time::Duration;

use super::{Installation, effective};

#[test]
fn a_variable_beats_the_file_and_the_effective_value_says_so() {
    let installation = Installation::new("[ledger]\ndeadline_ms = 100")
        .variable("TURNPIKE__LEDGER__DEADLINE_MS", "500")
        .variable("TURNPIKE__LISTEN", "127.0.0.1:0");
    let config = installation.config();
    assert_eq!(config.ledger.deadline, Duration::from_millis(500));
    assert_eq!(config.listen.port(), 0);
    assert_eq!(
        effective(&config, "ledger.deadline_ms").origin,
        "environment"
    );
    assert_eq!(effective(&config, "listen").origin, "environment");
    assert_eq!(effective(&config, "ledger.segment_mb").origin, "default");
}

#[test]
fn text_that_looks_like_a_number_stays_text_where_text_belongs() {
    let installation = Installation::new("").variable("TURNPIKE__DATA_DIR", "2026");
    assert_eq!(installation.config().data_dir, installation.path("2026"));
}

#[test]
fn a_wrong_value_names_the_variable_and_not_the_file() {
    let installation = Installation::new("listen = \"127.0.0.1:0\"")
        .variable("TURNPIKE__LISTEN", "")
        .variable("TURNPIKE__LEDGER__DEADLINE_MS", "soon")
        .variable("TURNPIKE__HTTP__MAX_CONNECTIONS", "-1")
        .variable("TURNPIKE__STORE__SWEEP_EVERY_S", "0");
    let mut problems = installation.problems();
    problems.sort();
    assert_eq!(
        problems,
        [
            "environment: `TURNPIKE__HTTP__MAX_CONNECTIONS`: invalid value: integer `-1`, expected u32",
            "environment: `TURNPIKE__LEDGER__DEADLINE_MS`: invalid type: string \"soon\", expected u64",
            "environment: `TURNPIKE__LISTEN`: invalid socket address syntax",
            "environment: `TURNPIKE__STORE__SWEEP_EVERY_S`: must be 1 to 86400",
        ]
    );
}

#[test]
fn a_variable_that_sets_nothing_is_an_error_and_not_ignored() {
    for name in [
        "TURNPIKE__LEDGER__DEADLIN_MS",
        "TURNPIKE__LEDGER",
        "TURNPIKE__SOURCES__0__ID",
        "TURNPIKE__",
    ] {
        let problems = Installation::new("").variable(name, "1").problems();
        let message = "unknown key; lists come from the file only, and docs/configuration.md has the keys that exist";
        assert_eq!(problems, [format!("environment: `{name}`: {message}")]);
    }
}

#[test]
fn one_underscore_where_two_are_needed_is_pointed_out() {
    let problems = Installation::new("")
        .variable("TURNPIKE_LEDGER_DEADLINE_MS", "500")
        .problems();
    assert_eq!(
        problems,
        [
            "environment: `TURNPIKE_LEDGER_DEADLINE_MS`: sets nothing; did you mean `TURNPIKE__LEDGER__DEADLINE_MS`?"
        ]
    );
}

#[test]
fn the_same_key_in_both_cases_is_refused_because_one_would_be_ignored() {
    let installation = Installation::new("")
        .variable("TURNPIKE__LISTEN", "127.0.0.1:0")
        .variable("TURNPIKE__listen", "127.0.0.1:1");
    assert_eq!(
        installation.problems(),
        ["environment: `TURNPIKE__listen`: is set twice, in upper and in lower case"]
    );
}

#[test]
fn other_variables_are_none_of_our_business() {
    let installation = Installation::new("")
        .variable("PATH", "/bin")
        .variable("TURNPIKE_CONFIG", "/etc/turnpike.toml");
    assert!(installation.problems().is_empty());
}
