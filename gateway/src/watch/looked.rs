//! How far the read store was looked at for wanted plates.

use rusqlite::params;

use super::{Book, WatchError};
use crate::store::Marks;

impl Book {
    /// How far; nothing before anybody ever looked.
    ///
    /// # Errors
    /// [`WatchError::Unreadable`] and [`WatchError::Database`].
    pub(crate) async fn looked(&self) -> Result<Option<Marks>, WatchError> {
        self.run(|connection| {
            let mut statement = connection.prepare_cached("SELECT month, mark FROM looked")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let rows: Vec<(String, i64)> = rows.collect::<Result<_, _>>()?;
            if rows.is_empty() {
                return Ok(None);
            }
            let marks = Marks::from_rows(rows.into_iter().filter(|(month, _)| month != EVER));
            marks
                .map(Some)
                .ok_or(WatchError::Unreadable("how far reads were looked at"))
        })
        .await
    }

    /// Everything up to these marks was looked at, and what came of it is on disk.
    ///
    /// # Errors
    /// [`WatchError::Database`].
    pub(crate) async fn look(&self, marks: &Marks) -> Result<(), WatchError> {
        let rows = marks.rows();
        self.write(move |connection| {
            connection
                .prepare_cached("DELETE FROM looked")?
                .execute([])?;
            let mut insert = connection.prepare_cached("INSERT INTO looked VALUES (?1, ?2)")?;
            insert.execute(params![EVER, 0])?;
            for (month, mark) in rows {
                insert.execute(params![month, mark])?;
            }
            Ok(())
        })
        .await
    }
}

/// A row that is there once somebody looked, also at a store without a month.
const EVER: &str = "";
