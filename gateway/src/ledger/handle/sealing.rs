//! Entries as they are written: personal fields under the key of now.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::time::timeout;
use turnpike_schemas::ledger::{Body, KeyId, Sealed};

use super::super::keys::EpochKey;
use super::super::writer::nonce;
use super::super::{KeyError, Keyring, LedgerConfig, LedgerError, Unavailable};
use super::Ledger;

/// How long before a period begins its key is made.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);

impl Ledger {
    /// The entries as they are written: personal fields under the key of now.
    pub(super) async fn seal(&self, bodies: &[Body]) -> Result<Vec<Sealed>, LedgerError> {
        if !bodies.iter().any(Body::is_personal) {
            let sealed = bodies.iter().map(|body| Ok(body.seal(nonce()?)?));
            return sealed.collect();
        }
        let key = self.key().await?;
        let sealed = bodies
            .iter()
            .map(|body| Ok(body.seal_under(nonce()?, &*key)?));
        sealed.collect()
    }

    /// Makes the key of now if it is not there, and that of a few minutes from now, so that no question waits for one.
    ///
    /// # Errors
    /// [`LedgerError::Key`] or [`LedgerError::Deadline`].
    pub async fn renew_keys(&self) -> Result<(), LedgerError> {
        self.key().await?;
        let soon = (self.now)().checked_add(AHEAD).unwrap_or(Timestamp::MAX);
        self.make(move |keys| keys.prepare(soon)).await
    }

    /// The key of now. A new period's is made durable first, within the deadline.
    async fn key(&self) -> Result<Arc<EpochKey>, LedgerError> {
        let at = (self.now)();
        if let Some(key) = self.keys.current(at) {
            return Ok(key);
        }
        self.make(move |keys| keys.make(at)).await
    }

    /// Does what blocks, within the deadline.
    async fn make<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Keyring) -> Result<T, KeyError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let keys = Arc::clone(&self.keys);
        let made = tokio::task::spawn_blocking(move || work(&keys));
        match timeout(self.config.deadline, made).await {
            Ok(Ok(made)) => Ok(made?),
            Ok(Err(_)) => Err(LedgerError::Unavailable(Unavailable::Closed)),
            Err(_) => Err(LedgerError::Deadline),
        }
    }
}

/// The keys, of which none may be missing that `expected` names.
pub(super) fn open_keys(
    dir: &Path,
    config: &LedgerConfig,
    expected: &BTreeSet<KeyId>,
) -> Result<Keyring, KeyError> {
    let beside = dir.join("keys");
    let keys = Keyring::open(config.keys.as_ref().unwrap_or(&beside), config.epoch)?;
    let there = keys.ids();
    let known = |key: &&KeyId| there.contains(key) || config.lost_keys.contains(key);
    match expected.iter().find(|key| !known(key)) {
        Some(missing) => Err(KeyError::Missing(missing.clone())),
        None => Ok(keys),
    }
}
