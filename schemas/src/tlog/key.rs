//! Public keys of logs and witnesses, and what they have signed.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::note::is_key_name;
use super::{Note, NoteSignature, TlogError};

/// The signature algorithm, brought by whoever checks a signature.
pub trait Ed25519 {
    /// Whether `signature` is one of `message` by `public_key` (RFC 8032).
    fn verify(&self, public_key: &[u8; 32], message: &[u8], signature: &[u8]) -> bool;
}

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// The text of a note itself: a log. Type `0x01`.
    Log,
    /// The text and the time at which it was the largest one seen: a witness, `cosignature/v1`. Type `0x04`.
    Witness,
}

/// A public Ed25519 key with its name, written as `name+id+key`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VerifierKey {
    name: String,
    kind: KeyKind,
    public: [u8; 32],
}

impl KeyKind {
    const fn byte(self) -> u8 {
        match self {
            Self::Log => 1,
            Self::Witness => 4,
        }
    }
}

impl VerifierKey {
    /// The key `public` under this name.
    ///
    /// # Errors
    /// [`TlogError::Malformed`] when the name is empty or holds a space or a plus.
    pub fn new(name: &str, kind: KeyKind, public: [u8; 32]) -> Result<Self, TlogError> {
        if !is_key_name(name) {
            return Err(TlogError::Malformed("key name"));
        }
        Ok(Self {
            name: name.to_owned(),
            kind,
            public,
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it signs.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The key itself.
    #[must_use]
    pub fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// The first four bytes of SHA-256 over name, line feed, type and key.
    #[must_use]
    pub fn id(&self) -> u32 {
        let hash = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', self.kind.byte()])
            .chain_update(self.public)
            .finalize();
        let mut id = 0;
        for byte in hash.iter().take(4) {
            id = id << 8 | u32::from(*byte);
        }
        id
    }

    /// Finds and checks the signature of a log's key under `note`.
    ///
    /// # Errors
    /// [`TlogError::Unsigned`] when there is none, [`TlogError::BadSignature`] when one does not verify.
    pub fn check(&self, note: &Note, ed25519: &dyn Ed25519) -> Result<(), TlogError> {
        self.each(note, |signature| {
            let fits = self.kind == KeyKind::Log
                && ed25519.verify(&self.public, note.text().as_bytes(), signature);
            fits.then_some(0)
        })
        .map(drop)
    }

    /// Finds and checks the cosignature of a witness under `note`. Returns its time, in seconds since 1970.
    ///
    /// # Errors
    /// [`TlogError::Unsigned`] when there is none, [`TlogError::BadSignature`] when one does not verify.
    pub fn check_cosignature(&self, note: &Note, ed25519: &dyn Ed25519) -> Result<u64, TlogError> {
        self.each(note, |signature| {
            let (time, signature) = signature.split_first_chunk::<8>()?;
            let time = u64::from_be_bytes(*time);
            let message = cosigned_message(time, note.text());
            let fits = self.kind == KeyKind::Witness
                && i64::try_from(time).is_ok()
                && ed25519.verify(&self.public, message.as_bytes(), signature);
            fits.then_some(time)
        })
    }

    fn each(&self, note: &Note, check: impl Fn(&[u8]) -> Option<u64>) -> Result<u64, TlogError> {
        let mine = |signature: &&NoteSignature| {
            signature.name() == self.name && signature.id() == self.id()
        };
        let mut found = Err(TlogError::Unsigned(self.name.clone()));
        for signature in note.signatures().iter().filter(mine) {
            let time = check(signature.signature())
                .ok_or_else(|| TlogError::BadSignature(self.name.clone()))?;
            found = Ok(found.map_or(time, |latest: u64| latest.max(time)));
        }
        found
    }
}

/// What a witness signs for a note with `text` at `time`, in seconds since 1970.
#[must_use]
pub fn cosigned_message(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![self.kind.byte()];
        key.extend_from_slice(&self.public);
        let id = self.id();
        write!(f, "{}+{id:08x}+{}", self.name, STANDARD.encode(key))
    }
}

impl FromStr for VerifierKey {
    type Err = TlogError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let mut parts = text.splitn(3, '+');
            let (name, id, key) = (parts.next()?, parts.next()?, parts.next()?);
            let bytes = STANDARD.decode(key).ok()?;
            let (kind, public) = bytes.split_first()?;
            let kind = match kind {
                1 => KeyKind::Log,
                4 => KeyKind::Witness,
                _ => return None,
            };
            let key = Self::new(name, kind, public.try_into().ok()?).ok()?;
            (format!("{:08x}", key.id()) == id).then_some(key)
        };
        read().ok_or(TlogError::Malformed("verifier key"))
    }
}
