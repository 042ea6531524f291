//! The configuration as meant: validated once, then only read.
//!
//! The `config` crate and the process environment appear in this module only. Secrets are references to an
//! environment variable or a file; nothing here prints one.

mod agreements;
mod cases;
mod decode;
mod fetching;
mod hotlists;
mod ledger;
mod load;
mod mail;
mod people;
mod providers;
mod push;
mod raw;
mod report;
mod review;
mod sources;
mod validate;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::civil::Date;
use serde_json::Value;
use turnpike_adapters::{conformance::Shape, context::Secrets, registry::Entry};
use turnpike_schemas::{
    agreement::{Agreement, Organisation, Role},
    hit::passage::Windows,
    read::SourceId,
};
use url::Url;

pub use fetching::{AfterFetch, Listen, Poll, Sftp};
pub use load::Effective;
pub use providers::{ALGORITHMS, Claims, IdentityRules, Provider};
pub use raw::LogFormat;
pub use report::Problem;
pub use review::Review;
pub(crate) use sources::inline_files;

use crate::{
    agreements::{AgreementKeys, Approval},
    alerts::hotlist::Layout,
    cases::{CaseRules, Vocabulary},
    channels::Ways,
    ledger::LedgerConfig,
    policy::PolicySource,
    tlog::Witnesses,
    webhook::Push,
};

/// SHA-256 of a bearer token. Tokens themselves are never kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenHash(pub(crate) [u8; 32]);

/// Everything the gateway needs to know to start.
#[derive(Debug)]
pub struct Config {
    /// Address to listen on; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Folder of ledger, read store and quarantine.
    pub data_dir: PathBuf,
    /// Log filter, as in `info` or `turnpike_gateway=debug`.
    pub log_level: String,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// How the ledger is kept and signed.
    pub ledger: LedgerConfig,
    /// Who has to vouch for the ledger, and how lately.
    pub witnesses: Option<Witnesses>,
    /// Shortest time for which the ledger's keys are kept.
    pub ledger_retention: Duration,
    /// How often the logs of source owners are brought up to date.
    pub owner_checkpoint_every: Duration,
    /// Limits of the HTTP server.
    pub http: HttpLimits,
    /// Limits on callers.
    pub limits: CallerLimits,
    /// How often expired reads are removed.
    pub sweep_every: Duration,
    /// What the second engine decides by.
    pub policy: PolicySource,
    /// Organisations by id.
    pub organisations: BTreeMap<String, Organisation>,
    /// Purposes and offences in use.
    pub vocabulary: Vocabulary,
    /// How the cases of an organisation are checked, by its id.
    pub cases: BTreeMap<String, CaseRules>,
    /// How long notes are kept, in days.
    pub keep_notes_days: u32,
    /// How much alert lists may hold.
    pub alerts: AlertLimits,
    /// Where fields stand in the lists that authorities hand out, by name.
    pub hotlists: BTreeMap<String, Layout>,
    /// How somebody may be told of hits.
    pub channels: Ways,
    /// How the ledger is reviewed.
    pub review: Review,
    /// Whether every agreement must be signed.
    pub require_signatures: bool,
    /// The keys that may sign agreements.
    pub agreement_keys: AgreementKeys,
    /// Users.
    pub users: Vec<User>,
    /// What holds for every sign-in.
    pub identity: IdentityRules,
    /// Providers of single sign-on.
    pub providers: Vec<Provider>,
    /// Sources, in the order they are written.
    pub sources: Vec<Source>,
    /// Effective scalars and where they came from, for `config check`.
    pub effective: Vec<Effective>,
}

/// Limits of the HTTP server.
#[derive(Debug, Clone, Copy)]
pub struct HttpLimits {
    /// Connections at once.
    pub max_connections: u32,
    /// Longest time for a request's headers.
    pub header_timeout: Duration,
    /// Longest header block, in bytes.
    pub max_header_bytes: usize,
    /// Longest time for a request's body.
    pub body_timeout: Duration,
    /// Longest time in which a client takes nothing of its answer.
    pub write_timeout: Duration,
    /// Longest body of a question, in bytes.
    pub max_query_bytes: usize,
    /// Longest body of a pushed message, in bytes.
    pub max_push_bytes: usize,
}

/// Limits on callers.
#[derive(Debug, Clone, Copy)]
pub struct CallerLimits {
    /// Questions a minute of one user.
    pub user_per_minute: NonZeroU32,
    /// Questions a minute of one organisation.
    pub organisation_per_minute: NonZeroU32,
    /// Messages a second of one pushing source.
    pub pushes_per_second: NonZeroU32,
    /// Messages being received and decoded at once, over all sources.
    pub pushes_in_flight: NonZeroU32,
    /// Refusals of callers without a valid token that get an entry each.
    pub strangers_per_minute: NonZeroU32,
}

/// How much alert lists may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlertLimits {
    /// Entries of one list.
    pub entries_per_list: u32,
    /// Entries of all lists.
    pub entries: u32,
    /// People and systems that have lists.
    pub owners: u32,
    /// Which reads are one passage.
    pub windows: Windows,
}

/// A person or system that may sign in.
#[derive(Debug, Clone)]
pub struct User {
    /// Stable identifier.
    pub subject: String,
    /// The organisation.
    pub organisation: Organisation,
    /// Roles.
    pub roles: BTreeSet<Role>,
    /// Whether the person is a sworn officer.
    pub sworn: bool,
    /// Last day of valid training.
    pub training_until: Option<Date>,
    /// Hash of the token.
    pub token: TokenHash,
}

/// One configured source under one agreement.
#[derive(Debug)]
pub struct Source {
    /// Identifier.
    pub id: SourceId,
    /// Name for people.
    pub title: String,
    /// The adapter.
    pub entry: &'static Entry,
    /// The adapter's settings.
    pub settings: Value,
    /// Addresses the transport is pinned to.
    pub hosts: Vec<Url>,
    /// Whether those may resolve to private addresses.
    pub allow_private_addresses: bool,
    /// Secrets, resolved.
    pub secrets: Arc<Secrets>,
    /// The agreement.
    pub agreement: Arc<Agreement>,
    /// The organisation whose source owners may read the log of this source.
    pub owner: Option<String>,
    /// The good signatures under it that count.
    pub approvals: Vec<Approval>,
    /// Quota kept for the source.
    pub quota: Quota,
    /// Silence after which what is held counts as stale.
    pub stale_after: Option<Duration>,
    /// How the source proves that what it pushes is its own.
    pub push: Option<Push>,
    /// Folder the source drops files into.
    pub drop: Option<Drop>,
    /// How it is polled.
    pub poll: Option<Poll>,
    /// How it is listened to.
    pub listen: Option<Listen>,
    /// Where its files are fetched from.
    pub sftp: Option<Sftp>,
    /// The recorded shape of its payloads.
    pub drift: Drift,
}

/// Where the shape of a source's payloads is recorded, and what is done when they drift from it.
#[derive(Debug, Clone)]
pub struct Drift {
    /// Whether payloads of another shape are set aside.
    pub quarantine: bool,
    /// File of the recorded shape.
    pub file: PathBuf,
    /// The recorded shape, where there is one.
    pub shape: Option<Arc<Shape>>,
}

/// Quota kept for a source.
#[derive(Debug, Clone, Copy)]
pub struct Quota {
    /// Requests per period.
    pub requests: NonZeroU32,
    /// The period.
    pub per: Duration,
    /// Requests that may come at once; at most half of `requests`.
    pub burst: NonZeroU32,
    /// Requests under way at once.
    pub concurrency: NonZeroU32,
    /// Longest time of one attempt.
    pub attempt_timeout: Duration,
    /// Percent of it kept for entries of alert lists, which ask in turn; 0 where none does.
    pub alert_reserve_percent: u8,
}

/// Folder a source drops files into.
#[derive(Debug, Clone)]
pub struct Drop {
    /// Where files arrive. `done/` and `quarantine/` are made inside it.
    pub folder: PathBuf,
    /// Where acknowledgement files go; `acknowledgements/` inside the folder unless set.
    pub acknowledgements: PathBuf,
    /// A file is taken once its size has not changed for this long.
    pub settle: Duration,
    /// How often the folder is looked at besides file system events.
    pub scan_every: Duration,
}

impl Drift {
    /// What to do about a shape that is demanded and not recorded.
    #[must_use]
    pub fn missing(&self, id: &SourceId) -> Option<String> {
        let missing = self.quarantine && self.shape.is_none();
        missing.then(|| {
            let file = self.file.display();
            format!("source `{id}` quarantines what drifts from its recorded shape, but {file} is not there; record it first: turnpike source drift {id} --record --payloads FOLDER")
        })
    }
}

impl Config {
    /// Reads and checks the configuration file and the process environment.
    ///
    /// # Errors
    /// Every problem at once, each with file and key.
    pub fn load(path: &Path) -> Result<Self, Vec<Problem>> {
        // `std::env::vars` panics on names or values that are not Unicode.
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self::load_with(path, &environment)
    }

    /// The same with the given environment.
    ///
    /// # Errors
    /// Every problem at once, each with file and key.
    pub fn load_with(
        path: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, Vec<Problem>> {
        validate::load(path, environment)
    }
}

impl TokenHash {
    /// Hash of a token.
    #[must_use]
    pub fn of(token: &str) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(token.as_bytes()).into())
    }

    /// Parses 64 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        // `from_str_radix` would take a sign.
        if bytes.len() != 64 || !bytes.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let mut hash = [0; 32];
        for (slot, pair) in hash.iter_mut().zip(bytes.chunks(2)) {
            let digits = std::str::from_utf8(pair).ok()?;
            *slot = u8::from_str_radix(digits, 16).ok()?;
        }
        Some(Self(hash))
    }

    /// As 64 hexadecimal digits.
    #[must_use]
    pub fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Compares without telling by time where two hashes differ.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        use subtle::ConstantTimeEq as _;
        self.0.ct_eq(&other.0).into()
    }
}

impl std::fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenHash")
    }
}
