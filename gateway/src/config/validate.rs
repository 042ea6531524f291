//! From what is written to what it means.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    num::NonZeroU32,
    path::Path,
    sync::Arc,
    time::Duration,
};

use turnpike_adapters::{
    context::{Secret, Secrets},
    registry::{self, Entry},
};
use turnpike_schemas::{
    agreement::{Action, Agreement, AgreementDocument, Organisation},
    read::is_identifier,
};

use super::{
    CallerLimits, Config, Drop, HttpLimits, Problem, Quota, Source, TokenHash, User,
    load::{self, Report, beside, decode},
    raw::{RawDrop, RawOrganisation, RawQuota, RawScalars, RawSecret, RawSource, RawUser},
};

pub(super) fn load(
    path: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<Config, Vec<Problem>> {
    let mut report = Report::new(path);
    let config = load::read(path, environment, &mut report).and_then(|mut written| {
        let mut list = |name| written.lists.remove(name).unwrap_or_default();
        let (organisations, users, sources) =
            (list("organisations"), list("users"), list("sources"));
        let organisations = organisations_of(organisations, &mut report);
        let users = users_of(users, &organisations, &mut report);
        let sources = sources_of(sources, path, environment, &mut report);
        scalars_of(written.scalars, path, &mut report).map(|config| Config {
            organisations,
            users,
            sources,
            effective: written.effective,
            ..config
        })
    });
    match config {
        Some(config) if report.problems.is_empty() => Ok(config),
        _ => Err(report.problems),
    }
}

fn scalars_of(raw: RawScalars, path: &Path, report: &mut Report) -> Option<Config> {
    if raw.version != 1 {
        report.add("version", "this turnpike reads version 1");
    }
    let listen = report.check("listen", raw.listen.parse::<SocketAddr>());
    let positive = |report: &mut Report, key: &str, value: u32| {
        let value = NonZeroU32::new(value);
        if value.is_none() {
            report.add(key, "must be 1 or more");
        }
        value.unwrap_or(NonZeroU32::MIN)
    };
    let between = |report: &mut Report, key: &str, value: u64, least: u64, most: u64| {
        if !(least..=most).contains(&value) {
            report.add(key, format!("must be {least} to {most}"));
        }
        Duration::from_millis(value)
    };
    let (http, limits) = (raw.http, raw.limits);
    Some(Config {
        data_dir: beside(path, &raw.data_dir),
        log_level: raw.log.level,
        log_format: raw.log.format,
        ledger_deadline: between(
            report,
            "ledger.deadline_ms",
            raw.ledger.deadline_ms,
            10,
            10_000,
        ),
        ledger_segment_bytes: raw.ledger.segment_mb.clamp(1, 4_096) * 1024 * 1024,
        http: HttpLimits {
            max_connections: positive(report, "http.max_connections", http.max_connections).get(),
            header_timeout: between(
                report,
                "http.header_timeout_ms",
                http.header_timeout_ms,
                10,
                60_000,
            ),
            max_header_bytes: usize::try_from(http.max_header_kb.clamp(8, 1_024)).unwrap_or(8)
                * 1024,
            body_timeout: between(
                report,
                "http.body_timeout_ms",
                http.body_timeout_ms,
                10,
                600_000,
            ),
            max_query_bytes: usize::try_from(
                positive(report, "http.max_query_kb", http.max_query_kb).get(),
            )
            .unwrap_or(64)
                * 1024,
            max_push_bytes: usize::try_from(
                positive(report, "http.max_push_mb", http.max_push_mb).get(),
            )
            .unwrap_or(16)
                * 1024
                * 1024,
        },
        limits: CallerLimits {
            user_per_minute: positive(report, "limits.user_per_minute", limits.user_per_minute),
            organisation_per_minute: positive(
                report,
                "limits.organisation_per_minute",
                limits.organisation_per_minute,
            ),
            pushes_per_second: positive(
                report,
                "limits.pushes_per_second",
                limits.pushes_per_second,
            ),
            pushes_in_flight: positive(report, "limits.pushes_in_flight", limits.pushes_in_flight),
        },
        sweep_every: between(
            report,
            "store.sweep_every_s",
            raw.store.sweep_every_s.saturating_mul(1_000),
            100,
            86_400_000,
        ),
        organisations: BTreeMap::new(),
        users: Vec::new(),
        sources: Vec::new(),
        effective: Vec::new(),
        listen: listen?,
    })
}

/// Decodes each element on its own, so that one bad element hides no problem of another.
fn elements<T: serde::de::DeserializeOwned>(
    name: &str,
    list: Vec<toml::Value>,
    report: &mut Report,
) -> Vec<(String, T)> {
    let mut decoded = Vec::new();
    for (index, element) in list.into_iter().enumerate() {
        let at = format!("{name}[{index}]");
        let mut problems = Vec::new();
        let value = decode(element, &mut problems);
        for (key, message) in problems {
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

fn organisations_of(list: Vec<toml::Value>, report: &mut Report) -> BTreeMap<String, Organisation> {
    let mut organisations = BTreeMap::new();
    for (at, raw) in elements::<RawOrganisation>("organisations", list, report) {
        if !is_identifier(&raw.id) || raw.id == "self" {
            report.add(
                format!("{at}.id"),
                "must be 1 to 64 characters of `a-z`, `0-9` and `-`, and not `self`",
            );
        }
        let organisation = Organisation {
            id: raw.id.clone(),
            class: raw.class,
            jurisdiction: raw.jurisdiction,
        };
        if organisations.insert(raw.id, organisation).is_some() {
            report.add(format!("{at}.id"), "is used twice");
        }
    }
    organisations
}

fn users_of(
    list: Vec<toml::Value>,
    organisations: &BTreeMap<String, Organisation>,
    report: &mut Report,
) -> Vec<User> {
    let (mut subjects, mut hashes) = (BTreeSet::new(), BTreeSet::new());
    let mut users = Vec::new();
    for (at, raw) in elements::<RawUser>("users", list, report) {
        if raw.subject.trim().is_empty() || raw.subject.len() > 128 {
            report.add(format!("{at}.subject"), "must be 1 to 128 characters");
        }
        if !subjects.insert(raw.subject.clone()) {
            report.add(
                format!("{at}.subject"),
                "is used twice; accounts are not shared",
            );
        }
        if raw.roles.is_empty() {
            report.add(format!("{at}.roles"), "must name at least one role");
        }
        let organisation = organisations.get(&raw.organisation);
        if organisation.is_none() {
            report.add(
                format!("{at}.organisation"),
                "is not one of `organisations`",
            );
        }
        let token = token_hash(&format!("{at}.token_sha256"), &raw.token_sha256, report);
        if token.is_some_and(|token| !hashes.insert(token)) {
            report.add(
                format!("{at}.token_sha256"),
                "is used twice; accounts are not shared",
            );
        }
        if let (Some(organisation), Some(token)) = (organisation, token) {
            users.push(User {
                subject: raw.subject,
                organisation: organisation.clone(),
                roles: raw.roles.into_iter().collect(),
                token,
            });
        }
    }
    users
}

fn token_hash(key: &str, text: &str, report: &mut Report) -> Option<TokenHash> {
    let hash = TokenHash::parse(text);
    if hash.is_none() {
        report.add(
            key,
            "must be the SHA-256 of the token, 64 hexadecimal digits: `turnpike token` makes both",
        );
    }
    hash
}

fn sources_of(
    list: Vec<toml::Value>,
    path: &Path,
    environment: &BTreeMap<String, String>,
    report: &mut Report,
) -> Vec<Source> {
    let mut ids = BTreeSet::new();
    let mut sources = Vec::new();
    for (at, raw) in elements::<RawSource>("sources", list, report) {
        if !ids.insert(raw.id.clone()) {
            report.add(format!("{at}.id"), "is used twice");
        }
        sources.extend(source_of(&at, raw, path, environment, report));
    }
    sources
}

fn source_of(
    at: &str,
    raw: RawSource,
    path: &Path,
    environment: &BTreeMap<String, String>,
    report: &mut Report,
) -> Option<Source> {
    let entry = registry::find(&raw.adapter);
    if entry.is_none() {
        let known: Vec<&str> = registry::ADAPTERS.iter().map(|entry| entry.id).collect();
        report.add(
            format!("{at}.adapter"),
            format!(
                "unknown adapter `{}`; known: {}",
                raw.adapter,
                known.join(", ")
            ),
        );
    }
    let agreement = agreement_of(at, &raw, path, report);
    let settings = serde_json::to_value(&raw.settings).unwrap_or_default();
    let secrets = secrets_of(at, &raw, entry, path, environment, report);
    let quota = quota_of(at, &raw.quota, report);
    let push = raw.push.as_ref().and_then(|push| {
        token_hash(
            &format!("{at}.push.token_sha256"),
            &push.token_sha256,
            report,
        )
    });
    let entry = entry?;
    let hosts = report
        .check(format!("{at}.settings"), (entry.hosts)(&settings))
        .unwrap_or_default();
    report.check(format!("{at}.settings"), (entry.build)(&settings));
    deliveries(at, &raw, entry, agreement.as_deref(), report);
    Some(Source {
        title: raw.title.clone().unwrap_or_else(|| raw.id.to_string()),
        id: raw.id,
        entry,
        settings,
        hosts,
        allow_private_addresses: raw.allow_private_addresses,
        secrets,
        agreement: agreement?,
        quota,
        stale_after: raw.stale_after_s.map(Duration::from_secs),
        push,
        drop: raw.drop.map(|drop| drop_of(drop, path)),
    })
}

/// What the adapter can do, what is configured and what the agreement allows must fit together.
fn deliveries(
    at: &str,
    raw: &RawSource,
    entry: &Entry,
    agreement: Option<&Agreement>,
    report: &mut Report,
) {
    let can = entry.capabilities;
    if raw.push.is_some() && !can.push {
        report.add(
            format!("{at}.push"),
            format!("adapter `{}` takes no pushed messages", entry.id),
        );
    }
    if raw.drop.is_some() && !can.file {
        report.add(
            format!("{at}.drop"),
            format!("adapter `{}` takes no files", entry.id),
        );
    }
    let taken_in = raw.push.is_some() || raw.drop.is_some();
    if !taken_in && !can.search {
        let missing = if can.file { "drop" } else { "push" };
        report.add(
            format!("{at}.{missing}"),
            format!("is required: adapter `{}` cannot be asked live", entry.id),
        );
    }
    let ingest =
        agreement.is_none_or(|agreement| agreement.document().actions.contains(&Action::Ingest));
    if taken_in && !ingest {
        report.add(
            format!("{at}.agreement"),
            "does not allow action `ingest`, but the source delivers reads",
        );
    }
}

fn agreement_of(
    at: &str,
    raw: &RawSource,
    path: &Path,
    report: &mut Report,
) -> Option<Arc<Agreement>> {
    let file = beside(path, &raw.agreement);
    let name = file.display().to_string();
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) => {
            report.add(
                format!("{at}.agreement"),
                format!("{name} cannot be read: {error}"),
            );
            return None;
        }
    };
    let document = match toml::from_str::<AgreementDocument>(&text) {
        Ok(document) => document,
        Err(error) => {
            report.add_elsewhere(name, "", error.to_string());
            return None;
        }
    };
    if document.source != raw.id {
        report.add_elsewhere(
            name.clone(),
            "source",
            format!(
                "is `{}`, but source `{}` names this agreement",
                document.source, raw.id
            ),
        );
    }
    match document.validate() {
        Ok(agreement) => Some(Arc::new(agreement)),
        Err(problems) => {
            for problem in problems {
                report.add_elsewhere(name.clone(), problem.key, problem.message);
            }
            None
        }
    }
}

fn secrets_of(
    at: &str,
    raw: &RawSource,
    entry: Option<&Entry>,
    path: &Path,
    environment: &BTreeMap<String, String>,
    report: &mut Report,
) -> Arc<Secrets> {
    let wanted = entry.map_or(&[] as &[&str], |entry| entry.secrets);
    for name in wanted
        .iter()
        .filter(|name| !raw.secrets.contains_key(**name))
    {
        report.add(
            format!("{at}.secrets.{name}"),
            "is required: `{ env = \"NAME\" }` or `{ file = \"path\" }`",
        );
    }
    let mut secrets = Vec::new();
    for (name, secret) in &raw.secrets {
        let key = format!("{at}.secrets.{name}");
        if entry.is_some() && !wanted.contains(&name.as_str()) {
            report.add(
                &key,
                format!("is not a secret of adapter `{}`", raw.adapter),
            );
        }
        secrets.extend(
            report
                .check(&key, resolve(secret, path, environment))
                .map(|value| (name.clone(), value)),
        );
    }
    Arc::new(secrets.into_iter().collect())
}

fn resolve(
    secret: &RawSecret,
    path: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<Secret, String> {
    let value = match (&secret.env, &secret.file) {
        (Some(name), None) => environment
            .get(name)
            .cloned()
            .ok_or_else(|| format!("environment variable `{name}` is not set"))?,
        (None, Some(file)) => {
            let file = beside(path, file);
            std::fs::read_to_string(&file)
                .map_err(|error| format!("{} cannot be read: {error}", file.display()))?
        }
        _ => return Err("must be `{ env = \"NAME\" }` or `{ file = \"path\" }`".to_owned()),
    };
    let value = value.trim_end_matches(['\n', '\r']);
    if value.is_empty() {
        return Err("is empty".to_owned());
    }
    Ok(Secret::new(value))
}

fn quota_of(at: &str, raw: &RawQuota, report: &mut Report) -> Quota {
    let mut positive = |key: &str, value: u32| {
        let checked = NonZeroU32::new(value);
        if checked.is_none() {
            report.add(format!("{at}.quota.{key}"), "must be 1 or more");
        }
        checked.unwrap_or(NonZeroU32::MIN)
    };
    let requests = positive("requests", raw.requests);
    let per = positive("per_s", raw.per_s);
    Quota {
        requests,
        per: Duration::from_secs(u64::from(per.get())),
        burst: positive("burst", raw.burst.unwrap_or(requests.get())),
        concurrency: positive("concurrency", raw.concurrency),
        attempt_timeout: Duration::from_millis(raw.attempt_timeout_ms.clamp(10, 30_000)),
    }
}

fn drop_of(raw: RawDrop, path: &Path) -> Drop {
    let folder = beside(path, &raw.folder);
    let acknowledgements = raw.acknowledgements.map_or_else(
        || folder.join("acknowledgements"),
        |acks| beside(path, &acks),
    );
    Drop {
        folder,
        acknowledgements,
        settle: Duration::from_millis(raw.settle_ms),
        scan_every: Duration::from_millis(raw.scan_ms.max(10)),
    }
}
