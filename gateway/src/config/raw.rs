//! The configuration as written. [`super::Config`] is what it means.

use std::{collections::BTreeMap, path::PathBuf};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{
    fetching::{RawListen, RawPoll, RawSftp},
    mail::{RawMail, RawWebPush},
    providers::RawIdentity,
    review::RawReview,
};
use crate::ledger::Period;

use turnpike_schemas::{
    agreement::{OrganisationClass, Role},
    plate::Jurisdiction,
    query::{Offence, Purpose},
    read::SourceId,
};

/// Everything but the lists. Each value can also come from the environment: `TURNPIKE__LEDGER__DEADLINE_MS=500`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, expecting = "a table")]
pub(super) struct RawScalars {
    pub(super) version: u32,
    pub(super) profile: Profile,
    pub(super) listen: String,
    pub(super) data_dir: PathBuf,
    pub(super) log: RawLog,
    pub(super) ledger: RawLedger,
    pub(super) http: RawHttp,
    pub(super) limits: RawLimits,
    pub(super) store: RawStore,
    pub(super) vocabulary: RawVocabulary,
    pub(super) notes: RawNotes,
    pub(super) alerts: RawAlerts,
    pub(super) webhooks: RawWebhooks,
    pub(super) mail: RawMail,
    pub(super) web_push: RawWebPush,
    pub(super) identity: RawIdentity,
    pub(super) review: RawReview,
    pub(super) agreements: RawAgreements,
    pub(super) policy: RawPolicy,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, expecting = "a table")]
pub(super) struct RawLog {
    pub(super) level: String,
    pub(super) format: LogFormat,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, expecting = "a table")]
pub(super) struct RawLedger {
    pub(super) deadline_ms: u64,
    pub(super) segment_mb: u64,
    pub(super) warn_percent: u8,
    pub(super) stop_percent: u8,
    pub(super) origin: String,
    pub(super) key_file: PathBuf,
    pub(super) checkpoint_ms: u64,
    pub(super) witness_policy: String,
    pub(super) witness_max_age_s: u64,
    pub(super) keys_dir: PathBuf,
    pub(super) epoch: Period,
    pub(super) retention_days: u64,
    pub(super) lost_keys: Vec<String>,
    pub(super) owner_checkpoint_s: u64,
}

/// Which rules a configuration is held to besides its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Profile {
    /// None.
    Standard,
    /// Those of the CJIS Security Policy that a configuration can break: the ledger is kept a year or longer.
    Cjis,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, expecting = "a table")]
pub(super) struct RawHttp {
    pub(super) max_connections: u32,
    pub(super) header_timeout_ms: u64,
    pub(super) max_header_kb: u32,
    pub(super) body_timeout_ms: u64,
    pub(super) write_timeout_ms: u64,
    pub(super) max_query_kb: u32,
    pub(super) max_push_mb: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, expecting = "a table")]
pub(super) struct RawLimits {
    pub(super) user_per_minute: u32,
    pub(super) organisation_per_minute: u32,
    pub(super) pushes_per_second: u32,
    pub(super) pushes_in_flight: u32,
    pub(super) strangers_per_minute: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, expecting = "a table")]
pub(super) struct RawStore {
    pub(super) sweep_every_s: u64,
}

/// An empty list is every word there is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, expecting = "a table")]
pub(super) struct RawVocabulary {
    pub(super) purposes: Vec<Purpose>,
    pub(super) offences: Vec<Offence>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, expecting = "a table")]
pub(super) struct RawNotes {
    pub(super) keep_days: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, expecting = "a table")]
pub(super) struct RawAlerts {
    pub(super) entries_per_list: u32,
    pub(super) entries: u32,
    pub(super) owners: u32,
    pub(super) passage_s: u64,
    pub(super) repeat_s: u64,
    pub(super) link: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, expecting = "a table")]
pub(super) struct RawWebhooks {
    pub(super) allow_private_addresses: bool,
    pub(super) allow_http: bool,
}

impl Default for RawAlerts {
    fn default() -> Self {
        Self {
            entries_per_list: 2_500,
            entries: 7_500_000,
            owners: 3_000,
            passage_s: 30,
            repeat_s: 600,
            link: String::new(),
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, expecting = "a table")]
pub(super) struct RawAgreements {
    pub(super) require_signatures: bool,
}

impl Default for RawAgreements {
    fn default() -> Self {
        Self {
            require_signatures: true,
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(expecting = "a table")]
pub(super) struct RawAgreementKey {
    pub(super) key: String,
    pub(super) holder: String,
    pub(super) role: Role,
    #[serde(default)]
    pub(super) sources: Vec<SourceId>,
}

/// An empty folder is none: an installation without policies of its own.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, expecting = "a table")]
pub(super) struct RawPolicy {
    pub(super) folder: PathBuf,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(expecting = "a table")]
pub(super) struct RawOrganisation {
    pub(super) id: String,
    pub(super) class: OrganisationClass,
    pub(super) jurisdiction: Jurisdiction,
    pub(super) case_pattern: Option<String>,
    /// Taken apart by hand: a type error of serde would repeat an inline secret.
    pub(super) case_register: Option<toml::Value>,
}

#[derive(Clone, Deserialize)]
#[serde(expecting = "a table")]
pub(super) struct RawUser {
    pub(super) subject: String,
    pub(super) organisation: String,
    pub(super) roles: Vec<Role>,
    #[serde(default)]
    pub(super) sworn: bool,
    pub(super) training_until: Option<Date>,
    pub(super) token_sha256: String,
}

#[derive(Clone, Deserialize)]
#[serde(expecting = "a table")]
pub(super) struct RawSource {
    pub(super) id: SourceId,
    pub(super) title: Option<String>,
    pub(super) adapter: String,
    pub(super) agreement: PathBuf,
    pub(super) owner: Option<String>,
    #[serde(default)]
    pub(super) settings: BTreeMap<String, toml::Value>,
    #[serde(default)]
    /// References, as written. They are taken apart by hand: a type error of serde would repeat an inline secret.
    pub(super) secrets: BTreeMap<String, toml::Value>,
    #[serde(default)]
    pub(super) allow_private_addresses: bool,
    #[serde(default)]
    pub(super) quota: RawQuota,
    pub(super) stale_after_s: Option<u64>,
    /// Taken apart by hand as well, for the same reason.
    pub(super) push: Option<toml::Value>,
    pub(super) drop: Option<RawDrop>,
    pub(super) drift: Option<RawDrift>,
    pub(super) poll: Option<RawPoll>,
    pub(super) listen: Option<RawListen>,
    pub(super) sftp: Option<RawSftp>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default, expecting = "a table")]
pub(super) struct RawQuota {
    pub(super) requests: u32,
    pub(super) per_s: u32,
    pub(super) burst: Option<u32>,
    pub(super) concurrency: u32,
    pub(super) attempt_timeout_ms: u64,
    pub(super) alert_reserve_percent: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(expecting = "a table")]
pub(super) struct RawDrop {
    pub(super) folder: PathBuf,
    pub(super) acknowledgements: Option<PathBuf>,
    #[serde(default = "settle_ms")]
    pub(super) settle_ms: u64,
    #[serde(default = "scan_ms")]
    pub(super) scan_ms: u64,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, expecting = "a table")]
pub(super) struct RawDrift {
    pub(super) quarantine: bool,
    pub(super) shape: Option<PathBuf>,
}

fn settle_ms() -> u64 {
    2_000
}

fn scan_ms() -> u64 {
    5_000
}

impl Default for RawScalars {
    fn default() -> Self {
        Self {
            version: 1,
            profile: Profile::Standard,
            listen: "127.0.0.1:8080".to_owned(),
            data_dir: PathBuf::from("data"),
            log: RawLog::default(),
            ledger: RawLedger::default(),
            http: RawHttp::default(),
            limits: RawLimits::default(),
            store: RawStore::default(),
            vocabulary: RawVocabulary::default(),
            notes: RawNotes::default(),
            alerts: RawAlerts::default(),
            webhooks: RawWebhooks::default(),
            mail: RawMail::default(),
            web_push: RawWebPush::default(),
            identity: RawIdentity::default(),
            review: RawReview::default(),
            agreements: RawAgreements::default(),
            policy: RawPolicy::default(),
        }
    }
}

impl Default for RawLog {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: LogFormat::Json,
        }
    }
}

impl Default for RawLedger {
    fn default() -> Self {
        Self {
            deadline_ms: 250,
            segment_mb: 64,
            warn_percent: 80,
            stop_percent: 95,
            origin: "auto".to_owned(),
            key_file: PathBuf::from("ledger.key"),
            checkpoint_ms: 1_000,
            witness_policy: "none".to_owned(),
            witness_max_age_s: 14_400,
            keys_dir: PathBuf::from("ledger-keys"),
            epoch: Period::Month,
            retention_days: 365,
            lost_keys: Vec::new(),
            owner_checkpoint_s: 60,
        }
    }
}

impl Default for RawHttp {
    fn default() -> Self {
        Self {
            max_connections: 1_024,
            header_timeout_ms: 5_000,
            max_header_kb: 32,
            body_timeout_ms: 15_000,
            write_timeout_ms: 15_000,
            max_query_kb: 64,
            max_push_mb: 16,
        }
    }
}

impl Default for RawLimits {
    fn default() -> Self {
        Self {
            user_per_minute: 60,
            organisation_per_minute: 600,
            pushes_per_second: 2_000,
            pushes_in_flight: 32,
            strangers_per_minute: 60,
        }
    }
}

impl Default for RawNotes {
    fn default() -> Self {
        Self { keep_days: 365 }
    }
}

impl Default for RawStore {
    fn default() -> Self {
        Self { sweep_every_s: 60 }
    }
}

impl Default for RawQuota {
    fn default() -> Self {
        Self {
            requests: 10,
            per_s: 1,
            burst: None,
            concurrency: 8,
            attempt_timeout_ms: 4_000,
            alert_reserve_percent: 0,
        }
    }
}
