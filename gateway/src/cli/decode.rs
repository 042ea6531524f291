//! `turnpike decode`: what would this payload become?

use std::{
    fs::File,
    io::{self, Read as _, Write},
    path::{Path, PathBuf},
};

use clap::Args;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use turnpike_adapters::{
    adapter::{Adapter, Disposition, Item, Message, Page, Rejection},
    context::{Clock as _, SystemClock},
    registry,
};
use turnpike_schemas::{
    hex::hex,
    read::{Observation, PlateRead, Provenance, SourceId},
};

use super::exit::{Exit, Outcome};
use crate::cli::words::counted;
use crate::config::inline_files;

/// Show what a payload would become: one JSON line a record, `{"read": ...}` or `{"rejected": ...}`
#[derive(Debug, Args)]
pub(super) struct Decode {
    /// The adapter, as `turnpike sources --adapters` lists them
    #[arg(long)]
    adapter: String,
    /// TOML file with the adapter's settings, as under `[sources.settings]`
    #[arg(long)]
    settings: Option<PathBuf>,
    /// Content type of a pushed message
    #[arg(long, default_value = "application/json")]
    content_type: String,
    /// Topic of a message that came from a broker
    #[arg(long)]
    topic: Option<String>,
    /// The payload: a pushed message, a dropped file, or a saved answer of a source that is asked live
    file: PathBuf,
}

/// Largest message, as the gateway takes it by default.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

impl Decode {
    pub(super) fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let entry = registry::find(&self.adapter).ok_or_else(|| {
            let known: Vec<&str> = registry::ADAPTERS.iter().map(|entry| entry.id).collect();
            Outcome::new(
                Exit::Usage,
                format!(
                    "unknown adapter `{}`; known: {}",
                    self.adapter,
                    known.join(", ")
                ),
            )
        })?;
        let settings = self.settings()?;
        let page = match entry.saved_answer {
            Some(decode) if self.is_answer(entry, &settings)? => {
                decode(&settings, &self.read()?).map_err(|error| cannot(&error))?
            }
            _ => {
                let adapter = build(entry, &settings).map_err(|error| match self.settings {
                    Some(_) => error,
                    None => Outcome::new(
                        Exit::Config,
                        format!("{error}; give the settings with `--settings FILE`"),
                    ),
                })?;
                self.decode(&*adapter)?
            }
        };
        self.print(out, entry, page)
    }

    /// Whether the payload is an answer of a source that is asked. Without any settings an adapter that can be asked is taken
    /// to be; a payload that comes as a file is decoded as one, because its name and its verdict matter.
    fn is_answer(
        &self,
        entry: &registry::Entry,
        settings: &serde_json::Value,
    ) -> Result<bool, Outcome> {
        if self.settings.is_none() {
            return Ok(!entry.capabilities.file);
        }
        let can = build(entry, settings)?.info().capabilities;
        Ok(can.search && !can.file)
    }

    fn settings(&self) -> Result<serde_json::Value, Outcome> {
        let Some(file) = &self.settings else {
            return Ok(json!({}));
        };
        let text = std::fs::read_to_string(file).map_err(|error| unreadable(file, &error))?;
        let table: toml::Table = text
            .parse()
            .map_err(|error| Outcome::new(Exit::Config, format!("{}: {error}", file.display())))?;
        let mut settings = serde_json::to_value(table)
            .map_err(|error| Outcome::new(Exit::Config, error.to_string()))?;
        inline_files(&mut settings, file).map_err(|what| Outcome::new(Exit::Config, what))?;
        Ok(settings)
    }

    fn decode(&self, adapter: &dyn Adapter) -> Result<Page, Outcome> {
        if adapter.info().capabilities.file {
            return self.decode_file(adapter);
        }
        let message = Message {
            content_type: Some(self.content_type.clone()),
            topic: self.topic.clone(),
            body: self.read()?.into(),
        };
        adapter
            .decode(&message)
            .map(|decoded| decoded.page)
            .map_err(|error| cannot(&error))
    }

    fn decode_file(&self, adapter: &dyn Adapter) -> Result<Page, Outcome> {
        let mut file = File::open(&self.file).map_err(|error| unreadable(&self.file, &error))?;
        let name = self
            .file
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let mut page = Page::default();
        let verdict = adapter
            .decode_file(&name, &mut file, &mut |item: Item| {
                page.push(item);
                Ok(())
            })
            .map_err(|error| cannot(&error))?;
        if let Disposition::Rejected(rejection) = verdict.disposition {
            tell(&format!(
                "the file as a whole is refused: of its {}, none counts",
                counted(page.reads.len(), "read")
            ))?;
            page.reads.clear();
            page.rejected.push(rejection);
        }
        if let Some(acknowledgement) = verdict.acknowledgement {
            tell(&format!(
                "would be acknowledged with {}",
                acknowledgement.name(SystemClock.now())
            ))?;
        }
        Ok(page)
    }

    fn read(&self) -> Result<Vec<u8>, Outcome> {
        let mut body = Vec::new();
        let file = File::open(&self.file).map_err(|error| unreadable(&self.file, &error))?;
        file.take(MOST_BYTES + 1)
            .read_to_end(&mut body)
            .map_err(|error| unreadable(&self.file, &error))?;
        if body.len() as u64 > MOST_BYTES {
            return Err(Outcome::new(
                Exit::Failed,
                format!("{} is larger than {MOST_BYTES} bytes", self.file.display()),
            ));
        }
        Ok(body)
    }

    fn print(
        &self,
        out: &mut dyn Write,
        entry: &registry::Entry,
        page: Page,
    ) -> Result<Exit, Outcome> {
        let sha256 = digest(&self.file)?;
        for observation in page.reads {
            let read = seal(observation, entry, &sha256)?;
            line(out, "read", &read)?;
        }
        for rejection in &page.rejected {
            line::<Rejection>(out, "rejected", rejection)?;
        }
        for (reason, count) in &page.skipped {
            tell(&format!("{count} skipped: {}", reason.replace('_', " ")))?;
        }
        Ok(if page.rejected.is_empty() {
            Exit::Done
        } else {
            Exit::Rejected
        })
    }
}

fn build(
    entry: &registry::Entry,
    settings: &serde_json::Value,
) -> Result<Box<dyn Adapter>, Outcome> {
    (entry.build)(settings).map_err(|error| Outcome::new(Exit::Config, error.to_string()))
}

fn seal(
    observation: Observation,
    entry: &registry::Entry,
    sha256: &str,
) -> Result<PlateRead, Outcome> {
    let source =
        SourceId::parse(entry.id).map_err(|error| Outcome::new(Exit::Failed, error.to_string()))?;
    let provenance = Provenance {
        adapter: entry.id.to_owned(),
        adapter_version: env!("CARGO_PKG_VERSION").to_owned(),
        agreement: None,
        payload_sha256: sha256.to_owned(),
    };
    Ok(PlateRead::seal(
        observation,
        source,
        SystemClock.now(),
        provenance,
    ))
}

fn line<T: serde::Serialize>(out: &mut dyn Write, key: &str, value: &T) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &std::collections::BTreeMap::from([(key, value)]))?;
    writeln!(out)
}

fn digest(path: &Path) -> Result<String, Outcome> {
    let mut file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = file
            .read(&mut buffer)
            .map_err(|error| unreadable(path, &error))?;
        if read == 0 {
            return Ok(hex(&hash.finalize()));
        }
        hash.update(buffer.get(..read).unwrap_or_default());
    }
}

fn tell(message: &str) -> io::Result<()> {
    writeln!(io::stderr(), "turnpike: {message}")
}

fn unreadable(path: &Path, error: &io::Error) -> Outcome {
    Outcome::new(
        Exit::Failed,
        format!("{} cannot be read: {error}", path.display()),
    )
}

fn cannot(error: &turnpike_adapters::error::Error) -> Outcome {
    Outcome::new(
        Exit::Rejected,
        format!("nothing of this payload can be understood: {error}"),
    )
}
