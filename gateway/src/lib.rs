//! The federated gateway: intake, questions, ledger, read store, HTTP and the `turnpike` command.

pub mod accounts;
pub mod agreements;
pub mod alerts;
pub mod api;
pub mod app;
pub mod cases;
pub mod cli;
pub mod config;
pub mod control;
pub(crate) mod deliveries;
pub mod federation;
pub mod identity;
pub mod ingest;
pub mod ledger;
pub mod limits;
pub mod notify;
pub(crate) mod owners;
pub mod policy;
pub mod refusals;
pub mod review;
pub(crate) mod sealing;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod tlog;
pub mod webhook;
