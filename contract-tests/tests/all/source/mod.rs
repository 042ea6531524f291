//! `turnpike source` from end to end: new, check, sample, drift; what is on record of them and what is left behind.

mod check;
mod drift;
mod files;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use turnpike_adapters::registry;
use turnpike_contract_tests::world::World;
use turnpike_gateway::config::TokenHash;

use crate::installation::{PLATE, now, read};

/// The source that pushes.
const PUSHES: &str = "main-street-cameras";

/// The source that is asked live.
const LIVE: &str = "brookdale-police";

/// The token of somebody who brings sources in and may ask as well.
const CHECKER: &str = "a token for checking, invented";

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn ended(output: &Output, wanted: i32) -> String {
    let shown = text(&output.stdout);
    assert_eq!(code(output), wanted, "{shown}{}", text(&output.stderr));
    shown
}

/// Adds somebody who may check and ask, with the token in the file `checker`.
fn with_checker(world: &World) {
    let mut config = read(&world.config());
    config.push_str(&format!(
        "\n[[users]]\nsubject = \"noa.field\"\norganisation = \"brookdale-pd\"\nroles = [\"integrator\", \"investigator\"]\ntoken_sha256 = \"{}\"\n",
        TokenHash::of(CHECKER).to_hex()
    ));
    fs::write(world.config(), config).unwrap();
    fs::write(world.folder().join("checker"), CHECKER).unwrap();
}

/// The question of a live check.
fn asking(id: &'static str) -> Vec<&'static str> {
    vec![
        "source",
        "check",
        id,
        "--plate",
        PLATE,
        "--purpose",
        "stolen_vehicle",
        "--case",
        "BRK-2026-000042",
        "--on-behalf-of",
        "self",
        "--last",
        "3d",
    ]
}

/// A folder of payloads of the pushing source: the sample of its adapter.
fn payloads(world: &World, name: &str) -> PathBuf {
    let folder = world.folder().join(name);
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("group.json"), sample()).unwrap();
    fs::write(folder.join("README.md"), "not a payload").unwrap();
    folder
}

/// An invented message of the pushing source.
fn sample() -> &'static [u8] {
    let pushes = registry::ADAPTERS.iter().find(|entry| entry.id == "rekor");
    pushes.unwrap().samples[0].bytes
}

/// The same, of a minute ago: older ones are past the agreement's retention.
fn fresh() -> Value {
    let mut message: Value = serde_json::from_slice(sample()).unwrap();
    let ago = now().as_millisecond() - 60_000;
    message["epoch_start"] = ago.into();
    message["epoch_end"] = (ago + 1_000).into();
    message
}

/// The same with a field more, another type and a field less.
fn changed() -> Vec<u8> {
    let mut message = fresh();
    message["best_region"] = 7.into();
    message["lens"] = "wide".into();
    message.as_object_mut().unwrap().remove("epoch_end");
    message.to_string().into_bytes()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// That a table or text is for people.
fn fits(shown: &str) {
    assert!(!shown.is_empty());
    for line in shown.lines() {
        assert!(line.chars().count() <= 80, "{line}");
        assert_eq!(line.trim_end(), line);
    }
}
