//! Pseudonyms: HMAC-SHA-256 under a key for each owner, so that two owners cannot compare notes about people.

use std::{
    collections::BTreeMap,
    fmt,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use turnpike_schemas::{ledger::Pseudonyms, read::is_identifier};

/// Bytes of a pseudonym before they are written as text.
const LENGTH: usize = 16;

/// The keys that name people towards owners.
pub(super) struct Names {
    folder: PathBuf,
    keys: BTreeMap<String, hmac::Key>,
}

impl Names {
    /// Keys in `folder`, made as they are needed. Blocks.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            keys: BTreeMap::new(),
        })
    }

    /// Makes sure that `source` has a key, durable before it is used. Blocks.
    pub(super) fn prepare(&mut self, source: &str) -> io::Result<()> {
        if self.keys.contains_key(source) {
            return Ok(());
        }
        if !is_identifier(source) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let path = self.folder.join(format!("{source}.owner"));
        let key = match fs::read(&path) {
            Ok(key) if key.len() == 32 => key,
            Ok(_) => return Err(io::ErrorKind::InvalidData.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.make(&path)?,
            Err(error) => return Err(error),
        };
        self.keys
            .insert(source.to_owned(), hmac::Key::new(HMAC_SHA256, &key));
        Ok(())
    }

    fn make(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut key = vec![0; 32];
        getrandom::fill(&mut key).map_err(|_| io::ErrorKind::Other)?;
        let unfinished = path.with_extension("new");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&unfinished)?;
        file.write_all(&key)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        File::open(&self.folder)?.sync_all()?;
        Ok(key)
    }
}

impl Pseudonyms for Names {
    fn pseudonym(&self, source: &str, domain: &str, text: &str) -> String {
        let Some(key) = self.keys.get(source) else {
            return String::new();
        };
        let mut context = hmac::Context::with_key(key);
        context.update(domain.as_bytes());
        context.update(&[0]);
        context.update(text.as_bytes());
        let tag = context.sign();
        URL_SAFE_NO_PAD.encode(tag.as_ref().get(..LENGTH).unwrap_or_default())
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Names({} owners)", self.keys.len())
    }
}
