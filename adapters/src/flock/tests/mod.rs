//! The adapter against a scripted transport, and against pushed alerts.

mod alerts;
mod asking;
mod decoding;
mod paging;
mod script;
mod tokens;
