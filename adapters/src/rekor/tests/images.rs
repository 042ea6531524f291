//! What is asked of the agent's image server, and what its answers mean.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use turnpike_schemas::{
    agreement::{AgreementDocument, ImagePermit, Organisation, Requester},
    query::{CaseRef, OnBehalfOf, Query, TimeWindow},
    read::{ImageKind, ImageRef},
};

use super::*;
use crate::{
    adapter::Image,
    context::{Context, Secrets, SystemClock, Transport},
    error::{ErrorKind, Result, Retry},
};

const JPEG: &[u8] = b"\xFF\xD8\xFF\xE0rest";
const PNG: &[u8] = b"\x89PNG\r\n\x1A\nrest";
const BASE: &str = "http://agent.example:8355/";

/// Gives one answer and remembers what was asked.
#[derive(Debug)]
struct Canned {
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    body: Bytes,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Transport for Canned {
    async fn send(&self, request: Request<Bytes>, _deadline: Instant) -> Result<Response<Bytes>> {
        assert!(request.headers().keys().all(|name| name == "accept"));
        self.asked
            .lock()
            .unwrap()
            .push(format!("{} {}", request.method(), request.uri()));
        let mut response = Response::builder().status(self.status);
        for (name, value) in self.headers {
            response = response.header(*name, *value);
        }
        Ok(response.body(self.body.clone()).unwrap())
    }
}

fn canned(
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    body: &[u8],
) -> Arc<Canned> {
    let body = Bytes::copy_from_slice(body);
    Arc::new(Canned {
        status,
        headers,
        body,
        asked: Mutex::default(),
    })
}

fn permit() -> ImagePermit {
    let document: AgreementDocument = serde_json::from_value(json!({
        "id": "brook", "version": 1, "source": "brook", "provider": "Brookdale", "legal_basis": "contract", "contact": "nobody.example", "signed_by": ["owner.example"],
        "status": "active", "effective_from": "2026-01-01T00:00:00Z", "effective_until": "2027-01-01T00:00:00Z", "review_due": "2027-01-01T00:00:00Z",
        "actions": ["query", "image"],
        "who": { "organisation_classes": ["state_local"], "jurisdictions": ["US"], "roles": ["investigator"], "on_behalf_of": "refuse",
            "organisations": ["*"], "requires": { "sworn": false, "training": false, "assurance": "aal1" } },
        "why": { "purposes": ["stolen_vehicle"], "prohibited": [] },
        "case": { "patterns": ["*"], "register": "ignore" },
        "where": { "within": ["*"], "excluded": [], "position_decimals": 6 },
        "how_much": { "user_per_hour": 1000000, "organisation_per_day": 1000000 },
        "conditions": { "declaration": "nobody", "warrant": "nobody", "urgent": "like_any" },
        "duties": { "feed_hours": 24, "delete_after_days": 30, "onward_transfer": [], "confirm_match": true },
        "how_far": { "lookback_days": 90, "supervisor_after_days": 90, "max_window_days": 30, "excess": "refuse" },
        "what": { "fields": ["images"], "image_kinds": ["plate", "vehicle", "scene"], "confidence_floor_percent": 0, "max_reads": 10 },
    }))
    .unwrap();
    let requester = Requester {
        subject: "officer-1".to_owned(),
        organisation: serde_json::from_value::<Organisation>(
            json!({ "id": "brook-pd", "class": "state_local", "jurisdiction": "US-OH" }),
        )
        .unwrap(),
        roles: [turnpike_schemas::agreement::Role::Investigator].into(),
        on_behalf_of: None,
        attributes: turnpike_schemas::agreement::Attributes::default(),
    };
    let at = |text: &str| text.parse().unwrap();
    let query = Query::new(
        turnpike_schemas::query::AskedPlate::Exact(
            turnpike_schemas::plate::Plate::parse("TPK0421").unwrap(),
        ),
        TimeWindow::new(at("2026-03-01T00:00:00Z"), at("2026-03-08T00:00:00Z")).unwrap(),
        turnpike_schemas::query::Purpose::StolenVehicle,
        CaseRef::parse("2026-00017").unwrap(),
        OnBehalfOf::Own,
    )
    .unwrap();
    document
        .validate()
        .unwrap()
        .image_permit(&requester, &query, at("2026-03-08T00:00:00Z"))
        .unwrap()
}

async fn fetch(settings: Value, transport: &Arc<Canned>, reference: &str) -> Result<Image> {
    let deadline = Instant::now() + Duration::from_secs(5);
    let transport: Arc<dyn Transport> = transport.clone();
    let ctx = Context::new(
        transport,
        Arc::new(SystemClock),
        Arc::new(Secrets::default()),
        deadline,
    );
    let image = ImageRef {
        kind: ImageKind::Scene,
        reference: reference.to_owned(),
        expires_at: None,
    };
    adapter(&settings).image(&ctx, &permit(), &image).await
}

fn based(base: &str) -> Value {
    json!({ "image_base_url": base })
}

#[tokio::test]
async fn the_image_of_a_read_is_fetched_from_the_configured_agent() {
    let reference = read_of(&based(BASE), GROUP).images[0].reference.clone();
    let name = format!("{AGENT}-2042-1772608530812.jpg");
    for (base, path) in [
        (BASE, "/img/"),
        ("http://agent.example:8355", "/img/"),
        ("http://agent.example:8355/relay", "/relay/img/"),
    ] {
        let agent = canned(200, &[("content-type", "image/jpeg")], JPEG);
        let image = fetch(based(base), &agent, &reference).await.unwrap();
        assert_eq!((&*image.content_type, &*image.bytes), ("image/jpeg", JPEG));
        assert_eq!(
            *agent.asked.lock().unwrap(),
            [format!("GET http://agent.example:8355{path}{name}")]
        );
    }
}

#[tokio::test]
async fn only_images_under_their_own_name_are_passed_on() {
    let large = [JPEG, &vec![0; 8 * 1024 * 1024]].concat();
    for (headers, body, want) in [
        (
            &[("content-type", "image/pjpeg")][..],
            JPEG,
            Some("image/jpeg"),
        ),
        (
            &[("content-type", "IMAGE/JPG; q=1")],
            JPEG,
            Some("image/jpeg"),
        ),
        (&[("content-type", "image/png")], PNG, Some("image/png")),
        (&[("content-type", "image/png")], JPEG, None),
        (&[("content-type", "image/jpeg")], b"<html>", None),
        (&[("content-type", "image/jpeg")], b"", None),
        (&[("content-type", "image/svg+xml")], b"<svg/>", None),
        (&[("content-type", "text/html")], JPEG, None),
        (&[], JPEG, None),
        (&[("content-type", "image/jpeg")], &large, None),
    ] {
        let answer = fetch(based(BASE), &canned(200, headers, body), "img/a-1").await;
        match (answer, want) {
            (Ok(image), Some(want)) => assert_eq!(image.content_type, want),
            (Err(error), None) => assert_eq!(error.kind(), ErrorKind::Malformed),
            (answer, want) => panic!("want {want:?} for {headers:?}, got {answer:?}"),
        }
    }
}

#[tokio::test]
async fn a_status_says_whether_to_ask_again() {
    let after = |seconds| Retry::After(Duration::from_secs(seconds));
    for (status, headers, kind, retry) in [
        (404, &[][..], ErrorKind::Unavailable, Retry::Never),
        (410, &[], ErrorKind::Unavailable, Retry::Never),
        (401, &[], ErrorKind::Unauthorized, Retry::Never),
        (403, &[], ErrorKind::Unauthorized, Retry::Never),
        (429, &[], ErrorKind::RateLimited, Retry::Backoff),
        (
            429,
            &[("retry-after", "7")],
            ErrorKind::RateLimited,
            after(7),
        ),
        (
            429,
            &[("retry-after", "soon")],
            ErrorKind::RateLimited,
            Retry::Backoff,
        ),
        (500, &[], ErrorKind::Unavailable, Retry::Backoff),
        (
            503,
            &[("retry-after", "30")],
            ErrorKind::Unavailable,
            after(30),
        ),
        (400, &[], ErrorKind::Config, Retry::Never),
        (204, &[], ErrorKind::Malformed, Retry::Never),
        (302, &[], ErrorKind::Malformed, Retry::Never),
    ] {
        let error = fetch(based(BASE), &canned(status, headers, JPEG), "img/a-1")
            .await
            .unwrap_err();
        assert_eq!((error.kind(), error.retry()), (kind, retry), "{status}");
    }
}

#[tokio::test]
async fn nothing_is_sent_for_a_foreign_reference_or_without_an_agent() {
    let agent = canned(200, &[("content-type", "image/jpeg")], JPEG);
    for reference in [
        "",
        "img/",
        "img/../a",
        "img/a/b",
        "http://elsewhere.example/a",
        "crop/a",
        "img/a?x=1",
    ] {
        let error = fetch(based(BASE), &agent, reference).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{reference}");
    }
    let error = fetch(json!({}), &agent, "img/a-1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(agent.asked.lock().unwrap().is_empty());
}
