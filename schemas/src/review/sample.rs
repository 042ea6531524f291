//! A random sample that nobody can choose: neither the operator, nor the auditor, nor the witness alone.
//!
//! ```text
//! population = index of every `intent` entry with from <= at < to, below the size of the checkpoint
//! seed       = SHA-256("turnpike sample 1\n" || text of the checkpoint's note || cosignature)
//! rank(i)    = SHA-256(seed || i as 8 bytes, big-endian)
//! sample     = the ceil(share * |population|) entries of the population with the lowest ranks
//! ```
//!
//! The checkpoint must come after the period: no entry of the period may lie beyond it, and the last entry it covers is not
//! from before the end of the period. The cosignature is what the witness signed (72 bytes: time and signature), which the operator
//! cannot know before the witness has made it; the text commits to every entry of the period, so the witness, who does
//! not see entries, cannot aim either.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::ledger::{Entry, Kind};
use crate::tlog::{Checkpoint, Ed25519, Note, TlogError, VerifierKey};

/// The first line of what a seed is made of.
const CONTEXT: &[u8] = b"turnpike sample 1\n";

/// Part of a population, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Share(u32);

/// Why there is no sample.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SampleError {
    /// Not a share.
    #[error("a share is more than 0 and at most 100 %, written `1%`, `0.5%` or `2.25%`")]
    Share,
    /// The period ends before it begins.
    #[error("the period must end after it begins")]
    Period,
    /// The checkpoint could have been made before the period was over.
    #[error(
        "the checkpoint does not come after the period: whoever made it could still have chosen what the period holds; take a later one"
    )]
    TooEarly,
    /// No witness vouches for the checkpoint.
    #[error("the checkpoint is not one that this witness has signed: {0}")]
    Unwitnessed(#[from] TlogError),
    /// The ledger is shorter than the checkpoint says.
    #[error("the ledger holds fewer entries than the checkpoint covers")]
    Short,
}

/// A sample being drawn while entries go by.
#[derive(Debug)]
pub struct Sampler {
    from: Timestamp,
    to: Timestamp,
    size: u64,
    population: Vec<u64>,
    seen: u64,
    last: Option<Timestamp>,
    is_early: bool,
}

/// A sample that anybody who holds the ledger can recompute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sample {
    /// Questions of the period.
    pub population: u64,
    /// SHA-256 of the seed's parts, in hexadecimal digits.
    pub seed: String,
    /// First entries of the questions to review, ascending.
    pub entries: Vec<u64>,
}

/// A checkpoint that a witness has signed, and the seed the two make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnessed {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// When the witness signed.
    pub at: Timestamp,
    /// The seed.
    pub seed: [u8; 32],
}

impl Witnessed {
    /// Reads `note` and checks that the holder of `witness` has signed it. Of several cosignatures the last one counts.
    ///
    /// # Errors
    /// [`SampleError::Unwitnessed`].
    pub fn open(
        note: &str,
        witness: &VerifierKey,
        ed25519: &dyn Ed25519,
    ) -> Result<Self, SampleError> {
        let note = Note::parse(note)?;
        let checkpoint = Checkpoint::parse(note.text())?;
        let time = witness.check_cosignature(&note, ed25519)?;
        let begins = time.to_be_bytes();
        let signed = note.signatures().iter().find(|signature| {
            signature.name() == witness.name()
                && signature.id() == witness.id()
                && signature.signature().starts_with(&begins)
        });
        let cosignature = signed.ok_or(TlogError::Malformed("cosignature"))?;
        let at = i64::try_from(time).ok();
        let at = at.and_then(|at| Timestamp::from_second(at).ok());
        Ok(Self {
            seed: seed(note.text(), cosignature.signature()),
            checkpoint,
            at: at.ok_or(TlogError::Malformed("cosignature"))?,
        })
    }
}

/// The seed a witnessed checkpoint gives: `text` of its note, and the cosignature of the witness, without its key id.
#[must_use]
pub fn seed(text: &str, cosignature: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(CONTEXT);
    hasher.update(text.as_bytes());
    hasher.update(cosignature);
    hasher.finalize().into()
}

impl Share {
    /// How many of `population` that is: rounded up, so that a sample is never empty where there is something.
    #[must_use]
    pub fn of(self, population: u64) -> u64 {
        let parts = u128::from(population) * u128::from(self.0);
        u64::try_from(parts.div_ceil(1_000_000)).unwrap_or(population)
    }
}

impl Share {
    /// As it is written, without spaces.
    #[must_use]
    pub fn in_percent(self) -> String {
        self.to_string().replace(' ', "")
    }
}

impl std::str::FromStr for Share {
    type Err = SampleError;

    fn from_str(text: &str) -> Result<Self, SampleError> {
        let percent = text
            .trim()
            .strip_suffix('%')
            .ok_or(SampleError::Share)?
            .trim();
        let (whole, part) = percent.split_once('.').unwrap_or((percent, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let well_formed = !whole.is_empty() && digits(whole) && digits(part) && part.len() <= 4;
        let millionths = format!("{whole}{part:0<4}").parse::<u32>();
        match millionths {
            Ok(share) if well_formed && (1..=1_000_000).contains(&share) => Ok(Self(share)),
            _ => Err(SampleError::Share),
        }
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, part) = (self.0 / 10_000, self.0 % 10_000);
        if part == 0 {
            return write!(f, "{whole} %");
        }
        let part = format!("{part:04}");
        write!(f, "{whole}.{} %", part.trim_end_matches('0'))
    }
}

impl Sampler {
    /// A sample of the questions of a period, under a checkpoint of `size` entries.
    ///
    /// # Errors
    /// [`SampleError::Period`].
    pub fn new(from: Timestamp, to: Timestamp, size: u64) -> Result<Self, SampleError> {
        if from >= to {
            return Err(SampleError::Period);
        }
        Ok(Self {
            from,
            to,
            size,
            population: Vec::new(),
            seen: 0,
            last: None,
            is_early: false,
        })
    }

    /// Takes the next entry into account. Entries beyond the checkpoint are looked at too: none of the period may be there.
    pub fn follow(&mut self, entry: &Entry) {
        let in_period = self.from <= entry.at && entry.at < self.to;
        if entry.index >= self.size {
            self.is_early |= in_period;
            return;
        }
        self.seen += 1;
        self.last = Some(entry.at);
        if in_period && entry.body.kind() == Kind::Intent {
            self.population.push(entry.index);
        }
    }

    /// The sample.
    ///
    /// # Errors
    /// [`SampleError::Short`] and [`SampleError::TooEarly`].
    pub fn draw(self, share: Share, seed: [u8; 32]) -> Result<Sample, SampleError> {
        if self.seen < self.size {
            return Err(SampleError::Short);
        }
        if self.is_early || self.last.is_none_or(|last| last < self.to) {
            return Err(SampleError::TooEarly);
        }
        Ok(draw(&self.population, share, seed))
    }
}

fn draw(population: &[u64], share: Share, seed: [u8; 32]) -> Sample {
    let size = population.len() as u64;
    let mut ranked: Vec<([u8; 32], u64)> = population
        .iter()
        .map(|entry| (rank(seed, *entry), *entry))
        .collect();
    ranked.sort_unstable();
    let take = usize::try_from(share.of(size)).unwrap_or(usize::MAX);
    let mut entries: Vec<u64> = ranked.into_iter().take(take).map(|(_, at)| at).collect();
    entries.sort_unstable();
    Sample {
        population: size,
        seed: crate::hex::hex(&seed),
        entries,
    }
}

fn rank(seed: [u8; 32], entry: u64) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(seed);
    hasher.update(entry.to_be_bytes());
    hasher.finalize().into()
}
