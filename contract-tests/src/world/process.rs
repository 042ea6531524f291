//! The gateway as a process of its own, as an operator runs it.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::sim::server;

/// Longest wait for the gateway to listen.
const START: Duration = Duration::from_secs(30);

/// Variables for a gateway in an invented installation: how full or busy this machine's disk is says nothing about it.
pub const ANY_DISK: [(&str, &str); 3] = [
    ("TURNPIKE__LEDGER__DEADLINE_MS", "10000"),
    ("TURNPIKE__LEDGER__WARN_PERCENT", "100"),
    ("TURNPIKE__LEDGER__STOP_PERCENT", "100"),
];

/// A running gateway. Dropping it kills it.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    address: String,
    client: reqwest::Client,
}

/// Puts the `turnpike` command into `folder` as a link to `program`, which acts as `turnpike` under that name.
///
/// # Errors
/// The link cannot be made.
pub fn link_command(program: &Path, folder: &Path) -> io::Result<PathBuf> {
    let command = folder.join("turnpike");
    std::os::unix::fs::symlink(program, &command)?;
    Ok(command)
}

impl Gateway {
    /// Runs `turnpike serve` and waits until it listens.
    ///
    /// # Errors
    /// It does not start; the error holds what it said.
    pub async fn start(command: &Path, config: &Path) -> io::Result<Self> {
        Self::launch(command, config, Stdio::inherit()).await
    }

    /// The same, with its log lines in the file `log`.
    ///
    /// # Errors
    /// It does not start, or the file cannot be made.
    pub async fn start_logging(command: &Path, config: &Path, log: &Path) -> io::Result<Self> {
        let log = std::fs::File::create(log)?;
        Self::launch(command, config, log.into()).await
    }

    async fn launch(command: &Path, config: &Path, log: Stdio) -> io::Result<Self> {
        let mut child = Command::new(command)
            .arg("serve")
            .arg("--config")
            .arg(config)
            .envs(ANY_DISK)
            .stdout(Stdio::piped())
            .stderr(log)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| io::Error::other("no standard output"))?;
        let mut lines = BufReader::new(stdout).lines();
        let line = tokio::time::timeout(START, lines.next_line())
            .await
            .map_err(|_| io::Error::other("the gateway did not start in time"))??;
        let line = line.ok_or_else(|| {
            io::Error::other("the gateway ended before it listened; its messages are above")
        })?;
        let address = line.rsplit(' ').next().unwrap_or_default().to_owned();
        Ok(Self {
            child,
            address,
            client: server::client()?,
        })
    }

    /// `http://` address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A client for it.
    #[must_use]
    pub fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// Process id.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Kills it as a power cut would, and waits until it is gone.
    ///
    /// # Errors
    /// The system refuses.
    pub async fn kill(mut self) -> io::Result<()> {
        self.child.kill().await
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// The system refuses.
    pub async fn ended(&mut self) -> io::Result<std::process::ExitStatus> {
        self.child.wait().await
    }

    /// Asks a question.
    ///
    /// # Errors
    /// The gateway cannot be reached or does not answer JSON.
    pub async fn ask(&self, token: &str, question: &Value) -> io::Result<(u16, Value)> {
        let request = self
            .client
            .post(format!("{}/v1/queries", self.address))
            .bearer_auth(token)
            .json(question);
        json(request).await
    }

    /// Gets an address.
    ///
    /// # Errors
    /// The gateway cannot be reached or does not answer JSON.
    pub async fn get(&self, token: &str, path: &str) -> io::Result<(u16, Value)> {
        json(
            self.client
                .get(format!("{}{path}", self.address))
                .bearer_auth(token),
        )
        .await
    }

    /// Reads held, by source.
    ///
    /// # Errors
    /// The gateway cannot be reached.
    pub async fn held(&self, token: &str) -> io::Result<BTreeMap<String, u64>> {
        let (_, list) = self.get(token, "/v1/sources").await?;
        let sources = list
            .get("sources")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let held = sources.iter().filter_map(|source| {
            let id = source.get("source")?.as_str()?.to_owned();
            Some((id, source.get("reads_held")?.as_u64()?))
        });
        Ok(held.collect())
    }
}

async fn json(request: reqwest::RequestBuilder) -> io::Result<(u16, Value)> {
    let response = request.send().await.map_err(io::Error::other)?;
    let status = response.status().as_u16();
    let body = response.json().await.map_err(io::Error::other)?;
    Ok((status, body))
}
