//! How a value is sealed: AES-256-GCM under a key of its own, made from the period's key and the place of the value.
//!
//! The nonce of an entry is 128 random bits and a field stands once in an entry, so every derived key seals one value, and
//! one fixed GCM nonce is enough: no count of messages bounds the use of a period's key.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac::{self, HMAC_SHA256},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::Value;
use turnpike_schemas::ledger::{EntryError, KeyId, Place, SealedValue, Seals, canonical_json};

use super::{KeyError, epoch::Epoch};

/// Values are padded with spaces to a multiple of this, so that their lengths tell little.
const BLOCK: usize = 32;

/// The random bytes behind a key.
pub(super) struct Secret(pub(super) [u8; 32]);

/// The key of one period.
pub struct EpochKey {
    id: KeyId,
    epoch: Epoch,
    sealing: hmac::Key,
    tagging: hmac::Key,
}

impl Secret {
    /// Fresh random bytes, and an identity for them.
    pub(super) fn fresh(epoch: &str) -> Result<(KeyId, Self), KeyError> {
        let (mut secret, mut random) = ([0; 32], [0; 4]);
        getrandom::fill(&mut secret).map_err(|_| KeyError::Random)?;
        getrandom::fill(&mut random).map_err(|_| KeyError::Random)?;
        let id = KeyId::new(epoch, random).map_err(|_| KeyError::Clock)?;
        Ok((id, Self(secret)))
    }
}

impl EpochKey {
    pub(super) fn new(id: KeyId, epoch: Epoch, secret: &Secret) -> Result<Self, KeyError> {
        let root = hmac::Key::new(HMAC_SHA256, &secret.0);
        let derive = |label: &str| {
            let label = format!("turnpike ledger {label} v1 {id}");
            hmac::Key::new(HMAC_SHA256, hmac::sign(&root, label.as_bytes()).as_ref())
        };
        Ok(Self {
            sealing: derive("seal"),
            tagging: derive("tag"),
            id,
            epoch,
        })
    }

    pub(super) fn id(&self) -> &KeyId {
        &self.id
    }

    pub(super) fn covers(&self, at: Timestamp) -> bool {
        self.epoch.covers(at)
    }

    /// First instant after the period of this key.
    pub(super) fn ends(&self) -> Timestamp {
        self.epoch.until()
    }

    /// The tag of `value`, of whatever JSON type it is.
    pub(super) fn tag(&self, domain: &str, value: &Value) -> Result<String, EntryError> {
        let tag = mac(&self.tagging, &[domain, &canonical_json(value)?]);
        Ok(URL_SAFE_NO_PAD.encode(tag))
    }

    pub(super) fn open(&self, place: &Place<'_>, sealed: &SealedValue) -> Option<Value> {
        let mut bytes = URL_SAFE_NO_PAD.decode(&sealed.sealed).ok()?;
        let key = self.value_key(place).ok()?;
        let open = key.open_in_place(fixed(), self.aad(), &mut bytes).ok()?;
        serde_json::from_slice(open).ok()
    }

    fn value_key(&self, place: &Place<'_>) -> Result<LessSafeKey, EntryError> {
        let context = [place.nonce.expose(), place.kind.as_str(), place.field];
        let key = mac(&self.sealing, &context);
        let key = UnboundKey::new(&AES_256_GCM, key.as_ref()).map_err(|_| EntryError::Unsealed)?;
        Ok(LessSafeKey::new(key))
    }

    fn aad(&self) -> Aad<&[u8]> {
        Aad::from(self.id.as_str().as_bytes())
    }
}

impl Seals for EpochKey {
    fn seal(&self, place: &Place<'_>, value: &Value) -> Result<SealedValue, EntryError> {
        let mut bytes = canonical_json(value)?.into_bytes();
        bytes.resize(bytes.len().next_multiple_of(BLOCK), b' ');
        self.value_key(place)?
            .seal_in_place_append_tag(fixed(), self.aad(), &mut bytes)
            .map_err(|_| EntryError::Unsealed)?;
        Ok(SealedValue {
            key: self.id.clone(),
            sealed: URL_SAFE_NO_PAD.encode(bytes),
            tag: self.tag(place.domain, value)?,
        })
    }
}

impl fmt::Debug for EpochKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EpochKey({})", self.id)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The one nonce of a key that seals one value.
fn fixed() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

/// Over parts that cannot run into each other.
fn mac(key: &hmac::Key, parts: &[&str]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    context.sign()
}
