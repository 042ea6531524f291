//! Any bytes as the source's answer to a Flock lookup. The first byte chooses the status, the rest is the body.
#![no_main]

use std::{
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use turnpike_adapters::{
    adapter::{Adapter, Page},
    context::{Clock, Context, Secret, Transport},
    error::Result,
};
use turnpike_fuzz::{adapter, check_page, now, reference_document, requester};
use turnpike_schemas::{
    agreement::{Agreement, Permit, UpstreamField},
    plate::Plate,
    query::{AskedPlate, CaseRef, OnBehalfOf, Purpose, Query, TimeWindow},
};

const STATUSES: [u16; 8] = [200, 200, 200, 200, 400, 401, 429, 503];

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime")
});

static AGREEMENT: LazyLock<Agreement> = LazyLock::new(|| {
    let mut document = reference_document();
    document.upstream.disclose = [UpstreamField::Purpose, UpstreamField::CaseReference]
        .into_iter()
        .collect();
    document
        .validate()
        .expect("the reference agreement is valid")
});

/// Gives a token, and the same answer to everything else.
#[derive(Debug)]
struct Source {
    status: u16,
    body: Bytes,
}

#[derive(Debug)]
struct Stopped;

#[async_trait]
impl Transport for Source {
    async fn send(&self, request: Request<Bytes>, _: Instant) -> Result<Response<Bytes>> {
        let token = json!({ "access_token": "t", "token_type": "Bearer", "expires_in": 3600 });
        let (status, body) = if request.uri().path() == "/oauth/token" {
            (200, token.to_string().into())
        } else {
            (self.status, self.body.clone())
        };
        Ok(Response::builder()
            .status(status)
            .body(body)
            .expect("an answer"))
    }
}

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        now()
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((status, body)) = bytes.split_first() else {
        return;
    };
    let status = STATUSES[usize::from(*status) % STATUSES.len()];
    let permit = permit();
    let first = search(&permit, status, body);
    let second = search(&permit, status, body);
    match (first, second) {
        (Ok(first), Ok(second)) => {
            assert_eq!(first, second, "same bytes, another result");
            assert!(first.reads.len() <= permit.max_reads() as usize);
            let inside = |at| permit.window().contains(at);
            assert!(first.reads.iter().all(|read| inside(read.captured_at)));
            check_page(&first.reads, &first.rejected);
        }
        (Err(first), Err(second)) => {
            assert_eq!(
                first.to_string(),
                second.to_string(),
                "same bytes, another error"
            );
        }
        _ => panic!("same bytes, another verdict"),
    }
});

/// A new adapter each time: it remembers tokens.
fn search(permit: &Permit, status: u16, body: &[u8]) -> Result<Page> {
    let settings: Value = json!({
        "base_url": "https://api.police.example/api/v3",
        "token_url": "https://login.police.example/oauth/token",
        "audience": "com.flocksafety.integrations",
        "max_pages": 3,
    });
    let flock: Box<dyn Adapter> = adapter("flock", &settings);
    let source = Source {
        status,
        body: Bytes::copy_from_slice(body),
    };
    let secrets = ["client_id", "client_secret"].map(|name| (name.to_owned(), Secret::new("s")));
    let deadline = Instant::now() + Duration::from_secs(3600);
    let ctx = Context::new(
        Arc::new(source),
        Arc::new(Stopped),
        Arc::new(secrets.into_iter().collect()),
        deadline,
    );
    RUNTIME.block_on(flock.search(&ctx, permit))
}

fn permit() -> Permit {
    let week = SignedDuration::from_hours(24 * 7);
    let query = Query::new(
        AskedPlate::Exact(Plate::parse("TPK0421").expect("a plate")),
        TimeWindow::new(now() - week, now()).expect("a window"),
        Purpose::StolenVehicle,
        CaseRef::parse("BRK-2026-000042").expect("a case"),
        OnBehalfOf::Own,
    )
    .expect("a question");
    AGREEMENT
        .permit(&requester(), &query, now())
        .expect("the reference agreement permits this")
}
