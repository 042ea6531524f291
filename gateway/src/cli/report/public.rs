//! `turnpike report transparency` and `turnpike report verify`.

use std::{io::Write, path::PathBuf};

use clap::Args;
use turnpike_schemas::review::{
    question::Questions,
    transparency::{self, Counting, Month, PublicCount},
    weeks::Reviews,
};

use super::super::{
    client::Server,
    exit::{Exit, Outcome},
    query::json,
    table::{table, trimmed, wrapped},
};
use super::replay::Replay;
use crate::cli::words::counted;

/// Make the public report of whole months
///
/// Counts only, each rounded on its own, and only some time after the period. Redirect the JSON to a file and publish it.
#[derive(Debug, Args)]
pub(in crate::cli) struct Transparency {
    /// First month, as in 2026-01
    #[arg(long)]
    from: Month,
    /// Last month, included
    #[arg(long)]
    to: Month,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

/// Recompute a public report from the files of a ledger and compare; no gateway needed
#[derive(Debug, Args)]
pub(in crate::cli) struct Verify {
    /// The report, as JSON
    file: PathBuf,
    /// Folder of the ledger
    #[arg(long)]
    ledger: PathBuf,
}

impl Transparency {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let path = format!(
            "/v1/reports/transparency?first_month={}&last_month={}",
            self.from, self.to
        );
        let report: transparency::Transparency = self.server.get(&path).await?;
        if self.json {
            json(out, &report)?;
            return Ok(Exit::Done);
        }
        let covered = &report.covered;
        writeln!(
            out,
            "Questions from {} to {}: {}\ncheckpoint  {} of {}\nroot        {}",
            report.first_month,
            report.last_month,
            report.questions,
            counted(covered.size, "entry"),
            covered.origin,
            covered.root
        )?;
        for line in wrapped(&format!("rounded: {}", report.rounding), 80).lines() {
            writeln!(out, "{line}")?;
        }
        for (what, counts) in [
            ("purpose", &report.purposes),
            ("class of organisation", &report.organisation_classes),
            ("what became of it", &report.states),
            ("source", &report.sources),
            ("what came of a source", &report.outcomes),
            ("finding", &report.findings),
        ] {
            print(out, what, counts)?;
        }
        Ok(Exit::Done)
    }
}

fn print(out: &mut dyn Write, what: &str, counts: &[PublicCount]) -> std::io::Result<()> {
    if counts.is_empty() {
        return Ok(());
    }
    let mut rows = table(&[what, "questions"]);
    for count in counts {
        rows.add_row([count.name.replace('_', " "), count.count.clone()]);
    }
    writeln!(out, "\n{}", trimmed(&rows.to_string()))
}

impl Verify {
    pub(super) fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let file = self.file.display();
        let failed = |error: &dyn std::fmt::Display| {
            Outcome::new(Exit::Failed, format!("{file} is no public report: {error}"))
        };
        let text = std::fs::read_to_string(&self.file).map_err(|error| failed(&error))?;
        let report: transparency::Transparency =
            serde_json::from_str(&text).map_err(|error| failed(&error))?;
        let counting = Counting::new(report.first_month, report.last_month);
        let mut counting = counting.map_err(|error| failed(&error))?;
        let (mut questions, mut reviews) = (Questions::default(), Reviews::default());
        let size = report.covered.size;
        let replay = Replay::of(&self.ledger, size, &mut |entry| {
            if entry.index >= size {
                return;
            }
            let mut complete = Vec::new();
            questions.follow(entry, &mut complete);
            complete
                .iter()
                .for_each(|question| counting.follow(question));
            reviews.follow(entry);
        })?;
        replay.require(&report.covered)?;
        for question in questions.finish() {
            counting.follow(&question);
        }
        let recomputed = counting.finish(reviews.findings(), report.covered.clone());
        let differences = report.differences(&recomputed);
        if !differences.is_empty() {
            let parts = differences.join(", ");
            let message = format!("the report is not what these entries give: {parts}");
            return Err(Outcome::new(Exit::Differs, message));
        }
        writeln!(
            out,
            "The report is what {size} entries give, and they are those of its checkpoint."
        )?;
        Ok(Exit::Done)
    }
}
