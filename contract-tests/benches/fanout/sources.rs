//! Sixteen sources in one process: the police vendor's protocol, canned rows about whatever plate is asked.

use std::{
    io,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use http::{StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// How many.
pub(super) const SOURCES: usize = 16;

const PLACEHOLDER: &str = "@PLATE@";
const TOKEN: &str = r#"{"access_token":"invented","token_type":"Bearer","expires_in":86400}"#;

struct Source {
    rows: String,
    delay_ms: AtomicU64,
}

/// Serves until killed. Each source has `rows` rows, the newest captured a minute before `now`.
pub(super) async fn serve(rows: usize, now: Timestamp) -> io::Result<()> {
    let mut line = "listening on".to_owned();
    let mut servers = Vec::new();
    for number in 0..SOURCES {
        let source = Arc::new(Source {
            rows: answer(number, rows, now),
            delay_ms: AtomicU64::new(0),
        });
        let router = Router::new()
            .route(
                "/oauth/token",
                post(async || json_response(TOKEN.to_owned())),
            )
            .route("/api/v3/reads/lookup", post(lookup))
            .route("/delay/{ms}", post(delay))
            .with_state(source);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        line.push_str(&format!(" http://{}", listener.local_addr()?));
        servers.push(tokio::spawn(
            async move { axum::serve(listener, router).await },
        ));
    }
    super::say(&line)?;
    for server in servers {
        server.await??;
    }
    Ok(())
}

async fn lookup(State(source): State<Arc<Source>>, body: Bytes) -> Response {
    let delay = source.delay_ms.load(Ordering::Relaxed);
    if delay > 0 {
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    match plate(&body) {
        Some(plate) => json_response(source.rows.replace(PLACEHOLDER, plate)),
        None => StatusCode::BAD_REQUEST.into_response(),
    }
}

async fn delay(State(source): State<Arc<Source>>, Path(ms): Path<u64>) {
    source.delay_ms.store(ms, Ordering::Relaxed);
}

fn json_response(body: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// The plate asked for, found without parsing: a source must cost little.
fn plate(body: &[u8]) -> Option<&str> {
    let text = str::from_utf8(body).ok()?;
    text.split_once(r#""plate":""#)?.1.split('"').next()
}

fn answer(source: usize, rows: usize, now: Timestamp) -> String {
    let rows: Vec<_> = (0..rows).map(|row| sighting(source, row, now)).collect();
    json!({"results": rows, "totalItems": rows.len()}).to_string()
}

fn sighting(source: usize, row: usize, now: Timestamp) -> Value {
    let minutes = i64::try_from(1 + source + row * SOURCES).unwrap_or(1);
    let at = now - SignedDuration::from_mins(minutes);
    json!({
        "id": format!("00000000-0000-4000-8000-{source:04x}{row:08x}"),
        "capturedAt": format!("{at:.6}"),
        "device": {
            "id": format!("00000000-0000-4000-8000-00d0{source:08x}"),
            "type": "camera", "name": "Brook St EB",
            "location": {
                "latitude": 41.5, "longitude": -81.25,
                "city": "Brookdale", "state": "OH", "country": "US",
            },
            "network": {"id": "00000000-0000-4000-8000-00e000000000", "name": "Brookdale PD"},
            "metadata": {},
            "createdAt": "2024-01-01T00:00:00Z", "modifiedAt": "2024-01-01T00:00:00Z",
        },
        "plate": {"plate": PLACEHOLDER, "confidence": 0.93},
        "state": {"state": "ohio", "confidence": 0.88},
    })
}
