//! Limits on callers: per user and per organisation. Limits on sources live in the adapters' throttle layer.
//!
//! A caller has a limiter once it is known who it is, so strangers add none; those at rest leave when there are many.

use std::{collections::BTreeMap, num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::HashMapStateStore,
};

use turnpike_schemas::read::SourceId;

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
