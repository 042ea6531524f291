//! `turnpike ledger prove | export | vkey`: the signed tree, without a server.

use std::path::PathBuf;
use std::{fs, io::Write};

use clap::Args;
use turnpike_schemas::tlog::{
    KeyKind, LogProof, TileHashes, inclusion, leaf_hash, verify_inclusion,
};

use super::damaged;
use super::log::{Log, failed};
use crate::cli::exit::{Exit, Outcome};
use crate::cli::progress::entries_bar;
use crate::cli::words::counted;
use crate::config::Config;
use crate::tlog::{
    CHECKPOINT, Expected, Export as Copy, Fault, Folder, SigningKey, open_checkpoint,
};

/// Print a proof that one entry is in the signed ledger (tlog-proof)
#[derive(Debug, Args)]
pub(in crate::cli) struct Prove {
    /// Index of the entry
    index: u64,
    #[command(flatten)]
    log: Log,
}

/// Write the signed ledger as static files that any C2SP tlog-tiles client reads
#[derive(Debug, Args)]
pub(in crate::cli) struct Export {
    /// Folder to write to
    to: PathBuf,
    #[command(flatten)]
    log: Log,
    /// Also write the public key to this file; hand it over another way than the export
    #[arg(long)]
    vkey_file: Option<PathBuf>,
}

/// Print the public key of the ledger
#[derive(Debug, Args)]
pub(in crate::cli) struct Vkey {
    #[command(flatten)]
    file: crate::cli::ConfigFile,
}

impl Prove {
    pub(in crate::cli) fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let found = self.log.find()?;
        let key = found.key()?;
        let checked = open_checkpoint(&found.tree, key, &Expected::default());
        let signed = checked.map_err(|fault| damaged(&fault))?.checkpoint;
        let (index, size) = (self.index, signed.size());
        if index >= size {
            return Err(Outcome::new(
                Exit::Usage,
                format!(
                    "the checkpoint covers entries 0 to {}",
                    size.saturating_sub(1)
                ),
            ));
        }
        let entry = found.entry(index, size)?;
        let path = inclusion(&TileHashes::new(&found.tree, size), index, size)
            .map_err(|error| damaged(&error))?;
        verify_inclusion(&path, index, &leaf_hash(&entry), size, signed.root())
            .map_err(|_| damaged(&Fault::Entry { index }))?;
        let proof = LogProof {
            extra: None,
            index,
            path,
            checkpoint: signed.note().clone(),
        };
        write!(out, "{proof}")?;
        Ok(Exit::Done)
    }
}

impl Export {
    pub(in crate::cli) fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let found = self.log.find()?;
        let key = found.key()?;
        let checked = open_checkpoint(&found.tree, key, &Expected::default());
        let signed = checked.map_err(|fault| damaged(&fault))?.checkpoint;
        let target = Folder::new(&self.to);
        if target.text(CHECKPOINT).ok().flatten().is_some() {
            let message =
                "there is an export already; choose another folder, or follow with `ledger mirror`";
            return Err(Outcome::new(Exit::Usage, message));
        }
        let bar = entries_bar(signed.size(), "exporting");
        let mut copy = Copy::new(&target);
        found.each(signed.size(), |_, entry| {
            bar.inc(1);
            copy.add(entry).map_err(|error| failed(error.to_string()))
        })?;
        copy.finish(&signed).map_err(|_| {
            damaged(&Fault::Root {
                size: signed.size(),
            })
        })?;
        bar.finish_and_clear();
        if let Some(file) = &self.vkey_file {
            fs::write(file, format!("{key}\n"))?;
        }
        writeln!(
            out,
            "{} under a checkpoint of {}",
            counted(signed.size(), "entry"),
            key.name()
        )?;
        writeln!(out, "{key}")?;
        Ok(Exit::Done)
    }
}

impl Vkey {
    pub(in crate::cli) fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let config =
            Config::load(&self.file.config).map_err(|problems| Outcome::config(&problems))?;
        let tree = config
            .ledger
            .tree
            .ok_or_else(|| failed("the ledger is not signed"))?;
        let key = SigningKey::load(&tree.key_file, KeyKind::Log).map_err(|error| {
            failed(format!("{error}; it is made when the gateway first starts"))
        })?;
        writeln!(out, "{}", key.verifier())?;
        Ok(Exit::Done)
    }
}
