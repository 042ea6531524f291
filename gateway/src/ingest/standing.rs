//! What a source that we go to is owed before each contact: a permit, and a pause after a fault.

use std::time::Duration;

use turnpike_adapters::error::{Error, Retry};
use turnpike_schemas::{agreement::IngestPermit, ledger::IngestWay};

use super::Intake;
use crate::{federation::Source, ledger::LedgerError};

/// How often an agreement that refuses is looked at again. Nobody is contacted meanwhile.
pub(super) const RECHECK: Duration = Duration::from_secs(2);

const LEAST: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_secs(60);

/// Whether the agreement lets reads in. A refusal is recorded once, and again only after a permit.
#[derive(Debug)]
pub(super) struct Standing {
    way: IngestWay,
    refused: Option<String>,
}

/// Pauses that grow with each fault, each a random part of itself so that many gateways do not come back together.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    faults: u32,
}

impl Standing {
    pub(super) fn new(way: IngestWay) -> Self {
        Self { way, refused: None }
    }

    /// The permit for one contact; `None` when the agreement refuses, which is on record then.
    ///
    /// # Errors
    /// The refusal could not be recorded.
    pub(super) async fn permit(
        &mut self,
        intake: &Intake,
        source: &Source,
    ) -> Result<Option<IngestPermit>, LedgerError> {
        match intake.permit(source).await? {
            Ok(permit) => {
                self.refused = None;
                Ok(Some(permit))
            }
            Err(refusal) => {
                let rule = refusal.rule.to_string();
                if self.refused.as_ref() != Some(&rule) {
                    intake.refused(source, self.way, &rule, None).await?;
                    tracing::warn!(source = %source.id, rule, "the agreement takes nothing in; the source is not contacted");
                    self.refused = Some(rule);
                }
                Ok(None)
            }
        }
    }
}

impl Backoff {
    /// All is well.
    pub(super) fn reset(&mut self) {
        self.faults = 0;
    }

    /// How long to leave the source alone after `error`: as long as it says, else longer each time.
    pub(super) fn after(&mut self, error: &Error) -> Duration {
        let wait = match error.retry() {
            Retry::After(wait) => return wait.max(LEAST),
            Retry::Backoff => LEAST.saturating_mul(1 << self.faults.min(16)).min(MOST),
            // Asking again does not help, but whoever mends it need not restart the gateway.
            Retry::Never => MOST,
        };
        self.faults = self.faults.saturating_add(1);
        wait.mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use turnpike_adapters::error::ErrorKind;

    use super::*;

    #[test]
    fn pauses_grow_to_a_minute_and_begin_anew() {
        let mut backoff = Backoff::default();
        let fault = || Error::new(ErrorKind::Unavailable, "test", "down");
        let pauses: Vec<Duration> = (0..12).map(|_| backoff.after(&fault())).collect();
        for (pause, most) in pauses
            .iter()
            .zip([1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60])
        {
            let most = Duration::from_secs(most);
            assert!(*pause >= most / 2 && *pause <= most, "{pauses:?}");
        }
        backoff.reset();
        assert!(backoff.after(&fault()) <= LEAST);
    }

    #[test]
    fn a_source_that_says_how_long_is_left_alone_that_long() {
        let wait = Duration::from_secs(600);
        let said =
            Error::new(ErrorKind::RateLimited, "test", "later").with_retry(Retry::After(wait));
        assert_eq!(Backoff::default().after(&said), wait);
        let wrong = Error::new(ErrorKind::Unauthorized, "test", "no");
        assert!(Backoff::default().after(&wrong) >= MOST / 2);
    }
}
