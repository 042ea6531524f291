//! One simulated vendor per adapter, set up for the kit.

mod flock;
mod niop;
mod rekor;

use futures::future::BoxFuture;
use jiff::Timestamp;

use super::SimHandle;
use crate::town::{Town, TownSize};

/// A vendor that is being started.
pub type Starting = BoxFuture<'static, Result<Box<dyn SimHandle>, String>>;

/// How the vendor of one adapter is started.
#[derive(Clone, Copy)]
pub struct BenchEntry {
    /// Id of the adapter.
    pub adapter: &'static str,
    /// Starts its vendor.
    pub start: fn() -> Starting,
}

/// Every adapter's vendor.
pub const BENCHES: &[BenchEntry] = &[flock::ENTRY, niop::ENTRY, rekor::ENTRY];

/// Finds an adapter's vendor.
#[must_use]
pub fn find(adapter: &str) -> Option<&'static BenchEntry> {
    BENCHES.iter().find(|entry| entry.adapter == adapter)
}

impl std::fmt::Debug for BenchEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BenchEntry({})", self.adapter)
    }
}

/// The same small town for every bench: three days that begin on 1 March 2026.
fn town() -> Town {
    let start = Timestamp::from_second(1_772_323_200).unwrap_or_default();
    let size = TownSize {
        vehicles: 12,
        days: 3,
        start,
    };
    Town::new(7, size)
}
