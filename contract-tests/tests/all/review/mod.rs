//! The review of the ledger, by command and over the interface: auditor, source owner, supervisor, public.

mod auditor;
mod moved;
mod owner;

use std::{fs, path::Path, process::Output};

use serde_json::{Value, json};
use tokio::process::Command;
use turnpike_contract_tests::world::link_command;

use crate::installation::{Embedded, client};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What a command printed; anything but success fails the test.
fn done(output: &Output) -> String {
    let code = output.status.code().unwrap();
    assert_eq!(code, 0, "{}", text(&output.stderr));
    text(&output.stdout)
}

/// What a command printed as JSON.
fn parsed(output: &Output) -> Value {
    serde_json::from_str(&done(output)).unwrap()
}

/// A table for people.
fn shown(output: &Output) -> String {
    let shown = done(output);
    for line in shown.lines() {
        assert!(line.chars().count() <= 80, "{line}");
        assert_eq!(line.trim_end(), line);
    }
    shown
}

/// Entries of what was administered.
fn administered<'a>(ledger: &'a [Value], action: &str) -> Vec<&'a Value> {
    let admin = ledger.iter().filter(|entry| entry["kind"] == "admin");
    admin
        .filter(|entry| entry["body"]["action"] == action)
        .collect()
}

/// One request to a gateway inside the test, as the user of a role: status and body.
async fn call(
    gateway: &Embedded,
    role: &str,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> (u16, Value) {
    let token = gateway.world.tokens.of(role).unwrap().to_owned();
    let address = format!("http://{}{path}", gateway.running.address);
    let method = method.parse::<http::Method>().unwrap();
    let mut request = client().request(method, address).bearer_auth(token);
    if let Some(body) = body {
        request = request.json(&body);
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, response.json().await.unwrap_or(json!(null)))
}

/// Runs a `turnpike` command that needs no gateway.
async fn offline(folder: &Path, args: &[&str]) -> Output {
    let bin = folder.join("bin");
    if !bin.exists() {
        fs::create_dir(&bin).unwrap();
        link_command(Path::new(env!("CARGO_BIN_EXE_turnpike-demo")), &bin).unwrap();
    }
    let command = Command::new(bin.join("turnpike"))
        .args(args)
        .current_dir(folder)
        .output();
    command.await.unwrap()
}
