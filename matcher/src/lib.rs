//! Which wanted plates a read matches: exactly, by look-alike characters, or by a part of the plate.
//!
//! In memory and nothing else: no file, no thread, no clock. The instant at which a read is matched is an argument, and
//! **an entry whose end has come matches nothing**. Entries come and go while reads are matched; nobody waits for longer than
//! it takes to change one small table. What an entry is for and who may know of it is the caller's, who names each entry by
//! a number.
//!
//! - A table for exact and look-alike entries, in some thousand parts with a lock each, keyed by the folded plate in 64 bits: 13
//!   bytes an entry and place for more, 8 bytes beside it for expiry and issuer. Before it stands a filter of bits without a
//!   lock, where nearly every read of nobody's plate ends.
//! - Patterns in groups of the same length and the same known positions: one probe a group, and a read looks at the groups of its
//!   own length only.
//! - What does not fit 64 bits (more than ten characters, other scripts) in a map of texts, which costs nothing while it is empty.

mod filter;
mod issuers;
mod key;
mod marks;
mod patterns;
mod table;
#[cfg(test)]
mod tests;
mod texts;

use std::hash::{BuildHasher as _, RandomState};

use jiff::Timestamp;
use turnpike_schemas::plate::{Jurisdiction, JurisdictionMatch, Plate, PlatePattern};

use self::{
    issuers::Issuers, key::Alphabet, marks::Marks, patterns::Patterns, table::Table, texts::Texts,
};

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// One plate; with `look_alike` also plates that cameras confuse with it.
    Plate {
        /// The plate.
        plate: Plate,
        /// Whether look-alikes count.
        look_alike: bool,
    },
    /// Every plate of the same length with these known characters.
    Pattern(PlatePattern),
}

/// One entry.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its number: below [`MAX_ENTRIES`], best given without gaps.
    pub id: u32,
    /// What is looked for.
    pub wanted: Wanted,
    /// Who issued the plate, where that is known.
    pub jurisdiction: Option<Jurisdiction>,
    /// When it ends; matched to the second, and never later.
    pub expires_at: Timestamp,
}

/// How a read matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum How {
    /// The texts are equal.
    Exact,
    /// The texts are equal once look-alike characters are folded together.
    LookAlike,
    /// The known characters are there.
    Pattern,
}

/// An entry that a read matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Match {
    /// The entry.
    pub id: u32,
    /// How.
    pub how: How,
    /// How the issuers compare; never [`JurisdictionMatch::Different`].
    pub issuer: JurisdictionMatch,
}

/// Entries have numbers below this.
pub const MAX_ENTRIES: u32 = marks::MAX;

/// Why an entry was not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is an entry of this number.
    #[error("there is an entry of this number already")]
    Known,
    /// The number is too large.
    #[error("an entry's number must be below {MAX_ENTRIES}")]
    Number,
    /// More than 65,535 issuers are in use.
    #[error("too many different issuers")]
    Issuers,
}

/// The entries. Shared by reference between any number of threads.
#[derive(Debug)]
pub struct Matcher {
    alphabet: Alphabet,
    /// Which plates meet in one place must not be for others to choose.
    seed: u64,
    marks: Marks,
    issuers: Issuers,
    table: Table,
    patterns: Patterns,
    texts: Texts,
}

impl Default for Matcher {
    fn default() -> Self {
        Self::new()
    }
}

impl Matcher {
    /// Without any entry.
    #[must_use]
    pub fn new() -> Self {
        Self {
            alphabet: Alphabet::new(),
            seed: RandomState::new().hash_one(0_u8),
            marks: Marks::default(),
            issuers: Issuers::default(),
            table: Table::new(),
            patterns: Patterns::default(),
            texts: Texts::default(),
        }
    }

    /// Takes an entry in. Whatever is matched after this returns is matched against it.
    ///
    /// # Errors
    /// [`Refused`]; then nothing has changed.
    pub fn insert(&self, entry: &Entry) -> Result<(), Refused> {
        let issuer = self.issuers.number(entry.jurisdiction.as_ref())?;
        let look_alike = matches!(
            entry.wanted,
            Wanted::Plate {
                look_alike: true,
                ..
            }
        );
        self.marks
            .claim(entry.id, seconds(entry.expires_at), issuer, look_alike)?;
        match &entry.wanted {
            Wanted::Plate { plate, .. } => match self.alphabet.pack(plate.expose()) {
                Some(exact) => self.table.insert(self, exact, entry.id),
                None => self.texts.insert(plate, entry.id),
            },
            Wanted::Pattern(pattern) => match self.alphabet.pack_pattern(pattern.expose()) {
                Some(pattern) => self.patterns.insert(self, pattern, entry.id),
                None => self.texts.insert_pattern(pattern, entry.id),
            },
        }
        Ok(())
    }

    /// Lets an entry go. Nothing that begins after this returns is matched against it. Whether it was there.
    pub fn remove(&self, id: u32, wanted: &Wanted) -> bool {
        let removed = match wanted {
            Wanted::Plate { plate, .. } => match self.alphabet.pack(plate.expose()) {
                Some(exact) => self.table.remove(self, exact, id),
                None => self.texts.remove(plate, id),
            },
            Wanted::Pattern(pattern) => match self.alphabet.pack_pattern(pattern.expose()) {
                Some(pattern) => self.patterns.remove(self, pattern, id),
                None => self.texts.remove_pattern(pattern, id),
            },
        };
        // Only once nobody can find it is the number free for another.
        if removed {
            self.marks.release(id);
        }
        removed
    }

    /// Gives an entry another end. Whether it was there.
    pub fn renew(&self, id: u32, expires_at: Timestamp) -> bool {
        self.marks.renew(id, seconds(expires_at))
    }

    /// How many entries there are, ended ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds every entry that a plate matches at `now` to `found`, in no order. Nothing is allocated where nothing matches.
    pub fn find(
        &self,
        plate: &Plate,
        jurisdiction: Option<&Jurisdiction>,
        now: Timestamp,
        found: &mut Vec<Match>,
    ) {
        let read = self.keyed(plate, jurisdiction);
        let wanted = self.table.may_hold(read.hash);
        self.find_keyed(&read, wanted, seconds(now), found);
    }

    /// The same for reads that came together, each match with the place of its read: several times as fast, because the filter
    /// is asked about many reads at a time. `reads` gives text and issuer of each.
    pub fn find_each<'a>(
        &self,
        reads: impl IntoIterator<Item = (&'a Plate, Option<&'a Jurisdiction>)>,
        now: Timestamp,
        found: &mut Vec<(usize, Match)>,
    ) {
        let (mut reads, mut first, mut one) = (reads.into_iter(), 0, Vec::new());
        let now = seconds(now);
        loop {
            let mut batch: [Option<Keyed<'a>>; BATCH] = [const { None }; BATCH];
            let mut count = 0;
            for (place, (plate, jurisdiction)) in batch.iter_mut().zip(reads.by_ref()) {
                *place = Some(self.keyed(plate, jurisdiction));
                count += 1;
            }
            let mut hashes = [0; BATCH];
            for (hash, read) in hashes.iter_mut().zip(batch.iter().flatten()) {
                *hash = read.hash;
            }
            // One after the other, and nothing between them waits: the memory is asked for all of them at once.
            let wanted = hashes.map(|hash| self.table.may_hold(hash));
            let always = !self.texts.is_empty();
            for (at, (read, wanted)) in batch.iter().flatten().zip(wanted).enumerate() {
                if wanted || always || self.patterns.any(read.plate.expose().len()) {
                    self.find_keyed(read, wanted, now, &mut one);
                    found.extend(one.drain(..).map(|one| (first + at, one)));
                }
            }
            first += count;
            if count < BATCH {
                return;
            }
        }
    }

    #[inline]
    fn keyed<'a>(&self, plate: &'a Plate, jurisdiction: Option<&'a Jurisdiction>) -> Keyed<'a> {
        let text = plate.expose();
        let (exact, folded) = match self.alphabet.pack_and_fold(text) {
            Some(keys) => keys,
            // Another script may look like ours.
            None => {
                let folded = self.alphabet.pack(plate.folded().expose());
                (key::NONE, folded.unwrap_or(key::NONE))
            }
        };
        Keyed {
            plate,
            jurisdiction,
            exact,
            folded,
            hash: self.hash(folded),
        }
    }

    #[inline]
    fn find_keyed(&self, read: &Keyed<'_>, wanted: bool, now: u64, found: &mut Vec<Match>) {
        let look = Look {
            matcher: self,
            jurisdiction: read.jurisdiction,
            now,
        };
        if wanted && read.folded != key::NONE {
            self.table
                .find(&look, read.hash, (read.exact, read.folded), found);
        }
        if read.exact != key::NONE {
            let length = read.plate.expose().len();
            self.patterns.find(&look, read.exact, length, found);
        }
        if !self.texts.is_empty() {
            self.texts.find(&look, read.plate, found);
        }
    }

    fn hash(&self, key: u64) -> u64 {
        let mixed = (key ^ self.seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        mixed ^ (mixed >> 32)
    }
}

/// Reads whose filters are asked together.
const BATCH: usize = 32;

/// A read and its keys; [`key::NONE`] where it has none.
struct Keyed<'a> {
    plate: &'a Plate,
    jurisdiction: Option<&'a Jurisdiction>,
    exact: u64,
    folded: u64,
    hash: u64,
}

/// What one plate is compared with, besides its text.
struct Look<'a> {
    matcher: &'a Matcher,
    jurisdiction: Option<&'a Jurisdiction>,
    now: u64,
}

impl Look<'_> {
    /// The entry, found by its text: whether it matches as well by end, issuer and what its list allows.
    fn judge(&self, id: u32, how: How) -> Option<Match> {
        let mark = self.matcher.marks.get(id)?;
        if mark.expires_s() <= self.now || (how == How::LookAlike && !mark.look_alike()) {
            return None;
        }
        let issuer = self
            .matcher
            .issuers
            .compare(mark.issuer(), self.jurisdiction);
        (issuer != JurisdictionMatch::Different).then_some(Match { id, how, issuer })
    }
}

/// Whole seconds since 1970; before that is never.
fn seconds(at: Timestamp) -> u64 {
    u64::try_from(at.as_second()).unwrap_or(0)
}
