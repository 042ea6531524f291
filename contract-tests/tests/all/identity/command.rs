//! The story of the first operator and the first investigator with the command alone.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::{io::AsyncWriteExt as _, process::Command};
use turnpike_contract_tests::world::link_command;
use turnpike_gateway::control::CodeSecret;

use super::PASSWORD;
use crate::installation::{Installation, configure, now, of_kind};

/// A `turnpike` command beside an installation.
pub(super) struct Shell {
    pub(super) command: PathBuf,
    pub(super) server: String,
    pub(super) folder: PathBuf,
}

impl Shell {
    pub(super) fn start(&self, token_file: &str, args: &[&str]) -> Command {
        let mut command = Command::new(&self.command);
        command
            .args(args)
            .current_dir(&self.folder)
            .env("TURNPIKE_SERVER", &self.server)
            .env("TURNPIKE_TOKEN_FILE", token_file)
            .env("TURNPIKE_CONFIG", "turnpike.toml")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    async fn run(&self, token_file: &str, args: &[&str], input: &str) -> Output {
        let mut child = self.start(token_file, args).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A command that asks nothing may have ended before it is told anything.
        drop(stdin.write_all(input.as_bytes()).await);
        drop(stdin);
        child.wait_with_output().await.unwrap()
    }

    /// What a command that must succeed prints.
    async fn told(&self, token_file: &str, args: &[&str], input: &str) -> String {
        let output = self.run(token_file, args, input).await;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {errors}");
        String::from_utf8(output.stdout)
            .unwrap()
            .trim_end()
            .to_owned()
    }

    async fn code(&self, token_file: &str, args: &[&str], input: &str) -> (i32, String) {
        let output = self.run(token_file, args, input).await;
        let errors = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), errors)
    }

    /// Enrols and gives the authenticator.
    async fn enrol(&self, subject: &str, enrolment: &str) -> CodeSecret {
        let input = format!("{enrolment}\n{PASSWORD}\n");
        let shown = self
            .told("none", &["user", "enrol", subject, "--json"], &input)
            .await;
        let shown: Value = serde_json::from_str(&shown).unwrap();
        CodeSecret::parse(shown["code_secret"].as_str().unwrap()).unwrap()
    }
}

fn bootstrap(folder: &Path, subject: &str) -> std::process::Output {
    let program = Path::new(env!("CARGO_BIN_EXE_turnpike-demo"));
    let tools = folder.join("tools");
    fs::create_dir_all(&tools).unwrap();
    let command = tools.join("turnpike");
    if !command.exists() {
        link_command(program, &tools).unwrap();
    }
    let args = [
        "user",
        "bootstrap",
        subject,
        "--organisation",
        "turnpike-ops",
    ];
    std::process::Command::new(command)
        .args(args)
        .current_dir(folder)
        .env("TURNPIKE_CONFIG", "turnpike.toml")
        .output()
        .unwrap()
}

fn input(secret: &CodeSecret, at: Timestamp) -> String {
    format!("{PASSWORD}\n{}\n", secret.at(at))
}

#[tokio::test]
async fn from_an_empty_store_to_a_key_with_the_command_alone() {
    let mut enrolment = String::new();
    let installation = Installation::start(|world| {
        configure(world, "[identity]\nnotice = \"For official use.\"");
        let made = bootstrap(world.folder(), "first.operator");
        assert_eq!(
            made.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        enrolment = String::from_utf8(made.stdout)
            .unwrap()
            .trim_end()
            .to_owned();
        let again = bootstrap(world.folder(), "second.operator");
        assert_eq!(again.status.code(), Some(4), "only in an empty store");
        let wrong = bootstrap(world.folder(), "Not A Name");
        assert_eq!(wrong.status.code(), Some(2));
    })
    .await;
    let folder = installation.world.folder().to_owned();
    let running = bootstrap(&folder, "third.operator");
    assert_eq!(running.status.code(), Some(6), "the gateway has the store");
    let shell = Shell {
        command: folder.join("turnpike"),
        server: installation.gateway.address().to_owned(),
        folder: folder.clone(),
    };

    let secret = shell.enrol("first.operator", &enrolment).await;
    let login = ["login", "first.operator"];
    let refused = shell.code("boss", &login, &input(&secret, now())).await;
    assert_eq!(refused.0, 4, "the notice is not acknowledged");
    assert!(refused.1.contains("For official use."), "{}", refused.1);
    let login = ["login", "first.operator", "--acknowledge"];
    let wrong = shell
        .code("boss", &login, "not the password\n000000\n")
        .await;
    assert_eq!(wrong.0, 4, "{}", wrong.1);
    shell.told("boss", &login, &input(&secret, now())).await;
    let token = fs::read_to_string(folder.join("boss")).unwrap();
    assert!(token.starts_with("tps_"));
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &fs::metadata(folder.join("boss")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    let who = shell.told("boss", &["whoami"], "").await;
    assert!(
        who.contains("first.operator") && who.contains("aal2"),
        "{who}"
    );

    let add = [
        "user",
        "add",
        "ana.weiss",
        "--organisation",
        "brookdale-pd",
        "--role",
        "investigator",
        "--sworn",
    ];
    let enrolment = shell.told("boss", &add, "").await;
    let worker = shell.enrol("ana.weiss", &enrolment).await;
    let login = ["login", "ana.weiss", "--acknowledge"];
    shell.told("staff", &login, &input(&worker, now())).await;
    let standing = [
        "user",
        "standing",
        "ana.weiss",
        "--sworn",
        "--training-until",
        "2031-05-01",
    ];
    shell.told("boss", &standing, "").await;
    let asked = [
        "query",
        "TPK0421",
        "--purpose",
        "stolen_vehicle",
        "--case",
        "BRK-2026-000042",
        "--on-behalf-of",
        "self",
        "--last",
        "3d",
    ];
    let answer = shell.told("staff", &asked, "").await;
    assert!(answer.contains("BRK-2026-000042"), "{answer}");
    let list = shell.told("boss", &["user", "list"], "").await;
    for part in ["ana.weiss", "first.operator", "active", "operator"] {
        assert!(list.contains(part), "{part}: {list}");
    }
    assert!(
        list.lines().all(|line| line.chars().count() <= 80),
        "{list}"
    );
    let refused = shell.code("staff", &["user", "list"], "").await;
    assert_eq!(refused.0, 4, "{}", refused.1);
    let conflict = [
        "user",
        "roles",
        "ana.weiss",
        "--role",
        "investigator",
        "--role",
        "auditor",
    ];
    let refused = shell.code("boss", &conflict, "").await;
    assert_eq!(refused.0, 4);
    assert!(refused.1.contains("do not go together"), "{}", refused.1);
    let own = shell
        .code("boss", &["user", "reset", "first.operator"], "")
        .await;
    assert_eq!(own.0, 4);
    let unknown = shell
        .code(
            "boss",
            &["user", "roles", "ana.weiss", "--role", "king"],
            "",
        )
        .await;
    assert_eq!(unknown.0, 2);

    let new = [
        "key",
        "new",
        "records",
        "--organisation",
        "brookdale-pd",
        "--days",
        "3",
        "--route",
        "/v1/sources",
    ];
    let key = shell.told("boss", &new, "").await;
    fs::write(folder.join("records"), format!("{key}\n")).unwrap();
    shell.told("records", &["sources", "--json"], "").await;
    let who = shell.code("records", &["whoami"], "").await;
    assert_eq!(who.0, 4, "not one of its routes");
    let id = key.split('_').nth(1).unwrap();
    let listed = shell.told("boss", &["key", "list"], "").await;
    assert!(
        listed.contains(id) && listed.lines().all(|line| line.chars().count() <= 80),
        "{listed}"
    );
    shell.told("boss", &["key", "revoke", id], "").await;
    assert_eq!(shell.code("records", &["sources"], "").await.0, 4);

    shell
        .told("boss", &["user", "disable", "ana.weiss"], "")
        .await;
    assert_eq!(shell.code("staff", &["whoami"], "").await.0, 4);
    let again = input(&worker, now() + SignedDuration::from_secs(30));
    assert_eq!(shell.code("staff", &login, &again).await.0, 4);
    shell.told("boss", &["logout"], "").await;
    assert!(!folder.join("boss").exists());
    assert_eq!(
        shell.code("boss", &["whoami"], "").await.0,
        1,
        "the token is gone"
    );

    let ledger = installation.ledger();
    let admin = of_kind(&ledger, "admin");
    let count = |action: &str| {
        admin
            .iter()
            .filter(|entry| entry["body"]["action"] == action)
            // Accounts the configuration brought are a change too, and not the command's.
            .filter(|entry| entry["body"]["facts"]["change"] != "configured")
            .count()
    };
    assert_eq!(count("sign_in"), 2);
    assert_eq!(count("sign_in_refused"), 2);
    assert_eq!(count("sign_out"), 1);
    assert_eq!(
        count("account_change"),
        6,
        "bootstrap, 2 enrolled, added, standing, disabled"
    );
    assert_eq!(count("key_change"), 2);
}
