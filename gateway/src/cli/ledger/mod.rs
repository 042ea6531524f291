//! `turnpike ledger`: reads the files, no server needed.

mod mirror;
mod tree;

use std::{io::Write, path::PathBuf};

use clap::Args;
use turnpike_schemas::ledger::{AdminAction, Body, Entry, Kind, Refused};

pub(super) use self::{
    mirror::Mirror,
    tree::{Export, Prove, Verify, Vkey, parse_key},
};
use super::{
    ConfigFile,
    exit::{Exit, Outcome},
    table::{clean, table, time, unbroken},
};
use crate::{config::Config, ledger};

/// Where the ledger is.
#[derive(Debug, Args)]
struct Folder {
    /// Folder of the ledger, instead of the one of the configuration
    #[arg(long)]
    dir: Option<PathBuf>,
    #[command(flatten)]
    file: ConfigFile,
}

/// List entries, oldest first
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    folder: Folder,
    /// Only the last entries
    #[arg(long, default_value_t = 50)]
    last: usize,
    /// Print the entries whole, in canonical JSON, one a line
    #[arg(long)]
    json: bool,
}

impl Folder {
    fn path(&self) -> Result<PathBuf, Outcome> {
        match &self.dir {
            Some(dir) => Ok(dir.clone()),
            None => {
                let config = Config::load(&self.file.config)
                    .map_err(|problems| Outcome::config(&problems))?;
                Ok(config.data_dir.join("ledger"))
            }
        }
    }
}

impl List {
    pub(super) fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let mut last = std::collections::VecDeque::new();
        for entry in ledger::read(&self.folder.path()?).map_err(|damage| damaged(&damage))? {
            let entry = entry.map_err(|damage| damaged(&damage))?;
            if last.len() == self.last {
                last.pop_front();
            }
            last.push_back(entry);
        }
        if self.json {
            for entry in &last {
                let bytes = entry
                    .canonical_bytes()
                    .map_err(|error| Outcome::new(Exit::Failed, error.to_string()))?;
                out.write_all(&bytes)?;
                writeln!(out)?;
            }
            return Ok(Exit::Done);
        }
        let mut entries = table(&["entry", "time (utc)", "kind", "who", "what"]);
        for entry in &last {
            let (who, what) = describe(&entry.body);
            entries.add_row([
                entry.index.to_string(),
                time(entry.at),
                kind(entry),
                clean(&who),
                clean(&what),
            ]);
        }
        unbroken(&mut entries, 4);
        for line in entries.to_string().lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(Exit::Done)
    }
}

/// Plates stay covered in the table; whoever needs them asks for the entries whole.
fn describe(body: &Body) -> (String, String) {
    match body {
        Body::Intent(intent) | Body::DryRun(intent) => {
            let who = intent.subject.expose().to_owned();
            let asked = covered(intent.plate.expose());
            (
                who,
                format!(
                    "{asked}, {}, case {}",
                    intent.purpose,
                    intent.case_reference.expose()
                ),
            )
        }
        Body::Decision(decision) => {
            let what = if decision.rules.is_empty() {
                "permits".to_owned()
            } else {
                format!("refuses: {}", decision.rules.join(", "))
            };
            (
                decision
                    .agreement
                    .clone()
                    .unwrap_or_else(|| decision.source.clone()),
                what,
            )
        }
        Body::OutcomePart(part) => (
            part.source.clone(),
            format!("{}, {} reads", part.outcome, part.count),
        ),
        Body::Outcome(outcome) => {
            let sources: Vec<String> = outcome
                .sources
                .iter()
                .map(|source| format!("{} {}", source.source, source.outcome))
                .collect();
            (
                String::new(),
                format!(
                    "{:?}, {} reads; {}",
                    outcome.completeness,
                    outcome.reads,
                    sources.join(", ")
                )
                .to_lowercase(),
            )
        }
        Body::Refused(refused) => {
            let who = refused
                .subject
                .as_ref()
                .map(|subject| subject.expose().to_owned())
                .unwrap_or_default();
            (
                refused.source.clone().unwrap_or(who),
                format!("{:?} {}", refused.reason, detail(refused)).to_lowercase(),
            )
        }
        Body::Interrupted(interrupted) => (
            String::new(),
            format!("{:?}", interrupted.reason).to_lowercase(),
        ),
        Body::Delivery(delivery) => {
            let end = format!("{:?}", delivery.end).to_lowercase();
            (String::new(), format!("{end}, {} bytes", delivery.bytes))
        }
        Body::Ingest(ingest) => {
            let what = match &ingest.refused {
                Some(rule) => format!("refused: {rule}"),
                None => format!(
                    "{} taken in, {} held already, {} rejected",
                    ingest.accepted, ingest.duplicates, ingest.rejected
                ),
            };
            (ingest.source.clone(), what)
        }
        Body::Admin(admin) => {
            let fact = |name: &str| admin.facts.get(name).map(ToString::to_string);
            let who = admin.by.as_ref().map(|by| by.expose().to_owned());
            let what = match (admin.action, fact("source"), fact("passed")) {
                (AdminAction::SourceCheck, Some(source), Some(passed)) => {
                    format!("check of {}, passed: {passed}", source.trim_matches('"'))
                }
                (action, ..) => format!("{action:?}").to_lowercase(),
            };
            (who.unwrap_or_default(), what)
        }
    }
}

/// What a refusal is about, and how often where it stands for many.
fn detail(refused: &Refused) -> String {
    let counted = refused.counts.iter();
    let counted = counted.map(|(detail, count)| format!("{detail} ({count} times)"));
    let one = refused.detail.iter().cloned();
    one.chain(counted).collect::<Vec<_>>().join(", ")
}

fn kind(entry: &Entry) -> String {
    let kind: Kind = entry.body.kind();
    kind.as_str().replace('_', " ")
}

/// First and last character of a plate.
fn covered(plate: &str) -> String {
    let mut chars = plate.chars();
    match (chars.next(), chars.next_back()) {
        (Some(first), Some(last)) => format!("{first}\u{2026}{last}"),
        _ => "\u{2026}".to_owned(),
    }
}

fn damaged(damage: &impl std::fmt::Display) -> Outcome {
    Outcome::new(
        Exit::Damaged,
        format!("the ledger is damaged: {damage}; keep the files as they are and tell the auditor"),
    )
}
