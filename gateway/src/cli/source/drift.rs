//! `turnpike source drift`: the form of payloads, recorded and compared. No value is kept.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde_json::json;
use turnpike_adapters::conformance::{Drift as Change, Shape};
use turnpike_schemas::read::SourceId;

use super::{
    super::{
        ConfigFile,
        exit::{Exit, Outcome},
        query::{json, source},
        table::{clean, table, time, unbroken},
        words::counted,
    },
    payloads::{As, Loaded, configured},
    report::wrapped,
};
use crate::{app::SHAPES, federation::Seen};

/// Compare the shape of payloads with the recorded one
#[derive(Debug, Args)]
pub(in crate::cli) struct Drift {
    /// The source, as in the configuration
    #[arg(value_parser = source)]
    id: SourceId,
    /// Folder or file of payloads; of a source that drops files, those taken in unless given
    #[arg(long)]
    payloads: Option<PathBuf>,
    /// What a gateway has seen of the source since its shape was recorded, in place of payloads
    #[arg(long, conflicts_with_all = ["payloads", "via"])]
    live: bool,
    /// How the payloads reach the adapter, where it has several ways
    #[arg(long = "as")]
    via: Option<As>,
    /// Keep this shape as the recorded one; `=merge` or `=replace` where one is recorded
    #[arg(long, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "first")]
    record: Option<Record>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: ConfigFile,
}

/// What becomes of the shape that is recorded already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Record {
    /// There is none
    #[value(hide = true)]
    First,
    /// It takes what is new in, and what is missing or of another type from now on is allowed
    Merge,
    /// It is forgotten
    Replace,
}

/// What is compared with the recorded shape.
struct Today {
    shape: Shape,
    payloads: u64,
    /// Since when a gateway has looked, where it has.
    since: Option<Timestamp>,
    recorded: Option<Arc<Shape>>,
    /// Where the recorded shape is.
    file: PathBuf,
}

impl Drift {
    pub(super) fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let today = if self.live {
            self.seen()?
        } else {
            self.loaded()?
        };
        let changes = match &today.recorded {
            Some(recorded) => recorded.drift(&today.shape),
            None if self.record.is_some() => Vec::new(),
            None => {
                let message = format!(
                    "no shape is recorded for `{}`: record one with --record",
                    self.id
                );
                return Err(Outcome::new(Exit::Usage, message));
            }
        };
        if let Some(how) = self.record {
            keep(&today.file, &today.to_record(how)?)?;
        }
        if self.json {
            let changes: Vec<_> = changes.iter().map(as_json).collect();
            json(
                out,
                &json!({
                    "source": self.id, "payloads": today.payloads, "since": today.since, "fields": today.shape.len(),
                    "changes": changes, "recorded": self.record.is_some(),
                }),
            )?;
        } else {
            self.print(out, &today, &changes)?;
        }
        let drifted = !changes.is_empty() && self.record.is_none();
        Ok(if drifted {
            Exit::CheckFailed
        } else {
            Exit::Done
        })
    }

    fn loaded(&self) -> Result<Today, Outcome> {
        let folder = self.payloads.as_deref();
        let loaded = Loaded::load(&self.file.config, &self.id, folder, self.via)?;
        Ok(Today {
            shape: loaded.shape()?,
            payloads: loaded.payloads.len() as u64,
            since: None,
            recorded: loaded.source.drift.shape,
            file: loaded.source.drift.file,
        })
    }

    /// What a gateway of this configuration has kept.
    fn seen(&self) -> Result<Today, Outcome> {
        let (source, data_dir) = configured(&self.file.config, &self.id)?;
        let seen = Seen::read(&data_dir.join(SHAPES), self.id.as_str());
        let seen = seen.map_err(|_| {
            let message = format!(
                "no gateway has looked at anything of `{}` yet: only what is pushed, dropped or listened to is looked at, where it arrives",
                self.id
            );
            Outcome::new(Exit::Failed, message)
        })?;
        Ok(Today {
            shape: seen.shape,
            payloads: seen.payloads,
            since: Some(seen.since),
            recorded: source.drift.shape,
            file: source.drift.file,
        })
    }

    fn print(&self, out: &mut dyn Write, today: &Today, changes: &[Change]) -> Result<(), Outcome> {
        let payloads = counted(today.payloads, "payload");
        let payloads = match today.since {
            Some(since) => format!("{payloads} looked at since {} UTC", time(since)),
            None => payloads,
        };
        let fields = counted(today.shape.len(), "field");
        if changes.is_empty() {
            wrapped(
                out,
                "",
                &format!("{}: {payloads}, {fields}, no drift.", self.id),
            )?;
        } else {
            let mut rows = table(&["change", "field", "what"]);
            for change in changes {
                let rejection = change.rejection();
                rows.add_row([
                    change.as_str().to_owned(),
                    clean(&rejection.field),
                    rejection.rule,
                ]);
            }
            unbroken(&mut rows, 1);
            for line in rows.to_string().lines() {
                writeln!(out, "{}", line.trim_end())?;
            }
            writeln!(out)?;
            wrapped(
                out,
                "",
                &format!(
                    "{}: {payloads}, {fields}, {}.",
                    self.id,
                    counted(changes.len(), "change")
                ),
            )?;
        }
        if self.record.is_some() {
            let file = today.file.display();
            wrapped(
                out,
                "",
                &format!(
                    "Recorded in {file}: names and types of fields, no value. A running gateway takes it up when it is started again."
                ),
            )?;
        }
        Ok(())
    }
}

impl Today {
    /// The shape to record. One that is recorded is not lost by chance.
    fn to_record(&self, how: Record) -> Result<Shape, Outcome> {
        match (&self.recorded, how) {
            (None, _) | (_, Record::Replace) => Ok(self.shape.clone()),
            (Some(recorded), Record::Merge) => {
                let mut merged = Shape::clone(recorded);
                merged.merge(&self.shape);
                Ok(merged)
            }
            (Some(_), Record::First) => {
                let file = self.file.display();
                let message = format!(
                    "{file} holds a recorded shape: `--record=merge` adds to it, `--record=replace` forgets it"
                );
                Err(Outcome::new(Exit::Usage, message))
            }
        }
    }
}

fn as_json(change: &Change) -> serde_json::Value {
    let rejection = change.rejection();
    json!({ "change": change.as_str(), "field": rejection.field, "rule": rejection.rule })
}

/// Writes the shape beside its place and moves it there, so that a gateway never reads half of one.
fn keep(file: &Path, shape: &Shape) -> Result<(), Outcome> {
    let written = || -> io::Result<()> {
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut text = serde_json::to_vec_pretty(shape)?;
        text.push(b'\n');
        let part = file.with_extension("part");
        fs::write(&part, text)?;
        fs::rename(part, file)
    };
    written().map_err(|error| {
        let message = format!("{} cannot be written: {error}", file.display());
        Outcome::new(Exit::Failed, message)
    })
}
