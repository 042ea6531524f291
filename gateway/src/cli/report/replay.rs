//! The entries of a ledger's files under a checkpoint.

use std::path::Path;

use turnpike_schemas::{
    ledger::Entry,
    review::Covered,
    tlog::{Frontier, leaf_hash},
};

use super::super::{
    exit::{Exit, Outcome},
    ledger::damaged,
};
use crate::cli::words::counted;
use crate::ledger;

/// What was read.
#[derive(Debug)]
pub(in crate::cli) struct Replay {
    size: u64,
    root: Option<String>,
}

impl Replay {
    /// Reads every entry; the tree is that over the first `size`.
    pub(in crate::cli) fn of(
        dir: &Path,
        size: u64,
        each: &mut dyn FnMut(&Entry),
    ) -> Result<Self, Outcome> {
        let mut tree = Frontier::default();
        for entry in ledger::read(dir).map_err(|error| damaged(&error))? {
            let entry = entry.map_err(|damage| damaged(&damage))?;
            if entry.index < size {
                let bytes = entry.canonical_bytes();
                let bytes = bytes.map_err(|error| Outcome::new(Exit::Failed, error.to_string()))?;
                tree.append(leaf_hash(&bytes));
            }
            each(&entry);
        }
        Ok(Self {
            size,
            root: (tree.size() == size).then(|| tree.root().to_base64()),
        })
    }

    /// The files hold what the checkpoint says.
    pub(in crate::cli) fn require(&self, covered: &Covered) -> Result<(), Outcome> {
        match &self.root {
            Some(root) if *root == covered.root && self.size == covered.size => Ok(()),
            Some(_) => Err(Outcome::new(
                Exit::Differs,
                format!(
                    "the first {} of these files are not those of the checkpoint; keep both",
                    counted(covered.size, "entry")
                ),
            )),
            None => Err(Outcome::new(
                Exit::Differs,
                format!(
                    "the checkpoint covers {}, these files hold fewer; keep both",
                    counted(covered.size, "entry")
                ),
            )),
        }
    }
}
