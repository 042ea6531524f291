//! Whole files in, items and verdicts out.
