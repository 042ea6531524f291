//! Agreements as files and as versions: signatures, who approved what, what decided before, starting profiles.
//!
//! What an agreement says and how it decides is [`turnpike_schemas::agreement`]. Here is where it comes from and whether it may
//! take the place of the one before. Nothing is loaded half: either every agreement of the configuration is in order, or the
//! gateway does not start and goes on deciding by nothing.

mod change;
mod keys;
mod profiles;
mod recorded;
mod signature;

pub use change::{Change, Changed, NotAdmitted, admit};
pub use keys::{AgreementKey, AgreementKeys, Approval};
pub use profiles::{Filled, PROFILES, Profile};
pub use recorded::{Recorded, Replayed, recorded};
pub use signature::{SignatureError, note_beside, sign, signature_file, statement, verify};

#[cfg(test)]
mod tests;
