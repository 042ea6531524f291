//! A proof that stands alone: one entry is in the log of one checkpoint.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Ed25519, Hash, Note, SignedCheckpoint, TlogError, VerifierKey, verify_inclusion};

const HEAD: &str = "c2sp.org/tlog-proof@v1";

/// Longest path in a tree of fewer than 2^63 leaves.
const MAX_PATH: usize = 63;

/// Where an entry stands, the path to the root, and the checkpoint with that root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogProof {
    /// Opaque bytes for the application; proves nothing.
    pub extra: Option<Vec<u8>>,
    /// Place of the entry.
    pub index: u64,
    /// Hashes from the sibling of the leaf upwards.
    pub path: Vec<Hash>,
    /// The checkpoint, as the log and its witnesses signed it.
    pub checkpoint: Note,
}

impl LogProof {
    /// Reads what `Display` writes.
    ///
    /// # Errors
    /// [`TlogError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, TlogError> {
        Self::read(text)
            .filter(|proof| proof.to_string() == text)
            .ok_or(TlogError::Malformed("proof"))
    }

    /// Checks that `leaf` is the leaf this proof is about, in the log with this key.
    ///
    /// # Errors
    /// As [`SignedCheckpoint::open`] and [`verify_inclusion`].
    pub fn verify(
        &self,
        leaf: &Hash,
        key: &VerifierKey,
        ed25519: &dyn Ed25519,
    ) -> Result<SignedCheckpoint, TlogError> {
        let signed = SignedCheckpoint::open(&self.checkpoint.to_string(), key, ed25519)?;
        verify_inclusion(&self.path, self.index, leaf, signed.size(), signed.root())?;
        Ok(signed)
    }

    fn read(text: &str) -> Option<Self> {
        let (head, checkpoint) = text.split_once("\n\n")?;
        let mut lines = head.split('\n').peekable();
        lines.next().filter(|line| *line == HEAD)?;
        let extra = lines.next_if(|line| line.starts_with("extra "));
        let extra = match extra.and_then(|line| line.strip_prefix("extra ")) {
            Some(encoded) => Some(STANDARD.decode(encoded).ok()?),
            None => None,
        };
        let index = lines.next()?.strip_prefix("index ")?.parse().ok()?;
        let path: Vec<Hash> = lines
            .map(|line| Hash::from_base64(line).ok())
            .collect::<Option<_>>()?;
        Some(Self {
            extra,
            index,
            path: Some(path).filter(|path| path.len() <= MAX_PATH)?,
            checkpoint: Note::parse(checkpoint).ok()?,
        })
    }
}

impl fmt::Display for LogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.path {
            writeln!(f, "{hash}")?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}
