//! `turnpike agreement diff`.

use std::{io::Write, path::PathBuf};

use clap::Args;
use serde_json::json;
use turnpike_schemas::agreement::{Agreement, Difference, Direction, compare};

use super::{
    super::exit::{Exit, Outcome},
    Written,
};
use crate::{
    agreements::{Replayed, recorded},
    ledger::{Keyring, Period},
};

/// Say what a new version lets through that the old one does not, and the other way round
#[derive(Debug, Args)]
pub(in crate::cli) struct Diff {
    /// The version before
    old: PathBuf,
    /// The version after
    new: PathBuf,
    /// Decide the questions recorded in this ledger by both as well
    #[arg(long)]
    ledger: Option<PathBuf>,
    /// Folder of the ledger's keys; without them sealed questions cannot be decided again
    #[arg(long, requires = "ledger")]
    keys: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Entries of recorded questions that the two versions decide differently.
#[derive(Default)]
struct Flips {
    questions: usize,
    unreadable: u64,
    now_permitted: Vec<u64>,
    now_refused: Vec<u64>,
}

/// Most entries that are named.
const NAMED: usize = 20;

impl Diff {
    pub(in crate::cli) fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let (old, new) = (Written::read(&self.old)?, Written::read(&self.new)?);
        let (old, new) = (old.agreement, new.agreement);
        let differences = compare(&old, &new);
        let flips = match &self.ledger {
            None => None,
            Some(dir) => {
                let keys = match &self.keys {
                    Some(folder) => Keyring::read(folder),
                    None => Ok(Keyring::in_memory(Period::default())),
                };
                let keys = keys.map_err(|error| Outcome::new(Exit::Failed, error.to_string()))?;
                let asked = recorded(dir, &keys)
                    .map_err(|error| Outcome::new(Exit::Damaged, error.to_string()))?;
                Some(flips(&asked, &old, &new))
            }
        };
        if self.json {
            let recorded = flips.as_ref().map(|flips| {
                json!({
                    "questions": flips.questions,
                    "unreadable": flips.unreadable,
                    "now_permitted": flips.now_permitted,
                    "now_refused": flips.now_refused,
                })
            });
            let json = json!({
                "old": old.reference(), "new": new.reference(),
                "differences": differences, "recorded": recorded,
            });
            writeln!(out, "{json}")?;
            return Ok(Exit::Done);
        }
        tell(out, &old, &new, &differences)?;
        if let Some(flips) = flips {
            flips.tell(out)?;
        }
        Ok(Exit::Done)
    }
}

fn tell(
    out: &mut dyn Write,
    old: &Agreement,
    new: &Agreement,
    differences: &[Difference],
) -> std::io::Result<()> {
    let of = |direction| {
        let of = differences.iter();
        of.filter(move |it: &&Difference| it.direction == direction)
    };
    writeln!(out, "{} after {}", new.reference(), old.reference())?;
    for (direction, head) in [
        (Direction::Wider, "wider"),
        (Direction::Narrower, "narrower"),
    ] {
        let count = of(direction).count();
        writeln!(out, "\n{head}: {count}")?;
        for difference in of(direction) {
            writeln!(out, "  {difference}")?;
        }
    }
    let needs = if of(Direction::Wider).count() > 0 {
        "it lets more through: two people sign it, one of them the source owner, one a supervisor or operator"
    } else {
        "it lets nothing more through: the source owner signs it"
    };
    writeln!(out, "\n{needs}")
}

fn flips(asked: &Replayed, old: &Agreement, new: &Agreement) -> Flips {
    let mut flips = Flips {
        questions: asked.questions.len(),
        unreadable: asked.unreadable,
        ..Flips::default()
    };
    for question in &asked.questions {
        match (question.permitted(old), question.permitted(new)) {
            (false, true) => flips.now_permitted.push(question.index),
            (true, false) => flips.now_refused.push(question.index),
            _ => {}
        }
    }
    flips
}

impl Flips {
    fn tell(&self, out: &mut dyn Write) -> std::io::Result<()> {
        writeln!(
            out,
            "\nrecorded questions decided again: {}",
            self.questions
        )?;
        if self.unreadable > 0 {
            let count = self.unreadable;
            writeln!(
                out,
                "  {count} could not be: sealed, or of an earlier version"
            )?;
        }
        for (entries, what) in [
            (&self.now_permitted, "refused before and now permitted"),
            (&self.now_refused, "permitted before and now refused"),
        ] {
            let named: Vec<String> = entries.iter().take(NAMED).map(u64::to_string).collect();
            let more = if entries.len() > NAMED { " ..." } else { "" };
            let which = if named.is_empty() {
                String::new()
            } else {
                format!(": entries {}{more}", named.join(", "))
            };
            writeln!(out, "  {} {what}{which}", entries.len())?;
        }
        Ok(())
    }
}
