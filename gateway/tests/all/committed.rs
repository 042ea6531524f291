//! Where `schemas` keeps its reference agreement.

use std::path::PathBuf;

/// A path inside `schemas`.
pub(crate) fn path(relative: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../schemas")
        .join(relative)
}
