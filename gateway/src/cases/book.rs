//! The file of notes and urgent questions: beside the ledger, which holds digests and indices only.

use std::{path::Path, str::FromStr as _, sync::Arc};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;
use turnpike_schemas::{
    api::{UrgentReason, UrgentState, UrgentUse},
    ledger::Digest,
    query::Note,
};
use uuid::Uuid;

use super::Of;

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA secure_delete = ON;
    CREATE TABLE IF NOT EXISTS own (one INTEGER PRIMARY KEY CHECK (one = 1), salt BLOB NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS notes (
        question TEXT PRIMARY KEY, salt BLOB NOT NULL, text TEXT NOT NULL, written_at INTEGER NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS urgent (
        question TEXT PRIMARY KEY, subject BLOB NOT NULL, organisation TEXT NOT NULL,
        asked_at INTEGER NOT NULL, justify_until INTEGER NOT NULL, intent INTEGER,
        reason TEXT, justification INTEGER, justified_at INTEGER, alarmed INTEGER NOT NULL DEFAULT 0) STRICT;
    CREATE INDEX IF NOT EXISTS urgent_owed ON urgent (justify_until) WHERE justified_at IS NULL;
";

const COLUMNS: &str = "question, intent, organisation, asked_at, justify_until, reason, justification, justified_at, subject";

/// Notes and urgent questions could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("notes and urgent questions cannot be read or written: {0}")]
pub struct BookError(String);

/// An urgent question as somebody sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The question.
    pub urgent: UrgentUse,
    /// Whether that somebody asked it.
    pub own: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Book {
    connection: Arc<Mutex<Connection>>,
    /// Makes the hash of a subject one of this installation only.
    salt: Arc<[u8]>,
}

/// SHA-256 of the salt, then the text.
#[must_use]
pub fn digest_of_note(salt: &[u8], note: &Note) -> Digest {
    Digest::of(&[salt, note.expose().as_bytes()].concat())
}

impl Book {
    pub(super) fn open(path: &Path) -> Result<Self, BookError> {
        let connection = Connection::open(path).map_err(failed)?;
        connection.execute_batch(SCHEMA).map_err(failed)?;
        let fresh = random()?;
        connection
            .execute(
                "INSERT OR IGNORE INTO own (one, salt) VALUES (1, ?1)",
                params![fresh],
            )
            .map_err(failed)?;
        let salt: Vec<u8> = connection
            .query_row("SELECT salt FROM own", [], |row| row.get(0))
            .map_err(failed)?;
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
            salt: salt.into(),
        })
    }

    pub(super) async fn keep_note(
        &self,
        question: Uuid,
        note: &Note,
        now: Timestamp,
    ) -> Result<Digest, BookError> {
        let (salt, text) = (random()?, note.expose().to_owned());
        let digest = digest_of_note(&salt, note);
        self.with(move |connection| {
            connection.execute(
                "INSERT INTO notes (question, salt, text, written_at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (question) DO UPDATE SET salt = ?2, text = ?3, written_at = ?4",
                params![question.to_string(), salt, text, now.as_microsecond()],
            )
        })
        .await?;
        Ok(digest)
    }

    pub(super) async fn note(&self, question: Uuid) -> Result<Option<(Vec<u8>, Note)>, BookError> {
        let found: Option<(Vec<u8>, String)> = self
            .with(move |connection| {
                connection
                    .query_row(
                        "SELECT salt, text FROM notes WHERE question = ?1",
                        params![question.to_string()],
                        |row| Ok((row.get(0)?, row.get(1)?)),
                    )
                    .optional()
            })
            .await?;
        Ok(found.and_then(|(salt, text)| Some((salt, Note::parse(&text).ok()?))))
    }

    pub(super) async fn forget_notes(&self, before: Timestamp) -> Result<(), BookError> {
        self.with(move |connection| {
            connection.execute(
                "DELETE FROM notes WHERE written_at < ?1",
                params![before.as_microsecond()],
            )
        })
        .await
        .map(drop)
    }

    pub(super) async fn owe(
        &self,
        question: Uuid,
        subject: &str,
        organisation: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<(), BookError> {
        let (subject, organisation) = (self.hash(subject), organisation.to_owned());
        self.with(move |connection| {
            connection.execute(
                "INSERT INTO urgent (question, subject, organisation, asked_at, justify_until) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![question.to_string(), subject, organisation, now.as_microsecond(), until.as_microsecond()],
            )
        })
        .await
        .map(drop)
    }

    pub(super) async fn on_record(&self, question: Uuid, intent: u64) -> Result<(), BookError> {
        let intent = i64::try_from(intent).unwrap_or(i64::MAX);
        self.with(move |connection| {
            connection.execute(
                "UPDATE urgent SET intent = ?2 WHERE question = ?1",
                params![question.to_string(), intent],
            )
        })
        .await
        .map(drop)
    }

    pub(super) async fn justified(
        &self,
        question: Uuid,
        reason: &'static str,
        entry: u64,
        now: Timestamp,
    ) -> Result<(), BookError> {
        let entry = i64::try_from(entry).unwrap_or(i64::MAX);
        self.with(move |connection| {
            connection.execute(
                "UPDATE urgent SET reason = ?2, justification = ?3, justified_at = ?4
                 WHERE question = ?1 AND justified_at IS NULL",
                params![question.to_string(), reason, entry, now.as_microsecond()],
            )
        })
        .await
        .map(drop)
    }

    pub(super) async fn overdue_of(
        &self,
        subject: &str,
        now: Timestamp,
    ) -> Result<Option<Uuid>, BookError> {
        let subject = self.hash(subject);
        let found: Option<String> = self
            .with(move |connection| {
                connection
                    .query_row(
                        "SELECT question FROM urgent WHERE justified_at IS NULL AND justify_until <= ?1 AND subject = ?2
                         ORDER BY justify_until LIMIT 1",
                        params![now.as_microsecond(), subject],
                        |row| row.get(0),
                    )
                    .optional()
            })
            .await?;
        Ok(found.and_then(|question| Uuid::from_str(&question).ok()))
    }

    pub(super) async fn find(
        &self,
        question: Uuid,
        subject: &str,
        now: Timestamp,
    ) -> Result<Option<Seen>, BookError> {
        let subject = self.hash(subject);
        self.with(move |connection| {
            connection
                .query_row(
                    &format!("SELECT {COLUMNS} FROM urgent WHERE question = ?1"),
                    params![question.to_string()],
                    |row| {
                        let asker: Vec<u8> = row.get(8)?;
                        Ok(Seen {
                            urgent: urgent(row, now)?,
                            own: asker == subject,
                        })
                    },
                )
                .optional()
        })
        .await
    }

    pub(super) async fn list(&self, of: Of, now: Timestamp) -> Result<Vec<UrgentUse>, BookError> {
        let (subject, organisation) = match of {
            Of::Subject(subject) => (Some(self.hash(&subject)), None),
            Of::Organisation(organisation) => (None, Some(organisation)),
            Of::All => (None, None),
        };
        self.with(move |connection| {
            let mut statement = connection.prepare(&format!(
                "SELECT {COLUMNS} FROM urgent WHERE (?1 IS NULL OR subject = ?1) AND (?2 IS NULL OR organisation = ?2)
                 ORDER BY justified_at IS NOT NULL, CASE WHEN justified_at IS NULL THEN justify_until ELSE -asked_at END
                 LIMIT 1000"
            ))?;
            statement
                .query_map(params![subject, organisation], |row| urgent(row, now))?
                .collect()
        })
        .await
    }

    /// Those that have no alarm yet, and how many are overdue in all.
    pub(super) async fn newly_overdue(
        &self,
        now: Timestamp,
    ) -> Result<(Vec<UrgentUse>, i64), BookError> {
        self.with(move |connection| {
            let owed = "justified_at IS NULL AND justify_until <= ?1";
            let mut statement = connection.prepare(&format!(
                "SELECT {COLUMNS} FROM urgent WHERE {owed} AND alarmed = 0 ORDER BY justify_until LIMIT 100"
            ))?;
            let at = params![now.as_microsecond()];
            let late = statement
                .query_map(at, |row| urgent(row, now))?
                .collect::<Result<_, _>>()?;
            let all = connection.query_row(
                &format!("SELECT count(*) FROM urgent WHERE {owed}"),
                at,
                |row| row.get(0),
            )?;
            Ok((late, all))
        })
        .await
    }

    pub(super) async fn alarmed(&self, question: Uuid) -> Result<(), BookError> {
        self.with(move |connection| {
            connection.execute(
                "UPDATE urgent SET alarmed = 1 WHERE question = ?1",
                params![question.to_string()],
            )
        })
        .await
        .map(drop)
    }

    fn hash(&self, subject: &str) -> Vec<u8> {
        Sha256::new()
            .chain_update(&self.salt)
            .chain_update(subject)
            .finalize()
            .to_vec()
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, BookError> {
        let connection = Arc::clone(&self.connection).lock_owned().await;
        tokio::task::spawn_blocking(move || work(&connection).map_err(failed))
            .await
            .map_err(|_| BookError("the worker ended".to_owned()))?
    }
}

fn urgent(row: &rusqlite::Row<'_>, now: Timestamp) -> rusqlite::Result<UrgentUse> {
    let at = |micros: i64| Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MIN);
    let index = |index: Option<i64>| index.and_then(|index| u64::try_from(index).ok());
    let question: String = row.get(0)?;
    let (justify_until, justified_at) = (at(row.get(4)?), row.get::<_, Option<i64>>(7)?.map(at));
    let reason: Option<String> = row.get(5)?;
    let state = match justified_at {
        None if justify_until <= now => UrgentState::Overdue,
        None => UrgentState::Due,
        Some(justified) if justified < justify_until => UrgentState::Justified,
        Some(_) => UrgentState::JustifiedLate,
    };
    Ok(UrgentUse {
        query: Uuid::from_str(&question).unwrap_or_default(),
        intent: index(row.get(1)?),
        organisation: row.get(2)?,
        asked_at: at(row.get(3)?),
        justify_until,
        state,
        reason: reason.and_then(|word| {
            UrgentReason::ALL
                .into_iter()
                .find(|reason| reason.as_str() == word)
        }),
        justification: index(row.get(6)?),
    })
}

fn random() -> Result<Vec<u8>, BookError> {
    let mut bytes = vec![0; 16];
    getrandom::fill(&mut bytes).map_err(|error| BookError(error.to_string()))?;
    Ok(bytes)
}

/// What SQLite says names tables and files, never values.
fn failed(error: rusqlite::Error) -> BookError {
    BookError(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn what_is_owed_is_owed_until_it_is_given_also_over_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cases.sqlite");
        let question = Uuid::now_v7();
        let (asked, until) = (at("2026-03-01T10:00:00Z"), at("2026-03-02T10:00:00Z"));
        Book::open(&path)
            .unwrap()
            .owe(question, "kim", "brookdale", asked, until)
            .await
            .unwrap();
        let book = Book::open(&path).unwrap();
        let before = at("2026-03-02T09:59:59Z");
        assert_eq!(book.overdue_of("kim", before).await.unwrap(), None);
        assert_eq!(book.overdue_of("kim", until).await.unwrap(), Some(question));
        assert_eq!(book.overdue_of("lee", until).await.unwrap(), None);
        let (late, all) = book.newly_overdue(until).await.unwrap();
        assert_eq!((late.len(), all), (1, 1));
        book.alarmed(question).await.unwrap();
        assert_eq!(book.newly_overdue(until).await.unwrap(), (Vec::new(), 1));
        book.on_record(question, 7).await.unwrap();
        book.justified(question, "pursuit", 9, at("2026-03-02T10:00:01Z"))
            .await
            .unwrap();
        assert_eq!(book.overdue_of("kim", until).await.unwrap(), None);
        let seen = book.find(question, "kim", until).await.unwrap().unwrap();
        assert!(seen.own);
        assert_eq!(seen.urgent.state, UrgentState::JustifiedLate);
        assert_eq!(seen.urgent.reason, Some(UrgentReason::Pursuit));
        assert_eq!(
            (seen.urgent.intent, seen.urgent.justification),
            (Some(7), Some(9))
        );
        assert!(
            !book
                .find(question, "lee", until)
                .await
                .unwrap()
                .unwrap()
                .own
        );
    }

    #[tokio::test]
    async fn lists_hold_what_one_may_see_the_most_pressing_first() {
        let folder = tempfile::tempdir().unwrap();
        let book = Book::open(&folder.path().join("cases.sqlite")).unwrap();
        let day = |day: u8| at(&format!("2026-03-{day:02}T00:00:00Z"));
        let mut questions = Vec::new();
        for (who, organisation, asked) in [("kim", "a", 3), ("lee", "a", 1), ("kim", "b", 2)] {
            let question = Uuid::now_v7();
            book.owe(question, who, organisation, day(asked), day(asked + 1))
                .await
                .unwrap();
            questions.push(question);
        }
        book.justified(questions[1], "pursuit", 1, day(1))
            .await
            .unwrap();
        let ids = |list: Vec<UrgentUse>| {
            list.into_iter()
                .map(|urgent| urgent.query)
                .collect::<Vec<_>>()
        };
        let all = book.list(Of::All, day(9)).await.unwrap();
        assert_eq!(ids(all), [questions[2], questions[0], questions[1]]);
        let kim = book
            .list(Of::Subject("kim".to_owned()), day(9))
            .await
            .unwrap();
        assert_eq!(ids(kim), [questions[2], questions[0]]);
        let a = book
            .list(Of::Organisation("a".to_owned()), day(9))
            .await
            .unwrap();
        assert_eq!(ids(a), [questions[0], questions[1]]);
    }

    #[tokio::test]
    async fn a_note_is_found_by_its_digest_until_it_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cases.sqlite");
        let book = Book::open(&path).unwrap();
        let (question, note) = (Uuid::now_v7(), Note::parse("second look").unwrap());
        let written = at("2026-03-01T00:00:00Z");
        let digest = book.keep_note(question, &note, written).await.unwrap();
        let (salt, text) = book.note(question).await.unwrap().unwrap();
        assert_eq!(digest_of_note(&salt, &text), digest);
        assert_ne!(Digest::of(b"second look"), digest);
        book.forget_notes(at("2026-03-01T00:00:01Z")).await.unwrap();
        assert_eq!(book.note(question).await.unwrap(), None);
    }

    #[tokio::test]
    async fn who_asked_is_not_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cases.sqlite");
        let book = Book::open(&path).unwrap();
        let now = at("2026-03-01T00:00:00Z");
        book.owe(Uuid::now_v7(), "canary-subject", "a", now, now)
            .await
            .unwrap();
        drop(book);
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            assert!(!bytes.windows(14).any(|window| window == b"canary-subject"));
        }
    }
}
