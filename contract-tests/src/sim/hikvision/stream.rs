//! `alertStream`: an endless answer in parts.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream;
use jiff::Timestamp;
use tokio::sync::broadcast;

use super::{XML, heartbeat};
use crate::sim::lock;
use crate::sim::server::Server;

/// Where the stream is.
pub const STREAM_PATH: &str = "/ISAPI/Event/notification/alertStream";

/// Parts that are kept for a listener that reads slowly.
const KEPT: usize = 1_024;

/// One part of the stream.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its content type, where the firmware writes one.
    pub content_type: Option<String>,
    /// What is in it.
    pub body: Vec<u8>,
}

/// A camera that can be listened to. Dropping it closes the port.
#[derive(Debug)]
pub struct AlertStream {
    server: Server,
    state: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    credentials: Option<String>,
    parts: broadcast::Sender<Option<Bytes>>,
    requests: Mutex<usize>,
}

impl AlertStream {
    /// Starts the camera. With credentials it wants `Basic`, as old firmware does.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(credentials: Option<(&str, &str)>) -> io::Result<Self> {
        let basic = |(user, password): (&str, &str)| {
            format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
        };
        let state = Arc::new(Shared {
            credentials: credentials.map(basic),
            parts: broadcast::Sender::new(KEPT),
            requests: Mutex::new(0),
        });
        let router = Router::new().route(STREAM_PATH, get(answer));
        let server = Server::start(router.with_state(Arc::clone(&state))).await?;
        Ok(Self { server, state })
    }

    /// The address of the stream.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}{STREAM_PATH}", self.server.origin())
    }

    /// Sends a part to everybody who listens now; how many those are.
    pub fn send(&self, item: &Item) -> usize {
        let mut part = b"--boundary\r\n".to_vec();
        if let Some(content_type) = &item.content_type {
            part.extend(format!("Content-Type: {content_type}\r\n").bytes());
        }
        part.extend(format!("Content-Length: {}\r\n\r\n", item.body.len()).bytes());
        part.extend(&item.body);
        part.extend(b"\r\n");
        self.state.parts.send(Some(part.into())).unwrap_or(0)
    }

    /// Ends every answer, as a camera does that starts anew.
    pub fn hang_up(&self) {
        // Nobody may listen.
        drop(self.state.parts.send(None));
    }

    /// Requests so far, refused ones included.
    #[must_use]
    pub fn requests(&self) -> usize {
        *lock(&self.state.requests)
    }
}

impl Item {
    /// A document.
    #[must_use]
    pub fn xml(xml: &str) -> Self {
        Self {
            content_type: Some(XML.to_owned()),
            body: xml.as_bytes().to_vec(),
        }
    }
}

async fn answer(State(state): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    *lock(&state.requests) += 1;
    let sent = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    if state.credentials.is_some() && sent != state.credentials.as_deref() {
        let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"DS-TCG\"")];
        return (StatusCode::UNAUTHORIZED, challenge).into_response();
    }
    let first = heartbeat(Timestamp::UNIX_EPOCH);
    let first = format!(
        "--boundary\r\nContent-Type: {XML}\r\nContent-Length: {}\r\n\r\n{first}\r\n",
        first.len()
    );
    let parts = stream::unfold(state.parts.subscribe(), async |mut parts| {
        // A listener that is too slow is hung up on.
        let part = parts.recv().await.ok().flatten()?;
        Some((part, parts))
    });
    let parts = stream::iter([Bytes::from(first)])
        .chain(parts)
        .map(Ok::<_, Infallible>);
    let kind = [(header::CONTENT_TYPE, "multipart/mixed; boundary=boundary")];
    (kind, Body::from_stream(parts)).into_response()
}
