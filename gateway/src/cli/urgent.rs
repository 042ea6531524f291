//! `turnpike justify` and `turnpike urgent`.

use std::io::Write;

use clap::Args;
use turnpike_schemas::{
    api::{Justification, UrgentList, UrgentReason, UrgentState, UrgentUse},
    query::Note,
};
use uuid::Uuid;

use super::{
    client::Server,
    exit::{Exit, Outcome},
    query::{json, note},
    table::{table, time, trimmed, unbroken},
};

/// Justify a question you declared urgent
#[derive(Debug, Args)]
pub(super) struct Justify {
    /// Identity of the question, as its answer shows it
    question: Uuid,
    /// Why it could not wait: `danger_to_life`, `missing_at_risk`, `pursuit`, `evidence_at_risk`, `declared_in_error`
    #[arg(long, value_parser = reason)]
    reason: UrgentReason,
    /// A remark for whoever reviews it; never about a person
    #[arg(long, value_parser = note)]
    note: Option<Note>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

/// List urgent questions and what is owed for them
#[derive(Debug, Args)]
pub(super) struct Urgent {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

impl Justify {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let path = format!("/v1/queries/{}/justification", self.question);
        let given = Justification {
            reason: self.reason,
            note: self.note,
        };
        let urgent: UrgentUse = self.server.post(&path, &given).await?;
        if self.json {
            json(out, &urgent)?;
            return Ok(Exit::Done);
        }
        let (first, late) = (
            urgent.reason == Some(self.reason),
            urgent.state == UrgentState::JustifiedLate,
        );
        let entry = urgent
            .justification
            .map(|entry| format!(" as entry {entry} of the ledger"))
            .unwrap_or_default();
        let words = match (first, late) {
            (true, false) => "Justified in time, on record",
            (true, true) => "Justified late, on record",
            (false, _) => "It was justified before; the first justification stands, on record",
        };
        writeln!(out, "{words}{entry}.\nEvery urgent question is reviewed.")?;
        Ok(Exit::Done)
    }
}

impl Urgent {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let list: UrgentList = self.server.get("/v1/urgent").await?;
        if self.json {
            json(out, &list)?;
            return Ok(Exit::Done);
        }
        if list.urgent.is_empty() {
            writeln!(out, "No urgent question, so nothing is owed.")?;
            return Ok(Exit::Done);
        }
        let owed = |state| {
            list.urgent
                .iter()
                .filter(|urgent| urgent.state == state)
                .count()
        };
        let (due, overdue) = (owed(UrgentState::Due), owed(UrgentState::Overdue));
        writeln!(
            out,
            "{overdue} overdue, {due} due, {} in all\n",
            list.urgent.len()
        )?;
        let mut rows = table(&["question", "intent", "justify by (UTC)", "state"]);
        for urgent in &list.urgent {
            rows.add_row([
                urgent.query.to_string(),
                urgent
                    .intent
                    .map_or_else(|| "-".to_owned(), |intent| intent.to_string()),
                time(urgent.justify_until),
                state(urgent),
            ]);
        }
        unbroken(&mut rows, 0);
        writeln!(out, "{}", trimmed(&rows.to_string()))?;
        if overdue + due > 0 {
            writeln!(
                out,
                "\nJustify with: turnpike justify QUESTION --reason REASON"
            )?;
        }
        Ok(Exit::Done)
    }
}

fn state(urgent: &UrgentUse) -> String {
    let reason = urgent
        .reason
        .map(|reason| reason.as_str().replace('_', " "))
        .unwrap_or_default();
    match urgent.state {
        UrgentState::Due => "due".to_owned(),
        UrgentState::Overdue => "OVERDUE".to_owned(),
        UrgentState::Justified => reason,
        UrgentState::JustifiedLate => format!("{reason}, late"),
    }
}

fn reason(text: &str) -> Result<UrgentReason, String> {
    let known = UrgentReason::ALL
        .into_iter()
        .find(|reason| reason.as_str() == text);
    known.ok_or_else(|| {
        let all: Vec<&str> = UrgentReason::ALL
            .iter()
            .map(|reason| reason.as_str())
            .collect();
        format!("a reason is one of {}", all.join(", "))
    })
}
