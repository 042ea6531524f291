//! The command line as scripts and people meet it: exit codes, JSON, tables that fit 80 columns.

use std::{collections::BTreeSet, fs, path::Path, process::Output};

use serde_json::Value;
use turnpike_adapters::registry::ADAPTERS;
use turnpike_gateway::{cli::EXIT_CODES, config::TokenHash};

use super::installation::{Installation, PLATE, agree, configure, read, row};
use crate::tree::{adapter_folder, root};

const CASE: [&str; 8] = [
    "--purpose",
    "stolen_vehicle",
    "--case",
    "BRK-2026-000042",
    "--on-behalf-of",
    "self",
    "--last",
    "3d",
];

/// A public report that says it was made from another ledger.
const FOREIGN_REPORT: &str = r#"{"format":1,"first_month":"2026-01","last_month":"2026-01","covered":{"origin":"log.example","size":2,"root":"AAAA"},"rounding":"","questions":"0","purposes":[],"organisation_classes":[],"states":[],"sources":[],"outcomes":[],"findings":[]}"#;

fn asking(command: &'static str) -> Vec<&'static str> {
    [&[command, PLATE], CASE.as_slice()].concat()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn done(output: &Output) -> String {
    assert_eq!(code(output), 0, "{}", text(&output.stderr));
    text(&output.stdout)
}

#[tokio::test]
async fn answers_explanations_and_lists_fit_80_columns_and_have_a_json_form() {
    let installation = Installation::with_history(|_| {}).await;
    let config = installation.world.config();
    let config = config.to_str().unwrap();
    let tables = [
        asking("query"),
        asking("explain"),
        vec!["sources"],
        vec!["ledger", "verify", "--config", config],
        vec!["config", "check", "--config", config],
    ];
    for args in tables {
        let shown = done(&installation.turnpike("investigator", &args).await);
        assert!(shown.lines().count() > 0);
        for line in shown.lines() {
            assert!(line.chars().count() <= 80, "{args:?}: {line}");
            assert_eq!(line.trim_end(), line, "{args:?}");
        }
    }
    let answer = done(
        &installation
            .turnpike("investigator", &asking("query"))
            .await,
    );
    for part in [
        "TPK0421",
        "purpose",
        "harbor-tolls",
        "lakeside-police",
        "refused",
        "failed",
        "BRK-2026-000042",
    ] {
        assert!(answer.contains(part), "{part} is not in\n{answer}");
    }
    for command in ["query", "explain"] {
        let args = [asking(command), vec!["--json"]].concat();
        let json = done(&installation.turnpike("investigator", &args).await);
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["sources"].as_array().unwrap().len(), 7);
    }
    let listed = ["ledger", "list", "--json", "--last", "3"];
    let listed = done(&installation.turnpike("auditor", &listed).await);
    let listed: Vec<Value> = listed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let ledger = installation.ledger();
    let read = ledger.last().unwrap();
    assert_eq!(read["body"]["action"], "ledger_read");
    assert_eq!(read["body"]["by"], "kim.duarte");
    assert_eq!(listed, ledger[ledger.len() - 4..ledger.len() - 1]);
    let covered = ["ledger", "list"];
    let covered = done(&installation.turnpike("auditor", &covered).await);
    assert!(
        covered.lines().all(|line| line.chars().count() <= 80),
        "{covered}"
    );
    assert!(covered.contains("ines.moreau") && !covered.contains(PLATE));
    let sources = done(
        &installation
            .turnpike("operator", &["sources", "--json"])
            .await,
    );
    let sources: Value = serde_json::from_str(&sources).unwrap();
    assert_eq!(sources["sources"].as_array().unwrap().len(), 7);
    let checked = ["config", "check", "--config", config];
    let checked = done(&installation.turnpike("operator", &checked).await);
    assert!(checked.contains("the configuration is in order"));
    assert!(!checked.contains(installation.token("investigator")));
}

#[tokio::test]
async fn every_exit_code_is_what_the_help_says() {
    let installation = Installation::start(|world| {
        configure(
            world,
            "[limits]\nuser_per_minute = 2\norganisation_per_minute = 500",
        );
        let broken = read(&world.config()).replace("version = 1", "version = 7");
        fs::write(world.folder().join("broken.toml"), broken).unwrap();
        fs::write(world.folder().join("nobody"), "not a token\n").unwrap();
    })
    .await;
    let odd = fixture("flock", "lookup-odd-rows.json");
    let run = async |role: &str, args: &[&str]| code(&installation.turnpike(role, args).await);
    let with = |more: &[&'static str]| [asking("query"), more.to_vec()].concat();
    let mut seen = BTreeSet::new();
    let mut expect = |wanted: i32, got: i32, what: &str| {
        assert_eq!(got, wanted, "{what}");
        seen.insert(u8::try_from(wanted).unwrap());
    };
    expect(0, run("supervisor", &asking("query")).await, "a question");
    expect(
        7,
        run("supervisor", &with(&["--require-complete"])).await,
        "not complete",
    );
    expect(
        5,
        run("supervisor", &asking("query")).await,
        "a question too many",
    );
    expect(
        4,
        run("auditor", &asking("query")).await,
        "a role that may not ask",
    );
    let nobody = with(&["--token-file", "nobody"]);
    expect(4, run("investigator", &nobody).await, "no valid token");
    let unknown = with(&["--source", "nowhere"]);
    expect(4, run("investigator", &unknown).await, "not a question");
    let missing = with(&["--token-file", "missing"]);
    expect(
        1,
        run("investigator", &missing).await,
        "a file that is not there",
    );
    for wrong in [
        vec![],
        vec!["frobnicate"],
        vec!["query", PLATE],
        with(&["--match", "fuzzy"]),
    ] {
        expect(2, run("investigator", &wrong).await, "usage");
    }
    let closed = with(&["--server", "http://127.0.0.1:9"]);
    expect(6, run("investigator", &closed).await, "no gateway");
    for command in [vec!["config", "check"], vec!["serve"]] {
        let args = [command, vec!["--config", "broken.toml"]].concat();
        expect(3, run("operator", &args).await, "configuration");
    }
    let decode = ["decode", "--adapter", "flock", odd.as_str()];
    expect(8, run("integrator", &decode).await, "rejected records");
    let unasked = ["source", "check", "brookdale-police", "--plate", PLATE];
    let unasked = [&unasked, &CASE[..6]].concat();
    expect(
        10,
        run("integrator", &unasked).await,
        "a source that may not be asked by this role",
    );
    let dir = damaged_copy(&installation);
    for command in ["list", "verify"] {
        let args = ["ledger", command, "--dir", &dir];
        expect(9, run("auditor", &args).await, "a damaged ledger");
    }
    let report = installation.world.folder().join("report.json");
    fs::write(&report, FOREIGN_REPORT).unwrap();
    let report = report.to_str().unwrap();
    let ledger = installation.world.folder().join("data/ledger");
    let verify = [
        "report",
        "verify",
        report,
        "--ledger",
        ledger.to_str().unwrap(),
    ];
    expect(
        11,
        run("auditor", &verify).await,
        "a report of another ledger",
    );
    let export = ["ledger", "owner", "export", "state-tolls"];
    let export = done(&installation.turnpike("source_owner", &export).await);
    let log = installation.world.folder().join("state-tolls.log");
    fs::write(&log, export).unwrap();
    let unproven = ["ledger", "owner", "verify", log.to_str().unwrap()];
    expect(
        12,
        run("source_owner", &unproven).await,
        "a log without the key of the ledger",
    );
    let falsified = super::policy::falsified(&installation).await;
    let keys = format!("{falsified}/keys");
    let replay = [
        "policy", "replay", "--all", "--ledger", &falsified, "--keys", &keys,
    ];
    expect(11, run("auditor", &replay).await, "a falsified decision");
    let all: BTreeSet<u8> = EXIT_CODES.iter().map(|(_, code, _)| *code).collect();
    assert_eq!(seen, all);
    let help = done(&installation.turnpike("operator", &["--help"]).await);
    for (_, code, meaning) in EXIT_CODES {
        assert!(help.contains(&format!("{code}  {meaning}")), "{code}");
    }
    for command in [
        "serve", "query", "explain", "sources", "source", "decode", "config", "ledger", "audit",
        "report", "policy", "token",
    ] {
        let help = done(
            &installation
                .turnpike("operator", &[command, "--help"])
                .await,
        );
        assert!(help.contains("Usage: turnpike"), "{command}");
        assert!(
            !help.contains(installation.token("operator")),
            "a token is shown"
        );
    }
}

/// A copy of the ledger with one letter of one entry changed.
fn damaged_copy(installation: &Installation) -> String {
    let folder = installation.world.folder();
    let copy = folder.join("damaged");
    fs::create_dir(&copy).unwrap();
    let mut changed = false;
    for file in super::installation::files_under(&folder.join("data/ledger")) {
        let mut bytes = fs::read(&file).unwrap();
        let place = bytes
            .windows(12)
            .position(|window| window == b"brookdale-pd");
        if let Some(byte) = place.and_then(|place| bytes.get_mut(place)) {
            *byte = b'c';
            changed = true;
        }
        fs::write(copy.join(file.file_name().unwrap()), bytes).unwrap();
    }
    assert!(changed);
    copy.to_str().unwrap().to_owned()
}

fn fixture(adapter: &str, name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join(format!("../{}/fixtures/{name}", adapter_folder(adapter)));
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn decode_prints_a_line_a_record_for_every_adapter() {
    let installation = Installation::start(|_| {}).await;
    let cases = [
        ("axis", "lost.json", 1, 0),
        ("axis", "local_time.json", 0, 1),
        ("flock", "lookup-answer.json", 1, 0),
        ("flock", "lookup-odd-rows.json", 1, 12),
        ("niop", "9999_0901_0902_20260304131500.STRAN", 1, 0),
        ("niop", "9999_0901_0902_20260305091500.SCORR", 1, 0),
        ("plate-recognizer", "several.json", 2, 0),
        ("rekor", "group.json", 1, 0),
        ("rekor", "alert.json", 1, 0),
        ("rekor", "heartbeat.json", 0, 0),
        ("verkada", "lpr.json", 1, 0),
    ];
    for (adapter, name, reads, rejected) in cases {
        let file = fixture(adapter, name);
        let args = ["decode", "--adapter", adapter, &file];
        let output = installation.turnpike("integrator", &args).await;
        let what = format!("{name}: {}", text(&output.stderr));
        assert_eq!(code(&output), if rejected > 0 { 8 } else { 0 }, "{what}");
        let lines: Vec<Value> = text(&output.stdout)
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let count = |key: &str| lines.iter().filter(|line| line.get(key).is_some()).count();
        assert_eq!(
            (count("read"), count("rejected")),
            (reads, rejected),
            "{what}"
        );
        assert!(
            lines
                .iter()
                .all(|line| line.as_object().unwrap().len() == 1)
        );
    }
    let unknown = ["decode", "--adapter", "tollgate", "nothing"];
    let unknown = installation.turnpike("integrator", &unknown).await;
    assert_eq!(code(&unknown), 2);
    let told = text(&unknown.stderr);
    let known: Vec<_> = ADAPTERS.iter().map(|entry| entry.id).collect();
    assert!(told.contains(&known.join(", ")), "{told}");
}

#[tokio::test]
async fn decode_takes_a_saved_answer_unless_the_settings_say_that_messages_come() {
    let installation = Installation::start(|_| {}).await;
    let settings = installation.world.folder().join("alerts.toml");
    fs::write(&settings, "mode = \"alerts\"").unwrap();
    let settings = settings.to_str().unwrap();
    let alert = fixture("flock", "alert.json");
    let decode = ["decode", "--adapter", "flock"];
    let told = [&decode[..], &["--settings", settings, &alert]].concat();
    let output = installation.turnpike("integrator", &told).await;
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("\"alert_list\":\"NCIC\""));
    let untold = [&decode[..], &[&*alert]].concat();
    let output = installation.turnpike("integrator", &untold).await;
    assert_eq!(code(&output), 8, "an alert is no answer to a lookup");
}

#[tokio::test]
async fn a_token_is_shown_once_with_the_hash_that_is_configured() {
    let installation = Installation::start(|_| {}).await;
    let made = async || {
        let shown = done(&installation.turnpike("operator", &["token"]).await);
        let words: Vec<String> = shown.split_whitespace().map(str::to_owned).collect();
        let [_, token, _, hash] = words.as_slice() else {
            panic!("{shown}");
        };
        assert_eq!(TokenHash::of(token).to_hex(), *hash);
        token.clone()
    };
    let (first, second) = (made().await, made().await);
    assert_ne!(first, second);
    assert!(first.len() >= 32);
    let hasty = [asking("query"), vec!["--deadline-ms", "99"]].concat();
    let output = installation.turnpike("investigator", &hasty).await;
    assert_eq!(code(&output), 4);
    let told = text(&output.stderr);
    assert!(
        told.contains("`deadline_ms` must be 100 to 30000"),
        "{told}"
    );
    assert!(!told.contains(PLATE));
}

#[tokio::test]
async fn an_answer_in_niem_elements_validates_and_says_what_the_answer_says() {
    let installation = Installation::with_history(|_| {}).await;
    let run = async |more: &[&'static str]| {
        let args = [&asking("query"), more].concat();
        done(&installation.turnpike("investigator", &args).await)
    };
    let answer: Value = serde_json::from_str(&run(&["--format", "json"]).await).unwrap();
    let message = run(&["--format", "niem"]).await;
    let file = installation.world.folder().join("answer.xml");
    fs::write(&file, &message).unwrap();
    let checked = std::process::Command::new("xmllint")
        .args(["--noout", "--nonet", "--schema"])
        .arg(root().join("schemas/niem/turnpike-plate-reads.xsd"))
        .arg(&file)
        .output()
        .expect("xmllint is needed: install libxml2-utils");
    assert!(checked.status.success(), "{}", text(&checked.stderr));
    let reads = answer["reads"].as_array().unwrap();
    assert!(!reads.is_empty());
    assert_eq!(message.matches("<tp:PlateRead>").count(), reads.len());
    for read in reads {
        let id = read["id"].as_str().unwrap();
        assert!(message.contains(&format!("<tp:ReadID>{id}</tp:ReadID>")));
    }
    let sources = answer["sources"].as_array().unwrap();
    assert_eq!(message.matches("<tp:SourceReport>").count(), sources.len());
    for source in sources {
        let outcome = source["outcome"].as_str().unwrap();
        assert!(message.contains(&format!("<tp:OutcomeCode>{outcome}</tp:OutcomeCode>")));
    }
    let both = [&asking("query"), ["--json", "--format", "niem"].as_slice()].concat();
    assert_eq!(code(&installation.turnpike("investigator", &both).await), 2);
}

#[tokio::test]
async fn sources_says_which_source_needs_somebody_and_why() {
    let installation = Installation::with_history(|world| {
        agree(world, "harbor-tolls", "\"active\"", "\"suspended\"");
    })
    .await;
    let asked = asking("query");
    done(&installation.turnpike("investigator", &asked).await);
    let shown = done(&installation.turnpike("operator", &["sources"]).await);
    for part in [
        "2 of 7 sources need you:\n",
        "harbor-tolls\n    its agreement harbor-tolls@1 is not in force",
        "lakeside-police\n    it cannot be reached",
        "unavailable 1",
    ] {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
    let listed = ["sources", "--json"];
    let listed = done(&installation.turnpike("operator", &listed).await);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let health = |source: &str| row(&listed, source)["health"].clone();
    assert_eq!(health("lakeside-police")["needs"][0], "unreachable");
    assert_eq!(health("lakeside-police")["errors"]["unavailable"], 1);
    let police = health("brookdale-police");
    assert_eq!(police["needs"], serde_json::json!([]));
    assert!(police["clock_skew_ms"].as_i64().unwrap().abs() < 60_000);
    assert!(police["quota_left"].as_u64().unwrap() > 0);
    let tolls = health("state-tolls");
    assert!(tolls["lag_ms"].is_u64() && tolls["last_read_at"].is_string());
    assert!(tolls["records"].as_u64().unwrap() > 0 && tolls["quota_left"].is_null());

    let metrics = installation.request("GET", "/metrics", None).send().await;
    let metrics = metrics.unwrap().text().await.unwrap();
    let needs = "turnpike_source_needs{source=\"lakeside-police\"} 1";
    assert!(metrics.contains(needs), "{metrics}");
    for line in metrics.lines().filter(|line| line.contains("_source_lag_")) {
        assert!(
            !line.contains(','),
            "{line} has more labels than the source"
        );
    }
}
