//! Everything of turnpike that speaks to the outside: one trait, one folder per vendor protocol.

pub mod adapter;
pub mod context;
pub mod error;
pub mod flock;
pub mod layers;
pub mod niop;
pub mod registry;
pub mod rekor;
pub mod transport;
