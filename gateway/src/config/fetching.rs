//! How the gateway goes and gets what a source has: polling, listening, fetching files.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::Deserialize;
use turnpike_adapters::{
    context::Secret,
    transport::{
        Login,
        sftp::{HostKey, Proof, SftpConfig},
    },
};

use super::report::Report;

const DAY_S: u64 = 86_400;

/// How a source is polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Poll {
    /// Time between two polls.
    pub every: Duration,
    /// Longest time of one poll.
    pub deadline: Duration,
}

/// How a source is listened to.
#[derive(Debug, Clone)]
pub struct Listen {
    /// The name a broker keeps messages under.
    pub client_id: String,
    /// Longest time to connect.
    pub connect: Duration,
    /// Longest silence of a stream; a broker is asked whether it is there after half of it.
    pub idle: Duration,
    /// Largest message or part, in bytes.
    pub max_message: usize,
    /// Certificates to trust of a broker, PEM.
    pub ca: Option<Vec<u8>>,
    /// Name and password, where there are some.
    pub login: Option<Login>,
}

/// How files are fetched from a server into the source's folder.
#[derive(Debug, Clone)]
pub struct Sftp {
    /// The server.
    pub server: SftpConfig,
    /// Folder on the server.
    pub folder: String,
    /// Time between two visits.
    pub every: Duration,
    /// A file is fetched once it has not changed for this long.
    pub settle: Duration,
    /// What becomes of a file on the server once its reads are durable.
    pub after: AfterFetch,
    /// Folder on the server for acknowledgement files.
    pub acknowledgements: Option<String>,
    /// Largest file, in bytes.
    pub max_bytes: u64,
}

/// What becomes of a file on the server once its reads are durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AfterFetch {
    /// It stays. What was fetched is remembered as long as it is there.
    Leave,
    /// It is moved to this folder.
    Move(String),
    /// It is removed.
    Delete,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, expecting = "a table")]
pub(super) struct RawPoll {
    pub(super) every_s: u64,
    pub(super) deadline_s: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, expecting = "a table")]
pub(super) struct RawListen {
    pub(super) client_id: Option<String>,
    pub(super) connect_ms: u64,
    pub(super) idle_s: u64,
    pub(super) max_message_mb: u64,
    pub(super) ca: Option<PathBuf>,
}

#[derive(Clone, Deserialize)]
#[serde(expecting = "a table")]
pub(super) struct RawSftp {
    pub(super) host: String,
    #[serde(default = "port")]
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) host_key: String,
    #[serde(default)]
    /// References, as written: `password`, or `key` with its `key_passphrase`.
    pub(super) secrets: BTreeMap<String, toml::Value>,
    #[serde(default = "folder")]
    pub(super) folder: String,
    #[serde(default = "sftp_every_s")]
    pub(super) every_s: u64,
    #[serde(default = "sftp_settle_ms")]
    pub(super) settle_ms: u64,
    #[serde(default)]
    pub(super) after: RawAfter,
    #[serde(default = "done")]
    pub(super) done: String,
    pub(super) acknowledgements: Option<String>,
    #[serde(default = "max_mb")]
    pub(super) max_mb: u64,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawAfter {
    #[default]
    Leave,
    Move,
    Delete,
}

fn port() -> u16 {
    22
}

fn folder() -> String {
    ".".to_owned()
}

fn done() -> String {
    "done".to_owned()
}

fn sftp_every_s() -> u64 {
    60
}

fn sftp_settle_ms() -> u64 {
    5_000
}

fn max_mb() -> u64 {
    1_024
}

impl Default for RawPoll {
    fn default() -> Self {
        Self {
            every_s: 60,
            deadline_s: 30,
        }
    }
}

impl Default for RawListen {
    fn default() -> Self {
        Self {
            client_id: None,
            connect_ms: 10_000,
            idle_s: 60,
            max_message_mb: 16,
            ca: None,
        }
    }
}

pub(super) fn poll(at: &str, raw: &RawPoll, report: &mut Report) -> Poll {
    let mut seconds = |key: &str, value, range| {
        Duration::from_secs(report.within(format!("{at}.poll.{key}"), value, range))
    };
    Poll {
        every: seconds("every_s", raw.every_s, 1..=DAY_S),
        deadline: seconds("deadline_s", raw.deadline_s, 1..=600),
    }
}

/// `ca` is the content of the file `raw` names.
pub(super) fn listen(
    at: &str,
    source: &str,
    raw: &RawListen,
    ca: Option<Vec<u8>>,
    login: Option<Login>,
    report: &mut Report,
) -> Listen {
    let client_id = raw.client_id.clone();
    let client_id = client_id.unwrap_or_else(|| format!("turnpike-{source}"));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if client_id.is_empty() || client_id.len() > 128 || !client_id.bytes().all(plain) {
        let message = "must be 1 to 128 letters, digits, `-`, `_` or `.`";
        report.add(format!("{at}.listen.client_id"), message);
    }
    let megabytes = report.within(
        format!("{at}.listen.max_message_mb"),
        raw.max_message_mb,
        1..=64,
    );
    Listen {
        client_id,
        connect: Duration::from_millis(report.within(
            format!("{at}.listen.connect_ms"),
            raw.connect_ms,
            100..=60_000,
        )),
        idle: Duration::from_secs(report.within(
            format!("{at}.listen.idle_s"),
            raw.idle_s,
            10..=3_600,
        )),
        max_message: usize::try_from(megabytes << 20).unwrap_or(usize::MAX),
        ca,
        login,
    }
}

/// `secrets` are what the references of `raw` lead to; what is missing or too much is reported here.
pub(super) fn sftp(
    at: &str,
    raw: &RawSftp,
    mut secrets: BTreeMap<String, Secret>,
    allow_private: bool,
    report: &mut Report,
) -> Option<Sftp> {
    let key = |name: &str| format!("{at}.sftp.{name}");
    if raw.host.is_empty() || raw.host.contains(['/', '@', ' ']) {
        report.add(key("host"), "must be a name or an address");
    }
    if raw.user.is_empty() {
        report.add(key("user"), "is empty");
    }
    let host_key = HostKey::parse(&raw.host_key);
    if host_key.is_none() {
        let message = "must be the SHA-256 fingerprint of the server's key, as `ssh-keygen -l` prints it: `SHA256:...`";
        report.add(key("host_key"), message);
    }
    let written = |name: &str| raw.secrets.contains_key(name);
    if written("password") == written("key") || (written("key_passphrase") && !written("key")) {
        let message = "must hold either `password`, or `key` and perhaps its `key_passphrase`";
        report.add(key("secrets"), message);
    }
    let proof = match (secrets.remove("key"), secrets.remove("password")) {
        (Some(key), None) => Some(Proof::Key {
            key,
            passphrase: secrets.remove("key_passphrase"),
        }),
        (None, Some(password)) => Some(Proof::Password(password)),
        _ => None,
    };
    if let Some(proof) = &proof {
        report.check(key("secrets.key"), proof.check());
    }
    for (name, folder) in [
        ("folder", Some(&raw.folder)),
        ("done", Some(&raw.done)),
        ("acknowledgements", raw.acknowledgements.as_ref()),
    ] {
        if folder.is_some_and(|folder| folder.is_empty() || folder.ends_with('/')) {
            report.add(key(name), "must be a folder, without a `/` at its end");
        }
    }
    let every = report.within(key("every_s"), raw.every_s, 1..=DAY_S);
    let settle = report.within(key("settle_ms"), raw.settle_ms, 0..=3_600_000);
    let max_mb = report.within(key("max_mb"), raw.max_mb, 1..=65_536);
    Some(Sftp {
        server: SftpConfig {
            host: raw.host.clone(),
            port: raw.port,
            host_key: host_key?,
            user: raw.user.clone(),
            proof: proof?,
            allow_private,
            connect_timeout: Duration::from_secs(15),
            request_timeout: Duration::from_secs(30),
        },
        folder: raw.folder.clone(),
        every: Duration::from_secs(every),
        settle: Duration::from_millis(settle),
        after: match raw.after {
            RawAfter::Leave => AfterFetch::Leave,
            RawAfter::Move => AfterFetch::Move(raw.done.clone()),
            RawAfter::Delete => AfterFetch::Delete,
        },
        acknowledgements: raw.acknowledgements.clone(),
        max_bytes: max_mb << 20,
    })
}
