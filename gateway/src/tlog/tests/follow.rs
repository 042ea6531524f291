use std::collections::BTreeSet;
use std::path::PathBuf;

use super::*;

struct Site {
    dir: tempfile::TempDir,
    log: Log,
}

impl Site {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::new(dir.path());
        Self { dir, log }
    }

    fn copy(&self) -> PathBuf {
        self.dir.path().join("copy")
    }

    /// Publishes `entries` afresh and follows them.
    fn follow(&self, entries: &[String]) -> Result<Followed, FollowError> {
        let there = self.dir.path().join("there");
        if there.exists() {
            std::fs::remove_dir_all(&there).unwrap();
        }
        self.log.publish(entries, &there);
        self.follow_from(&there)
    }

    fn follow_from(&self, there: &Path) -> Result<Followed, FollowError> {
        let (origin, copy) = (Folder::new(there), Folder::new(self.copy()));
        follow(&origin, &copy, self.log.signer.verifier(), &mut |_, _| ())
    }
}

fn files(dir: &Path) -> BTreeSet<PathBuf> {
    std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                BTreeSet::from([path])
            }
        })
        .collect()
}

#[test]
fn a_copy_follows_step_by_step_and_has_exactly_the_files_of_an_export() {
    let site = Site::new();
    let mut before = 0;
    for size in [0, 1, 5, 255, 256, 257, 300, 512, 700, 700, 1_025] {
        let followed = site.follow(&numbered(size)).unwrap();
        assert_eq!((followed.from, followed.to), (before, size as u64));
        before = followed.to;
        let checked = site.log.check(&site.copy()).unwrap();
        assert_eq!(checked.checkpoint.size(), before);
        let names = |dir: &Path| -> BTreeSet<PathBuf> {
            let own = |path: PathBuf| path.strip_prefix(dir).unwrap().to_owned();
            files(dir).into_iter().map(own).collect()
        };
        assert_eq!(names(&site.copy()), names(&site.dir.path().join("there")));
    }
}

#[test]
fn a_copy_takes_no_fork_and_no_rollback_and_stays_sound() {
    let site = Site::new();
    site.follow(&numbered(600)).unwrap();
    for (index, size) in [(0, 601), (300, 700), (599, 1_100), (10, 600)] {
        let mut forged = numbered(size);
        forged[index] = "something else".into();
        let refused = site.follow(&forged).unwrap_err();
        assert!(
            matches!(refused, FollowError::Forked { size: 600 }),
            "{refused:?}"
        );
        assert_eq!(site.log.check(&site.copy()).unwrap().checkpoint.size(), 600);
    }
    let refused = site.follow(&numbered(599)).unwrap_err();
    assert!(matches!(
        refused,
        FollowError::RolledBack {
            kept: 600,
            found: 599
        }
    ));
    site.follow(&numbered(900)).unwrap();
    assert_eq!(site.log.check(&site.copy()).unwrap().checkpoint.size(), 900);
}

#[test]
fn a_copy_takes_no_entries_that_the_checkpoint_does_not_cover() {
    let site = Site::new();
    site.follow(&numbered(300)).unwrap();
    let there = site.dir.path().join("served");
    site.log.publish(&numbered(600), &there);
    let bundle = there.join("tile/entries/001");
    let honest = std::fs::read(&bundle).unwrap();
    let mut altered = honest.clone();
    *altered.last_mut().unwrap() ^= 1;
    std::fs::write(&bundle, &altered).unwrap();
    assert!(matches!(
        site.follow_from(&there),
        Err(FollowError::Forked { .. })
    ));
    std::fs::write(&bundle, &honest[..honest.len() / 2]).unwrap();
    assert!(matches!(
        site.follow_from(&there),
        Err(FollowError::Served { .. })
    ));
    std::fs::remove_file(&bundle).unwrap();
    assert!(matches!(
        site.follow_from(&there),
        Err(FollowError::Served { .. })
    ));
    assert_eq!(site.log.check(&site.copy()).unwrap().checkpoint.size(), 300);
    std::fs::write(&bundle, &honest).unwrap();
    site.follow_from(&there).unwrap();
    assert_eq!(site.log.check(&site.copy()).unwrap().checkpoint.size(), 600);
}

#[test]
fn a_copy_that_was_changed_itself_does_not_follow() {
    let site = Site::new();
    site.follow(&numbered(300)).unwrap();
    std::fs::write(site.copy().join("tile/0/001.p/44"), vec![7; 44 * 32]).unwrap();
    assert!(matches!(
        site.follow(&numbered(400)),
        Err(FollowError::Copy(_))
    ));
}

#[test]
fn a_copy_follows_only_the_log_with_its_key() {
    let site = Site::new();
    site.follow(&numbered(10)).unwrap();
    let stranger = tempfile::tempdir().unwrap();
    let there = stranger.path().join("there");
    Log::new(stranger.path()).publish(&numbered(20), &there);
    assert!(matches!(
        site.follow_from(&there),
        Err(FollowError::Checkpoint(_))
    ));
}
