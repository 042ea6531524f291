//! The proof is a test: see `tests/never_errors.rs`.
