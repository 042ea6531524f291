//! Channels as their owners look after them: every change is on record before it is made.

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::SignedDuration;
use serde_json::Value;
use tokio::sync::Notify;
use turnpike_adapters::context::{Clock, Secret};
use turnpike_schemas::{
    api::channels::{self as asked, ChannelSettings, ESCALATE_AFTER_S},
    ledger::{Admin, AdminAction, Personal},
};
use url::Url;
use uuid::Uuid;

use super::{
    Book, Channel, ChannelError, Delivery, Escalation, Kind, Mailer, NewChannel, Page, Rules,
    Settings, Subscription, Vapid, Why,
};
use crate::{ledger::Ledger, watch};

/// Most channels of one owner.
pub const MOST_CHANNELS: u32 = 10;

/// How long a secret signs beside the one that takes its place.
pub const ROTATION: SignedDuration = SignedDuration::from_hours(24);

/// Bytes of a secret.
const SECRET: usize = 32;

/// Letters of a code: none that looks like another, none that makes words.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// Letters in a code: 34 bits, of which five may be guessed.
const CODE: usize = 8;

/// Ways of telling somebody, as the operator set them up.
#[derive(Debug, Clone, Default)]
pub struct Ways {
    /// Which addresses may be told by webhook and web push.
    pub rules: Rules,
    /// What sends mail.
    pub mailer: Option<Mailer>,
    /// Whom push services write to, where web push is set up.
    pub push_contact: Option<String>,
    /// Where a person sees a hit: an address with `{hit}` in it.
    pub link: Option<String>,
}

/// The channels of a gateway. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Channels {
    pub(super) book: Book,
    pub(super) hits: watch::Book,
    pub(super) ledger: Arc<Ledger>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) rules: Rules,
    pub(super) mailer: Option<Mailer>,
    pub(super) link: Option<Arc<str>>,
    push_contact: Option<Arc<str>>,
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
        ways: Ways,
    ) -> Self {
        Self {
            book,
            hits,
            ledger,
            clock,
            rules: ways.rules,
            mailer: ways.mailer,
            link: ways.link.map(Into::into),
            push_contact: ways.push_contact.map(Into::into),
            wake: Arc::default(),
        }
    }

    /// What is on disk.
    #[must_use]
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// Makes a channel for `owner`, who is told of hits from now on; an address of mail, once the code that is sent there is given
    /// back. The secret of a webhook is shown here and never again.
    ///
    /// # Errors
    /// [`ChannelError::Target`], [`ChannelError::Address`], [`ChannelError::Keys`], [`ChannelError::Settings`],
    /// [`ChannelError::NotHere`], [`ChannelError::TooMany`], [`ChannelError::Ledger`], and what the disk says.
    pub async fn make(
        &self,
        owner: &str,
        organisation: &str,
        asked: asked::NewChannel,
    ) -> Result<(Channel, Option<Secret>), ChannelError> {
        let settings = Settings::of(&asked.settings)?;
        let (kind, url) = self.target(&asked)?;
        let owned = self.book.list(Some(owner)).await?.len();
        if owned >= usize::try_from(MOST_CHANNELS).unwrap_or(usize::MAX) {
            return Err(ChannelError::TooMany);
        }
        let (id, after) = (Uuid::now_v7(), self.hits.latest().await?);
        let secret = match kind {
            Kind::Webhook => secret()?,
            Kind::Email => code()?,
            Kind::Push => Secret::new(""),
        };
        let address = ("url", url.as_str().into());
        self.record(Some(owner), "made", id, Some(address)).await?;
        let new = NewChannel {
            id,
            owner: owner.to_owned(),
            organisation: organisation.to_owned(),
            kind,
            url,
            secret: secret.clone(),
            push_keys: asked.keys,
            settings,
            made_at: self.clock.now(),
            after,
        };
        let made = self.book.make(new).await?;
        self.wake.notify_one();
        // The code is shown to whoever reads the mail and to nobody else.
        Ok((made, Some(secret).filter(|_| kind == Kind::Webhook)))
    }

    /// How and where somebody wants to be told, if that may be.
    fn target(&self, asked: &asked::NewChannel) -> Result<(Kind, Url), ChannelError> {
        if let Some(keys) = &asked.keys {
            if self.push_contact.is_none() {
                return Err(ChannelError::NotHere("web push"));
            }
            Subscription::of(keys)?;
            return Ok((Kind::Push, self.rules.target(&asked.url)?));
        }
        let mail = Url::parse(&asked.url)
            .ok()
            .filter(|url| url.scheme() == "mailto");
        let Some(url) = mail else {
            return Ok((Kind::Webhook, self.rules.target(&asked.url)?));
        };
        let Some(mailer) = &self.mailer else {
            return Err(ChannelError::NotHere("mail"));
        };
        match mailer.address(&url) {
            Some(_) => Ok((Kind::Email, url)),
            None => Err(ChannelError::Address(mailer.domains().join(", "))),
        }
    }

    /// The code that was sent to an address of mail was given back: it is told from now on.
    ///
    /// # Errors
    /// [`ChannelError::Missing`], [`ChannelError::WrongCode`], [`ChannelError::Ledger`], and what the disk says.
    pub async fn confirm(
        &self,
        id: Uuid,
        owner: &str,
        code: &str,
    ) -> Result<Channel, ChannelError> {
        let before = self.book.get(id, owner).await?;
        if !before.unconfirmed {
            return Ok(before);
        }
        let code = code.trim().to_uppercase();
        self.book.check_code(id, owner, &code).await?;
        let after = self.hits.latest().await?;
        self.record(Some(owner), "confirmed", id, None).await?;
        self.book.confirm(id, owner, after).await
    }

    /// When the channel is told from now on.
    ///
    /// # Errors
    /// [`ChannelError::Missing`], [`ChannelError::Settings`], [`ChannelError::Ledger`], and what the disk says.
    pub async fn set(
        &self,
        id: Uuid,
        owner: &str,
        settings: &ChannelSettings,
    ) -> Result<Channel, ChannelError> {
        let settings = Settings::of(settings)?;
        self.book.get(id, owner).await?;
        self.record(Some(owner), "set", id, None).await?;
        let set = self.book.set(id, owner, settings).await?;
        self.wake.notify_one();
        Ok(set)
    }

    /// Whom push services know this gateway as; nothing where web push is not set up.
    ///
    /// # Errors
    /// What the disk says.
    pub async fn vapid(&self) -> Result<Option<Vapid>, ChannelError> {
        let Some(contact) = &self.push_contact else {
            return Ok(None);
        };
        let make = || Vapid::generate().map_err(|_| ChannelError::Unreadable("no key can be made"));
        let key = self.book.push_key(make).await?;
        let vapid = Vapid::of(key, contact);
        vapid
            .map(Some)
            .ok_or(ChannelError::Unreadable("the key of web push"))
    }

    /// Who is told of hits that `owner` has not seen, from now on; nobody where `to` is none. `to` was looked up by the caller.
    ///
    /// # Errors
    /// [`ChannelError::After`], [`ChannelError::Ledger`], and what the disk says.
    pub async fn escalate(
        &self,
        owner: &str,
        to: Option<&asked::Escalation>,
    ) -> Result<(), ChannelError> {
        if to.is_some_and(|to| !ESCALATE_AFTER_S.contains(&to.after_s)) {
            return Err(ChannelError::After);
        }
        let mut facts = BTreeMap::from([("change".to_owned(), "escalation".into())]);
        if let Some(to) = to {
            facts.insert("escalates_to".to_owned(), to.to.as_str().into());
            facts.insert("after_s".to_owned(), to.after_s.into());
        }
        let entry = Admin {
            action: AdminAction::ChannelChange,
            by: Some(Personal::new(owner)),
            facts,
        };
        self.ledger.admin(entry).await?;
        match to {
            None => self.book.keep_to_oneself(owner).await,
            Some(to) => {
                let escalation = Escalation {
                    owner: owner.to_owned(),
                    to: to.to.clone(),
                    after: SignedDuration::from_secs(to.after_s.into()),
                    set_at: self.clock.now(),
                };
                self.book.escalate(escalation).await
            }
        }
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
        if self.book.get(id, owner).await?.kind != Kind::Webhook {
            return Err(ChannelError::NoSecret);
        }
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

/// A code that a person types.
fn code() -> Result<Secret, ChannelError> {
    let mut code = String::new();
    while code.len() < CODE {
        let mut random = [0; 1];
        getrandom::fill(&mut random).map_err(ChannelError::Random)?;
        // Bytes beyond the last whole run of letters would make the first letters likelier.
        let letter = LETTERS.get(usize::from(random[0] & 0x1f));
        code.extend(letter.map(|letter| char::from(*letter)));
    }
    Ok(Secret::new(code))
}
