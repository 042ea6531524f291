//! `turnpike source drift`: the form of payloads, recorded and compared. No value is kept.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::Args;
use serde_json::json;
use turnpike_adapters::conformance::{Drift as Change, Shape};
use turnpike_schemas::read::SourceId;

use super::{
    super::{
        ConfigFile,
        exit::{Exit, Outcome},
        query::{json, source},
        table::{clean, table, unbroken},
    },
    check::small,
    payloads::{As, Loaded},
    report::{counted, wrapped},
};

/// Compare the shape of payloads with the recorded one
#[derive(Debug, Args)]
pub(in crate::cli) struct Drift {
    /// The source, as in the configuration
    #[arg(value_parser = source)]
    id: SourceId,
    /// Folder or file of payloads; of a source that drops files, those taken in unless given
    #[arg(long)]
    payloads: Option<PathBuf>,
    /// How the payloads reach the adapter, where it has several ways
    #[arg(long = "as")]
    via: Option<As>,
    /// Keep the shape of these payloads as the recorded one
    #[arg(long)]
    record: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: ConfigFile,
}

impl Drift {
    pub(super) fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let folder = self.payloads.as_deref();
        let loaded = Loaded::load(&self.file.config, &self.id, folder, self.via)?;
        let today = loaded.shape()?;
        let (recorded, file) = (&loaded.source.drift.shape, &loaded.source.drift.file);
        let changes = match recorded {
            Some(recorded) => recorded.drift(&today),
            None if self.record => Vec::new(),
            None => {
                let message = format!(
                    "no shape is recorded for `{}`: record one with --record",
                    self.id
                );
                return Err(Outcome::new(Exit::Usage, message));
            }
        };
        if self.record {
            keep(file, &today)?;
        }
        if self.json {
            let changes: Vec<_> = changes.iter().map(as_json).collect();
            let payloads = loaded.payloads.len();
            json(
                out,
                &json!({ "source": self.id, "payloads": payloads, "fields": today.len(), "changes": changes, "recorded": self.record }),
            )?;
        } else {
            self.print(out, &loaded, &today, &changes)?;
        }
        let drifted = !changes.is_empty() && !self.record;
        Ok(if drifted {
            Exit::CheckFailed
        } else {
            Exit::Done
        })
    }

    fn print(
        &self,
        out: &mut dyn Write,
        loaded: &Loaded,
        today: &Shape,
        changes: &[Change],
    ) -> Result<(), Outcome> {
        let payloads = counted(small(loaded.payloads.len()), "payload");
        let fields = counted(small(today.len()), "field");
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
                    counted(small(changes.len()), "change")
                ),
            )?;
        }
        if self.record {
            let file = loaded.source.drift.file.display();
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
