//! Hits: reads that matched an entry of an alert list.
//!
//! A hit is a lead and nothing more until a person has looked: every hit carries [`CONFIRM`], what speaks against it
//! ([`Doubt`]) and the age of what it rests on. One passage is one hit ([`passage`]).

pub mod memory;
pub mod passage;

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::{
    hex::hex,
    plate::JurisdictionMatch,
    read::{PlateRead, ReadId, ReadKind},
};

/// What every hit says first.
pub const CONFIRM: &str =
    "Possible match: confirm plate, issuer and vehicle against the image before acting.";

/// A read older than this when it arrives is late.
pub const LATE_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// A plate text the source is less sure of than this is doubted.
const SURE: f64 = 0.8;

/// Identity of a hit: 32 hexadecimal digits derived from the entry and the read that made it, so the same on every replica
/// and however often the read arrives.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, pattern = "^[0-9a-f]{32}$")]
pub struct HitId(String);

/// Why a text is not the identity of a hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a hit is named by 32 lower case hexadecimal digits")]
pub struct HitIdError;

/// How the text of a read matched an entry.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Matched {
    /// The texts are equal.
    Exact,
    /// The texts are equal once look-alike characters are folded together; the list allows it.
    LookAlike,
    /// The entry names a part of the plate.
    Pattern,
}

/// What speaks for caution about one hit.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// Another plate looks like the one wanted.
    LookAlike,
    /// Only a part of the plate is known.
    Pattern,
    /// The source does not say who issued the plate, or the entry does not.
    IssuerUnknown,
    /// The source is not very sure of the text.
    LowConfidence,
    /// The source does not say how sure it is.
    NoConfidence,
    /// The source has other readings of the same plate.
    OtherReadings,
    /// The read arrived long after it was taken.
    Late,
    /// There is no image to confirm it with.
    NoImage,
    /// Nobody saw the vehicle: the record is a right bound to the plate.
    NotSeen,
    /// The list the entry came from is old.
    OldList,
}

/// What a person found when looking at a hit.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum HitState {
    /// Nobody looked yet.
    Unconfirmed,
    /// Plate, issuer and vehicle are the wanted ones.
    Confirmed,
    /// The plate was read wrong.
    WrongPlate,
    /// The plate is of another issuer.
    WrongJurisdiction,
    /// It was no longer wanted.
    Stale,
    /// Something else is wrong with it.
    Other,
}

/// Whether the source still says what made the hit.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It does.
    Stands,
    /// The source corrected the read, and it no longer matches.
    Corrected,
    /// The source withdrew the read.
    Withdrawn,
}

impl HitId {
    /// The identity of the hit that this read makes of this entry. Neither is recoverable from it.
    #[must_use]
    pub fn derive(entry: &str, read: &ReadId) -> Self {
        let mut hash = Sha256::new();
        hash.update(entry.as_bytes());
        hash.update([0]);
        hash.update(read.as_str().as_bytes());
        let digest: [u8; 32] = hash.finalize().into();
        let id: [u8; 16] = digest.first_chunk().copied().unwrap_or_default();
        Self(hex(&id))
    }

    /// The 32 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for HitId {
    type Error = HitIdError;

    fn try_from(text: String) -> Result<Self, HitIdError> {
        let digits = text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if text.len() == 32 && digits {
            Ok(Self(text))
        } else {
            Err(HitIdError)
        }
    }
}

impl From<HitId> for String {
    fn from(id: HitId) -> Self {
        id.0
    }
}

impl fmt::Display for HitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HitState {
    /// Every state, in the order of this type.
    pub const ALL: [Self; 6] = [
        Self::Unconfirmed,
        Self::Confirmed,
        Self::WrongPlate,
        Self::WrongJurisdiction,
        Self::Stale,
        Self::Other,
    ];

    /// Whether a person has looked.
    #[must_use]
    pub fn is_reviewed(self) -> bool {
        self != Self::Unconfirmed
    }

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unconfirmed => "unconfirmed",
            Self::Confirmed => "confirmed",
            Self::WrongPlate => "wrong_plate",
            Self::WrongJurisdiction => "wrong_jurisdiction",
            Self::Stale => "stale",
            Self::Other => "other",
        }
    }
}

impl Standing {
    /// Every standing, in the order of this type.
    pub const ALL: [Self; 3] = [Self::Stands, Self::Corrected, Self::Withdrawn];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stands => "stands",
            Self::Corrected => "corrected",
            Self::Withdrawn => "withdrawn",
        }
    }
}

impl Doubt {
    /// What to weigh, in words.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::LookAlike => "the plate only looks like the one wanted",
            Self::Pattern => "only a part of the plate is known",
            Self::IssuerUnknown => "who issued the plate is not known",
            Self::LowConfidence => "the source is not sure of the text",
            Self::NoConfidence => "the source does not say how sure it is",
            Self::OtherReadings => "the source has other readings of this plate",
            Self::Late => "the read arrived long after it was taken",
            Self::NoImage => "there is no image to confirm it with",
            Self::NotSeen => "nobody saw the vehicle: this is a right bound to the plate",
            Self::OldList => "the list is old",
        }
    }
}

/// How much later than its capture a read arrived, if that is late.
#[must_use]
pub fn late_by(read: &PlateRead) -> Option<SignedDuration> {
    let behind = read
        .received_at
        .duration_since(read.observation.captured_at);
    (behind > LATE_AFTER).then_some(behind)
}

/// Everything that speaks for caution about a read that matched, in the order of [`Doubt`]. `read` is what the agreement
/// releases: what is kept back is not known to whoever confirms.
#[must_use]
pub fn doubts(
    read: &PlateRead,
    matched: Matched,
    issuer: JurisdictionMatch,
    list_is_old: bool,
) -> Vec<Doubt> {
    let observed = &read.observation;
    let confidence = observed.plate.confidence;
    [
        (matched == Matched::LookAlike, Doubt::LookAlike),
        (matched == Matched::Pattern, Doubt::Pattern),
        (issuer == JurisdictionMatch::Unknown, Doubt::IssuerUnknown),
        (
            confidence.is_some_and(|sure| sure.get() < SURE),
            Doubt::LowConfidence,
        ),
        (confidence.is_none(), Doubt::NoConfidence),
        (!observed.plate.candidates.is_empty(), Doubt::OtherReadings),
        (late_by(read).is_some(), Doubt::Late),
        (observed.images.is_empty(), Doubt::NoImage),
        (observed.kind == ReadKind::Right, Doubt::NotSeen),
        (list_is_old, Doubt::OldList),
    ]
    .into_iter()
    .filter_map(|(holds, doubt)| holds.then_some(doubt))
    .collect()
}

/// How long it took until a person had looked, in whole seconds.
#[must_use]
pub fn time_to_review_s(told_at: Timestamp, reviewed_at: Timestamp) -> u64 {
    u64::try_from(reviewed_at.duration_since(told_at).as_secs()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plate::Plate,
        read::{Confidence, Observation, Provenance, SourceId, ZoneProvenance},
    };

    fn read(captured: &str, received: &str) -> PlateRead {
        let observation = Observation::new(
            "r-1".to_owned(),
            Plate::parse("TPK0421").unwrap(),
            captured.parse().unwrap(),
            ZoneProvenance::InValue,
        );
        let provenance = Provenance {
            adapter: "test".to_owned(),
            adapter_version: "1".to_owned(),
            agreement: None,
            payload_sha256: String::new(),
        };
        let source = SourceId::parse("brookdale").unwrap();
        PlateRead::seal(observation, source, received.parse().unwrap(), provenance)
    }

    #[test]
    fn a_hit_is_named_by_entry_and_read() {
        let read = read("2026-03-04T07:15:30Z", "2026-03-04T07:15:31Z");
        let id = HitId::derive("e-1", &read.id);
        assert_eq!(id, HitId::derive("e-1", &read.id));
        assert_ne!(id, HitId::derive("e-2", &read.id));
        assert_eq!(HitId::try_from(id.as_str().to_owned()), Ok(id));
        assert_eq!(HitId::try_from("E".repeat(32)), Err(HitIdError));
        assert_eq!(HitId::try_from("0".repeat(31)), Err(HitIdError));
    }

    #[test]
    fn a_read_of_ten_minutes_is_not_late_and_an_older_one_is() {
        let just = read("2026-03-04T07:00:00Z", "2026-03-04T07:10:00Z");
        assert_eq!(late_by(&just), None);
        let late = read("2026-03-04T07:00:00Z", "2026-03-04T07:10:00.001Z");
        assert_eq!(late_by(&late), Some(SignedDuration::from_millis(600_001)));
    }

    #[test]
    fn what_speaks_against_a_hit_is_said() {
        let mut read = read("2026-03-04T07:00:00Z", "2026-03-04T09:00:00Z");
        assert_eq!(
            doubts(&read, Matched::LookAlike, JurisdictionMatch::Unknown, true),
            [
                Doubt::LookAlike,
                Doubt::IssuerUnknown,
                Doubt::NoConfidence,
                Doubt::Late,
                Doubt::NoImage,
                Doubt::OldList
            ]
        );
        read.received_at = read.observation.captured_at;
        read.observation.plate.confidence = Confidence::new(0.79).ok();
        read.observation.kind = ReadKind::Right;
        assert_eq!(
            doubts(&read, Matched::Exact, JurisdictionMatch::Same, false),
            [Doubt::LowConfidence, Doubt::NoImage, Doubt::NotSeen]
        );
    }
}
