//! Sources: adapter, agreement, secrets, quota, deliveries.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read as _,
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde_json::Value;
use turnpike_adapters::{
    adapter::Capabilities,
    conformance::Shape,
    context::{Secret, Secrets},
    registry::{self, Entry},
    transport::{Login, check_hosts},
};
use turnpike_schemas::agreement::{Action, Agreement};
use url::Url;

use super::{
    Drift, Drop, Listen, Quota, Sftp, Source, TokenHash,
    agreements::{self, Signing},
    fetching,
    load::beside,
    push,
    raw::{RawDrop, RawQuota, RawSource},
    report::Report,
    validate::{elements, positive},
};

/// Longest time that makes sense anywhere below, in seconds.
/// Silence after which a source that sends to us counts as stale, unless it says otherwise: a day.
const STALE_AFTER_S: u64 = 86_400;

const YEAR_S: u64 = 366 * 24 * 60 * 60;

/// Most percent of a quota that may be kept for entries of alert lists: people come first.
const MOST_RESERVED: u64 = 50;

const HOUR_MS: u64 = 60 * 60 * 1_000;

/// What a source is checked against.
pub(super) struct Surroundings<'a> {
    path: &'a Path,
    environment: &'a BTreeMap<String, String>,
    pub(super) tokens: &'a mut BTreeSet<TokenHash>,
    signing: Signing<'a>,
    ids: BTreeSet<String>,
    agreements: BTreeSet<String>,
    folders: BTreeSet<PathBuf>,
}

impl<'a> Surroundings<'a> {
    pub(super) fn new(
        path: &'a Path,
        environment: &'a BTreeMap<String, String>,
        tokens: &'a mut BTreeSet<TokenHash>,
        signing: Signing<'a>,
    ) -> Self {
        Self {
            path,
            environment,
            tokens,
            signing,
            ids: BTreeSet::new(),
            agreements: BTreeSet::new(),
            folders: BTreeSet::new(),
        }
    }
}

pub(super) fn sources(
    list: Vec<toml::Value>,
    path: &Path,
    environment: &BTreeMap<String, String>,
    signing: Signing<'_>,
    tokens: &mut BTreeSet<TokenHash>,
    report: &mut Report,
) -> Vec<Source> {
    let mut around = Surroundings::new(path, environment, tokens, signing);
    let raw = elements::<RawSource>("sources", list, &["id", "adapter", "agreement"], report);
    let sources = raw
        .into_iter()
        .filter_map(|(at, raw)| source(&at, raw, &mut around, report));
    sources.collect()
}

fn source(
    at: &str,
    raw: RawSource,
    around: &mut Surroundings<'_>,
    report: &mut Report,
) -> Option<Source> {
    let is_first = around.ids.insert(raw.id.to_string());
    if !is_first {
        report.add(format!("{at}.id"), "is used twice");
    }
    let entry = entry(at, &raw, report);
    let signed = agreements::agreement(at, &raw, around.path, around.signing, report);
    let agreement = signed.as_ref().map(|(agreement, _)| agreement);
    if let Some(agreement) = agreement
        && is_first
        && !around.agreements.insert(agreement.document().id.clone())
    {
        let message = "is the agreement of another source as well: its `id` is used twice";
        report.add(format!("{at}.agreement"), message);
    }
    let settings = settings(at, &raw, around.path, report);
    let secrets = secrets(at, &raw, entry.zip(settings.as_ref()), around, report);
    let quota = quota(at, &raw.quota, report);
    let push = raw
        .push
        .as_ref()
        .and_then(|written| push::push(at, written, around, report));
    let drop = raw
        .drop
        .as_ref()
        .map(|drop| drop_folder(at, drop, around, report));
    let drift = drift(at, &raw, around.path, report);
    let poll = raw.poll.as_ref();
    let poll = poll.map(|poll| fetching::poll(at, poll, report));
    let listen = listen(at, &raw, &secrets, around, report);
    let sftp = sftp(at, &raw, around, report);
    let stale_after = raw
        .stale_after_s
        .map(|s| report.within(format!("{at}.stale_after_s"), s, 1..=YEAR_S));
    let (entry, settings) = (entry?, settings?);
    let hosts = report.check(format!("{at}.settings"), (entry.hosts)(&settings));
    let adapter = report.check(format!("{at}.settings"), (entry.build)(&settings));
    // What one source can do is for its settings to say; the registry knows the most.
    let can = adapter.map_or(entry.capabilities, |adapter| adapter.info().capabilities);
    let delivers = push.is_some() || drop.is_some() || poll.is_some() || listen.is_some();
    reserve(at, quota, delivers, can, report);
    deliveries(at, &raw, entry, can, agreement.map(AsRef::as_ref), report);
    contactable(at, hosts.as_deref().unwrap_or_default(), &raw, report);
    drift_can_act(at, &raw, report);
    let (agreement, approvals) = signed?;
    Some(Source {
        title: raw.title.unwrap_or_else(|| raw.id.to_string()),
        id: raw.id,
        entry,
        settings,
        hosts: hosts.unwrap_or_default(),
        allow_private_addresses: raw.allow_private_addresses,
        secrets,
        agreement,
        approvals,
        owner: raw.owner,
        quota,
        stale_after: stale_after.or(Some(STALE_AFTER_S)).map(Duration::from_secs),
        push,
        drop,
        poll,
        listen,
        sftp,
        drift,
    })
}

fn listen(
    at: &str,
    raw: &RawSource,
    secrets: &Secrets,
    around: &Surroundings<'_>,
    report: &mut Report,
) -> Option<Listen> {
    let listen = raw.listen.as_ref()?;
    let ca = listen.ca.as_ref().and_then(|file| {
        let file = beside(around.path, file);
        let read = std::fs::read(&file)
            .map_err(|error| format!("{} cannot be read: {error}", file.display()));
        report.check(format!("{at}.listen.ca"), read)
    });
    let login = match (secrets.get("username"), secrets.get("password")) {
        (Some(name), Some(password)) => Some(Login::new(name.clone(), password.clone())),
        (None, None) => None,
        _ => {
            let message = "`username` and `password` go together";
            report.add(format!("{at}.secrets"), message);
            None
        }
    };
    Some(fetching::listen(
        at,
        raw.id.as_str(),
        listen,
        ca,
        login,
        report,
    ))
}

fn sftp(at: &str, raw: &RawSource, around: &Surroundings<'_>, report: &mut Report) -> Option<Sftp> {
    let sftp = raw.sftp.as_ref()?;
    if raw.drop.is_none() {
        let message = "is required: what is fetched is put into that folder";
        report.add(format!("{at}.drop"), message);
    }
    let mut secrets = BTreeMap::new();
    for (name, reference) in &sftp.secrets {
        let key = format!("{at}.sftp.secrets.{name}");
        if !matches!(name.as_str(), "password" | "key" | "key_passphrase") {
            let message = "is no secret of SFTP: `password`, `key` and `key_passphrase` are";
            report.add(&key, message);
        }
        let secret = report.check(&key, resolve(reference, around));
        secrets.extend(secret.map(|secret| (name.clone(), secret)));
    }
    fetching::sftp(at, sftp, secrets, raw.allow_private_addresses, report)
}

/// A shape that is not recorded yet is no problem here: `turnpike source drift` loads the configuration to record it.
fn drift(at: &str, raw: &RawSource, path: &Path, report: &mut Report) -> Drift {
    let written = raw.drift.clone().unwrap_or_default();
    let file = written.shape.map_or_else(
        || beside(path, &PathBuf::from(format!("shapes/{}.json", raw.id))),
        |file| beside(path, &file),
    );
    let shape = match std::fs::read(&file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            report.add(
                format!("{at}.drift.shape"),
                format!("cannot be read: {error}"),
            );
            None
        }
        Ok(bytes) => {
            let shape = serde_json::from_slice::<Shape>(&bytes).ok();
            let shape = shape.filter(Shape::is_readable);
            if shape.is_none() {
                let message = "is not a shape that `turnpike source drift --record` wrote";
                report.add(format!("{at}.drift.shape"), message);
            }
            shape.map(Arc::new)
        }
    };
    Drift {
        quarantine: written.quarantine,
        file,
        shape,
    }
}

fn entry(at: &str, raw: &RawSource, report: &mut Report) -> Option<&'static Entry> {
    let entry = registry::find(&raw.adapter);
    if entry.is_none() {
        let known: Vec<&str> = registry::ADAPTERS.iter().map(|entry| entry.id).collect();
        let message = format!(
            "unknown adapter `{}`; known: {}",
            raw.adapter,
            known.join(", ")
        );
        report.add(format!("{at}.adapter"), message);
    }
    entry
}

/// An address that the gateway would refuse to contact is said before it starts.
fn contactable(at: &str, hosts: &[Url], raw: &RawSource, report: &mut Report) {
    let contactable = check_hosts(hosts, raw.allow_private_addresses);
    if contactable.is_err_and(|_| !raw.allow_private_addresses) {
        let message = "is required: the settings name an address on this machine or in a private network, and without it only public addresses are contacted";
        report.add(format!("{at}.allow_private_addresses"), message);
    }
}

/// Payloads are set aside where they arrive as such. What is asked for or polled is not.
fn drift_can_act(at: &str, raw: &RawSource, report: &mut Report) {
    let is_demanded = raw.drift.as_ref().is_some_and(|drift| drift.quarantine);
    let arrives = raw.push.is_some() || raw.drop.is_some() || raw.listen.is_some();
    if is_demanded && !arrives {
        let message = "has no effect here: it sets pushed messages, dropped files and what is listened to aside, and this source is only asked or polled; compare saved answers with `turnpike source drift ID --payloads FOLDER`";
        report.add(format!("{at}.drift.quarantine"), message);
    }
}

/// What the adapter can do with these settings, what is configured and what the agreement allows must fit together.
fn deliveries(
    at: &str,
    raw: &RawSource,
    entry: &Entry,
    can: Capabilities,
    agreement: Option<&Agreement>,
    report: &mut Report,
) {
    if raw.push.is_some() && !can.push {
        let so_set = if entry.capabilities.push {
            " with these settings"
        } else {
            ""
        };
        let message = format!("adapter `{}` takes no pushed messages{so_set}", entry.id);
        report.add(format!("{at}.push"), message);
    }
    if raw.drop.is_some() && !can.file {
        report.add(
            format!("{at}.drop"),
            format!("adapter `{}` takes no files", entry.id),
        );
    }
    for (name, is_written, can) in [
        ("poll", raw.poll.is_some(), can.poll),
        ("listen", raw.listen.is_some(), can.subscribe),
    ] {
        if is_written && !can {
            let message = format!("adapter `{}` cannot be used that way", entry.id);
            report.add(format!("{at}.{name}"), message);
        }
    }
    let taken_in =
        raw.push.is_some() || raw.drop.is_some() || raw.poll.is_some() || raw.listen.is_some();
    if !taken_in && !can.search {
        let ways = [
            ("drop", can.file),
            ("push", can.push),
            ("listen", can.subscribe),
            ("poll", can.poll),
        ];
        let missing = ways.iter().find(|(_, can)| *can);
        let missing = missing.map_or("push", |(way, _)| *way);
        let so_set = if entry.capabilities.search {
            " with these settings"
        } else {
            ""
        };
        let message = format!(
            "is required: adapter `{}` cannot be asked live{so_set}",
            entry.id
        );
        report.add(format!("{at}.{missing}"), message);
    }
    let allows = |agreement: &Agreement| agreement.document().actions.contains(&Action::Ingest);
    if taken_in && !agreement.is_none_or(allows) {
        let message = "does not allow action `ingest`, but the source delivers reads";
        report.add(format!("{at}.agreement"), message);
    }
}

/// The adapter's settings, with the files they name read in.
fn settings(at: &str, raw: &RawSource, path: &Path, report: &mut Report) -> Option<Value> {
    let mut settings = serde_json::to_value(&raw.settings).unwrap_or_default();
    let read = inline_files(&mut settings, path);
    report.check(format!("{at}.settings"), read)?;
    Some(settings)
}

/// Longest file that settings may name, in bytes.
const MOST_FILE_BYTES: u64 = 1024 * 1024;

/// Replaces every `{ file = "name" }` in the settings by `{ file = "name", text = "..." }`: adapters read no files. The name is
/// relative to the folder of `config`, and stays, so that an adapter can say where in the file something is wrong.
///
/// # Errors
/// The first file that cannot be read as text of at most 1 MiB.
pub(crate) fn inline_files(settings: &mut Value, config: &Path) -> Result<(), String> {
    match settings {
        Value::Object(table) => {
            let named = match table.get("file") {
                Some(Value::String(name)) if table.len() == 1 => Some(name.clone()),
                _ => None,
            };
            if let Some(name) = named {
                let text = read_text(&beside(config, Path::new(&name)))?;
                table.insert("text".to_owned(), Value::String(text));
                return Ok(());
            }
            table
                .values_mut()
                .try_for_each(|value| inline_files(value, config))
        }
        Value::Array(list) => list
            .iter_mut()
            .try_for_each(|value| inline_files(value, config)),
        _ => Ok(()),
    }
}

fn read_text(path: &Path) -> Result<String, String> {
    let unreadable = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MOST_FILE_BYTES + 1).read_to_string(&mut text))
        .map_err(unreadable)?;
    if text.len() as u64 > MOST_FILE_BYTES {
        return Err(format!("{} is larger than 1 MiB", path.display()));
    }
    Ok(text)
}

/// An adapter's secrets are for the hosts its settings name: where they name none, nobody is there to be told one.
fn secrets(
    at: &str,
    raw: &RawSource,
    entry: Option<(&Entry, &Value)>,
    around: &Surroundings<'_>,
    report: &mut Report,
) -> Arc<Secrets> {
    // Settings that are wrong are reported with the settings.
    let wanted = entry.and_then(|(entry, settings)| entry.secrets.under(settings).ok());
    let optional = entry.map_or(&[] as &[&str], |(entry, _)| entry.optional_secrets);
    for name in wanted
        .iter()
        .flatten()
        .filter(|name| !raw.secrets.contains_key(*name))
    {
        report.add(
            format!("{at}.secrets.{name}"),
            format!("is required: {REFERENCE}"),
        );
    }
    let mut secrets = Vec::new();
    for (name, reference) in &raw.secrets {
        let key = format!("{at}.secrets.{name}");
        let known =
            |wanted: &Vec<String>| wanted.contains(name) || optional.contains(&name.as_str());
        if wanted.as_ref().is_some_and(|wanted| !known(wanted)) {
            report.add(
                &key,
                format!("is not a secret of adapter `{}`", raw.adapter),
            );
        }
        let secret = report.check(&key, resolve(reference, around));
        secrets.extend(secret.map(|secret| (name.clone(), secret)));
    }
    Arc::new(secrets.into_iter().collect())
}

const REFERENCE: &str = "`{ env = \"NAME\" }` or `{ file = \"path\" }`";

/// Follows a reference. What is written in its place is never repeated: it may be the secret itself.
pub(super) fn resolve(
    reference: &toml::Value,
    around: &Surroundings<'_>,
) -> Result<Secret, String> {
    follow(reference, around.path, around.environment)
}

/// The same for what is not part of a source.
pub(super) fn follow(
    reference: &toml::Value,
    path: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<Secret, String> {
    let table = reference.as_table().filter(|table| table.len() == 1);
    let named = |key| {
        table
            .and_then(|table| table.get(key))
            .and_then(toml::Value::as_str)
    };
    let value = match (named("env"), named("file")) {
        (Some(name), None) => environment
            .get(name)
            .cloned()
            .ok_or_else(|| format!("environment variable `{name}` is not set"))?,
        (None, Some(file)) => {
            let file = beside(path, Path::new(file));
            std::fs::read_to_string(&file)
                .map_err(|error| format!("{} cannot be read: {error}", file.display()))?
        }
        _ => {
            return Err(format!(
                "must be a reference, never the secret itself: {REFERENCE}"
            ));
        }
    };
    let value = value.trim_end_matches(['\n', '\r']);
    if value.is_empty() {
        return Err("is empty".to_owned());
    }
    Ok(Secret::new(value))
}

fn quota(at: &str, raw: &RawQuota, report: &mut Report) -> Quota {
    let key = |name: &str| format!("{at}.quota.{name}");
    let requests = positive(report, &key("requests"), raw.requests);
    let millis = report.within(
        key("attempt_timeout_ms"),
        raw.attempt_timeout_ms,
        10..=30_000,
    );
    Quota {
        requests,
        per: Duration::from_secs(report.within(key("per_s"), u64::from(raw.per_s), 1..=YEAR_S)),
        burst: burst(&key("burst"), raw.burst, requests, report),
        concurrency: positive(report, &key("concurrency"), raw.concurrency),
        attempt_timeout: Duration::from_millis(millis),
        alert_reserve_percent: u8::try_from(report.within(
            key("alert_reserve_percent"),
            raw.alert_reserve_percent,
            0..=MOST_RESERVED,
        ))
        .unwrap_or_default(),
    }
}

/// A reserve that could not be used, or would leave people nothing, is said before the start.
fn reserve(at: &str, quota: Quota, delivers: bool, can: Capabilities, report: &mut Report) {
    let percent = quota.alert_reserve_percent;
    if percent == 0 {
        return;
    }
    let least = 100_u32.div_ceil(u32::from(percent));
    let problem = if delivers || !can.search {
        "has no effect here: reads of this source arrive by themselves, so no entry of an alert list has to ask for them".to_owned()
    } else if quota.requests.get() < least {
        format!("leaves nothing to ask with: {percent} percent need `requests` of at least {least}")
    } else if quota.burst.get() < 2 || quota.concurrency.get() < 2 {
        "needs `burst` and `concurrency` of at least 2: one of each is the entries', and the rest is for people".to_owned()
    } else {
        return;
    };
    report.add(format!("{at}.quota.alert_reserve_percent"), problem);
}

/// The throttle takes more than half as half; better to say so than to keep another limit than the one written.
fn burst(key: &str, written: Option<u32>, requests: NonZeroU32, report: &mut Report) -> NonZeroU32 {
    let most = requests.get().div_ceil(2);
    let burst = written.unwrap_or(most);
    if !(1..=most).contains(&burst) {
        let why = "half of `requests`, because the burst is part of the quota";
        report.add(key, format!("must be 1 to {most}: {why}"));
    }
    NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN)
}

fn drop_folder(
    at: &str,
    raw: &RawDrop,
    around: &mut Surroundings<'_>,
    report: &mut Report,
) -> Drop {
    let folder = beside(around.path, &raw.folder);
    if !around.folders.insert(folder.clone()) {
        let message = "is the folder of another source as well; each needs its own";
        report.add(format!("{at}.drop.folder"), message);
    }
    let acknowledgements = raw.acknowledgements.as_ref();
    let settle_ms = report.within(format!("{at}.drop.settle_ms"), raw.settle_ms, 0..=HOUR_MS);
    let scan_ms = report.within(format!("{at}.drop.scan_ms"), raw.scan_ms, 10..=HOUR_MS);
    Drop {
        acknowledgements: acknowledgements.map_or_else(
            || folder.join("acknowledgements"),
            |acks| beside(around.path, acks),
        ),
        folder,
        settle: Duration::from_millis(settle_ms),
        scan_every: Duration::from_millis(scan_ms),
    }
}
