//! Detached signatures: a C2SP signed note in a file beside the agreement, `NAME.toml.sig`.
//!
//! What is signed names the agreement and gives two digests: of the document as decisions name it, and of the file byte for
//! byte, so that comments and order are part of what was signed.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};
use turnpike_schemas::{
    agreement::Agreement,
    hex::hex,
    tlog::{Note, TlogError},
};

use super::{AgreementKeys, Approval};
use crate::tlog::{AwsEd25519, SigningKey};

/// First line of what is signed.
const FORM: &str = "turnpike.agreement/v1";

/// Why an agreement is not signed as it must be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// There is no signature file.
    #[error("is not signed: {} is not there; sign it with `turnpike agreement sign`", .0.display())]
    Missing(PathBuf),
    /// The signature file cannot be read or written.
    #[error("{} cannot be used: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The signature file is not a signed note.
    #[error("{} is not a signed note", .0.display())]
    Form(PathBuf),
    /// It is the signature of something else.
    #[error("{} is the signature of another text: the file was changed after it was signed, or another was signed", .0.display())]
    Other(PathBuf),
    /// A key that signs is not known.
    #[error("is to be signed by `{0}`, and no such key is configured: add it to `agreement_keys`")]
    UnknownKey(String),
    /// A key that is known did not sign, or what stands there is not by it.
    #[error("{0}")]
    NotSigned(TlogError),
    /// None of the keys speaks for the source.
    #[error(
        "is signed by nobody who speaks for source `{0}`: a key with role `source_owner` must list it"
    )]
    NotTheOwner(String),
}

/// Where the signature of an agreement is.
#[must_use]
pub fn signature_file(agreement: &Path) -> PathBuf {
    let mut name = agreement.as_os_str().to_owned();
    name.push(".sig");
    PathBuf::from(name)
}

/// The text that is signed.
#[must_use]
pub fn statement(agreement: &Agreement, file: &[u8]) -> String {
    let file = hex(&Sha256::digest(file));
    let (reference, document) = (agreement.reference(), agreement.sha256());
    format!("{FORM}\n{reference}\ndocument sha256:{document}\nfile sha256:{file}\n")
}

/// The signed note beside an agreement, if it is about this very text.
///
/// # Errors
/// [`SignatureError`].
pub fn note_beside(
    path: &Path,
    agreement: &Agreement,
    file: &[u8],
) -> Result<Option<Note>, SignatureError> {
    let beside = signature_file(path);
    let text = match fs::read_to_string(&beside) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(SignatureError::File {
                path: beside,
                error,
            });
        }
    };
    let note = Note::parse(&text).map_err(|_| SignatureError::Form(beside.clone()))?;
    if note.text() != statement(agreement, file) {
        return Err(SignatureError::Other(beside));
    }
    Ok(Some(note))
}

/// Checks the signatures of the agreement at `path`: every key it names has signed, one of them speaks for its source.
/// Returns every good signature that counts, also of keys it does not name.
///
/// # Errors
/// The first [`SignatureError`].
pub fn verify(
    path: &Path,
    agreement: &Agreement,
    file: &[u8],
    keys: &AgreementKeys,
) -> Result<Vec<Approval>, SignatureError> {
    let note = note_beside(path, agreement, file)?
        .ok_or_else(|| SignatureError::Missing(signature_file(path)))?;
    let document = agreement.document();
    let mut approvals = Vec::new();
    for name in &document.signed_by {
        let key = keys.named(name);
        let key = key.ok_or_else(|| SignatureError::UnknownKey(name.clone()))?;
        let checked = key.key.check(&note, &AwsEd25519);
        checked.map_err(SignatureError::NotSigned)?;
    }
    for key in &keys.0 {
        let counts = key.counts_for(&document.source);
        if counts && key.key.check(&note, &AwsEd25519).is_ok() {
            approvals.push(Approval {
                key: key.key.name().to_owned(),
                holder: key.holder.clone(),
                role: key.role,
            });
        }
    }
    let named = |approval: &Approval| {
        let key = keys.named(&approval.key);
        document.signed_by.contains(&approval.key)
            && key.is_some_and(|key| key.owns(&document.source))
    };
    if !approvals.iter().any(named) {
        let source = document.source.to_string();
        return Err(SignatureError::NotTheOwner(source));
    }
    approvals.sort();
    Ok(approvals)
}

/// Adds a signature to the file beside the agreement at `path`. Signatures of an earlier text are dropped.
///
/// # Errors
/// The signature file cannot be read or written.
pub fn sign(
    path: &Path,
    agreement: &Agreement,
    file: &[u8],
    key: &SigningKey,
) -> Result<PathBuf, SignatureError> {
    let beside = signature_file(path);
    let text = statement(agreement, file);
    let signature = key.sign(&text).map_err(SignatureError::NotSigned)?;
    let note = match note_beside(path, agreement, file) {
        Ok(Some(mut note)) => {
            note.add(signature);
            note
        }
        Ok(None) | Err(SignatureError::Other(_)) => {
            Note::new(text, vec![signature]).map_err(SignatureError::NotSigned)?
        }
        Err(error) => return Err(error),
    };
    fs::write(&beside, note.to_string()).map_err(|error| SignatureError::File {
        path: beside.clone(),
        error,
    })?;
    Ok(beside)
}
