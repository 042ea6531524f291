//! `turnpike report precision`.

use std::io::Write;

use clap::Args;
use turnpike_schemas::{
    api::hits::{PrecisionLine, PrecisionReport},
    hit::HitState,
};

use super::super::{
    client::Server,
    exit::{Exit, Outcome},
    query::json,
    table::{shortened, table, trimmed, unbroken},
};

/// Say how often hits of alert lists turned out to be right, by source and list
#[derive(Debug, Args)]
pub(in crate::cli) struct Precision {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

impl Precision {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let report: PrecisionReport = self.server.get("/v1/reports/precision").await?;
        if self.json {
            json(out, &report)?;
            return Ok(Exit::Done);
        }
        if report.sources.is_empty() {
            writeln!(out, "No hits.")?;
            return Ok(Exit::Done);
        }
        print(out, "source", &report.sources)?;
        writeln!(out)?;
        print(out, "list", &report.lists)?;
        writeln!(
            out,
            "\nRight: confirmed of those somebody looked at. Wrong: wrong plate or issuer."
        )?;
        Ok(Exit::Done)
    }
}

fn print(out: &mut dyn Write, of: &str, lines: &[PrecisionLine]) -> Result<(), Outcome> {
    let mut rows = table(&[
        of,
        "hits",
        "not looked at",
        "right",
        "wrong",
        "stale",
        "other",
    ]);
    for line in lines {
        let name = match &line.list {
            Some(list) => format!(
                "{} {}",
                shortened(list, 9),
                shortened(line.source.as_str(), 16)
            ),
            None => line.source.to_string(),
        };
        let count = |state| line.states.get(&state).copied().unwrap_or(0);
        let wrong = count(HitState::WrongPlate) + count(HitState::WrongJurisdiction);
        let right = line.confirmed_percent.map_or_else(
            || "-".to_owned(),
            |percent| format!("{} ({percent} %)", count(HitState::Confirmed)),
        );
        rows.add_row([
            shortened(&name, 26),
            line.hits.to_string(),
            count(HitState::Unconfirmed).to_string(),
            right,
            wrong.to_string(),
            count(HitState::Stale).to_string(),
            count(HitState::Other).to_string(),
        ]);
    }
    unbroken(&mut rows, 2);
    writeln!(out, "{}", trimmed(&rows.to_string()))?;
    Ok(())
}
