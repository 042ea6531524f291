//! The federated gateway: intake, questions, ledger, read store, HTTP and the `turnpike` command.

pub mod config;
pub mod store;
