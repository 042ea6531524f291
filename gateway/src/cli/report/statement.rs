//! `turnpike report statement`.

use std::io::Write;

use clap::Args;
use jiff::civil::Date;
use turnpike_schemas::{
    read::SourceId,
    review::statement::{self, Counted},
};

use super::super::{
    client::Server,
    exit::{Exit, Outcome},
    query::{json, source},
    table::{shortened, table, trimmed, unbroken},
};
use crate::cli::words::counted;

/// Show the owner of a source every question of a day that touched it
///
/// Users stand under a pseudonym that is always the same for you. Plates and case references are not in it.
#[derive(Debug, Args)]
pub(in crate::cli) struct Statement {
    /// Your source
    #[arg(long, value_parser = source)]
    source: SourceId,
    /// The day in UTC, as in 2026-03-02
    #[arg(long)]
    day: Date,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

impl Statement {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let path = format!("/v1/reports/statements/{}/{}", self.source, self.day);
        let statement: statement::Statement = self.server.get(&path).await?;
        if self.json {
            json(out, &statement)?;
            return Ok(Exit::Done);
        }
        let covered = &statement.covered;
        writeln!(
            out,
            "{} on {} (UTC): {}{}{}; {} left\ncheckpoint  {} of {}\nroot        {}\n",
            statement.source,
            statement.day,
            counted(statement.questions, "question"),
            besides(statement.images, "image"),
            besides(statement.checks, "check"),
            counted(statement.reads, "read"),
            counted(covered.size, "entry"),
            covered.origin,
            covered.root
        )?;
        counts(out, "organisation", &statement.organisations)?;
        counts(out, "purpose", &statement.purposes)?;
        counts(out, "outcome", &statement.outcomes)?;
        counts(out, "refused by", &statement.refusals)?;
        let mut lines = table(&[
            "entry",
            "time",
            "user",
            "organisation",
            "purpose",
            "outcome",
        ]);
        for line in &statement.lines {
            let what = match line.action.as_str() {
                "query" => String::new(),
                action => format!("{action}, "),
            };
            let outcome = match (line.reads, line.rules.first()) {
                (0, Some(rule)) => format!("{}: {rule}", line.outcome),
                (0, None) => line.outcome.clone(),
                (reads, _) => format!("{} ({reads})", line.outcome),
            };
            lines.add_row([
                line.entry.to_string(),
                line.at.strftime("%H:%M:%S").to_string(),
                line.user.clone(),
                shortened(&line.organisation, 14),
                line.purpose.replace('_', " "),
                format!("{what}{outcome}").replace('_', " "),
            ]);
        }
        unbroken(&mut lines, 4);
        writeln!(out, "{}", trimmed(&lines.to_string()))?;
        if !statement.lines.is_empty() {
            let source = &statement.source;
            writeln!(
                out,
                "\nUsers are pseudonyms of yours. To ask who one is:\nturnpike ledger owner who {source} USER"
            )?;
        }
        Ok(Exit::Done)
    }
}

/// More of the headline, where there is any.
fn besides(count: u64, what: &str) -> String {
    match count {
        0 => String::new(),
        count => format!(", {}", counted(count, what)),
    }
}

fn counts(out: &mut dyn Write, what: &str, counts: &[Counted]) -> std::io::Result<()> {
    if counts.is_empty() {
        return Ok(());
    }
    let mut rows = table(&[what, "uses", "reads"]);
    for count in counts {
        rows.add_row([
            count.name.replace('_', " "),
            count.uses.to_string(),
            count.reads.to_string(),
        ]);
    }
    writeln!(out, "{}\n", trimmed(&rows.to_string()))
}
