//! Every adapter there is. Adding one is one line here (and its `mod` line in `lib.rs`).

use serde_json::Value;

use crate::{
    adapter::{Adapter, Capabilities, Page},
    error::Result,
};
use turnpike_schemas::read::Family;

/// Decodes one saved response body.
pub type SavedAnswer = fn(&[u8]) -> Result<Page>;

/// How an adapter is named, described and built.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Identifier used in configuration.
    pub id: &'static str,
    /// Vendor and product, for people.
    pub title: &'static str,
    /// Kind of organisation.
    pub family: Family,
    /// What it can do.
    pub capabilities: Capabilities,
    /// How it delivers, in a few words, for the table of sources.
    pub transport: &'static str,
    /// Names of the secrets its configuration must reference.
    pub secrets: &'static [&'static str],
    /// Addresses of the source named by the settings; the transport is pinned to their hosts.
    pub hosts: fn(&Value) -> Result<Vec<url::Url>>,
    /// Builds the adapter from its `settings` table.
    pub build: fn(&Value) -> Result<Box<dyn Adapter>>,
    /// Decodes a saved answer of a source that is asked live: one response body, as it came. Pure.
    /// `None` where answers come as messages or files, which the adapter itself decodes.
    pub saved_answer: Option<SavedAnswer>,
}

/// The adapters.
pub const ADAPTERS: &[Entry] = &[crate::flock::ENTRY, crate::niop::ENTRY, crate::rekor::ENTRY];

/// Finds an adapter.
#[must_use]
pub fn find(id: &str) -> Option<&'static Entry> {
    ADAPTERS.iter().find(|entry| entry.id == id)
}
