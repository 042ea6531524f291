//! Every adapter there is. Adding one is one line here (and its `mod` line in `lib.rs`).

use std::fmt;

use serde_json::Value;

use crate::{
    adapter::{Adapter, Capabilities, Page},
    error::Result,
};
use turnpike_schemas::read::Family;

/// Decodes one saved response body, under the settings of its source.
pub type SavedAnswer = fn(&Value, &[u8]) -> Result<Page>;

/// Which secrets a source must be given: the same ones always (a list of names), or as its settings say.
pub trait SecretNames: fmt::Debug + Sync {
    /// The names, under these settings.
    ///
    /// # Errors
    /// `Config` when the settings are wrong.
    fn under(&self, settings: &Value) -> Result<Vec<String>>;
}

impl<const N: usize> SecretNames for [&'static str; N] {
    fn under(&self, _: &Value) -> Result<Vec<String>> {
        Ok(self.iter().map(|name| (*name).to_owned()).collect())
    }
}

/// What the facts come from that an adapter is built on, surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// A published specification or schema.
    Specification,
    /// The vendor's own public documentation.
    VendorDocumentation,
    /// Public code that speaks to the vendor's product.
    ClientCode,
    /// The documents of whoever writes the mapping.
    OwnDocuments,
}

impl Evidence {
    /// For people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Specification => "specification",
            Self::VendorDocumentation => "vendor documentation",
            Self::ClientCode => "client code",
            Self::OwnDocuments => "the source's own documents",
        }
    }
}

/// A payload in a vendor's format.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// File name, as the vendor would name it where it drops files.
    pub name: &'static str,
    /// Content type it is pushed with.
    pub content_type: &'static str,
    /// Topic it is published under, where a broker is between.
    pub topic: Option<&'static str>,
    /// Settings it is read with, as TOML, where they are not those of the entry's example.
    pub example: Option<&'static str>,
    /// The bytes.
    pub bytes: &'static [u8],
}

/// How an adapter is named, described and built.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Identifier used in configuration.
    pub id: &'static str,
    /// Vendor and product, for people.
    pub title: &'static str,
    /// Kind of organisation its sources are, unless their settings say otherwise: [`crate::adapter::Info`] has the word of one source.
    pub family: Family,
    /// What it can do.
    pub capabilities: Capabilities,
    /// How it delivers, in a few words, for the table of sources.
    pub transport: &'static str,
    /// What the adapter is built on.
    pub evidence: Evidence,
    /// What the format has no words for, in a few words, for the table of sources.
    pub cannot_give: &'static str,
    /// The `settings` table of an invented source, as TOML with comments. It builds.
    pub example: &'static str,
    /// Payloads in the vendor's format, invented or published by the vendor; each decodes under `example`.
    pub samples: &'static [Sample],
    /// Names of the secrets its configuration must reference.
    pub secrets: &'static dyn SecretNames,
    /// Names of the secrets its configuration may reference as well. What is listened to is asked with `username` and
    /// `password`, where the adapter lists them.
    pub optional_secrets: &'static [&'static str],
    /// Addresses of the source named by the settings; the transport is pinned to their hosts.
    pub hosts: fn(&Value) -> Result<Vec<url::Url>>,
    /// Builds the adapter from its `settings` table.
    pub build: fn(&Value) -> Result<Box<dyn Adapter>>,
    /// Decodes a saved answer of a source that is asked live: one response body, as it came. Pure.
    /// `None` where answers come as messages or files, which the adapter itself decodes.
    pub saved_answer: Option<SavedAnswer>,
}

/// The adapters.
pub const ADAPTERS: &[Entry] = &[
    crate::apds::ENTRY,
    crate::axis::ENTRY,
    crate::ctoc::ENTRY,
    crate::declarative::ENTRY,
    crate::flock::ENTRY,
    crate::frigate::ENTRY,
    crate::hikvision::ENTRY,
    crate::iag::ENTRY,
    crate::niem::ENTRY,
    crate::niop::ENTRY,
    crate::plate_recognizer::ENTRY,
    crate::rekor::ENTRY,
    crate::sharpv::ENTRY,
    crate::verkada::ENTRY,
];

/// Finds an adapter.
#[must_use]
pub fn find(id: &str) -> Option<&'static Entry> {
    ADAPTERS.iter().find(|entry| entry.id == id)
}
