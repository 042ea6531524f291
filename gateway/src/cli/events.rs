//! `turnpike ledger events`: entries in the words of other systems.

use std::io::Write;

use clap::{Args, ValueEnum};
use serde_json::Value;
use turnpike_schemas::{
    api::{EntryList, MAX_ENTRIES},
    ledger::{Entry, EntryError, canonical_json},
    standard::{cadf, ocsf},
};

use super::{
    client::Server,
    exit::{Exit, Outcome},
};

/// Print entries as events of another vocabulary, one JSON object a line; nothing is lost on the way
#[derive(Debug, Args)]
pub(super) struct Events {
    #[command(flatten)]
    server: Server,
    /// The vocabulary
    #[arg(long, value_enum)]
    format: Format,
    /// Index of the first entry
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Most entries to print; all of them unless given
    #[arg(long)]
    limit: Option<u64>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Open Cybersecurity Schema Framework
    Ocsf,
    /// Cloud Auditing Data Federation
    Cadf,
}

impl Events {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let (mut next, mut left) = (Some(self.from), self.limit.unwrap_or(u64::MAX));
        while let Some(from) = next.filter(|_| left > 0) {
            let limit = left.min(u64::from(MAX_ENTRIES));
            let path = format!("/v1/ledger/entries?start={from}&limit={limit}");
            let list: EntryList = self.server.get(&path).await?;
            for listed in &list.entries {
                let event = self.event(&listed.entry).map_err(|_| misunderstood())?;
                writeln!(out, "{event}")?;
            }
            left = left.saturating_sub(list.entries.len() as u64);
            next = list.next;
        }
        Ok(Exit::Done)
    }

    fn event(&self, entry: &Value) -> Result<Value, EntryError> {
        let entry = Entry::parse(canonical_json(entry)?.as_bytes())?;
        match self.format {
            Format::Ocsf => ocsf::event(&entry),
            Format::Cadf => cadf::event(&entry),
        }
    }
}

fn misunderstood() -> Outcome {
    let message = "the gateway's entries are not understood; do both have the same version?";
    Outcome::new(Exit::Failed, message)
}
