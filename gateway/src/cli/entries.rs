//! `turnpike ledger list`: entries through the gateway, which puts the reading on record.

use std::{io::Write, path::PathBuf};

use clap::Args;
use turnpike_schemas::{
    api::{EntryList, MAX_ENTRIES},
    ledger::{AdminAction, Body, Entry, Kind, Refused, canonical_json},
};

use super::{
    client::Server,
    exit::{Exit, Outcome},
    ledger::damaged,
    table::{clean, table, time, unbroken},
};
use crate::cli::words::counted;
use crate::ledger::{self, Keyring};

/// List entries, oldest first
///
/// The gateway reads them for an auditor and puts the reading on record. With --dir the files of a copy are read without a
/// gateway; nothing can be put on record then.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    server: Server,
    /// Folder of a copy of the ledger, read directly: such a reading leaves no entry
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Folder of the copy's keys; without them personal fields are shown as sealed
    #[arg(long, requires = "dir")]
    keys: Option<PathBuf>,
    /// Only the last entries
    #[arg(long, default_value_t = 50)]
    last: u32,
    /// Print the entries whole, one a line
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let entries = match &self.dir {
            Some(_) => self.read_directly()?,
            None => self.asked_for().await?,
        };
        if self.json {
            for entry in &entries {
                let bytes = entry
                    .canonical_bytes()
                    .map_err(|error| Outcome::new(Exit::Failed, error.to_string()))?;
                out.write_all(&bytes)?;
                writeln!(out)?;
            }
            return Ok(Exit::Done);
        }
        let mut rows = table(&["entry", "time (utc)", "kind", "who", "what"]);
        for entry in &entries {
            let (who, what) = describe(&entry.body);
            rows.add_row([
                entry.index.to_string(),
                time(entry.at),
                kind(entry),
                clean(&who),
                clean(&what),
            ]);
        }
        unbroken(&mut rows, 4);
        for line in rows.to_string().lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(Exit::Done)
    }

    async fn asked_for(&self) -> Result<Vec<Entry>, Outcome> {
        if !(1..=MAX_ENTRIES).contains(&self.last) {
            let message = format!("--last takes 1 to {MAX_ENTRIES} entries");
            return Err(Outcome::new(Exit::Usage, message));
        }
        let path = format!("/v1/ledger/entries?last={}", self.last);
        let list: EntryList = self.server.get(&path).await?;
        let parse = |entry: &serde_json::Value| {
            let bytes = canonical_json(entry).ok()?;
            Entry::parse(bytes.as_bytes()).ok()
        };
        let entries = list.entries.iter().map(|listed| parse(&listed.entry));
        entries.collect::<Option<_>>().ok_or_else(|| {
            let message =
                "the gateway's entries are not understood; do both have the same version?";
            Outcome::new(Exit::Failed, message)
        })
    }

    fn read_directly(&self) -> Result<Vec<Entry>, Outcome> {
        writeln!(
            std::io::stderr(),
            "turnpike: read from the files; this reading is not on record"
        )?;
        let failed = |error: crate::ledger::KeyError| Outcome::new(Exit::Failed, error.to_string());
        let keys = match &self.keys {
            Some(folder) => Keyring::read(folder).map_err(failed)?,
            None => Keyring::in_memory(ledger::Period::default()),
        };
        let dir = self.dir.as_deref().unwrap_or(std::path::Path::new("."));
        let mut last = std::collections::VecDeque::new();
        for entry in ledger::read_open(dir, &keys).map_err(|damage| damaged(&damage))? {
            last.push_back(entry.map_err(|damage| damaged(&damage))?);
            if last.len() > usize::try_from(self.last).unwrap_or(usize::MAX) {
                last.pop_front();
            }
        }
        Ok(last.into())
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
            format!("{}, {}", part.outcome, counted(part.count, "read")),
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
                    "{:?}, {}; {}",
                    outcome.completeness,
                    counted(outcome.reads, "read"),
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
