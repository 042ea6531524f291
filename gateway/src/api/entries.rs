//! `GET /v1/ledger/entries` and the sealing of what is past its retention.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, Request, State, rejection::PathRejection},
};
use serde::Deserialize;
use serde_json::{Value, json};
use turnpike_schemas::{
    agreement::Role,
    api::{EntryList, ListedEntry, MAX_ENTRIES, Problem, SealProposal, SealReport, SealRequest},
    ledger::{Admin, AdminAction, Entry, Personal, RefusedReason},
    read::SourceId,
    tlog,
};
use utoipa::IntoParams;
use uuid::Uuid;

use super::{
    caller::Caller,
    problem::{FORBIDDEN, Failure, INVALID, NOT_FOUND},
};
use crate::{
    app::App,
    ledger::{LedgerError, Unavailable},
    sealing::SealError,
};

/// What is read unless `limit` says otherwise.
const ENTRIES: u32 = 100;

/// Which entries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Index of the first entry; 0 unless given.
    #[serde(default)]
    start: Option<u64>,
    /// The last so many entries instead.
    #[serde(default)]
    #[param(maximum = 1000)]
    last: Option<u32>,
    /// Most entries to give, up to 1000; 100 unless given.
    #[serde(default)]
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// A reading, as it goes on record.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    pub(super) from: u64,
    pub(super) entries: usize,
    pub(super) role: &'static str,
    /// The source whose log was read, if not all of the ledger.
    pub(super) source: Option<&'a SourceId>,
}

/// Read entries of the ledger
///
/// For the role `auditor`. Personal fields are open as long as their keys are kept. The reading is on record before
/// anything of it leaves.
#[utoipa::path(
    get,
    path = "/v1/ledger/entries",
    tag = "ledger",
    params(Which),
    responses(
        (status = 200, description = "The entries", body = EntryList),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow reading the ledger", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Not a range", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be read or the reading not be recorded", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn ledger_entries(
    State(app): State<Arc<App>>,
    caller: Caller,
    which: Result<Query<Which>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<EntryList>, Failure> {
    if !caller.0.has(Role::Auditor) {
        let failure = Failure::new(FORBIDDEN).because(
            "reading the ledger needs the role `auditor`; a source owner reads /v1/ledger/sources/{id}/entries",
        );
        let reason = RefusedReason::Forbidden;
        return Err(app
            .refuse_other(&caller, reason, "ledger_entries", failure)
            .await);
    }
    app.stepped_up(&caller).await?;
    let range = which.ok().and_then(|Query(which)| which.range(&app));
    let Some((from, limit)) = range else {
        let failure = Failure::new(INVALID)
            .because("give `start` or `last`, and a `limit` of 1 to 1000")
            .at("start");
        let reason = RefusedReason::Malformed;
        return Err(app.refuse_other(&caller, reason, "range", failure).await);
    };
    let (entries, next) = app.read_entries(from, limit).await?;
    let reading = Reading {
        from,
        entries: entries.len(),
        role: "auditor",
        source: None,
    };
    let recorded = app.record_reading(&caller, &reading).await?;
    Ok(Json(EntryList {
        entries,
        next,
        recorded,
    }))
}

/// Propose to destroy keys
///
/// For the roles `auditor` and `operator`. Nothing is destroyed until an auditor who is somebody else confirms it.
#[utoipa::path(
    post,
    path = "/v1/ledger/seals",
    tag = "ledger",
    request_body = SealRequest,
    responses(
        (status = 200, description = "What would be destroyed", body = SealProposal),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow it", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body took too long", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not `application/json`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Too recent, or nothing to destroy", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn propose_seal(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> Result<Json<SealProposal>, Failure> {
    app.stepped_up(&caller).await?;
    let asked: SealRequest = app.ledger_body(&caller, request).await?;
    let proposed = app
        .sealing
        .propose(&caller.0, asked.before, app.federation.now())
        .await;
    match proposed {
        Ok(proposal) => Ok(Json(proposal)),
        Err(error) => Err(app.not_sealed(&caller, error).await),
    }
}

/// Confirm a proposal to destroy keys
///
/// For the role `auditor`, and not for whoever proposed it. The keys are destroyed: what they sealed cannot be read again by
/// anybody. The ledger's entries stay as they are, and the tree over them verifies as before.
#[utoipa::path(
    post,
    path = "/v1/ledger/seals/{id}/confirm",
    tag = "ledger",
    params(("id" = Uuid, Path, description = "The proposal")),
    responses(
        (status = 200, description = "What was destroyed", body = SealReport),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow it, or the proposal is your own", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such proposal", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written or the keys not be destroyed", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn confirm_seal(
    State(app): State<Arc<App>>,
    caller: Caller,
    id: Result<Path<Uuid>, PathRejection>,
) -> Result<Json<SealReport>, Failure> {
    app.approves(&caller).await?;
    let id = id.map(|Path(id)| id).unwrap_or_default();
    let now = app.federation.now();
    match app.sealing.confirm(&caller.0, id, now).await {
        Ok(report) => Ok(Json(report)),
        Err(error) => Err(app.not_sealed(&caller, error).await),
    }
}

impl Which {
    /// First entry and how many, where that makes sense.
    fn range(&self, app: &App) -> Option<(u64, usize)> {
        let limit = match (self.last, self.limit) {
            (Some(_), Some(_)) => return None,
            (last, limit) => last.or(limit).unwrap_or(ENTRIES),
        };
        let from = match (self.start, self.last) {
            (Some(_), Some(_)) => return None,
            (from, None) => from.unwrap_or(0),
            (None, Some(last)) => app.ledger.stats().entries.saturating_sub(u64::from(last)),
        };
        let limit = (1..=MAX_ENTRIES).contains(&limit).then_some(limit)?;
        Some((from, usize::try_from(limit).ok()?))
    }
}

impl App {
    async fn read_entries(
        &self,
        from: u64,
        limit: usize,
    ) -> Result<(Vec<ListedEntry>, Option<u64>), LedgerError> {
        let ledger = Arc::clone(&self.ledger);
        let read = tokio::task::spawn_blocking(move || {
            let (mut listed, mut next) = (Vec::new(), None);
            let durable = ledger.stats().entries;
            for entry in ledger.read_from(from)?.take(limit + 1) {
                let entry = entry?;
                if entry.index >= durable {
                    break;
                }
                if listed.len() == limit {
                    next = Some(entry.index);
                    break;
                }
                listed.push(listed_entry(entry, &ledger)?);
            }
            Ok((listed, next))
        });
        let closed = Err(LedgerError::Unavailable(Unavailable::Closed));
        read.await.unwrap_or(closed)
    }

    /// Puts a reading on record; nothing that was read may leave before.
    pub(super) async fn record_reading(
        &self,
        caller: &Caller,
        reading: &Reading<'_>,
    ) -> Result<u64, LedgerError> {
        let facts: [(&str, Value); 3] = [
            ("from", reading.from.into()),
            ("entries", reading.entries.into()),
            ("role", reading.role.into()),
        ];
        let source = reading
            .source
            .map(|source| ("source", source.as_str().into()));
        let facts = facts.into_iter().chain(source);
        let facts = facts.map(|(name, fact)| (name.to_owned(), fact));
        let entry = Admin {
            action: AdminAction::LedgerRead,
            by: Some(Personal::new(caller.0.subject())),
            facts: facts.collect(),
        };
        self.ledger.admin(entry).await
    }

    async fn not_sealed(&self, caller: &Caller, error: SealError) -> Failure {
        let (kind, reason) = match error {
            SealError::Ledger(error) => return error.into(),
            SealError::Role | SealError::SamePerson => (FORBIDDEN, RefusedReason::Forbidden),
            SealError::Unknown => (NOT_FOUND, RefusedReason::Malformed),
            SealError::Retention { .. } | SealError::Nothing | SealError::Many => {
                (INVALID, RefusedReason::Malformed)
            }
        };
        let failure = Failure::new(kind).because(error.to_string());
        let failure = match error {
            SealError::Retention { .. } | SealError::Nothing => failure.at("before"),
            _ => failure,
        };
        self.refuse_other(caller, reason, "seal", failure).await
    }
}

fn listed_entry(entry: Entry, ledger: &crate::ledger::Ledger) -> Result<ListedEntry, LedgerError> {
    let leaf_hash = tlog::leaf_hash(&entry.canonical_bytes()?).to_base64();
    let bytes = entry.opened(&**ledger.keys()).canonical_bytes()?;
    let entry = serde_json::from_slice(&bytes).unwrap_or_else(|_| json!({}));
    Ok(ListedEntry { leaf_hash, entry })
}
