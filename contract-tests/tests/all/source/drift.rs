//! `turnpike source drift`, and sources that quarantine what drifts.

use std::fs;

use serde_json::Value;
use turnpike_adapters::conformance::{Payload, Shape, Via};
use turnpike_contract_tests::world::World;

use super::{PUSHES, changed, code, ended, fits, fresh, path, payloads, sample};
use crate::installation::{Installation, PLATE, files_under, of_kind, read};

#[tokio::test]
async fn a_shape_is_recorded_without_a_value_and_compared() {
    let installation = Installation::start(|_| {}).await;
    let folder = payloads(&installation.world, "payloads");
    let config = installation.world.config();
    let args = |more: &[&'static str]| {
        let args = [
            "source",
            "drift",
            PUSHES,
            "--payloads",
            path(&folder),
            "--config",
            path(&config),
        ];
        [&args, more]
            .concat()
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let run = async |more: &[&'static str]| {
        let args = args(more);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        installation.turnpike("integrator", &args).await
    };
    assert_eq!(code(&run(&[]).await), 2, "nothing is recorded yet");
    let recorded = ended(&run(&["--record"]).await, 0);
    fits(&recorded);
    let file = installation
        .world
        .folder()
        .join(format!("shapes/{PUSHES}.json"));
    let shape = read(&file);
    let message: Value = serde_json::from_slice(sample()).unwrap();
    for field in ["best_plate_number", "best_uuid", "agent_uid"] {
        let value = message[field].as_str().unwrap();
        assert!(shape.contains(field) && !shape.contains(value), "{field}");
    }
    ended(&run(&[]).await, 0);
    fs::write(folder.join("group.json"), changed()).unwrap();
    let shown = ended(&run(&[]).await, 10);
    fits(&shown);
    for part in [
        "new",
        "lens",
        "missing",
        "epoch_end",
        "retyped",
        "best_region",
    ] {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
    assert!(!shown.contains("wide") && !shown.contains(PLATE));
    let json: Value = serde_json::from_str(&ended(&run(&["--json"]).await, 10)).unwrap();
    assert_eq!(json["changes"].as_array().unwrap().len(), 3);
    let chance = run(&["--record"]).await;
    assert_eq!(code(&chance), 2, "what is recorded is not lost by chance");
    assert!(super::text(&chance.stderr).contains("--record=merge"));
    assert_eq!(read(&file), shape);
    ended(&run(&["--record=merge"]).await, 0);
    ended(&run(&[]).await, 0);
    let merged: Value = serde_json::from_str(&read(&file)).unwrap();
    assert_eq!(merged["fields"]["epoch_end"]["always"], false);
    fs::remove_file(folder.join("group.json")).unwrap();
    fs::write(folder.join("other.json"), sample()).unwrap();
    ended(&run(&["--record=replace"]).await, 0);
    assert_eq!(read(&file), shape);
}

#[tokio::test]
async fn a_gateway_shows_how_what_comes_differs_from_what_was_recorded() {
    let installation = Installation::start(record_shape).await;
    let token = installation.world.tokens.cameras.clone();
    let push = async |body: Vec<u8>| {
        let route = format!("/v1/sources/{PUSHES}/reads");
        let request = installation.request("POST", &route, Some(&token));
        let request = request.header("content-type", "application/json");
        let status = request.body(body).send().await.unwrap().status();
        assert_eq!(status, 200, "nothing is set aside");
    };
    let health = async || -> Value {
        let operator = installation.token("operator");
        let request = installation.request("GET", "/v1/sources", Some(operator));
        let list: Value = request.send().await.unwrap().json().await.unwrap();
        let sources = list["sources"].as_array().unwrap();
        let source = sources.iter().find(|source| source["source"] == PUSHES);
        source.unwrap()["health"]["drift"].clone()
    };
    let live = async |more: &[&str]| {
        let args = [&["source", "drift", PUSHES, "--live"][..], more].concat();
        installation.turnpike("integrator", &args).await
    };
    assert_eq!(health().await, Value::Null, "nothing came");
    assert_eq!(code(&live(&[]).await), 1);
    push(fresh().to_string().into_bytes()).await;
    assert_eq!(
        health().await,
        serde_json::json!({ "new": 0, "missing": 0, "retyped": 0 })
    );
    fits(&ended(&live(&[]).await, 0));
    push(changed()).await;
    assert_eq!(
        health().await,
        serde_json::json!({ "new": 1, "missing": 1, "retyped": 1 })
    );
    let shown = ended(&live(&[]).await, 10);
    fits(&shown);
    for part in [
        "lens",
        "epoch_end",
        "best_region",
        "2 payloads looked at since",
    ] {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
    let kept = installation.world.folder().join("data/shapes");
    let kept = read(&kept.join(format!("{PUSHES}.json")));
    assert!(!kept.contains("wide") && !kept.contains(PLATE) && !shown.contains("wide"));
    let listed = ended(&installation.turnpike("operator", &["sources"]).await, 0);
    fits(&listed);
    assert!(listed.contains(&format!("{PUSHES}: 1 new, 1 missing, 1 retyped")));
    let operator = installation.token("operator");
    let metrics = installation.request("GET", "/metrics", Some(operator));
    let metrics = metrics.send().await.unwrap().text().await.unwrap();
    let gauge = metrics.lines().find(|line| {
        line.starts_with("turnpike_source_drift{") && line.contains("change=\"retyped\"")
    });
    assert!(
        gauge.is_some_and(|gauge| gauge.ends_with(" 1")),
        "{gauge:?}"
    );
    ended(&live(&["--record=merge"]).await, 0);
    ended(&live(&[]).await, 0);
}

/// Keeps the pushing source to the shape of its sample.
fn keep_to_shape(world: &World) {
    let config = read(&world.config());
    assert!(config.contains("\npush = {"));
    let config = config.replacen("\npush = {", "\ndrift = { quarantine = true }\npush = {", 1);
    fs::write(world.config(), config).unwrap();
}

fn record_shape(world: &World) {
    let payload = Payload::from_file(Via::Message, "group.json", sample());
    let shape = serde_json::to_string(&Shape::of(&payload).unwrap()).unwrap();
    fs::create_dir(world.folder().join("shapes")).unwrap();
    fs::write(world.folder().join(format!("shapes/{PUSHES}.json")), shape).unwrap();
}

#[tokio::test]
async fn a_message_of_another_shape_is_set_aside_and_its_vendor_told() {
    let installation = Installation::start(|world| {
        keep_to_shape(world);
        record_shape(world);
    })
    .await;
    let token = installation.world.tokens.cameras.clone();
    let push = async |body: Vec<u8>| {
        let route = format!("/v1/sources/{PUSHES}/reads");
        let request = installation.request("POST", &route, Some(&token));
        let request = request
            .header("content-type", "application/json")
            .body(body);
        let response = request.send().await.unwrap();
        (
            response.status().as_u16(),
            response.json::<Value>().await.unwrap(),
        )
    };
    let (status, receipt) = push(fresh().to_string().into_bytes()).await;
    assert_eq!((status, &receipt["stored"]), (200, &1.into()), "{receipt}");
    let (status, problem) = push(changed()).await;
    assert_eq!(status, 400, "{problem}");
    assert_eq!(problem["field"], "lens");
    assert!(!problem.to_string().contains("wide"));
    let held = installation
        .gateway
        .held(installation.token("operator"))
        .await
        .unwrap();
    assert_eq!(held.get(PUSHES), Some(&1));
    let ledger = installation.ledger();
    let refused = of_kind(&ledger, "ingest").pop().unwrap();
    let rule = refused["body"]["refused"].as_str().unwrap();
    assert!(rule.starts_with("drift: lens: "), "{rule}");
    let folder = installation
        .world
        .folder()
        .join(format!("data/quarantine/{PUSHES}"));
    let lines: String = files_under(&folder).iter().map(|file| read(file)).collect();
    assert_eq!(lines.lines().count(), 3, "{lines}");
    for part in ["\"lens\"", "\"epoch_end\"", "\"best_region\""] {
        assert!(lines.contains(part), "{part} is not in {lines}");
    }
    assert!(!lines.contains("wide") && !lines.contains(PLATE), "{lines}");
}

#[tokio::test]
async fn a_source_that_is_kept_to_no_recorded_shape_does_not_start_but_can_be_recorded() {
    let installation = Installation::start(|world| {
        let config =
            read(&world.config()).replace("data_dir = \"data\"", "data_dir = \"elsewhere\"");
        let config = config.replacen("\npush = {", "\ndrift = { quarantine = true }\npush = {", 1);
        fs::write(world.folder().join("kept.toml"), config).unwrap();
    })
    .await;
    for command in [vec!["serve"], vec!["config", "check"]] {
        let args = [command, vec!["--config", "kept.toml"]].concat();
        let output = installation.turnpike("operator", &args).await;
        assert_eq!(code(&output), 3);
        let told = super::text(&output.stderr);
        assert!(
            told.contains("turnpike source drift main-street-cameras --record"),
            "{told}"
        );
    }
    let folder = payloads(&installation.world, "payloads");
    let args = [
        "source",
        "drift",
        PUSHES,
        "--record",
        "--payloads",
        path(&folder),
        "--config",
        "kept.toml",
    ];
    ended(&installation.turnpike("integrator", &args).await, 0);
    let args = ["config", "check", "--config", "kept.toml"];
    ended(&installation.turnpike("operator", &args).await, 0);
}

#[tokio::test]
async fn a_file_of_another_shape_is_moved_aside_with_its_reason() {
    let installation = Installation::start(|world| {
        let config = read(&world.config());
        let drop = "\ndrop = {";
        assert!(config.contains(drop), "{config}");
        let config = config.replacen(drop, "\ndrift = { quarantine = true }\ndrop = {", 1);
        fs::write(world.config(), config).unwrap();
        // A shape nothing has: one field that is always there.
        let shape = r#"{"version":1,"formats":["json"],"fields":{"":{"types":["object"],"always":false},"never":{"types":["text"],"always":true}}}"#;
        fs::create_dir(world.folder().join("shapes")).unwrap();
        fs::write(world.folder().join("shapes/state-tolls.json"), shape).unwrap();
    })
    .await;
    let dropped = turnpike_adapters::registry::find("niop").unwrap();
    let sample = dropped.samples[0];
    let drops = installation.world.folder().join("drops/tolls");
    fs::write(drops.join(sample.name), sample.bytes).unwrap();
    let reason = drops
        .join("quarantine")
        .join(format!("{}.reason.json", sample.name));
    let told = installation
        .recorded("the file is refused", |ledger| {
            let ingest = of_kind(ledger, "ingest").pop()?;
            ingest["body"]["refused"].as_str().map(str::to_owned)
        })
        .await;
    assert!(told.starts_with("drift: "), "{told}");
    // The reason comes first.
    let aside = drops.join("quarantine").join(sample.name);
    crate::installation::eventually("the file is aside", async || aside.exists().then_some(()))
        .await;
    assert!(!read(&reason).contains(PLATE));
    let shown = ended(&installation.turnpike("operator", &["sources"]).await, 0);
    fits(&shown);
    assert!(shown.contains("Refused as a whole"), "{shown}");
    assert!(shown.contains("state-tolls: 1"), "{shown}");
}
