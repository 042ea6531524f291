//! Keys that sign notes, and the files they are in.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use turnpike_schemas::hex::hex;
use turnpike_schemas::tlog::{
    Ed25519, KeyKind, NoteSignature, TlogError, VerifierKey, cosigned_message,
};

/// What starts a key file, as in Go's `sumdb/note`.
const PREFIX: &str = "PRIVATE+KEY+";

/// The algorithm, by aws-lc-rs.
#[derive(Debug, Clone, Copy, Default)]
pub struct AwsEd25519;

/// A private key with its name. Kept in a file of one line that only its owner may read:
/// `PRIVATE+KEY+<name>+<id>+<base64 of type and seed>`.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    key: VerifierKey,
}

/// Why there is no key to sign with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("the key file {} cannot be used: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The file is not a key of this kind.
    #[error("the key file {} does not hold a signing key of this kind", path.display())]
    Form {
        /// The file.
        path: PathBuf,
    },
    /// No key can be made.
    #[error("no signing key could be made")]
    Make,
    /// No key can have this name.
    #[error("`{0}` cannot be the name of a log or witness: no spaces and no plus")]
    Name(String),
}

impl Ed25519 for AwsEd25519 {
    fn verify(&self, public_key: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, public_key)
            .verify(message, signature)
            .is_ok()
    }
}

impl SigningKey {
    /// A fresh key, written durably to `path`, which must not exist. Without `name` it is called `turnpike/` and the
    /// beginning of its public key.
    ///
    /// # Errors
    /// [`KeyError`]; an existing file is left alone.
    pub fn create(path: &Path, name: Option<&str>, kind: KeyKind) -> Result<Self, KeyError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|_| KeyError::Make)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| KeyError::Make)?;
        let public = pair.public_key().as_ref();
        let unique = format!("turnpike/{}", hex(public.get(..8).unwrap_or_default()));
        let signer = Self::new(pair, name.unwrap_or(&unique), kind)?;
        let mut bytes = vec![signer.kind_byte()];
        bytes.extend_from_slice(&seed);
        let (name, id) = (signer.key.name(), signer.key.id());
        let line = format!("{PREFIX}{name}+{id:08x}+{}\n", STANDARD.encode(bytes));
        write_private(path, line.as_bytes()).map_err(|error| KeyError::File {
            path: path.to_owned(),
            error,
        })?;
        Ok(signer)
    }

    /// The key in `path`.
    ///
    /// # Errors
    /// [`KeyError::File`] or [`KeyError::Form`].
    pub fn load(path: &Path, kind: KeyKind) -> Result<Self, KeyError> {
        let text = std::fs::read_to_string(path).map_err(|error| KeyError::File {
            path: path.to_owned(),
            error,
        })?;
        Self::parse(text.trim_end(), kind).ok_or_else(|| KeyError::Form {
            path: path.to_owned(),
        })
    }

    /// Its public half.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        &self.key
    }

    /// Signs the text of a note as a log does.
    ///
    /// # Errors
    /// None for a key made or loaded here; the type keeps the form.
    pub fn sign(&self, text: &str) -> Result<NoteSignature, TlogError> {
        let signature = self.pair.sign(text.as_bytes());
        NoteSignature::new(self.key.name(), self.key.id(), signature.as_ref().to_vec())
    }

    /// Signs the text of a note as a witness does, at `time` in seconds since 1970.
    ///
    /// # Errors
    /// As [`SigningKey::sign`].
    pub fn cosign(&self, text: &str, time: u64) -> Result<NoteSignature, TlogError> {
        let signature = self.pair.sign(cosigned_message(time, text).as_bytes());
        let mut bytes = time.to_be_bytes().to_vec();
        bytes.extend_from_slice(signature.as_ref());
        NoteSignature::new(self.key.name(), self.key.id(), bytes)
    }

    fn new(pair: Ed25519KeyPair, name: &str, kind: KeyKind) -> Result<Self, KeyError> {
        let public = pair.public_key().as_ref().try_into();
        let public = public.map_err(|_| KeyError::Make)?;
        let key =
            VerifierKey::new(name, kind, public).map_err(|_| KeyError::Name(name.to_owned()))?;
        Ok(Self { pair, key })
    }

    fn parse(line: &str, kind: KeyKind) -> Option<Self> {
        let mut parts = line.strip_prefix(PREFIX)?.splitn(3, '+');
        let (name, id, bytes) = (parts.next()?, parts.next()?, parts.next()?);
        let bytes = STANDARD.decode(bytes).ok()?;
        let (byte, seed) = bytes.split_first()?;
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
        let signer = Self::new(pair, name, kind).ok()?;
        let fits = signer.kind_byte() == *byte && format!("{:08x}", signer.key.id()) == id;
        fits.then_some(signer)
    }

    fn kind_byte(&self) -> u8 {
        match self.key.kind() {
            KeyKind::Log => 1,
            KeyKind::Witness => 4,
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("key", &self.key.to_string())
            .finish_non_exhaustive()
    }
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    super::folder::sync_parent(path)
}
