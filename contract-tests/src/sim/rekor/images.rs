//! The agent's image server: `GET /img/{uuid}.jpg` and `/crop/{uuid}`.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State as Extract};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::stream;
use http::{StatusCode, header};

use crate::sim::lock;
use crate::sim::server::Server;

/// A whole JPEG of one grey pixel: tables, one frame, one scan.
pub const JPEG: &[u8] = &[
    0xff, 0xd8, // start of image
    0xff, 0xdb, 0x00, 0x43, 0x00, // quantization table 0, all ones
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    0xff, 0xc0, 0x00, 0x0b, 8, 0, 1, 0, 1, 1, 1, 0x11, 0, // baseline, 1 x 1, one component
    0xff, 0xc4, 0x00, 0x14, 0x00, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, // DC codes
    0xff, 0xc4, 0x00, 0x14, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, // AC codes
    0xff, 0xda, 0x00, 0x08, 1, 1, 0x00, 0, 63, 0, 0x3f, // scan
    0xff, 0xd9, // end of image
];

const PIECE: usize = 64 * 1024;

/// Behaviour that can be changed while the server runs.
#[derive(Clone, Debug, Default)]
pub struct ImageSwitches {
    /// Answers 404.
    pub missing: bool,
    /// Waits this long before each answer.
    pub latency: Duration,
    /// Follows the image by this many bytes of nothing.
    pub huge: u64,
    /// Answers 302 to this address.
    pub redirect_to: Option<String>,
    /// Sends a page of HTML instead.
    pub html: bool,
}

#[derive(Debug, Default)]
struct State {
    switches: ImageSwitches,
    requests: Vec<String>,
}

type Shared = Arc<Mutex<State>>;

#[derive(Debug)]
pub(super) struct Images {
    shared: Shared,
    server: Server,
}

impl Images {
    pub(super) async fn start() -> io::Result<Self> {
        let shared = Shared::default();
        let router = Router::new()
            .route("/img/{name}", get(image))
            .route("/crop/{name}", get(image))
            .with_state(Arc::clone(&shared));
        Ok(Self {
            shared,
            server: Server::start(router).await?,
        })
    }

    pub(super) fn origin(&self) -> String {
        self.server.origin()
    }

    pub(super) fn switch(&self, change: impl FnOnce(&mut ImageSwitches)) {
        change(&mut lock(&self.shared).switches);
    }

    pub(super) fn requests(&self) -> Vec<String> {
        lock(&self.shared).requests.clone()
    }
}

async fn image(Extract(shared): Extract<Shared>, Path(name): Path<String>) -> Response {
    let switches = {
        let mut state = lock(&shared);
        state.requests.push(name);
        state.switches.clone()
    };
    tokio::time::sleep(switches.latency).await;
    if let Some(place) = switches.redirect_to {
        return (StatusCode::FOUND, [(header::LOCATION, place)]).into_response();
    }
    if switches.missing {
        return StatusCode::NOT_FOUND.into_response();
    }
    if switches.html {
        return (
            [(header::CONTENT_TYPE, "text/html")],
            "<html>sign in</html>",
        )
            .into_response();
    }
    let padding = stream::unfold(switches.huge, |left| async move {
        let size = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        let piece = Bytes::from(vec![0; size]);
        (size > 0).then(|| (Ok::<_, Infallible>(piece), left - size as u64))
    });
    let whole = stream::iter([Ok(Bytes::from_static(JPEG))]);
    let body = if switches.huge == 0 {
        Body::from(JPEG)
    } else {
        Body::from_stream(futures::StreamExt::chain(whole, padding))
    };
    ([(header::CONTENT_TYPE, "image/jpeg")], body).into_response()
}
