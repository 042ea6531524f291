//! The keys that may sign agreements, and for whom.

use std::collections::BTreeSet;

use turnpike_schemas::{agreement::Role, read::SourceId, tlog::VerifierKey};

/// One key that may sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgreementKey {
    /// The public key and its name.
    pub key: VerifierKey,
    /// The person who holds it. Two keys of one person are one person.
    pub holder: String,
    /// `source_owner`, or `supervisor` or `operator` for the second person a widening needs.
    pub role: Role,
    /// Sources a source owner speaks for.
    pub sources: BTreeSet<SourceId>,
}

/// Every key that may sign.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgreementKeys(pub Vec<AgreementKey>);

/// A signature that was found good: whose, and as what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Approval {
    /// Name of the key.
    pub key: String,
    /// Who holds it.
    pub holder: String,
    /// As what.
    pub role: Role,
}

impl AgreementKey {
    /// Whether the holder speaks for the source.
    #[must_use]
    pub fn owns(&self, source: &SourceId) -> bool {
        self.role == Role::SourceOwner && self.sources.contains(source)
    }

    /// Whether a signature counts for an agreement of this source: as its owner's, or as the second person's.
    #[must_use]
    pub fn counts_for(&self, source: &SourceId) -> bool {
        self.owns(source) || matches!(self.role, Role::Supervisor | Role::Operator)
    }
}

impl AgreementKeys {
    /// The key with this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&AgreementKey> {
        self.0.iter().find(|key| key.key.name() == name)
    }
}
