//! `POST /v1/sources/{id}/reads`.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, Request, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::sync::OwnedSemaphorePermit;
use turnpike_adapters::adapter::Message;
use turnpike_schemas::{
    api::{Problem, PushReceipt},
    ledger::IngestWay,
};

use super::{
    body,
    problem::{BUSY, Failure, UNAUTHENTICATED},
};
use crate::{
    app::{App, Pushing},
    federation::Source,
    ingest::Place,
    webhook::{Claim, Claimed, Headers, Proven, Told, Unproven},
};

/// Push reads
///
/// For vendors: one message in the source's own format. Answered with success only once its reads are durable. The token is
/// sent as `Authorization: Bearer` or as the password of `Basic`, unless the source is configured to prove itself by a secret in
/// a header or by a signature. A signed or named message that was taken in lately is answered again and not stored again.
#[utoipa::path(
    post,
    path = "/v1/sources/{id}/reads",
    tag = "sources",
    params(("id" = String, Path, description = "The source")),
    request_body(content = Vec<u8>, description = "A message in the source's own format", content_type = "application/octet-stream"),
    responses(
        (status = 200, description = "Durable. The body is the one the source's format prescribes, where it prescribes one", body = PushReceipt),
        (status = 400, description = "Nothing of the message can be understood", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not the source's token, secret or signature, or signed at another time", body = Problem, content_type = "application/problem+json"),
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
    let (parts, body) = request.into_parts();
    let sender = app.sender(&id, &parts.headers).await?;
    if sender.is_proven() {
        app.paced(&sender).await?;
    }
    // The place is taken before the body: what waits for its bytes counts as well.
    let (place, unproven) = app.place(&sender).await?;
    let body = app.pushed(&sender, body).await?;
    let proven = app.proven(&sender, &parts.headers, &body).await?;
    drop(unproven);
    if !sender.is_proven() {
        app.paced(&sender).await?;
    }
    let claimed = match claim(sender.pushing, &proven) {
        Claims::New(claimed) => claimed,
        Claims::UnderWay => {
            return Err(app.send_back(&sender.source, Busy::SameMessage).await);
        }
        Claims::Known(told) => {
            let told = told.again();
            let known = u64::from(told.receipt.duplicates);
            sender.source.tally.duplicates(known);
            return Ok(answer(told));
        }
    };
    let message = Message {
        content_type: parts
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .map(ToOwned::to_owned),
        topic: None,
        body,
    };
    let source = &sender.source;
    let taken = app.intake.push_in_place(source, message, place).await;
    let accepted = taken.map_err(|error| {
        tracing::warn!(source = %source.id, %error, "a pushed message was not taken in");
        Failure::from(error)
    })?;
    let told = Told {
        receipt: accepted.receipt,
        reply: accepted.reply,
    };
    for claimed in claimed {
        claimed.answered(told.clone());
    }
    Ok(answer(told))
}

/// What is known of a message under all that names it.
enum Claims {
    New(Vec<Claimed>),
    UnderWay,
    Known(Arc<Told>),
}

/// Marks a message as under way under all that names it. Known under one of its names, it is known.
fn claim(pushing: &Pushing, proven: &Proven) -> Claims {
    let Some(replays) = &pushing.replays else {
        return Claims::New(Vec::new());
    };
    let mut claimed = Vec::new();
    for key in proven.identity.into_iter().chain(proven.named) {
        match replays.claim(key) {
            Claim::New(one) => claimed.push(one),
            Claim::UnderWay => return Claims::UnderWay,
            Claim::Known(told) => {
                for one in claimed {
                    one.answered(Told::clone(&told));
                }
                return Claims::Known(told);
            }
        }
    }
    Claims::New(claimed)
}

/// What the vendor is told once its reads are durable.
fn answer(told: Told) -> Response {
    let Some(reply) = told.reply else {
        return Json(told.receipt).into_response();
    };
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    let mut response = (status, reply.body).into_response();
    let content_type = HeaderValue::from_static(reply.content_type);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type);
    response
}

/// The source a message says it is from, and what its headers come to.
struct Sender<'a> {
    source: Arc<Source>,
    pushing: &'a Pushing,
    sent: Headers,
}

impl Sender<'_> {
    /// Whether the message is the source's, as far as that can be known before its body.
    fn is_proven(&self) -> bool {
        matches!(self.sent, Headers::Proven)
    }
}

/// Why a message has to be sent again.
#[derive(Debug, Clone, Copy)]
enum Busy {
    TooManyASecond,
    TooManyAtOnce,
    SameMessage,
}

impl Busy {
    /// The word in the ledger.
    fn word(self) -> &'static str {
        match self {
            Self::TooManyASecond => "pushes_per_second",
            Self::TooManyAtOnce => "pushes_in_flight",
            Self::SameMessage => "same_message",
        }
    }

    fn detail(self) -> &'static str {
        match self {
            Self::TooManyASecond => {
                "the source sends more messages a second than configured; send it again"
            }
            Self::TooManyAtOnce => "too many messages are being taken in; send it again",
            Self::SameMessage => "the same message is being taken in; send it again",
        }
    }
}

impl App {
    /// The problem for a message that must be sent again, with that on record.
    async fn send_back(&self, source: &Source, busy: Busy) -> Failure {
        match self.refusals.message(&source.id, busy.word()).await {
            Ok(()) => Failure::new(BUSY).because(busy.detail()).after(1),
            Err(error) => error.into(),
        }
    }

    /// Counts one message against the source's limit.
    async fn paced(&self, sender: &Sender<'_>) -> Result<(), Failure> {
        if self.pushes.allow(&sender.source.id) {
            return Ok(());
        }
        let busy = Busy::TooManyASecond;
        Err(self.send_back(&sender.source, busy).await)
    }

    /// A place for the message, and for one that is not proven yet one of the few for those as well.
    async fn place(
        &self,
        sender: &Sender<'_>,
    ) -> Result<(Place, Option<OwnedSemaphorePermit>), Failure> {
        let few = if sender.is_proven() {
            Some(None)
        } else {
            let few = Arc::clone(&self.unproven).try_acquire_owned();
            few.ok().map(Some)
        };
        match few.and_then(|few| Some((self.intake.place()?, few))) {
            Some(place) => Ok(place),
            None => Err(self.send_back(&sender.source, Busy::TooManyAtOnce).await),
        }
    }

    /// The body of a pushed message; one that is too large or too slow is refused on record.
    async fn pushed(&self, sender: &Sender<'_>, body: Body) -> Result<Bytes, Failure> {
        let read = body::read(body, self.http.max_push_bytes, self.http.body_timeout).await;
        let Err(failure) = read else {
            return read;
        };
        if !sender.is_proven() {
            return Err(self.refuse_stranger("push_body", failure).await);
        }
        let source = &sender.source;
        let refused = self
            .intake
            .refused(source, IngestWay::Push, failure.name(), None);
        match refused.await {
            Ok(()) => Err(failure),
            Err(error) => Err(error.into()),
        }
    }

    /// The source a message is for, if its headers do not already show that it is not from it. A source that takes no
    /// pushes looks like a wrong token.
    async fn sender(&self, id: &str, headers: &HeaderMap) -> Result<Sender<'_>, Failure> {
        let mut sources = self.federation.sources().iter();
        let source = sources.find(|source| source.id.as_str() == id);
        let pushing = source.and_then(|source| self.pushing.get(&source.id));
        let (Some(source), Some(pushing)) = (source, pushing) else {
            return Err(self.unproven(None, Unproven::Secret).await);
        };
        match pushing.push.headers(headers, self.intake.clock.now()) {
            Ok(sent) => Ok(Sender {
                source: Arc::clone(source),
                pushing,
                sent,
            }),
            Err(unproven) => Err(self.unproven(Some(source), unproven).await),
        }
    }

    async fn proven(
        &self,
        sender: &Sender<'_>,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Proven, Failure> {
        let now = self.intake.clock.now();
        let push = &sender.pushing.push;
        match push.body(&sender.sent, headers, body, now) {
            Ok(proven) => {
                proven
                    .skew
                    .into_iter()
                    .for_each(|skew| sender.source.tally.clock_is_ahead(skew));
                Ok(proven)
            }
            Err(unproven) => Err(self.unproven(Some(&sender.source), unproven).await),
        }
    }

    /// The problem for a message that is not known to be the source's, with that on record.
    async fn unproven(&self, source: Option<&Arc<Source>>, unproven: Unproven) -> Failure {
        if let Some(source) = source {
            source.tally.unproven(self.intake.clock.now());
        }
        let detail = match unproven {
            Unproven::Secret => {
                "send the source's own token as `authorization: Bearer`, or its secret in the header configured for it"
            }
            Unproven::Signature => "the signature is missing, malformed or wrong",
            Unproven::Timestamp => {
                "the time of the message is missing, malformed or too far from now; sign it anew and send it again"
            }
        };
        let failure = Failure::new(UNAUTHENTICATED).because(detail);
        self.refuse_stranger(unproven.word(), failure).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::{Proof, Push, Replays};

    #[test]
    fn a_message_is_known_under_each_of_its_names() {
        let push = Push {
            proof: Proof::Token(crate::config::TokenHash::of("a token")),
            idempotency_header: None,
        };
        let pushing = Pushing {
            push,
            replays: Some(Replays::new(std::time::Duration::from_secs(600))),
        };
        let asked = |signed, named| {
            let proven = Proven {
                identity: Some([signed; 32]),
                named: Some([named; 32]),
                skew: None,
            };
            claim(&pushing, &proven)
        };
        let told = Told {
            receipt: PushReceipt {
                stored: 1,
                duplicates: 0,
                skipped: 0,
                rejected: 0,
            },
            reply: None,
        };
        let Claims::New(claimed) = asked(1, 101) else {
            panic!("it is new");
        };
        assert!(matches!(asked(1, 102), Claims::UnderWay));
        assert!(matches!(asked(2, 101), Claims::UnderWay));
        drop(claimed);
        let Claims::New(claimed) = asked(1, 101) else {
            panic!("it was not taken in");
        };
        for one in claimed {
            one.answered(told.clone());
        }
        assert!(
            matches!(asked(1, 102), Claims::Known(_)),
            "replayed under another name"
        );
        assert!(
            matches!(asked(2, 101), Claims::Known(_)),
            "signed anew by its vendor"
        );
        assert!(
            matches!(asked(2, 103), Claims::Known(_)),
            "which is known then as well"
        );
        assert!(matches!(asked(3, 103), Claims::New(_)));
    }
}
