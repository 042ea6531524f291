//! `turnpike ledger seal`: the end of retention, by two people.

use std::io::Write;

use clap::Args;
use jiff::{Timestamp, civil::Date, tz::Offset};
use serde_json::json;
use turnpike_schemas::{
    api::{SealProposal, SealReport, SealRequest},
    ledger::KeyId,
};
use uuid::Uuid;

use super::{
    client::Server,
    exit::{Exit, Outcome},
};
use crate::cli::words::counted;

/// Destroy the keys of entries that are past their retention, so that nobody can read their personal fields again
///
/// One person proposes with --before, and an auditor who is somebody else confirms with --confirm. Entries stay, and the
/// ledger verifies as before.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("step").required(true)))]
pub(super) struct Seal {
    #[command(flatten)]
    server: Server,
    /// Propose: keys whose period was over on this day (UTC), as in 2025-01-01
    #[arg(long, group = "step", value_name = "DATE")]
    before: Option<Date>,
    /// Confirm somebody else's proposal; the keys are destroyed
    #[arg(long, group = "step", value_name = "PROPOSAL")]
    confirm: Option<Uuid>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Seal {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        match (self.before, self.confirm) {
            (Some(date), _) => self.propose(date, out).await,
            (None, Some(proposal)) => self.confirm(proposal, out).await,
            (None, None) => Err(Outcome::new(Exit::Usage, "give --before or --confirm")),
        }
    }

    async fn propose(&self, date: Date, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let midnight = Offset::UTC.to_timestamp(date.at(0, 0, 0, 0));
        let before: Timestamp =
            midnight.map_err(|_| Outcome::new(Exit::Usage, "--before is out of range"))?;
        let request = SealRequest { before };
        let proposed: SealProposal = self.server.post("/v1/ledger/seals", &request).await?;
        if self.json {
            writeln!(out, "{}", json!(proposed))?;
            return Ok(Exit::Done);
        }
        writeln!(out, "proposal  {}", proposed.proposal)?;
        writeln!(out, "keys      {}", names(&proposed.keys))?;
        writeln!(out, "lapses    {}", proposed.expires_at)?;
        writeln!(out, "on record as entry {}", proposed.recorded)?;
        writeln!(
            std::io::stderr(),
            "turnpike: nothing is destroyed until another auditor confirms it: turnpike ledger seal --confirm {}",
            proposed.proposal
        )?;
        Ok(Exit::Done)
    }

    async fn confirm(&self, proposal: Uuid, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let path = format!("/v1/ledger/seals/{proposal}/confirm");
        let report: SealReport = self.server.post(&path, &json!({})).await?;
        if self.json {
            writeln!(out, "{}", json!(report))?;
            return Ok(Exit::Done);
        }
        writeln!(out, "destroyed {}", names(&report.keys))?;
        let entries = counted(report.entries, "entry");
        writeln!(out, "sealed for good: {entries}")?;
        writeln!(out, "on record as entry {}", report.recorded)?;
        Ok(Exit::Done)
    }
}

fn names(keys: &[KeyId]) -> String {
    let names: Vec<&str> = keys.iter().map(KeyId::as_str).collect();
    names.join(", ")
}
