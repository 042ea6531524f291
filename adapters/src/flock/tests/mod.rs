//! The adapter against a scripted transport.

mod asking;
mod decoding;
mod paging;
mod script;
mod tokens;
