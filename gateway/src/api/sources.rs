//! `GET /v1/sources` and `POST /v1/sources/{id}/reads`.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, Request, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use base64::Engine as _;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use turnpike_adapters::{adapter::Message, layers::BreakerState};
use turnpike_schemas::{
    api::{Delivery, Problem, PushReceipt, SourceInfo, SourceList},
    ledger::{IngestWay, RefusedReason},
};

use super::{
    body,
    caller::{Caller, bearer},
    problem::{BUSY, Failure, NOT_FOUND, UNAUTHENTICATED},
};
use crate::{app::App, config::TokenHash, federation::Source};

/// List the sources
///
/// Every configured source, how it delivers, its agreement and its state.
#[utoipa::path(
    get,
    path = "/v1/sources",
    tag = "sources",
    responses(
        (status = 200, description = "Every configured source", body = SourceList),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn list(State(app): State<Arc<App>>, _caller: Caller) -> Json<SourceList> {
    let sources = app
        .federation
        .sources()
        .iter()
        .map(|source| info(&app, source))
        .collect();
    Json(SourceList { sources })
}

fn info(app: &App, source: &Source) -> SourceInfo {
    let can = source.capabilities();
    let deliveries = [
        (can.search, Delivery::Pull),
        (can.poll, Delivery::Poll),
        (can.push, Delivery::Push),
        (can.file, Delivery::File),
        (can.subscribe, Delivery::Subscribe),
    ];
    let held = (!source.is_live()).then(|| app.store.source_stats(&source.id));
    SourceInfo {
        source: source.id.clone(),
        title: source.title.clone(),
        family: source.adapter.info().family,
        adapter: source.entry.id.to_owned(),
        delivery: deliveries
            .iter()
            .filter(|(can, _)| *can)
            .map(|(_, delivery)| *delivery)
            .collect(),
        agreement: source.agreement.reference().clone(),
        breaker: source.is_live().then(|| breaker_word(source).to_owned()),
        last_seen_at: source
            .last_seen()
            .max(held.as_ref().and_then(|held| held.last_received_at)),
        reads_held: held.map(|held| held.held),
        rejected: source.tally.rejected(),
    }
}

/// The word for the state of a source's breaker.
pub(crate) fn breaker_word(source: &Source) -> &'static str {
    match source.health.snapshot().breaker {
        BreakerState::Closed => "closed",
        BreakerState::Open { .. } => "open",
        BreakerState::HalfOpen => "half_open",
    }
}

/// Push reads
///
/// For vendors: one message in the source's own format. Answered with success only once its reads are durable. The token is
/// sent as `Authorization: Bearer`, or as the password of `Basic`.
#[utoipa::path(
    post,
    path = "/v1/sources/{id}/reads",
    tag = "sources",
    params(("id" = String, Path, description = "The source")),
    request_body(content = Vec<u8>, description = "A message in the source's own format", content_type = "application/octet-stream"),
    responses(
        (status = 200, description = "Durable. The body is the one the source's format prescribes, where it prescribes one", body = PushReceipt),
        (status = 400, description = "Nothing of the message can be understood", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not the source's token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The agreement does not allow reads to be taken in", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body took too long", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Not taken in: send it again", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []), ("basic" = []))
)]
pub(super) async fn push(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Failure> {
    // A name that is no text is the name of no source.
    let id = path.map(|Path(id)| id).unwrap_or_default();
    let source = app.pushing_source(&id, request.headers()).await?;
    if !app.pushes.allow(&source.id) {
        return Err(Failure::new(BUSY)
            .because("the source sends more messages a second than configured; send it again")
            .after(1));
    }
    let (parts, body) = request.into_parts();
    let message = Message {
        content_type: parts
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .map(ToOwned::to_owned),
        topic: None,
        body: app.pushed(&source, body).await?,
    };
    let accepted = app.intake.push(&source, message).await.map_err(|error| {
        tracing::warn!(source = %source.id, %error, "a pushed message was not taken in");
        Failure::from(error)
    })?;
    Ok(match accepted.reply {
        None => Json(accepted.receipt).into_response(),
        Some(reply) => {
            let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
            let mut response = (status, reply.body).into_response();
            response.headers_mut().insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static(reply.content_type),
            );
            response
        }
    })
}

impl App {
    /// The body of a pushed message; one that is too large or too slow is refused on record.
    async fn pushed(&self, source: &Source, body: Body) -> Result<Bytes, Failure> {
        let read = body::read(body, self.http.max_push_bytes, self.http.body_timeout).await;
        let Err(failure) = read else {
            return read;
        };
        let refused = self
            .intake
            .refused(source, IngestWay::Push, failure.name(), None);
        match refused.await {
            Ok(()) => Err(failure),
            Err(error) => Err(error.into()),
        }
    }

    /// The source whose push token was sent. A source that takes no pushes looks like a wrong token.
    async fn pushing_source(&self, id: &str, headers: &HeaderMap) -> Result<Arc<Source>, Failure> {
        let known = self
            .federation
            .sources()
            .iter()
            .find(|source| source.id.as_str() == id);
        let sent = token(headers).map(|token| TokenHash::of(&token));
        let expected = known.and_then(|source| self.push_tokens.get(&source.id));
        match (known, expected, sent) {
            (Some(source), Some(expected), Some(sent)) if expected.is(&sent) => {
                Ok(Arc::clone(source))
            }
            _ => {
                let failure = Failure::new(UNAUTHENTICATED)
                    .because("send the source's own token as `authorization: Bearer`");
                Err(self
                    .refuse_unknown(RefusedReason::Unauthenticated, "push", failure)
                    .await)
            }
        }
    }
}

fn token(headers: &HeaderMap) -> Option<String> {
    if let Some(token) = bearer(headers) {
        return Some(token.to_owned());
    }
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = base64::engine::general_purpose::STANDARD
        .decode(encoded.trim())
        .ok()?;
    let text = String::from_utf8(decoded).ok()?;
    text.split_once(':')
        .map(|(_, password)| password.to_owned())
}

/// The answer to addresses that do not exist.
pub(super) async fn not_found() -> Failure {
    Failure::new(NOT_FOUND).because("see /docs for what there is")
}
