//! A tree that grows tile by tile: what a log keeps in memory, and what it has to write.

use super::tile::decode_tile;
use super::tree::{fold, perfect_root};
use super::{Hash, Tile, TlogError, encode_tile};

/// The unfinished tiles at the right edge of a tree. At most 255 hashes a level, whatever the size.
///
/// ```
/// use turnpike_schemas::tlog::{Growth, leaf_hash};
///
/// let mut tree = Growth::default();
/// let full: Vec<_> = (0..300_u32)
///     .filter_map(|number| tree.append(leaf_hash(&number.to_be_bytes())))
///     .flatten()
///     .collect();
/// assert_eq!(full.len(), 1, "the first 256 leaves fill one tile");
/// let partial: Vec<_> = tree.partial().map(|(tile, _)| tile.path()).collect();
/// assert_eq!(partial, ["tile/0/001.p/44", "tile/1/000.p/1"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Growth {
    size: u64,
    levels: Vec<Vec<Hash>>,
}

/// Collects the tiles from which a [`Growth`] is restored.
#[derive(Debug)]
pub struct RightEdge {
    size: u64,
    levels: Vec<Vec<Hash>>,
}

impl Growth {
    /// Leaves in the tree.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds one leaf. Once in 256 times this fills tiles: then they are returned with their bytes, lowest level first.
    pub fn append(&mut self, leaf: Hash) -> Option<Vec<(Tile, Vec<u8>)>> {
        self.size += 1;
        let mut full = Vec::new();
        let mut carried = Some(leaf);
        let mut level = 0_u8;
        while let Some(hash) = carried.take() {
            if self.levels.len() == usize::from(level) {
                self.levels.push(Vec::with_capacity(256));
            }
            let Some(row) = self.levels.get_mut(usize::from(level)) else {
                break;
            };
            row.push(hash);
            if row.len() == 256 {
                let index = (self.size >> (8 * (u32::from(level) + 1))) - 1;
                full.extend(
                    Tile::hashes(level, index, self.size).map(|tile| (tile, encode_tile(row))),
                );
                carried = perfect_root(row);
                row.clear();
                level += 1;
            }
        }
        (!full.is_empty()).then_some(full)
    }

    /// The partial tiles of the tree as it is, lowest level first.
    pub fn partial(&self) -> impl Iterator<Item = (Tile, Vec<u8>)> {
        let bytes = |tile: &Tile| {
            let row = self.levels.get(usize::from(tile.level()?))?;
            Some(encode_tile(row))
        };
        Tile::right_edge(self.size).filter_map(move |tile| Some((tile, bytes(&tile)?)))
    }

    /// The root over all leaves.
    #[must_use]
    pub fn root(&self) -> Hash {
        let nodes: Vec<Hash> = self
            .levels
            .iter()
            .rev()
            .flat_map(|row| subtrees(row))
            .collect();
        fold(&nodes)
    }
}

impl RightEdge {
    /// The right edge of a tree of `size` leaves, of which no tile is known yet.
    #[must_use]
    pub fn new(size: u64) -> Self {
        let depth = (u64::BITS - size.leading_zeros()).div_ceil(8);
        Self {
            size,
            levels: vec![Vec::new(); depth as usize],
        }
    }

    /// The tiles it needs, all partial.
    pub fn tiles(&self) -> impl Iterator<Item = Tile> + use<> {
        Tile::right_edge(self.size)
    }

    /// Takes the bytes of one of them.
    ///
    /// # Errors
    /// [`TlogError::Length`] when they are not those of this tile.
    pub fn put(&mut self, tile: &Tile, bytes: &[u8]) -> Result<(), TlogError> {
        let row = tile
            .level()
            .and_then(|level| self.levels.get_mut(usize::from(level)));
        *row.ok_or(TlogError::OutOfRange)? = decode_tile(tile, bytes)?;
        Ok(())
    }

    /// The tree.
    ///
    /// # Errors
    /// [`TlogError::Length`] when a tile is missing.
    pub fn finish(self) -> Result<Growth, TlogError> {
        let whole = self.tiles().all(|tile| {
            let row = tile
                .level()
                .and_then(|level| self.levels.get(usize::from(level)));
            row.is_some_and(|row| row.len() == usize::from(tile.width()))
        });
        if whole {
            Ok(Growth {
                size: self.size,
                levels: self.levels,
            })
        } else {
            Err(TlogError::Length {
                what: "the right edge",
            })
        }
    }
}

/// The complete subtrees, largest first, over the hashes of a partial tile.
fn subtrees(row: &[Hash]) -> Vec<Hash> {
    let mut nodes = Vec::new();
    let mut rest = row;
    for length in (0..8).rev().map(|bit| 1_usize << bit) {
        if row.len() & length != 0
            && let Some((part, after)) = rest.split_at_checked(length)
        {
            nodes.extend(perfect_root(part));
            rest = after;
        }
    }
    nodes
}
