//! One attempt to tell one channel of one event, and what follows from it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use turnpike_adapters::{
    context::{Secret, Transport as _},
    error::ErrorKind,
    transport::HttpTransport,
};
use turnpike_schemas::{agreement::Assurance, api::hits::HitNotice};

use super::{
    ChannelError, Channels, Due, Means, Settled, What, Why, mail, message,
    push::{self, Subscription},
};
use crate::{
    identity::Directory,
    notify::{
        event::CONTENT_TYPE,
        schedule::{self, Answer, Next},
        signing,
    },
};

/// Longest attempt, from connecting to the end of the answer.
const ATTEMPT: Duration = Duration::from_secs(15);

/// After a failure that is the gateway's own.
const OWN_FAULT: SignedDuration = SignedDuration::from_mins(1);

/// What one attempt needs.
pub(super) struct Attempt {
    pub(super) channels: Channels,
    pub(super) directory: Arc<Directory>,
    /// What this gateway calls itself in events.
    pub(super) source: Arc<str>,
    /// The way to the address, or why there is none; mail goes to the operator's server.
    pub(super) transport: Result<Option<Arc<HttpTransport>>, String>,
    pub(super) due: Due,
}

/// What came of an attempt, in words, and what follows from it.
struct Outcome {
    answer: Answer,
    /// Whether the receiver refused this event rather than any.
    is_refused: bool,
    says: String,
}

impl Attempt {
    pub(super) async fn run(self) {
        let settled = match self.attempt().await {
            Ok(outcome) => self.settle(outcome).await,
            Err(error) => Err(error),
        };
        if let Err(error) = settled {
            tracing::error!(%error, "what a channel was told cannot be settled");
            let now = self.channels.clock.now();
            let at = now.checked_add(OWN_FAULT).unwrap_or(now);
            let again = Settled::Again { at, aside: false };
            let (place, says) = (self.due.delivery.place, "the gateway failed".to_owned());
            let settled = self.channels.book.settle(place, again, says, now).await;
            if let Err(error) = settled {
                tracing::error!(%error, "a delivery is tried again at once");
            }
        }
    }

    async fn attempt(&self) -> Result<Outcome, ChannelError> {
        let owner = &self.due.channel.owner;
        let standing = self.directory.standing(owner, Assurance::Aal1).await;
        let standing = standing.map_err(|_| ChannelError::Unreadable("who the owner is"))?;
        if !standing.is_some_and(|identity| identity.may_ask()) {
            return Ok(Outcome::not_sent("the owner may not ask any more"));
        }
        let transport = match &self.transport {
            Ok(transport) => transport.as_ref(),
            Err(says) => return Ok(Outcome::not_sent(says)),
        };
        let now = self.channels.clock.now();
        match (&self.due.means, transport) {
            (Means::Signed(secrets), Some(transport)) => {
                let request = self.signed(secrets, now).await?;
                let sent = transport.send(request, deadline()).await;
                Ok(sent.map_or_else(
                    |error| Outcome::failed(error.kind(), &error.to_string()),
                    |answer| Outcome::of(&answer),
                ))
            }
            (Means::Push(subscription), Some(transport)) => {
                let Ok(request) = self.sealed(subscription, now).await? else {
                    return Ok(Outcome::not_sent("web push is not set up here any more"));
                };
                let sent = transport.send(request, deadline()).await;
                Ok(sent.map_or_else(
                    |error| Outcome::failed(error.kind(), &error.to_string()),
                    |answer| Outcome::of_push_service(&answer),
                ))
            }
            (Means::Mail { code }, _) => self.mail(code, now).await,
            (_, None) => Ok(Outcome::not_sent("there is no way to this address")),
        }
    }

    /// A browser's message; `Err` where there is no key any more.
    async fn sealed(
        &self,
        subscription: &Subscription,
        now: Timestamp,
    ) -> Result<Result<Request<Bytes>, ()>, ChannelError> {
        let Some(vapid) = self.channels.vapid().await? else {
            return Ok(Err(()));
        };
        let (delivery, url) = (&self.due.delivery, &self.due.channel.url);
        let link = self.link();
        let request = push::request(&vapid, subscription, url, delivery, link.as_deref(), now);
        let unfit = |_| ChannelError::Unreadable("an event that cannot be sent");
        request.map(Ok).map_err(unfit)
    }

    async fn mail(&self, code: &Secret, now: Timestamp) -> Result<Outcome, ChannelError> {
        let (delivery, channel) = (&self.due.delivery, &self.due.channel);
        let Some(mailer) = &self.channels.mailer else {
            return Ok(Outcome::not_sent("mail is not set up here any more"));
        };
        let Some(address) = mailer.address(&channel.url) else {
            return Ok(Outcome::not_sent(
                "addresses of this domain are not told any more",
            ));
        };
        let shown = match message::shown_at(delivery, now) {
            Some(seq) if mailer.shows_reads() => self.shown(seq).await?,
            _ => None,
        };
        let notice =
            shown.and_then(|shown| serde_json::from_slice::<HitNotice>(shown.expose()).ok());
        let letter = mail::letter(delivery, code, notice.as_ref(), self.link().as_deref());
        let posted = mailer.send(address, &delivery.event, letter).await;
        Ok(Outcome {
            answer: posted.answer,
            is_refused: posted.is_refused,
            says: posted.says,
        })
    }

    /// Where a person sees what is told, as the operator says.
    fn link(&self) -> Option<String> {
        let link = self.channels.link.as_deref()?;
        let hit = match &self.due.delivery.what {
            What::One(seen) => seen.hit.as_str(),
            _ => "",
        };
        Some(link.replace("{hit}", hit))
    }

    async fn signed(
        &self,
        secrets: &[signing::Secret],
        now: Timestamp,
    ) -> Result<Request<Bytes>, ChannelError> {
        let (delivery, channel) = (&self.due.delivery, &self.due.channel);
        let unfit = ChannelError::Unreadable("an event that cannot be sent");
        let shown = match message::shown_at(delivery, now) {
            Some(seq) => self.shown(seq).await?,
            None => None,
        };
        let event = message::event(delivery, shown.as_ref(), &self.source);
        let Ok(body) = event.to_json() else {
            return Err(unfit);
        };
        let Ok(signed) = signing::headers(secrets, &event.id, now, &body) else {
            return Err(unfit);
        };
        let mut request = Request::post(channel.url.as_str())
            .header(header::CONTENT_TYPE, CONTENT_TYPE)
            .body(Bytes::from(body))
            .map_err(|_| unfit)?;
        request.headers_mut().extend(signed);
        Ok(request)
    }

    async fn shown(&self, seq: u64) -> Result<Option<crate::watch::Told>, ChannelError> {
        let owner = &self.due.channel.owner;
        let before = seq.saturating_sub(1);
        let found = self.channels.hits.after(before, owner, 1).await?;
        let found = found.into_iter().find(|event| event.seq == seq);
        Ok(found.and_then(|event| event.body))
    }

    async fn settle(&self, outcome: Outcome) -> Result<(), ChannelError> {
        let (delivery, now) = (&self.due.delivery, self.channels.clock.now());
        let settled = match outcome.answer {
            Answer::Taken => Settled::Delivered,
            Answer::Gone => Settled::Dead,
            Answer::Later { after } => {
                // A clock that was set back since is no reason to try for longer.
                let first = delivery.made_at.min(now);
                match schedule::next(&delivery.event, delivery.attempts, first, now, after) {
                    Next::At(at) => Settled::Again {
                        at,
                        aside: outcome.is_refused,
                    },
                    Next::Dead => Settled::Dead,
                }
            }
        };
        if settled == Settled::Dead {
            let event = ("event", delivery.event.as_str().into());
            let channel = delivery.channel;
            self.channels
                .record(None, "dead", channel, Some(event))
                .await?;
        }
        let (book, place) = (&self.channels.book, delivery.place);
        book.settle(place, settled, outcome.says, now).await?;
        if outcome.answer == Answer::Gone {
            self.channels.disable(delivery.channel, Why::Gone).await?;
        }
        Ok(())
    }
}

impl Outcome {
    fn of(answer: &http::Response<Bytes>) -> Self {
        let status = answer.status().as_u16();
        let after = answer.headers().get(header::RETRY_AFTER);
        let after = after.and_then(|value| value.to_str().ok()?.trim().parse::<u32>().ok());
        let after = after.map(|seconds| SignedDuration::from_secs(i64::from(seconds)));
        Self {
            answer: Answer::of(status, after),
            is_refused: matches!(status, 400 | 403..=407 | 409 | 411..=424 | 426..=428 | 431),
            says: format!("status {status}"),
        }
    }

    /// To a push service a subscription that ended is one that it does not know, too (RFC 8030, 7.3).
    fn of_push_service(answer: &http::Response<Bytes>) -> Self {
        let outcome = Self::of(answer);
        match answer.status() {
            StatusCode::NOT_FOUND => Self {
                answer: Answer::Gone,
                ..outcome
            },
            _ => outcome,
        }
    }

    /// Nothing was answered that counts.
    fn failed(kind: ErrorKind, says: &str) -> Self {
        let says = match kind {
            ErrorKind::TimedOut => "no complete answer in 15 s",
            ErrorKind::Config => "the host leads to an address that is not public",
            ErrorKind::Unavailable => "the receiver cannot be reached, or broke off",
            _ => says.trim_start_matches("send: "),
        };
        Self::not_sent(says)
    }

    fn not_sent(says: &str) -> Self {
        Self {
            answer: Answer::Later { after: None },
            is_refused: false,
            says: says.to_owned(),
        }
    }
}

fn deadline() -> Instant {
    Instant::now() + ATTEMPT
}
