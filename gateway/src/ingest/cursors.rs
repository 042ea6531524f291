//! Where polls go on, one small file per source, replaced as a whole.
//!
//! A cursor is written after the reads it stands behind are durable, never before: what a crash costs is a poll that is
//! made again, whose reads are duplicates.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use turnpike_adapters::adapter::Cursor;
use turnpike_schemas::read::SourceId;

use super::files::write_durably;

/// The cursor of one source.
#[derive(Debug)]
pub(super) struct CursorFile {
    folder: PathBuf,
    name: String,
    /// Whose form the cursor is in.
    adapter: &'static str,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    adapter: String,
    cursor: String,
}

impl CursorFile {
    /// Makes the folder.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn open(
        folder: &Path,
        source: &SourceId,
        adapter: &'static str,
    ) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            name: format!("{source}.json"),
            adapter,
        })
    }

    /// Where to go on. From the beginning, where there is no cursor, or one of another adapter or of no known form.
    ///
    /// # Errors
    /// There is a file and it cannot be read.
    pub(super) fn load(&self) -> io::Result<Cursor> {
        let text = match fs::read(self.folder.join(&self.name)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Cursor::default()),
            Err(error) => return Err(error),
        };
        let written = serde_json::from_slice::<Written>(&text).ok();
        let written = written.filter(|written| written.adapter == self.adapter);
        if written.is_none() {
            tracing::warn!(
                file = self.name,
                "a cursor is not of this adapter; the poll begins anew"
            );
        }
        Ok(Cursor(written.map(|written| written.cursor)))
    }

    /// Keeps a cursor. Durable when this returns.
    ///
    /// # Errors
    /// The file cannot be written; the old cursor stays.
    pub(super) fn save(&self, cursor: &Cursor) -> io::Result<()> {
        let Some(cursor) = &cursor.0 else {
            return Ok(());
        };
        let written = Written {
            adapter: self.adapter.to_owned(),
            cursor: cursor.clone(),
        };
        write_durably(&self.folder, &self.name, &serde_json::to_vec(&written)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_found_again_by_its_source_and_adapter_only() {
        let folder = tempfile::tempdir().unwrap();
        let source = SourceId::parse("gate").unwrap();
        let open = |source: &SourceId, adapter| CursorFile::open(folder.path(), source, adapter);
        let file = open(&source, "frigate").unwrap();
        assert_eq!(file.load().unwrap(), Cursor::default());
        let cursor = Cursor(Some("page \"7\"".to_owned()));
        file.save(&cursor).unwrap();
        assert_eq!(open(&source, "frigate").unwrap().load().unwrap(), cursor);
        assert_eq!(
            open(&source, "other").unwrap().load().unwrap(),
            Cursor::default()
        );
        let other = SourceId::parse("other").unwrap();
        assert_eq!(
            open(&other, "frigate").unwrap().load().unwrap(),
            Cursor::default()
        );
        fs::write(folder.path().join("gate.json"), "{half").unwrap();
        assert_eq!(file.load().unwrap(), Cursor::default());
    }
}
