//! The HTTP side: tokens, lookups, pages and every planned failure.

use std::collections::HashMap;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State as Extract};
use axum::response::Response;
use axum::routing::{get, post};
use futures::stream;
use http::{HeaderMap, StatusCode, Uri, header};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::criteria::{Complaint, Criteria};
use super::search::parse_page_id;
use super::{
    AUDIENCE, CLIENT_ID, CLIENT_SECRET, ErrorBody, Request, Shared, State, Token, TokenRequest,
};
use crate::sim::{lock, take_one};

const PIECES: usize = 16;

pub(super) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/oauth/token", post(token))
        .route("/api/v3/reads/lookup", post(lookup))
        .route("/api/v3/reads/lookup/page/{page_id}", get(page))
        .with_state(shared)
}

/// An answer before it is put on the wire.
struct Reply {
    status: StatusCode,
    retry_after_s: Option<u32>,
    body: Value,
}

impl Reply {
    fn ok(body: Value) -> Self {
        Self {
            status: StatusCode::OK,
            retry_after_s: None,
            body,
        }
    }

    fn error(shape: ErrorBody, status: StatusCode, message: &str, fields: &[Complaint]) -> Self {
        let body = match shape {
            ErrorBody::Text => json!({ "error": message }),
            ErrorBody::Object => {
                let fields: Vec<_> = fields
                    .iter()
                    .map(|(field, message)| json!({"field": field, "message": message}))
                    .collect();
                json!({"error": {"code": status.as_u16(), "message": message, "errors": fields}})
            }
        };
        Self {
            status,
            retry_after_s: None,
            body,
        }
    }
}

async fn token(Extract(shared): Extract<Shared>, uri: Uri, body: Bytes) -> Response {
    let form: HashMap<String, String> = url::form_urlencoded::parse(&body).into_owned().collect();
    let (reply, pace) = {
        let mut state = lock(&shared);
        let reply = state.give_token(&form);
        state.token_requests.push(TokenRequest {
            client_id: form.get("client_id").cloned(),
            audience: form.get("audience").cloned(),
            grant_type: form.get("grant_type").cloned(),
            status: reply.status.as_u16(),
        });
        state.requests.push(Request {
            method: "POST".to_owned(),
            target: uri.to_string(),
            authorization: None,
            body: Value::Null,
            status: reply.status.as_u16(),
        });
        (reply, state.pace())
    };
    send(reply, pace).await
}

async fn lookup(
    Extract(shared): Extract<Shared>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let json: Option<Value> = serde_json::from_slice(&body).ok();
    let (reply, pace) = {
        let mut state = lock(&shared);
        let bearer = bearer(&headers);
        let reply = match state.gate(bearer) {
            Err(reply) => reply,
            Ok(()) => state.look_up(json.as_ref()),
        };
        state.record("POST", &uri, &headers, json.unwrap_or_default(), &reply);
        (reply, state.pace())
    };
    send(reply, pace).await
}

async fn page(
    Extract(shared): Extract<Shared>,
    uri: Uri,
    headers: HeaderMap,
    Path(page_id): Path<String>,
) -> Response {
    let (reply, pace) = {
        let mut state = lock(&shared);
        let bearer = bearer(&headers);
        if take_one(&mut state.switches.revoke_on_page) {
            state.tokens.remove(bearer);
        }
        let reply = match state.gate(bearer) {
            Err(reply) => reply,
            Ok(()) => state.turn_page(&page_id),
        };
        state.record("GET", &uri, &headers, Value::Null, &reply);
        (reply, state.pace())
    };
    send(reply, pace).await
}

fn bearer(headers: &HeaderMap) -> &str {
    let value = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    value
        .and_then(|value| value.strip_prefix("Bearer "))
        .unwrap_or_default()
}

impl State {
    fn error(&self, status: StatusCode, message: &str) -> Reply {
        Reply::error(self.switches.error_body, status, message, &[])
    }

    fn give_token(&mut self, form: &HashMap<String, String>) -> Reply {
        let field = |name: &str| form.get(name).map(String::as_str);
        if take_one(&mut self.switches.token_failures) {
            return self.error(StatusCode::SERVICE_UNAVAILABLE, "try again later");
        }
        if field("grant_type") != Some("client_credentials") {
            return self.error(StatusCode::BAD_REQUEST, "unsupported grant type");
        }
        if (field("client_id"), field("client_secret")) != (Some(CLIENT_ID), Some(CLIENT_SECRET)) {
            return self.error(StatusCode::UNAUTHORIZED, "access denied");
        }
        if field("audience") != Some(AUDIENCE) {
            return self.error(StatusCode::FORBIDDEN, "client is not allowed this audience");
        }
        self.tokens_given += 1;
        let token = format!("flock-simulator-token-{}", self.tokens_given);
        let life_s = self.switches.token_life_s;
        let kept = Token {
            expires: Instant::now().checked_add(Duration::from_secs(life_s.into())),
            uses_left: self.switches.token_uses,
        };
        self.tokens.insert(token.clone(), kept);
        Reply::ok(json!({"access_token": token, "token_type": "Bearer", "expires_in": life_s}))
    }

    /// Everything that can go wrong before the request itself is looked at.
    fn gate(&mut self, bearer: &str) -> Result<(), Reply> {
        if take_one(&mut self.switches.too_many) {
            let mut reply = self.error(StatusCode::TOO_MANY_REQUESTS, "too many requests");
            reply.retry_after_s = self.switches.retry_after_s;
            return Err(reply);
        }
        if take_one(&mut self.switches.fail_times) {
            let status = StatusCode::from_u16(self.switches.fail_status);
            let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            return Err(self.error(status, "something went wrong"));
        }
        if !self.token_is_good(bearer) {
            return Err(self.error(StatusCode::UNAUTHORIZED, "token is missing or not valid"));
        }
        if self.switches.forbidden {
            return Err(self.error(StatusCode::FORBIDDEN, "scope plate-reads:lookup is missing"));
        }
        Ok(())
    }

    fn token_is_good(&mut self, bearer: &str) -> bool {
        let Some(token) = self.tokens.get_mut(bearer) else {
            return false;
        };
        let alive = token.expires.is_none_or(|expires| Instant::now() < expires);
        alive && token.uses_left.as_mut().is_none_or(take_one)
    }

    fn look_up(&mut self, body: Option<&Value>) -> Reply {
        let Some(body) = body else {
            return self.error(StatusCode::BAD_REQUEST, "body is not JSON");
        };
        match Criteria::parse(body) {
            Err(complaints) => Reply::error(
                self.switches.error_body,
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid search criteria",
                &complaints,
            ),
            Ok(criteria) => {
                self.lookups.push(criteria.lookup());
                let search = self.open_search(&criteria);
                Reply::ok(self.page(search, 0).unwrap_or_default())
            }
        }
    }

    fn turn_page(&mut self, page_id: &str) -> Reply {
        let expired = take_one(&mut self.switches.expire_pages);
        let found = parse_page_id(page_id).and_then(|(search, page)| self.page(search, page));
        match found {
            Some(body) if !expired => Reply::ok(body),
            _ => self.error(StatusCode::UNPROCESSABLE_ENTITY, "page id not found"),
        }
    }

    fn record(&mut self, method: &str, uri: &Uri, headers: &HeaderMap, body: Value, to: &Reply) {
        let authorization = headers.get(header::AUTHORIZATION);
        self.requests.push(Request {
            method: method.to_owned(),
            target: uri.to_string(),
            authorization: authorization
                .and_then(|v| v.to_str().ok())
                .map(str::to_owned),
            body,
            status: to.status.as_u16(),
        });
    }

    fn pace(&self) -> (Duration, Option<Duration>) {
        (self.switches.latency, self.switches.slow_body)
    }
}

async fn send(reply: Reply, (latency, slow_body): (Duration, Option<Duration>)) -> Response {
    tokio::time::sleep(latency).await;
    let bytes = Bytes::from(reply.body.to_string());
    let body = match slow_body {
        None => Body::from(bytes),
        Some(pause) => in_pieces(&bytes, pause),
    };
    let mut response = Response::new(body);
    *response.status_mut() = reply.status;
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    if let Some(seconds) = reply.retry_after_s {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

fn in_pieces(bytes: &Bytes, pause: Duration) -> Body {
    let size = bytes.len().div_ceil(PIECES).max(1);
    let pieces: Vec<_> = bytes.chunks(size).map(Bytes::copy_from_slice).collect();
    Body::from_stream(stream::unfold(
        pieces.into_iter(),
        move |mut left| async move {
            tokio::time::sleep(pause).await;
            left.next()
                .map(|piece| (Ok::<_, std::convert::Infallible>(piece), left))
        },
    ))
}
