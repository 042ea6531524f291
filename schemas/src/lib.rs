//! Vocabulary and pure rules of turnpike.
//!
//! No I/O, no async, no clock: a caller brings bytes and the time. An auditor can check decisions and
//! ledger entries with this crate alone.

pub mod agreement;
pub mod alert;
pub mod api;
pub mod conformance;
pub mod hex;
pub mod hit;
pub mod json_schema;
pub mod ledger;
pub mod plate;
pub mod query;
pub mod read;
pub mod review;
pub mod standard;
pub mod tlog;
