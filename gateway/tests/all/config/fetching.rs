//! Polling, listening and fetching.

use std::time::Duration;

use turnpike_gateway::config::AfterFetch;

use super::Installation;

const HOST_KEY: &str = "SHA256:ehkcVMBQJVy7kN/XjEUbIzq0gIpGqdJj6S2mSZBlcVY";

/// A source that is gone to, with `rest` after its keys.
fn recorder(settings: &str, rest: &str) -> Installation {
    let text = format!(
        r#"
[[sources]]
id = "north-gate"
adapter = "frigate"
agreement = "agreements/north-gate.toml"
settings = {{ {settings} }}
{rest}
"#
    );
    Installation::with_people(&text).agreement("north-gate")
}

/// A source whose files are fetched, with `sftp` as its table.
fn tolls(sftp: &str) -> Installation {
    let text = format!(
        r#"
[[sources]]
id = "far-tolls"
adapter = "niop"
agreement = "agreements/far-tolls.toml"
drop = {{ folder = "in" }}
[sources.sftp]
{sftp}
"#
    );
    Installation::with_people(&text)
        .agreement("far-tolls")
        .variable("TOLLS_PASSWORD", "hush")
}

const BROKER: &str =
    "broker = \"mqtt://broker.example\", api_url = \"https://recorder.example/api\"";

#[test]
fn empty_tables_stand_for_their_defaults() {
    let config = recorder(BROKER, "poll = {}\nlisten = {}").config();
    let source = config.sources.first().unwrap();
    let poll = source.poll.unwrap();
    assert_eq!(
        (poll.every, poll.deadline),
        (Duration::from_secs(60), Duration::from_secs(30))
    );
    let listen = source.listen.as_ref().unwrap();
    assert_eq!(listen.client_id, "turnpike-north-gate");
    assert_eq!(listen.max_message, 16 << 20);
    assert!(listen.login.is_none() && listen.ca.is_none());
    assert_eq!(source.hosts.len(), 2);
}

#[test]
fn a_source_that_is_only_gone_to_has_to_say_how() {
    let problems = recorder(BROKER, "").problems();
    let wanted =
        "turnpike.toml: `sources[0].listen`: is required: adapter `frigate` cannot be asked live";
    assert_eq!(problems, [wanted]);
}

#[test]
fn what_an_adapter_cannot_is_refused() {
    let text = "push = { token_sha256 = \"8f0e4f3a2b6c1d5e7a9b0c3d2e1f405162738495a6b7c8d9eafb0c1d2e3f4051\" }\npoll = {}";
    let problems = recorder(BROKER, text).problems();
    assert_eq!(
        problems,
        ["turnpike.toml: `sources[0].push`: adapter `frigate` takes no pushed messages"]
    );
    let text = r#"
[[sources]]
id = "state-police"
adapter = "niop"
agreement = "agreements/state-police.toml"
drop = { folder = "in" }
poll = {}
listen = {}
"#;
    let problems = Installation::with_people(text)
        .agreement("state-police")
        .problems();
    let wanted =
        |way| format!("turnpike.toml: `sources[0].{way}`: adapter `niop` cannot be used that way");
    assert_eq!(problems, [wanted("poll"), wanted("listen")]);
}

#[test]
fn what_the_settings_leave_out_is_refused() {
    let only_api = "api_url = \"https://recorder.example/api\"";
    let problems = recorder(only_api, "poll = {}\nlisten = {}").problems();
    let wanted = "turnpike.toml: `sources[0].listen`: adapter `frigate` cannot be used that way";
    assert_eq!(problems, [wanted]);
    assert!(recorder(only_api, "poll = {}").problems().is_empty());
}

#[test]
fn wrong_values_are_named_all_at_once() {
    let rest = "poll = { every_s = 0, deadline_s = 601 }\nlisten = { client_id = \"a b\", idle_s = 1, max_message_mb = 65, connect_ms = 1, ca = \"nowhere.pem\" }";
    let problems = recorder(BROKER, rest).problems();
    for key in [
        "poll.every_s",
        "poll.deadline_s",
        "listen.client_id",
        "listen.idle_s",
        "listen.max_message_mb",
        "listen.connect_ms",
        "listen.ca",
    ] {
        assert_eq!(
            problems
                .iter()
                .filter(|problem| problem.contains(key))
                .count(),
            1,
            "{key}: {problems:?}"
        );
    }
}

#[test]
fn optional_secrets_are_known_and_a_name_wants_its_password() {
    let secret = |name: &str| format!("{name} = {{ env = \"TOLLS_PASSWORD\" }}");
    let with = |names: &[&str]| {
        let secrets: Vec<String> = names.iter().map(|name| secret(name)).collect();
        let rest = format!("listen = {{}}\nsecrets = {{ {} }}", secrets.join(", "));
        recorder(BROKER, &rest).variable("TOLLS_PASSWORD", "hush")
    };
    let config = with(&["username", "password"]).config();
    assert!(config.sources[0].listen.as_ref().unwrap().login.is_some());
    assert!(!format!("{config:?}").contains("hush"));
    let problems = with(&["username"]).problems();
    assert_eq!(
        problems,
        ["turnpike.toml: `sources[0].secrets`: `username` and `password` go together"]
    );
    let problems = with(&["token"]).problems();
    assert_eq!(
        problems,
        ["turnpike.toml: `sources[0].secrets.token`: is not a secret of adapter `frigate`"]
    );
}

#[test]
fn a_server_of_files_has_a_pinned_key_and_one_proof() {
    let good = format!(
        "host = \"files.example\"\nuser = \"brookdale\"\nhost_key = \"{HOST_KEY}\"\nsecrets = {{ password = {{ env = \"TOLLS_PASSWORD\" }} }}\nafter = \"move\""
    );
    let config = tolls(&good).config();
    let sftp = config.sources[0].sftp.as_ref().unwrap();
    assert_eq!(sftp.after, AfterFetch::Move("done".to_owned()));
    assert_eq!((sftp.server.port, sftp.folder.as_str()), (22, "."));
    assert!(!format!("{sftp:?}").contains("hush"));
    for (from, to, key) in [
        ("files.example", "sftp://files.example", "sftp.host"),
        ("\"brookdale\"", "\"\"", "sftp.user"),
        (HOST_KEY, "MD5:16:27", "sftp.host_key"),
        ("password = {", "token = {", "sftp.secrets"),
        (
            "password = { env = \"TOLLS_PASSWORD\" }",
            "",
            "sftp.secrets",
        ),
        (
            "password = { env = \"TOLLS_PASSWORD\" }",
            "password = \"hunter2\"",
            "sftp.secrets.password",
        ),
        ("password = {", "key = {", "sftp.secrets.key"),
        ("\"move\"", "\"move\"\nfolder = \"out/\"", "sftp.folder"),
        ("\"move\"", "\"move\"\nevery_s = 0", "sftp.every_s"),
        ("\"move\"", "\"burn\"", "sftp.after"),
    ] {
        let problems = tolls(&good.replace(from, to)).problems();
        assert!(
            problems.iter().any(|problem| problem.contains(key)),
            "{key}: {problems:?}"
        );
        let shown = problems.join("\n");
        assert!(
            !shown.contains("hunter2") && !shown.contains("hush"),
            "{shown}"
        );
    }
    let no_drop = format!(
        "\n[[sources]]\nid = \"far-tolls\"\nadapter = \"niop\"\nagreement = \"agreements/far-tolls.toml\"\n[sources.sftp]\n{good}\n"
    );
    let installation = Installation::with_people(&no_drop)
        .agreement("far-tolls")
        .variable("TOLLS_PASSWORD", "hush");
    let problems = installation.problems();
    assert!(
        problems
            .iter()
            .any(|problem| problem.contains("sources[0].drop`: is required")),
        "{problems:?}"
    );
}
