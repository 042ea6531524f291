//! `turnpike source check`.
//!
//! Payloads are checked where the command runs; a live source is contacted by the running gateway only, which holds the
//! ledger, the quota and the breaker. Either way nothing is shown that is not on record.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal as _, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::{SignedDuration, Timestamp};
use turnpike_adapters::{
    conformance::{self, CHECKS, SHAPE_CHECK, Subject},
    context::{Clock as _, SystemClock},
};
use turnpike_schemas::{
    api::QueryRequest,
    conformance::{CheckRecorded, CheckReport, CheckResult, CheckWay, Verdict},
    ledger::{Admin, AdminAction},
    query::{CaseRef, MatchMode, Offence, OnBehalfOf, Purpose, TimeWindow},
    read::SourceId,
};

use super::{
    super::{
        ConfigFile,
        client::Server,
        exit::{Exit, Outcome},
        query::{case, json, offence, on_behalf_of, purpose, source, span},
    },
    payloads::{As, Loaded},
    report,
};
use crate::ledger::{Ledger, LedgerError, Opened};

/// Check a source: payloads in a folder, or live under a permit
#[derive(Debug, Args)]
pub(in crate::cli) struct Check {
    /// The source, as in the configuration
    #[arg(value_parser = source)]
    id: SourceId,
    /// Check the payloads in this folder, or in this file, and contact nobody
    #[arg(long)]
    payloads: Option<PathBuf>,
    /// How the payloads reach the adapter, where it has several ways
    #[arg(long = "as", requires = "payloads")]
    via: Option<As>,
    #[command(flatten)]
    question: Question,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: ConfigFile,
    #[command(flatten)]
    server: Server,
}

/// The question a live source is checked with.
#[derive(Debug, Args)]
struct Question {
    /// A plate the source is known to hold; `-` reads it from standard input
    #[arg(long)]
    plate: Option<String>,
    /// Why you may ask: `stolen_vehicle`, `missing_person`, ...
    #[arg(long, value_parser = purpose)]
    purpose: Option<Purpose>,
    /// The type of offence, where the purpose does not name it
    #[arg(long, value_parser = offence)]
    offence: Option<Offence>,
    /// The file the check belongs to
    #[arg(long = "case", value_parser = case)]
    case_reference: Option<CaseRef>,
    /// For whom: `self`, or the organisation you ask for
    #[arg(long, value_parser = on_behalf_of)]
    on_behalf_of: Option<OnBehalfOf>,
    /// The window up to now: `36h`, `7d`
    #[arg(long, value_parser = span, default_value = "24h")]
    last: SignedDuration,
    /// How long to wait for the source, in milliseconds
    #[arg(long)]
    deadline_ms: Option<u32>,
}

impl Check {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let report = match &self.payloads {
            Some(folder) => self.payloads(folder).await?,
            None => self.live().await?,
        };
        if self.json {
            json(out, &report)?;
        } else {
            report::print(out, &report)?;
        }
        Ok(if report.passed() {
            Exit::Done
        } else {
            Exit::CheckFailed
        })
    }

    async fn live(&self) -> Result<CheckReport, Outcome> {
        let request = self.question.request()?;
        let bar = bar(None, &format!("asking {}", self.id));
        let path = format!("/v1/sources/{}/check", self.id);
        let report = self.server.post(&path, &request).await;
        bar.finish_and_clear();
        report
    }

    async fn payloads(&self, folder: &Path) -> Result<CheckReport, Outcome> {
        let loaded = Loaded::load(&self.file.config, &self.id, Some(folder), self.via)?;
        let mut report = checked(&loaded);
        report.recorded = Some(self.record(&loaded, &report).await?);
        Ok(report)
    }

    /// Puts the report on record: in the ledger itself, or through the gateway that holds it.
    async fn record(&self, loaded: &Loaded, report: &CheckReport) -> Result<u64, Outcome> {
        let now = Arc::new(|| SystemClock.now());
        let (folder, config) = &loaded.ledger;
        match Ledger::open(folder, config.clone(), now) {
            Ok(Opened { ledger, .. }) => {
                let entry = Admin {
                    action: AdminAction::SourceCheck,
                    by: None,
                    facts: report.facts(),
                };
                let recorded = ledger
                    .admin(entry)
                    .await
                    .map_err(|error| unrecorded(&error))?;
                ledger.close().await.map_err(|error| unrecorded(&error))?;
                Ok(recorded)
            }
            Err(LedgerError::Locked) => {
                let path = format!("/v1/sources/{}/check/payloads", self.id);
                let recorded: CheckRecorded = self.server.post(&path, &report.plain()).await?;
                Ok(recorded.recorded)
            }
            Err(error @ LedgerError::Damaged(_)) => {
                Err(Outcome::new(Exit::Damaged, error.to_string()))
            }
            Err(error) => Err(unrecorded(&error)),
        }
    }
}

impl Question {
    fn request(&self) -> Result<QueryRequest, Outcome> {
        let missing = || {
            Outcome::new(
                Exit::Usage,
                "check payloads with --payloads FOLDER; a live check is a question: give --plate, --purpose, --case and --on-behalf-of",
            )
        };
        let to: Timestamp = SystemClock.now();
        let from = to
            .checked_sub(self.last)
            .map_err(|_| Outcome::new(Exit::Usage, "`--last` is too long"))?;
        let window = TimeWindow::new(from, to);
        let plate = self.plate().ok_or_else(missing)??;
        Ok(QueryRequest {
            plate,
            match_mode: MatchMode::Exact,
            jurisdiction: None,
            window: window.map_err(|error| Outcome::new(Exit::Usage, error.to_string()))?,
            purpose: self.purpose.ok_or_else(missing)?,
            case_reference: self.case_reference.clone().ok_or_else(missing)?,
            on_behalf_of: self.on_behalf_of.clone().ok_or_else(missing)?,
            sources: None,
            deadline_ms: self.deadline_ms,
            offence: self.offence,
            urgent: false,
            warrant: None,
            note: None,
        })
    }

    fn plate(&self) -> Option<io::Result<String>> {
        let plate = self.plate.as_deref()?;
        if plate != "-" {
            return Some(Ok(plate.to_owned()));
        }
        let mut line = String::new();
        let taken = io::stdin().read_line(&mut line);
        Some(taken.map(|_| line.trim().to_owned()))
    }
}

fn unrecorded(error: &LedgerError) -> Outcome {
    let message = format!("the check cannot be put on record, so its result is not shown: {error}");
    Outcome::new(Exit::Unavailable, message)
}

/// Runs every check on the payloads.
fn checked(loaded: &Loaded) -> CheckReport {
    let (source, adapter) = (&loaded.source, &*loaded.adapter);
    let plates = loaded.plates();
    let subject = Subject {
        entry: source.entry,
        settings: &source.settings,
        adapter,
        payloads: &loaded.payloads,
        now: SystemClock.now(),
        // A plate of a few characters is part of many words.
        forbidden: plates
            .into_iter()
            .filter(|plate| plate.chars().count() >= 4)
            .collect(),
    };
    let bar = bar(Some(CHECKS.len() as u64), "");
    let mut results = conformance::check(&subject, |check| {
        bar.set_message(check.name.replace('_', " "));
        bar.inc(1);
    });
    bar.finish_and_clear();
    results.extend(kept_shape(loaded));
    let (mut reads, mut rejected, mut skipped) = (0, 0, 0);
    let mut doubts = Vec::new();
    for payload in &loaded.payloads {
        match payload.decode(loaded.decoder()) {
            Ok(delivered) => {
                reads += delivered.page.reads.len();
                rejected +=
                    delivered.page.rejected.len() + usize::from(delivered.refused.is_some());
                skipped += delivered.page.skipped.values().sum::<u64>();
                doubts.extend(delivered.page.reads.into_iter().map(|read| read.quality));
            }
            Err(_) => rejected += 1,
        }
    }
    let info = adapter.info();
    let mut report = CheckReport {
        source: source.id.clone(),
        adapter: info.id.to_owned(),
        adapter_version: info.version.to_owned(),
        way: CheckWay::Payloads,
        payloads: small(loaded.payloads.len()),
        reads: small(reads),
        rejected: small(rejected),
        skipped: u32::try_from(skipped).unwrap_or(u32::MAX),
        doubts: BTreeMap::new(),
        results,
        question: None,
        recorded: None,
    };
    for quality in &doubts {
        report.doubt(quality);
    }
    report
}

/// Whether the payloads have the shape recorded for the source, where one is.
fn kept_shape(loaded: &Loaded) -> Option<CheckResult> {
    let recorded = loaded.source.drift.shape.as_ref()?;
    let details: Vec<String> = match loaded.shape() {
        Ok(today) => recorded
            .drift(&today)
            .iter()
            .map(|drift| {
                let rejection = drift.rejection();
                format!("`{}` {}", rejection.field, rejection.rule)
            })
            .collect(),
        Err(error) => vec![error.to_string()],
    };
    let drifted = !details.is_empty();
    Some(CheckResult {
        check: SHAPE_CHECK.to_owned(),
        verdict: if drifted { Verdict::Failed } else { Verdict::Passed },
        details,
        advice: drifted.then(|| {
            format!("ask the vendor what changed; adapt the mapping, then record the new shape: turnpike source drift {} --record=replace --payloads FOLDER", loaded.source.id)
        }),
    })
}

pub(super) fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// A bar, or a spinner where the length is not known; neither unless somebody looks at a terminal.
fn bar(length: Option<u64>, message: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = match length {
        Some(length) => {
            let style = ProgressStyle::with_template("{bar:20} {pos}/{len} {wide_msg}");
            let bar = ProgressBar::new(length);
            style.map_or_else(|_| bar.clone(), |style| bar.clone().with_style(style))
        }
        None => ProgressBar::new_spinner(),
    };
    bar.set_message(message.to_owned());
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}
