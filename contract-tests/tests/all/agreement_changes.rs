//! Agreements as versions: who may let more through, what is written down, and the commands for it.

use serde_json::{Value, json};
use turnpike_contract_tests::world::World;
use turnpike_gateway::{
    app::{self, Running, StartError},
    config::Config,
};
use turnpike_schemas::api::Policy;

use super::installation::{
    Installation, MovedClock, agree, build, entries, of_kind, question, row,
};

const TOLLS: &str = "state-tolls";

async fn start(world: &World) -> Result<Running, StartError> {
    let config = Config::load_with(&world.config(), &[].into()).unwrap();
    app::start(config, MovedClock::now_standing()).await
}

fn admin<'a>(ledger: &'a [Value], action: &str) -> Vec<&'a Value> {
    let admin = of_kind(ledger, "admin").into_iter();
    admin
        .map(|entry| &entry["body"])
        .filter(|body| body["action"] == action)
        .collect()
}

#[tokio::test]
async fn a_widening_starts_only_with_two_signatures_and_every_change_is_on_record() {
    let world = build(|_| {}).await;
    start(&world).await.unwrap().stop().await;
    let loaded = admin(&entries(&world), "agreement_change").len();
    assert_eq!(loaded, 7, "one for each source");
    assert_eq!(admin(&entries(&world), "notice").len(), 7);

    agree(
        &world,
        TOLLS,
        "version = 1",
        "version = 2\nsupersedes = \"state-tolls@1\"",
    );
    agree(
        &world,
        TOLLS,
        "[\"state_local\"]",
        "[\"state_local\", \"federal\"]",
    );
    let refused = start(&world).await.unwrap_err().to_string();
    assert!(
        refused.contains("needs two people")
            && refused.contains("organisations of class `federal` may now ask"),
        "{refused}"
    );
    assert_eq!(admin(&entries(&world), "agreement_change").len(), loaded);

    world.sign_second().unwrap();
    start(&world).await.unwrap().stop().await;
    let ledger = entries(&world);
    let changes = admin(&ledger, "agreement_change");
    assert_eq!(changes.len(), loaded + 1, "only what changed");
    let change = &changes[loaded]["facts"];
    assert_eq!(change["agreement"], "state-tolls@2");
    assert_eq!(change["previous"], "state-tolls@1");
    assert_eq!(change["widening"], true);
    let holders: Vec<&Value> = change["signed_by"]
        .as_array()
        .unwrap()
        .iter()
        .map(|approval| &approval["key"])
        .collect();
    assert_eq!(holders, ["operations.example", "owner.example"]);
    assert_eq!(change["document"]["version"], 2);
}

#[tokio::test]
async fn the_policy_shown_is_the_policy_loaded() {
    let installation = Installation::start(|_| {}).await;
    let config = Config::load_with(&installation.world.config(), &[].into()).unwrap();
    let sources = config.sources.iter();
    let loaded = Policy::of(sources.map(|source| (&source.id, &*source.agreement)));
    let token = installation.token("auditor").to_owned();
    let request = installation.request("GET", "/v1/policy", Some(&token));
    let shown: Policy = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(shown, loaded);
    let known = admin(&installation.ledger(), "agreement_change")
        .iter()
        .map(|body| body["facts"]["sha256"].as_str().unwrap().to_owned())
        .collect::<Vec<_>>();
    let decided: Vec<&String> = shown.agreements.iter().map(|it| &it.sha256).collect();
    assert_eq!(decided, known.iter().collect::<Vec<_>>());
    let stranger = installation.request("GET", "/v1/policy", None);
    assert_eq!(stranger.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn a_question_more_than_agreed_is_limited_by_the_agreement_and_on_record() {
    let installation = Installation::start(|world| {
        let limit = "user_per_hour = 2";
        agree(world, "brookdale-police", "user_per_hour = 1000000", limit);
    })
    .await;
    for asked in 1..=3 {
        let answer = installation.ask(&question(1)).await;
        let police = row(&answer, "brookdale-police");
        if asked < 3 {
            assert_ne!(police["outcome"], "rate_limited");
            continue;
        }
        assert_eq!(police["outcome"], "rate_limited");
        assert_eq!(police["by"], "agreement");
        let wait = police["retry_after_s"].as_u64().unwrap();
        assert!((1..=3_660).contains(&wait), "{wait}");
        assert_eq!(answer["completeness"], "partial");
    }
    let ledger = installation.ledger();
    let outcomes = of_kind(&ledger, "outcome");
    let last = outcomes.last().unwrap()["body"]["sources"]
        .as_array()
        .unwrap();
    let police = last
        .iter()
        .find(|line| line["source"] == "brookdale-police");
    assert_eq!(police.unwrap()["detail"], "agreement");
    assert_eq!(police.unwrap()["outcome"], "rate_limited");
}

#[tokio::test]
async fn an_agreement_is_begun_checked_signed_compared_and_listed_by_commands() {
    let installation = Installation::start(|_| {}).await;
    let run = async |args: &[&str], code: i32| {
        let output = installation.turnpike("operator", args).await;
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
        text
    };
    let listed = run(&["agreement", "new"], 0).await;
    for profile in ["us-ca", "us-nh", "eu-led", "private-parking"] {
        assert!(listed.contains(profile), "{listed}");
    }
    let table = run(&["agreement", "new", "--profile", "us-va", "--table"], 0).await;
    assert!(table.contains("refuse, jurisdiction_not_allowed"));
    let new = [
        "agreement",
        "new",
        "--profile",
        "us-nh",
        "--source",
        "brook-lanes",
    ];
    let file = "agreements/brook-lanes.toml";
    run(
        &[
            &new[..],
            &["--signed-by", "brook.example", "--output", file][..],
        ]
        .concat(),
        0,
    )
    .await;
    run(&["agreement", "check", file], 0).await;
    let key = [
        "agreement",
        "key",
        "--name",
        "brook.example",
        "--output",
        "brook.key",
    ];
    assert!(run(&key, 0).await.contains("brook.example+"));
    run(&["agreement", "sign", file, "--key", "brook.key"], 0).await;
    let shown = run(&["agreement", "show", file], 0).await;
    assert!(shown.contains("signature of brook.example"), "{shown}");
    let checked = run(
        &["agreement", "check", file, "--keys-of", "turnpike.toml"],
        3,
    )
    .await;
    assert!(checked.contains("no such key is configured"), "{checked}");

    let text = std::fs::read_to_string(installation.world.folder().join(file)).unwrap();
    let wider = text
        .replace("version = 1", "version = 2\nsupersedes = \"brook-lanes@1\"")
        .replace("minutes = 3", "minutes = 4")
        .replace("max_reads = 20", "max_reads = 10");
    let other = "agreements/brook-lanes-2.toml";
    std::fs::write(installation.world.folder().join(other), &wider).unwrap();
    installation.ask(&question(1)).await;
    let diff = run(
        &[
            "agreement",
            "diff",
            file,
            other,
            "--ledger",
            "data/ledger",
            "--keys",
            "data/ledger-keys",
        ],
        0,
    )
    .await;
    assert!(diff.contains("minutes that reads taken in are kept: 4 instead of 3"));
    assert!(diff.contains("reads in an answer: 10 instead of 20"));
    assert!(
        diff.contains("recorded questions decided again: 1"),
        "{diff}"
    );
    let json = run(&["agreement", "diff", file, other, "--json"], 0).await;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["differences"].as_array().unwrap().len(), 2);
    let both = run(&["agreement", "check", file, other], 3).await;
    assert!(both.contains("are in effect at the same time"), "{both}");

    std::fs::write(
        installation.world.folder().join(other),
        wider.replace("\"immigration_enforcement\"", "\"idle_curiosity\""),
    )
    .unwrap();
    let unknown = run(&["agreement", "check", other], 3).await;
    assert!(
        unknown.contains("unknown variant `idle_curiosity`"),
        "{unknown}"
    );
    let list = run(&["agreement", "list"], 0).await;
    assert!(list.contains("ola.brandt"), "{list}");
    assert!(
        list.lines().all(|line| line.chars().count() <= 80),
        "{list}"
    );
    assert_eq!(json!(list.matches("state-tolls@1").count()), 1);
}
