//! `turnpike ledger verify | prove | export | mirror | vkey`: the signed tree, without a server.

use std::path::{Path, PathBuf};
use std::{fs, io::Write};

use clap::Args;
use jiff::Timestamp;
use turnpike_schemas::ledger::Entry;
use turnpike_schemas::tlog::{
    Bundle, KeyKind, LogProof, Policy, SignedCheckpoint, Tile, TileHashes, VerifierKey, inclusion,
    leaf_hash, verify_inclusion,
};

use super::{Folder as FolderArgs, damaged};
use crate::cli::exit::{Exit, Outcome};
use crate::cli::progress::entries_bar;
use crate::cli::table::time;
use crate::config::Config;
use crate::ledger::{self, LedgerError, Verified};
use crate::tlog::{
    AwsEd25519, CHECKPOINT, Check, Checked, Expected, Export as Copy, Fault, Folder, SigningKey,
    check_folder, open_checkpoint,
};

/// Check every entry, the tree over them and its signature
///
/// Works on the folder of a ledger, on an export and on a mirror. Names the entry at fault.
#[derive(Debug, Args)]
pub(in crate::cli) struct Verify {
    #[command(flatten)]
    log: Log,
    /// A checkpoint kept from earlier; the ledger must continue it. May be given several times
    #[arg(long = "older")]
    older: Vec<PathBuf>,
    /// A file of witnesses and quorum (tlog-policy) that must have vouched for the checkpoint
    #[arg(long)]
    policy: Option<PathBuf>,
    /// The entries are not those of a gateway: check the tree only
    #[arg(long)]
    plain: bool,
}

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
struct Found {
    dir: PathBuf,
    /// Where checkpoint and tiles are.
    tree: Folder,
    /// The folder of a ledger, not static files.
    has_segments: bool,
    key: Option<VerifierKey>,
    /// The key came from elsewhere.
    is_trusted: bool,
}

impl Verify {
    pub(in crate::cli) fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let found = self.log.find()?;
        let Some(key) = &found.key else {
            return unsigned(&found, &self, out);
        };
        let expected = self.expected(key)?;
        let checked = if found.has_segments {
            let (verified, checked) = ledger(&found, key, &expected)?;
            whole(verified.entries, out)?;
            report(&checked, out)?;
            let beyond = verified.entries - checked.checkpoint.size();
            if beyond > 0 {
                writeln!(out, "{beyond} entries are newer than the checkpoint")?;
            }
            checked
        } else {
            let checked = files(&found.tree, key, &expected, self.plain)?;
            whole(checked.checkpoint.size(), out)?;
            report(&checked, out)?;
            checked
        };
        if !expected.older.is_empty() {
            let count = expected.older.len();
            writeln!(out, "continues all {count} older checkpoints given")?;
        }
        if let Some(at) = checked.cosigned_at {
            writeln!(
                out,
                "witnessed by the quorum of the policy at {}",
                second(at)
            )?;
        }
        if !found.is_trusted {
            writeln!(
                out,
                "the key was found beside the checkpoint: whoever wrote one could write both; give --vkey from elsewhere"
            )?;
        }
        Ok(Exit::Done)
    }

    fn expected(&self, key: &VerifierKey) -> Result<Expected, Outcome> {
        let open = |path: &PathBuf| {
            let note = read(path)?;
            SignedCheckpoint::open(&note, key, &AwsEd25519)
                .map_err(|error| failed(format!("{}: {error}", path.display())))
        };
        let older = self.older.iter().map(open).collect::<Result<_, _>>()?;
        let policy = match &self.policy {
            Some(path) => Some(
                Policy::parse(&read(path)?)
                    .map_err(|error| failed(format!("{}: {error}", path.display())))?,
            ),
            None => None,
        };
        Ok(Expected { older, policy })
    }
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
        found.each(signed.size(), &mut |_, entry| {
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
            "{} entries under a checkpoint of {}",
            signed.size(),
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

impl Log {
    fn find(&self) -> Result<Found, Outcome> {
        let dir = self.folder.path()?;
        let has_segments = !dir.join(CHECKPOINT).exists();
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
    fn key(&self) -> Result<&VerifierKey, Outcome> {
        self.key
            .as_ref()
            .ok_or_else(|| failed("whose ledger is this? give its public key with --vkey"))
    }

    /// Hands the first `size` entries to `each`.
    fn each(
        &self,
        size: u64,
        each: &mut dyn FnMut(u64, &[u8]) -> Result<(), Outcome>,
    ) -> Result<(), Outcome> {
        if self.has_segments {
            return ledger::verify_each(&self.dir, &mut |index, entry| {
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

    fn entry(&self, index: u64, size: u64) -> Result<Vec<u8>, Outcome> {
        let missing = || damaged(&Fault::Entry { index });
        if self.has_segments {
            let mut wanted = None;
            let bar = entries_bar(size, "looking");
            self.each(size, &mut |at, entry| {
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

/// A ledger from before there was a tree, or whose tree is gone.
fn unsigned(found: &Found, asked: &Verify, out: &mut dyn Write) -> Result<Exit, Outcome> {
    if !asked.older.is_empty() || asked.policy.is_some() {
        return Err(damaged(&Fault::NoCheckpoint));
    }
    let verified = ledger::verify(&found.dir).map_err(|damage| damaged(&damage))?;
    whole(verified.entries, out)?;
    writeln!(out, "no checkpoint was ever signed over them")?;
    Ok(Exit::Done)
}

fn ledger(
    found: &Found,
    key: &VerifierKey,
    expected: &Expected,
) -> Result<(Verified, Checked), Outcome> {
    let checked = open_checkpoint(&found.tree, key, expected).map_err(|fault| damaged(&fault))?;
    let signed = checked.checkpoint.clone();
    let bar = entries_bar(signed.size(), "verifying");
    let mut check = Check::new(&found.tree, signed.clone(), &expected.older)
        .map_err(|fault| damaged(&fault))?;
    let verified = ledger::verify_each(&found.dir, &mut |_, entry| {
        bar.inc(1);
        check
            .take(leaf_hash(entry))
            .map_err(|fault| damaged(&fault))
    })?;
    // A gateway that is running replaces the tiles at the right edge.
    let now = open_checkpoint(&found.tree, key, expected).map_err(|fault| damaged(&fault))?;
    check
        .finish(now.checkpoint.size() == signed.size())
        .map_err(|fault| damaged(&fault))?;
    bar.finish_and_clear();
    Ok((verified, checked))
}

fn files(
    tree: &Folder,
    key: &VerifierKey,
    expected: &Expected,
    plain: bool,
) -> Result<Checked, Outcome> {
    let size = open_checkpoint(tree, key, expected).map_err(|fault| damaged(&fault))?;
    let bar = entries_bar(size.checkpoint.size(), "verifying");
    let is_entry = |index: u64, bytes: &[u8]| {
        plain || Entry::parse(bytes).is_ok_and(|entry| entry.index == index)
    };
    let checked = check_folder(tree, key, expected, &is_entry, &mut |done| {
        bar.set_position(done)
    });
    bar.finish_and_clear();
    checked.map_err(|fault| damaged(&fault))
}

fn whole(entries: u64, out: &mut dyn Write) -> Result<(), Outcome> {
    Ok(writeln!(
        out,
        "{entries} entries, every one as it was written"
    )?)
}

fn report(checked: &Checked, out: &mut dyn Write) -> Result<(), Outcome> {
    let signed = &checked.checkpoint;
    let (size, name) = (signed.size(), &signed.checkpoint().origin);
    Ok(writeln!(
        out,
        "checkpoint over {size} entries, signed by {name}"
    )?)
}

fn second(at: u64) -> String {
    let at = i64::try_from(at)
        .ok()
        .and_then(|at| Timestamp::from_second(at).ok());
    at.map_or_else(|| "an impossible time".to_owned(), time)
}

impl From<LedgerError> for Outcome {
    fn from(error: LedgerError) -> Self {
        damaged(&error)
    }
}
