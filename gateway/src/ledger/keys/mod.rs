//! The keys under which personal fields of the ledger are sealed: one for each calendar period, in a folder of its own.
//!
//! Guarantees: a key is on disk, file and folder, before anything is sealed under it; a destroyed key is gone from the
//! folder when [`Keyring::destroy`] returns. Deliberately absent: a copy of a key, a key in a log line or an error, and a
//! way to make a destroyed key again.

mod cipher;
mod epoch;
mod folder;

use std::{
    collections::BTreeMap,
    fmt,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use serde_json::Value;
use turnpike_schemas::ledger::{KeyId, Opens, Place, SealedValue};

pub use cipher::EpochKey;
pub use epoch::Period;

use self::{cipher::Secret, epoch::Epoch, folder::Folder};

/// Why a key is not there. Names the key, never what it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The folder or a file in it cannot be used.
    #[error("cannot {operation} the ledger's keys: {error}")]
    Folder {
        /// What was tried.
        operation: &'static str,
        /// What the system said.
        error: std::io::Error,
    },
    /// A file is not the key it is named after.
    #[error("the file of key `{0}` is damaged; put it back from where it was backed up")]
    Damaged(String),
    /// A key that was there at the last start is not, and no entry says that it was destroyed.
    #[error(
        "key `{0}` is missing and was not destroyed by the gateway; put it back, or name it in `ledger.lost_keys` to go on without"
    )]
    Missing(KeyId),
    /// The random source of the system failed.
    #[error("no random numbers for a key")]
    Random,
    /// The clock shows a time that has no period.
    #[error("the clock is out of range")]
    Clock,
}

/// The keys that are there. Clones of the `Arc` around it see the same keys.
pub struct Keyring {
    /// Absent for keys that end with the process.
    folder: Option<Folder>,
    period: Period,
    current: ArcSwapOption<EpochKey>,
    keys: RwLock<BTreeMap<KeyId, Arc<EpochKey>>>,
    making: Mutex<()>,
    failing: AtomicBool,
}

impl Keyring {
    /// The keys in `folder`, which is made if it is not there. New keys last a `period`. Blocks.
    ///
    /// # Errors
    /// [`KeyError`] when the folder cannot be used or a file in it is damaged.
    pub fn open(folder: &Path, period: Period) -> Result<Self, KeyError> {
        Self::of(Some(Folder::make(folder)?), period)
    }

    /// The keys in `folder`, to read with; a folder that is not there holds none. Blocks.
    ///
    /// # Errors
    /// [`KeyError`] when the folder cannot be read or a file in it is damaged.
    pub fn read(folder: &Path) -> Result<Self, KeyError> {
        if folder.exists() {
            Self::of(Some(Folder::at(folder)), Period::default())
        } else {
            Ok(Self::in_memory(Period::default()))
        }
    }

    /// Keys that end with the process, for ledgers that are not files.
    #[must_use]
    pub fn in_memory(period: Period) -> Self {
        Self {
            folder: None,
            period,
            current: ArcSwapOption::empty(),
            keys: RwLock::default(),
            making: Mutex::default(),
            failing: AtomicBool::new(false),
        }
    }

    fn of(folder: Option<Folder>, period: Period) -> Result<Self, KeyError> {
        let mut ring = Self::in_memory(period);
        let mut keys = BTreeMap::new();
        for (id, secret) in folder
            .iter()
            .map(Folder::load)
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .flatten()
        {
            let epoch = Epoch::parse(id.epoch()).ok_or(KeyError::Clock)?;
            keys.insert(id.clone(), Arc::new(EpochKey::new(id, epoch, &secret)?));
        }
        ring.keys = RwLock::new(keys);
        ring.folder = folder;
        Ok(ring)
    }

    /// The key of the period of `at`, if it was used lately. Never blocks.
    pub(super) fn current(&self, at: Timestamp) -> Option<Arc<EpochKey>> {
        self.current.load_full().filter(|key| key.covers(at))
    }

    /// The key of the period of `at`, made durable first if it is new. Blocks.
    ///
    /// # Errors
    /// [`KeyError`] when it cannot be made.
    pub fn make(&self, at: Timestamp) -> Result<Arc<EpochKey>, KeyError> {
        let _alone = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let made = self.find_or_make(at);
        self.failing.store(made.is_err(), Relaxed);
        let key = made?;
        self.current.store(Some(Arc::clone(&key)));
        Ok(key)
    }

    /// Makes the key of the period of `at` durable, without using it yet. Blocks.
    pub(super) fn prepare(&self, at: Timestamp) -> Result<(), KeyError> {
        let _alone = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        self.find_or_make(at).map(|_| ())
    }

    /// Whether the last attempt to make a key failed.
    pub(super) fn failing(&self) -> bool {
        self.failing.load(Relaxed)
    }

    /// Whether the keys outlive the process.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        self.folder.is_some()
    }

    /// Every key that is there.
    #[must_use]
    pub fn ids(&self) -> Vec<KeyId> {
        self.with(|keys| keys.keys().cloned().collect())
    }

    /// The keys whose period was over at `before`.
    #[must_use]
    pub fn ended(&self, before: Timestamp) -> Vec<KeyId> {
        self.with(|keys| {
            let ended = keys.values().filter(|key| key.ends() <= before);
            ended.map(|key| key.id().clone()).collect()
        })
    }

    /// The tags under which `value` is found, one for each key that is there.
    #[must_use]
    pub fn tags(&self, domain: &str, value: &Value) -> Vec<String> {
        self.with(|keys| {
            let tags = keys.values().filter_map(|key| key.tag(domain, value).ok());
            tags.collect()
        })
    }

    /// Destroys keys: overwritten, removed, the folder synced, and forgotten here. What they sealed cannot be read again.
    /// Keys that are not there count as destroyed. Blocks.
    ///
    /// # Errors
    /// [`KeyError::Folder`]; then some of them may still be there, and it may be tried again.
    pub fn destroy(&self, ids: &[KeyId]) -> Result<(), KeyError> {
        let _alone = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = &self.folder {
            folder.destroy(ids)?;
        }
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.retain(|id, _| !ids.contains(id));
        let current = self.current.load_full();
        if current.is_some_and(|key| ids.contains(key.id())) {
            self.current.store(None);
        }
        Ok(())
    }

    fn find_or_make(&self, at: Timestamp) -> Result<Arc<EpochKey>, KeyError> {
        let epoch = self.period.epoch(at).ok_or(KeyError::Clock)?;
        let found = self.with(|keys| {
            let mut of_epoch = keys.values().filter(|key| key.id().epoch() == epoch.name());
            of_epoch.next_back().cloned()
        });
        if let Some(found) = found {
            return Ok(found);
        }
        let (id, secret) = Secret::fresh(epoch.name())?;
        if let Some(folder) = &self.folder {
            folder.keep(&id, &secret)?;
        }
        let key = Arc::new(EpochKey::new(id.clone(), epoch, &secret)?);
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.insert(id, Arc::clone(&key));
        Ok(key)
    }

    fn with<T>(&self, look: impl FnOnce(&BTreeMap<KeyId, Arc<EpochKey>>) -> T) -> T {
        look(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Opens for Keyring {
    fn open(&self, place: &Place<'_>, sealed: &SealedValue) -> Option<Value> {
        let key = self.with(|keys| keys.get(&sealed.key).cloned())?;
        key.open(place, sealed)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("keys", &self.ids())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
