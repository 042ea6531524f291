//! `/v1/ledger/...`: the signed tree, for whoever checks it from outside.
//!
//! Hashes and checkpoints tell nothing about anyone and are for every caller with a token; entries are for auditors, and each
//! time they are read is an entry.

use std::sync::Arc;

use axum::{
    extract::{Path, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header};
use turnpike_schemas::{
    agreement::Role,
    api::Problem,
    ledger::{Admin, AdminAction, Personal, Refused, RefusedReason},
    tlog::Tile,
};

use super::{
    caller::Caller,
    problem::{FORBIDDEN, Failure, INTERNAL, NOT_FOUND},
};
use crate::{
    app::App,
    ledger::Published,
    tlog::{FolderError, WITNESSED},
};

const TEXT: &str = "text/plain; charset=utf-8";

/// A tile never changes once it is there.
const FOR_GOOD: &str = "private, max-age=31536000, immutable";

/// The newest signed checkpoint (C2SP tlog-checkpoint)
#[utoipa::path(
    get,
    path = "/v1/ledger/checkpoint",
    tag = "ledger",
    responses(
        (status = 200, description = "The checkpoint", body = String, content_type = "text/plain"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "This ledger is not signed", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn checkpoint(
    State(app): State<Arc<App>>,
    _caller: Caller,
) -> Result<Response, Failure> {
    let note = app.signed()?.head().note.to_string();
    Ok(plain(note, TEXT, "no-store"))
}

/// The newest checkpoint that enough witnesses have cosigned
#[utoipa::path(
    get,
    path = "/v1/ledger/checkpoint/witnessed",
    tag = "ledger",
    responses(
        (status = 200, description = "The checkpoint with its cosignatures", body = String, content_type = "text/plain"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "None yet, or no witness is asked", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn witnessed(
    State(app): State<Arc<App>>,
    _caller: Caller,
) -> Result<Response, Failure> {
    let folder = app.signed()?.folder();
    match reading(move || folder.text(WITNESSED)).await? {
        Some(note) => Ok(plain(note, TEXT, "no-store")),
        None => Err(Failure::new(NOT_FOUND).because("no witness has vouched for this ledger")),
    }
}

/// A tile of hashes, or a bundle of entries (C2SP tlog-tiles)
///
/// `path` is `<level>/<index>` or `entries/<index>`, with `.p/<width>` for an unfinished one, as in `0/x001/234` or
/// `entries/000.p/17`. Entries need the role `auditor`, and reading them is an entry.
#[utoipa::path(
    get,
    path = "/v1/ledger/tile/{*path}",
    tag = "ledger",
    params(("path" = String, Path, description = "Which tile")),
    responses(
        (status = 200, description = "Its bytes", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Entries are for auditors", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "The newest checkpoint does not cover it", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn tile(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Failure> {
    let path = path.map(|Path(path)| path).unwrap_or_default();
    let none = || Failure::new(NOT_FOUND).because("no tile the newest checkpoint covers");
    let tile = Tile::parse(&format!("tile/{path}"));
    if tile.as_ref().is_ok_and(|tile| tile.level().is_none()) || path.starts_with("entries") {
        app.admit_auditor(&caller).await?;
        app.stepped_up(&caller).await?;
    }
    let tile = tile.map_err(|_| none())?;
    let published = app.signed()?.clone();
    let bytes = reading(move || published.tile(&tile))
        .await?
        .ok_or_else(none)?;
    if tile.level().is_none() {
        app.record_read(&caller, &tile).await?;
    }
    Ok(plain(bytes, "application/octet-stream", FOR_GOOD))
}

/// A proof that an entry is under the newest checkpoint (C2SP tlog-proof)
#[utoipa::path(
    get,
    path = "/v1/ledger/entries/{index}/proof",
    tag = "ledger",
    params(("index" = u64, Path, description = "Index of the entry, as answers tell it")),
    responses(
        (status = 200, description = "The proof", body = String, content_type = "text/plain"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "The newest checkpoint does not cover it (yet)", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn proof(
    State(app): State<Arc<App>>,
    _caller: Caller,
    index: Result<Path<String>, PathRejection>,
) -> Result<Response, Failure> {
    let none = || Failure::new(NOT_FOUND).because("the newest checkpoint does not cover it");
    let index = index.ok().and_then(|Path(index)| index.parse().ok());
    let (index, published) = (index.ok_or_else(none)?, app.signed()?.clone());
    let proof = reading(move || published.prove(index)).await?;
    Ok(plain(proof.ok_or_else(none)?.to_string(), TEXT, "no-store"))
}

impl App {
    fn signed(&self) -> Result<&Published, Failure> {
        let unsigned = || Failure::new(NOT_FOUND).because("this ledger is not signed");
        self.ledger.published().ok_or_else(unsigned)
    }

    async fn admit_auditor(&self, caller: &Caller) -> Result<(), Failure> {
        if caller.0.has(Role::Auditor) {
            return Ok(());
        }
        let failure = Failure::new(FORBIDDEN).because("reading entries needs the role `auditor`");
        let organisation = caller.0.organisation();
        let refused = Refused {
            detail: Some("ledger_entries".to_owned()),
            subject: Some(Personal::new(caller.0.subject())),
            organisation: Some(organisation.id.clone()),
            jurisdiction: Some(organisation.jurisdiction.to_string()),
            ..Refused::because(RefusedReason::Forbidden)
        };
        Err(self.record_refusal(refused, failure).await)
    }

    /// Entries leave only once it is on disk who took which.
    async fn record_read(&self, caller: &Caller, tile: &Tile) -> Result<(), Failure> {
        let facts = [
            ("first".to_owned(), tile.first().into()),
            ("entries".to_owned(), tile.width().into()),
        ];
        let entry = Admin {
            action: AdminAction::LedgerRead,
            by: Some(Personal::new(caller.0.subject())),
            facts: facts.into_iter().collect(),
        };
        Ok(self.ledger.admin(entry).await.map(drop)?)
    }
}

async fn reading<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, FolderError> + Send + 'static,
) -> Result<T, Failure> {
    let read = tokio::task::spawn_blocking(read).await;
    read.map_err(|_| Failure::new(INTERNAL))?.map_err(|error| {
        tracing::error!(%error, "the ledger cannot be read");
        Failure::new(INTERNAL).because("the ledger cannot be read")
    })
}

fn plain(body: impl IntoResponse, kind: &'static str, caching: &'static str) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    response
}
