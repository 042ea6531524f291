//! Secrets come by reference and are never shown.

use std::{sync::Arc, time::Instant};

use turnpike_adapters::context::{Context, NoTransport, SystemClock};
use turnpike_gateway::config::{Source, TokenHash};

use super::Installation;

/// A live source whose `secrets` table is `secrets`.
fn live(secrets: &str) -> Installation {
    let text = format!(
        r#"
[[sources]]
id = "state-police"
adapter = "flock"
agreement = "agreements/state-police.toml"

[sources.settings]
base_url = "https://api.vendor.example/v3"
token_url = "https://login.vendor.example/oauth/token"
audience = "https://api.vendor.example"

[sources.secrets]
{secrets}
"#
    );
    Installation::with_people(&text).agreement("state-police")
}

fn secret(source: &Source, name: &str) -> String {
    let transport = Arc::new(NoTransport);
    let secrets = Arc::clone(&source.secrets);
    let ctx = Context::new(transport, Arc::new(SystemClock), secrets, Instant::now());
    ctx.secret(name).unwrap().expose().to_owned()
}

#[test]
fn a_secret_is_read_from_the_environment_or_from_a_file() {
    let installation =
        live("client_id = { env = \"POLICE_ID\" }\nclient_secret = { file = \"secrets/police\" }")
            .variable("POLICE_ID", "an id")
            .file("secrets/police", "hush\n");
    let config = installation.config();
    let source = config.sources.first().unwrap();
    assert_eq!(secret(source, "client_id"), "an id");
    assert_eq!(secret(source, "client_secret"), "hush");
    let shown = format!("{config:?}");
    assert!(
        !shown.contains("an id") && !shown.contains("hush"),
        "{shown}"
    );
}

#[test]
fn a_secret_written_into_the_file_is_refused_and_not_repeated() {
    let reference = "must be a reference, never the secret itself: `{ env = \"NAME\" }` or `{ file = \"path\" }`";
    for inline in [
        "\"hush-hush\"",
        "12345",
        "[\"hush-hush\"]",
        "{ value = \"hush-hush\" }",
        "{ env = \"POLICE_ID\", value = \"hush-hush\" }",
        "{ env = \"POLICE_ID\", file = \"secrets/police\" }",
        "{}",
    ] {
        let secrets = format!("client_id = {{ env = \"POLICE_ID\" }}\nclient_secret = {inline}");
        let problems = live(&secrets).variable("POLICE_ID", "an id").problems();
        let expected = format!("turnpike.toml: `sources[0].secrets.client_secret`: {reference}");
        assert_eq!(problems, [expected], "{inline}");
    }
}

#[test]
fn a_secret_that_is_missing_empty_or_unknown_is_named_with_what_to_do() {
    let installation = live("client_id = { env = \"POLICE_ID\" }\nkey = { file = \"nothing\" }");
    let reference = "`{ env = \"NAME\" }` or `{ file = \"path\" }`";
    assert_eq!(
        installation.problems(),
        [
            format!("turnpike.toml: `sources[0].secrets.client_secret`: is required: {reference}"),
            "turnpike.toml: `sources[0].secrets.client_id`: environment variable `POLICE_ID` is not set".to_owned(),
            "turnpike.toml: `sources[0].secrets.key`: is not a secret of adapter `flock`".to_owned(),
        ]
    );
    let installation =
        live("client_id = { env = \"POLICE_ID\" }\nclient_secret = { file = \"secrets/police\" }")
            .variable("POLICE_ID", "an id");
    let problems = installation.problems();
    let [problem] = problems.as_slice() else {
        panic!("{problems:?}")
    };
    assert!(
        problem.starts_with(
            "turnpike.toml: `sources[0].secrets.client_secret`: secrets/police cannot be read: "
        ),
        "{problem}"
    );
    let installation = installation.file("secrets/police", "\n");
    assert_eq!(
        installation.problems(),
        ["turnpike.toml: `sources[0].secrets.client_secret`: is empty"]
    );
}

/// A source that pushes alerts and names no host.
fn alerts(rest: &str) -> Installation {
    let hash = TokenHash::of("t").to_hex();
    let text = format!(
        r#"
[[sources]]
id = "police-alerts"
adapter = "flock"
agreement = "agreements/police-alerts.toml"
push = {{ token_sha256 = "{hash}" }}
settings = {{ mode = "alerts" }}
{rest}
"#
    );
    Installation::with_people(&text).agreement("police-alerts")
}

#[test]
fn a_source_that_names_no_host_needs_no_secret_and_takes_none() {
    let config = alerts("").config();
    let source = config.sources.first().unwrap();
    assert!(source.hosts.is_empty() && source.push.is_some());
    let secrets = "secrets = { client_id = { env = \"POLICE_ID\" } }";
    assert_eq!(
        alerts(secrets).variable("POLICE_ID", "an id").problems(),
        ["turnpike.toml: `sources[0].secrets.client_id`: is not a secret of adapter `flock`"]
    );
}
