//! Listening to sources that speak when they have something to say: brokers and streams.
//!
//! A broker keeps each message until it is acknowledged here, which is after its reads are durable; when they cannot be made
//! durable the session is given up, and the broker sends them again. A stream keeps nothing: its part is held until it is
//! stored, and the stream waits. Either is connected to only with a permit, and left when the agreement ends.

use std::sync::Arc;

use futures::{StreamExt as _, stream::FuturesOrdered};
use tokio_util::sync::CancellationToken;
use turnpike_adapters::{
    adapter::{Message, Subscription},
    error::{Error, ErrorKind},
    transport::{
        HttpTransport, TransportConfig,
        mqtt::{MqttConfig, MqttSession, Published, Receipt},
        parts::Part,
        stream::{PartStream, StreamLimits},
    },
};
use turnpike_schemas::ledger::IngestWay;
use url::Url;

use super::{
    Intake, IntakeError,
    standing::{Backoff, RECHECK, Standing},
};
use crate::{config, federation::Source};

/// Messages of one broker on their way to the store: enough to share its syncs, and a part of what may be decoded at once.
const UNDER_WAY: usize = 16;

const LISTEN: &str = "listen";

/// One source that is listened to.
#[derive(Debug)]
pub struct Listener {
    source: Arc<Source>,
    intake: Arc<Intake>,
    settings: config::Listen,
    to: To,
}

#[derive(Debug)]
enum To {
    Broker(Box<MqttConfig>),
    Stream(Box<HttpTransport>, Url),
}

/// Why listening ended.
enum Ended {
    Stopped,
    /// The agreement takes nothing in any more.
    Refused,
    /// Whether anything was taken in, and what went wrong then.
    Failed(bool, Error),
}

impl Listener {
    /// Finds out whom to listen to. Contacts nobody yet.
    ///
    /// # Errors
    /// `Config` when the source's adapter names nobody, or an address that may not be connected to.
    pub fn open(
        source: Arc<Source>,
        intake: Arc<Intake>,
        settings: config::Listen,
        transport: TransportConfig,
    ) -> Result<Self, Error> {
        let to = match source.adapter.subscription() {
            None => return Err(Error::unsupported(LISTEN)),
            Some(Subscription::Mqtt { broker, topics }) => {
                let broker = MqttConfig {
                    broker,
                    topics,
                    client_id: settings.client_id.clone(),
                    login: settings.login.clone(),
                    ca: settings.ca.clone(),
                    allow_private: transport.allow_private,
                    connect_timeout: settings.connect,
                    keep_alive: settings.idle / 2,
                    max_message: settings.max_message,
                };
                broker.check()?;
                To::Broker(Box::new(broker))
            }
            Some(Subscription::HttpStream { url }) => {
                To::Stream(Box::new(HttpTransport::new(transport)?), url)
            }
        };
        Ok(Self {
            source,
            intake,
            settings,
            to,
        })
    }

    /// Listens until cancelled. What is on its way to the store then is finished and acknowledged.
    pub async fn run(self, stop: CancellationToken) {
        let mut standing = Standing::new(IngestWay::Subscribe);
        let mut backoff = Backoff::default();
        loop {
            let ended = match standing.permit(&self.intake, &self.source).await {
                Ok(Some(_)) => self.listen(&stop).await,
                Ok(None) => Ended::Refused,
                Err(error) => {
                    tracing::error!(source = %self.source.id, %error, "a refusal could not be recorded");
                    Ended::Refused
                }
            };
            let pause = match ended {
                Ended::Stopped => return,
                Ended::Refused => RECHECK,
                Ended::Failed(took_any, error) => {
                    if took_any {
                        backoff.reset();
                    }
                    let pause = backoff.after(&error);
                    tracing::warn!(source = %self.source.id, kind = ?error.kind(), %error, cause = ?std::error::Error::source(&error), ?pause, "a source is not listened to");
                    pause
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn listen(&self, stop: &CancellationToken) -> Ended {
        match &self.to {
            To::Broker(config) => {
                let session = tokio::select! {
                    () = stop.cancelled() => return Ended::Stopped,
                    session = MqttSession::begin(config) => session,
                };
                match session {
                    Ok(session) => self.broker(session, stop).await,
                    Err(error) => Ended::Failed(false, error),
                }
            }
            To::Stream(transport, url) => {
                let limits = StreamLimits {
                    max_part: self.settings.max_message,
                    open: self.settings.connect,
                    idle: self.settings.idle,
                };
                let opening = transport.open(url, self.settings.login.as_ref(), &limits);
                let stream = tokio::select! {
                    () = stop.cancelled() => return Ended::Stopped,
                    stream = opening => stream,
                };
                match stream {
                    Ok(stream) => self.stream(stream, stop).await,
                    Err(error) => Ended::Failed(false, error),
                }
            }
        }
    }

    async fn broker(&self, mut session: MqttSession, stop: &CancellationToken) -> Ended {
        tracing::info!(source = %self.source.id, "a broker is listened to");
        let mut under_way = FuturesOrdered::new();
        let mut took_any = false;
        let mut looking = tokio::time::interval(RECHECK);
        let ended = loop {
            tokio::select! {
                () = stop.cancelled() => break Ended::Stopped,
                _ = looking.tick() => {
                    if !self.is_permitted() {
                        break Ended::Refused;
                    }
                }
                Some((receipt, taken)) = under_way.next() => {
                    match acknowledged(&session, receipt, taken) {
                        Ok(()) => took_any = true,
                        Err(ended) => break ended.unwrap_or_else(|error| Ended::Failed(took_any, error)),
                    }
                }
                published = session.next(), if under_way.len() < UNDER_WAY => match published {
                    Ok(Published { message, receipt }) => under_way.push_back(async move {
                        (receipt, self.message(message).await)
                    }),
                    Err(error) => break Ended::Failed(took_any, error),
                }
            }
        };
        if matches!(ended, Ended::Stopped) {
            while let Some((receipt, taken)) = under_way.next().await {
                if acknowledged(&session, receipt, taken).is_err() {
                    break;
                }
            }
        }
        // A session that failed would be begun anew by saying goodbye.
        if !matches!(ended, Ended::Failed(..)) {
            session.close().await;
        }
        ended
    }

    async fn stream(&self, mut stream: PartStream, stop: &CancellationToken) -> Ended {
        tracing::info!(source = %self.source.id, "a stream is listened to");
        let mut took_any = false;
        let mut looking = tokio::time::interval(RECHECK);
        loop {
            let part = tokio::select! {
                () = stop.cancelled() => return Ended::Stopped,
                _ = looking.tick() => {
                    if !self.is_permitted() {
                        return Ended::Refused;
                    }
                    continue;
                }
                part = stream.next() => part,
            };
            let part = match part {
                Ok(Some(part)) => part,
                Ok(None) => {
                    let message = "the source ended its stream";
                    let error = Error::new(ErrorKind::Unavailable, LISTEN, message);
                    return Ended::Failed(took_any, error);
                }
                Err(error) => return Ended::Failed(took_any, error),
            };
            match self.held(part, stop).await {
                Some(ended) => return ended,
                None => took_any = true,
            }
        }
    }

    /// Holds one part until it is stored: the source has no other copy to send. `Some` when there is no use in going on.
    async fn held(&self, part: Part, stop: &CancellationToken) -> Option<Ended> {
        let message = Message {
            content_type: part.content_type,
            topic: None,
            body: part.body,
        };
        let mut backoff = Backoff::default();
        loop {
            // Not given up half way: storing is quick, or it fails.
            let error = match self.message(Some(message.clone())).await {
                Ok(()) => return None,
                Err(IntakeError::Refused(_)) => return Some(Ended::Refused),
                Err(error) => error,
            };
            let fault = undurable(error);
            let pause = backoff.after(&fault);
            tracing::warn!(source = %self.source.id, error = %fault, cause = ?std::error::Error::source(&fault), ?pause, "a part of a stream waits to be stored");
            tokio::select! {
                () = stop.cancelled() => return Some(Ended::Stopped),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Takes one message in. `Ok` when the source need not keep it: it is durable, or nobody will ever understand it and
    /// that is on record.
    async fn message(&self, message: Option<Message>) -> Result<(), IntakeError> {
        let permit = self.intake.permit(&self.source).await??;
        let Some(message) = message else {
            let way = IngestWay::Subscribe;
            return Ok(self
                .intake
                .refused(&self.source, way, "too_large", None)
                .await?);
        };
        let _place = self.intake.decoding.acquire().await;
        let taken = self
            .intake
            .take(&self.source, IngestWay::Subscribe, &permit, message)
            .await;
        match taken {
            Ok(_) => Ok(()),
            // Either is on record, and would be the same were it sent again.
            Err(error @ (IntakeError::Malformed(_) | IntakeError::Drifted(_))) => {
                tracing::warn!(source = %self.source.id, %error, "a message was not taken in");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn is_permitted(&self) -> bool {
        let now = self.intake.clock.now();
        let decided = self
            .intake
            .policy
            .decide_ingest(&self.source.agreement, now);
        decided.decision.is_ok()
    }
}

/// Acknowledges what was taken in. What was not stays with the broker.
fn acknowledged(
    session: &MqttSession,
    receipt: Receipt,
    taken: Result<(), IntakeError>,
) -> Result<(), Result<Ended, Error>> {
    match taken {
        Ok(()) => session.acknowledge(receipt).map_err(Err),
        Err(IntakeError::Refused(_)) => Err(Ok(Ended::Refused)),
        Err(error) => Err(Err(undurable(error))),
    }
}

fn undurable(error: IntakeError) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        LISTEN,
        "a message could not be made durable",
    )
    .caused_by(error)
}
