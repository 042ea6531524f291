//! Two engines in a running gateway: what is on record of them, and making recorded decisions again, here and in Python.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
    sync::Arc,
};

use serde_json::{Value, json};
use tokio::process::Command;
use turnpike_gateway::{
    ledger::{self, Keyring, Ledger, LedgerConfig},
    policy::replay::{Outcome, Replay},
};
use turnpike_schemas::ledger::{Body, Decision, Entry, Verdict};
use uuid::Uuid;

use super::installation::{
    Installation, configure, now, of_kind, question, question_about, row, with,
};
use turnpike_contract_tests::sim::rekor::Group;

const NO_MISSING_PERSONS: &str = r#"
@id("no_missing_persons")
forbid (principal is User, action, resource is Agreement)
when { context.purpose == Purpose::"missing_person" };
"#;

fn folder(installation: &Installation) -> PathBuf {
    installation.world.folder().join("data/ledger")
}

/// Questions of every kind: permitted, refused, cut, for another organisation, partial, explained, and an image.
async fn asked() -> Installation {
    let installation = Installation::start(|world| {
        fs::create_dir(world.folder().join("policies")).unwrap();
        let site = world.folder().join("policies/town.cedar");
        fs::write(site, NO_MISSING_PERSONS).unwrap();
        configure(world, "[policy]\nfolder = \"policies\"");
    })
    .await;
    let group = Group::read(
        2042,
        now() - jiff::SignedDuration::from_hours(1),
        super::installation::PLATE,
    );
    installation.world.cameras.send(&group.json());
    assert!(
        installation
            .world
            .cameras
            .drained(super::installation::PATIENCE)
            .await
    );
    let answer = installation.ask(&question(3)).await;
    for asked in [
        question(400),
        with(question(3), "purpose", "immigration_enforcement"),
        with(question(3), "purpose", "missing_person"),
        with(question(3), "on_behalf_of", "state-tolls"),
        with(question_about("TPK04??", 3), "match", "partial"),
    ] {
        let token = installation.token("investigator");
        let (status, answer) = installation.gateway.ask(token, &asked).await.unwrap();
        assert!(status < 500, "{answer}");
    }
    let token = installation.token("supervisor");
    let request = installation.request("POST", "/v1/queries:explain", Some(token));
    let explained = request.json(&question(90)).send().await.unwrap();
    assert_eq!(explained.status(), 200);
    let image = row_of_image(&answer);
    let request = installation.request("GET", &image, Some(installation.token("investigator")));
    assert_eq!(request.send().await.unwrap().status(), 200);
    installation
}

fn row_of_image(answer: &Value) -> String {
    let reads = answer["reads"].as_array().unwrap();
    let mut images = reads
        .iter()
        .filter_map(|read| read["images"][0]["ref"].as_str());
    images.next().unwrap().to_owned()
}

/// The folder of the keys of a ledger: beside that of a gateway, inside one that was made by itself.
fn keys_of(dir: &Path) -> PathBuf {
    let inside = dir.join("keys");
    if inside.exists() {
        inside
    } else {
        dir.parent().unwrap().join("ledger-keys")
    }
}

fn opened(dir: &Path) -> Vec<Entry> {
    let keys = Keyring::read(&keys_of(dir)).unwrap();
    let entries = ledger::read_open(dir, &keys).unwrap();
    entries.map(Result::unwrap).collect()
}

fn decisions(dir: &Path) -> Vec<(Entry, Outcome)> {
    let mut replay = Replay::default();
    let mut made = Vec::new();
    for entry in opened(dir) {
        if let Some(again) = replay.follow(&entry) {
            made.push((entry, again.outcome));
        }
    }
    made
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The other way round from what was decided.
fn lie(decision: &mut Decision) {
    match decision.verdict {
        Verdict::Refuse => {
            decision.verdict = Verdict::Permit;
            decision.rules.clear();
        }
        Verdict::Permit => {
            decision.verdict = Verdict::Refuse;
            decision.rules = vec!["purpose_not_allowed".to_owned(), "cedar:why".to_owned()];
        }
    }
}

/// A sound ledger that holds what the installation's one does, but for the first refusal, which is a permit in it.
pub(crate) async fn falsified(installation: &Installation) -> String {
    let dir = installation.world.folder().join("falsified");
    let entries = opened(&folder(installation));
    let forged = Ledger::open(&dir, LedgerConfig::default(), Arc::new(now))
        .unwrap()
        .ledger;
    let mut lied = false;
    for entry in &entries {
        match &entry.body {
            Body::Admin(admin) => {
                forged.admin(admin.clone()).await.unwrap();
            }
            Body::Intent(intent) if !lied => {
                let follows = |other: &&Entry| other.intent == Some(entry.index);
                let decisions =
                    entries
                        .iter()
                        .filter(follows)
                        .filter_map(|other| match &other.body {
                            Body::Decision(decision) => Some(decision.clone()),
                            _ => None,
                        });
                let mut decisions: Vec<Decision> = decisions.collect();
                if let Some(refusal) = decisions
                    .iter_mut()
                    .find(|it| it.verdict == Verdict::Refuse)
                {
                    lie(refusal);
                    lied = true;
                }
                let question = entry.question.unwrap_or_else(Uuid::now_v7);
                drop(
                    forged
                        .begin(question, intent.clone(), decisions)
                        .await
                        .unwrap(),
                );
            }
            _ => {}
        }
    }
    assert!(lied, "no refusal is on record");
    forged.close().await.unwrap();
    dir.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_recorded_decision_comes_out_the_same_from_the_ledger_alone() {
    let installation = asked().await;
    let made = decisions(&folder(&installation));
    let odd: Vec<_> = made
        .iter()
        .filter(|(_, outcome)| *outcome != Outcome::Same)
        .collect();
    assert!(odd.is_empty(), "{odd:?}");
    assert!(made.len() > 30, "{}", made.len());
    let has = |rule: &str| {
        made.iter().any(|(entry, _)| match &entry.body {
            Body::Decision(decision) => decision.rules.iter().any(|it| it == rule),
            _ => false,
        })
    };
    for rule in [
        "purpose_prohibited",
        "cedar:prohibited",
        "site_policy",
        "site:town.cedar/no_missing_persons",
    ] {
        assert!(has(rule), "no decision by {rule}");
    }
    let ledger = installation.ledger();
    assert!(
        of_kind(&ledger, "intent")
            .iter()
            .any(|entry| entry["body"]["action"] == "image")
    );
    let output = installation
        .turnpike(
            "auditor",
            &[
                "policy",
                "replay",
                "--all",
                "--ledger",
                "data/ledger",
                "--keys",
                "data/ledger-keys",
            ],
        )
        .await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let told = text(&output.stdout);
    assert!(
        told.ends_with(" 0 different, 0 cannot be made again\n"),
        "{told}"
    );
    let config = installation.world.config();
    let shown = installation
        .turnpike(
            "auditor",
            &[
                "policy",
                "show",
                "--json",
                "--config",
                config.to_str().unwrap(),
            ],
        )
        .await;
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    let (last, _) = made.last().unwrap();
    let Body::Decision(last) = &last.body else {
        panic!()
    };
    assert_eq!(
        shown["policy_sha256"],
        last.policy_sha256.as_ref().unwrap().as_str()
    );
}

#[tokio::test]
async fn a_decision_that_was_changed_comes_out_otherwise_and_one_without_its_agreement_not_at_all()
{
    let installation = asked().await;
    let entries = opened(&folder(&installation));
    let mut changed = 0;
    let mut replay = Replay::default();
    for mut entry in entries.clone() {
        if let Body::Decision(decision) = &mut entry.body {
            lie(decision);
            changed += 1;
        }
        let again = replay.follow(&entry).map(|again| again.outcome);
        assert!(
            matches!(again, None | Some(Outcome::Different(_))),
            "{again:?}"
        );
    }
    assert!(changed > 30);
    let mut replay = Replay::default();
    for entry in entries
        .iter()
        .filter(|entry| !matches!(entry.body, Body::Admin(_)))
    {
        let again = replay.follow(entry).map(|again| again.outcome);
        assert!(
            matches!(again, None | Some(Outcome::Impossible(_))),
            "{again:?}"
        );
    }
    let dir = falsified(&installation).await;
    let keys = format!("{dir}/keys");
    let output = installation
        .turnpike(
            "auditor",
            &[
                "policy", "replay", "--all", "--ledger", &dir, "--keys", &keys,
            ],
        )
        .await;
    assert_eq!(output.status.code(), Some(11), "{}", text(&output.stderr));
    let told = text(&output.stdout);
    assert!(told.contains("different: verdict is"), "{told}");
    assert!(told.contains(" 1 different"), "{told}");
    let nowhere = ["policy", "replay", "0", "--ledger", &dir];
    let output = installation.turnpike("auditor", &nowhere).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("entry 0 is neither a decision nor a question"));
}

/// Runs the program of the documentation over a ledger's entries.
async fn in_python(installation: &Installation, dir: &str) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let python = root.join("target/replay-python/bin/python");
    assert!(
        python.exists(),
        "cedarpy is not installed: `./test.sh` does it"
    );
    let keys = keys_of(&installation.world.folder().join(dir));
    let keys = keys.to_str().unwrap();
    let list = [
        "ledger", "list", "--json", "--last", "1000000", "--dir", dir, "--keys", keys,
    ];
    let listed = installation.turnpike("auditor", &list).await;
    assert_eq!(listed.status.code(), Some(0), "{}", text(&listed.stderr));
    let file = installation.world.folder().join("entries.jsonl");
    fs::write(&file, &listed.stdout).unwrap();
    let program = root.join("docs/verify/cedar/replay.py");
    Command::new(python)
        .arg(program)
        .arg(file)
        .output()
        .await
        .unwrap()
}

#[tokio::test]
async fn cedarpy_makes_every_recorded_decision_again_and_finds_the_falsified_one() {
    let installation = asked().await;
    let honest = in_python(&installation, "data/ledger").await;
    let told = text(&honest.stdout);
    assert_eq!(
        honest.status.code(),
        Some(0),
        "{told}{}",
        text(&honest.stderr)
    );
    assert!(
        told.contains(" 0 different, 0 cannot be made again"),
        "{told}"
    );
    let count: usize = told.split(' ').next().unwrap().parse().unwrap();
    assert_eq!(count, decisions(&folder(&installation)).len());

    let dir = falsified(&installation).await;
    let forged = in_python(&installation, &dir).await;
    let told = text(&forged.stdout);
    assert_eq!(
        forged.status.code(),
        Some(1),
        "{told}{}",
        text(&forged.stderr)
    );
    assert!(
        told.contains("different: on record permit; comes out as refuse by cedar:"),
        "{told}"
    );
    assert!(told.contains(" 1 different, 0 cannot"), "{told}");
}

#[tokio::test]
async fn an_explanation_says_what_each_engine_says() {
    let installation = asked().await;
    let token = installation.token("investigator");
    let asked = with(question(3), "purpose", "immigration_enforcement");
    let request = installation.request("POST", "/v1/queries:explain", Some(token));
    let explained: Value = request
        .json(&asked)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let verdicts = &row(&explained, "state-tolls")["decision"]["verdicts"];
    assert_eq!(verdicts[0]["engine"], "native");
    assert_eq!(verdicts[0]["permit"], false);
    assert_eq!(verdicts[1]["engine"], "cedar");
    assert_eq!(verdicts[1]["permit"], false);
    let policies = verdicts[1]["policies"].as_array().unwrap();
    assert!(policies.contains(&json!("prohibited")), "{policies:?}");
}

#[tokio::test]
async fn a_policy_of_the_installation_that_permits_keeps_the_gateway_from_starting() {
    let installation = asked().await;
    let site = installation.world.folder().join("policies/town.cedar");
    fs::write(site, "\npermit (principal, action, resource);\n").unwrap();
    let config = installation.world.config();
    for command in [&["config", "check"][..], &["serve"]] {
        let args = [command, &["--config", config.to_str().unwrap()]].concat();
        let output = installation.turnpike("operator", &args).await;
        assert_eq!(output.status.code(), Some(3));
        let told = text(&output.stderr);
        assert!(
            told.contains("`policy.folder`: policy town.cedar, line 2: permits"),
            "{told}"
        );
    }
}

#[tokio::test]
async fn an_error_in_a_policy_refuses_and_the_ledger_the_metrics_the_log_and_the_list_of_sources_say_so()
 {
    let installation = Installation::start(|world| {
        fs::create_dir(world.folder().join("policies")).unwrap();
        let overflow = "forbid (principal is User, action, resource is Agreement)\n\
                        when { context.now * 9223372036 == 1 };";
        fs::write(world.folder().join("policies/sums.cedar"), overflow).unwrap();
        configure(world, "[policy]\nfolder = \"policies\"");
    })
    .await;
    let token = installation.token("investigator");
    let (status, answer) = installation.gateway.ask(token, &question(3)).await.unwrap();
    assert_eq!(status, 200, "{answer}");
    let tolls = row(&answer, "state-tolls");
    assert_eq!(
        (tolls["outcome"].as_str(), tolls["rule"].as_str()),
        (Some("refused"), Some("policy_error"))
    );
    assert_eq!(answer["reads"], json!([]));
    let ledger = installation.ledger();
    let alarms: Vec<_> = of_kind(&ledger, "admin")
        .into_iter()
        .filter(|entry| entry["body"]["action"] == "alarm")
        .collect();
    let rows = answer["sources"].as_array().unwrap().iter();
    let refused = rows.filter(|row| row["rule"] == "policy_error").count();
    assert!(refused > 1);
    assert_eq!(
        alarms.len(),
        refused,
        "one for each source both would have permitted"
    );
    let facts = &alarms[0]["body"]["facts"];
    assert_eq!(facts["rule"], "policy_error");
    assert_eq!(facts["second_engine"], "error in sums.cedar/policy0");
    let outcome = of_kind(&ledger, "outcome").pop().unwrap();
    assert!(
        alarms
            .iter()
            .all(|alarm| alarm["index"].as_u64() < outcome["index"].as_u64())
    );
    let told = format!("{alarms:?}{}", installation.log());
    for personal in [super::installation::PLATE, "ines.moreau", "BRK-2026-000042"] {
        assert!(!told.contains(personal), "{personal} is told");
    }
    assert!(installation.log().contains("do not come to one answer"));

    // The same again within a minute is counted and gets no entry of its own.
    installation.gateway.ask(token, &question(3)).await.unwrap();
    let ledger = installation.ledger();
    let again = of_kind(&ledger, "admin");
    let again = again
        .iter()
        .filter(|entry| entry["body"]["action"] == "alarm");
    assert_eq!(again.count(), refused);
    let metrics = installation
        .request("GET", "/metrics", None)
        .send()
        .await
        .unwrap();
    let metrics = metrics.text().await.unwrap();
    let line = metrics.lines().find(|line| {
        line.starts_with("turnpike_policy_alarms_total") && line.contains("state-tolls")
    });
    assert!(line.is_some_and(|line| line.ends_with(" 2")), "{line:?}");
    let ready = installation
        .request("GET", "/readyz", None)
        .send()
        .await
        .unwrap();
    assert_eq!(
        ready.status(),
        200,
        "the rest of the gateway is not concerned"
    );
    let request = installation.request("GET", "/v1/sources", Some(token));
    let listed: Value = request.send().await.unwrap().json().await.unwrap();
    let tolls = row(&listed, "state-tolls");
    assert_eq!(tolls["health"]["needs"][0], "policy");
    assert_eq!(tolls["health"]["policy_alarms"], 2);
    let shown = installation.turnpike("operator", &["sources"]).await;
    assert!(
        text(&shown.stdout).contains("did not come to one answer"),
        "{}",
        text(&shown.stdout)
    );
}
