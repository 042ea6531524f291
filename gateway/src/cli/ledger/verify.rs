//! `turnpike ledger verify`.

use std::{io::Write, path::PathBuf};

use clap::Args;
use jiff::Timestamp;
use turnpike_schemas::ledger::Entry;
use turnpike_schemas::tlog::{Policy, SignedCheckpoint, VerifierKey, leaf_hash};

use super::damaged;
use super::log::{Found, Log, failed, read};
use crate::cli::exit::{Exit, Outcome};
use crate::cli::progress::entries_bar;
use crate::cli::table::time;
use crate::ledger::{self, Verified};
use crate::tlog::{
    AwsEd25519, Check, Checked, Expected, Fault, Folder, check_folder, open_checkpoint,
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
                "the key lay beside the checkpoint, where anybody could put one:\ngive --vkey from elsewhere"
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
    let verified = ledger::verify_each(&found.dir, |_, entry| {
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
