//! Channels as their owners look after them: every change is on record before it is made.

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::SignedDuration;
use serde_json::Value;
use tokio::sync::Notify;
use turnpike_adapters::context::{Clock, Secret};
use turnpike_schemas::ledger::{Admin, AdminAction, Personal};
use uuid::Uuid;

use super::{Book, Channel, ChannelError, Delivery, NewChannel, Page, Rules, Why};
use crate::{ledger::Ledger, watch};

/// Most channels of one owner.
pub const MOST_CHANNELS: u32 = 10;

/// How long a secret signs beside the one that takes its place.
pub const ROTATION: SignedDuration = SignedDuration::from_hours(24);

/// Bytes of a secret.
const SECRET: usize = 32;

/// The channels of a gateway. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Channels {
    pub(super) book: Book,
    pub(super) hits: watch::Book,
    pub(super) ledger: Arc<Ledger>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) rules: Rules,
    /// Told when there may be something to send that the outbox does not tell of.
    pub(super) wake: Arc<Notify>,
}

impl Channels {
    /// Channels in `book`, whose places are in the outbox of `hits`.
    #[must_use]
    pub fn new(
        book: Book,
        hits: watch::Book,
        ledger: Arc<Ledger>,
        clock: Arc<dyn Clock>,
        rules: Rules,
    ) -> Self {
        Self {
            book,
            hits,
            ledger,
            clock,
            rules,
            wake: Arc::default(),
        }
    }

    /// What is on disk.
    #[must_use]
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// Makes a channel for `owner`, who is told of hits from now on. The secret is shown here and never again.
    ///
    /// # Errors
    /// [`ChannelError::Target`], [`ChannelError::TooMany`], [`ChannelError::Ledger`], and what the disk says.
    pub async fn make(
        &self,
        owner: &str,
        organisation: &str,
        url: &str,
    ) -> Result<(Channel, Secret), ChannelError> {
        let url = self.rules.target(url)?;
        let owned = self.book.list(Some(owner)).await?.len();
        if owned >= usize::try_from(MOST_CHANNELS).unwrap_or(usize::MAX) {
            return Err(ChannelError::TooMany);
        }
        let (id, secret, after) = (Uuid::now_v7(), secret()?, self.hits.latest().await?);
        let address = ("url", url.as_str().into());
        self.record(Some(owner), "made", id, Some(address)).await?;
        let new = NewChannel {
            id,
            owner: owner.to_owned(),
            organisation: organisation.to_owned(),
            url,
            secret: secret.clone(),
            made_at: self.clock.now(),
            after,
        };
        Ok((self.book.make(new).await?, secret))
    }

    /// Removes a channel of `owner`, with what waits for it.
    ///
    /// # Errors
    /// [`ChannelError::Missing`], [`ChannelError::Ledger`], and what the disk says.
    pub async fn remove(&self, id: Uuid, owner: &str) -> Result<(), ChannelError> {
        self.book.get(id, owner).await?;
        self.record(Some(owner), "removed", id, None).await?;
        self.book.remove(id, owner).await
    }

    /// Makes another secret, beside which the one before it signs for [`ROTATION`]. It is shown here and never again.
    ///
    /// # Errors
    /// [`ChannelError::Missing`], [`ChannelError::Ledger`], and what the disk says.
    pub async fn rotate(&self, id: Uuid, owner: &str) -> Result<(Channel, Secret), ChannelError> {
        self.book.get(id, owner).await?;
        let (secret, now) = (secret()?, self.clock.now());
        self.record(Some(owner), "rotated", id, None).await?;
        let until = now.checked_add(ROTATION).unwrap_or(now);
        let channel = self.book.rotate(id, owner, secret.clone(), until).await?;
        Ok((channel, secret))
    }

    /// Takes the dead letters of a channel up again, and lets a disabled channel be told again. Returns how many there are.
    ///
    /// # Errors
    /// [`ChannelError::Missing`], [`ChannelError::Ledger`], and what the disk says.
    pub async fn replay(&self, id: Uuid, owner: &str) -> Result<usize, ChannelError> {
        self.book.get(id, owner).await?;
        self.record(Some(owner), "replayed", id, None).await?;
        let replayed = self.book.replay(id, owner, self.clock.now()).await?;
        self.wake.notify_one();
        Ok(replayed)
    }

    /// Sends an event that tells nothing, in its turn.
    ///
    /// # Errors
    /// [`ChannelError::Missing`], and what the disk says.
    pub async fn test(&self, id: Uuid, owner: &str) -> Result<Delivery, ChannelError> {
        let delivery = self.book.test(id, owner, self.clock.now()).await?;
        self.wake.notify_one();
        Ok(delivery)
    }

    /// The channels of `owner`, the oldest first.
    ///
    /// # Errors
    /// What the disk says.
    pub async fn list(&self, owner: &str) -> Result<Vec<Channel>, ChannelError> {
        self.book.list(Some(owner)).await
    }

    /// Deliveries of a channel of `owner`, the latest first.
    ///
    /// # Errors
    /// [`ChannelError::Missing`], and what the disk says.
    pub async fn deliveries(
        &self,
        id: Uuid,
        owner: &str,
        page: Page,
    ) -> Result<Vec<Delivery>, ChannelError> {
        self.book.deliveries(id, owner, page).await
    }

    /// Forgets what was delivered long ago, and secrets that sign no more. Done by itself from time to time.
    ///
    /// # Errors
    /// What the disk says.
    pub async fn sweep(&self) -> Result<(), ChannelError> {
        self.book.sweep(self.clock.now()).await
    }

    pub(super) async fn disable(&self, id: Uuid, why: Why) -> Result<(), ChannelError> {
        let why_fact = ("why", why.as_str().into());
        self.record(None, "disabled", id, Some(why_fact)).await?;
        self.book.disable(id, why, self.clock.now()).await
    }

    /// One entry for one change of a channel.
    pub(super) async fn record(
        &self,
        by: Option<&str>,
        change: &str,
        channel: Uuid,
        more: Option<(&str, Value)>,
    ) -> Result<(), ChannelError> {
        let mut facts = BTreeMap::from([
            ("change".to_owned(), change.into()),
            ("channel".to_owned(), channel.to_string().into()),
        ]);
        facts.extend(more.map(|(name, value)| (name.to_owned(), value)));
        let entry = Admin {
            action: AdminAction::ChannelChange,
            by: by.map(Personal::new),
            facts,
        };
        self.ledger.admin(entry).await?;
        Ok(())
    }
}

/// A secret as receivers' libraries take it.
fn secret() -> Result<Secret, ChannelError> {
    let mut random = [0; SECRET];
    getrandom::fill(&mut random).map_err(ChannelError::Random)?;
    Ok(Secret::new(format!("whsec_{}", STANDARD.encode(random))))
}
