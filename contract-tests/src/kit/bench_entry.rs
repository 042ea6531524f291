//! How the simulated vendor of one adapter is started for the kit.

use futures::future::BoxFuture;

use super::SimHandle;
use crate::sim::SIMS;

/// A vendor that is being started.
pub type Starting = BoxFuture<'static, Result<Box<dyn SimHandle>, String>>;

/// One way in which the vendor of an adapter is set up.
#[derive(Clone, Copy)]
pub struct BenchEntry {
    /// What sets this way apart from the adapter's others; empty for the plain one.
    pub variant: &'static str,
    /// Whether the adapter contacts the vendor in this way, so that faults of the road matter.
    pub contacted: bool,
    /// Starts the vendor.
    pub start: fn() -> Starting,
}

/// The ways in which an adapter's vendor is set up.
#[must_use]
pub fn benches(adapter: &str) -> &'static [BenchEntry] {
    let sim = SIMS.iter().find(|sim| sim.adapter == adapter);
    sim.map_or(&[], |sim| sim.benches)
}

impl BenchEntry {
    /// The plain way to start a vendor that is contacted, or not.
    #[must_use]
    pub const fn plain(contacted: bool, start: fn() -> Starting) -> Self {
        Self {
            variant: "",
            contacted,
            start,
        }
    }
}

impl std::fmt::Debug for BenchEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BenchEntry({})", self.variant)
    }
}
