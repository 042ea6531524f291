//! One session with one MQTT broker: subscribed at least once, acknowledged by hand.
//!
//! The session is persistent under a stable client id, so a message is the broker's to keep until it is acknowledged, which
//! the caller does when its reads are durable. In scope: MQTT 3.1.1 over TCP and TLS. Deliberately absent: publishing, and
//! reconnecting by itself. A session that fails is over; whoever holds it decides when to begin another.

use std::{fmt, io, time::Duration};

use rumqttc::{
    AckMode, AsyncClient, AsyncClientBuilder, Broker, ConnectReturnCode, ConnectionError, Event,
    EventLoop, ManualAck, MqttOptions, Packet, QoS, StateError, SubscribeFilterInput,
    SubscribeReasonCode, TlsConfiguration, Transport, mqttbytes::Error as PacketError,
};
use url::Url;

use super::{
    Login,
    address::AddressRefused,
    check_name,
    dial::{DialError, dial},
};
use crate::{
    adapter::Message,
    error::{Error, ErrorKind, Result},
};

const MQTT: &str = "mqtt";

/// Packets this much larger than a message may be are read, so that the message can be refused and acknowledged. A
/// broker would send one that cannot be read again for ever.
const SLACK: usize = 4;

/// Requests to the broker that may wait: more than the broker may leave unacknowledged.
const REQUESTS: usize = 1_024;

/// Longest goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// How a broker is reached, and what is wanted of it.
#[derive(Clone)]
pub struct MqttConfig {
    /// `mqtt://host:port`, or `mqtts://host:port` for TLS.
    pub broker: Url,
    /// Topic filters.
    pub topics: Vec<String>,
    /// The name the broker keeps unacknowledged messages under. The same at every start, and of no other client.
    pub client_id: String,
    /// Name and password, where the broker wants them.
    pub login: Option<Login>,
    /// Certificates to trust, PEM; those of the system where there are none.
    pub ca: Option<Vec<u8>>,
    /// Whether the broker may be at an address that is not public.
    pub allow_private: bool,
    /// Longest time to connect, and to be told that the session stands.
    pub connect_timeout: Duration,
    /// Longest silence before the broker is asked whether it is there.
    pub keep_alive: Duration,
    /// Largest message, in bytes.
    pub max_message: usize,
}

/// A session that stands. Dropping it without [`MqttSession::close`] leaves its unacknowledged messages with the broker.
pub struct MqttSession {
    client: AsyncClient,
    events: EventLoop,
    max_message: usize,
}

/// A message, and what acknowledges it.
#[derive(Debug)]
pub struct Published {
    /// The message; `None` when it is larger than allowed.
    pub message: Option<Message>,
    /// What acknowledges it.
    pub receipt: Receipt,
}

/// Acknowledges one message.
#[derive(Debug)]
pub struct Receipt(Option<ManualAck>);

impl MqttConfig {
    /// Whether a session can be begun: checked when the gateway starts, without contacting anybody.
    ///
    /// # Errors
    /// `Config` when the address is none of a broker, carries credentials or is a literal address that may not be connected to.
    pub fn check(&self) -> Result<()> {
        if !matches!(self.broker.scheme(), "mqtt" | "mqtts") {
            return Err(config("a broker must be an `mqtt` or `mqtts` address"));
        }
        check_name(&self.broker, self.allow_private).map_err(|error| config(error.to_string()))?;
        self.transport().map(drop)
    }

    fn is_secure(&self) -> bool {
        self.broker.scheme() == "mqtts"
    }

    fn transport(&self) -> Result<Transport> {
        if !self.is_secure() {
            return Ok(Transport::Tcp);
        }
        let tls = match &self.ca {
            Some(ca) => TlsConfiguration::Simple {
                ca: ca.clone(),
                alpn: None,
                client_auth: None,
            },
            None => TlsConfiguration::try_default_rustls().map_err(|error| {
                config("the system's certificates cannot be read").caused_by(error)
            })?,
        };
        Ok(Transport::Tls(tls))
    }

    fn options(&self) -> Result<MqttOptions> {
        let host = self.broker.host_str().unwrap_or_default();
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let usual = if self.is_secure() { 8883 } else { 1883 };
        let port = self.broker.port().unwrap_or(usual);
        let mut options = MqttOptions::new(&self.client_id, Broker::tcp(host, port));
        let seconds = u16::try_from(self.keep_alive.as_secs()).unwrap_or(u16::MAX);
        let largest = self.max_message.saturating_mul(SLACK).max(64 * 1024);
        options
            .set_transport(self.transport()?)
            .set_keep_alive(seconds)
            .set_clean_session(false)
            .set_ack_mode(AckMode::Manual)
            .set_max_packet_size(largest, 64 * 1024);
        if let Some(login) = &self.login {
            options.set_credentials(login.username(), login.password().to_owned());
        }
        let (allow_private, limit) = (self.allow_private, self.connect_timeout);
        // The port is not handed on, and is the one pinned.
        options.set_socket_connector(move |host, _| async move {
            let host = host_of(&host, port);
            dial(&host, port, allow_private, limit)
                .await
                .map_err(io::Error::other)
        });
        Ok(options)
    }
}

/// The connector is told `host:port`; the host may hold colons of its own.
fn host_of(target: &str, port: u16) -> String {
    let suffix = format!(":{port}");
    target.strip_suffix(&suffix).unwrap_or(target).to_owned()
}

impl MqttSession {
    /// Connects and subscribes. What the broker kept since the last session follows at once.
    ///
    /// # Errors
    /// `Config` when the address may not be connected to, `Unauthorized` when the broker refuses, `TimedOut` and `Unavailable`
    /// when it does not answer.
    pub async fn begin(config: &MqttConfig) -> Result<Self> {
        config.check()?;
        let builder = AsyncClientBuilder::new(config.options()?).capacity(REQUESTS);
        let (client, events) = builder
            .try_build()
            .map_err(|_| self::config("the broker's settings do not fit together"))?;
        let mut session = Self {
            client,
            events,
            max_message: config.max_message,
        };
        tokio::time::timeout(config.connect_timeout, session.connected())
            .await
            .unwrap_or_else(|_| {
                let message = "the broker did not answer in time";
                Err(Error::new(ErrorKind::TimedOut, MQTT, message))
            })?;
        let filters = config.topics.iter();
        let filters = filters.map(|topic| SubscribeFilterInput::new(topic, QoS::AtLeastOnce));
        let subscribed = session.client.try_subscribe_many(filters);
        subscribed.map_err(|_| self::config("a topic filter is not valid"))?;
        Ok(session)
    }

    async fn connected(&mut self) -> Result<()> {
        loop {
            if let Event::Incoming(Packet::ConnAck(_)) =
                self.events.poll().await.map_err(failure)?
            {
                return Ok(());
            }
        }
    }

    /// The next message. Cancel safe. Also keeps the connection alive, so it must be called again and again.
    ///
    /// # Errors
    /// `Unauthorized` when the broker refuses a topic, `Unavailable` when the connection is lost. The session is over then.
    pub async fn next(&mut self) -> Result<Published> {
        loop {
            let Event::Incoming(packet) = self.events.poll().await.map_err(failure)? else {
                continue;
            };
            match packet {
                Packet::Publish(publish) => {
                    let receipt = Receipt(self.client.prepare_ack(&publish));
                    let fits = publish.payload.len() <= self.max_message;
                    let message = fits.then(|| Message {
                        content_type: None,
                        topic: Some(String::from_utf8_lossy(&publish.topic).into_owned()),
                        body: publish.payload.clone(),
                    });
                    return Ok(Published { message, receipt });
                }
                Packet::SubAck(answer)
                    if answer.return_codes.contains(&SubscribeReasonCode::Failure) =>
                {
                    let message = "the broker refused a topic";
                    return Err(Error::new(ErrorKind::Unauthorized, MQTT, message));
                }
                _ => {}
            }
        }
    }

    /// Lets the broker forget a message. Sent with the next calls of [`MqttSession::next`]. Acknowledge in the order of arrival.
    ///
    /// # Errors
    /// `Unavailable` when the connection is gone; the broker will send the message again.
    pub fn acknowledge(&self, receipt: Receipt) -> Result<()> {
        let Some(ack) = receipt.0 else { return Ok(()) };
        self.client.try_manual_ack(ack).map_err(|_| {
            let message = "a message could not be acknowledged";
            Error::new(ErrorKind::Unavailable, MQTT, message)
        })
    }

    /// Sends what is still to be sent and says goodbye. The broker keeps the session.
    pub async fn close(mut self) {
        if self.client.try_disconnect().is_err() {
            return;
        }
        let sent = async { while self.events.poll().await.is_ok() {} };
        if tokio::time::timeout(GOODBYE, sent).await.is_err() {
            tracing::debug!("a broker took no leave");
        }
    }
}

impl fmt::Debug for MqttConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MqttConfig")
            .field("topics", &self.topics)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for MqttSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MqttSession").finish_non_exhaustive()
    }
}

/// What a failure of the connection means. Packets, which hold payloads, are not kept as a cause.
fn failure(error: ConnectionError) -> Error {
    let lost = |message| Error::new(ErrorKind::Unavailable, MQTT, message);
    match error {
        ConnectionError::Io(error) => match error.get_ref().and_then(|e| e.downcast_ref()) {
            Some(DialError::Refused(AddressRefused)) => config(AddressRefused::MESSAGE),
            _ => lost("the broker cannot be reached, or broke off").caused_by(error),
        },
        ConnectionError::Tls(error) => lost("no secure connection to the broker").caused_by(error),
        ConnectionError::ConnectionRefused(code) => match code {
            ConnectReturnCode::BadUserNamePassword
            | ConnectReturnCode::NotAuthorized
            | ConnectReturnCode::BadClientId => {
                let message = format!("the broker refused the connection: {code:?}");
                Error::new(ErrorKind::Unauthorized, MQTT, message)
            }
            _ => lost("the broker is not ready"),
        },
        ConnectionError::MqttState(StateError::Deserialization(
            PacketError::PayloadSizeLimitExceeded(_),
        )) => Error::new(
            ErrorKind::Malformed,
            MQTT,
            "the broker holds a message that is far larger than `max_message_mb`, and sends it again and again: take it away there",
        ),
        ConnectionError::NetworkTimeout | ConnectionError::FlushTimeout => {
            lost("the broker fell silent")
        }
        _ => lost("the connection to the broker was lost"),
    }
}

fn config(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, MQTT, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Secret;

    fn config_of(broker: &str) -> MqttConfig {
        MqttConfig {
            broker: Url::parse(broker).unwrap(),
            topics: vec!["frigate/events".to_owned()],
            client_id: "turnpike-gate".to_owned(),
            login: Some(Login::new(Secret::new("reader"), Secret::new("hunter2"))),
            ca: None,
            allow_private: false,
            connect_timeout: Duration::from_secs(5),
            keep_alive: Duration::from_secs(30),
            max_message: 1_000,
        }
    }

    #[test]
    fn a_broker_is_pinned_and_judged_like_any_host() {
        for broker in [
            "http://broker.example:1883",
            "mqtt://127.0.0.1:1883",
            "mqtt://[::1]:1883",
            "mqtt://user:secret@broker.example:1883",
        ] {
            let error = config_of(broker).check().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{broker}");
            assert!(!format!("{error:?}").contains("secret"));
        }
        assert!(config_of("mqtt://broker.example:1883").check().is_ok());
    }

    #[test]
    fn nothing_prints_a_credential() {
        let config = config_of("mqtt://broker.example:1883");
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_refused_when_it_is_resolved() {
        let error = MqttSession::begin(&config_of("mqtt://localhost:1883")).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
    }

    #[tokio::test]
    async fn nobody_there_is_unavailable() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let config = MqttConfig {
            allow_private: true,
            ..config_of(&format!("mqtt://127.0.0.1:{port}"))
        };
        let error = MqttSession::begin(&config).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    }
}
