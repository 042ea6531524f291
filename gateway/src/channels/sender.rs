//! The task that sends: wakes for every new event and every attempt that is due, several channels at once, each in its order.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, header};
use jiff::{SignedDuration, Timestamp};
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;
use turnpike_adapters::{
    context::Transport as _,
    error::ErrorKind,
    transport::{HttpTransport, TransportConfig},
};
use turnpike_schemas::agreement::Assurance;
use url::Url;
use uuid::Uuid;

use super::{Channel, ChannelError, Channels, Due, Settled, Why, message};
use crate::{
    identity::Directory,
    notify::{
        event::CONTENT_TYPE,
        quiet::Pace,
        schedule::{self, Answer, Next},
        signing,
    },
    watch::Hub,
};

/// Attempts at once, over all channels.
const AT_ONCE: usize = 32;

/// Longest attempt, from connecting to the end of the answer.
const ATTEMPT: Duration = Duration::from_secs(15);

/// Longest time to connect.
const CONNECT: Duration = Duration::from_secs(5);

/// Largest answer, in bytes. Nothing in it is looked at.
const MAX_ANSWER: usize = 64 << 10;

/// Events read from the outbox at once.
const BATCH: u32 = 500;

/// The clock may be set while an attempt is awaited, so it is looked at that often.
const LOOK: Duration = Duration::from_secs(1);

/// Where nothing is awaited.
const IDLE: Duration = Duration::from_secs(60);

/// After a failure that is the gateway's own.
const OWN_FAULT: SignedDuration = SignedDuration::from_mins(1);

/// Sends what channels are to be told.
#[derive(Debug)]
pub(crate) struct Sender {
    channels: Channels,
    hub: Hub,
    directory: Arc<Directory>,
    /// What this gateway calls itself in events.
    source: Arc<str>,
    /// The last event of the outbox that every channel has taken.
    taken: Option<u64>,
    paces: HashMap<Uuid, Pace>,
    transports: HashMap<Uuid, (Url, Arc<HttpTransport>)>,
}

/// What one attempt needs.
struct Attempt {
    channels: Channels,
    directory: Arc<Directory>,
    source: Arc<str>,
    transport: Result<Arc<HttpTransport>, String>,
    due: Due,
}

/// What came of an attempt, in words, and what follows from it.
struct Outcome {
    answer: Answer,
    /// Whether the receiver refused this event rather than any.
    is_refused: bool,
    says: String,
}

impl Sender {
    pub(crate) fn new(
        channels: Channels,
        hub: Hub,
        directory: Arc<Directory>,
        source: &str,
    ) -> Self {
        Self {
            channels,
            hub,
            directory,
            source: source.into(),
            taken: None,
            paces: HashMap::new(),
            transports: HashMap::new(),
        }
    }

    /// Sends until it is told to stop. An attempt under way then is made again after the next start, under the same name.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let (mut latest, wake) = (self.hub.latest(), Arc::clone(&self.channels.wake));
        let (mut attempts, mut busy) = (JoinSet::new(), HashMap::<Id, Uuid>::new());
        loop {
            let wait = match self.step(&mut attempts, &mut busy).await {
                Ok(wait) => wait,
                Err(error) => {
                    tracing::error!(%error, "channels cannot be told");
                    LOOK
                }
            };
            tokio::select! {
                () = stop.cancelled() => {
                    attempts.shutdown().await;
                    return;
                }
                Some(done) = attempts.join_next_with_id(), if !attempts.is_empty() => {
                    busy.remove(&done.map_or_else(|error| error.id(), |(id, ())| id));
                }
                Ok(()) = latest.changed() => {}
                // A channel may be told again from its own place in the outbox on.
                () = wake.notified() => self.taken = None,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Takes what is new, begins what is due, and says how long there is nothing else to do.
    async fn step(
        &mut self,
        attempts: &mut JoinSet<()>,
        busy: &mut HashMap<Id, Uuid>,
    ) -> Result<Duration, ChannelError> {
        self.take().await?;
        let under_way: BTreeSet<Uuid> = busy.values().copied().collect();
        let (room, now) = (
            AT_ONCE.saturating_sub(busy.len()),
            self.channels.clock.now(),
        );
        let (begun, next) = self.channels.book.begin(under_way, room, now).await?;
        for due in begun {
            let channel = due.channel.id;
            let attempt = Attempt {
                channels: self.channels.clone(),
                directory: Arc::clone(&self.directory),
                source: Arc::clone(&self.source),
                transport: self.transport(&due.channel),
                due,
            };
            busy.insert(attempts.spawn(attempt.run()).id(), channel);
        }
        Ok(next.map_or(IDLE, |next| {
            let wait = Duration::try_from(next.duration_since(now)).unwrap_or_default();
            wait.min(LOOK)
        }))
    }

    /// Takes what is new in the outbox for the channels of whom it is for.
    async fn take(&mut self) -> Result<(), ChannelError> {
        let latest = self.channels.hits.latest().await?;
        if self.taken.is_some_and(|taken| taken >= latest) {
            return Ok(());
        }
        let mut channels = self.channels.book.list(None).await?;
        self.forget(&channels);
        if let Some(taken) = self.taken {
            let owners = self.channels.hits.owners_after(taken).await?;
            channels.retain(|channel| owners.contains(&channel.owner));
        }
        for channel in channels.iter().filter(|one| one.disabled.is_none()) {
            self.take_for(channel).await?;
        }
        self.taken = Some(latest);
        Ok(())
    }

    async fn take_for(&mut self, channel: &Channel) -> Result<(), ChannelError> {
        let mut cursor = channel.cursor;
        loop {
            let events = self.channels.hits.after(cursor, &channel.owner, BATCH);
            let events = events.await?;
            let Some(last) = events.last().map(|event| event.seq) else {
                return Ok(());
            };
            let pace = self.paces.remove(&channel.id).unwrap_or_default();
            let now = self.channels.clock.now();
            let pace = self
                .channels
                .book
                .take(channel.id, events, pace, now)
                .await?;
            self.paces.insert(channel.id, pace);
            cursor = last;
        }
    }

    fn forget(&mut self, channels: &[Channel]) {
        let there: BTreeSet<Uuid> = channels.iter().map(|channel| channel.id).collect();
        self.paces.retain(|id, _| there.contains(id));
        self.transports.retain(|id, _| there.contains(id));
    }

    /// The one way to a channel's address. What the configuration refuses by now is refused.
    fn transport(&mut self, channel: &Channel) -> Result<Arc<HttpTransport>, String> {
        let rules = self.channels.rules;
        rules
            .admits(&channel.url)
            .map_err(|error| error.to_string())?;
        if let Some((url, transport)) = self.transports.get(&channel.id)
            && *url == channel.url
        {
            return Ok(Arc::clone(transport));
        }
        let transport = HttpTransport::new(TransportConfig {
            allow_private: rules.allow_private_addresses,
            connect_timeout: CONNECT,
            idle_connections: 1,
            max_body: MAX_ANSWER,
            ..TransportConfig::new(vec![channel.url.clone()])
        });
        let transport = Arc::new(transport.map_err(|error| error.to_string())?);
        let kept = (channel.url.clone(), Arc::clone(&transport));
        self.transports.insert(channel.id, kept);
        Ok(transport)
    }
}

impl Attempt {
    async fn run(self) {
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
            Ok(transport) => transport,
            Err(says) => return Ok(Outcome::not_sent(says)),
        };
        let now = self.channels.clock.now();
        let request = self.request(now).await?;
        let sent = transport.send(request, deadline()).await;
        Ok(sent.map_or_else(
            |error| Outcome::failed(error.kind(), &error.to_string()),
            |answer| Outcome::of(&answer),
        ))
    }

    async fn request(&self, now: Timestamp) -> Result<Request<Bytes>, ChannelError> {
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
        let Ok(signed) = signing::headers(&self.due.secrets, &event.id, now, &body) else {
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
