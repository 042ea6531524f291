//! The HTTP side: one question in two dialects, tokens, and every planned failure.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State as Extract};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::bodies::{json_answer, xml_answer};
use super::rows::{Odd, Row};
use super::vendor::{CLIENT_ID, CLIENT_SECRET, Dialect};
use crate::kit::Asked;
use crate::sim::{JPEG, lock};

/// How the vendor misbehaves.
#[derive(Clone, Debug, Default)]
pub(super) struct Switches {
    pub(super) duplicates: bool,
    pub(super) shuffled: bool,
    pub(super) page_cycle: bool,
    pub(super) personal: bool,
    pub(super) odd: bool,
    pub(super) no_token_is_good: bool,
    pub(super) photo: Photo,
}

/// What the image server gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Photo {
    #[default]
    Picture,
    Gone,
    Huge,
    Page,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) rows: Vec<Row>,
    pub(super) switches: Switches,
    pub(super) asked: Vec<Asked>,
    pub(super) tokens: Vec<String>,
    given: u32,
}

pub(super) type Shared = Arc<Mutex<State>>;

/// One question as it came.
struct Question {
    plate: String,
    from: Timestamp,
    to: Timestamp,
    limit: usize,
    /// Rows before the page.
    skip: usize,
}

pub(super) fn router(dialect: Dialect, shared: Shared) -> Router {
    let router = match dialect {
        Dialect::Json => Router::new()
            .route("/v1/sightings/search", post(search_json))
            .route("/oauth/token", post(token)),
        Dialect::Xml => Router::new()
            .route("/gates/lookup", get(search_xml))
            .route("/photos/{year}/{name}", get(photo)),
    };
    router.with_state(shared)
}

async fn token(Extract(shared): Extract<Shared>, body: Bytes) -> Response {
    let form: HashMap<String, String> = url::form_urlencoded::parse(&body).into_owned().collect();
    let field = |name: &str| form.get(name).map(String::as_str);
    if field("grant_type") != Some("client_credentials") {
        return StatusCode::BAD_REQUEST.into_response();
    }
    if (field("client_id"), field("client_secret")) != (Some(CLIENT_ID), Some(CLIENT_SECRET)) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let mut state = lock(&shared);
    state.given += 1;
    let token = format!("sightings-token-{}", state.given);
    state.tokens.push(token.clone());
    axum::Json(json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3600 }))
        .into_response()
}

async fn search_json(
    Extract(shared): Extract<Shared>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut state = lock(&shared);
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .unwrap_or_default();
    if state.switches.no_token_is_good || !state.tokens.iter().any(|token| token == bearer) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
    let limit = body.get("limit").and_then(Value::as_u64).unwrap_or(50);
    let cursor = text("cursor");
    let skip = cursor
        .strip_prefix("after-")
        .and_then(|skip| skip.parse().ok());
    let question = Question::new(
        text("plate"),
        text("from"),
        text("to"),
        limit,
        skip.unwrap_or(0),
    );
    let Some(question) = question else {
        return StatusCode::UNPROCESSABLE_ENTITY.into_response();
    };
    if cursor.is_empty() {
        state.note(&question);
    }
    let rows = state.found(&question);
    let end = (question.skip + question.limit).min(rows.len());
    let next = if state.switches.page_cycle {
        Some("after-0".to_owned())
    } else {
        (end < rows.len()).then(|| format!("after-{end}"))
    };
    let mut page: Vec<Value> = rows
        .get(question.skip..end)
        .unwrap_or_default()
        .iter()
        .map(|row| row.json.clone())
        .collect();
    if state.switches.odd && question.skip == 0 {
        page.push(json!("a row that is none"));
    }
    answer("application/json", json_answer(&page, next.as_deref()))
}

async fn search_xml(
    Extract(shared): Extract<Shared>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let mut state = lock(&shared);
    let text = |key: &str| query.get(key).map(String::as_str).unwrap_or_default();
    let (Ok(limit), Ok(page)) = (text("size").parse::<u64>(), text("page").parse::<usize>()) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let before = usize::try_from(limit).unwrap_or(1) * page.saturating_sub(1);
    let skip = if state.switches.page_cycle { 0 } else { before };
    let question = Question::new(text("plate"), text("since"), text("until"), limit, skip);
    let Some(question) = question else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    if page == 1 {
        state.note(&question);
    }
    let rows = state.found(&question);
    let end = (question.skip + question.limit).min(rows.len());
    let part = rows.get(question.skip..end).unwrap_or_default();
    answer("application/xml", xml_answer(part, rows.len()))
}

async fn photo(Extract(shared): Extract<Shared>) -> Response {
    let photo = lock(&shared).switches.photo;
    let jpeg = [(header::CONTENT_TYPE, "image/jpeg")];
    match photo {
        Photo::Picture => (jpeg, JPEG).into_response(),
        Photo::Gone => StatusCode::NOT_FOUND.into_response(),
        Photo::Huge => (jpeg, vec![0xff; 9 << 20]).into_response(),
        Photo::Page => answer("text/html", "<html>sign in</html>".to_owned()),
    }
}

fn answer(content_type: &'static str, body: String) -> Response {
    ([(header::CONTENT_TYPE, content_type)], body).into_response()
}

impl Question {
    fn new(plate: &str, from: &str, to: &str, limit: u64, skip: usize) -> Option<Self> {
        Some(Self {
            plate: Some(plate).filter(|plate| !plate.is_empty())?.to_owned(),
            from: from.parse().ok()?,
            to: to.parse().ok()?,
            limit: usize::try_from(limit).ok().filter(|limit| *limit > 0)?,
            skip,
        })
    }
}

impl State {
    fn note(&mut self, question: &Question) {
        self.asked.push(Asked {
            plate: question.plate.clone(),
            from: question.from,
            to: question.to,
        });
    }

    /// Everything that answers a question, newest first; both ends of the window belong to it here.
    fn found(&self, question: &Question) -> Vec<Row> {
        let window = question.from..=question.to;
        let answers = |row: &&Row| row.plate == question.plate && window.contains(&row.at);
        let mut rows: Vec<Row> = self.rows.iter().filter(answers).cloned().collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.at));
        if self.switches.odd
            && let Some(first) = rows.first().cloned()
        {
            let odd: Vec<Row> = Odd::ALL
                .iter()
                .filter(|odd| odd.is_foreign_or_bad())
                .map(|odd| odd.of(&first))
                .collect();
            rows.splice(0..0, odd);
        }
        if self.switches.personal {
            rows = rows.iter().map(Row::personal).collect();
        }
        if self.switches.duplicates {
            rows = rows
                .into_iter()
                .flat_map(|row| [row.clone(), row])
                .collect();
        }
        if self.switches.shuffled {
            fastrand::Rng::with_seed(5).shuffle(&mut rows);
        }
        rows
    }
}

impl Odd {
    /// Whether it is no right answer, so that it can stand among right ones.
    fn is_foreign_or_bad(self) -> bool {
        self.breaks().is_some()
            || matches!(self, Self::NullPlate | Self::OtherPlate | Self::LongAgo)
    }
}
