//! Simulated vendors for sources that are described by a mapping only: invented ones, each as plain as such a vendor is.
//!
//! One answers questions over REST, in JSON with OAuth2 and a cursor or in XML with page numbers; one pushes JSON; one drops CSV
//! files. The shapes are those the mappings beside the adapter describe, written here a second time.

mod api;
pub(super) mod bench;
mod bodies;
mod rows;
mod vendor;

pub use self::vendor::{CLIENT_ID, CLIENT_SECRET, Vendor};
