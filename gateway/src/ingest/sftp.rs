//! Fetching a source's files from its server into its drop folder, where they are taken in like any dropped file.
//!
//! A file is fetched once it has stopped changing, under a hidden name, and appears in the folder whole. What was fetched is
//! remembered by name, size and time after it has appeared, so a crash in between fetches it again, which costs duplicates
//! and loses nothing. The server's copy is moved or removed only once the file has left the folder: then its reads are durable.
//! Of a file that was set aside none are, and the server's copy stays.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use turnpike_adapters::{
    error::{Error, ErrorKind},
    transport::sftp::{RemoteFile, SftpSession},
};
use turnpike_schemas::ledger::IngestWay;

use super::{
    Intake,
    files::{files, is_partial, move_into, move_to, write_durably},
    standing::{Backoff, RECHECK, Standing},
};
use crate::{
    config::{self, AfterFetch},
    federation::Source,
};

/// Folder beside the acknowledgements where those go that the server has.
const SENT: &str = "sent";

/// The files of one source's server.
#[derive(Debug)]
pub struct SftpPull {
    source: Arc<Source>,
    intake: Arc<Intake>,
    settings: config::Sftp,
    drop: config::Drop,
    memory: Memory,
    standing: Standing,
    backoff: Backoff,
}

/// What was fetched and is still on the server.
#[derive(Debug)]
struct Memory {
    folder: PathBuf,
    name: String,
    fetched: BTreeSet<Fetched>,
}

/// One version of a file on the server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fetched {
    name: String,
    size: u64,
    modified: u32,
}

impl SftpPull {
    /// Finds out what was fetched before. Contacts nobody yet.
    ///
    /// # Errors
    /// What is remembered cannot be read.
    pub fn open(
        source: Arc<Source>,
        intake: Arc<Intake>,
        settings: config::Sftp,
        drop: config::Drop,
        memory: &Path,
    ) -> io::Result<Self> {
        let memory = Memory::open(memory, source.id.as_str())?;
        remove_parts(&drop.folder)?;
        Ok(Self {
            source,
            intake,
            settings,
            drop,
            memory,
            standing: Standing::new(IngestWay::File),
            backoff: Backoff::default(),
        })
    }

    /// Visits the server until cancelled. A file under way is given up and fetched again at the next start.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let pause = tokio::select! {
                () = stop.cancelled() => return,
                pause = self.step() => pause,
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn step(&mut self) -> Duration {
        match self.standing.permit(&self.intake, &self.source).await {
            Ok(Some(_)) => {}
            Ok(None) => return RECHECK,
            Err(error) => {
                tracing::error!(source = %self.source.id, %error, "a refusal could not be recorded");
                return RECHECK;
            }
        }
        match self.visit().await {
            Ok(()) => {
                self.backoff.reset();
                self.settings.every
            }
            Err(error) => {
                let pause = self.backoff.after(&error);
                tracing::warn!(source = %self.source.id, kind = ?error.kind(), %error, cause = ?std::error::Error::source(&error), ?pause, "a server's files were not all fetched");
                pause
            }
        }
    }

    async fn visit(&mut self) -> Result<(), Error> {
        let session = SftpSession::begin(&self.settings.server).await?;
        let listed = self.list(&session).await?;
        // A server that lets files be read only must not keep new ones from being fetched.
        let cleared = self.clear(&session, &listed).await;
        self.memory.keep_only(&listed).map_err(local)?;
        let returned = self.return_acknowledgements(&session).await;
        let mut fetched = Ok(());
        let fresh = |file: &RemoteFile| !self.memory.knows(file);
        if listed.iter().any(fresh) {
            tokio::time::sleep(self.settings.settle).await;
            let again = self.list(&session).await?;
            let settled = again.into_iter().filter(|file| listed.contains(file));
            let settled: Vec<RemoteFile> =
                settled.filter(|file| !self.memory.knows(file)).collect();
            fetched = self.fetch_all(&session, &settled).await;
        }
        fetched.and(cleared).and(returned)
    }

    /// One file that cannot be fetched keeps no other from it. The first fault is the visit's.
    async fn fetch_all(
        &mut self,
        session: &SftpSession,
        files: &[RemoteFile],
    ) -> Result<(), Error> {
        let mut outcome = Ok(());
        for file in files {
            // Many large files take longer than an agreement may last; the next visit puts it on record.
            let now = self.intake.clock.now();
            let policy = &self.intake.policy;
            if policy
                .decide_ingest(&self.source.agreement, now)
                .decision
                .is_err()
            {
                break;
            }
            outcome = outcome.and(self.fetch(session, file).await);
        }
        outcome
    }

    /// The files that may be fetched. A server does not choose where in this system a file goes.
    async fn list(&self, session: &SftpSession) -> Result<Vec<RemoteFile>, Error> {
        let listed = session.list(&self.settings.folder).await?;
        let all = listed.len();
        let plain: Vec<RemoteFile> = listed
            .into_iter()
            .filter(|file| is_plain(&file.name))
            .collect();
        if plain.len() < all {
            tracing::debug!(source = %self.source.id, count = all - plain.len(), "files that are hidden, partial or oddly named stay on the server");
        }
        Ok(plain)
    }

    async fn fetch(&mut self, session: &SftpSession, file: &RemoteFile) -> Result<(), Error> {
        let target = self.drop.folder.join(&file.name);
        // One of the same name has not been taken in yet, and must not be replaced.
        if target.exists() {
            return Ok(());
        }
        let part = self.drop.folder.join(format!(".{}.part", file.name));
        let fetched = self.fetch_part(session, file, &part).await;
        let complete = match fetched {
            Ok(length) => length == file.size,
            Err(error) if error.kind() == ErrorKind::Malformed => {
                tracing::warn!(source = %self.source.id, %error, "a file stays on the server");
                false
            }
            Err(error) => return Err(error),
        };
        if !complete {
            // It has changed while it was fetched, or is too large: the next visit decides.
            return fs::remove_file(&part).map_err(local);
        }
        move_to(&part, &target).map_err(local)?;
        self.memory.remember(file).map_err(local)?;
        tracing::info!(source = %self.source.id, bytes = file.size, "a file was fetched");
        Ok(())
    }

    async fn fetch_part(
        &self,
        session: &SftpSession,
        file: &RemoteFile,
        part: &Path,
    ) -> Result<u64, Error> {
        let mut local_file = tokio::fs::File::create(part).await.map_err(local)?;
        let path = self.remote(&file.name);
        let length = session
            .fetch(&path, &mut local_file, self.settings.max_bytes)
            .await?;
        local_file.sync_all().await.map_err(local)?;
        Ok(length)
    }

    /// Moves or removes the server's copies of what has left the folder here.
    async fn clear(&self, session: &SftpSession, listed: &[RemoteFile]) -> Result<(), Error> {
        if self.settings.after == AfterFetch::Leave {
            return Ok(());
        }
        let here = &self.drop.folder;
        let waits = |name: &str| here.join(name).exists();
        let is_aside = |name: &str| here.join("quarantine").join(name).exists();
        let taken = listed
            .iter()
            .filter(|file| self.memory.knows(file) && !waits(&file.name) && !is_aside(&file.name));
        for file in taken {
            let path = self.remote(&file.name);
            match &self.settings.after {
                AfterFetch::Leave => {}
                AfterFetch::Delete => session.remove(&path).await?,
                AfterFetch::Move(done) => {
                    let folder = beside(&self.settings.folder, done);
                    session.make_folder(&folder).await;
                    let target = format!("{folder}/{}", file.name);
                    if session.rename(&path, &target).await.is_err() {
                        // Another version of the file is there already.
                        let target = format!("{target}.{}", file.modified);
                        session.rename(&path, &target).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn return_acknowledgements(&self, session: &SftpSession) -> Result<(), Error> {
        let Some(folder) = &self.settings.acknowledgements else {
            return Ok(());
        };
        let folder = beside(&self.settings.folder, folder);
        let here = &self.drop.acknowledgements;
        for (path, _) in files(here).map_err(local)? {
            let body = fs::read(&path).map_err(local)?;
            let name = super::files::name_of(&path);
            session.make_folder(&folder).await;
            session.put(&folder, &name, &body).await?;
            let sent = here.join(SENT);
            fs::create_dir_all(&sent).map_err(local)?;
            move_into(&path, &sent).map_err(local)?;
        }
        Ok(())
    }

    fn remote(&self, name: &str) -> String {
        format!("{}/{name}", self.settings.folder)
    }
}

impl Memory {
    fn open(folder: &Path, source: &str) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let name = format!("{source}.json");
        let fetched = match fs::read(folder.join(&name)) {
            // A file that cannot be understood costs duplicates.
            Ok(text) => serde_json::from_slice(&text).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeSet::new(),
            Err(error) => return Err(error),
        };
        Ok(Self {
            folder: folder.to_owned(),
            name,
            fetched,
        })
    }

    fn knows(&self, file: &RemoteFile) -> bool {
        self.fetched.contains(&Fetched::of(file))
    }

    fn remember(&mut self, file: &RemoteFile) -> io::Result<()> {
        self.fetched.insert(Fetched::of(file));
        self.save()
    }

    /// Forgets what is no longer on the server.
    fn keep_only(&mut self, listed: &[RemoteFile]) -> io::Result<()> {
        let listed: BTreeSet<Fetched> = listed.iter().map(Fetched::of).collect();
        let before = self.fetched.len();
        self.fetched.retain(|fetched| listed.contains(fetched));
        if self.fetched.len() == before {
            return Ok(());
        }
        self.save()
    }

    fn save(&self) -> io::Result<()> {
        write_durably(
            &self.folder,
            &self.name,
            &serde_json::to_vec(&self.fetched)?,
        )
    }
}

impl Fetched {
    fn of(file: &RemoteFile) -> Self {
        Self {
            name: file.name.clone(),
            size: file.size,
            modified: file.modified,
        }
    }
}

/// Removes what was being fetched when the gateway ended.
fn remove_parts(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_part = name.starts_with('.') && name.ends_with(".part");
        if is_part && entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Whether a name is one file name and nothing else.
fn is_plain(name: &str) -> bool {
    let one = Path::new(name).file_name().is_some_and(|own| own == name);
    let clean = !name.contains(['/', '\\']) && !name.chars().any(char::is_control);
    one && clean && name.len() <= 200 && !is_partial(name)
}

/// A folder as configured: beside the files, unless it begins at the root.
fn beside(folder: &str, other: &str) -> String {
    if other.starts_with('/') {
        return other.to_owned();
    }
    format!("{folder}/{other}")
}

fn local(error: io::Error) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "sftp",
        "a file here cannot be read or written",
    )
    .caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_cannot_name_a_place_here() {
        for name in [
            "",
            ".",
            "..",
            "../x",
            "a/b",
            "/etc/passwd",
            "a\\b",
            ".hidden",
            "x.part",
            "x.tmp",
            "x.filepart",
            "a\0b",
            "a\nb",
        ] {
            assert!(!is_plain(name), "{name:?}");
        }
        assert!(!is_plain(&"x".repeat(201)));
        for name in [
            "0001_0008_20260304071530.STRAN",
            "reads 7.csv",
            "lésions.xml",
        ] {
            assert!(is_plain(name), "{name}");
        }
    }

    #[test]
    fn what_was_fetched_is_known_until_it_changes_or_goes() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, size| RemoteFile {
            name: name.to_owned(),
            size,
            modified: 7,
        };
        let mut memory = Memory::open(folder.path(), "tolls").unwrap();
        memory.remember(&file("a", 1)).unwrap();
        memory.remember(&file("b", 1)).unwrap();
        let mut memory = Memory::open(folder.path(), "tolls").unwrap();
        assert!(memory.knows(&file("a", 1)) && !memory.knows(&file("a", 2)));
        memory.keep_only(&[file("a", 1), file("b", 2)]).unwrap();
        let memory = Memory::open(folder.path(), "tolls").unwrap();
        assert!(memory.knows(&file("a", 1)) && !memory.knows(&file("b", 1)));
        let other = Memory::open(folder.path(), "other").unwrap();
        assert!(!other.knows(&file("a", 1)));
    }

    #[test]
    fn folders_stand_beside_the_files_unless_they_begin_at_the_root() {
        assert_eq!(beside("out", "done"), "out/done");
        assert_eq!(beside("out", "/done"), "/done");
    }
}
