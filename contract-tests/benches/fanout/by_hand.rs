//! The reference: what somebody would write who wants the same sixteen answers in one and nothing else.
//!
//! No policy, no ledger, no limits, no deadline, no record of what failed.

use std::{cmp::Reverse, io, net::Ipv4Addr, sync::Arc};

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use futures::future::try_join_all;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use turnpike_contract_tests::sim::server;

struct Service {
    client: reqwest::Client,
    sources: Vec<String>,
}

#[derive(Deserialize)]
struct Question {
    plate: String,
    window: Window,
    purpose: String,
    case_reference: String,
}

#[derive(Clone, Copy, Deserialize)]
struct Window {
    from: Timestamp,
    to: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Lookup<'a> {
    plate: &'a str,
    reason: String,
    start_date: Timestamp,
    end_date: Timestamp,
    limit: u32,
    case_number: &'a str,
}

#[derive(Deserialize)]
struct Page {
    results: Vec<Read>,
}

#[derive(Serialize)]
struct Answer {
    complete: bool,
    reads: Vec<Read>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Read {
    id: String,
    #[serde(default)]
    source: usize,
    captured_at: Timestamp,
    device: Device,
    plate: ReadPlate,
    state: Option<ReadState>,
}

#[derive(Deserialize, Serialize)]
struct Device {
    id: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    name: Option<String>,
    location: Option<Location>,
    network: Option<Network>,
}

#[derive(Deserialize, Serialize)]
struct Location {
    latitude: Option<f64>,
    longitude: Option<f64>,
    city: Option<String>,
}

#[derive(Deserialize, Serialize)]
struct Network {
    name: Option<String>,
}

#[derive(Deserialize, Serialize)]
struct ReadPlate {
    plate: String,
    confidence: Option<f64>,
}

#[derive(Deserialize, Serialize)]
struct ReadState {
    state: String,
    confidence: Option<f64>,
}

/// Serves until killed.
pub(super) async fn serve(sources: Vec<String>) -> io::Result<()> {
    let service = Arc::new(Service {
        client: server::client()?,
        sources,
    });
    let router = Router::new()
        .route("/v1/queries", post(ask))
        .with_state(service);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    super::say(&format!("listening on http://{}", listener.local_addr()?))?;
    axum::serve(listener, router).await
}

async fn ask(
    State(service): State<Arc<Service>>,
    Json(question): Json<Question>,
) -> Result<Json<Answer>, StatusCode> {
    let asked = service.sources.iter().enumerate();
    let pages = asked.map(|(number, source)| service.lookup(number, source, &question));
    let pages = try_join_all(pages).await;
    let pages = pages.map_err(|_| StatusCode::BAD_GATEWAY)?;
    let mut reads: Vec<Read> = pages.into_iter().flatten().collect();
    reads.sort_by_key(|read| Reverse(read.captured_at));
    Ok(Json(Answer {
        complete: true,
        reads,
    }))
}

impl Service {
    async fn lookup(
        &self,
        number: usize,
        source: &str,
        question: &Question,
    ) -> reqwest::Result<Vec<Read>> {
        let lookup = Lookup {
            plate: &question.plate,
            reason: format!("{} {}", question.purpose, question.case_reference),
            start_date: question.window.from,
            end_date: question.window.to,
            limit: 50,
            case_number: &question.case_reference,
        };
        let request = self
            .client
            .post(format!("http://{source}/api/v3/reads/lookup"))
            .bearer_auth("invented")
            .json(&lookup);
        let mut page: Page = request.send().await?.error_for_status()?.json().await?;
        page.results
            .iter_mut()
            .for_each(|read| read.source = number);
        Ok(page.results)
    }
}
