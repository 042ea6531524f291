//! What the broker is asked and told, and what its answers become.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use jiff::Timestamp;
use turnpike_schemas::{
    agreement::{AgreementDocument, Organisation, OrganisationClass, Permit, Requester, Role},
    plate::{Jurisdiction, Plate, PlatePattern},
    query::{AskedPlate, CaseRef, OnBehalfOf, Purpose, Query, TimeWindow},
};
use url::Url;

use super::*;
use crate::{
    context::{Clock, Context, Secret, Secrets, Transport},
    error::{Error, ErrorKind, Result, Retry},
};

#[derive(Debug)]
struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        "2026-03-05T12:00:00Z".parse().unwrap()
    }
}

/// Answers from a script and writes down what it was asked.
#[derive(Debug, Default)]
struct Script {
    answers: Mutex<VecDeque<Response<Bytes>>>,
    sent: Mutex<Vec<(Url, HeaderMap)>>,
}

#[async_trait]
impl Transport for Script {
    async fn send(&self, request: Request<Bytes>, _: Instant) -> Result<Response<Bytes>> {
        let url = Url::parse(&request.uri().to_string()).unwrap();
        self.sent
            .lock()
            .unwrap()
            .push((url, request.headers().clone()));
        let answer = self.answers.lock().unwrap().pop_front();
        answer.ok_or_else(|| Error::new(ErrorKind::Unavailable, "send", "the script is over"))
    }
}

impl Script {
    fn of(answers: impl IntoIterator<Item = Response<Bytes>>) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(answers.into_iter().collect()),
            sent: Mutex::default(),
        })
    }

    /// The query parameter `name` of every request.
    fn asked(&self, name: &str) -> Vec<String> {
        let sent = self.sent.lock().unwrap();
        let values = sent.iter().filter_map(|(url, _)| {
            url.query_pairs()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
        });
        values.collect()
    }
}

fn settings(changes: Value) -> Value {
    let mut settings = json!({ "mode": "entities", "base_url": "https://broker.example/ngsi-ld/v1/", "page_size": 2 });
    for (key, value) in changes.as_object().unwrap() {
        settings[key] = value.clone();
    }
    settings
}

fn ctx(script: &Arc<Script>, secrets: &[(&str, &str)]) -> Context {
    let secrets: Secrets = secrets
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Secret::new(*value)))
        .collect();
    let deadline = Instant::now() + Duration::from_secs(60);
    Context::new(
        Arc::clone(script) as _,
        Arc::new(Noon),
        Arc::new(secrets),
        deadline,
    )
}

fn query(plate: AskedPlate) -> Query {
    let at = |text: &str| text.parse().unwrap();
    Query::new(
        plate,
        TimeWindow::new(at("2026-03-01T00:00:00Z"), at("2026-03-05T00:00:00Z")).unwrap(),
        Purpose::StolenVehicle,
        CaseRef::parse("BRK-2026-000042").unwrap(),
        OnBehalfOf::Own,
    )
    .unwrap()
}

fn exact() -> Query {
    query(AskedPlate::Exact(Plate::parse("tpk 0421").unwrap()))
}

/// A permit of an agreement that allows everything.
fn permit(query: &Query, max_reads: u32) -> Permit {
    let document: AgreementDocument = serde_json::from_value(json!({
        "id": "harbor-parking", "version": 1, "source": "harbor-parking", "provider": "Harbor Parking",
        "legal_basis": "an invented contract", "contact": "nobody.example", "signed_by": ["owner.example"], "status": "active",
        "effective_from": "2026-01-01T00:00:00Z", "effective_until": "2027-01-01T00:00:00Z", "review_due": "2027-01-01T00:00:00Z",
        "actions": ["query"],
        "who": {"organisation_classes": ["state_local"], "jurisdictions": ["US"], "roles": ["investigator"],
                "on_behalf_of": "refuse",
            "organisations": ["*"], "requires": { "sworn": false, "training": false, "assurance": "aal1" } },
        "why": {"purposes": ["stolen_vehicle"], "prohibited": []},
        "case": { "patterns": ["*"], "register": "ignore" },
        "where": { "within": ["*"], "excluded": [], "position_decimals": 6 },
        "how_much": { "user_per_hour": 1000000, "organisation_per_day": 1000000 },
        "conditions": { "declaration": "nobody", "warrant": "nobody", "urgent": "like_any" },
        "duties": { "feed_hours": 24, "delete_after_days": 30, "onward_transfer": [], "confirm_match": true },
        "how_far": {"lookback_days": 30, "supervisor_after_days": 30, "max_window_days": 30, "excess": "cut"},
        "plates": {"look_alike": true, "partial": {"min_known": 4, "max_window_days": 31}},
        "what": {"fields": [], "confidence_floor_percent": 0, "max_reads": max_reads},
        "upstream": {"disclose": ["purpose", "case_reference"]},
        "retention": null,
    }))
    .unwrap();
    let requester = Requester {
        subject: "officer-canary".to_owned(),
        organisation: Organisation {
            id: "organisation-canary".to_owned(),
            class: OrganisationClass::StateLocal,
            jurisdiction: Jurisdiction::parse("US-OH").unwrap(),
        },
        roles: BTreeSet::from([Role::Investigator]),
        on_behalf_of: None,
        attributes: turnpike_schemas::agreement::Attributes::default(),
    };
    document
        .validate()
        .unwrap()
        .permit(&requester, query, Noon.now())
        .unwrap()
}

async fn search(script: &Arc<Script>, changes: Value, permit: &Permit) -> Result<Page> {
    let adapter = adapter(&settings(changes));
    adapter
        .search(&ctx(script, &[("token", "s3cret")]), permit)
        .await
}

/// An answer with these observations, so many minutes past midnight, of `total` in all.
fn page(minutes: &[u32], total: Option<usize>) -> Response<Bytes> {
    let entities: Vec<_> = minutes
        .iter()
        .map(|minute| seen(*minute, "TPK0421"))
        .collect();
    answer(&json!(entities), total)
}

fn answer(body: &Value, total: Option<usize>) -> Response<Bytes> {
    let mut response = Response::builder().status(200);
    if let Some(total) = total {
        response = response.header("NGSILD-Results-Count", total);
    }
    response.body(Bytes::from(body.to_string())).unwrap()
}

fn seen(minute: u32, plate: &str) -> Value {
    entity(&[
        ("id", json!(format!("e{minute}"))),
        (
            "observationDateTime",
            json!(format!("2026-03-04T00:{minute:02}:00Z")),
        ),
        ("observedCredentialId", json!(plate)),
    ])
}

fn records(page: &Page) -> Vec<&str> {
    page.reads.iter().map(|read| read.record.as_str()).collect()
}

#[tokio::test]
async fn the_broker_is_told_plate_and_window_and_nothing_else() {
    let script = Script::of([page(&[], Some(0))]);
    let extra = json!({ "tenant": "town", "context": "https://broker.example/context.jsonld" });
    let found = search(&script, extra, &permit(&exact(), 100))
        .await
        .unwrap();
    assert_eq!(found, Page::default());
    let sent = script.sent.lock().unwrap();
    let (url, headers) = &sent[0];
    assert_eq!(url.path(), "/ngsi-ld/v1/entities");
    let pairs: Vec<_> = url
        .query_pairs()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    assert_eq!(
        pairs,
        [
            "type=APDSObservation",
            "q=observedCredentialId==\"TPK0421\",\"T:PK0421\",\"TP:K0421\",\"TPK:0421\";\
            (observationDateTime>=2026-03-01T00:00:00Z|observationStartDateTime>=2026-03-01T00:00:00Z);\
            (observationDateTime<2026-03-05T00:00:00Z|observationStartDateTime<2026-03-05T00:00:00Z)",
            "limit=2",
            "offset=0",
            "count=true"
        ]
    );
    assert_eq!(headers["authorization"], "Bearer s3cret");
    assert_eq!(headers["ngsild-tenant"], "town");
    assert!(
        headers["link"]
            .to_str()
            .unwrap()
            .starts_with("<https://broker.example/context.jsonld>;")
    );
    let told = format!("{sent:?}");
    for hidden in ["canary", "stolen", "BRK", "s3cret"] {
        assert!(!told.contains(hidden), "{hidden}");
    }
}

#[tokio::test]
async fn a_broker_that_stores_times_as_text_is_not_told_the_window() {
    let outside = entity(&[("observationDateTime", json!("2026-02-28T23:59:59Z"))]);
    let script = Script::of([answer(&json!([outside, seen(1, "TPK0421")]), Some(2))]);
    let issued = exact().issued_by(Jurisdiction::parse("BE").unwrap());
    let permit = permit(&issued, 100);
    let found = search(&script, json!({ "window_in_query": false }), &permit)
        .await
        .unwrap();
    assert_eq!(script.asked("q"), ["observedCredentialId==\"TPK0421\""]);
    assert_eq!(records(&found), ["e1"]);
    assert_eq!(found.skipped.get("not_asked_for"), Some(&1));
}

#[tokio::test]
async fn pages_are_followed_to_the_count_and_the_newest_come_first() {
    let pages = || {
        [
            page(&[3, 1], Some(5)),
            page(&[5, 2], Some(5)),
            page(&[4], Some(5)),
        ]
    };
    for (max_reads, want, truncated) in [
        (100, &["e5", "e4", "e3", "e2", "e1"][..], false),
        (5, &["e5", "e4", "e3", "e2", "e1"], false),
        (2, &["e5", "e4"], true),
    ] {
        let script = Script::of(pages());
        let found = search(&script, json!({}), &permit(&exact(), max_reads))
            .await
            .unwrap();
        assert_eq!(
            (records(&found).as_slice(), found.truncated),
            (want, truncated)
        );
        assert_eq!(script.asked("offset"), ["0", "2", "4"]);
    }
}

#[tokio::test]
async fn without_a_count_pages_end_with_an_empty_one() {
    let script = Script::of([page(&[2], None), page(&[1], None), page(&[], None)]);
    let found = search(&script, json!({}), &permit(&exact(), 100))
        .await
        .unwrap();
    assert_eq!(
        (records(&found), found.truncated),
        (vec!["e2", "e1"], false)
    );
    assert_eq!(script.asked("offset"), ["0", "1", "2"]);
}

#[tokio::test]
async fn pages_that_end_early_repeat_or_are_too_many_are_said_to_be_truncated() {
    for (pages, max_pages) in [
        (vec![page(&[2, 1], Some(5)), page(&[], Some(5))], 20),
        (vec![page(&[2, 1], Some(5)), page(&[2, 1], Some(5))], 20),
        (vec![page(&[2, 1], Some(5))], 1),
    ] {
        let script = Script::of(pages);
        let found = search(
            &script,
            json!({ "max_pages": max_pages }),
            &permit(&exact(), 100),
        )
        .await;
        let found = found.unwrap();
        assert_eq!((records(&found), found.truncated), (vec!["e2", "e1"], true));
    }
}

#[tokio::test]
async fn of_an_entity_that_comes_twice_the_newer_version_stays() {
    let mut newer = seen(1, "TPK0421");
    newer["dateModified"] = json!("2026-03-04T10:00:00Z");
    newer["observedVehicleColour"] = json!("green");
    for body in [
        json!([seen(1, "TPK0421"), newer]),
        json!([newer, seen(1, "TPK0421")]),
    ] {
        let script = Script::of([answer(&body, Some(2))]);
        let found = search(&script, json!({}), &permit(&exact(), 100))
            .await
            .unwrap();
        assert_eq!(found.reads.len(), 1);
        assert_eq!(
            found.reads[0].vehicle.colour.as_ref().unwrap().value,
            "green"
        );
        // The list moved under the pages: another entity may have been passed over.
        assert!(found.truncated);
    }
}

#[tokio::test]
async fn what_was_not_asked_for_is_counted_and_left_out() {
    let mut gone = seen(3, "TPK0421");
    gone["deletedAt"] = json!("2026-03-04T10:00:00Z");
    let body = json!([seen(1, "TPX9999"), gone, seen(2, "T:PK0421"), 7]);
    let script = Script::of([answer(&body, Some(4))]);
    let found = search(&script, json!({}), &permit(&exact(), 100))
        .await
        .unwrap();
    assert_eq!(records(&found), ["e2"]);
    assert_eq!(found.skipped.get("not_asked_for"), Some(&2));
    assert_eq!(found.rejected[0].record, Some(3));
}

#[tokio::test]
async fn only_whole_plates_are_asked_for_and_only_with_the_token() {
    let script = Script::of([]);
    let look_alike = AskedPlate::LookAlike(Plate::parse("TPK0421").unwrap());
    let partial = AskedPlate::Partial(PlatePattern::parse("TPK04?1").unwrap());
    for plate in [look_alike, partial] {
        let error = search(&script, json!({}), &permit(&query(plate), 100))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
    let adapter = adapter(&settings(json!({})));
    for secrets in [&[][..], &[("token", "two\nlines")]] {
        let ctx = ctx(&script, secrets);
        let error = adapter
            .search(&ctx, &permit(&exact(), 100))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(!error.to_string().contains("two"));
    }
    assert!(script.sent.lock().unwrap().is_empty());
}

#[tokio::test]
async fn every_status_has_a_kind_whatever_the_body_says() {
    for (status, kind) in [
        (400, ErrorKind::Config),
        (401, ErrorKind::Unauthorized),
        (403, ErrorKind::Unauthorized),
        (404, ErrorKind::Config),
        (422, ErrorKind::Config),
        (429, ErrorKind::RateLimited),
        (500, ErrorKind::Unavailable),
        (503, ErrorKind::Unavailable),
        (204, ErrorKind::Malformed),
        (206, ErrorKind::Malformed),
        (418, ErrorKind::Malformed),
    ] {
        let body = Bytes::from_static(br#"{"type":"x","title":"TPK0421","detail":"TPK0421"}"#);
        let response = Response::builder()
            .status(status)
            .header("Retry-After", "7")
            .body(body);
        let script = Script::of([response.unwrap()]);
        let error = search(&script, json!({}), &permit(&exact(), 100))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), kind, "{status}");
        assert!(!format!("{error} {error:?}").contains("TPK"), "{error:?}");
        let waits = matches!(kind, ErrorKind::RateLimited | ErrorKind::Unavailable);
        assert_eq!(
            error.retry() == Retry::After(Duration::from_secs(7)),
            waits,
            "{status}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_is_no_list_is_malformed() {
    for body in [
        "",
        "<html>sign in</html>",
        "\"TPK0421\"",
        "[{]",
        "[]]",
        "{\"detail\":\"TPK0421\"}",
    ] {
        let response = Response::builder()
            .status(200)
            .body(Bytes::from_static(body.as_bytes()));
        let script = Script::of([response.unwrap()]);
        let error = search(&script, json!({}), &permit(&exact(), 100))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed, "{body}");
        assert!(!format!("{error:?}").contains("TPK"));
    }
}

#[test]
fn retry_after_may_be_a_date() {
    let response = Response::builder()
        .status(429)
        .header("Retry-After", "Thu, 05 Mar 2026 12:00:30 GMT")
        .body(Bytes::new())
        .unwrap();
    let error = super::super::status::refusal("search", &response, Noon.now());
    assert_eq!(error.retry(), Retry::After(Duration::from_secs(30)));
}
