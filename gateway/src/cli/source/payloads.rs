//! Payloads of a configured source, read from a folder. Nobody is contacted.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use turnpike_adapters::{
    adapter::Adapter,
    conformance::{Decoder, Payload, Shape, Via},
};
use turnpike_schemas::read::SourceId;

use super::super::exit::{Exit, Outcome};
use crate::{
    config::{Config, Source},
    ledger::LedgerConfig,
};

/// Largest payload, as `turnpike decode` takes it.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// Most payloads of a folder.
const MOST_FILES: usize = 10_000;

/// How payloads reach the adapter, where it has several ways.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum As {
    /// As pushed messages
    Message,
    /// As dropped files
    File,
    /// As saved answers of a source that is asked live
    Answer,
}

/// A configured source with its adapter built, and payloads for it.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) source: Source,
    /// Where the ledger is, and how it is kept.
    pub(super) ledger: (PathBuf, LedgerConfig),
    pub(super) adapter: Box<dyn Adapter>,
    pub(super) payloads: Vec<Payload>,
}

impl Loaded {
    /// Loads the configuration, and the payloads in `folder` or those the source has dropped and that were taken in.
    pub(super) fn load(
        config: &Path,
        id: &SourceId,
        folder: Option<&Path>,
        via: Option<As>,
    ) -> Result<Self, Outcome> {
        let config = Config::load(config).map_err(|problems| Outcome::config(&problems))?;
        let ledger = (config.data_dir.join("ledger"), config.ledger.clone());
        let source = one_of(config.sources, id)?;
        let adapter = (source.entry.build)(&source.settings)
            .map_err(|error| Outcome::new(Exit::Config, error.to_string()))?;
        let via = match via {
            Some(As::Message) => Some(Via::Message),
            Some(As::File) => Some(Via::File),
            Some(As::Answer) => Some(Via::SavedAnswer),
            None => Via::of(&*adapter, source.entry),
        };
        let via = via.ok_or_else(|| {
            let message = format!(
                "adapter `{}` decodes nothing that could be kept in a file",
                source.entry.id
            );
            Outcome::new(Exit::Usage, message)
        })?;
        let taken_in = source.drop.as_ref().map(|drop| drop.folder.join("done"));
        let folder = folder.map(Path::to_owned).or(taken_in).ok_or_else(|| {
            let message = "which payloads? name their folder with --payloads";
            Outcome::new(Exit::Usage, message)
        })?;
        let payloads = read(&folder, via)?;
        Ok(Self {
            source,
            ledger,
            adapter,
            payloads,
        })
    }

    /// What decodes the payloads.
    pub(super) fn decoder(&self) -> Decoder<'_> {
        Decoder {
            entry: self.source.entry,
            settings: &self.source.settings,
            adapter: &*self.adapter,
        }
    }

    /// The shape of every payload taken together, without anything that tells a vehicle.
    pub(super) fn shape(&self) -> Result<Shape, Outcome> {
        let plates = self.plates();
        let mut shape = Shape::default();
        for payload in &self.payloads {
            let one = Shape::of(payload).map_err(|error| {
                Outcome::new(Exit::Rejected, format!("{}: {error}", payload.what))
            })?;
            shape.merge(&one.covering(&plates));
        }
        Ok(shape)
    }

    /// The plates the payloads hold, as normalized and as sent.
    pub(super) fn plates(&self) -> Vec<String> {
        let mut plates = Vec::new();
        for payload in &self.payloads {
            let Ok(delivered) = payload.decode(self.decoder()) else {
                continue;
            };
            for read in delivered.page.reads {
                let plate = &read.plate.plate;
                plates.extend([plate.expose(), plate.expose_raw()].map(str::to_owned));
            }
        }
        plates.sort_unstable();
        plates.dedup();
        plates
    }
}

/// A source of the configuration, and where its gateway keeps what it has.
pub(super) fn configured(config: &Path, id: &SourceId) -> Result<(Source, PathBuf), Outcome> {
    let config = Config::load(config).map_err(|problems| Outcome::config(&problems))?;
    Ok((one_of(config.sources, id)?, config.data_dir))
}

fn one_of(sources: Vec<Source>, id: &SourceId) -> Result<Source, Outcome> {
    let known: Vec<String> = sources.iter().map(|source| source.id.to_string()).collect();
    let source = sources.into_iter().find(|source| source.id == *id);
    source.ok_or_else(|| {
        let known = known.join(", ");
        Outcome::new(
            Exit::Usage,
            format!("there is no source `{id}`; configured: {known}"),
        )
    })
}

/// Every payload of a folder, by name, or the one in a file.
fn read(folder: &Path, via: Via) -> Result<Vec<Payload>, Outcome> {
    let unreadable = |error: io::Error| {
        let message = format!("{} cannot be read: {error}", folder.display());
        Outcome::new(Exit::Failed, message)
    };
    let mut files = Vec::new();
    if folder.is_file() {
        files.push(folder.to_owned());
    } else {
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.is_file() && is_payload(&name_of(&path)) {
                files.push(path);
            }
        }
    }
    files.sort();
    let count = files.len();
    if !(1..=MOST_FILES).contains(&count) {
        let message = format!(
            "{} holds {count} payloads; give 1 to {MOST_FILES}, as the vendor sends them, one a file",
            folder.display()
        );
        return Err(Outcome::new(Exit::Usage, message));
    }
    files.iter().map(|file| one(file, via)).collect()
}

fn one(path: &Path, via: Via) -> Result<Payload, Outcome> {
    let mut bytes = Vec::new();
    let read =
        fs::File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes));
    read.map_err(|error| {
        let message = format!("{} cannot be read: {error}", path.display());
        Outcome::new(Exit::Failed, message)
    })?;
    if bytes.len() as u64 > MOST_BYTES {
        let message = format!("{} is larger than {MOST_BYTES} bytes", path.display());
        return Err(Outcome::new(Exit::Failed, message));
    }
    Ok(Payload::from_file(via, &name_of(path), bytes))
}

/// Notes beside the payloads, and hidden files, are none.
fn is_payload(name: &str) -> bool {
    !name.starts_with('.') && !name.ends_with(".md") && !name.ends_with(".reason.json")
}

fn name_of(path: &Path) -> String {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_default()
}
