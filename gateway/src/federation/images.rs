//! One image of one released read, through the gateway, under its own decision and its own record.

use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use turnpike_adapters::{
    adapter::Image,
    error::{Error, ErrorKind},
};
use turnpike_schemas::{
    agreement::Refusal,
    api::Completeness,
    hex::hex,
    ledger::{Action, Digest, SourceOutcome},
    read::ReadId,
};
use uuid::Uuid;

use super::{Federation, OnRecord, Source, record, released::Release};
use crate::{identity::Identity, ledger::LedgerError};

/// Longest wait for an image.
const DEADLINE: Duration = Duration::from_secs(10);

/// An image on record.
#[derive(Debug)]
pub struct FetchedImage {
    /// The image.
    pub image: Image,
    /// Where the fetch stands in the ledger.
    pub on_record: OnRecord,
}

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The read was not released to the caller in the last hour, or has no such image.
    #[error("no answer of the last hour released this image to you; ask the question again")]
    NotReleased,
    /// The agreement does not allow images, or not any more.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The ledger could not record the fetch.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The source did not give the image.
    #[error(transparent)]
    Source(#[from] Error),
}

impl Federation {
    /// Fetches image `n` of a read that an answer released to the caller within the last hour.
    ///
    /// # Errors
    /// [`ImageError`]; then no image leaves.
    pub async fn image(
        &self,
        identity: &Identity,
        id: &ReadId,
        n: usize,
    ) -> Result<FetchedImage, ImageError> {
        let release = self
            .released
            .find(identity.subject(), id, self.now())
            .ok_or(ImageError::NotReleased)?;
        let source = self
            .sources
            .iter()
            .find(|source| source.id == release.read.source)
            .ok_or(ImageError::NotReleased)?;
        let reference = release
            .read
            .observation
            .images
            .get(n)
            .ok_or(ImageError::NotReleased)?;
        let question = Uuid::now_v7();
        let now = self.now();
        let asking = self.policy.asking(&release.requester);
        let decided = self
            .policy
            .decide_image(&source.agreement, &asking, &release.query, now);
        let entry = record::decision(&source.id, &decided.record, self.policy.sha256());
        let wanted = vec![source.id.to_string()];
        let name = format!("{}/{n}", id.as_str());
        let intent = record::intent(
            Action::Image,
            &release.requester,
            &release.query,
            wanted,
            Some(name),
            now,
        );
        let ticket = self.ledger.begin(question, intent, vec![entry]).await?;
        self.raise(decided.alarm.as_slice()).await?;
        let started = Instant::now();
        let fetched = match decided.decision {
            Ok(permit) if permit.covers(&release.read) && permit.covers_kind(reference) => {
                let ctx = source.context(&self.clock, started + DEADLINE);
                source
                    .adapter
                    .image(&ctx, &permit, reference)
                    .await
                    .map_err(ImageError::Source)
            }
            Ok(_) => Err(ImageError::NotReleased),
            Err(refusal) => Err(ImageError::Refused(refusal)),
        };
        let outcome = outcome(source, &release, &fetched, started.elapsed());
        let completeness = if fetched.is_ok() {
            Completeness::Complete
        } else {
            Completeness::None
        };
        let receipt = record::outcome(completeness, usize::from(fetched.is_ok()), vec![outcome]);
        let receipt = self.ledger.finish(ticket, receipt).await?;
        fetched.map(|image| FetchedImage {
            image,
            on_record: OnRecord {
                question,
                intent: receipt.intent,
            },
        })
    }
}

fn outcome(
    source: &Source,
    release: &Release,
    fetched: &Result<Image, ImageError>,
    took: Duration,
) -> SourceOutcome {
    let (word, detail) = match fetched {
        Ok(_) => ("answered", None),
        Err(ImageError::Refused(refusal)) => ("refused", Some(refusal.rule.to_string())),
        Err(ImageError::Source(error)) => ("failed", Some(kind(error.kind()).to_owned())),
        Err(_) => ("refused", Some("not_released".to_owned())),
    };
    debug_assert_eq!(source.id, release.read.source);
    SourceOutcome {
        source: source.id.to_string(),
        outcome: word.to_owned(),
        count: u64::from(fetched.is_ok()),
        digest: fetched
            .as_ref()
            .ok()
            .and_then(|image| Digest::try_from(hex(&Sha256::digest(&image.bytes))).ok()),
        truncated: false,
        took_ms: u64::try_from(took.as_millis()).ok(),
        detail,
    }
}

/// The word for a kind of error in the ledger.
pub(super) fn kind(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Unsupported | ErrorKind::Undisclosed => "unsupported",
        ErrorKind::Unauthorized => "unauthorized",
        ErrorKind::RateLimited | ErrorKind::QuotaExhausted => "rate_limited",
        ErrorKind::Unavailable => "unavailable",
        ErrorKind::TimedOut => "timed_out",
        ErrorKind::Malformed => "malformed",
        _ => "config",
    }
}
