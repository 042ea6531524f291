//! Signed notes: a text and lines that say who signed it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::TlogError;

/// Longest note that is read, in bytes.
const MAX_NOTE: usize = 64 * 1024;

/// Most signatures that are read.
const MAX_SIGNATURES: usize = 64;

/// A text and its signatures, none of which has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    name: String,
    id: u32,
    signature: Vec<u8>,
}

impl Note {
    /// A note with `text`, which ends in a line feed, and at least one signature.
    ///
    /// # Errors
    /// [`TlogError::Malformed`] when it could not be read back.
    pub fn new(text: String, signatures: Vec<NoteSignature>) -> Result<Self, TlogError> {
        let note = Self { text, signatures };
        Self::parse(&note.to_string())
    }

    /// Reads a note. Strict: exactly the published form, no control characters, at most 64 KiB and 64 signatures.
    ///
    /// # Errors
    /// [`TlogError::Malformed`].
    pub fn parse(note: &str) -> Result<Self, TlogError> {
        Self::read(note).ok_or(TlogError::Malformed("signed note"))
    }

    /// The text that is signed, with its last line feed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds a signature unless one by the same key is there; a newer one takes its place.
    pub fn add(&mut self, signature: NoteSignature) {
        self.signatures
            .retain(|known| (known.id, &known.name) != (signature.id, &signature.name));
        self.signatures.push(signature);
    }

    fn read(note: &str) -> Option<Self> {
        let control = note.bytes().any(|byte| byte < 0x20 && byte != b'\n');
        if control || note.len() > MAX_NOTE {
            return None;
        }
        let (text, lines) = note.rsplit_once("\n\n")?;
        let lines = lines.strip_suffix('\n')?;
        let signatures: Vec<_> = lines
            .split('\n')
            .map(NoteSignature::read)
            .collect::<Option<_>>()?;
        if text.is_empty() || signatures.len() > MAX_SIGNATURES {
            return None;
        }
        Some(Self {
            text: format!("{text}\n"),
            signatures,
        })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures
            .iter()
            .try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

impl NoteSignature {
    /// A signature by the key with this name and id.
    ///
    /// # Errors
    /// [`TlogError::Malformed`] when no key can have this name.
    pub fn new(name: &str, id: u32, signature: Vec<u8>) -> Result<Self, TlogError> {
        if !is_key_name(name) {
            return Err(TlogError::Malformed("key name"));
        }
        Ok(Self {
            name: name.to_owned(),
            id,
            signature,
        })
    }

    /// Reads one signature line, given without its line feed.
    ///
    /// # Errors
    /// [`TlogError::Malformed`].
    pub fn parse(line: &str) -> Result<Self, TlogError> {
        Self::read(line).ok_or(TlogError::Malformed("signature line"))
    }

    /// Name of the key.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Id of the key.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// What the key made of the text.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    fn read(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix("— ")?.split_once(' ')?;
        let bytes = STANDARD.decode(encoded).ok()?;
        let (id, signature) = bytes.split_first_chunk::<4>()?;
        if !is_key_name(name) || signature.is_empty() {
            return None;
        }
        Some(Self {
            name: name.to_owned(),
            id: u32::from_be_bytes(*id),
            signature: signature.to_vec(),
        })
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.id.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.signature);
        write!(f, "— {} {}", self.name, STANDARD.encode(bytes))
    }
}

/// Whether a key may be called this.
pub(super) fn is_key_name(name: &str) -> bool {
    !name.is_empty()
        && !name
            .chars()
            .any(|char| char.is_whitespace() || char.is_control() || char == '+')
}
