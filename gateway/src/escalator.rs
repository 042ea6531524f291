//! The task that tells second persons of hits that their owners have not seen in time.
//!
//! Who is told, and after how long, is each owner's own choice ([`crate::channels`]); whether they may be told is decided anew for each
//! hit ([`crate::matching`]). Once for each hit, also over a restart.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use turnpike_adapters::context::Clock;

use crate::{
    channels::{self, Escalation},
    matching::Matching,
    watch::Unseen,
};

/// The clock may be set while a hit waits to be seen, so it is looked at that often.
const LOOK: Duration = Duration::from_secs(1);

/// Most hits of one owner that are told of in one go.
const AT_ONCE: u32 = 100;

/// Tells second persons.
#[derive(Debug)]
pub(crate) struct Escalator {
    pub(crate) channels: channels::Book,
    pub(crate) matching: Arc<Matching>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Escalator {
    /// Tells until it is told to stop.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => self.look().await,
            }
        }
    }

    async fn look(&self) {
        let escalations = match self.channels.escalations().await {
            Ok(escalations) => escalations,
            Err(error) => {
                tracing::error!(%error, "who is told of hits that nobody has seen cannot be read");
                return;
            }
        };
        for escalation in escalations {
            if let Err(error) = self.of(&escalation).await {
                tracing::error!(%error, "a hit that nobody has seen cannot be told to a second person; it is tried again");
            }
        }
    }

    async fn of(&self, escalation: &Escalation) -> Result<(), crate::matching::Stuck> {
        let now = self.clock.now();
        let which = Unseen {
            owner: escalation.owner.clone(),
            from: escalation.set_at,
            until: now.checked_sub(escalation.after).unwrap_or(Timestamp::MIN),
            limit: AT_ONCE,
        };
        for hit in self.matching.hits.unseen(which).await? {
            self.matching.tell_second(&hit, &escalation.to, now).await?;
        }
        Ok(())
    }
}
