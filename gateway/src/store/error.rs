//! What can go wrong with the read store, as decisions for the caller. No message holds a plate.

use std::{io, path::Path};

/// Why the store did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Too many deposits are waiting. Nothing was stored; send again later.
    #[error("too many deposits are waiting to be stored")]
    Busy,
    /// The disk refused (full, input/output error). Nothing of the deposit is acknowledged.
    #[error("the read store cannot use `{file}`: {reason}")]
    Unavailable {
        /// The file.
        file: String,
        /// What the operating system or SQLite said, as a fixed word.
        reason: String,
    },
    /// A month file is damaged or is not a month file of this version.
    #[error("`{file}` is damaged or not a month file of the read store: {reason}")]
    Corrupt {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A partial plate met more reads than can be looked through in the time allowed.
    #[error("too many reads to look through for this partial plate; ask for a shorter window")]
    TooBroad,
    /// Another process has the directory open.
    #[error("`{directory}` is in use by another process")]
    InUse {
        /// The directory.
        directory: String,
    },
    /// The store is shutting down.
    #[error("the read store is closed")]
    Closed,
}

impl StoreError {
    /// Turns an error of SQLite on `file` into a decision. Only its code is kept: texts can quote values.
    pub(super) fn sqlite(file: &Path, error: &rusqlite::Error) -> Self {
        use rusqlite::{Error, ErrorCode};
        let file = name(file);
        match error {
            Error::SqliteFailure(failure, _) => {
                let reason = format!("{:?} ({})", failure.code, failure.extended_code);
                match failure.code {
                    ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
                        Self::Corrupt { file, reason }
                    }
                    _ => Self::Unavailable { file, reason },
                }
            }
            Error::FromSqlConversionFailure(..)
            | Error::InvalidColumnType(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::Utf8Error(..) => Self::Corrupt {
                file,
                reason: "a row is not readable".to_owned(),
            },
            _ => Self::Unavailable {
                file,
                reason: "statement failed".to_owned(),
            },
        }
    }

    pub(super) fn io(file: &Path, error: &io::Error) -> Self {
        Self::Unavailable {
            file: name(file),
            reason: error.kind().to_string(),
        }
    }

    pub(super) fn corrupt(file: &Path, reason: &str) -> Self {
        Self::Corrupt {
            file: name(file),
            reason: reason.to_owned(),
        }
    }
}

fn name(file: &Path) -> String {
    file.file_name()
        .unwrap_or(file.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// Attaches the file to a result of SQLite.
pub(super) trait At<T> {
    fn at(self, file: &Path) -> Result<T, StoreError>;
}

impl<T> At<T> for rusqlite::Result<T> {
    fn at(self, file: &Path) -> Result<T, StoreError> {
        self.map_err(|error| StoreError::sqlite(file, &error))
    }
}

impl<T> At<T> for io::Result<T> {
    fn at(self, file: &Path) -> Result<T, StoreError> {
        self.map_err(|error| StoreError::io(file, &error))
    }
}
