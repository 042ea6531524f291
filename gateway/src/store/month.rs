//! Months of capture and their files: `reads-YYYY-MM.db`, by UTC.

use std::{
    ffi::OsString,
    fmt, fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::{Timestamp, tz::Offset};
use rusqlite::{Connection, OpenFlags};

use super::{
    error::{At, StoreError},
    schema,
};

/// A month of the UTC calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct MonthKey(i32);

/// How long a connection waits for another one's lock.
const LOCK_WAIT: Duration = Duration::from_secs(5);

impl MonthKey {
    pub(super) fn of(at: Timestamp) -> Self {
        let date = Offset::UTC.to_datetime(at).date();
        Self(i32::from(date.year()) * 12 + i32::from(date.month()) - 1)
    }

    fn parse(file: &str) -> Option<Self> {
        Self::named(file.strip_prefix("reads-")?.strip_suffix(".db")?)
    }

    /// The month that is written `YYYY-MM`.
    pub(super) fn named(text: &str) -> Option<Self> {
        let (year, month) = text.split_once('-')?;
        let digits = |text: &str, length: usize| {
            (text.len() == length && text.bytes().all(|b| b.is_ascii_digit()))
                .then(|| text.parse::<i32>().ok())
                .flatten()
        };
        let (year, month) = (digits(year, 4)?, digits(month, 2)?);
        (1..=12)
            .contains(&month)
            .then_some(Self(year * 12 + month - 1))
    }

    pub(super) fn path(self, dir: &Path) -> PathBuf {
        dir.join(format!("reads-{self}.db"))
    }
}

impl fmt::Display for MonthKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month) = (self.0.div_euclid(12), self.0.rem_euclid(12) + 1);
        write!(f, "{year:04}-{month:02}")
    }
}

/// The months that have a file in `dir`.
pub(super) fn list(dir: &Path) -> Result<Vec<MonthKey>, StoreError> {
    let mut months = Vec::new();
    for entry in fs::read_dir(dir).at(dir)? {
        let name = entry.at(dir)?.file_name();
        months.extend(name.to_str().and_then(MonthKey::parse));
    }
    months.sort_unstable();
    Ok(months)
}

/// Removes a month's files and makes the removal durable. Nobody may have them open for writing.
pub(super) fn remove(dir: &Path, month: MonthKey) -> Result<(), StoreError> {
    let path = month.path(dir);
    // The main file goes last: a crash in between leaves a month that the next sweep removes again.
    for suffix in ["-wal", "-shm", ""] {
        let mut name = OsString::from(path.as_os_str());
        name.push(suffix);
        match fs::remove_file(&name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::io(&path, &error));
            }
            _ => {}
        }
    }
    sync_dir(dir)
}

pub(super) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    fs::File::open(dir).and_then(|dir| dir.sync_all()).at(dir)
}

/// Opens the month for writing, creating it when it is new.
pub(super) fn open_to_write(dir: &Path, month: MonthKey) -> Result<Connection, StoreError> {
    let path = month.path(dir);
    let is_new = !path.exists();
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(&path, flags).at(&path)?;
    db.busy_timeout(LOCK_WAIT).at(&path)?;
    db.set_prepared_statement_cache_capacity(64);
    // `secure_delete` overwrites what is deleted; a checkpoint every 64 MB of log spreads index pages over many commits.
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;
         PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 16000; PRAGMA journal_size_limit = 134217728;
         PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;",
    )
    .at(&path)?;
    if is_new || is_blank(&db).at(&path)? {
        create(&db).at(&path)?;
        sync_dir(dir)?;
    }
    check(&db, &path)?;
    Ok(db)
}

/// Opens an existing month for reading.
pub(super) fn open_to_read(dir: &Path, month: MonthKey) -> Result<Connection, StoreError> {
    let path = month.path(dir);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(&path, flags).at(&path)?;
    db.busy_timeout(LOCK_WAIT).at(&path)?;
    db.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;")
        .at(&path)?;
    Ok(db)
}

/// A crash between the creation of the file and of its tables leaves a blank one.
fn is_blank(db: &Connection) -> rusqlite::Result<bool> {
    db.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| {
        row.get(0)
    })
}

fn create(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch(&format!(
        "BEGIN IMMEDIATE; {} PRAGMA application_id = {}; PRAGMA user_version = {}; COMMIT;",
        schema::TABLES,
        schema::APPLICATION_ID,
        schema::VERSION,
    ))
}

fn check(db: &Connection, path: &Path) -> Result<(), StoreError> {
    let number = |pragma: &str| db.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    if number("application_id").at(path)? != i64::from(schema::APPLICATION_ID) {
        return Err(StoreError::corrupt(path, "it was not made by this program"));
    }
    if number("user_version").at(path)? != i64::from(schema::VERSION) {
        return Err(StoreError::corrupt(path, "it has another version"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_that_of_utc_and_names_its_file() {
        for (at, file) in [
            ("2026-03-01T00:00:00Z", "reads-2026-03.db"),
            ("2026-02-28T23:59:59.999999999Z", "reads-2026-02.db"),
            ("2026-03-01T00:30:00+01:00", "reads-2026-02.db"),
            ("1999-12-31T23:59:59Z", "reads-1999-12.db"),
        ] {
            let month = MonthKey::of(at.parse().unwrap());
            assert_eq!(month.path(Path::new("")), Path::new(file), "{at}");
            assert_eq!(MonthKey::parse(file), Some(month));
        }
        for other in [
            "reads-2026-13.db",
            "reads-2026-3.db",
            "reads-2026-03.db-wal",
            "reads.db",
        ] {
            assert_eq!(MonthKey::parse(other), None, "{other}");
        }
    }
}
