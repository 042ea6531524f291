//! Tiles of 256 hashes, bundles of entries, and where they lie.

use super::tree::{Hashes, perfect_root};
use super::{Hash, TlogError};

/// Hashes in a full tile, entries in a full bundle.
const WIDTH: u64 = 256;

/// One tile of a tree, or one bundle of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tile {
    level: Option<u8>,
    index: u64,
    width: u16,
}

/// The entries of one bundle, with a check of every length.
#[derive(Debug, Clone)]
pub struct Bundle<'a> {
    rest: &'a [u8],
}

/// Where tiles come from.
pub trait TileSource {
    /// How reading fails.
    type Error: From<TlogError>;

    /// The bytes of `tile`.
    ///
    /// # Errors
    /// When the tile cannot be read.
    fn tile(&self, tile: &Tile) -> Result<Vec<u8>, Self::Error>;
}

/// The hashes of a tree of fixed size, read from its tiles. Tiles are believed: check what is made of them against the root.
#[derive(Debug, Clone)]
pub struct TileHashes<S> {
    source: S,
    size: u64,
}

impl Tile {
    /// Tile `index` at `level` of a tree of `size` leaves, as wide as it is there; `None` when it is empty.
    #[must_use]
    pub fn hashes(level: u8, index: u64, size: u64) -> Option<Self> {
        let row = size.checked_shr(8 * u32::from(level)).unwrap_or(0);
        Self::part(Some(level), index, row)
    }

    /// Entry bundle `index` of a log of `size` entries; `None` when it is empty.
    #[must_use]
    pub fn entries(index: u64, size: u64) -> Option<Self> {
        Self::part(None, index, size)
    }

    /// Every tile of a tree of `size` leaves, level by level, without bundles.
    pub fn all(size: u64) -> impl Iterator<Item = Self> {
        (0..8_u8)
            .flat_map(move |level| (0..).map_while(move |index| Self::hashes(level, index, size)))
    }

    /// Every entry bundle of a log of `size` entries.
    pub fn all_entries(size: u64) -> impl Iterator<Item = Self> {
        (0..).map_while(move |index| Self::entries(index, size))
    }

    /// The tiles at the right edge of a tree of `size` leaves that are not full, lowest level first.
    pub fn right_edge(size: u64) -> impl Iterator<Item = Self> {
        (0..8_u8).filter_map(move |level| {
            let row = size >> (8 * u32::from(level));
            Self::hashes(level, row / WIDTH, size)
        })
    }

    /// Level of the hashes; `None` for a bundle of entries.
    #[must_use]
    pub fn level(&self) -> Option<u8> {
        self.level
    }

    /// Place within the level.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Hashes or entries in it, 1 to 256.
    #[must_use]
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Whether nothing can be added.
    #[must_use]
    pub fn is_full(&self) -> bool {
        u64::from(self.width) == WIDTH
    }

    /// The full tile at the same place.
    #[must_use]
    pub fn to_full(self) -> Self {
        Self { width: 256, ..self }
    }

    /// Index of the first hash or entry in it, within its level.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.index * WIDTH
    }

    /// Its path below the prefix of the log, for instance `tile/0/x001/234` or `tile/entries/000.p/17`.
    #[must_use]
    pub fn path(&self) -> String {
        let level = self
            .level
            .map_or_else(|| "entries".to_owned(), |level| level.to_string());
        let mut number = format!("{:03}", self.index % 1000);
        let mut rest = self.index / 1000;
        while rest > 0 {
            number = format!("x{:03}/{number}", rest % 1000);
            rest /= 1000;
        }
        if self.is_full() {
            format!("tile/{level}/{number}")
        } else {
            format!("tile/{level}/{number}.p/{}", self.width)
        }
    }

    /// Reads what [`Tile::path`] writes.
    ///
    /// # Errors
    /// [`TlogError::Malformed`] for anything else, also for a number written in another way.
    pub fn parse(path: &str) -> Result<Self, TlogError> {
        Self::read(path)
            .filter(|tile| tile.path() == path)
            .ok_or(TlogError::Malformed("tile path"))
    }

    fn part(level: Option<u8>, index: u64, row: u64) -> Option<Self> {
        let width = row.checked_sub(index.checked_mul(WIDTH)?)?.min(WIDTH);
        let width = u16::try_from(width).ok().filter(|width| *width > 0)?;
        Some(Self {
            level,
            index,
            width,
        })
    }

    fn read(path: &str) -> Option<Self> {
        let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let level = match level {
            "entries" => None,
            level => Some(level.parse().ok().filter(|level: &u8| *level < 64)?),
        };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, width.parse().ok().filter(|w| (1..256).contains(w))?),
            None => (rest, 256),
        };
        let mut index = 0_u64;
        for part in number.split('/') {
            let digits = part.strip_prefix('x').unwrap_or(part);
            let part: u64 = digits.parse().ok().filter(|_| digits.len() == 3)?;
            index = index.checked_mul(1000)?.checked_add(part)?;
        }
        Some(Self {
            level,
            index,
            width,
        })
    }
}

impl<'a> Bundle<'a> {
    /// The entries written in `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn take(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.rest.split_first_chunk::<2>()?;
        let (entry, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        self.rest = rest;
        Some(entry)
    }
}

impl<'a> Iterator for Bundle<'a> {
    type Item = Result<&'a [u8], TlogError>;

    /// The next entry; after an error there is none.
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let taken = self.take().ok_or(TlogError::Length { what: "a bundle" });
        if taken.is_err() {
            self.rest = &[];
        }
        Some(taken)
    }
}

/// Adds `entry` to the bundle in `out`.
///
/// # Errors
/// [`TlogError::Length`] when it is longer than 65,535 bytes; then nothing was added.
pub fn put_entry(entry: &[u8], out: &mut Vec<u8>) -> Result<(), TlogError> {
    let length = u16::try_from(entry.len()).map_err(|_| TlogError::Length { what: "an entry" })?;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(entry);
    Ok(())
}

/// The bytes of a tile with these hashes.
#[must_use]
pub fn encode_tile(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// The hashes in the bytes of `tile`.
///
/// # Errors
/// [`TlogError::Length`] when they are not exactly as many as the tile is wide.
pub fn decode_tile(tile: &Tile, bytes: &[u8]) -> Result<Vec<Hash>, TlogError> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    if rest.is_empty() && hashes.len() == usize::from(tile.width) {
        Ok(hashes.iter().copied().map(Hash::from_bytes).collect())
    } else {
        Err(TlogError::Length { what: "a tile" })
    }
}

impl<S: TileSource> TileHashes<S> {
    /// The hashes of the tree of `size` leaves that `source` has.
    #[must_use]
    pub fn new(source: S, size: u64) -> Self {
        Self { source, size }
    }
}

impl<S: TileSource> Hashes for TileHashes<S> {
    type Error = S::Error;

    fn node(&self, level: u32, index: u64) -> Result<Hash, Self::Error> {
        let (row, within) = (level / 8, level % 8);
        let outside = || S::Error::from(TlogError::OutOfRange);
        let first = index.checked_shl(within).ok_or_else(outside)?;
        let row = u8::try_from(row).map_err(|_| outside())?;
        let tile = Tile::hashes(row, first / WIDTH, self.size).ok_or_else(outside)?;
        let hashes = decode_tile(&tile, &self.source.tile(&tile)?)?;
        let start = usize::try_from(first % WIDTH).map_err(|_| outside())?;
        hashes
            .get(start..start + (1 << within))
            .and_then(perfect_root)
            .ok_or_else(outside)
    }
}
