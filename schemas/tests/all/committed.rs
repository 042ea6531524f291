//! Files that are generated, committed for people to read, and compared by a test.

use std::{fs, path::PathBuf};

/// A path inside this crate.
pub(crate) fn path(relative: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// Compares `text` with the committed file, or writes it when `TURNPIKE_UPDATE` is set.
pub(crate) fn assert_committed(relative: &str, text: &str) {
    let path = path(relative);
    if updating() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        return;
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    if committed != text {
        let line = 1 + committed
            .lines()
            .zip(text.lines())
            .take_while(|(committed, generated)| committed == generated)
            .count();
        panic!(
            "schemas/{relative} differs from what the code says, first at line {line}\n\
             committed: {}\n\
             generated: {}\n\
             if the change is meant, write the file anew and review it:\n\
             TURNPIKE_UPDATE=1 cargo test -p turnpike-schemas --test all",
            committed.lines().nth(line - 1).unwrap_or("(end)"),
            text.lines().nth(line - 1).unwrap_or("(end)"),
        );
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test asks whether to rewrite committed files; nothing of the product reads the environment"
)]
fn updating() -> bool {
    std::env::var("TURNPIKE_UPDATE").is_ok()
}
