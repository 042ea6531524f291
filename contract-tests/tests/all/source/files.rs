//! `turnpike source new`, `sample`, `decode`, and `turnpike sources --adapters`.

use std::fs;

use serde_json::Value;
use turnpike_adapters::registry::ADAPTERS;

use super::{code, ended, fits, text};
use crate::installation::{Installation, read};

#[tokio::test]
async fn new_writes_what_is_wanted_once_and_says_what_is_left_to_do() {
    let installation = Installation::start(|_| {}).await;
    let folder = installation.world.folder();
    let mapping = [
        "source",
        "new",
        "--id",
        "harbor-garages",
        "--kind",
        "mapping",
        "--way",
        "push",
        "--format",
        "json",
        "--family",
        "parking",
    ];
    let shown = ended(&installation.turnpike("integrator", &mapping).await, 0);
    fits(&shown);
    for part in [
        "[[sources]]",
        "adapter = \"declarative\"",
        "turnpike source check harbor-garages --payloads FOLDER",
    ] {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
    assert!(read(&folder.join("mappings/harbor-garages.toml")).contains("[fields.plate]"));
    assert!(
        read(&folder.join("agreements/harbor-garages.toml")).contains("status = \"suspended\"")
    );
    let before = read(&folder.join("mappings/harbor-garages.toml"));
    let again = installation.turnpike("integrator", &mapping).await;
    assert_eq!(code(&again), 1, "{}", text(&again.stderr));
    assert_eq!(read(&folder.join("mappings/harbor-garages.toml")), before);
    let rust = [
        "source",
        "new",
        "--id",
        "harbor",
        "--kind",
        "rust",
        "--way",
        "push",
        "--format",
        "json",
        "--family",
        "parking",
        "--into",
        "repository",
    ];
    let shown = ended(&installation.turnpike("integrator", &rust).await, 0);
    assert!(shown.contains("pub mod harbor;"), "{shown}");
    for file in [
        "adapters/src/harbor/mod.rs",
        "contract-tests/src/sim/harbor/bench.rs",
    ] {
        assert!(folder.join("repository").join(file).exists(), "{file}");
    }
    for (way, file) in [
        ("pull", "search.rs"),
        ("file", "lines.rs"),
        ("listen", "mod.rs"),
    ] {
        let mut args = rust;
        (args[3], args[7], args[13]) = (way, way, way);
        let shown = ended(&installation.turnpike("integrator", &args).await, 0);
        fits(&shown);
        assert!(shown.contains("What to do next:"), "{shown}");
        assert_eq!(shown.contains("secrets/token"), way == "pull", "{shown}");
        let written = folder.join(way).join("adapters/src").join(way).join(file);
        assert!(written.exists(), "{way}");
    }
    let wanting = installation
        .turnpike("integrator", &["source", "new", "--id", "x"])
        .await;
    assert_eq!(code(&wanting), 2);
    assert!(text(&wanting.stderr).contains("--kind"));
    let word = [
        &["source", "new", "--id", "match", "--kind", "rust"],
        &rust[6..],
    ]
    .concat();
    assert_eq!(code(&installation.turnpike("integrator", &word).await), 2);
}

#[tokio::test]
async fn every_sample_is_printed_as_it_is_and_decodes() {
    let installation = Installation::start(|_| {}).await;
    for entry in ADAPTERS {
        let settings = installation.world.folder();
        let settings = settings.join(format!("{}.toml", entry.id));
        for sample in entry.samples {
            let args = [
                "source",
                "sample",
                "--adapter",
                entry.id,
                "--name",
                sample.name,
            ];
            let output = installation.turnpike("integrator", &args).await;
            assert_eq!(code(&output), 0, "{}", text(&output.stderr));
            assert_eq!(output.stdout, sample.bytes);
            fs::write(&settings, sample.example.unwrap_or(entry.example)).unwrap();
            let file = installation.world.folder().join(sample.name);
            fs::write(&file, &output.stdout).unwrap();
            let mut args = vec![
                "source",
                "decode",
                "--adapter",
                entry.id,
                "--settings",
                settings.to_str().unwrap(),
                "--content-type",
                sample.content_type,
            ];
            args.extend(sample.topic.iter().flat_map(|topic| ["--topic", topic]));
            args.push(file.to_str().unwrap());
            let decoded = ended(&installation.turnpike("integrator", &args).await, 0);
            assert!(
                decoded.contains("\"read\""),
                "{}: {}",
                entry.id,
                sample.name
            );
        }
    }
    let unknown = ["source", "sample", "--adapter", "tollgate"];
    assert_eq!(
        code(&installation.turnpike("integrator", &unknown).await),
        2
    );
}

#[tokio::test]
async fn adapters_are_listed_without_a_gateway() {
    let installation = Installation::start(|_| {}).await;
    let args = ["sources", "--adapters", "--server", "http://127.0.0.1:9"];
    let shown = ended(&installation.turnpike("integrator", &args).await, 0);
    fits(&shown);
    for entry in ADAPTERS {
        assert!(
            shown.contains(entry.id) && shown.contains(entry.family.as_str()),
            "{shown}"
        );
    }
    let json = ended(
        &installation
            .turnpike("integrator", &["sources", "--adapters", "--json"])
            .await,
        0,
    );
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["adapters"].as_array().unwrap().len(), ADAPTERS.len());
}
