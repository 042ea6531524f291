//! How the ledger is kept, signed and witnessed.

use std::path::Path;
use std::time::Duration;

use turnpike_schemas::ledger::KeyId;
use turnpike_schemas::tlog::{KeyKind, Policy, VerifierKey};

use super::load::beside;
use super::raw::{Profile, RawLedger};
use super::report::Report;
use super::validate::millis;
use crate::ledger::{LedgerConfig, SpaceLimits, TreeConfig};
use crate::tlog::Witnesses;

/// Says that a key gives the name.
const AUTO: &str = "auto";

/// Shortest retention under profile `cjis`.
const YEAR_DAYS: u64 = 365;

/// Says that nobody outside is needed.
const NONE: &str = "none";

pub(super) fn ledger(raw: &RawLedger, data_dir: &Path, report: &mut Report) -> LedgerConfig {
    let origin = Some(&raw.origin).filter(|origin| *origin != AUTO);
    if origin.is_some_and(|name| VerifierKey::new(name, KeyKind::Log, [0; 32]).is_err()) {
        report.add("ledger.origin", "must be a name without spaces and plus");
    }
    LedgerConfig {
        deadline: millis(report, "ledger.deadline_ms", raw.deadline_ms, 10, 10_000),
        segment_bytes: report.within("ledger.segment_mb", raw.segment_mb, 1..=4_096) << 20,
        tree: Some(TreeConfig {
            key_file: data_dir.join(&raw.key_file),
            origin: origin.cloned(),
            interval: millis(
                report,
                "ledger.checkpoint_ms",
                raw.checkpoint_ms,
                10,
                60_000,
            ),
        }),
        // Beside the ledger and not in it: whoever copies the one does not copy the other.
        keys: Some(data_dir.join(&raw.keys_dir)),
        epoch: raw.epoch,
        lost_keys: lost_keys(&raw.lost_keys, report),
        space: Some(space(raw, report)),
        ..LedgerConfig::default()
    }
}

/// How long keys are kept at least.
pub(super) fn retention(profile: Profile, raw: &RawLedger, report: &mut Report) -> Duration {
    let key = "ledger.retention_days";
    let days = report.within(key, raw.retention_days, 1..=36_500);
    if profile == Profile::Cjis && days < YEAR_DAYS {
        report.add(key, "must be 365 or more with profile `cjis`");
    }
    Duration::from_secs(days * 86_400)
}

fn lost_keys(names: &[String], report: &mut Report) -> Vec<KeyId> {
    let ids = names.iter().cloned().map(KeyId::try_from);
    let ids: Result<Vec<_>, _> = ids.collect();
    ids.unwrap_or_else(|_| {
        let message = "must be names such as `2026-03.1f3a9c02`";
        report.add("ledger.lost_keys", message);
        Vec::new()
    })
}

fn space(raw: &RawLedger, report: &mut Report) -> SpaceLimits {
    let mut percent = |key, value| {
        let percent = report.within(key, u64::from(value), 1..=100);
        u8::try_from(percent).unwrap_or(100)
    };
    let limits = SpaceLimits {
        warn_percent: percent("ledger.warn_percent", raw.warn_percent),
        stop_percent: percent("ledger.stop_percent", raw.stop_percent),
    };
    if limits.warn_percent > limits.stop_percent {
        report.add(
            "ledger.warn_percent",
            "must not be above `ledger.stop_percent`",
        );
    }
    limits
}

/// The witnesses of the policy file, when it demands any.
pub(super) fn witnesses(raw: &RawLedger, path: &Path, report: &mut Report) -> Option<Witnesses> {
    let max_age = report.within(
        "ledger.witness_max_age_s",
        raw.witness_max_age_s,
        1..=604_800,
    );
    if raw.witness_policy == NONE {
        return None;
    }
    let key = "ledger.witness_policy";
    let file = beside(path, Path::new(&raw.witness_policy));
    let text = report.check(key, std::fs::read_to_string(file))?;
    let policy = report.check(key, Policy::parse(&text))?;
    let silent = policy.witnesses().iter().find(|witness| {
        let url = witness
            .url
            .as_ref()
            .and_then(|url| url.parse::<url::Url>().ok());
        url.is_none_or(|url| !matches!(url.scheme(), "http" | "https"))
    });
    if let Some(witness) = silent {
        report.add(
            key,
            format!("witness `{}` has no http(s) address", witness.name),
        );
    }
    policy.needs_witnesses().then_some(Witnesses {
        policy,
        max_age: Duration::from_secs(max_age),
    })
}
