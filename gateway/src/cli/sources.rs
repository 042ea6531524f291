//! `turnpike sources`.

use std::io::Write;

use clap::Args;
use turnpike_schemas::api::{Delivery, SourceList};

use super::{
    client::Server,
    exit::{Exit, Outcome},
    query::json,
    table::{table, time, unbroken},
};

/// List the sources and their state
#[derive(Debug, Args)]
pub(super) struct Sources {
    /// List the adapters there are instead: no gateway is needed
    #[arg(long)]
    adapters: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

impl Sources {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        if self.adapters {
            return super::adapters::print(out, self.json);
        }
        let list: SourceList = self.server.get("/v1/sources").await?;
        if self.json {
            json(out, &list)?;
            return Ok(Exit::Done);
        }
        let mut sources = table(&[
            "source",
            "family",
            "adapter",
            "how",
            "last seen (utc)",
            "held",
        ]);
        for source in &list.sources {
            let how: Vec<&str> = source
                .delivery
                .iter()
                .map(|delivery| word(*delivery))
                .collect();
            let how = match source.breaker.as_deref() {
                None | Some("closed") => how.join(", "),
                Some(state) => format!("{} (breaker {})", how.join(", "), state.replace('_', " ")),
            };
            sources.add_row([
                source.source.to_string(),
                source.family.as_str().to_owned(),
                source.adapter.clone(),
                how,
                source.last_seen_at.map_or_else(|| "never".to_owned(), time),
                source
                    .reads_held
                    .map_or_else(|| "-".to_owned(), |held| held.to_string()),
            ]);
        }
        unbroken(&mut sources, 6);
        for line in sources.to_string().lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(Exit::Done)
    }
}

fn word(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::Pull => "asked live",
        Delivery::Poll => "polled",
        Delivery::Push => "pushes",
        Delivery::File => "drops files",
        Delivery::Subscribe => "listened to",
    }
}
