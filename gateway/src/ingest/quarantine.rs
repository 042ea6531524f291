//! What could not be understood, set aside for the integrator: source, payload digest, field, rule. Never a value.
//!
//! One file of JSON lines per source and day. A file stops growing at a fixed size; a last line says so.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Mutex,
};

use jiff::Timestamp;
use serde::Serialize;
use turnpike_adapters::adapter::Rejection;
use turnpike_schemas::read::SourceId;

/// Length at which a day's file stops growing.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// Rejections kept of one message or file.
const MOST_REJECTIONS: usize = 1_000;

/// The folder of rejections.
#[derive(Debug)]
pub struct Quarantine {
    folder: PathBuf,
    /// One writer at a time, so that lines do not mix.
    writing: Mutex<()>,
}

#[derive(Serialize)]
struct Line<'a> {
    at: Timestamp,
    payload_sha256: &'a str,
    #[serde(flatten)]
    rejection: &'a Rejection,
}

impl Quarantine {
    /// Opens the folder, making it if need be.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            writing: Mutex::new(()),
        })
    }

    /// Sets rejections aside. Returns once they are written; they are not synced, because the payload is the vendor's to keep.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn put(
        self: &std::sync::Arc<Self>,
        source: &SourceId,
        payload_sha256: &str,
        rejected: &[Rejection],
        now: Timestamp,
    ) -> io::Result<()> {
        if rejected.is_empty() {
            return Ok(());
        }
        let (this, source, digest) = (
            std::sync::Arc::clone(self),
            source.clone(),
            payload_sha256.to_owned(),
        );
        let rejected: Vec<Rejection> = rejected.iter().take(MOST_REJECTIONS).cloned().collect();
        tokio::task::spawn_blocking(move || this.write(&source, &digest, &rejected, now))
            .await
            .unwrap_or_else(|_| Err(io::Error::other("the quarantine writer stopped")))
    }

    fn write(
        &self,
        source: &SourceId,
        digest: &str,
        rejected: &[Rejection],
        now: Timestamp,
    ) -> io::Result<()> {
        let mut lines = Vec::new();
        for rejection in rejected {
            let line = Line {
                at: now,
                payload_sha256: digest,
                rejection,
            };
            serde_json::to_writer(&mut lines, &line)?;
            lines.push(b'\n');
        }
        let _writing = self
            .writing
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut file = self.day(source, now)?;
        let length = file.metadata()?.len();
        if length >= MOST_BYTES {
            return Ok(());
        }
        if length + lines.len() as u64 >= MOST_BYTES {
            lines.extend_from_slice(b"{\"rule\":\"this file is full; further rejections of the day are only counted\"}\n");
        }
        file.write_all(&lines)
    }

    fn day(&self, source: &SourceId, now: Timestamp) -> io::Result<File> {
        let folder = self.folder.join(source.as_str());
        fs::create_dir_all(&folder)?;
        let day = now.strftime("%Y-%m-%d").to_string();
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(folder.join(format!("{day}.jsonl")))
    }
}
