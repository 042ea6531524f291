//! Transparency logs on disk and over HTTP: keys that sign, folders of tiles, checking, mirroring and witnessing.
//!
//! The formats are [`turnpike_schemas::tlog`]. Nothing here knows what an entry says: the ledger of this gateway, one of
//! another gateway and the log of one source owner are the same to it.

mod folder;
mod key;
mod witnesses;

pub use folder::{CHECKPOINT, Folder, FolderError, write_durably};
pub use key::{AwsEd25519, KeyError, SigningKey};
pub use witnesses::Witnesses;

#[cfg(test)]
mod tests;
