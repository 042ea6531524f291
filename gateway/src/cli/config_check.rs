//! `turnpike config check`.

use std::io::Write;

use clap::Args;

use super::{
    ConfigFile,
    exit::{Exit, Outcome},
    table::table,
};
use crate::config::Config;

/// Check the configuration and print the effective values and where each came from
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    file: ConfigFile,
}

impl Check {
    pub(super) fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let config =
            Config::load(&self.file.config).map_err(|problems| Outcome::config(&problems))?;
        let unready = config
            .sources
            .iter()
            .find_map(|source| source.drift.missing(&source.id));
        if let Some(missing) = unready {
            return Err(Outcome::new(Exit::Config, missing));
        }
        let mut values = table(&["key", "value", "from"]);
        for effective in &config.effective {
            values.add_row([&effective.key, &effective.value, &effective.origin]);
        }
        let mut sources = table(&["source", "adapter", "agreement", "takes in", "quota"]);
        for source in &config.sources {
            let taken: Vec<&str> = [
                (source.push.is_some(), "pushes"),
                (source.drop.is_some(), "files"),
            ]
            .iter()
            .filter(|(configured, _)| *configured)
            .map(|(_, word)| *word)
            .collect();
            let quota = source.quota;
            sources.add_row([
                source.id.to_string(),
                source.entry.id.to_owned(),
                source.agreement.reference().to_string(),
                if taken.is_empty() {
                    "nothing: asked live".to_owned()
                } else {
                    taken.join(", ")
                },
                format!(
                    "{} in {} s, {} at once",
                    quota.requests,
                    quota.per.as_secs(),
                    quota.concurrency
                ),
            ]);
        }
        for table in [values, sources] {
            for line in table.to_string().lines() {
                writeln!(out, "{}", line.trim_end())?;
            }
            writeln!(out)?;
        }
        let (users, organisations) = (config.users.len(), config.organisations.len());
        writeln!(
            out,
            "{users} users of {organisations} organisations; the configuration is in order."
        )?;
        Ok(Exit::Done)
    }
}
