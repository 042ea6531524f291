//! What is done with a ledger once it is written: looking for misuse, drawing samples, counting for owners and the public.
//!
//! Everything here is pure and works on a stream of entries, however they are stored: the same entries give the same
//! result to whoever holds them. **Every number is counted from entries, never from another counter.** Deliberately
//! absent: files, clocks, keys, and any way to follow a plate or a person through reads: only questions are looked at.

mod covered;
pub mod filter;
pub mod misuse;
pub mod question;
pub mod sample;
pub mod statement;
mod tally;
pub mod trail;
pub mod transparency;
pub mod unused;
pub mod weeks;

pub use covered::Covered;

use sha2::{Digest as _, Sha256};

use tally::Tally;

/// Stands for a text where only equality matters: 8 bytes of its SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Key(u64);

impl Key {
    /// The key of several texts in this order.
    fn of(parts: &[&str]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part.as_bytes());
            hasher.update([0]);
        }
        let digest: [u8; 32] = hasher.finalize().into();
        let first = digest.first_chunk::<8>().copied().unwrap_or_default();
        Self(u64::from_be_bytes(first))
    }

    fn with(self, other: Self) -> (Self, Self) {
        (self, other)
    }
}

#[cfg(test)]
mod tests;
