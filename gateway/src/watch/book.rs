//! The file and how work on it is run.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::{WatchError, schema};

/// The book. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Book {
    connection: Arc<Mutex<Connection>>,
}

impl Book {
    /// Opens the book of a gateway, and makes it where there is none: a file that only its owner reads.
    ///
    /// # Errors
    /// [`WatchError::InUse`], [`WatchError::Version`], and what the disk says.
    pub fn open(path: &Path) -> Result<Self, WatchError> {
        use std::os::unix::fs::OpenOptionsExt as _;
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)?;
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::ZERO)?;
        connection.set_prepared_statement_cache_capacity(32);
        schema::prepare(&connection)?;
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
        })
    }

    /// Runs `work` where blocking is allowed. It is done to its end also where nobody waits for it any more.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, WatchError> + Send + 'static,
    ) -> Result<T, WatchError> {
        let connection = Arc::clone(&self.connection);
        let run = tokio::task::spawn_blocking(move || {
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            work(&mut connection)
        });
        run.await
            .unwrap_or(Err(WatchError::Unreadable("the work was cut short")))
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
