//! The new source as a server, for those that are asked: questions, pages, and every planned misbehaviour. One that is
//! never asked needs no such file.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{message, personal, with};
use crate::fault::FaultProxy;
use crate::kit::{Asked, Behaviour, Outcome};
use crate::sim::server::Server;
use crate::town::Passage;

/// The token the vendor knows.
pub const TOKEN: &str = "simulated-token";

/// The vendor, and the road to it.
#[derive(Debug)]
pub struct Api {
    shared: Arc<Mutex<Shared>>,
    /// The road to it.
    pub road: FaultProxy,
    _server: Server,
}

#[derive(Debug, Default)]
struct Shared {
    rows: Vec<(String, Timestamp, Value)>,
    behaviour: HashSet<&'static str>,
    asked: Vec<Asked>,
}

impl Api {
    /// Starts the vendor with what it saw.
    ///
    /// # Errors
    /// No port can be bound.
    pub async fn start<'a>(passages: impl Iterator<Item = &'a Passage>) -> io::Result<Self> {
        let row = |passage: &Passage| Some((passage.text.clone()?, passage.at, message(passage)?));
        let shared = Arc::new(Mutex::new(Shared {
            rows: passages.filter_map(row).collect(),
            ..Shared::default()
        }));
        let router = Router::new()
            .route("/v1/reads/search", get(search))
            .with_state(Arc::clone(&shared));
        let server = Server::start(router).await?;
        Ok(Self {
            shared,
            road: FaultProxy::start(server.address()).await?,
            _server: server,
        })
    }

    /// The questions that came.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.shared).asked.clone()
    }

    /// Changes how the vendor behaves.
    ///
    /// # Errors
    /// It has no such behaviour.
    pub fn behave(&self, behaviour: Behaviour) -> Outcome {
        let mut shared = lock(&self.shared);
        let word = match behaviour {
            Behaviour::Well => {
                shared.behaviour.clear();
                return Ok(());
            }
            Behaviour::Duplicates => "duplicates",
            Behaviour::Shuffled => "shuffled",
            Behaviour::PageCycle => "cycle",
            Behaviour::Personal => "personal",
            Behaviour::OddRecords => "odd",
            Behaviour::NoCredentialIsGood => "refuse",
            other => return Err(format!("this vendor cannot be told {other:?}")),
        };
        shared.behaviour.insert(word);
        Ok(())
    }
}

async fn search(
    State(shared): State<Arc<Mutex<Shared>>>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let mut shared = lock(&shared);
    let given = headers.get(header::AUTHORIZATION);
    let is_known =
        given.is_some_and(|given| given.as_bytes() == format!("Bearer {TOKEN}").as_bytes());
    if !is_known || shared.behaviour.contains("refuse") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let text = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
    let (Ok(from), Ok(to), Ok(limit)) = (
        text("from").parse::<Timestamp>(),
        text("to").parse::<Timestamp>(),
        text("limit").parse::<usize>(),
    ) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let plate = text("plate").to_owned();
    if !query.contains_key("next") {
        shared.asked.push(Asked {
            plate: plate.clone(),
            from,
            to,
        });
    }
    let skip = text("next").parse().unwrap_or(0);
    let found = shared.found(&plate, from, to);
    let end = skip + limit;
    let next = if shared.behaviour.contains("cycle") {
        Some("0".to_owned())
    } else {
        (end < found.len()).then(|| end.to_string())
    };
    let page: Vec<Value> = found.into_iter().skip(skip).take(limit).collect();
    axum::Json(json!({ "reads": page, "next": next })).into_response()
}

impl Shared {
    /// Everything that answers a question, in the order it is served.
    fn found(&self, plate: &str, from: Timestamp, to: Timestamp) -> Vec<Value> {
        let answers =
            |row: &&(String, Timestamp, Value)| row.0 == plate && row.1 >= from && row.1 < to;
        let mut found: Vec<Value> = self
            .rows
            .iter()
            .filter(answers)
            .map(|row| row.2.clone())
            .collect();
        let is = |word: &str| self.behaviour.contains(word);
        if is("odd")
            && let Some(first) = found.first().cloned()
        {
            let odd = [
                json!("a record that is none"),
                with(first.clone(), "plate", json!(421)),
                with(first.clone(), "at", json!("2026-03-04T07:15:30")),
                with(
                    with(first, "id", json!("another")),
                    "plate",
                    json!("XYZ777"),
                ),
            ];
            found.splice(0..0, odd);
        }
        if is("personal") {
            found = found.into_iter().map(personal).collect();
        }
        if is("shuffled") {
            found.reverse();
            let middle = found.len() / 2;
            found.rotate_left(middle);
        }
        if is("duplicates") {
            found = found
                .into_iter()
                .flat_map(|row| [row.clone(), row])
                .collect();
        }
        found
    }
}

/// Locks even after a panic elsewhere.
fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
