//! Urgent questions: what is owed for them, and the notes that stand beside questions.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Request, State, rejection::PathRejection},
};
use turnpike_schemas::{
    agreement::Role,
    api::{Justification, NoteText, Problem, UrgentList, UrgentState, UrgentUse},
    hex::hex,
    ledger::{Action, Admin, AdminAction, Digest, Personal, RefusedReason},
};
use uuid::Uuid;

use super::{
    body,
    caller::Caller,
    problem::{FORBIDDEN, Failure, NOT_FOUND},
};
use crate::{
    app::App,
    cases::{self, Of, Seen, digest_of_note},
};

/// Justify an urgent question
///
/// By the one who asked it, or by a supervisor of the same organisation. The first justification counts; it is in the
/// ledger before this answers.
#[utoipa::path(
    post,
    path = "/v1/queries/{id}/justification",
    tag = "cases",
    params(("id" = Uuid, Path, description = "Identity of the question")),
    request_body = Justification,
    responses(
        (status = 200, description = "Where the question stands now", body = UrgentUse),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No urgent question of yours, nor of your organisation where you are a supervisor", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body took too long", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not `application/json`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Not a justification: the field is named", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn justify(
    State(app): State<Arc<App>>,
    caller: Caller,
    question: Result<Path<Uuid>, PathRejection>,
    request: Request,
) -> Result<Json<UrgentUse>, Failure> {
    // What is no identity is the identity of no question.
    let question = question.map(|Path(question)| question).unwrap_or_default();
    let given = app.justification(&caller, request).await?;
    let subject = caller.0.subject().to_owned();
    let seen = app.cases.urgent(question, &subject).await?;
    let Some(seen) = seen.filter(|seen| may_justify(&caller, seen)) else {
        let failure = Failure::new(NOT_FOUND)
            .because("there is no urgent question of this identity that you may justify");
        return Err(app
            .refuse(
                &caller,
                Action::Query,
                RefusedReason::Forbidden,
                "justification",
                None,
                failure,
            )
            .await);
    };
    if matches!(seen.urgent.state, UrgentState::Due | UrgentState::Overdue) {
        let note = match &given.note {
            Some(note) => Some(app.cases.keep_note(note_of(question), note).await?),
            None => None,
        };
        let reason = given.reason.as_str();
        let late = seen.urgent.state == UrgentState::Overdue;
        let entry = cases::justification(
            question,
            &subject,
            reason,
            late,
            note.as_ref(),
            seen.urgent.intent,
        );
        let entry = app.ledger.admin(entry).await?;
        app.cases.justified(question, reason, entry).await?;
    }
    let now = app.cases.urgent(question, &subject).await?;
    Ok(Json(now.unwrap_or(seen).urgent))
}

/// List urgent questions
///
/// Your own; as a supervisor those of your organisation; as an auditor all. No plate and no case: those are in the ledger.
#[utoipa::path(
    get,
    path = "/v1/urgent",
    operation_id = "urgent",
    tag = "cases",
    responses(
        (status = 200, description = "Urgent questions, what is owed first", body = UrgentList),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "They cannot be read", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<UrgentList>, Failure> {
    let of = if caller.0.has(Role::Auditor) {
        Of::All
    } else if caller.0.has(Role::Supervisor) {
        Of::Organisation(caller.0.organisation().id.clone())
    } else {
        Of::Subject(caller.0.subject().to_owned())
    };
    let urgent = app.cases.list(of).await?;
    Ok(Json(UrgentList { urgent }))
}

/// Read the note of a question
///
/// For auditors. That it was read is on record before it is given.
#[utoipa::path(
    get,
    path = "/v1/queries/{id}/note",
    tag = "cases",
    params(("id" = Uuid, Path, description = "Identity of the question, or of its justification")),
    responses(
        (status = 200, description = "The note, with what proves that it is the one of the ledger", body = NoteText),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "You are no auditor", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no note, or it is no longer kept", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn note(
    State(app): State<Arc<App>>,
    caller: Caller,
    question: Result<Path<Uuid>, PathRejection>,
) -> Result<Json<NoteText>, Failure> {
    let question = question.map(|Path(question)| question).unwrap_or_default();
    if !caller.0.has(Role::Auditor) {
        let failure = Failure::new(FORBIDDEN).because("notes are read by auditors");
        return Err(app
            .refuse(
                &caller,
                Action::Query,
                RefusedReason::Forbidden,
                "note",
                None,
                failure,
            )
            .await);
    }
    let read = Admin {
        action: AdminAction::LedgerRead,
        by: Some(Personal::new(caller.0.subject())),
        facts: [("note_of".to_owned(), question.to_string().into())].into(),
    };
    app.ledger.admin(read).await?;
    let Some((salt, text)) = app.cases.note(question).await? else {
        return Err(
            Failure::new(NOT_FOUND).because("the question has no note, or it is no longer kept")
        );
    };
    let digest: Digest = digest_of_note(&salt, &text);
    Ok(Json(NoteText {
        query: question,
        note_sha256: digest.as_str().to_owned(),
        salt: hex(&salt),
        text,
    }))
}

impl App {
    async fn justification(
        &self,
        caller: &Caller,
        request: Request,
    ) -> Result<Justification, Failure> {
        let (parts, body) = request.into_parts();
        let decoded = match body::require_json(&parts.headers) {
            Ok(()) => body::read(body, self.http.max_query_bytes, self.http.body_timeout)
                .await
                .and_then(|bytes| body::json(&bytes)),
            Err(failure) => Err(failure),
        };
        match decoded {
            Ok(given) => Ok(given),
            Err(failure) => Err(self
                .refuse(
                    caller,
                    Action::Query,
                    RefusedReason::Malformed,
                    "justification",
                    None,
                    failure,
                )
                .await),
        }
    }
}

fn may_justify(caller: &Caller, seen: &Seen) -> bool {
    let supervises =
        caller.0.has(Role::Supervisor) && seen.urgent.organisation == caller.0.organisation().id;
    seen.own || supervises
}

/// The note of a justification stands beside that of its question, under an identity that follows from it.
fn note_of(question: Uuid) -> Uuid {
    Uuid::from_u128(!question.as_u128())
}
