//! The vehicles that staff have declared: a list of HMACs, and its key.

use std::{
    collections::BTreeSet,
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use aws_lc_rs::hmac;
use turnpike_schemas::hex::hex;

/// File of the key, in the data folder.
const KEY: &str = "review.key";

/// File of the declared vehicles, in the data folder: an HMAC of the plate and one of the plate with who declared it a line,
/// and neither a plate nor a name. A line of earlier versions has the first only.
const DECLARED: &str = "declared-vehicles";

/// Keeps the list of declared vehicles. Clones are the same.
#[derive(Clone)]
pub struct Secrecy {
    key: Arc<hmac::Key>,
    file: Arc<Path>,
    declared: Arc<RwLock<BTreeSet<Declared>>>,
}

/// That somebody declared a plate.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Declared {
    plate: String,
    /// Not known of those declared with an earlier version: anybody may take these off.
    by: Option<String>,
}

impl Secrecy {
    /// The key in `data_dir`, made if it is not there, and the vehicles declared so far.
    ///
    /// # Errors
    /// A file cannot be read or written, or the key is not one.
    pub fn open(data_dir: &Path) -> io::Result<Self> {
        let bytes = key(&data_dir.join(KEY))?;
        let file = data_dir.join(DECLARED);
        let list = match fs::read_to_string(&file) {
            Ok(list) => list,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let declared = list.lines().map(|line| match line.split_once(' ') {
            Some((plate, by)) => Declared::new(plate, Some(by)),
            None => Declared::new(line, None),
        });
        let declared = declared.collect();
        Ok(Self {
            key: Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &bytes)),
            file: file.into(),
            declared: Arc::new(RwLock::new(declared)),
        })
    }

    /// Whether a member of staff has declared the plate.
    #[must_use]
    pub fn is_declared(&self, plate: &str) -> bool {
        let tag = self.tag(&["declared", plate]);
        let declared = self.declared.read();
        let declared = declared.unwrap_or_else(PoisonError::into_inner);
        let mut of_plate = declared.range(Declared::new(&tag, None)..);
        of_plate.next().is_some_and(|first| first.plate == tag)
    }

    /// Puts a plate on the list for `subject`, or takes off what `subject` put there: what others declared stays. On disk when
    /// it returns. Blocks.
    ///
    /// # Errors
    /// The list cannot be written; then it is as it was.
    pub fn declare(&self, plate: &str, subject: &str, withdrawn: bool) -> io::Result<()> {
        let tag = self.tag(&["declared", plate]);
        let by = self.tag(&["declared by", plate, subject]);
        let own = Declared::new(&tag, Some(&by));
        let mut declared = self
            .declared
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let mut next = declared.clone();
        if withdrawn {
            next.remove(&own);
            next.remove(&Declared::new(&tag, None));
        } else {
            next.insert(own);
        }
        let list: String = next.iter().map(Declared::line).collect();
        replace(&self.file, list.as_bytes())?;
        *declared = next;
        Ok(())
    }

    fn tag(&self, parts: &[&str]) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            context.update(part.as_bytes());
            context.update(&[0]);
        }
        hex(context.sign().as_ref())
    }
}

impl Declared {
    fn new(plate: &str, by: Option<&str>) -> Self {
        Self {
            plate: plate.to_owned(),
            by: by.map(str::to_owned),
        }
    }

    fn line(&self) -> String {
        let by = self.by.iter().map(|by| format!(" {by}"));
        format!("{}{}\n", self.plate, by.collect::<String>())
    }
}

impl fmt::Debug for Secrecy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrecy")
    }
}

/// The 32 random bytes in `path`; a folder without them gets new ones.
fn key(path: &Path) -> io::Result<Vec<u8>> {
    match fs::read(path) {
        Ok(bytes) if bytes.len() == 32 => Ok(bytes),
        Ok(_) => Err(io::Error::other(format!(
            "{} is not a key of 32 bytes; put the right one back, or remove it: then vehicles must be declared anew",
            path.display()
        ))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes).map_err(io::Error::other)?;
            replace(path, &bytes)?;
            Ok(bytes.to_vec())
        }
        Err(error) => Err(error),
    }
}

/// Writes a file that only its owner can read, whole or not at all.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside: PathBuf = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_vehicles_outlive_the_process_and_no_file_holds_their_plate() {
        let folder = tempfile::tempdir().unwrap();
        let secrecy = Secrecy::open(folder.path()).unwrap();
        assert!(!secrecy.is_declared("TPK0421"));
        secrecy.declare("TPK0421", "first.clerk", false).unwrap();
        secrecy.declare("TPK0422", "first.clerk", false).unwrap();
        let again = Secrecy::open(folder.path()).unwrap();
        assert!(again.is_declared("TPK0421") && again.is_declared("TPK0422"));
        again.declare("TPK0422", "first.clerk", true).unwrap();
        assert!(!again.is_declared("TPK0422"));
        let list = fs::read_to_string(folder.path().join(DECLARED)).unwrap();
        assert_eq!(list.lines().count(), 1);
        assert!(!list.contains("TPK") && !list.contains("clerk"));
    }

    #[test]
    fn nobody_takes_off_what_somebody_else_declared() {
        let folder = tempfile::tempdir().unwrap();
        let secrecy = Secrecy::open(folder.path()).unwrap();
        secrecy.declare("TPK0421", "first.clerk", false).unwrap();
        secrecy.declare("TPK0421", "second.clerk", false).unwrap();
        secrecy.declare("TPK0421", "prying.clerk", true).unwrap();
        assert!(secrecy.is_declared("TPK0421"));
        secrecy.declare("TPK0421", "first.clerk", true).unwrap();
        assert!(
            secrecy.is_declared("TPK0421"),
            "another declared it as well"
        );
        let again = Secrecy::open(folder.path()).unwrap();
        again.declare("TPK0421", "second.clerk", true).unwrap();
        assert!(!again.is_declared("TPK0421"));
    }

    #[test]
    fn a_list_of_an_earlier_version_still_holds() {
        let folder = tempfile::tempdir().unwrap();
        let secrecy = Secrecy::open(folder.path()).unwrap();
        let tag = secrecy.tag(&["declared", "TPK0421"]);
        fs::write(folder.path().join(DECLARED), format!("{tag}\n")).unwrap();
        let again = Secrecy::open(folder.path()).unwrap();
        assert!(again.is_declared("TPK0421") && !again.is_declared("TPK0422"));
        again.declare("TPK0421", "first.clerk", true).unwrap();
        assert!(!again.is_declared("TPK0421"));
    }

    #[test]
    fn a_key_that_is_none_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(KEY), "short").unwrap();
        let error = Secrecy::open(folder.path()).unwrap_err();
        assert!(error.to_string().contains("32 bytes"), "{error}");
        assert_eq!(fs::read(folder.path().join(KEY)).unwrap(), b"short");
    }
}
