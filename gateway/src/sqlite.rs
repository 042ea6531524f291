//! One SQLite file that one process has open, for its owner only.
//!
//! In scope: how such a file is opened, of which version its tables are, where work on it runs. What is deleted from it is
//! overwritten. Deliberately absent: the tables, and what an error means to whoever asked.

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode};

/// Statements kept ready.
const KEPT: usize = 32;

/// The file. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct SqliteFile {
    connection: Arc<Mutex<Connection>>,
}

/// What is in a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tables {
    /// The version of the tables, from 1.
    pub(crate) version: i64,
    /// Statements that make what is not there.
    pub(crate) make: &'static str,
    /// What turns the tables of a version into those of the next, by the version they are of.
    pub(crate) upgrades: &'static [(i64, &'static str)],
}

/// An error of whoever keeps something in a file.
pub(crate) trait SqliteError:
    From<rusqlite::Error> + From<io::Error> + Send + 'static
{
    /// The file was written by a later version.
    fn later(version: i64) -> Self;
    /// The work did not come to its end.
    fn cut_short() -> Self;
}

/// How an error of the database concerns whoever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    /// Another process has the file open.
    InUse,
    /// What was to be written contradicts what is there.
    Constraint,
    /// There is no such row.
    NoRow,
    /// Anything else.
    Other,
}

impl ErrorKind {
    pub(crate) fn of(error: &rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse,
            Some(ErrorCode::ConstraintViolation) => Self::Constraint,
            _ if matches!(error, rusqlite::Error::QueryReturnedNoRows) => Self::NoRow,
            _ => Self::Other,
        }
    }
}

impl SqliteFile {
    /// Opens the file for this process alone, makes it where there is none, and brings its tables up to date. Blocks.
    ///
    /// # Errors
    /// Another process has it open, it is of a later version, and what the disk says.
    pub(crate) fn open<E: SqliteError>(path: &Path, tables: &Tables) -> Result<Self, E> {
        use std::os::unix::fs::OpenOptionsExt as _;
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)?;
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::ZERO)?;
        connection.set_prepared_statement_cache_capacity(KEPT);
        prepare::<E>(&connection, tables)?;
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
        })
    }

    /// Runs `work` here and now. Blocks.
    pub(crate) fn run_blocking<T>(&self, work: impl FnOnce(&mut Connection) -> T) -> T {
        let mut connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        work(&mut connection)
    }

    /// Runs `work` where blocking is allowed. It is done to its end also where nobody waits for it any more.
    pub(crate) async fn run<T: Send + 'static, E: SqliteError>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let file = self.clone();
        let run = tokio::task::spawn_blocking(move || file.run_blocking(work));
        run.await.unwrap_or_else(|_| Err(E::cut_short()))
    }
}

fn prepare<E: SqliteError>(connection: &Connection, tables: &Tables) -> Result<(), E> {
    // Exclusive before WAL: then there is no shared memory file, and nobody else opens the file while this process has it.
    connection.execute_batch(
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;",
    )?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if !(0..=tables.version).contains(&version) {
        return Err(E::later(version));
    }
    connection.execute_batch("BEGIN EXCLUSIVE;")?;
    // A new file has version 0 and no tables yet.
    let upgrades = tables.upgrades.iter();
    for (_, upgrade) in upgrades.filter(|(from, _)| version > 0 && *from >= version) {
        connection.execute_batch(upgrade)?;
    }
    connection.execute_batch(tables.make)?;
    connection.pragma_update(None, "user_version", tables.version)?;
    connection.execute_batch("COMMIT;")?;
    Ok(())
}
