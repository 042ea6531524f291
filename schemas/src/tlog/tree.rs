//! A tree that only grows, and what proofs need of one.

use super::{Hash, node_hash};

/// Where the hashes of complete subtrees come from.
pub trait Hashes {
    /// How reading fails.
    type Error;

    /// The hash over the leaves from `index << level` to `(index + 1) << level`, all of which exist.
    ///
    /// # Errors
    /// When the hash cannot be had.
    fn node(&self, level: u32, index: u64) -> Result<Hash, Self::Error>;
}

/// The hashes of the complete subtrees a tree consists of, largest first: all that is needed to append and to tell the root.
///
/// ```
/// use turnpike_schemas::tlog::{Frontier, leaf_hash, node_hash};
///
/// let mut tree = Frontier::default();
/// tree.append(leaf_hash(b"first"));
/// tree.append(leaf_hash(b"second"));
/// assert_eq!(tree.size(), 2);
/// assert_eq!(tree.root(), node_hash(&leaf_hash(b"first"), &leaf_hash(b"second")));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    nodes: Vec<Hash>,
}

impl Frontier {
    /// A tree of `size` leaves whose complete subtrees, largest first, have these hashes; `None` when their number does not
    /// fit the size.
    #[must_use]
    pub fn from_nodes(size: u64, nodes: Vec<Hash>) -> Option<Self> {
        (nodes.len() == size.count_ones() as usize).then_some(Self { size, nodes })
    }

    /// Leaves in the tree.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The hashes of its complete subtrees, largest first.
    #[must_use]
    pub fn nodes(&self) -> &[Hash] {
        &self.nodes
    }

    /// Adds one leaf.
    pub fn append(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.nodes.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.nodes.push(hash);
        self.size += 1;
    }

    /// The root over all leaves.
    #[must_use]
    pub fn root(&self) -> Hash {
        fold(&self.nodes)
    }
}

/// The root over complete subtrees, largest first.
pub(super) fn fold(nodes: &[Hash]) -> Hash {
    nodes
        .iter()
        .rev()
        .copied()
        .reduce(|right, left| node_hash(&left, &right))
        .unwrap_or_else(Hash::of_nothing)
}

/// The root over hashes whose number is a power of two.
pub(super) fn perfect_root(hashes: &[Hash]) -> Option<Hash> {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row
            .chunks_exact(2)
            .filter_map(|pair| match pair {
                [left, right] => Some(node_hash(left, right)),
                _ => None,
            })
            .collect();
    }
    row.first().copied()
}
