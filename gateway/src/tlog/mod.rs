//! Transparency logs on disk and over HTTP: keys that sign, folders of tiles, checking, mirroring and witnessing.
//!
//! The formats are [`turnpike_schemas::tlog`]. Nothing here knows what an entry says: the ledger of this gateway, one of
//! another gateway and the log of one source owner are the same to it.

mod check;
mod copy;
mod folder;
mod key;
mod witness;
mod witnesses;

pub use check::{Check, Checked, Expected, Fault, check_folder, open_checkpoint};
pub use copy::{Export, FollowError, Followed, Origin, follow};
pub use folder::{CHECKPOINT, Folder, FolderError, write_durably};
pub use key::{AwsEd25519, KeyError, SigningKey};
pub use witness::{Verdict, Witness};
pub use witnesses::{Asking, WITNESSED, Witnesses};

#[cfg(test)]
mod tests;
