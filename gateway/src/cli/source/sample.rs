//! `turnpike source sample`.

use std::io::{IsTerminal as _, Write};

use clap::Args;
use turnpike_adapters::registry::{self, ADAPTERS};

use super::super::{
    exit::{Exit, Outcome},
    words::counted,
};

/// Print an invented payload in a vendor's format
#[derive(Debug, Args)]
pub(in crate::cli) struct Sample {
    /// The adapter, as `turnpike sources --adapters` lists them
    #[arg(long)]
    adapter: String,
    /// Which one, by its name; the first unless given
    #[arg(long)]
    name: Option<String>,
}

impl Sample {
    pub(super) fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let entry = registry::find(&self.adapter).ok_or_else(|| {
            let known: Vec<&str> = ADAPTERS.iter().map(|entry| entry.id).collect();
            let message = format!(
                "unknown adapter `{}`; known: {}",
                self.adapter,
                known.join(", ")
            );
            Outcome::new(Exit::Usage, message)
        })?;
        let names: Vec<&str> = entry.samples.iter().map(|sample| sample.name).collect();
        let wanted = |sample: &&registry::Sample| {
            self.name.as_deref().is_none_or(|name| name == sample.name)
        };
        let sample = entry.samples.iter().find(wanted).ok_or_else(|| {
            let message = format!(
                "adapter `{}` has these samples: {}",
                entry.id,
                names.join(", ")
            );
            Outcome::new(Exit::Usage, message)
        })?;
        let readable = std::str::from_utf8(sample.bytes).is_ok();
        if !readable && std::io::stdout().is_terminal() {
            let message = format!(
                "{} is no text; send it to a file: turnpike source sample --adapter {} > {0}",
                sample.name, entry.id
            );
            return Err(Outcome::new(Exit::Usage, message));
        }
        out.write_all(sample.bytes)?;
        let topic = sample
            .topic
            .map_or_else(String::new, |topic| format!(", topic {topic}"));
        let others = counted(names.len().saturating_sub(1), "other sample");
        writeln!(
            std::io::stderr(),
            "turnpike: {} ({}{topic}); {others}",
            sample.name,
            sample.content_type
        )?;
        if let Some(settings) = sample.example {
            writeln!(std::io::stderr(), "its settings:\n{}", settings.trim_end())?;
        }
        Ok(Exit::Done)
    }
}
