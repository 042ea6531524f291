//! Entries of alert lists.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, Request, State, rejection::PathRejection, rejection::QueryRejection},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};
use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use turnpike_schemas::{
    alert::Mode,
    api::{
        Problem,
        alerts::{
            AlertEntries, AlertEntry, AlertHistory, AlertImport, AlertRenewal, NewAlertEntries,
        },
    },
    hex::hex,
    ledger::RefusedReason,
};
use utoipa::IntoParams;
use uuid::Uuid;

use crate::{
    alerts::{
        file::{self, Defaults, FileError},
        hotlist::Layout,
    },
    api::{
        body,
        caller::Caller,
        problem::{Failure, INVALID, UNSUPPORTED_MEDIA_TYPE},
    },
    app::App,
    listing::{Change, ListError, Rows, Sent},
};

/// Longest import, in bytes: a million rows.
const MAX_IMPORT: usize = 96 << 20;

/// Most rows of an import.
const MAX_ROWS: usize = 1_000_000;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const CSV: &str = "text/csv";
const PLAIN: &str = "text/plain";

/// What the rows are to the list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct How {
    /// `incremental` adds; `complete` takes off as well what is not in the file.
    #[serde(default = "incremental")]
    #[param(inline)]
    mode: Mode,
    /// Change nothing, and say what would be changed.
    #[serde(default)]
    dry_run: bool,
    /// Reason code of rows that have none.
    #[serde(default)]
    reason: String,
    /// End of rows that have none, with a zone.
    #[serde(default)]
    expires_at: String,
    /// Where fields stand in a list that an authority handed out (`text/plain`): `ncic`, or one of this installation. What is about
    /// persons is dropped unread; entries end when the layout says, counted from `as_of`.
    layout: Option<String>,
    /// When it was put together, with a zone, and not later than now. Needed with `layout`. Hits of a list that is old say so.
    #[param(value_type = Option<String>, format = DateTime)]
    as_of: Option<Timestamp>,
    /// Entries that differ in nothing but an earlier end last longer. With `layout` they do unless this says otherwise.
    renew: Option<bool>,
}

fn incremental() -> Mode {
    Mode::Incremental
}

/// List the entries of an alert list
///
/// With `Accept: text/csv` as a file that an import takes back, and that a spreadsheet opens without running anything in it.
#[utoipa::path(
    get,
    path = "/v1/alert-lists/{list}/entries",
    operation_id = "alert_entries",
    tag = "alerts",
    params(("list" = Uuid, Path, description = "The list")),
    responses(
        (status = 200, description = "The entries", content((AlertEntries = "application/json"), (String = "text/csv"))),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "You have no such list", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or lists cannot be read", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(in crate::api) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<Uuid>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    app.watches(&caller).await?;
    let list = app.named(&caller, path).await?;
    let accept = headers.get(header::ACCEPT);
    let csv = accept.is_some_and(|accept| accept.as_bytes().starts_with(CSV.as_bytes()));
    let listed = if csv {
        let file = app.listing.export(&caller.0, list).await;
        file.map(|file| {
            let kind = HeaderValue::from_static("text/csv; charset=utf-8");
            ([(header::CONTENT_TYPE, kind)], file).into_response()
        })
    } else {
        let entries = app.listing.entries(&caller.0, list).await;
        entries.map(|entries| Json(entries).into_response())
    };
    match listed {
        Ok(response) => Ok(response),
        Err(error) => Err(app.not_listed(&caller, error).await),
    }
}

/// Add entries to an alert list
///
/// JSON; or a CSV file with a column `plate` and, as needed, `jurisdiction`, `reason`, `expires_at` and `note`; or, as `text/plain`, a list
/// that an authority handed out, with its `layout`. Every row is told what becomes of it. Nothing that is there is ever overwritten: a row that says otherwise is a conflict and left alone. With an
/// `Idempotency-Key` the same import again changes nothing.
#[utoipa::path(
    post,
    path = "/v1/alert-lists/{list}/entries",
    operation_id = "import_alert_entries",
    tag = "alerts",
    params(
        ("list" = Uuid, Path, description = "The list"),
        How,
        ("Idempotency-Key" = Option<String>, Header, description = "Names the import; 1 to 64 characters"),
    ),
    request_body(content((NewAlertEntries = "application/json"), (String = "text/csv"), (String = "text/plain"))),
    responses(
        (status = 200, description = "What became of the rows", body = AlertImport),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token, or a surer sign-in is needed", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this, the list is another's, or no agreement allows it", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "You have no such list", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body took too long", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The list is closed, full or changed meanwhile, or another import has this key", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Neither JSON nor CSV nor plain text", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter is wrong, or the file is none", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or lists cannot be changed", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(in crate::api) async fn add(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<Uuid>, PathRejection>,
    how: Result<Query<How>, QueryRejection>,
    request: Request,
) -> Result<Json<AlertImport>, Failure> {
    app.watches(&caller).await?;
    let list = app.named(&caller, path).await?;
    let (parts, body) = request.into_parts();
    let read = async {
        let Query(how) = how.map_err(|_| {
            Failure::new(INVALID)
                .because("a parameter is wrong: see the documentation")
                .at("mode")
        })?;
        let key = key(&parts)?;
        // Before the body: nobody sends a million rows in vain.
        let form = app.form(&parts, &how)?;
        let bytes = body::read(body, MAX_IMPORT, app.http.body_timeout).await?;
        let sha256 = hex(&Sha256::digest(&bytes));
        let (mode, dry_run, as_of) = (how.mode, how.dry_run, how.as_of);
        let renews = how.renew.unwrap_or(matches!(form, Form::Handed(..)));
        let rows = if form == Form::Json {
            Ok(Rows::from(body::json::<NewAlertEntries>(&bytes)?))
        } else {
            let defaults = Defaults {
                reason: how.reason,
                expires_at: how.expires_at,
            };
            let read = tokio::task::spawn_blocking(move || form.read(&bytes, &defaults));
            match read.await {
                Ok(rows) => rows.map_err(ListError::from),
                Err(_) => Ok(Rows::default()),
            }
        };
        Ok::<_, Failure>(rows.map(|rows| Sent {
            rows,
            mode,
            renews,
            as_of,
            dry_run,
            key,
            sha256,
        }))
    };
    let imported = match read.await {
        Ok(Ok(sent)) => app.listing.import(&caller.0, list, sent).await,
        Ok(Err(error)) => Err(error),
        Err(failure) => {
            let field = failure.problem.field.clone();
            let detail = field.unwrap_or_else(|| failure.name().to_owned());
            let reason = RefusedReason::Malformed;
            return Err(app.refuse_other(&caller, reason, &detail, failure).await);
        }
    };
    match imported {
        Ok(report) => Ok(Json(report)),
        Err(error) => Err(app.not_listed(&caller, error).await),
    }
}

/// Take an entry off an alert list
///
/// It is erased; who, when and why stay.
#[utoipa::path(
    delete,
    path = "/v1/alert-lists/{list}/entries/{entry}",
    operation_id = "remove_alert_entry",
    tag = "alerts",
    params(("list" = Uuid, Path, description = "The list"), ("entry" = u64, Path, description = "The entry")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "No valid token, or a surer sign-in is needed", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this, or the list is another's", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "You have no such entry", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The list is closed", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or lists cannot be changed", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(in crate::api) async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<(Uuid, u64)>, PathRejection>,
) -> Result<http::StatusCode, Failure> {
    app.changed(&caller, path, Change::Remove).await?;
    Ok(http::StatusCode::NO_CONTENT)
}

/// Give an entry another end
///
/// Not later than the agreements of the sources allow now. It is a confirmation as well.
#[utoipa::path(
    post,
    path = "/v1/alert-lists/{list}/entries/{entry}/renew",
    operation_id = "renew_alert_entry",
    tag = "alerts",
    params(("list" = Uuid, Path, description = "The list"), ("entry" = u64, Path, description = "The entry")),
    request_body = AlertRenewal,
    responses(
        (status = 200, description = "The entry", body = AlertEntry),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token, or a surer sign-in is needed", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this, the list is another's, or no agreement allows it", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "You have no such entry", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body took too long", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The list is closed", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not `application/json`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The end is past, or later than agreed", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or lists cannot be changed", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(in crate::api) async fn renew(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<(Uuid, u64)>, PathRejection>,
    request: Request,
) -> Result<Json<AlertEntry>, Failure> {
    let renewal: AlertRenewal = app.known_body(&caller, request).await?;
    app.changed_entry(&caller, path, Change::Renew(renewal.expires_at))
        .await
}

/// Say that an entry still holds
#[utoipa::path(
    post,
    path = "/v1/alert-lists/{list}/entries/{entry}/confirm",
    operation_id = "confirm_alert_entry",
    tag = "alerts",
    params(("list" = Uuid, Path, description = "The list"), ("entry" = u64, Path, description = "The entry")),
    responses(
        (status = 200, description = "The entry", body = AlertEntry),
        (status = 401, description = "No valid token, or a surer sign-in is needed", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this, or the list is another's", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "You have no such entry", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The list is closed", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or lists cannot be changed", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(in crate::api) async fn confirm(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<(Uuid, u64)>, PathRejection>,
) -> Result<Json<AlertEntry>, Failure> {
    app.changed_entry(&caller, path, Change::Confirm).await
}

/// Agree to an entry that waits for a second person
///
/// For whoever the list is shared with, and not whoever added the entry.
#[utoipa::path(
    post,
    path = "/v1/alert-lists/{list}/entries/{entry}/approve",
    operation_id = "approve_alert_entry",
    tag = "alerts",
    params(("list" = Uuid, Path, description = "The list"), ("entry" = u64, Path, description = "The entry")),
    responses(
        (status = 200, description = "The entry, looked for from now on", body = AlertEntry),
        (status = 401, description = "No valid token, or a surer sign-in is needed", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this, you added it, or your account is too new", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "You have no such entry", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It waits for nobody, or the list is closed", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or lists cannot be changed", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(in crate::api) async fn approve(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<(Uuid, u64)>, PathRejection>,
) -> Result<Json<AlertEntry>, Failure> {
    app.approves(&caller).await?;
    app.changed_entry(&caller, path, Change::Approve).await
}

/// Say what was done to an entry
///
/// Also once it is erased: who, when and what, and where that is in the ledger.
#[utoipa::path(
    get,
    path = "/v1/alert-lists/{list}/entries/{entry}/history",
    operation_id = "alert_entry_history",
    tag = "alerts",
    params(("list" = Uuid, Path, description = "The list"), ("entry" = u64, Path, description = "The entry")),
    responses(
        (status = 200, description = "What was done", body = AlertHistory),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "You have no such entry", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or lists cannot be read", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(in crate::api) async fn history(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<(Uuid, u64)>, PathRejection>,
) -> Result<Json<AlertHistory>, Failure> {
    app.watches(&caller).await?;
    let (list, entry) = app.named(&caller, path).await?;
    match app.listing.history(&caller.0, list, entry).await {
        Ok(history) => Ok(Json(history)),
        Err(error) => Err(app.not_listed(&caller, error).await),
    }
}

impl App {
    async fn changed(
        &self,
        caller: &Caller,
        path: Result<Path<(Uuid, u64)>, PathRejection>,
        change: Change,
    ) -> Result<Option<AlertEntry>, Failure> {
        self.watches(caller).await?;
        let (list, entry) = self.named(caller, path).await?;
        match self.listing.change(&caller.0, list, entry, change).await {
            Ok(entry) => Ok(entry),
            Err(error) => Err(self.not_listed(caller, error).await),
        }
    }

    async fn changed_entry(
        &self,
        caller: &Caller,
        path: Result<Path<(Uuid, u64)>, PathRejection>,
        change: Change,
    ) -> Result<Json<AlertEntry>, Failure> {
        match self.changed(caller, path, change).await? {
            Some(entry) => Ok(Json(entry)),
            None => Err(self.not_listed(caller, ListError::Missing).await),
        }
    }
}

/// In which form entries are sent.
#[derive(Debug, PartialEq)]
enum Form {
    Json,
    Csv,
    /// A list that an authority handed out, put together at that time.
    Handed(Box<Layout>, Timestamp),
}

impl Form {
    fn read(&self, bytes: &[u8], defaults: &Defaults) -> Result<Rows, FileError> {
        match self {
            Self::Handed(layout, as_of) => layout.records(bytes, *as_of, MAX_ROWS).map(Rows::from),
            Self::Json | Self::Csv => file::rows(bytes, defaults, MAX_ROWS).map(Rows::from),
        }
    }
}

impl App {
    fn form(&self, parts: &Parts, how: &How) -> Result<Form, Failure> {
        let sent = parts.headers.get(header::CONTENT_TYPE);
        let sent = sent.and_then(|sent| sent.to_str().ok()).unwrap_or_default();
        let essence = sent.split(';').next().unwrap_or_default().trim();
        if let Some(name) = &how.layout {
            return self.handed(essence, name, how.as_of);
        }
        if essence.eq_ignore_ascii_case(CSV) {
            return Ok(Form::Csv);
        }
        if essence.eq_ignore_ascii_case(PLAIN) {
            return Err(Failure::new(INVALID)
                .because("plain text needs a `layout`, which says where its fields stand")
                .at("layout"));
        }
        body::require_json(&parts.headers)
            .map(|()| Form::Json)
            .map_err(|_| unsupported("send `content-type: text/csv` or `application/json`"))
    }

    fn handed(&self, essence: &str, name: &str, as_of: Option<Timestamp>) -> Result<Form, Failure> {
        if !essence.eq_ignore_ascii_case(PLAIN) {
            return Err(unsupported(
                "with a `layout` send `content-type: text/plain`",
            ));
        }
        let Some(layout) = self.listing.hotlists.get(name) else {
            let known: Vec<&str> = self.listing.hotlists.keys().map(String::as_str).collect();
            let why = format!("this installation has these layouts: {}", known.join(", "));
            return Err(Failure::new(INVALID).because(why).at("layout"));
        };
        match as_of {
            Some(as_of) => Ok(Form::Handed(Box::new(layout.clone()), as_of)),
            None => Err(Failure::new(INVALID)
                .because("with a `layout` say when the list was put together")
                .at("as_of")),
        }
    }
}

fn unsupported(why: &'static str) -> Failure {
    Failure::new(UNSUPPORTED_MEDIA_TYPE).because(why)
}

/// The name of the import.
fn key(parts: &Parts) -> Result<Option<String>, Failure> {
    let Some(key) = parts.headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let key = key.to_str().ok().map(str::trim);
    match key.filter(|key| (1..=64).contains(&key.len())) {
        Some(key) => Ok(Some(key.to_owned())),
        None => Err(Failure::new(INVALID)
            .because("`idempotency-key` is 1 to 64 characters")
            .at("idempotency-key")),
    }
}
