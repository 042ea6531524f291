//! What the owner of a source reads: the log of that source, its checkpoint, and who a pseudonym is.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, Request, State, rejection::PathRejection},
};
use serde::Deserialize;
use turnpike_schemas::{
    api::{
        MAX_ENTRIES, OwnerCheckpoint, OwnerLeaves, Problem, PseudonymAsked, PseudonymRequest,
        PseudonymResolved,
    },
    ledger::{Entry, OwnerHead, RefusedReason},
    read::SourceId,
    tlog::Frontier,
};
use utoipa::IntoParams;
use uuid::Uuid;

use super::{
    body,
    caller::Caller,
    problem::{FORBIDDEN, Failure, INVALID, LEDGER_UNAVAILABLE, NOT_FOUND},
};
use crate::{
    app::App,
    ledger::{LedgerError, Unavailable},
    owners::{OwnersError, ResolveError},
};

/// Which leaves.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Place of the first leaf.
    #[serde(default)]
    start: u64,
    /// Most leaves to give, up to 1000.
    #[serde(default = "most")]
    #[param(minimum = 1, maximum = 1000)]
    limit: u32,
}

fn most() -> u32 {
    MAX_ENTRIES
}

/// Head of a source's log
///
/// For the source's owner and for auditors. The log is brought up to date and its head recorded in the ledger first.
#[utoipa::path(
    get,
    path = "/v1/ledger/sources/{id}/checkpoint",
    tag = "ledger",
    params(("id" = String, Path, description = "The source")),
    responses(
        (status = 200, description = "The head, and the entry that records it", body = OwnerCheckpoint),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Neither an auditor nor the source's owner", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be read or written", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn owner_checkpoint(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<SourceId>, PathRejection>,
) -> Result<Json<OwnerCheckpoint>, Failure> {
    let source = app.own_source(&caller, path).await?;
    app.owners.advance().await?;
    let head = app.owners.head(&source).await?;
    let (recorded, head) = match head {
        Some((index, head)) => (Some(index), head),
        None => (None, OwnerHead::of(&Frontier::default())),
    };
    let entry = match recorded {
        Some(index) => Some(app.written_entry(index).await?),
        None => None,
    };
    Ok(Json(OwnerCheckpoint {
        source,
        size: head.size,
        root: head.root,
        recorded,
        entry,
    }))
}

/// Leaves of a source's log
///
/// For the source's owner and for auditors: every entry that touches the source, people under pseudonyms. Leaves up to the
/// checkpoint are given. The reading is on record before anything of it leaves.
#[utoipa::path(
    get,
    path = "/v1/ledger/sources/{id}/entries",
    tag = "ledger",
    params(("id" = String, Path, description = "The source"), Which),
    responses(
        (status = 200, description = "The leaves", body = OwnerLeaves),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Neither an auditor nor the source's owner", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Not a range", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be read or the reading not be recorded", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn owner_entries(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<SourceId>, PathRejection>,
    which: Result<Query<Which>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<OwnerLeaves>, Failure> {
    let source = app.own_source(&caller, path).await?;
    app.stepped_up(&caller).await?;
    let which = which.ok().map(|Query(which)| which);
    let which = which.filter(|which| (1..=MAX_ENTRIES).contains(&which.limit));
    let Some(Which { start: from, limit }) = which else {
        let failure = Failure::new(INVALID)
            .because("`limit` takes 1 to 1000")
            .at("limit");
        let reason = RefusedReason::Malformed;
        return Err(app.refuse_other(&caller, reason, "range", failure).await);
    };
    let limit = usize::try_from(limit).unwrap_or_default();
    let leaves = app.owners.leaves(&source, from, limit).await?;
    let size = app
        .owners
        .head(&source)
        .await?
        .map_or(0, |(_, head)| head.size);
    let end = from.saturating_add(leaves.len() as u64);
    let reading = super::entries::Reading {
        from,
        entries: leaves.len(),
        role: "source_owner",
        source: Some(&source),
    };
    let recorded = app.record_reading(&caller, &reading).await?;
    Ok(Json(OwnerLeaves {
        leaves,
        next: (end < size).then_some(end),
        recorded,
    }))
}

/// Ask who a pseudonym is
///
/// For the source's owner. Nothing is told until an auditor confirms it.
#[utoipa::path(
    post,
    path = "/v1/ledger/sources/{id}/pseudonyms",
    tag = "ledger",
    params(("id" = String, Path, description = "The source")),
    request_body = PseudonymRequest,
    responses(
        (status = 200, description = "Waits for an auditor", body = PseudonymAsked),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not the source's owner", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body took too long", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not `application/json`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Not a pseudonym", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn ask_who(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<SourceId>, PathRejection>,
    request: Request,
) -> Result<Json<PseudonymAsked>, Failure> {
    let source = app.own_source(&caller, path).await?;
    let asked: PseudonymRequest = app.ledger_body(&caller, request).await?;
    let now = app.federation.now();
    let asked = app
        .owners
        .ask_who(&caller.0, &source, &asked.pseudonym, now);
    match asked.await {
        Ok(request) => Ok(Json(PseudonymAsked { request })),
        Err(error) => Err(app.not_resolved(&caller, error).await),
    }
}

/// Say who a pseudonym is
///
/// For the role `auditor`, and not for whoever asked. On record before it is told.
#[utoipa::path(
    post,
    path = "/v1/ledger/pseudonyms/{id}/confirm",
    tag = "ledger",
    params(("id" = Uuid, Path, description = "The request")),
    responses(
        (status = 200, description = "Who it is", body = PseudonymResolved),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not an auditor, or your own request", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such request, or nobody", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be read or written", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn say_who(
    State(app): State<Arc<App>>,
    caller: Caller,
    id: Result<Path<Uuid>, PathRejection>,
) -> Result<Json<PseudonymResolved>, Failure> {
    app.approves(&caller).await?;
    let id = id.map(|Path(id)| id).unwrap_or_default();
    let said = app
        .owners
        .say_who(&caller.0, id, app.federation.now())
        .await;
    match said {
        Ok(subject) => Ok(Json(PseudonymResolved { subject })),
        Err(error) => Err(app.not_resolved(&caller, error).await),
    }
}

impl App {
    /// The source in the path, which the caller may read the log of.
    async fn own_source(
        &self,
        caller: &Caller,
        path: Result<Path<SourceId>, PathRejection>,
    ) -> Result<SourceId, Failure> {
        let source = path.ok().map(|Path(source)| source);
        let own = source.filter(|source| self.owners.may_read(&caller.0, source));
        match own {
            Some(source) => Ok(source),
            None => {
                let failure = Failure::new(FORBIDDEN).because(
                    "the log of a source is read by auditors and by the `source_owner` users of the organisation that its `owner` names",
                );
                let reason = RefusedReason::Forbidden;
                Err(self
                    .refuse_other(caller, reason, "owner_log", failure)
                    .await)
            }
        }
    }

    /// An entry as it is written.
    async fn written_entry(&self, index: u64) -> Result<String, LedgerError> {
        let ledger = Arc::clone(&self.ledger);
        let read = tokio::task::spawn_blocking(move || -> Result<String, LedgerError> {
            let gone = LedgerError::Unavailable(Unavailable::Io);
            let entry: Entry = ledger.read_from(index)?.next().ok_or(gone)??;
            Ok(String::from_utf8_lossy(&entry.canonical_bytes()?).into_owned())
        });
        let closed = LedgerError::Unavailable(Unavailable::Closed);
        read.await.unwrap_or(Err(closed))
    }

    /// The body of a request about the ledger; one that cannot be read is refused on record.
    pub(super) async fn ledger_body<T: serde::de::DeserializeOwned>(
        &self,
        caller: &Caller,
        request: Request,
    ) -> Result<T, Failure> {
        let (parts, body) = request.into_parts();
        let read = match body::require_json(&parts.headers) {
            Ok(()) => body::read(body, self.http.max_query_bytes, self.http.body_timeout).await,
            Err(failure) => Err(failure),
        };
        match read.and_then(|bytes| body::json(&bytes)) {
            Ok(asked) => Ok(asked),
            Err(failure) => {
                let reason = RefusedReason::Malformed;
                Err(self
                    .refuse_other(caller, reason, "ledger_body", failure)
                    .await)
            }
        }
    }

    async fn not_resolved(&self, caller: &Caller, error: ResolveError) -> Failure {
        let (kind, reason) = match error {
            ResolveError::Owners(error) => return error.into(),
            ResolveError::Role | ResolveError::SamePerson => (FORBIDDEN, RefusedReason::Forbidden),
            ResolveError::Unknown | ResolveError::Nobody => (NOT_FOUND, RefusedReason::Malformed),
            ResolveError::Many => (INVALID, RefusedReason::Malformed),
        };
        let failure = Failure::new(kind).because(error.to_string());
        self.refuse_other(caller, reason, "pseudonym", failure)
            .await
    }
}

impl From<OwnersError> for Failure {
    fn from(error: OwnersError) -> Self {
        match error {
            OwnersError::Ledger(error) => error.into(),
            error => {
                tracing::error!(%error, "the log of a source owner cannot be read");
                Self::new(LEDGER_UNAVAILABLE).because("tell the operator")
            }
        }
    }
}
