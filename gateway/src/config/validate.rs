//! From what is written to what it means.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    num::NonZeroU32,
    path::Path,
    time::Duration,
};

use jiff::SignedDuration;
use turnpike_schemas::hit::passage::Windows;

use super::{
    AlertLimits, CallerLimits, Config, HttpLimits, Problem, Review, TokenHash, agreements, cases,
    decode::decode,
    hotlists, ledger,
    load::{self, beside},
    mail, people, providers,
    raw::{RawAlerts, RawHttp, RawLimits, RawPolicy, RawScalars},
    report::Report,
    review, sources,
};
use crate::{
    channels::{Rules, Ways},
    policy::PolicySource,
};

/// A list is compared with a file of it as a whole.
const MAX_LIST_ENTRIES: u64 = 1_000_000;

pub(super) fn load(
    path: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<Config, Vec<Problem>> {
    let mut report = Report::new(path);
    let config = load::read(path, environment, &mut report).and_then(|mut written| {
        let mut list = |name| written.lists.remove(name).unwrap_or_default();
        let mut tokens = BTreeSet::new();
        let organisations = list("organisations");
        let (organisations, cases) =
            people::organisations(organisations, path, environment, &mut report);
        let users = people::users(list("users"), &organisations, &mut tokens, &mut report);
        let agreement_keys = agreements::keys(list("agreement_keys"), &mut report);
        let signing = agreements::Signing {
            required: written.scalars.agreements.require_signatures,
            keys: &agreement_keys,
        };
        let providers = list("providers");
        let providers = {
            let around = sources::Surroundings::new(path, environment, &mut tokens, signing);
            providers::providers(providers, &organisations, &around, &mut report)
        };
        let listed = list("sources");
        let sources =
            sources::sources(listed, path, environment, signing, &mut tokens, &mut report);
        people::owners(&sources, &organisations, &mut report);
        let hotlists = hotlists::hotlists(list("hotlists"), &mut report);
        let rosters = review::rosters(list("rosters"), &organisations, &mut report);
        scalars(written.scalars, path, &mut report).map(|config| Config {
            review: Review {
                rosters,
                ..config.review
            },
            organisations,
            cases,
            hotlists,
            users,
            providers,
            sources,
            agreement_keys,
            effective: written.effective,
            ..config
        })
    });
    let problems = report.into_problems();
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(problems),
    }
}

fn scalars(raw: RawScalars, path: &Path, report: &mut Report) -> Option<Config> {
    if raw.version != 1 {
        report.add("version", "this turnpike reads version 1");
    }
    let listen = report.check("listen", raw.listen.parse::<SocketAddr>());
    let data_dir = beside(path, &raw.data_dir);
    let level = tracing_subscriber::EnvFilter::builder().parse(&raw.log.level);
    report.check("log.level", level);
    Some(Config {
        data_dir: data_dir.clone(),
        log_level: raw.log.level,
        log_format: raw.log.format,
        witnesses: ledger::witnesses(&raw.ledger, path, report),
        ledger: ledger::ledger(&raw.ledger, &data_dir, report),
        ledger_retention: ledger::retention(raw.profile, &raw.ledger, report),
        owner_checkpoint_every: Duration::from_secs(report.within(
            "ledger.owner_checkpoint_s",
            raw.ledger.owner_checkpoint_s,
            1..=86_400,
        )),
        http: http(&raw.http, report),
        limits: limits(&raw.limits, report),
        sweep_every: Duration::from_secs(report.within(
            "store.sweep_every_s",
            raw.store.sweep_every_s,
            1..=86_400,
        )),
        policy: policy(&raw.policy, path, report),
        organisations: BTreeMap::new(),
        vocabulary: cases::vocabulary(&raw.vocabulary, report),
        cases: BTreeMap::new(),
        keep_notes_days: cases::keep_days(raw.notes.keep_days, report),
        alerts: alerts(&raw.alerts, report),
        hotlists: BTreeMap::new(),
        channels: Ways {
            rules: Rules {
                allow_private_addresses: raw.webhooks.allow_private_addresses,
                allow_http: raw.webhooks.allow_http,
            },
            mailer: mail::mailer(&raw.mail, path, report),
            push_contact: mail::push_contact(&raw.web_push, report),
            link: mail::link(&raw.alerts.link, report),
        },
        review: review::review(&raw.review, report),
        require_signatures: raw.agreements.require_signatures,
        agreement_keys: crate::agreements::AgreementKeys::default(),
        users: Vec::new(),
        identity: providers::rules(&raw.identity, report),
        providers: Vec::new(),
        sources: Vec::new(),
        effective: Vec::new(),
        listen: listen?,
    })
}

/// The fixed policies and those of the installation, each of which was looked at.
fn policy(raw: &RawPolicy, path: &Path, report: &mut Report) -> PolicySource {
    if raw.folder.as_os_str().is_empty() {
        return PolicySource::default();
    }
    let source = PolicySource::with_site(&beside(path, &raw.folder))
        .and_then(|source| source.check().map(|()| source));
    report.check("policy.folder", source).unwrap_or_default()
}

fn http(raw: &RawHttp, report: &mut Report) -> HttpLimits {
    HttpLimits {
        max_connections: positive(report, "http.max_connections", raw.max_connections).get(),
        header_timeout: millis(
            report,
            "http.header_timeout_ms",
            raw.header_timeout_ms,
            10,
            60_000,
        ),
        max_header_bytes: bytes(report, "http.max_header_kb", raw.max_header_kb, 8, 1_024) << 10,
        body_timeout: millis(
            report,
            "http.body_timeout_ms",
            raw.body_timeout_ms,
            10,
            600_000,
        ),
        write_timeout: millis(
            report,
            "http.write_timeout_ms",
            raw.write_timeout_ms,
            10,
            600_000,
        ),
        max_query_bytes: bytes(report, "http.max_query_kb", raw.max_query_kb, 1, 1_024) << 10,
        max_push_bytes: bytes(report, "http.max_push_mb", raw.max_push_mb, 1, 1_024) << 20,
    }
}

fn alerts(raw: &RawAlerts, report: &mut Report) -> AlertLimits {
    let mut within = |key, value: u64, most: u64| report.within(key, value, 1..=most);
    let (all, lists) = (u64::from(turnpike_matcher::MAX_ENTRIES), MAX_LIST_ENTRIES);
    let of_list = within(
        "alerts.entries_per_list",
        raw.entries_per_list.into(),
        lists,
    );
    let of_all = within("alerts.entries", raw.entries.into(), all);
    let owners = within("alerts.owners", raw.owners.into(), u32::MAX.into());
    let passage = within("alerts.passage_s", raw.passage_s, 3_600);
    let repeat = within("alerts.repeat_s", raw.repeat_s, 86_400);
    let seconds = |span: u64| SignedDuration::from_secs(span.cast_signed());
    let count = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    AlertLimits {
        entries_per_list: count(of_list),
        entries: count(of_all),
        owners: count(owners),
        windows: Windows {
            passage: seconds(passage),
            repeat: seconds(repeat),
        },
    }
}

fn limits(raw: &RawLimits, report: &mut Report) -> CallerLimits {
    let mut limit = |key, value| positive(report, key, value);
    CallerLimits {
        user_per_minute: limit("limits.user_per_minute", raw.user_per_minute),
        organisation_per_minute: limit(
            "limits.organisation_per_minute",
            raw.organisation_per_minute,
        ),
        pushes_per_second: limit("limits.pushes_per_second", raw.pushes_per_second),
        pushes_in_flight: limit("limits.pushes_in_flight", raw.pushes_in_flight),
        strangers_per_minute: limit("limits.strangers_per_minute", raw.strangers_per_minute),
    }
}

pub(super) fn millis(
    report: &mut Report,
    key: &str,
    value: u64,
    least: u64,
    most: u64,
) -> Duration {
    Duration::from_millis(report.within(key, value, least..=most))
}

/// A number of units that fits into memory.
fn bytes(report: &mut Report, key: &str, value: u32, least: u64, most: u64) -> usize {
    let units = report.within(key, u64::from(value), least..=most);
    usize::try_from(units).unwrap_or_default()
}

/// The number, or 1 with a problem.
pub(super) fn positive(report: &mut Report, key: &str, value: u32) -> NonZeroU32 {
    let value = NonZeroU32::new(value);
    if value.is_none() {
        report.add(key, "must be 1 or more");
    }
    value.unwrap_or(NonZeroU32::MIN)
}

/// Decodes each element on its own, so that one bad element hides no problem of another.
pub(super) fn elements<T: serde::de::DeserializeOwned>(
    name: &str,
    list: Vec<toml::Value>,
    required: &[&str],
    report: &mut Report,
) -> Vec<(String, T)> {
    let mut decoded = Vec::new();
    for (index, element) in list.into_iter().enumerate() {
        let at = format!("{name}[{index}]");
        let (value, flaws) = decode(element, required);
        for (key, message) in flaws {
            let key = if key.is_empty() {
                at.clone()
            } else {
                format!("{at}.{key}")
            };
            report.add(key, message);
        }
        decoded.extend(value.map(|value| (at, value)));
    }
    decoded
}

/// A hash of a token that nobody else has: a token says who is calling.
pub(super) fn token_hash(
    key: &str,
    text: &str,
    tokens: &mut BTreeSet<TokenHash>,
    report: &mut Report,
) -> Option<TokenHash> {
    let hash = TokenHash::parse(text);
    match hash {
        None => {
            let message = "must be the SHA-256 of the token, 64 hexadecimal digits: `turnpike token` makes both";
            report.add(key, message);
        }
        Some(hash) if !tokens.insert(hash) => {
            report.add(key, "is used twice; accounts are not shared");
        }
        Some(_) => {}
    }
    hash
}
