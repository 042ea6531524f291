//! `turnpike audit finding`.

use std::io::Write;

use clap::Args;
use turnpike_schemas::{
    api::{FindingRequest, Recorded},
    review::weeks::FindingResult,
};

use super::super::{
    client::Server,
    exit::{Exit, Outcome},
};
use super::list::finding;

/// Record what you found about a question
#[derive(Debug, Args)]
pub(in crate::cli) struct Finding {
    /// First entry of the question, as `turnpike audit list` shows it
    entry: u64,
    /// What you found: `justified`, `unjustified`, `unclear`
    #[arg(long, value_parser = finding)]
    result: FindingResult,
    /// Why, at most 500 characters
    #[arg(long)]
    note: String,
    #[command(flatten)]
    server: Server,
}

impl Finding {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let path = format!("/v1/ledger/questions/{}/findings", self.entry);
        let request = FindingRequest {
            result: self.result,
            note: self.note,
        };
        let recorded: Recorded = self.server.post(&path, &request).await?;
        writeln!(
            out,
            "Question {} is {}: on record as entry {}.",
            self.entry,
            self.result.as_str(),
            recorded.entry
        )?;
        Ok(Exit::Done)
    }
}
