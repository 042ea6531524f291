//! Sources, their agreements, and whether the parts fit together.

use std::time::Duration;

use turnpike_gateway::config::TokenHash;

use super::{AGREEMENT, Installation};

/// A source that pushes, with `rest` after its keys.
fn pushing(id: &str, token: &str, rest: &str) -> String {
    let hash = TokenHash::of(token).to_hex();
    format!(
        r#"
[[sources]]
id = "{id}"
adapter = "rekor"
agreement = "agreements/{id}.toml"
push = {{ token_sha256 = "{hash}" }}
{rest}
"#
    )
}

/// A source that drops files.
fn dropping(id: &str, drop: &str) -> String {
    format!(
        r#"
[[sources]]
id = "{id}"
adapter = "niop"
agreement = "agreements/{id}.toml"
drop = {drop}
"#
    )
}

#[test]
fn a_source_has_a_title_a_quota_and_an_agreement() {
    let rest =
        "title = \"Town cameras\"\nstale_after_s = 900\nquota = { requests = 30, per_s = 60 }";
    let installation =
        Installation::with_people(&pushing("town-cameras", "t", rest)).agreement("town-cameras");
    let config = installation.config();
    let source = config.sources.first().unwrap();
    assert_eq!(source.title, "Town cameras");
    assert_eq!(source.agreement.reference().as_str(), "town-cameras@3");
    assert_eq!(source.stale_after, Some(Duration::from_secs(900)));
    assert_eq!(
        (source.quota.requests.get(), source.quota.burst.get()),
        (30, 15)
    );
    assert_eq!(source.quota.per, Duration::from_secs(60));
    assert!(source.push.is_some());
    assert!(source.hosts.is_empty() && !source.allow_private_addresses);
}

#[test]
fn the_folders_of_a_drop_are_beside_the_file_and_have_an_acknowledgements_folder() {
    let installation =
        Installation::with_people(&dropping("state-tolls", "{ folder = \"in/tolls\" }"))
            .agreement("state-tolls");
    let config = installation.config();
    let drop = config.sources.first().unwrap().drop.as_ref().unwrap();
    assert_eq!(drop.folder, installation.path("in/tolls"));
    assert_eq!(
        drop.acknowledgements,
        installation.path("in/tolls/acknowledgements")
    );
    assert_eq!(drop.settle, Duration::from_millis(2_000));
}

#[test]
fn an_unknown_adapter_lists_those_that_exist() {
    let text = pushing("town-cameras", "t", "").replace("\"rekor\"", "\"reckon\"");
    let problems = Installation::with_people(&text)
        .agreement("town-cameras")
        .problems();
    let known: Vec<&str> = turnpike_adapters::registry::ADAPTERS
        .iter()
        .map(|entry| entry.id)
        .collect();
    assert!(
        ["flock", "niop", "rekor"]
            .iter()
            .all(|id| known.contains(id))
    );
    let expected = format!("unknown adapter `reckon`; known: {}", known.join(", "));
    assert_eq!(
        problems,
        [format!("turnpike.toml: `sources[0].adapter`: {expected}")]
    );
}

#[test]
fn an_unknown_key_inside_a_source_is_named_with_its_place() {
    let rest = "colour = \"blue\"\nquota = { request = 5 }";
    let text = pushing("town-cameras", "t", rest).replace("push = { ", "push = { token = \"x\", ");
    let problems = Installation::with_people(&text)
        .agreement("town-cameras")
        .problems();
    let hint = "unknown key; see docs/configuration.md for those that exist";
    let mut expected: Vec<String> = ["colour", "push.token", "quota.request"]
        .iter()
        .map(|key| format!("turnpike.toml: `sources[0].{key}`: {hint}"))
        .collect();
    let mut problems = problems;
    problems.sort();
    expected.sort();
    assert_eq!(problems, expected);
}

#[test]
fn settings_are_checked_by_the_adapter_and_reported_once() {
    let text = pushing("town-cameras", "t", "settings = { colour = \"blue\" }");
    let problems = Installation::with_people(&text)
        .agreement("town-cameras")
        .problems();
    let [problem] = problems.as_slice() else {
        panic!("{problems:?}")
    };
    assert!(
        problem.starts_with("turnpike.toml: `sources[0].settings`: "),
        "{problem}"
    );
    assert!(problem.contains("colour"), "{problem}");
}

#[test]
fn one_broken_source_hides_no_problem_of_the_next() {
    let first = pushing(
        "town-cameras",
        "t",
        "stale_after_s = \"long\"\nquota = { requests = 0, per_s = 0 }",
    );
    let second = dropping("state-tolls", "{ folder = \"in\", scan_ms = 1 }");
    let problems = Installation::with_people(&(first + &second))
        .agreement("town-cameras")
        .problems();
    let missing = problems
        .iter()
        .find(|problem| problem.contains("sources[1].agreement"))
        .unwrap();
    assert!(
        missing.contains("agreements/state-tolls.toml cannot be read"),
        "{missing}"
    );
    let rest: Vec<&String> = problems
        .iter()
        .filter(|problem| *problem != missing)
        .collect();
    assert_eq!(
        rest,
        [
            "turnpike.toml: `sources[0].stale_after_s`: invalid type: string \"long\", expected u64",
            "turnpike.toml: `sources[0].quota.requests`: must be 1 or more",
            "turnpike.toml: `sources[0].quota.per_s`: must be 1 to 31622400",
            "turnpike.toml: `sources[1].drop.scan_ms`: must be 10 to 3600000",
        ]
    );
}

#[test]
fn two_sources_share_neither_id_nor_token_nor_folder() {
    let text = [
        pushing("town-cameras", "dana's token", ""),
        pushing("town-cameras", "u", ""),
        dropping("state-tolls", "{ folder = \"in\" }"),
        dropping("lake-tolls", "{ folder = \"in\" }"),
    ]
    .concat();
    let installation = Installation::with_people(&text)
        .agreement("town-cameras")
        .agreement("state-tolls")
        .agreement("lake-tolls");
    assert_eq!(
        installation.problems(),
        [
            "turnpike.toml: `sources[0].push.token_sha256`: is used twice; accounts are not shared",
            "turnpike.toml: `sources[1].id`: is used twice",
            "turnpike.toml: `sources[3].drop.folder`: is the folder of another source as well; each needs its own",
        ]
    );
}

#[test]
fn a_delivery_the_adapter_does_not_know_is_refused_and_a_missing_one_required() {
    let text = pushing("town-cameras", "t", "drop = { folder = \"in\" }")
        + &dropping("state-tolls", "{ folder = \"in2\" }").replace("drop =", "#");
    let installation = Installation::with_people(&text)
        .agreement("town-cameras")
        .agreement("state-tolls");
    assert_eq!(
        installation.problems(),
        [
            "turnpike.toml: `sources[0].drop`: adapter `rekor` takes no files",
            "turnpike.toml: `sources[1].drop`: is required: adapter `niop` cannot be asked live",
        ]
    );
}

/// A source that is asked live.
fn asked(id: &str, base_url: &str, more: &str) -> String {
    format!(
        r#"
[[sources]]
id = "{id}"
adapter = "declarative"
agreement = "agreements/{id}.toml"
secrets = {{ token = {{ file = "token" }} }}
{more}

[sources.settings]
mapping = {{ preset = "parkmobile-rights" }}
base_url = "{base_url}"
"#
    )
}

#[test]
fn an_address_nobody_may_contact_is_told_before_the_start() {
    let addresses = [
        "http://127.0.0.1:9",
        "http://localhost:9",
        "https://10.0.0.7",
        "https://api.vendor.example",
    ];
    for (allow, problems) in [("", 3), ("allow_private_addresses = true", 0)] {
        let mut installation = Installation::with_people(
            &addresses
                .iter()
                .enumerate()
                .map(|(n, address)| asked(&format!("rights-{n}"), address, allow))
                .collect::<String>(),
        );
        for n in 0..addresses.len() {
            installation = installation.agreement(&format!("rights-{n}"));
        }
        let told = installation.problems();
        let told: Vec<_> = told
            .iter()
            .filter(|told| {
                told.contains("allow_private_addresses`: is required: the settings name")
            })
            .collect();
        assert_eq!(told.len(), problems, "{told:?}");
    }
}

#[test]
fn a_shape_that_nothing_can_be_kept_to_is_a_problem() {
    let drift = "drift = { quarantine = true }";
    let text =
        asked("rights", "https://api.vendor.example", drift) + &pushing("town-cameras", "t", drift);
    let installation = Installation::with_people(&text)
        .agreement("rights")
        .agreement("town-cameras");
    let told = installation.problems();
    let told: Vec<_> = told
        .iter()
        .filter(|told| told.contains("drift.quarantine`: has no effect here"))
        .collect();
    assert!(
        matches!(told.as_slice(), [one] if one.contains("sources[0]")),
        "{told:?}"
    );
}

#[test]
fn what_an_adapter_takes_may_depend_on_its_settings() {
    let source = |id: &str, push: &str, settings: &str| {
        let secrets = if settings.contains("entities") {
            "secrets = { token = { file = \"token\" } }"
        } else {
            ""
        };
        format!(
            r#"
[[sources]]
id = "{id}"
adapter = "apds"
agreement = "agreements/{id}.toml"
settings = {{ {settings} }}
{secrets}
{push}
"#
        )
    };
    let hash = TokenHash::of("t").to_hex();
    let push = format!("push = {{ token_sha256 = \"{hash}\" }}");
    let asked = "mode = \"entities\", base_url = \"https://broker.example/ngsi-ld/v1\"";
    let pushes = "mode = \"notifications\"";
    let installation = |sources: [(&str, &str); 2]| {
        let [town, lake] = sources;
        let text = source("town-cars", town.0, town.1) + &source("lake-cars", lake.0, lake.1);
        Installation::with_people(&text)
            .agreement("town-cars")
            .agreement("lake-cars")
            .file("token", "an invented token")
    };
    let right = installation([(push.as_str(), pushes), ("", asked)]);
    assert!(
        right
            .config()
            .sources
            .iter()
            .all(|source| source.drop.is_none())
    );
    assert_eq!(
        installation([("", pushes), (push.as_str(), asked)]).problems(),
        [
            "turnpike.toml: `sources[0].push`: is required: adapter `apds` cannot be asked live with these settings",
            "turnpike.toml: `sources[1].push`: adapter `apds` takes no pushed messages with these settings",
        ]
    );
}

#[test]
fn what_a_source_delivers_is_decided_by_its_settings() {
    let alerts = |push: &str| {
        let text = pushing("police-alerts", "t", "settings = { mode = \"alerts\" }")
            .replace("\"rekor\"", "\"flock\"")
            .replace("push =", push);
        Installation::with_people(&text).agreement("police-alerts")
    };
    assert_eq!(alerts("push =").config().sources.len(), 1);
    assert_eq!(
        alerts("#").problems(),
        [
            "turnpike.toml: `sources[0].push`: is required: adapter `flock` cannot be asked live with these settings"
        ]
    );
    let asked = r#"
settings = { base_url = "https://a.example/v3", token_url = "https://a.example/token", audience = "a" }
secrets = { client_id = { env = "ID" }, client_secret = { env = "ID" } }
"#;
    let text = pushing("state-police", "t", asked).replace("\"rekor\"", "\"flock\"");
    assert_eq!(
        Installation::with_people(&text)
            .agreement("state-police")
            .variable("ID", "an id")
            .problems(),
        [
            "turnpike.toml: `sources[0].push`: adapter `flock` takes no pushed messages with these settings"
        ]
    );
}

#[test]
fn a_delivering_source_needs_an_agreement_that_allows_ingest() {
    let agreement = AGREEMENT
        .replace("lakeshore-tolls", "town-cameras")
        .replace(", \"ingest\"", "");
    let installation = Installation::with_people(&pushing("town-cameras", "t", ""))
        .file("agreements/town-cameras.toml", &agreement);
    assert_eq!(
        installation.problems(),
        [
            "turnpike.toml: `sources[0].agreement`: does not allow action `ingest`, but the source delivers reads"
        ]
    );
}

#[test]
fn an_agreement_about_another_source_is_refused() {
    let installation = Installation::with_people(&pushing("town-cameras", "t", ""))
        .file("agreements/town-cameras.toml", AGREEMENT);
    assert_eq!(
        installation.problems(),
        [
            "agreements/town-cameras.toml: `source`: is `lakeshore-tolls`, but source `town-cameras` names this agreement"
        ]
    );
}

#[test]
fn an_agreement_without_a_prohibition_list_does_not_load() {
    let (before, list) = AGREEMENT.split_once("prohibited = [").unwrap();
    let (_, after) = list.split_once(']').unwrap();
    let agreement = format!("{before}{after}").replace("lakeshore-tolls", "town-cameras");
    let installation = Installation::with_people(&pushing("town-cameras", "t", ""))
        .file("agreements/town-cameras.toml", &agreement);
    let problems = installation.problems();
    let [problem] = problems.as_slice() else {
        panic!("{problems:?}")
    };
    assert!(
        problem.starts_with("agreements/town-cameras.toml: "),
        "{problem}"
    );
    assert!(problem.contains("missing field `prohibited`"), "{problem}");
}

#[test]
fn every_problem_of_an_agreement_is_reported_in_its_own_file() {
    let agreement = AGREEMENT
        .replace("lakeshore-tolls", "town-cameras")
        .replace("version = 3", "version = 0")
        .replace("supersedes = \"town-cameras@2\"\n", "")
        .replace("max_reads = 200", "max_reads = 0")
        .replace("roles = [", "roles = [\"auditor\", ");
    let installation = Installation::with_people(&pushing("town-cameras", "t", ""))
        .file("agreements/town-cameras.toml", &agreement);
    let of_agreement = "agreements/town-cameras.toml";
    assert_eq!(
        installation.problems(),
        [
            format!("{of_agreement}: `version`: must be 1 or more"),
            format!(
                "{of_agreement}: `who.roles`: may hold `investigator`, `supervisor` and `system` only: no other role asks"
            ),
            format!("{of_agreement}: `what.max_reads`: must be 1 or more"),
        ]
    );
}

#[test]
fn a_burst_larger_than_the_quota_can_keep_is_refused() {
    let rest = "quota = { requests = 5, burst = 4 }";
    let installation =
        Installation::with_people(&pushing("town-cameras", "t", rest)).agreement("town-cameras");
    let why = "half of `requests`, because the burst is part of the quota";
    assert_eq!(
        installation.problems(),
        [format!(
            "turnpike.toml: `sources[0].quota.burst`: must be 1 to 3: {why}"
        )]
    );
}
