//! Everything of turnpike that speaks to the outside: one trait, one folder per vendor protocol.

pub mod adapter;
pub mod context;
pub mod error;
pub mod flock;
pub mod frigate;
pub mod layers;
pub mod niop;
pub mod registry;
pub mod rekor;
pub mod transport;

/// The examples of the guide compile and run.
#[cfg(doctest)]
#[doc = include_str!("../../docs/adding-an-adapter.md")]
mod adding_an_adapter {}
