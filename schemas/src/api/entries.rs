//! Reading and sealing the ledger over the API.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{ledger::KeyId, read::SourceId};

/// Most entries one reading gives.
pub const MAX_ENTRIES: u32 = 1_000;

/// Entries of the ledger, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EntryList {
    /// The entries.
    pub entries: Vec<ListedEntry>,
    /// Index to read on from; `null` at the end of the ledger.
    pub next: Option<u64>,
    /// Index of the entry that records this reading.
    pub recorded: u64,
}

/// One entry and its leaf.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ListedEntry {
    /// Hash of the leaf as RFC 6962 defines it, over the entry as it is written; base64.
    #[schema(min_length = 44, max_length = 44)]
    pub leaf_hash: String,
    /// The entry. Personal fields are open where their key is still there; others are as they are written.
    pub entry: Value,
}

/// A request to destroy the keys of what is past its retention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SealRequest {
    /// Keys whose period was over then are destroyed.
    #[schema(value_type = String, format = DateTime)]
    pub before: Timestamp,
}

/// What would be sealed, once somebody else confirms it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SealProposal {
    /// Identity of the proposal.
    pub proposal: Uuid,
    /// As asked for.
    #[schema(value_type = String, format = DateTime)]
    pub before: Timestamp,
    /// The keys that would be destroyed.
    #[schema(value_type = Vec<String>)]
    pub keys: Vec<KeyId>,
    /// When the proposal lapses.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// Index of the entry that records the proposal.
    pub recorded: u64,
}

/// What was sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SealReport {
    /// The keys that were destroyed.
    #[schema(value_type = Vec<String>)]
    pub keys: Vec<KeyId>,
    /// Entries whose personal fields can no longer be read.
    pub entries: u64,
    /// Index of the entry that records it.
    pub recorded: u64,
}

/// The head of the log of one source, and where the ledger records it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OwnerCheckpoint {
    /// The source.
    #[schema(value_type = String)]
    pub source: SourceId,
    /// Leaves in its log.
    pub size: u64,
    /// Root over them as RFC 6962 defines it; base64.
    pub root: String,
    /// Index of the entry of the ledger that records this head; `null` while there is no leaf.
    pub recorded: Option<u64>,
    /// That entry as it is written: its hash is a leaf of the ledger.
    pub entry: Option<String>,
}

/// Leaves of the log of one source, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OwnerLeaves {
    /// Each in canonical JSON, as it is hashed.
    pub leaves: Vec<String>,
    /// Place to read on from; `null` at the end of the log.
    pub next: Option<u64>,
    /// Index of the entry that records this reading.
    pub recorded: u64,
}

/// Who is this?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PseudonymRequest {
    /// A `person` of a leaf.
    #[schema(min_length = 1, max_length = 64)]
    pub pseudonym: String,
}

/// A question about a pseudonym that waits for an auditor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PseudonymAsked {
    /// Identity of the request.
    pub request: Uuid,
}

/// Who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PseudonymResolved {
    /// The person or system.
    pub subject: String,
}
