//! Limits on callers: per user and per organisation. Limits on sources live in the adapters' throttle layer.
//!
//! A caller has a limiter once it is known who it is, so strangers add none; those at rest leave when there are many.

use std::{
    collections::{BTreeMap, VecDeque},
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::HashMapStateStore,
};

use jiff::Timestamp;
use turnpike_schemas::{
    agreement::{Permit, Requester},
    read::SourceId,
};

use crate::{config::CallerLimits, identity::Identity};

type Limiter =
    RateLimiter<String, HashMapStateStore<String>, DefaultClock, StateInformationMiddleware>;

/// Callers from which on those at rest are forgotten.
const MANY: usize = 10_000;

/// The limits of every caller.
#[derive(Debug)]
pub struct Limits {
    users: Limiter,
    organisations: Limiter,
    per_user: NonZeroU32,
    per_organisation: NonZeroU32,
    clock: DefaultClock,
}

/// Whose limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The caller's own.
    User,
    /// The caller's organisation's.
    Organisation,
}

/// What is left after a question was let through: the tighter of both limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whose limit is the tighter one.
    pub scope: Scope,
    /// Questions a minute.
    pub quota: u32,
    /// Questions left right now.
    pub remaining: u32,
    /// Seconds until one more is available.
    pub reset_s: u64,
}

/// A question too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limited {
    /// The limit that was reached, with nothing remaining.
    pub standing: Standing,
    /// When to ask again, in whole seconds, at least 1.
    pub retry_after_s: u64,
}

impl Scope {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Organisation => "organisation",
        }
    }
}

impl Limits {
    /// Limits of callers who have not called yet.
    #[must_use]
    pub fn new(limits: &CallerLimits) -> Self {
        let limiter = |quota| {
            RateLimiter::hashmap(Quota::per_minute(quota))
                .with_middleware::<StateInformationMiddleware>()
        };
        Self {
            users: limiter(limits.user_per_minute),
            organisations: limiter(limits.organisation_per_minute),
            per_user: limits.user_per_minute,
            per_organisation: limits.organisation_per_minute,
            clock: DefaultClock::default(),
        }
    }

    /// Counts one question of the caller.
    ///
    /// # Errors
    /// [`Limited`] when the user's or the organisation's limit is reached; a user's question that the organisation's limit
    /// stops still counts against the user.
    pub fn take(&self, identity: &Identity) -> Result<Standing, Limited> {
        for limiter in [&self.users, &self.organisations] {
            if limiter.len() > MANY {
                limiter.retain_recent();
            }
        }
        let (user, organisation) = (identity.account(), &identity.organisation().id);
        let user = self.check(Scope::User, &self.users, user, self.per_user)?;
        let organisation = self.check(
            Scope::Organisation,
            &self.organisations,
            organisation,
            self.per_organisation,
        )?;
        Ok(if organisation.remaining < user.remaining {
            organisation
        } else {
            user
        })
    }

    fn check(
        &self,
        scope: Scope,
        limiter: &Limiter,
        key: &str,
        quota: NonZeroU32,
    ) -> Result<Standing, Limited> {
        let standing = |remaining, reset_s| Standing {
            scope,
            quota: quota.get(),
            remaining,
            reset_s,
        };
        match limiter.check_key(&key.to_owned()) {
            Ok(snapshot) => {
                let per_token = Duration::from_secs(60) / quota.get();
                Ok(standing(
                    snapshot.remaining_burst_capacity(),
                    whole_seconds(per_token),
                ))
            }
            Err(not_until) => {
                let wait = whole_seconds(not_until.wait_time_from(self.clock.now()));
                Err(Limited {
                    standing: standing(0, wait),
                    retry_after_s: wait,
                })
            }
        }
    }
}

/// What agreements allow: questions of a subject over any hour and of an organisation over any 24 hours, for each source.
///
/// Counted in memory over sliding spans, to the minute and to ten minutes, and never more than agreed over any span; a
/// restart begins anew.
#[derive(Debug, Default)]
pub struct AgreementLimits {
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    counts: BTreeMap<(SourceId, Asks, bool, String), Counts>,
    /// How many there may be before those at rest are forgotten: twice as many as were not, the last time.
    most: usize,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asks {
    /// Somebody who waits for the answer.
    Person,
    /// An entry of an alert list, in its turn.
    Standing,
}

impl Asks {
    /// Their share of what is agreed.
    pub(crate) fn of(self, agreed: u32, reserve_percent: u8) -> u32 {
        let reserved = u64::from(agreed) * u64::from(reserve_percent.min(100)) / 100;
        let reserved = u32::try_from(reserved).unwrap_or(agreed);
        match self {
            Self::Person => agreed - reserved,
            Self::Standing => reserved,
        }
    }
}

/// Questions by the part of the span they fell into.
#[derive(Debug, Default)]
struct Counts(VecDeque<(i64, u32)>);

/// A span and the parts it is counted in, in seconds.
struct Span {
    whole: i64,
    part: i64,
}

impl Span {
    /// When a part no longer counts: once all of it is older than the span.
    fn leaves(&self, part: i64) -> i64 {
        (part + 1) * self.part + self.whole
    }
}

const HOUR: Span = Span {
    whole: 3_600,
    part: 60,
};

const DAY: Span = Span {
    whole: 86_400,
    part: 600,
};

impl AgreementLimits {
    /// Counts one question under a permit. Of what is agreed `reserve_percent` is for standing questions and the rest for people:
    /// neither takes from the other, and together they are never more than agreed.
    ///
    /// # Errors
    /// The seconds until there is room again, when the subject or its organisation has asked as often as agreed.
    pub fn take(
        &self,
        permit: &Permit,
        requester: &Requester,
        (asks, reserve_percent): (Asks, u8),
        now: Timestamp,
    ) -> Result<(), u32> {
        let terms = permit.how_much();
        let source = || permit.source().clone();
        let subject = (source(), asks, false, requester.subject.clone());
        let organisation = (source(), asks, true, requester.organisation.id.clone());
        let now = now.as_second();
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.forget(now);
        let counts = &mut taken.counts;
        let mut room = |key: &(SourceId, Asks, bool, String), span: &Span, agreed| {
            let most = asks.of(agreed, reserve_percent);
            if most == 0 {
                return Err(u32::try_from(span.whole).unwrap_or(u32::MAX));
            }
            let counts = counts.entry(key.clone()).or_default();
            counts.room(span, most, now)
        };
        room(&subject, &HOUR, terms.user_per_hour)?;
        room(&organisation, &DAY, terms.organisation_per_day)?;
        for (key, span) in [(subject, HOUR), (organisation, DAY)] {
            counts.entry(key).or_default().count(&span, now);
        }
        Ok(())
    }
}

impl Taken {
    /// A system can name any number of people: what is at rest leaves when there is much of it.
    fn forget(&mut self, now: i64) {
        if self.counts.len() <= self.most.max(MANY) {
            return;
        }
        self.counts.retain(|(_, _, is_organisation, _), counts| {
            let span = if *is_organisation { &DAY } else { &HOUR };
            counts.let_go(span, now);
            !counts.0.is_empty()
        });
        self.most = self.counts.len().saturating_mul(2);
    }
}

impl Counts {
    /// A part counts until all of it is older than the span.
    fn room(&mut self, span: &Span, most: u32, now: i64) -> Result<(), u32> {
        self.let_go(span, now);
        let asked: u64 = self.0.iter().map(|(_, count)| u64::from(*count)).sum();
        match self.0.front() {
            Some((first, _)) if asked >= u64::from(most) => {
                Err(u32::try_from(span.leaves(*first) - now)
                    .unwrap_or(u32::MAX)
                    .max(1))
            }
            _ => Ok(()),
        }
    }

    fn let_go(&mut self, span: &Span, now: i64) {
        while self
            .0
            .front()
            .is_some_and(|(part, _)| span.leaves(*part) <= now)
        {
            self.0.pop_front();
        }
    }

    fn count(&mut self, span: &Span, now: i64) {
        let part = now.div_euclid(span.part);
        match self.0.back_mut() {
            // A clock that was set back counts into the part that was last.
            Some((last, count)) if *last >= part => *count = count.saturating_add(1),
            _ => self.0.push_back((part, 1)),
        }
    }
}

/// Limits on pushing sources: messages a second, one limiter per configured source.
#[derive(Debug)]
pub struct PushLimits {
    sources: BTreeMap<SourceId, governor::DefaultDirectRateLimiter>,
}

impl PushLimits {
    /// The same limit for each source.
    #[must_use]
    pub fn new(per_second: NonZeroU32, sources: impl Iterator<Item = SourceId>) -> Self {
        let sources =
            sources.map(|source| (source, RateLimiter::direct(Quota::per_second(per_second))));
        Self {
            sources: sources.collect(),
        }
    }

    /// Counts one message. A source without a limiter is not configured and is not let through.
    #[must_use]
    pub fn allow(&self, source: &SourceId) -> bool {
        self.sources
            .get(source)
            .is_some_and(|limiter| limiter.check().is_ok())
    }
}

fn whole_seconds(duration: Duration) -> u64 {
    duration
        .as_millis()
        .div_ceil(1_000)
        .try_into()
        .unwrap_or(u64::MAX)
        .max(1)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;
    use turnpike_schemas::{
        agreement::{AgreementDocument, Organisation, OrganisationClass, Role},
        plate::{Jurisdiction, Plate},
        query::{AskedPlate, CaseRef, OnBehalfOf, Purpose, Query, TimeWindow},
    };

    use super::*;

    const REFERENCE: &str = include_str!("../../schemas/tests/all/reference-agreement.toml");

    fn asker(subject: &str) -> Requester {
        Requester {
            subject: subject.to_owned(),
            organisation: Organisation {
                id: "brookdale-police".to_owned(),
                class: OrganisationClass::StateLocal,
                jurisdiction: Jurisdiction::parse("US-OH").unwrap(),
            },
            roles: [Role::Investigator].into(),
            on_behalf_of: None,
            attributes: serde_json::from_value(
                serde_json::json!({ "training_until": "2027-01-01", "assurance": "aal2" }),
            )
            .unwrap(),
        }
    }

    fn start() -> Timestamp {
        "2026-07-01T12:00:00Z".parse().unwrap()
    }

    fn permit(user: u32, organisation: u32) -> Permit {
        let mut document: AgreementDocument = toml::from_str(REFERENCE).unwrap();
        document.how_much.user_per_hour = user;
        document.how_much.organisation_per_day = organisation;
        let now = start();
        let query = Query::new(
            AskedPlate::Exact(Plate::parse("TPK0421").unwrap()),
            TimeWindow::new(now - SignedDuration::from_hours(1), now).unwrap(),
            Purpose::StolenVehicle,
            CaseRef::parse("BRK-2026-000042").unwrap(),
            OnBehalfOf::Own,
        )
        .unwrap();
        let agreement = document.validate().unwrap();
        agreement.permit(&asker("dana"), &query, now).unwrap()
    }

    fn take(
        limits: &AgreementLimits,
        permit: &Permit,
        subject: &str,
        at_s: i64,
    ) -> Result<(), u32> {
        let now = start() + SignedDuration::from_secs(at_s);
        limits.take(permit, &asker(subject), (Asks::Person, 0), now)
    }

    #[test]
    fn a_user_has_an_hour_and_an_organisation_a_day_and_both_get_room_again() {
        let (limits, permit) = (AgreementLimits::default(), permit(2, 3));
        assert_eq!(take(&limits, &permit, "dana", 0), Ok(()));
        assert_eq!(take(&limits, &permit, "dana", 10), Ok(()));
        assert_eq!(take(&limits, &permit, "dana", 20), Err(3_640));
        assert_eq!(take(&limits, &permit, "dana", 3_659), Err(1));
        assert_eq!(take(&limits, &permit, "eve", 3_659), Ok(()));
        assert_eq!(
            take(&limits, &permit, "dana", 3_660),
            Err(86_400 + 600 - 3_660)
        );
        assert_eq!(take(&limits, &permit, "dana", 86_999), Err(1));
        assert_eq!(take(&limits, &permit, "dana", 87_000), Ok(()));
    }

    #[test]
    fn standing_questions_have_their_share_of_what_is_agreed_and_people_the_rest() {
        let (limits, permit) = (AgreementLimits::default(), permit(10, 1_000));
        let take = |asks| limits.take(&permit, &asker("dana"), (asks, 20), start());
        let taken = |asks| (0..20).filter(|_| take(asks).is_ok()).count();
        assert_eq!((taken(Asks::Standing), taken(Asks::Person)), (2, 8));
        let little = self::permit(4, 1_000);
        let none = limits.take(&little, &asker("eve"), (Asks::Standing, 20), start());
        assert_eq!(none, Err(3_600));
    }

    #[test]
    fn subjects_at_rest_are_forgotten_and_nobody_else() {
        let permit = permit(1, 1_000_000);
        let many = || {
            let limits = AgreementLimits::default();
            for n in 0..MANY {
                assert_eq!(take(&limits, &permit, &format!("dispatch/{n}"), 0), Ok(()));
            }
            limits
        };
        let held = |limits: &AgreementLimits| limits.taken.lock().unwrap().counts.len();
        let limits = many();
        assert_eq!(
            held(&limits),
            MANY + 1,
            "each subject, and the organisation"
        );
        assert_eq!(take(&limits, &permit, "dispatch/again", 3_661), Ok(()));
        assert_eq!(held(&limits), 2);
        let limits = many();
        assert_eq!(take(&limits, &permit, "dispatch/7", 3_659), Err(1));
        assert_eq!(held(&limits), MANY + 1);
    }

    proptest! {
        #[test]
        fn over_no_span_are_more_questions_let_through_than_agreed(
            user in 1_u32..6,
            organisation in 1_u32..12,
            steps in proptest::collection::vec((0_i64..4_000, any::<bool>()), 1..300),
        ) {
            let (limits, permit) = (AgreementLimits::default(), permit(user, organisation));
            let (mut at, mut taken) = (0, Vec::new());
            for (step, first) in steps {
                at += step;
                let subject = if first { "dana" } else { "eve" };
                match take(&limits, &permit, subject, at) {
                    Ok(()) => taken.push((at, subject)),
                    Err(wait) => prop_assert!(wait >= 1),
                }
            }
            for (end, subject) in &taken {
                let within = |span: i64, who: Option<&str>| {
                    let inside = taken.iter().filter(|(at, by)| {
                        *at > end - span && at <= end && who.is_none_or(|who| who == *by)
                    });
                    u32::try_from(inside.count()).unwrap()
                };
                prop_assert!(within(3_600, Some(subject)) <= user);
                prop_assert!(within(86_400, None) <= organisation);
            }
        }
    }
}
