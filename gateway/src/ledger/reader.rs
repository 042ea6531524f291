//! Reading a ledger from its directory, also while it is being written.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use turnpike_schemas::ledger::{Entry, Header, Kind};
use uuid::Uuid;

use super::error::cannot;
use super::places::Place;
use super::{Damage, DamageKind, Keyring, LedgerError, segment};

/// Entries of a ledger in order, read as they are asked for. Ends after the first damage.
#[derive(Debug)]
pub struct Entries {
    walk: Walk,
}

/// What a full check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Entries in the ledger.
    pub entries: u64,
    /// Segments on disk.
    pub segments: u32,
    /// Bytes after the last entry: a write that was cut short or is under way.
    pub torn_bytes: u64,
    /// Intents without outcome.
    pub open: Vec<u64>,
}

/// Whether `dir` is the folder of a ledger.
#[must_use]
pub fn is_here(dir: &Path) -> bool {
    dir.join(segment::name(0)).exists()
}

/// Reads the ledger in `dir` without writing anything.
///
/// # Errors
/// The directory cannot be read.
pub fn read(dir: &Path) -> Result<Entries, LedgerError> {
    Ok(Entries {
        walk: Walk::new(dir)?,
    })
}

/// Reads the ledger in `dir` from entry `index` on. What stands before is looked at only as far as its segment goes.
///
/// # Errors
/// The directory cannot be read, or the ledger is damaged before `index`.
pub fn read_from(dir: &Path, index: u64) -> Result<Entries, LedgerError> {
    let mut walk = Walk::new(dir)?;
    walk.skip_segments(index);
    walk.skip_to(index)?;
    Ok(Entries { walk })
}

/// The same, where it is known that entry `first`, at `index` or before it, begins at `place`.
pub(super) fn read_near(
    dir: &Path,
    index: u64,
    first: u64,
    place: Place,
) -> Result<Entries, LedgerError> {
    let mut walk = Walk::new(dir)?;
    walk.begin_at(first, place).map_err(cannot("read"))?;
    walk.skip_to(index)?;
    Ok(Entries { walk })
}

/// Reads the ledger in `dir` with its personal fields open, as far as `keys` go.
///
/// # Errors
/// The directory cannot be read.
pub fn read_open<'k>(
    dir: &Path,
    keys: &'k Keyring,
) -> Result<impl Iterator<Item = Result<Entry, Damage>> + use<'k>, LedgerError> {
    let entries = read(dir)?;
    Ok(entries.map(|entry| Ok(entry?.opened(keys))))
}

/// Entries of kind `admin` in which `word` occurs, in order. The rest is only passed over.
///
/// # Errors
/// [`LedgerError::Damaged`] with the first damage, or the directory cannot be read.
pub fn find(dir: &Path, word: &str) -> Result<Vec<Entry>, LedgerError> {
    let mut walk = Walk::new(dir)?;
    let mut found = Vec::new();
    while let Some(header) = walk.next_header() {
        let holds = |entry: &[u8]| {
            entry
                .windows(word.len())
                .any(|part| part == word.as_bytes())
        };
        if header?.kind == Kind::Admin && holds(walk.entry()) {
            found.extend(Entry::parse(walk.entry()));
        }
    }
    Ok(found)
}

/// Reads and checks every entry of the ledger in `dir`.
///
/// # Errors
/// [`LedgerError::Damaged`] with the first damage, or the directory cannot be read.
pub fn verify(dir: &Path) -> Result<Verified, LedgerError> {
    verify_each(dir, |_, _| Ok(()))
}

/// The same, and hands every entry that was found sound to `each`, with its index and in canonical form.
///
/// # Errors
/// As [`verify`], and what `each` says.
pub fn verify_each<E: From<LedgerError>>(
    dir: &Path,
    mut each: impl FnMut(u64, &[u8]) -> Result<(), E>,
) -> Result<Verified, E> {
    let mut entries = read(dir)?;
    let mut open = OpenIntents::default();
    while let Some(entry) = entries.next() {
        let entry = entry.map_err(LedgerError::from)?;
        open.follow(&entry.header());
        each(entry.index, entries.walk.entry())?;
    }
    let Walk {
        next_index,
        segments,
        torn_bytes,
        ..
    } = entries.walk;
    Ok(Verified {
        entries: next_index,
        segments,
        torn_bytes,
        open: open.into_inner().into_keys().collect(),
    })
}

/// The intents that have no outcome yet, with their questions.
#[derive(Debug, Default)]
pub(super) struct OpenIntents(BTreeMap<u64, Option<Uuid>>);

impl OpenIntents {
    /// Takes the next entry into account.
    pub(super) fn follow(&mut self, header: &Header) {
        match (header.kind, header.intent) {
            (Kind::Intent, _) => self.0.insert(header.index, header.question),
            (Kind::Outcome | Kind::Interrupted, Some(intent)) => self.0.remove(&intent),
            _ => None,
        };
    }

    pub(super) fn into_inner(self) -> BTreeMap<u64, Option<Uuid>> {
        self.0
    }
}

impl Entries {
    /// Goes on after the end was reached: what was written since comes next. After damage nothing comes.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn resume(&mut self) -> Result<(), LedgerError> {
        self.walk.resume()
    }
}

impl Entries {
    /// The next entry that is wanted, by its header; the others are checked for their place and checksum only, and not
    /// taken apart.
    pub fn next_wanted(
        &mut self,
        wants: &mut dyn FnMut(&Header) -> bool,
    ) -> Option<Result<Entry, Damage>> {
        loop {
            let parse = |bytes: &[u8]| {
                let header = Header::parse(bytes).map_err(|_| DamageKind::Entry)?;
                if !wants(&header) {
                    return Ok((header.index, None));
                }
                let entry = Entry::parse(bytes).map_err(|_| DamageKind::Entry)?;
                Ok((header.index, Some(entry)))
            };
            match self.walk.next(parse, |(index, _)| *index)? {
                Ok((_, Some(entry))) => return Some(Ok(entry)),
                Ok((_, None)) => {}
                Err(damage) => return Some(Err(damage)),
            }
        }
    }
}

impl Iterator for Entries {
    type Item = Result<Entry, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        let parse = |bytes: &[u8]| Entry::parse(bytes).map_err(|_| DamageKind::Entry);
        self.walk.next(parse, |entry| entry.index)
    }
}

/// The walk over all lines of all segments that reading and recovery share.
#[derive(Debug)]
pub(super) struct Walk {
    dir: PathBuf,
    current: Option<BufReader<File>>,
    line: Vec<u8>,
    done: bool,
    is_damaged: bool,
    /// Segments on disk.
    pub(super) segments: u32,
    /// Number of the segment read last.
    pub(super) segment: u32,
    /// Length of that segment up to the end of its last entry.
    pub(super) good_length: u64,
    /// Bytes after its last entry.
    pub(super) torn_bytes: u64,
    /// Index of the entry that comes next.
    pub(super) next_index: u64,
}

impl Walk {
    pub(super) fn new(dir: &Path) -> Result<Self, LedgerError> {
        let segments = count_segments(dir)?;
        Ok(Self {
            dir: dir.to_owned(),
            current: None,
            line: Vec::new(),
            done: segments == 0,
            is_damaged: false,
            segments,
            segment: 0,
            good_length: 0,
            torn_bytes: 0,
            next_index: 0,
        })
    }

    fn resume(&mut self) -> Result<(), LedgerError> {
        self.segments = count_segments(&self.dir)?;
        if let Some(reader) = &mut self.current {
            // What is behind the last entry may have been half written when it was read.
            reader
                .seek(SeekFrom::Start(self.good_length))
                .map_err(cannot("read"))?;
        }
        self.torn_bytes = 0;
        self.done = self.segments == 0 || self.is_damaged;
        Ok(())
    }

    /// The header of the next entry.
    pub(super) fn next_header(&mut self) -> Option<Result<Header, Damage>> {
        let parse = |bytes: &[u8]| Header::parse(bytes).map_err(|_| DamageKind::Entry);
        self.next(parse, |header| header.index)
    }

    /// Reads on from `place`, where entry `first` begins.
    fn begin_at(&mut self, first: u64, place: Place) -> io::Result<()> {
        let mut file = File::open(self.dir.join(segment::name(place.segment)))?;
        file.seek(SeekFrom::Start(place.offset))?;
        self.current = Some(BufReader::new(file));
        (self.segment, self.good_length, self.next_index) = (place.segment, place.offset, first);
        Ok(())
    }

    /// Passes over the entries before `index`.
    fn skip_to(&mut self, index: u64) -> Result<(), Damage> {
        while self.next_index < index {
            match self.next_header() {
                Some(header) => header.map(|_| ())?,
                None => break,
            }
        }
        Ok(())
    }

    /// Goes to the last segment that begins with `index` or an entry before it, where the segments say so.
    fn skip_segments(&mut self, index: u64) {
        let (mut least, mut most) = (0, self.segments.saturating_sub(1));
        while least < most {
            let middle = least + (most - least).div_ceil(2);
            match first_index(&self.dir, middle) {
                Some(first) if first <= index => {
                    (least, self.segment, self.next_index) = (middle, middle, first);
                }
                _ => most = middle - 1,
            }
        }
    }

    /// The bytes of the entry read last.
    pub(super) fn entry(&self) -> &[u8] {
        let line = self.whole_line();
        line.get(segment::PREFIX..).unwrap_or_default()
    }

    /// Where that entry begins in its segment.
    pub(super) fn begins(&self) -> u64 {
        self.good_length.saturating_sub(self.line.len() as u64)
    }

    /// The line read last, without its line feed.
    fn whole_line(&self) -> &[u8] {
        self.line.strip_suffix(b"\n").unwrap_or(&self.line)
    }

    fn next<T>(
        &mut self,
        parse: impl FnOnce(&[u8]) -> Result<T, DamageKind>,
        index: impl FnOnce(&T) -> u64,
    ) -> Option<Result<T, Damage>> {
        if self.done {
            return None;
        }
        let found = self.advance().and_then(|more| {
            if more {
                self.take(parse, index).map(Some)
            } else {
                Ok(None)
            }
        });
        self.done = !matches!(found, Ok(Some(_)));
        self.is_damaged |= found.is_err();
        found.map_err(|kind| self.damage(kind)).transpose()
    }

    fn take<T>(
        &mut self,
        parse: impl FnOnce(&[u8]) -> Result<T, DamageKind>,
        index: impl FnOnce(&T) -> u64,
    ) -> Result<T, DamageKind> {
        let item = parse(segment::entry_of(self.whole_line())?)?;
        let found = index(&item);
        if found != self.next_index {
            return Err(DamageKind::Order { found });
        }
        self.good_length += self.line.len() as u64;
        self.next_index += 1;
        Ok(item)
    }

    /// Brings the next whole line into `line`; false at the end of the ledger.
    fn advance(&mut self) -> Result<bool, DamageKind> {
        loop {
            let is_last = self.segment + 1 == self.segments;
            let reader = match self.current.take() {
                Some(reader) => self.current.insert(reader),
                None => self.current.insert(open(&self.dir, self.segment)?),
            };
            self.line.clear();
            let read = reader
                .take(segment::MAX_LINE as u64)
                .read_until(b'\n', &mut self.line)
                .map_err(unreadable)?;
            match read {
                0 if is_last => return Ok(false),
                0 if self.good_length == 0 => return Err(DamageKind::EmptySegment),
                0 => self.next_segment(),
                _ if self.line.ends_with(b"\n") => return Ok(true),
                _ if read == segment::MAX_LINE => return Err(DamageKind::TooLong),
                _ if is_last && !segment::hides_an_entry(&self.line) => {
                    self.torn_bytes = read as u64;
                    return Ok(false);
                }
                _ => return Err(DamageKind::Unterminated),
            }
        }
    }

    fn next_segment(&mut self) {
        (self.current, self.good_length) = (None, 0);
        self.segment += 1;
    }

    fn damage(&self, kind: DamageKind) -> Damage {
        Damage {
            segment: segment::name(self.segment),
            index: self.next_index,
            kind,
        }
    }
}

/// Segments are numbered from 0; a gap is found on the way through them.
fn count_segments(dir: &Path) -> Result<u32, LedgerError> {
    let mut count = 0;
    for file in std::fs::read_dir(dir).map_err(cannot("list"))? {
        let name = file.map_err(cannot("list"))?.file_name();
        let number = name.to_str().and_then(segment::number);
        count = number.map_or(count, |number| count.max(number.saturating_add(1)));
    }
    Ok(count)
}

/// Index of the first entry of a segment.
fn first_index(dir: &Path, number: u32) -> Option<u64> {
    let mut line = Vec::new();
    let reader = open(dir, number).ok()?;
    let mut reader = reader.take(segment::MAX_LINE as u64);
    reader.read_until(b'\n', &mut line).ok()?;
    let entry = segment::entry_of(line.strip_suffix(b"\n")?).ok()?;
    Header::parse(entry).ok().map(|header| header.index)
}

fn open(dir: &Path, number: u32) -> Result<BufReader<File>, DamageKind> {
    match File::open(dir.join(segment::name(number))) {
        Ok(file) => Ok(BufReader::new(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(DamageKind::MissingSegment),
        Err(error) => Err(unreadable(error)),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` wants")]
fn unreadable(error: io::Error) -> DamageKind {
    DamageKind::Unreadable(error.kind())
}
