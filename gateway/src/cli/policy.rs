//! `turnpike policy replay` and `turnpike policy show`: works on files, no server needed.

use std::{collections::BTreeSet, io::Write, path::PathBuf};

use clap::Args;
use serde_json::json;

use super::{
    ConfigFile,
    exit::{Exit, Outcome},
    table::{clean, table, unbroken},
};
use crate::{
    config::Config,
    ledger::{self, Keyring, Period},
    policy::replay::{self, Replay, Replayed},
};

/// Make recorded decisions again from the ledger alone, and say which come out otherwise
#[derive(Debug, Args)]
pub(super) struct Again {
    /// Entries of decisions, or of questions whose decisions are meant
    #[arg(required_unless_present = "all")]
    entries: Vec<u64>,
    /// Every decision there is
    #[arg(long, conflicts_with = "entries")]
    all: bool,
    /// Folder of the ledger, instead of the one of the configuration
    #[arg(long)]
    ledger: Option<PathBuf>,
    /// Folder of the keys that seal personal fields; without `--ledger` those of the configuration. A decision whose
    /// question stays sealed cannot be made again
    #[arg(long)]
    keys: Option<PathBuf>,
    /// Print a JSON object for each decision, one a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: ConfigFile,
}

/// Print what the second engine decides by: schema, policies and their digest
#[derive(Debug, Args)]
pub(super) struct Show {
    /// Print one JSON object, in the form the ledger records it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: ConfigFile,
}

impl Again {
    pub(super) fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let (dir, keys) = match &self.ledger {
            Some(dir) => (dir.clone(), self.keys.clone()),
            None => {
                let config = load(&self.file)?;
                let keys = self.keys.clone().or(config.ledger.keys);
                (config.data_dir.join("ledger"), keys)
            }
        };
        let keys = match keys {
            Some(folder) => Keyring::read(&folder),
            None => Ok(Keyring::in_memory(Period::default())),
        };
        let keys = keys.map_err(|error| Outcome::new(Exit::Failed, error.to_string()))?;
        let replayed = self.replay(&dir, &keys)?;
        if self.json {
            for one in &replayed {
                writeln!(out, "{}", as_json(one))?;
            }
        } else {
            self.print(out, &replayed)?;
        }
        let is =
            |wanted: fn(&replay::Outcome) -> bool| replayed.iter().any(|one| wanted(&one.outcome));
        if is(|outcome| matches!(outcome, replay::Outcome::Different(_))) {
            return Err(Outcome::new(
                Exit::Differs,
                "a decision comes out otherwise than it is on record: keep ledger and program as they are and tell the auditor",
            ));
        }
        if !self.all && is(|outcome| matches!(outcome, replay::Outcome::Impossible(_))) {
            return Err(Outcome::new(
                Exit::Failed,
                "a decision cannot be made again; the table says why",
            ));
        }
        Ok(Exit::Done)
    }

    fn replay(&self, dir: &std::path::Path, keys: &Keyring) -> Result<Vec<Replayed>, Outcome> {
        let mut replay = Replay::default();
        let mut wanted: BTreeSet<u64> = self.entries.iter().copied().collect();
        let mut replayed = Vec::new();
        for entry in ledger::read_open(dir, keys).map_err(|damage| damaged(&damage))? {
            let entry = entry.map_err(|damage| damaged(&damage))?;
            let asked = self.all
                || self.entries.contains(&entry.index)
                || entry
                    .intent
                    .is_some_and(|intent| self.entries.contains(&intent));
            if let Some(one) = replay.follow(&entry).filter(|_| asked) {
                wanted.remove(&entry.index);
                wanted.remove(&entry.intent.unwrap_or(entry.index));
                replayed.push(one);
            }
        }
        match wanted.first() {
            Some(entry) => Err(Outcome::new(
                Exit::Failed,
                format!(
                    "entry {entry} is neither a decision nor a question; `turnpike ledger list` shows what there is"
                ),
            )),
            None => Ok(replayed),
        }
    }

    fn print(&self, out: &mut dyn Write, replayed: &[Replayed]) -> Result<(), Outcome> {
        let told = replayed
            .iter()
            .filter(|one| !self.all || one.outcome != replay::Outcome::Same);
        let mut decisions = table(&["entry", "agreement", "again"]);
        for one in told {
            let agreement = one.agreement.as_deref().unwrap_or(&one.source);
            decisions.add_row([one.index.to_string(), clean(agreement), clean(&words(one))]);
        }
        unbroken(&mut decisions, 2);
        if decisions.row_iter().next().is_some() {
            for line in decisions.to_string().lines() {
                writeln!(out, "{}", line.trim_end())?;
            }
            writeln!(out)?;
        }
        let count = |wanted: fn(&replay::Outcome) -> bool| {
            replayed.iter().filter(|one| wanted(&one.outcome)).count()
        };
        writeln!(
            out,
            "{} decisions: {} the same, {} different, {} cannot be made again",
            replayed.len(),
            count(|outcome| matches!(outcome, replay::Outcome::Same)),
            count(|outcome| matches!(outcome, replay::Outcome::Different(_))),
            count(|outcome| matches!(outcome, replay::Outcome::Impossible(_))),
        )?;
        Ok(())
    }
}

impl Show {
    pub(super) fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let source = load(&self.file)?.policy;
        if self.json {
            let value = json!({
                "policies": source.policies, "policy_sha256": source.sha256(), "schema": source.schema, "site": source.site,
            });
            writeln!(out, "{value}")?;
            return Ok(Exit::Done);
        }
        writeln!(out, "// schema\n{}", source.schema)?;
        writeln!(out, "// policies\n{}", source.policies)?;
        for (file, text) in &source.site {
            writeln!(out, "// {file}\n{text}")?;
        }
        writeln!(out, "// sha256 {}", source.sha256())?;
        Ok(Exit::Done)
    }
}

fn words(one: &Replayed) -> String {
    match &one.outcome {
        replay::Outcome::Same => "the same".to_owned(),
        replay::Outcome::Impossible(why) => format!("cannot be made again: {why}"),
        replay::Outcome::Different(parts) => {
            let parts = parts.iter();
            let parts = parts.map(|(part, recorded, again)| {
                format!("{part} is `{recorded}` on record and comes out as `{again}`")
            });
            format!("different: {}", parts.collect::<Vec<_>>().join("; "))
        }
    }
}

fn as_json(one: &Replayed) -> serde_json::Value {
    let (outcome, detail) = match &one.outcome {
        replay::Outcome::Same => ("same", json!(null)),
        replay::Outcome::Impossible(why) => ("impossible", json!(why)),
        replay::Outcome::Different(parts) => {
            let parts = parts.iter();
            let parts = parts.map(|(part, recorded, again)| {
                json!({ "part": part, "recorded": recorded, "again": again })
            });
            ("different", parts.collect())
        }
    };
    json!({
        "entry": one.index, "source": one.source, "agreement": one.agreement, "outcome": outcome, "detail": detail,
    })
}

fn load(file: &ConfigFile) -> Result<Config, Outcome> {
    Config::load(&file.config).map_err(|problems| Outcome::config(&problems))
}

fn damaged(damage: &impl std::fmt::Display) -> Outcome {
    Outcome::new(
        Exit::Damaged,
        format!("the ledger is damaged: {damage}; keep the files as they are and tell the auditor"),
    )
}
