use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use http::StatusCode;
use jsonschema::Validator;
use serde_json::json;

use super::query::Query;
use super::*;
use crate::sim::{CANARY, small_town};
use crate::town::PROTAGONIST_PLATE;

/// The official schema, without what it refers to elsewhere: the two common definitions of Smart Data Models.
fn schema() -> Validator {
    let text = include_str!("../../../../adapters/src/apds/fixtures/schema.json");
    let mut schema: Value = serde_json::from_str(text).unwrap();
    drop_references(&mut schema);
    jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .unwrap()
}

fn drop_references(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.remove("$ref");
            members.remove("$id");
            members.values_mut().for_each(drop_references);
        }
        Value::Array(list) => list.iter_mut().for_each(drop_references),
        _ => {}
    }
}

fn valid(entity: &Value) {
    let faults: Vec<_> = schema()
        .iter_errors(entity)
        .map(|fault| format!("{}: {fault}", fault.instance_path()))
        .collect();
    assert!(faults.is_empty(), "{faults:?}");
}

fn observation() -> Observation {
    let town = small_town();
    town.passages(Family::Parking)
        .find_map(Observation::of)
        .unwrap()
}

#[test]
fn the_official_example_keeps_to_the_official_schema() {
    let text = include_str!("../../../../adapters/src/apds/fixtures/example.json");
    valid(&serde_json::from_str(text).unwrap());
}

#[test]
fn entities_of_the_simulator_and_of_the_fixtures_keep_to_the_schema() {
    valid(&observation().json(Shape::KeyValues));
    valid(&observation().personal(Shape::KeyValues));
    for text in [
        include_str!("../../../../adapters/src/apds/fixtures/notification.json"),
        include_str!("../../../../adapters/src/apds/fixtures/deleted.json"),
        include_str!("../../../../adapters/src/apds/fixtures/stay.json"),
    ] {
        let payload: Value = serde_json::from_str(text).unwrap();
        let entities = payload.get("data").unwrap_or(&payload).as_array().unwrap();
        assert!(!entities.is_empty());
        entities.iter().for_each(valid);
    }
}

#[test]
fn the_schema_refuses_what_it_should() {
    let mut entity = observation().json(Shape::KeyValues);
    assert!(schema().is_valid(&entity));
    entity["observedCredentialConfidence"] = json!(1.5);
    assert!(!schema().is_valid(&entity));
    assert!(!schema().is_valid(&observation().odd(Odd::OtherType, Shape::KeyValues)));
}

#[test]
fn normalized_and_key_values_say_the_same() {
    let (plain, wrapped) = (
        observation().json(Shape::KeyValues),
        observation().json(Shape::Normalized),
    );
    for (key, value) in plain.as_object().unwrap() {
        let wrapped = &wrapped[key];
        let inside = wrapped.get("value").unwrap_or(wrapped);
        assert_eq!(inside.get("@value").unwrap_or(inside), value, "{key}");
    }
    assert!(observation().deleted(Shape::Normalized)["deletedAt"].is_string());
    assert!(
        observation()
            .personal(Shape::Normalized)
            .to_string()
            .contains(CANARY)
    );
}

#[test]
fn queries_are_and_or_and_parentheses() {
    let entity = json!({"p": "A;B", "t": "2026-03-04T00:00:00Z"});
    for (query, holds) in [
        ("p==\"A;B\"", true),
        ("p==\"A\",\"A;B\"", true),
        ("p==\"A\"", false),
        ("t>=2026-03-04T00:00:00Z;t<2026-03-05T00:00:00Z", true),
        ("t>=2026-03-04T00:00:01Z", false),
        (
            "(t>=2026-03-05T00:00:00Z|p==\"A;B\");(t<2026-03-05T00:00:00Z|u<2026-03-05T00:00:00Z)",
            true,
        ),
        ("u>=2026-03-04T00:00:00Z", false),
    ] {
        assert_eq!(
            Query::parse(query).unwrap().holds(&entity),
            holds,
            "{query}"
        );
    }
    for query in [
        "",
        "p",
        "p==A",
        "(p==\"A\"",
        "p==\"A\")",
        "t<soon",
        "p==\"A",
    ] {
        assert_eq!(Query::parse(query), None, "{query}");
    }
}

async fn ask(broker: &ApdsBroker, parameters: &[(&str, &str)]) -> (u16, Option<String>, Value) {
    let url = format!("{}/entities", broker.base_url());
    let request = server::client()
        .unwrap()
        .get(url)
        .bearer_auth(TOKEN)
        .query(parameters);
    let answer = request.send().await.unwrap();
    let count = answer.headers().get("ngsild-results-count");
    let count = count.map(|count| count.to_str().unwrap().to_owned());
    (
        answer.status().as_u16(),
        count,
        answer.json().await.unwrap(),
    )
}

const TYPE: (&str, &str) = ("type", "APDSObservation");

#[tokio::test]
async fn a_plate_is_found_over_all_pages() {
    let town = small_town();
    let broker = ApdsBroker::with_town(&town).await.unwrap();
    let seen = |passage: &&Passage| passage.text.as_deref() == Some(PROTAGONIST_PLATE);
    let wanted = town.passages(Family::Parking).filter(seen).count();
    assert!(wanted > 3);
    let query = ("q", "observedCredentialId==\"TPK0421\"");
    let (status, count, all) = ask(
        &broker,
        &[TYPE, query, ("limit", "1000"), ("count", "true")],
    )
    .await;
    assert_eq!((status, count), (200, Some(wanted.to_string())));
    let mut paged = Vec::new();
    for offset in 0..wanted {
        let offset = offset.to_string();
        let (_, _, page) = ask(&broker, &[TYPE, query, ("limit", "1"), ("offset", &offset)]).await;
        paged.extend(page.as_array().unwrap().clone());
    }
    assert_eq!(json!(paged), all);
}

#[tokio::test]
async fn questions_without_a_plate_a_type_or_the_token_are_refused() {
    let broker = ApdsBroker::start().await.unwrap();
    let query = ("q", "observedCredentialId==\"TPK0421\"");
    for parameters in [
        &[TYPE][..],
        &[query],
        &[TYPE, query, ("limit", "0")],
        &[TYPE, ("q", "x")],
    ] {
        assert_eq!(ask(&broker, parameters).await.0, 400);
    }
    broker.switch(|switches| switches.refuse = true);
    assert_eq!(ask(&broker, &[TYPE, query]).await.0, 401);
    assert_eq!(broker.requests().len(), 5);
}

#[tokio::test]
async fn switches_change_what_is_served() {
    let town = small_town();
    let broker = ApdsBroker::with_town(&town).await.unwrap();
    let query = ("q", "observedCredentialId==\"TPK0421\"");
    let all = async || {
        ask(
            &broker,
            &[TYPE, query, ("limit", "1000"), ("count", "true")],
        )
        .await
    };
    let plain = all().await.2;
    let plain = plain.as_array().unwrap();
    broker.switch(|switches| switches.duplicates = true);
    assert_eq!(all().await.2.as_array().unwrap().len(), plain.len() * 2);
    broker.switch(|switches| (switches.duplicates, switches.shuffled) = (false, true));
    assert_ne!(all().await.2.as_array().unwrap(), plain);
    broker.switch(|switches| {
        switches.no_count = true;
        switches.personal = true;
        switches.odd = Odd::ALL.to_vec();
    });
    let (_, count, served) = all().await;
    assert_eq!(
        (count, served.as_array().unwrap().len()),
        (None, plain.len() + Odd::ALL.len())
    );
    assert!(served.to_string().contains(CANARY));
    broker.switch(|switches| switches.page_cycle = true);
    let (_, _, page) = ask(&broker, &[TYPE, query, ("limit", "1"), ("offset", "2")]).await;
    assert_eq!(page[0], served[0]);
}

#[tokio::test]
async fn a_notification_is_posted_to_the_subscriber() {
    let inbox = Arc::new(Mutex::new(Vec::<Bytes>::new()));
    let shared = Arc::clone(&inbox);
    let take = move |body: Bytes| async move {
        lock(&shared).push(body);
        StatusCode::ACCEPTED
    };
    let server = Server::start(Router::new().route("/in", post(take)))
        .await
        .unwrap();
    let entities = [observation().json(Shape::KeyValues)];
    let target = format!("{}/in", server.origin());
    let status = ApdsBroker::notify(&target, &entities, Some("s3cret"))
        .await
        .unwrap();
    assert_eq!(status, 202);
    let body: Value = serde_json::from_slice(&lock(&inbox)[0]).unwrap();
    assert_eq!(body, notification(&entities));
}
