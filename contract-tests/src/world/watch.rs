//! An investigator who watches: a list from a file, a webhook, and hits as they happen, all through the command.

use std::{
    io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::process::{Child, Command};

use super::{Gateway, World};
use crate::sim::receiver::{Message, Receiver};

/// Longest wait for a message.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at what arrived.
const BEAT: Duration = Duration::from_millis(20);

/// The investigator.
#[derive(Debug)]
pub struct Watch {
    command: PathBuf,
    token: String,
    /// The system that is told of hits.
    pub receiver: Receiver,
    /// The list.
    pub list: String,
}

impl Watch {
    /// Makes a list, fills it from a file with these plates, and has a system told of its hits.
    ///
    /// # Errors
    /// A command fails; the error holds what it said.
    pub async fn begin(
        world: &World,
        gateway: &Gateway,
        command: &Path,
        plates: &[&str],
        now: Timestamp,
    ) -> io::Result<Self> {
        let mut watch = Self {
            command: command.to_owned(),
            token: world.tokens.investigator.clone(),
            receiver: Receiver::start().await?,
            list: String::new(),
        };
        let make = [
            "alert-list",
            "make",
            "Stolen this week",
            "--purpose",
            "stolen_vehicle",
            "--case",
            "BRK-2026-000042",
            "--legal-basis",
            "invented",
        ];
        let made = watch.run(gateway, &make).await?;
        made.trim().clone_into(&mut watch.list);
        let file = world.folder().join("wanted.csv");
        let ends = now + SignedDuration::from_hours(24 * 7);
        let rows = plates
            .iter()
            .map(|plate| format!("{plate},stolen_vehicle,{ends}\n"));
        let rows: String = rows.collect();
        std::fs::write(&file, format!("plate,reason,expires_at\n{rows}"))?;
        let file = file.display().to_string();
        watch
            .run(gateway, &["alert-list", "import", &watch.list, &file])
            .await?;
        let address = watch.receiver.address();
        let secret = watch.run(gateway, &["channel", "add", &address]).await?;
        watch.receiver.trust(&secret);
        Ok(watch)
    }

    /// Runs a command as the investigator; what it printed.
    ///
    /// # Errors
    /// It fails.
    pub async fn run(&self, gateway: &Gateway, args: &[&str]) -> io::Result<String> {
        let output = self.turnpike(gateway, args).output().await?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(io::Error::other(format!(
                "turnpike {}: {said}",
                args.join(" ")
            )));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn turnpike(&self, gateway: &Gateway, args: &[&str]) -> Command {
        let mut command = Command::new(&self.command);
        command
            .args(args)
            .env("TURNPIKE_SERVER", gateway.address())
            .env("TURNPIKE_TOKEN", &self.token)
            .kill_on_drop(true);
        command
    }

    /// Follows hits from the first one on; what is printed goes where this program prints.
    ///
    /// # Errors
    /// The command cannot be run.
    pub fn follow(&self, gateway: &Gateway, out: Stdio) -> io::Result<Child> {
        self.turnpike(gateway, &["hits", "follow", "--since", "0"])
            .stdout(out)
            .stderr(Stdio::inherit())
            .spawn()
    }

    /// Waits until the messages are as wanted; how many there are then.
    ///
    /// # Errors
    /// They are not in time.
    pub async fn told(&self, what: &str, wanted: impl Fn(&[Message]) -> bool) -> io::Result<usize> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let messages = self.receiver.messages();
            if wanted(&messages) {
                return Ok(messages.len());
            }
            if tokio::time::Instant::now() > deadline {
                let kinds: Vec<&str> = messages.iter().map(|one| one.kind.as_str()).collect();
                return Err(io::Error::other(format!(
                    "never told: {what}; only {kinds:?}"
                )));
            }
            tokio::time::sleep(BEAT).await;
        }
    }
}

/// How many messages there are of a kind.
#[must_use]
pub fn of_kind(messages: &[Message], kind: &str) -> usize {
    let of_kind = messages.iter().filter(|message| message.kind == kind);
    of_kind.count()
}
