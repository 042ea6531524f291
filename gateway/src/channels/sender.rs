//! The task that sends: wakes for every new event and every attempt that is due, several channels at once, each in its order.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;
use turnpike_adapters::transport::{HttpTransport, TransportConfig};
use url::Url;
use uuid::Uuid;

use super::{Channel, ChannelError, Channels, Kind, attempt::Attempt};
use crate::{identity::Directory, notify::quiet::Pace, watch::Hub};

/// Attempts at once, over all channels.
const AT_ONCE: usize = 32;

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
        for channel in channels
            .iter()
            .filter(|one| one.disabled.is_none() && !one.unconfirmed)
        {
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

    /// The one way to a channel's address; for mail that is the operator's server. What the configuration refuses by now is
    /// refused.
    fn transport(&mut self, channel: &Channel) -> Result<Option<Arc<HttpTransport>>, String> {
        if channel.kind == Kind::Email {
            return Ok(None);
        }
        let rules = self.channels.rules;
        rules
            .admits(&channel.url)
            .map_err(|error| error.to_string())?;
        if let Some((url, transport)) = self.transports.get(&channel.id)
            && *url == channel.url
        {
            return Ok(Some(Arc::clone(transport)));
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
        Ok(Some(transport))
    }
}
