//! `GET /api/events`, `GET /api/events/{id}/snapshot.jpg`, `POST /api/login`.

use std::cmp::Reverse;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, Request, State as Extract};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::stream;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{API_LOGIN, State, Tracked, seconds};
use crate::sim::JPEG;
use crate::sim::lock;

type Shared = Arc<Mutex<State>>;

const PIECE: usize = 64 * 1024;

#[derive(Deserialize)]
struct Wanted {
    after: Option<f64>,
    before: Option<f64>,
    limit: Option<usize>,
}

pub(super) fn router(state: Shared) -> Router {
    Router::new()
        .route("/api/events", get(events))
        .route("/api/events/{id}/snapshot.jpg", get(snapshot))
        .layer(axum::middleware::from_fn_with_state(
            Arc::clone(&state),
            guard,
        ))
        .route("/api/login", post(login))
        .with_state(state)
}

async fn guard(Extract(state): Extract<Shared>, request: Request, next: Next) -> Response {
    let switches = {
        let mut state = lock(&state);
        state.requests.push(request.uri().to_string());
        state.switches.clone()
    };
    let sent = request.headers().get(header::AUTHORIZATION);
    let wanted = format!("Bearer session-{}", switches.sessions);
    let is_known = sent.is_some_and(|sent| sent.as_bytes() == wanted.as_bytes());
    if switches.guarded && !is_known {
        return failed(StatusCode::UNAUTHORIZED, "not logged in");
    }
    next.run(request).await
}

async fn login(Extract(state): Extract<Shared>, body: Json<Value>) -> Response {
    let is_right = body.0 == json!({ "user": API_LOGIN.0, "password": API_LOGIN.1 });
    if !is_right {
        return failed(StatusCode::UNAUTHORIZED, "login failed");
    }
    let session = {
        let mut state = lock(&state);
        state.switches.sessions += 1;
        state.switches.sessions
    };
    let cookie = format!("frigate_token=session-{session}; HttpOnly; Path=/; SameSite=lax");
    ([(header::SET_COOKIE, cookie)], Json(json!({}))).into_response()
}

async fn events(Extract(state): Extract<Shared>, Query(wanted): Query<Wanted>) -> Response {
    let mut events: Vec<Tracked> = lock(&state).events.clone();
    events.sort_by_key(|event| Reverse(event.start));
    let inside = |event: &&Tracked| {
        let start = seconds(event.start);
        wanted.after.is_none_or(|after| start > after)
            && wanted.before.is_none_or(|before| start < before)
    };
    let page = events
        .iter()
        .filter(inside)
        .take(wanted.limit.unwrap_or(100));
    Json(page.map(Tracked::event).collect::<Vec<_>>()).into_response()
}

async fn snapshot(Extract(state): Extract<Shared>, Path(id): Path<String>) -> Response {
    let (switches, has) = {
        let state = lock(&state);
        let has = |event: &Tracked| event.id == id && event.has_snapshot;
        (state.switches.clone(), state.events.iter().any(has))
    };
    if switches.no_snapshot || !has {
        return failed(StatusCode::NOT_FOUND, "Event not found");
    }
    if switches.page_for_snapshot {
        return (
            [(header::CONTENT_TYPE, "text/html")],
            "<html>sign in</html>",
        )
            .into_response();
    }
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        http::HeaderValue::from_static("image/jpeg"),
    );
    if switches.huge_snapshot == 0 {
        return (headers, JPEG).into_response();
    }
    let padding = stream::unfold(switches.huge_snapshot, |left| async move {
        let size = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        let piece = Bytes::from(vec![0; size]);
        (size > 0).then(|| (Ok::<_, Infallible>(piece), left - size as u64))
    });
    let whole = stream::iter([Ok(Bytes::from_static(JPEG))]);
    let body = Body::from_stream(futures::StreamExt::chain(whole, padding));
    (headers, body).into_response()
}

fn failed(status: StatusCode, message: &str) -> Response {
    (
        status,
        Json(json!({ "success": false, "message": message })),
    )
        .into_response()
}
