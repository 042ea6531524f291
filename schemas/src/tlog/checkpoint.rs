//! The signed head of a log.

use super::{Ed25519, Hash, Note, TlogError, VerifierKey};

/// The head of a log: which log, how many entries, and the root over them.
///
/// ```
/// use turnpike_schemas::tlog::{Checkpoint, Hash};
///
/// let empty = Checkpoint { origin: "log.example/1".into(), size: 0, root: Hash::of_nothing() };
/// assert_eq!(empty.body(), "log.example/1\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Identity of the log.
    pub origin: String,
    /// Entries in it.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Hash,
}

/// A checkpoint with the note it was read from, signed by the key of its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: Note,
}

impl Checkpoint {
    /// The text of the note: three lines.
    #[must_use]
    pub fn body(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root)
    }

    /// Reads the text of a note. Extension lines are refused: nobody could audit them.
    ///
    /// # Errors
    /// [`TlogError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, TlogError> {
        Self::read(text)
            .filter(|checkpoint| checkpoint.body() == text)
            .ok_or(TlogError::Malformed("checkpoint"))
    }

    fn read(text: &str) -> Option<Self> {
        let mut lines = text.split('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        Some(Self {
            origin: Some(origin.to_owned()).filter(|origin| !origin.is_empty())?,
            size: size
                .parse()
                .ok()
                .filter(|size| i64::try_from(*size).is_ok())?,
            root: Hash::from_base64(root).ok()?,
        })
    }
}

impl SignedCheckpoint {
    /// Reads a checkpoint and checks that the log with this key signed it, under its own name.
    ///
    /// # Errors
    /// [`TlogError::Malformed`], [`TlogError::Origin`], [`TlogError::Unsigned`] or [`TlogError::BadSignature`].
    pub fn open(note: &str, key: &VerifierKey, ed25519: &dyn Ed25519) -> Result<Self, TlogError> {
        let note = Note::parse(note)?;
        let checkpoint = Checkpoint::parse(note.text())?;
        if checkpoint.origin != key.name() {
            return Err(TlogError::Origin {
                wanted: key.name().to_owned(),
                found: checkpoint.origin,
            });
        }
        key.check(&note, ed25519)?;
        Ok(Self { checkpoint, note })
    }

    /// What it says.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Entries it covers.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.checkpoint.size
    }

    /// The root it vouches for.
    #[must_use]
    pub fn root(&self) -> &Hash {
        &self.checkpoint.root
    }

    /// The note with all its signatures.
    #[must_use]
    pub fn note(&self) -> &Note {
        &self.note
    }
}
