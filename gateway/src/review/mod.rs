//! The review of the ledger by the running gateway: what auditors, source owners and the public get to see of it.
//!
//! The rules themselves are in `turnpike_schemas::review` and work on entries alone. Here the entries are read: once
//! from the first to the last, then what is new, so that flags, reviews and idle accounts are known; and whole again for
//! what is asked about one user, one source or one period. **An account that was idle too long may not ask**, and while it
//! is not known who was idle, nobody may. Deliberately absent: a second record of anything that an entry says.

mod desk;
mod following;
mod secret;

pub use desk::{Counted, Desk, DeskError, Setting, Summary};
pub use following::Following;
pub use secret::Secrecy;

#[cfg(test)]
mod tests;
