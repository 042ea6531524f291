//! Finding a log and its key: the folder of a ledger, an export or a mirror.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use turnpike_schemas::tlog::{Bundle, Tile, VerifierKey};

use super::{Folder as FolderArgs, damaged};
use crate::cli::exit::{Exit, Outcome};
use crate::cli::progress::entries_bar;
use crate::ledger::{self, LedgerError};
use crate::tlog::{CHECKPOINT, Fault, Folder};

/// Which log, and whose.
#[derive(Debug, Args)]
pub(super) struct Log {
    #[command(flatten)]
    folder: FolderArgs,
    /// Public key of the ledger, or a file that holds it; without it the key beside the checkpoint is believed
    #[arg(long)]
    vkey: Option<String>,
}

/// A log that was found.
pub(super) struct Found {
    pub(super) dir: PathBuf,
    /// Where checkpoint and tiles are.
    pub(super) tree: Folder,
    /// The folder of a ledger, not static files.
    pub(super) has_segments: bool,
    pub(super) key: Option<VerifierKey>,
    /// The key came from elsewhere.
    pub(super) is_trusted: bool,
}

impl Log {
    pub(super) fn find(&self) -> Result<Found, Outcome> {
        let dir = self.folder.path()?;
        let has_segments = ledger::is_here(&dir) || !dir.join(CHECKPOINT).exists();
        let tree = Folder::new(if has_segments {
            dir.join(ledger::TREE)
        } else {
            dir.clone()
        });
        let key = match &self.vkey {
            Some(given) => Some(parse_key(given)?),
            None => beside(&tree)?,
        };
        Ok(Found {
            is_trusted: self.vkey.is_some(),
            dir,
            tree,
            has_segments,
            key,
        })
    }
}

impl Found {
    pub(super) fn key(&self) -> Result<&VerifierKey, Outcome> {
        self.key
            .as_ref()
            .ok_or_else(|| failed("whose ledger is this? give its public key with --vkey"))
    }

    /// Hands the first `size` entries to `each`.
    pub(super) fn each(
        &self,
        size: u64,
        mut each: impl FnMut(u64, &[u8]) -> Result<(), Outcome>,
    ) -> Result<(), Outcome> {
        if self.has_segments {
            return ledger::verify_each(&self.dir, |index, entry| {
                if index < size {
                    each(index, entry)
                } else {
                    Ok(())
                }
            })
            .map(drop);
        }
        for tile in Tile::all_entries(size) {
            let bytes = self
                .tree
                .bytes(&tile.path())
                .map_err(|error| damaged(&error))?;
            for (index, entry) in (tile.first()..).zip(Bundle::new(&bytes)) {
                each(index, entry.map_err(|error| damaged(&error))?)?;
            }
        }
        Ok(())
    }

    pub(super) fn entry(&self, index: u64, size: u64) -> Result<Vec<u8>, Outcome> {
        let missing = || damaged(&Fault::Entry { index });
        if self.has_segments {
            let mut wanted = None;
            let bar = entries_bar(size, "looking");
            self.each(size, |at, entry| {
                bar.inc(1);
                if at == index {
                    wanted = Some(entry.to_vec());
                }
                Ok(())
            })?;
            bar.finish_and_clear();
            return wanted.ok_or_else(missing);
        }
        let tile = Tile::entries(index / 256, size).ok_or_else(missing)?;
        let bytes = self
            .tree
            .bytes(&tile.path())
            .map_err(|error| damaged(&error))?;
        let within = usize::try_from(index - tile.first()).unwrap_or(usize::MAX);
        let entry = Bundle::new(&bytes).nth(within).ok_or_else(missing)?;
        entry.map(<[u8]>::to_vec).map_err(|error| damaged(&error))
    }
}

/// Public key in `given`, or in the file of that name.
pub(in crate::cli) fn parse_key(given: &str) -> Result<VerifierKey, Outcome> {
    let text = match given.parse() {
        Ok(key) => return Ok(key),
        Err(_) => read(Path::new(given))?,
    };
    text.trim_end()
        .parse()
        .map_err(|error| failed(format!("{given}: {error}")))
}

/// The key that lies in the folder itself.
pub(super) fn beside(tree: &Folder) -> Result<Option<VerifierKey>, Outcome> {
    let text = tree
        .text("vkey")
        .map_err(|error| failed(error.to_string()))?;
    text.map(|text| text.trim_end().parse())
        .transpose()
        .map_err(|error| damaged(&error))
}

pub(super) fn failed(message: impl Into<String>) -> Outcome {
    Outcome::new(Exit::Failed, message)
}

pub(super) fn read(path: &Path) -> Result<String, Outcome> {
    fs::read_to_string(path).map_err(|error| failed(format!("{}: {error}", path.display())))
}

impl From<LedgerError> for Outcome {
    fn from(error: LedgerError) -> Self {
        damaged(&error)
    }
}
