//! The file and how work on it is run.

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::{WatchError, schema};
use crate::sqlite::SqliteFile;

/// The book. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Book {
    file: SqliteFile,
}

impl Book {
    /// Opens the book of a gateway, and makes it where there is none: a file that only its owner reads.
    ///
    /// # Errors
    /// [`WatchError::InUse`], [`WatchError::Version`], and what the disk says.
    pub fn open(path: &Path) -> Result<Self, WatchError> {
        Ok(Self {
            file: SqliteFile::open::<WatchError>(path, &schema::FILE)?,
        })
    }

    /// Runs `work` where blocking is allowed. It is done to its end also where nobody waits for it any more.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, WatchError> + Send + 'static,
    ) -> Result<T, WatchError> {
        self.file.run(work).await
    }

    /// Runs `work` as one transaction: all of it is on disk, or none.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, WatchError> + Send + 'static,
    ) -> Result<T, WatchError> {
        self.run(move |connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        })
        .await
    }
}
