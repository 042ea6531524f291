//! What the files of toll agencies have in common, whatever their form: archives opened without trust, lines, local
//! times with an offset, and the table that says where a plaza is.
//!
//! Deliberately absent: anything that only one of the formats has.

pub(crate) mod archive;
pub(crate) mod lines;
pub(crate) mod sites;
pub(crate) mod states;
pub(crate) mod time;

/// The rule a file breaks that is larger than its settings allow.
pub(crate) const TOO_LARGE: &str = "larger than allowed";
