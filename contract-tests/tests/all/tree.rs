//! The source tree as tests see it.

use std::fs;
use std::path::{Path, PathBuf};

/// One text file of the tree.
pub(crate) struct SourceFile {
    /// Path from the root, with `/`.
    pub(crate) path: String,
    /// The whole text.
    pub(crate) text: String,
}

impl SourceFile {
    /// The text up to its test module: what ships. Rust keeps `#[cfg(test)] mod tests {` at the end of a file.
    pub(crate) fn shipped(&self) -> &str {
        let parts = self.text.split_once("#[cfg(test)]\nmod tests {");
        parts.map_or(&self.text, |(shipped, _)| shipped)
    }

    /// Whether the file is a test, a bench or part of a test module.
    pub(crate) fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        self.path.contains("/tests/")
            || self.path.contains("/benches/")
            || matches!(name, "tests.rs" | "testing.rs")
    }
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap().to_owned()
}

/// The folder of an adapter below the root. Ids are written with `-`, which no module's name can hold.
pub(crate) fn adapter_folder(id: &str) -> String {
    format!("adapters/src/{}", id.replace('-', "_"))
}

/// Every file below `folder` whose name ends in one of `endings`, build output left out.
pub(crate) fn files(folder: &str, endings: &[&str]) -> Vec<SourceFile> {
    let mut found = Vec::new();
    visit(&root().join(folder), endings, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Every Rust file of the workspace and the fuzz targets.
pub(crate) fn rust() -> Vec<SourceFile> {
    let crates = [
        "schemas",
        "matcher",
        "adapters",
        "gateway",
        "contract-tests",
        "fuzz",
    ];
    let files: Vec<_> = crates
        .iter()
        .flat_map(|folder| files(folder, &[".rs"]))
        .collect();
    assert!(files.len() > 150, "the tree was not found");
    files
}

fn visit(folder: &Path, endings: &[&str], found: &mut Vec<SourceFile>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // `target` of the workspace and of fuzzing, what fuzzing found, and everything hidden.
        let ours = !matches!(&*name, "target" | "corpus" | "artifacts") && !name.starts_with('.');
        if path.is_dir() && ours {
            visit(&path, endings, found);
        } else if ours && endings.iter().any(|ending| name.ends_with(ending)) {
            let text = fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(root()).unwrap();
            let path = path.to_string_lossy().replace('\\', "/");
            found.push(SourceFile { path, text });
        }
    }
}
