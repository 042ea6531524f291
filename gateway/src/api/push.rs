//! `POST /v1/sources/{id}/reads`.

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
use turnpike_adapters::adapter::Message;
use turnpike_schemas::{
    api::{Problem, PushReceipt},
    ledger::IngestWay,
};

use super::{
    body,
    caller::bearer,
    problem::{BUSY, Failure, UNAUTHENTICATED},
};
use crate::{app::App, config::TokenHash, federation::Source};

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
        return Err(app.send_back(&source, Busy::TooManyASecond).await);
    }
    // The place is taken before the body: what waits for its bytes counts as well.
    let Some(place) = app.intake.place() else {
        return Err(app.send_back(&source, Busy::TooManyAtOnce).await);
    };
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
    let taken = app.intake.push_in_place(&source, message, place).await;
    let accepted = taken.map_err(|error| {
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

/// Why a message has to be sent again.
#[derive(Debug, Clone, Copy)]
enum Busy {
    TooManyASecond,
    TooManyAtOnce,
}

impl Busy {
    /// The limit that was reached.
    fn limit(self) -> &'static str {
        match self {
            Self::TooManyASecond => "pushes_per_second",
            Self::TooManyAtOnce => "pushes_in_flight",
        }
    }

    fn detail(self) -> &'static str {
        match self {
            Self::TooManyASecond => {
                "the source sends more messages a second than configured; send it again"
            }
            Self::TooManyAtOnce => "too many messages are being taken in; send it again",
        }
    }
}

impl App {
    /// The problem for a message that must be sent again, with that on record.
    async fn send_back(&self, source: &Source, busy: Busy) -> Failure {
        match self.refusals.message(&source.id, busy.limit()).await {
            Ok(()) => Failure::new(BUSY).because(busy.detail()).after(1),
            Err(error) => error.into(),
        }
    }

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
                Err(self.refuse_stranger("push", failure).await)
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
