//! Transparency logs in the public C2SP formats: trees, tiles, checkpoints, notes, proofs, witnesses.
//!
//! In scope: RFC 6962 hashing, [tlog-tiles], [tlog-checkpoint], [signed-note], [tlog-cosignature] (Ed25519),
//! [tlog-proof], [tlog-witness] requests and [tlog-policy] files, as values and text. Deliberately absent: files, sockets,
//! clocks and signature algorithms; whoever checks a signature brings an [`Ed25519`].
//!
//! [tlog-tiles]: https://c2sp.org/tlog-tiles
//! [tlog-checkpoint]: https://c2sp.org/tlog-checkpoint
//! [signed-note]: https://c2sp.org/signed-note
//! [tlog-cosignature]: https://c2sp.org/tlog-cosignature
//! [tlog-proof]: https://c2sp.org/tlog-proof
//! [tlog-witness]: https://c2sp.org/tlog-witness
//! [tlog-policy]: https://c2sp.org/tlog-policy

mod checkpoint;
mod growth;
mod hash;
mod key;
mod note;
mod policy;
mod proof;
mod proof_text;
mod tile;
mod tree;
mod witness;

use thiserror::Error;

pub use checkpoint::{Checkpoint, SignedCheckpoint};
pub use growth::{Growth, RightEdge};
pub use hash::{Hash, leaf_hash, node_hash};
pub use key::{Ed25519, KeyKind, VerifierKey, cosigned_message};
pub use note::{Note, NoteSignature};
pub use policy::{Policy, PolicyLog, PolicyWitness};
pub use proof::{consistency, inclusion, root_at, verify_consistency, verify_inclusion};
pub use proof_text::LogProof;
pub use tile::{Bundle, Tile, TileHashes, TileSource, decode_tile, encode_tile, put_entry};
pub use tree::{Frontier, Hashes};
pub use witness::AddCheckpoint;

/// Why something is not what a transparency log says it is. Never shows what was logged.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TlogError {
    /// Text or bytes that do not have their published form.
    #[error("not a well-formed {0}")]
    Malformed(&'static str),
    /// A tile, bundle or proof has another length than its place demands.
    #[error("{what} has the wrong length")]
    Length {
        /// What it is.
        what: &'static str,
    },
    /// An index or size lies outside the tree.
    #[error("outside the tree")]
    OutOfRange,
    /// An inclusion or consistency proof does not lead to the root.
    #[error("the {0} proof does not verify")]
    Proof(&'static str),
    /// No signature by the expected key.
    #[error("not signed by `{0}`")]
    Unsigned(String),
    /// A signature that names the expected key but is not by it.
    #[error("the signature of `{0}` does not verify")]
    BadSignature(String),
    /// The origin line is not that of the expected log.
    #[error("a checkpoint of `{found}`, not of `{wanted}`")]
    Origin {
        /// What was expected.
        wanted: String,
        /// What was found.
        found: String,
    },
    /// Two views of one log that no append-only history explains.
    #[error("fork: two checkpoints of size {size} with different roots")]
    Fork {
        /// Size at which they differ.
        size: u64,
    },
    /// Fewer witnesses than the policy demands.
    #[error("the quorum of the policy is not reached")]
    Quorum,
}

#[cfg(test)]
mod tests;
