//! Hits as their owners are told of them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::LedgerPosition;
use crate::{
    alert::Reason,
    hit::{CONFIRM, Doubt, HitId, HitState, Matched, Standing},
    plate::{Jurisdiction, JurisdictionMatch},
    query::{CaseRef, Purpose},
    read::{PlateRead, SourceId},
};

/// What the owner of an entry is told of a read that matched it: a lead, and nothing more until a person has looked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HitNotice {
    /// What to do before acting; the same words on every hit.
    pub notice: String,
    /// The hit.
    pub hit: HitId,
    /// The list.
    pub list: Uuid,
    /// What its owner calls the list.
    pub list_name: String,
    /// Number of the entry.
    pub entry: u64,
    /// Why the plate is looked for.
    pub purpose: Purpose,
    /// For which file.
    pub case_reference: CaseRef,
    /// The plate that is looked for, `?` for each unknown character.
    pub wanted: String,
    /// Who issued it, where the entry says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted_jurisdiction: Option<Jurisdiction>,
    /// Reason code of the entry.
    pub reason: Reason,
    /// How the text matched.
    pub matched: Matched,
    /// How the issuers compare; never `different`.
    pub issuer: JurisdictionMatch,
    /// What speaks for caution.
    pub cautions: Vec<Caution>,
    /// How much later than its capture the read arrived, in seconds, where that is late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_by_s: Option<u64>,
    /// When the owner was told.
    #[schema(value_type = String, format = DateTime)]
    pub told_at: Timestamp,
    /// What the agreement of the source binds the owner to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub obligations: Vec<String>,
    /// The read, as the agreement releases it.
    pub read: PlateRead,
}

/// One thing that speaks for caution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Caution {
    /// Its code.
    pub doubt: Doubt,
    /// In words.
    pub says: String,
}

impl HitNotice {
    /// The words every hit begins with.
    #[must_use]
    pub fn words() -> String {
        CONFIRM.to_owned()
    }
}

impl From<Doubt> for Caution {
    fn from(doubt: Doubt) -> Self {
        Self {
            doubt,
            says: doubt.in_words().to_owned(),
        }
    }
}

/// A hit as it stands now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HitReport {
    /// The hit.
    pub hit: HitId,
    /// The list.
    pub list: Uuid,
    /// Number of the entry.
    pub entry: u64,
    /// Whose read it is.
    pub source: SourceId,
    /// When the owner was told first.
    #[schema(value_type = String, format = DateTime)]
    pub told_at: Timestamp,
    /// What a person found.
    pub state: HitState,
    /// Whether the source still says what made the hit.
    pub standing: Standing,
    /// The review, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<HitReviewed>,
    /// What the owner was told; absent once nothing of the read may be known any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Box<HitNotice>>,
    /// Where the telling stands in the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<LedgerPosition>,
    /// When its owner first showed it by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub seen_at: Option<Timestamp>,
    /// When a second person was to be told, because its owner had not seen it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub escalated_at: Option<Timestamp>,
}

/// Who looked at a hit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HitReviewed {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Seconds from the telling to the review.
    pub took_s: u64,
    /// Entry of the ledger.
    pub entry: u64,
}

/// Hits of one owner, the latest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HitPage {
    /// The hits.
    pub hits: Vec<HitReport>,
    /// What to send as `before` for the next page; absent after the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// How something in the read compares with what is wanted.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Compared {
    /// It is the same.
    Matches,
    /// It is not.
    Differs,
    /// The source has nothing to compare, or it shows too little.
    NotVisible,
    /// Nobody looked.
    NotLookedAt,
}

/// How a hit can be confirmed without its image.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum WithoutImage {
    /// Somebody saw plate and vehicle on the spot.
    SeenInPerson,
    /// The source looked, and said so.
    ConfirmedBySource,
    /// Whoever issued the plate or wants it looked, and said so.
    ConfirmedByIssuer,
}

/// What a person found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HitReview {
    /// What: anything but `unconfirmed`.
    pub state: HitState,
    /// How the plate in the image compares. `confirmed` takes `matches`, or the reason why it goes without.
    pub image: Compared,
    /// How the vehicle compares.
    pub vehicle: Compared,
    /// How it was confirmed without the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without_image: Option<WithoutImage>,
}

/// Why a review is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HitReviewError {
    /// It finds nothing.
    #[error("`state`: `unconfirmed` is what a hit is before a person looks")]
    NoFinding,
    /// A read alone is no ground to act.
    #[error(
        "`image`: a hit is confirmed against its image; where that cannot be, say in `without_image` how it was confirmed"
    )]
    NotSeen,
    /// What contradicts is not confirmed.
    #[error("`state`: a hit is not confirmed where image or vehicle differ")]
    Differs,
}

impl HitReview {
    /// Whether the finding rests on something.
    ///
    /// # Errors
    /// [`HitReviewError`], naming the field.
    pub fn check(&self) -> Result<(), HitReviewError> {
        let differs = [self.image, self.vehicle].contains(&Compared::Differs);
        match self.state {
            HitState::Unconfirmed => Err(HitReviewError::NoFinding),
            HitState::Confirmed if differs => Err(HitReviewError::Differs),
            HitState::Confirmed
                if self.image != Compared::Matches && self.without_image.is_none() =>
            {
                Err(HitReviewError::NotSeen)
            }
            _ => Ok(()),
        }
    }
}

/// What happened to a hit.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum HitEventKind {
    /// A read may be of a wanted plate.
    Hit,
    /// The source corrected or withdrew what made the hit, or says it again.
    Amended,
    /// A person has looked.
    Reviewed,
    /// A hit that its owner has not seen: you are the second person.
    Escalated,
}

/// One event, as it goes over a stream or to a webhook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HitEvent {
    /// Its name: the same however often it is sent.
    pub event: String,
    /// What happened.
    pub kind: HitEventKind,
    /// The hit.
    pub hit: HitId,
    /// What a person had found by then.
    pub state: HitState,
    /// Whether the source still said so by then. A hit that was corrected or withdrawn is no ground to act any more.
    pub standing: Standing,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What the owner is told; absent where the event shows nothing, and once nothing of the read may be known any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Box<HitNotice>>,
}

/// How often hits turned out to be right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PrecisionReport {
    /// By source.
    pub sources: Vec<PrecisionLine>,
    /// By source and list.
    pub lists: Vec<PrecisionLine>,
}

/// Hits of one source, or of one source and list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PrecisionLine {
    /// The source.
    pub source: SourceId,
    /// The list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
    /// All hits there ever were.
    pub hits: u64,
    /// By what a person found.
    pub states: BTreeMap<HitState, u64>,
    /// Confirmed ones of those somebody looked at, in per cent, rounded down; absent where nobody looked at any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_percent: Option<u64>,
}

impl PrecisionLine {
    /// From hits by state.
    #[must_use]
    pub fn of(source: SourceId, list: Option<String>, states: BTreeMap<HitState, u64>) -> Self {
        let count = |state| states.get(&state).copied().unwrap_or(0);
        let hits: u64 = states.values().sum();
        let reviewed = hits - count(HitState::Unconfirmed);
        let confirmed = count(HitState::Confirmed).saturating_mul(100);
        Self {
            source,
            list,
            hits,
            confirmed_percent: confirmed.checked_div(reviewed),
            states,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_somebody_looked_at_counts() {
        let of = |counts: &[(HitState, u64)]| {
            let source = SourceId::parse("brookdale").unwrap();
            let line = PrecisionLine::of(source, None, counts.iter().copied().collect());
            (line.hits, line.confirmed_percent)
        };
        assert_eq!(of(&[(HitState::Unconfirmed, 9)]), (9, None));
        let some = [
            (HitState::Unconfirmed, 9),
            (HitState::Confirmed, 2),
            (HitState::WrongPlate, 1),
        ];
        assert_eq!(of(&some), (12, Some(66)));
        assert_eq!(of(&[(HitState::Stale, 4)]), (4, Some(0)));
    }

    fn review(state: HitState, image: Compared, vehicle: Compared) -> HitReview {
        HitReview {
            state,
            image,
            vehicle,
            without_image: None,
        }
    }

    #[test]
    fn nothing_is_confirmed_unseen_or_against_what_is_seen() {
        use Compared::{Differs, Matches, NotLookedAt, NotVisible};
        let confirmed = |image, vehicle| review(HitState::Confirmed, image, vehicle).check();
        assert_eq!(confirmed(Matches, NotVisible), Ok(()));
        assert_eq!(confirmed(Matches, Differs), Err(HitReviewError::Differs));
        assert_eq!(confirmed(Differs, Matches), Err(HitReviewError::Differs));
        for image in [NotVisible, NotLookedAt] {
            assert_eq!(confirmed(image, Matches), Err(HitReviewError::NotSeen));
            let otherwise = HitReview {
                without_image: Some(WithoutImage::SeenInPerson),
                ..review(HitState::Confirmed, image, Matches)
            };
            assert_eq!(otherwise.check(), Ok(()));
        }
        let wrong = review(HitState::WrongPlate, NotLookedAt, NotLookedAt);
        assert_eq!(wrong.check(), Ok(()));
        let nothing = review(HitState::Unconfirmed, Matches, Matches);
        assert_eq!(nothing.check(), Err(HitReviewError::NoFinding));
    }
}
