//! `turnpike audit reviews` and `turnpike audit sign-off`.

use std::io::Write;

use clap::Args;
use turnpike_schemas::{
    api::{Recorded, SignOff as Signed, WeekList},
    review::weeks::{Standing, Week},
};

use super::super::{
    client::Server,
    exit::{Exit, Outcome},
    query::json,
    table::{clean, shortened, table, trimmed, unbroken},
};

/// List weeks and their reviews; overdue ones first
#[derive(Debug, Args)]
pub(in crate::cli) struct Reviews {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

/// Sign off the review of a week
#[derive(Debug, Args)]
pub(in crate::cli) struct SignOff {
    /// The Monday of the week, as in 2026-03-02
    week: Week,
    /// What was done, at most 500 characters
    #[arg(long)]
    note: String,
    #[command(flatten)]
    server: Server,
}

impl Reviews {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let mut list: WeekList = self.server.get("/v1/reports/reviews").await?;
        if self.json {
            json(out, &list)?;
            return Ok(Exit::Done);
        }
        let headline = match list.overdue {
            0 => "No review is overdue.".to_owned(),
            1 => "The review of 1 week is overdue.".to_owned(),
            many => format!("The reviews of {many} weeks are overdue."),
        };
        writeln!(out, "{headline}\n")?;
        list.weeks.sort_by_key(|line| {
            let late = line.standing == Standing::Overdue;
            (!late, std::cmp::Reverse(line.week))
        });
        let mut weeks = table(&["week of", "review", "questions", "findings", "by", "entry"]);
        for line in &list.weeks {
            let findings = match line.unjustified {
                0 => line.findings.to_string(),
                bad => format!("{} ({bad} bad)", line.findings),
            };
            let by = line.reviewed_by.as_ref();
            weeks.add_row([
                line.week.to_string(),
                crate::federation::word(&line.standing),
                line.questions.to_string(),
                findings,
                by.map_or_else(|| "-".to_owned(), |by| shortened(&clean(by.expose()), 20)),
                line.entry
                    .map_or_else(|| "-".to_owned(), |entry| entry.to_string()),
            ]);
        }
        unbroken(&mut weeks, 6);
        writeln!(out, "{}", trimmed(&weeks.to_string()))?;
        Ok(Exit::Done)
    }
}

impl SignOff {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let signed = Signed {
            week: self.week,
            note: self.note,
        };
        let recorded: Recorded = self.server.post("/v1/reports/reviews", &signed).await?;
        writeln!(
            out,
            "The week of {} is reviewed: on record as entry {}.",
            self.week, recorded.entry
        )?;
        Ok(Exit::Done)
    }
}
