//! One file for each key, readable to the service alone.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};
use turnpike_schemas::{hex::hex, ledger::KeyId};

use super::{KeyError, cipher::Secret};

const HEAD: &str = "turnpike ledger key 1";
const KEY: &str = "key";
/// A key that was not in use yet when the process ended.
const UNFINISHED: &str = "new";

/// Where the keys are.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Makes the folder if it is not there, durably.
    pub(super) fn make(path: &Path) -> Result<Self, KeyError> {
        if !path.exists() {
            let mut builder = DirBuilder::new();
            builder.recursive(true).mode(0o700);
            builder.create(path).map_err(cannot("make the folder of"))?;
            let parent = path
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty());
            parent
                .map_or(Ok(()), sync)
                .map_err(cannot("make the folder of"))?;
        }
        Ok(Self(path.to_owned()))
    }

    /// Every key in the folder.
    pub(super) fn load(&self) -> Result<Vec<(KeyId, Secret)>, KeyError> {
        let mut keys = Vec::new();
        for file in fs::read_dir(&self.0).map_err(cannot("list"))? {
            let path = file.map_err(cannot("list"))?.path();
            if path.extension().is_some_and(|extension| extension == KEY) {
                keys.extend(read(&path)?);
            }
        }
        Ok(keys)
    }

    /// Puts a new key on disk: when this returns, its file and its name in the folder are durable.
    pub(super) fn keep(&self, id: &KeyId, secret: &Secret) -> Result<(), KeyError> {
        let unfinished = self.0.join(format!("{id}.{UNFINISHED}"));
        let put = || {
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&unfinished)?;
            file.write_all(text(id, secret).as_bytes())?;
            file.sync_all()?;
            fs::rename(&unfinished, self.file(id))?;
            sync(&self.0)
        };
        put().map_err(cannot("keep one of"))
    }

    /// Overwrites and removes the files of these keys, and syncs the folder.
    pub(super) fn destroy(&self, ids: &[KeyId]) -> Result<(), KeyError> {
        for id in ids {
            match overwrite(&self.file(id)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                overwritten => {
                    overwritten.map_err(cannot("overwrite one of"))?;
                    fs::remove_file(self.file(id)).map_err(cannot("remove one of"))?;
                }
            }
        }
        sync(&self.0).map_err(cannot("remove"))
    }

    fn file(&self, id: &KeyId) -> PathBuf {
        self.0.join(format!("{id}.{KEY}"))
    }
}

/// The key in this file; `None` when it is what a destruction left that was cut short.
fn read(path: &Path) -> Result<Option<(KeyId, Secret)>, KeyError> {
    let bytes = fs::read(path).map_err(cannot("read one of"))?;
    if bytes.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let name = path
        .file_stem()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let id = KeyId::try_from(name.to_owned());
    let damaged = || KeyError::Damaged(name.chars().take(32).collect());
    let id = id.map_err(|_| damaged())?;
    let secret = str::from_utf8(&bytes).ok().and_then(|written| {
        let secret = Secret(unhex(written.lines().nth(2)?)?);
        (text(&id, &secret) == written).then_some(secret)
    });
    Ok(Some((id, secret.ok_or_else(damaged)?)))
}

/// What a file holds: what it is, which key, the key, and a digest of these.
fn text(id: &KeyId, secret: &Secret) -> String {
    let lines = format!("{HEAD}\n{id}\n{}\n", hex(&secret.0));
    let digest = hex(&Sha256::digest(lines.as_bytes()));
    format!("{lines}{digest}\n")
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (slot, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *slot = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

fn overwrite(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    let length = usize::try_from(file.metadata()?.len()).unwrap_or_default();
    file.write_all(&vec![0; length])?;
    file.sync_all()
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn cannot(operation: &'static str) -> impl FnOnce(io::Error) -> KeyError {
    move |error| KeyError::Folder { operation, error }
}
