//! `turnpike audit rules` and `turnpike audit declare`.

use std::{io::Write, time::Instant};

use clap::Args;
use serde_json::json;
use turnpike_schemas::{
    api::{DeclaredVehicle, Recorded},
    ledger::Personal,
    review::misuse::{
        RULES, Thresholds,
        labelled::{Measured, Plan, measure},
    },
};

use super::super::{
    ConfigFile,
    client::Server,
    exit::{Exit, Outcome},
    query,
    table::wrapped,
};
use crate::cli::words::counted;
use crate::{config::Config, federation::word};

/// List the misuse rules, or measure them on a log whose misuse is known; no gateway needed
#[derive(Debug, Args)]
pub(in crate::cli) struct Rules {
    /// Run them over an invented log and say what was found, missed and falsely flagged
    #[arg(long)]
    measure: bool,
    /// Organisations of 25 users in that log
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=100))]
    organisations: u32,
    /// Days of that log
    #[arg(long, default_value_t = 125, value_parser = clap::value_parser!(u32).range(125..=3_650))]
    days: u32,
    /// Seed of that log
    #[arg(long, default_value_t = 421)]
    seed: u64,
    /// The thresholds as they are delivered, instead of those of the configuration
    #[arg(long)]
    defaults: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: ConfigFile,
}

/// Declare an own vehicle, so that questions about it are flagged; only an HMAC of it is kept
#[derive(Debug, Args)]
pub(in crate::cli) struct Declare {
    /// Its plate; `-` reads it from standard input
    plate: String,
    /// Take it off the list
    #[arg(long)]
    withdraw: bool,
    #[command(flatten)]
    server: Server,
}

impl Rules {
    pub(super) fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let thresholds = if self.defaults {
            Thresholds::default()
        } else {
            let config = Config::load(&self.file.config);
            config
                .map_err(|problems| Outcome::config(&problems))?
                .review
                .thresholds
        };
        if self.measure {
            return self.measured(out, thresholds);
        }
        if self.json {
            let rules = RULES.iter().map(|rule| {
                json!({ "id": rule.id, "owner": rule.owner, "text": rule.text, "threshold": rule.threshold(&thresholds) })
            });
            query::json(out, &rules.collect::<Vec<_>>())?;
            return Ok(Exit::Done);
        }
        for rule in RULES {
            writeln!(out, "{} ({} looks)", rule.id, word(&rule.owner))?;
            for text in [rule.text, &rule.threshold(&thresholds)] {
                for line in wrapped(text, 74).lines() {
                    writeln!(out, "    {line}")?;
                }
            }
        }
        Ok(Exit::Done)
    }

    fn measured(&self, out: &mut dyn Write, thresholds: Thresholds) -> Result<Exit, Outcome> {
        let plan = Plan {
            seed: self.seed,
            days: self.days,
            organisations: self.organisations,
            ..Plan::default()
        };
        let started = Instant::now();
        let measured = measure(plan, thresholds);
        let took = started.elapsed();
        if self.json {
            let rules = measured.rules.iter().map(|(rule, score)| {
                json!({ "rule": rule, "labels": score.labels, "found": score.found, "false_flags": score.false_flags })
            });
            let missed: Vec<_> = measured.missed.iter().map(|label| label.script).collect();
            let report = json!({
                "entries": measured.entries, "questions": measured.questions, "held": measured.held,
                "took_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                "rules": rules.collect::<Vec<_>>(), "missed": missed,
            });
            query::json(out, &report)?;
        } else {
            writeln!(
                out,
                "{}, {}, written and read in {:.1} s;\nat most {} rows and counts held\n",
                counted(measured.entries, "entry"),
                counted(measured.questions, "question"),
                took.as_secs_f64(),
                measured.held
            )?;
            table(out, &measured)?;
        }
        if measured.missed.is_empty() {
            return Ok(Exit::Done);
        }
        Err(Outcome::new(
            Exit::Failed,
            format!(
                "with these thresholds {} stories of misuse are not found where they must be",
                measured.missed.len()
            ),
        ))
    }
}

fn table(out: &mut dyn Write, measured: &Measured) -> std::io::Result<()> {
    let mut rules =
        super::super::table::table(&["rule", "must find", "found", "false", "per 10,000"]);
    let (mut all, questions) = (0, measured.questions.max(1));
    for (rule, score) in &measured.rules {
        all += score.false_flags;
        rules.add_row([
            rule.to_string(),
            score.labels.to_string(),
            score.found.to_string(),
            score.false_flags.to_string(),
            per_10_000(score.false_flags, questions),
        ]);
    }
    writeln!(out, "{}", super::super::table::trimmed(&rules.to_string()))?;
    writeln!(
        out,
        "\n{all} false flags: {} in 10,000 questions",
        per_10_000(all, questions)
    )
}

/// With one decimal.
fn per_10_000(count: u64, of: u64) -> String {
    let tenths = (count * 100_000 + of / 2) / of;
    format!("{}.{}", tenths / 10, tenths % 10)
}

impl Declare {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let vehicle = DeclaredVehicle {
            plate: Personal::new(query::plate(&self.plate)?),
            withdrawn: self.withdraw,
        };
        let path = "/v1/reports/declared-vehicles";
        let recorded: Recorded = self.server.post(path, &vehicle).await?;
        let what = if self.withdraw {
            "no longer on the list"
        } else {
            "on the list: questions about it are flagged"
        };
        writeln!(
            out,
            "Your vehicle is {what}. That you said so is entry {}.",
            recorded.entry
        )?;
        Ok(Exit::Done)
    }
}
