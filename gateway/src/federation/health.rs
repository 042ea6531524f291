//! How a source is doing, and what it needs somebody for.

use jiff::{SignedDuration, Timestamp};
use turnpike_adapters::{
    error::ErrorKind,
    layers::{BreakerState, Snapshot},
};
use turnpike_schemas::{
    agreement::Status,
    api::{Need, SourceHealth},
};

use super::Source;
use crate::store::Store;

/// How long before its end an agreement is worth a word.
const ENDS_SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// How far a clock may be off before somebody should look.
const CLOCK_OFF_MS: u64 = 120_000;

/// Rejected of the latest records before somebody should look: at least so many, and one in twenty.
const REJECTS: u64 = 10;

impl Source {
    /// How the source is doing now.
    #[must_use]
    pub fn report(&self, store: &Store, now: Timestamp) -> SourceHealth {
        let layers = self.health.snapshot();
        let (understood, rejected) = self.tally.latest();
        let is_called = self.is_live() || layers.calls > 0;
        SourceHealth {
            needs: self.needs(store, now, &layers),
            last_read_at: self.tally.newest_read(),
            lag_ms: self.tally.lag_ms(),
            clock_skew_ms: self.tally.clock_skew_ms(),
            records: self.tally.records(),
            rejected_share: share(understood, rejected),
            duplicates: self.tally.duplicated(),
            refused: self.tally.refusals(),
            unproven: self.tally.impostors(),
            drift: self.live_shape.drift(),
            policy_alarms: self.tally.alarms(),
            calls: layers.calls,
            errors: layers
                .failures
                .iter()
                .map(|(kind, count)| (word(*kind).to_owned(), *count))
                .collect(),
            throttled: layers.throttled,
            quota_left: is_called.then_some(layers.quota_left),
        }
    }

    /// Worst first.
    fn needs(&self, store: &Store, now: Timestamp, layers: &Snapshot) -> Vec<Need> {
        let failed = |kinds: &[ErrorKind]| {
            layers
                .latest_failure
                .is_some_and(|kind| kinds.contains(&kind))
        };
        let is_open = layers.breaker != BreakerState::Closed;
        let document = self.agreement.document();
        let in_force = document.status == Status::Active
            && document.effective_from <= now
            && now < document.effective_until;
        let stale = (!self.is_live())
            .then(|| self.stale_since(store, now))
            .flatten();
        let (understood, rejected) = self.tally.latest();
        let skew = self.tally.clock_skew_ms().map_or(0, i64::unsigned_abs);
        let needs = [
            (Need::Policy, self.tally.alarms() > 0),
            (Need::Agreement, !in_force),
            (Need::Configuration, failed(&[ErrorKind::Config])),
            (Need::Credentials, failed(&[ErrorKind::Unauthorized])),
            (
                Need::Unreachable,
                is_open || failed(&[ErrorKind::Unavailable, ErrorKind::TimedOut]),
            ),
            (
                Need::Garbled,
                self.tally.is_garbled() || failed(&[ErrorKind::Malformed]),
            ),
            (Need::Proof, self.tally.is_unproven()),
            (Need::NeverSeen, stale == Some(None)),
            (
                Need::Silent,
                stale.flatten().is_some() && !self.tally.is_garbled(),
            ),
            (
                Need::Limited,
                failed(&[ErrorKind::RateLimited, ErrorKind::QuotaExhausted]),
            ),
            (
                Need::Rejects,
                rejected >= REJECTS && rejected.saturating_mul(19) >= understood,
            ),
            (Need::Clock, skew > CLOCK_OFF_MS),
            (
                Need::AgreementEnds,
                in_force && document.effective_until.duration_since(now) < ENDS_SOON,
            ),
        ];
        let needs = needs.into_iter().filter(|(_, needed)| *needed);
        needs.map(|(need, _)| need).collect()
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "of at most a few thousand records"
)]
fn share(understood: u64, rejected: u64) -> Option<f64> {
    let all = understood.saturating_add(rejected);
    (all > 0).then(|| rejected as f64 / all as f64)
}

fn word(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Unsupported => "unsupported",
        ErrorKind::Undisclosed => "undisclosed",
        ErrorKind::Unauthorized => "unauthorized",
        ErrorKind::RateLimited => "rate_limited",
        ErrorKind::QuotaExhausted => "quota_exhausted",
        ErrorKind::Unavailable => "unavailable",
        ErrorKind::TimedOut => "timed_out",
        ErrorKind::Malformed => "malformed",
        _ => "config",
    }
}
