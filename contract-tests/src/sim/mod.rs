//! The simulated vendors: real HTTP servers and real files on loopback, made from the vendors'
//! manuals.
//!
//! A simulator shares no type with its adapter. Each one remembers what it was sent, so that a
//! test can assert on it, and misbehaves when a switch says so. Dropping one stops it.

pub mod apds;
pub mod axis;
pub mod ctoc;
pub mod declarative;
mod dropped;
pub mod flock;
mod form;
pub mod frigate;
pub mod hikvision;
pub mod iag;
pub mod niem;
pub mod niop;
pub mod plate_recognizer;
pub mod post;
pub mod receiver;
pub mod rekor;
pub mod server;
pub mod servers;
pub mod sharpv;
pub mod verkada;

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::kit::BenchEntry;
use crate::town::{Town, TownSize};

/// The text every planted personal field carries; it must never come out of the gateway.
pub const CANARY: &str = "CANARY-PERSONAL-7F3A";

/// A planted transponder number: the canary of a field that may hold digits only.
pub const TAG_CANARY: &str = "7304182956";

/// A picture every image server of a simulated vendor has: a JPEG in its first and last bytes.
pub use rekor::JPEG;

/// One simulated vendor.
#[derive(Clone, Copy, Debug)]
pub struct SimEntry {
    /// Id of the adapter it stands in for.
    pub adapter: &'static str,
    /// What it speaks.
    pub about: &'static str,
    /// How the kit sets it up.
    pub benches: &'static [BenchEntry],
}

/// Every simulator: one line per adapter.
pub const SIMS: &[SimEntry] = &[
    SimEntry {
        adapter: "apds",
        about: "HTTP: an NGSI broker of APDSObservation entities, asked by plate or pushing notifications",
        benches: &[apds::bench::NOTIFICATIONS, apds::bench::ENTITIES],
    },
    SimEntry {
        adapter: "axis",
        about: "webhooks: a gate camera's events, as JSON or multipart",
        benches: &[axis::bench::BENCH],
    },
    SimEntry {
        adapter: "ctoc",
        about: "files: PBP and COR in a drop folder, ACK files back",
        benches: &[ctoc::bench::BENCH],
    },
    SimEntry {
        adapter: "declarative",
        about: "plain vendors: REST in JSON (OAuth2, cursor) and in XML (pages), pushed JSON, dropped CSV",
        benches: declarative::bench::BENCHES,
    },
    SimEntry {
        adapter: "flock",
        about: "HTTP: OAuth2 client credentials, plate lookup v3 with pages; webhooks: alerts",
        benches: &[flock::bench::BENCH, flock::alerts_bench::BENCH],
    },
    SimEntry {
        adapter: "hikvision",
        about: "webhooks: a camera that posts XML, alone or in forms with pictures; alertStream",
        benches: hikvision::bench::BENCHES,
    },
    SimEntry {
        adapter: "iag",
        about: "files: ICTX and ITXC archives in a drop folder, ACK files back",
        benches: &[iag::bench::BENCH],
    },
    SimEntry {
        adapter: "niem",
        about: "messages and files: XML of a partner in NIEM elements",
        benches: &[niem::bench::BENCH, niem::bench::OLDER],
    },
    SimEntry {
        adapter: "frigate",
        about: "MQTT messages for a real broker, and the recorder's HTTP API",
        benches: &[frigate::bench::BENCH],
    },
    SimEntry {
        adapter: "niop",
        about: "files: STRAN and SCORR archives in a drop folder, ACK files back",
        benches: &[niop::bench::BENCH],
    },
    SimEntry {
        adapter: "plate-recognizer",
        about: "webhooks: an engine that posts JSON in two layouts, alone or in forms with pictures",
        benches: plate_recognizer::bench::BENCHES,
    },
    SimEntry {
        adapter: "rekor",
        about: "webhooks: an agent that resends until a 2xx, and its image server",
        benches: &[rekor::bench::BENCH],
    },
    SimEntry {
        adapter: "sharpv",
        about: "webhooks: gate cameras that post each read once, as JSON or XML",
        benches: &[sharpv::bench::JSON, sharpv::bench::XML],
    },
    SimEntry {
        adapter: "verkada",
        about: "webhooks: a camera cloud that tries once more",
        benches: &[verkada::bench::BENCH],
    },
];

/// The same small town for every bench: three days that begin on 1 March 2026.
#[must_use]
pub fn small_town() -> Town {
    let start = Timestamp::from_second(1_772_323_200).unwrap_or_default();
    let size = TownSize {
        vehicles: 12,
        days: 3,
        start,
    };
    Town::new(7, size)
}

/// Locks even after a panic elsewhere: a simulator's log is still worth reading then.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes one from a countdown; false when it was at zero already.
fn take_one(left: &mut u32) -> bool {
    let any = *left > 0;
    *left = left.saturating_sub(1);
    any
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_simulator_is_listed_once_and_says_what_it_speaks() {
        let adapters: HashSet<_> = SIMS.iter().map(|entry| entry.adapter).collect();
        assert_eq!(adapters.len(), SIMS.len());
        assert!(SIMS.iter().all(|entry| !entry.about.is_empty()));
        assert!(SIMS.iter().all(|entry| !entry.benches.is_empty()));
    }

    #[test]
    fn the_simulators_name_no_type_of_the_product() {
        fn sources(folder: &std::path::Path, into: &mut Vec<std::path::PathBuf>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    sources(&path, into);
                } else {
                    into.push(path);
                }
            }
        }
        let mut files = Vec::new();
        for module in ["sim", "town", "fault"] {
            let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
            sources(&root.join("src").join(module), &mut files);
        }
        assert!(files.len() > 20);
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            for product in ["adapters", "gateway", "schemas"] {
                assert!(
                    !text.contains(&format!("turnpike_{product}")),
                    "{}",
                    file.display()
                );
            }
        }
    }
}
