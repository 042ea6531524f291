//! Logs and metrics. No label and no log line ever holds a plate, a person or a case.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use turnpike_adapters::layers::BreakerState;

use crate::{app::App, config::LogFormat};

/// Upper bounds of the duration histograms, in seconds.
const BUCKETS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// The process's recorder; one for all gateways of a process, because the metrics facade has one.
static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Where metrics are read.
#[derive(Debug, Clone)]
pub struct Telemetry {
    handle: Option<PrometheusHandle>,
}

impl Telemetry {
    /// Installs the recorder, once per process.
    #[must_use]
    pub fn install() -> Self {
        let handle = RECORDER.get_or_init(|| {
            PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)
                .ok()?
                .install_recorder()
                .ok()
        });
        Self {
            handle: handle.clone(),
        }
    }

    /// The metrics in Prometheus text form, with the gauges taken now.
    #[must_use]
    pub fn render(&self, app: &App) -> String {
        gauges(app);
        self.handle
            .as_ref()
            .map(PrometheusHandle::render)
            .unwrap_or_default()
    }

    /// Lets old histogram samples go.
    pub fn upkeep(&self) {
        if let Some(handle) = &self.handle {
            handle.run_upkeep();
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float; counts stay far below 2^53"
)]
fn gauges(app: &App) {
    let up = |holds: bool| if holds { 1.0 } else { 0.0 };
    let stats = app.ledger.stats();
    metrics::gauge!("turnpike_ledger_healthy").set(up(app.ledger.healthy()));
    metrics::gauge!("turnpike_ledger_entries").set(stats.entries as f64);
    metrics::gauge!("turnpike_ledger_space_used_ratio").set(f64::from(stats.space_used) / 10_000.0);
    metrics::gauge!("turnpike_ledger_queue").set(stats.queued as f64);
    if let Some(published) = app.ledger.published() {
        let signed = published.heads().borrow().size;
        metrics::gauge!("turnpike_ledger_signed_entries").set(signed as f64);
    }
    metrics::gauge!("turnpike_store_healthy").set(up(app.store.healthy()));
    if let Some(review) = app.desk.summary() {
        metrics::gauge!("turnpike_reviews_overdue").set(review.overdue as f64);
        metrics::gauge!("turnpike_accounts_dormant").set(review.dormant as f64);
        for (rule, raised) in review.flags {
            metrics::gauge!("turnpike_review_flags", "rule" => rule.as_str()).set(raised as f64);
        }
    }
    for source in app.federation.sources() {
        let name = source.id.to_string();
        let health = source.report(&app.store, app.federation.now());
        let failures: u64 = health.errors.values().sum();
        let seconds = |millis: f64| millis / 1_000.0;
        let values = [
            (
                "turnpike_source_rejected",
                Some(source.tally.rejected() as f64),
            ),
            ("turnpike_source_rejected_share", health.rejected_share),
            ("turnpike_source_records", Some(health.records as f64)),
            ("turnpike_source_duplicates", Some(health.duplicates as f64)),
            ("turnpike_source_refused", Some(health.refused as f64)),
            ("turnpike_source_unproven", Some(health.unproven as f64)),
            ("turnpike_source_calls", Some(health.calls as f64)),
            ("turnpike_source_failures", Some(failures as f64)),
            ("turnpike_source_throttled", Some(health.throttled as f64)),
            (
                "turnpike_source_quota_left",
                health.quota_left.map(f64::from),
            ),
            (
                "turnpike_source_last_read_timestamp",
                health.last_read_at.map(|at| at.as_second() as f64),
            ),
            (
                "turnpike_source_lag_seconds",
                health.lag_ms.map(|lag| seconds(lag as f64)),
            ),
            (
                "turnpike_source_clock_skew_seconds",
                // What is no longer known must not stay as it was.
                Some(
                    health
                        .clock_skew_ms
                        .map_or(f64::NAN, |skew| seconds(skew as f64)),
                ),
            ),
            ("turnpike_source_needs", Some(health.needs.len() as f64)),
        ];
        for (metric, value) in values {
            if let Some(value) = value {
                metrics::gauge!(metric, "source" => name.clone()).set(value);
            }
        }
        if let Some(drift) = health.drift {
            let changes = [
                ("new", drift.new),
                ("missing", drift.missing),
                ("retyped", drift.retyped),
            ];
            for (change, fields) in changes {
                metrics::gauge!("turnpike_source_drift", "source" => name.clone(), "change" => change)
                    .set(f64::from(fields));
            }
        }
        if source.is_live() {
            metrics::gauge!("turnpike_source_breaker_closed", "source" => name).set(up(source
                .health
                .snapshot()
                .breaker
                == BreakerState::Closed));
        } else {
            metrics::gauge!("turnpike_source_reads_held", "source" => name)
                .set(app.store.source_stats(&source.id).held as f64);
        }
    }
}

/// Sends log lines to standard error. A second call in the same process changes nothing.
pub fn log(level: &str, format: LogFormat) {
    let filter = EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter);
    let installed = match format {
        LogFormat::Json => registry
            .with(fmt::layer().json().with_writer(std::io::stderr))
            .try_init(),
        LogFormat::Text => registry
            .with(fmt::layer().with_writer(std::io::stderr).with_target(false))
            .try_init(),
    };
    // Losing the second subscriber of a process is what is wanted.
    drop(installed);
}
