//! What a log sends to a witness.

use std::fmt;

use super::{Hash, Note, TlogError};

/// Most hashes in the proof of a request.
const MAX_PROOF: usize = 63;

/// The body of `add-checkpoint`: the size the witness last cosigned, a proof from there, and the new checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// Size of the checkpoint the proof starts from.
    pub old: u64,
    /// Consistency proof from `old` to the checkpoint.
    pub proof: Vec<Hash>,
    /// The signed checkpoint.
    pub checkpoint: Note,
}

impl AddCheckpoint {
    /// Reads what `Display` writes.
    ///
    /// # Errors
    /// [`TlogError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, TlogError> {
        Self::read(text)
            .filter(|request| request.to_string() == text)
            .ok_or(TlogError::Malformed("request to a witness"))
    }

    fn read(text: &str) -> Option<Self> {
        let (head, checkpoint) = text.split_once("\n\n")?;
        let mut lines = head.split('\n');
        let old = lines.next()?.strip_prefix("old ")?.parse().ok()?;
        let proof: Vec<Hash> = lines
            .map(|line| Hash::from_base64(line).ok())
            .collect::<Option<_>>()?;
        Some(Self {
            old,
            proof: Some(proof).filter(|proof| proof.len() <= MAX_PROOF)?,
            checkpoint: Note::parse(checkpoint).ok()?,
        })
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        for hash in &self.proof {
            writeln!(f, "{hash}")?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}
