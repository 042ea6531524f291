//! The logs on disk: leaves in one file for each source, and one file that says how far they go. All of it blocks.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, BufRead as _, BufReader, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use turnpike_schemas::{
    ledger::{Body, Entry, OwnerHead, Touching},
    tlog::{Frontier, Hash, leaf_hash},
};

use super::{OwnersError, names::Names};
use crate::ledger::Ledger;

/// Entries followed at once: what is held in memory meanwhile is their leaves.
const ROUND: u64 = 10_000;

const STATE: &str = "state.json";

/// The logs of all sources.
#[derive(Debug)]
pub(super) struct Book {
    folder: PathBuf,
    names: Names,
    state: State,
    trees: BTreeMap<String, Frontier>,
}

/// How far the logs go.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    /// Index of the entry that comes next.
    next: u64,
    touching: Touching,
    logs: BTreeMap<String, Log>,
    /// The head last recorded in the ledger, and where.
    recorded: BTreeMap<String, (u64, OwnerHead)>,
}

/// How far one log goes.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Log {
    size: u64,
    bytes: u64,
    /// Hashes of the complete subtrees, in base64.
    nodes: Vec<String>,
}

impl Book {
    /// The logs in `folder`, cut back to where they are known to be good.
    pub(super) fn open(folder: &Path, keys: &Path) -> Result<Self, OwnersError> {
        fs::create_dir_all(folder)?;
        let state: State = match fs::read(folder.join(STATE)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| OwnersError::Damaged)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => State::default(),
            Err(error) => return Err(error.into()),
        };
        let mut book = Self {
            folder: folder.to_owned(),
            names: Names::open(&keys.join("owners"))?,
            trees: BTreeMap::new(),
            state,
        };
        book.restore()?;
        Ok(book)
    }

    fn restore(&mut self) -> Result<(), OwnersError> {
        for (source, log) in &self.state.logs {
            let nodes: Result<Vec<_>, _> = log
                .nodes
                .iter()
                .map(|node| Hash::from_base64(node))
                .collect();
            let nodes = nodes.map_err(|_| OwnersError::Damaged)?;
            let tree = Frontier::from_nodes(log.size, nodes).ok_or(OwnersError::Damaged)?;
            self.trees.insert(source.clone(), tree);
        }
        for file in fs::read_dir(&self.folder)? {
            let path = file?.path();
            if path
                .extension()
                .is_none_or(|extension| extension != "leaves")
            {
                continue;
            }
            let source = path
                .file_stem()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            let length = self.state.logs.get(source).map_or(0, |log| log.bytes);
            let file = OpenOptions::new().write(true).open(&path)?;
            if file.metadata()?.len() < length {
                return Err(OwnersError::Damaged);
            }
            file.set_len(length)?;
            file.sync_all()?;
        }
        Ok(())
    }

    /// Index of the entry that comes next.
    pub(super) fn next(&self) -> u64 {
        self.state.next
    }

    /// Follows `ledger` some way towards entry `until`; what is before that is durable. Ends where no decision follows, so
    /// that a question and what was decided about it are followed together.
    pub(super) fn follow(&mut self, ledger: &Ledger, until: u64) -> Result<(), OwnersError> {
        let enough = self.state.next.saturating_add(ROUND);
        let mut state = self.state.clone();
        let mut trees = self.trees.clone();
        let mut lines: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for entry in ledger.read_from(state.next)? {
            let entry = entry.map_err(crate::ledger::LedgerError::from)?;
            let may_end = !matches!(entry.body, Body::Decision(_));
            if entry.index >= until || (entry.index >= enough && may_end) {
                break;
            }
            let hash = leaf_hash(
                &entry
                    .canonical_bytes()
                    .map_err(crate::ledger::LedgerError::from)?,
            );
            let entry = entry.opened(&**ledger.keys());
            note_recorded(&entry, &mut state);
            state.next = entry.index + 1;
            for source in state.touching.touched(&entry) {
                self.names.prepare(&source)?;
            }
            for leaf in state.touching.follow(&entry, &hash, &self.names) {
                let bytes = leaf
                    .canonical_bytes()
                    .map_err(crate::ledger::LedgerError::from)?;
                trees
                    .entry(leaf.source.clone())
                    .or_default()
                    .append(leaf_hash(&bytes));
                let lines = lines.entry(leaf.source).or_default();
                lines.extend_from_slice(&bytes);
                lines.push(b'\n');
            }
        }
        self.keep(state, trees, &lines)
    }

    /// Leaves first, then how far they go: what a crash leaves behind is cut off at the next start.
    fn keep(
        &mut self,
        mut state: State,
        trees: BTreeMap<String, Frontier>,
        lines: &BTreeMap<String, Vec<u8>>,
    ) -> Result<(), OwnersError> {
        for (source, lines) in lines {
            let log = state.logs.entry(source.clone()).or_default();
            let mut file = private()
                .append(true)
                .create(true)
                .open(self.file(source))?;
            // A round that failed halfway may have left something.
            file.set_len(log.bytes)?;
            file.write_all(lines)?;
            file.sync_all()?;
            log.bytes += lines.len() as u64;
            if let Some(tree) = trees.get(source) {
                log.size = tree.size();
                log.nodes = tree.nodes().iter().map(Hash::to_base64).collect();
            }
        }
        self.write(&state)?;
        (self.state, self.trees) = (state, trees);
        Ok(())
    }

    fn write(&self, state: &State) -> Result<(), OwnersError> {
        let unfinished = self.folder.join("state.new");
        let mut file = private()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&unfinished)?;
        serde_json::to_writer(&mut file, state).map_err(io::Error::from)?;
        file.sync_all()?;
        fs::rename(&unfinished, self.folder.join(STATE))?;
        File::open(&self.folder)?.sync_all()?;
        Ok(())
    }

    /// Heads that are not in the ledger yet.
    pub(super) fn unrecorded(&self) -> BTreeMap<String, OwnerHead> {
        let grown = self.trees.iter().filter(|(source, tree)| {
            let recorded = self.state.recorded.get(*source);
            recorded.is_none_or(|(_, head)| head.size != tree.size())
        });
        grown
            .map(|(source, tree)| (source.clone(), OwnerHead::of(tree)))
            .collect()
    }

    /// Takes note of a head that entry `index` records.
    pub(super) fn recorded(&mut self, index: u64, source: String, head: OwnerHead) {
        self.state.recorded.insert(source, (index, head));
    }

    /// The head of `source` last recorded in the ledger, and where.
    pub(super) fn head(&self, source: &str) -> Option<(u64, OwnerHead)> {
        self.state.recorded.get(source).cloned()
    }

    /// Up to `limit` leaves of `source` from `from` on.
    pub(super) fn leaves(
        &self,
        source: &str,
        from: u64,
        limit: usize,
    ) -> Result<Vec<String>, OwnersError> {
        let size = self.head(source).map_or(0, |(_, head)| head.size);
        let left = usize::try_from(size.saturating_sub(from)).unwrap_or(usize::MAX);
        let file = match File::open(self.file(source)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let skipped = usize::try_from(from).unwrap_or(usize::MAX);
        let lines = BufReader::new(file)
            .lines()
            .skip(skipped)
            .take(limit.min(left));
        Ok(lines.collect::<Result<_, _>>()?)
    }

    /// The names this owner knows people by.
    pub(super) fn names(&mut self, source: &str) -> Result<&Names, OwnersError> {
        self.names.prepare(source)?;
        Ok(&self.names)
    }

    fn file(&self, source: &str) -> PathBuf {
        self.folder.join(format!("{source}.leaves"))
    }
}

/// Heads that the ledger records are those of the record, also when the process ended before it was noted.
fn note_recorded(entry: &Entry, state: &mut State) {
    let Body::Admin(admin) = &entry.body else {
        return;
    };
    if let Some((source, head)) = OwnerHead::of_record(admin) {
        state.recorded.insert(source, (entry.index, head));
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}
