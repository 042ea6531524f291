//! The control store: accounts, keys and sessions in one SQLite file that one process has open.
//!
//! Passwords are kept as argon2id, keys and session tokens as SHA-256 of 256 random bits. The secrets of one-time codes must be
//! kept as they are, so the file is for its owner only. Whoever changes an account writes the ledger first
//! ([`crate::accounts`]); nothing here records anything, except that an account made before the gateway ran waits to be.

mod codes;
mod keys;
mod passwords;
mod row;
mod schema;
mod secrets;
mod sessions;
#[cfg(test)]
mod tests;
mod users;

use std::{path::Path, sync::Arc};

use rusqlite::Connection;

pub use codes::{CODE_DIGITS, CODE_STEP_S, CodeSecret};
pub use keys::{Key, KeyState};
pub use passwords::{MAX_PASSWORD, MIN_PASSWORD};
pub use row::{Denied, Failed, Unrecorded, UserRow};
pub(crate) use secrets::random_text;
pub use secrets::{KEY_PREFIX, SESSION_PREFIX};
pub use sessions::{Profile, SessionFound, SessionLimits};
pub use users::{LOCK_FOR, MAX_FAILURES};

use crate::sqlite::{ErrorKind, SqliteError, SqliteFile};

/// Most passwords checked at once: each takes 19 MiB and tens of milliseconds.
const HASHES_AT_ONCE: usize = 2;

/// The store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Control {
    file: SqliteFile,
    hashing: Arc<tokio::sync::Semaphore>,
}

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Another process has it open.
    #[error("the control store is in use by another process; stop the gateway first")]
    InUse,
    /// It was written by a later version.
    #[error("the control store has version {0}, which this turnpike does not know")]
    Version(i64),
    /// There is such an account already, or an account where there must be none.
    #[error("there is such an account already")]
    Exists,
    /// No such account or key.
    #[error("there is no such account or key")]
    Missing,
    /// The system has no random numbers.
    #[error("no random numbers: {0}")]
    Random(getrandom::Error),
    /// A password cannot be hashed.
    #[error("the password cannot be hashed")]
    Hash,
    /// What is stored does not mean anything.
    #[error("the control store holds what cannot be read: {0}")]
    Unreadable(&'static str),
    /// The file.
    #[error("the control store cannot be used: {0}")]
    File(#[from] std::io::Error),
    /// The database.
    #[error("the control store failed: {0}")]
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for ControlError {
    fn from(error: rusqlite::Error) -> Self {
        match ErrorKind::of(&error) {
            ErrorKind::InUse => Self::InUse,
            ErrorKind::Constraint => Self::Exists,
            ErrorKind::NoRow => Self::Missing,
            ErrorKind::Other => Self::Database(error),
        }
    }
}

impl SqliteError for ControlError {
    fn later(version: i64) -> Self {
        Self::Version(version)
    }

    fn cut_short() -> Self {
        Self::Unreadable("the work was cut short")
    }
}

impl Control {
    /// Opens the store of a gateway, and makes it where there is none: a file that only its owner reads.
    ///
    /// # Errors
    /// [`ControlError::InUse`], [`ControlError::Version`], and what the disk says.
    pub fn open(path: &Path) -> Result<Self, ControlError> {
        Ok(Self {
            file: SqliteFile::open::<ControlError>(path, &schema::FILE)?,
            hashing: Arc::new(tokio::sync::Semaphore::new(HASHES_AT_ONCE)),
        })
    }

    /// Runs `work` where blocking is allowed.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, ControlError> + Send + 'static,
    ) -> Result<T, ControlError> {
        self.file.run(work).await
    }

    /// Hashes or checks a password, few at a time.
    async fn hash<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, ControlError> + Send + 'static,
    ) -> Result<T, ControlError> {
        let place = self.hashing.acquire().await;
        let _place = place.map_err(|_| ControlError::Hash)?;
        tokio::task::spawn_blocking(work)
            .await
            .unwrap_or(Err(ControlError::Hash))
    }
}
