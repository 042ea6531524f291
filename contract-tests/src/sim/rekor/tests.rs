use std::collections::VecDeque;
use std::sync::Mutex;

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::sim::server::{Server, client};
use crate::sim::{CANARY, lock};
use crate::town::{Family, Town, TownSize};

const LIMIT: Duration = Duration::from_secs(20);

#[derive(Debug, Default)]
struct Inbox {
    statuses: VecDeque<u16>,
    messages: Vec<(HeaderMap, Bytes)>,
}

/// A receiver that answers the planned statuses, then 202.
struct Receiver {
    inbox: Arc<Mutex<Inbox>>,
    server: Server,
}

impl Receiver {
    async fn start(statuses: &[u16]) -> Self {
        let inbox = Arc::new(Mutex::new(Inbox::default()));
        lock(&inbox).statuses.extend(statuses);
        let shared = Arc::clone(&inbox);
        let take = move |headers: HeaderMap, body: Bytes| async move {
            let mut inbox = lock(&shared);
            inbox.messages.push((headers, body));
            let status = inbox.statuses.pop_front().unwrap_or(202);
            (StatusCode::from_u16(status).unwrap(), "{\"stored\":1}")
        };
        let server = Server::start(Router::new().route("/in", post(take)))
            .await
            .unwrap();
        Self { inbox, server }
    }

    fn url(&self) -> String {
        format!("{}/in", self.server.origin())
    }

    async fn agent(&self) -> RekorAgent {
        RekorAgent::start(AgentConfig::new(&self.url(), "s3cret"))
            .await
            .unwrap()
    }

    fn bodies(&self) -> Vec<Value> {
        let inbox = lock(&self.inbox);
        inbox
            .messages
            .iter()
            .map(|(_, body)| serde_json::from_slice(body).unwrap())
            .collect()
    }

    fn header(&self, name: &str) -> Option<String> {
        let inbox = lock(&self.inbox);
        let value = inbox.messages[0].0.get(name)?;
        Some(value.to_str().unwrap().to_owned())
    }
}

fn at() -> Timestamp {
    "2026-03-04T07:15:30.412Z".parse().unwrap()
}

fn group() -> Group {
    Group::read(2042, at(), "TPK0421")
}

#[tokio::test]
async fn a_message_is_posted_until_it_gets_a_2xx() {
    let receiver = Receiver::start(&[503, 401, 302, 200]).await;
    let agent = receiver.agent().await;
    let message = agent.send(&group().json());
    assert!(agent.drained(LIMIT).await);
    let posts: Vec<_> = agent
        .answers()
        .iter()
        .map(|a| (a.message, a.attempt, a.status))
        .collect();
    let wanted = [
        (1, Some(503)),
        (2, Some(401)),
        (3, Some(302)),
        (4, Some(200)),
    ];
    assert_eq!(
        posts,
        wanted.map(|(attempt, status)| (message, attempt, status))
    );
    assert_eq!(agent.answers()[3].body, "{\"stored\":1}");
    assert_eq!(receiver.bodies(), vec![group().json(); 4]);
    assert_eq!(
        receiver.header("authorization").as_deref(),
        Some("Bearer s3cret")
    );
    assert_eq!(
        receiver.header("content-type").as_deref(),
        Some("application/json")
    );
}

#[tokio::test]
async fn the_secret_travels_as_configured() {
    let basic = Auth::Basic {
        user: "brook".into(),
        password: "dale".into(),
    };
    let header = Auth::Header {
        name: "x-api-key".into(),
        value: "k".into(),
    };
    let cases = [
        (Auth::None, "authorization", None),
        (basic, "authorization", Some("Basic YnJvb2s6ZGFsZQ==")),
        (header, "x-api-key", Some("k")),
        (Auth::CustomData("k".into()), "authorization", None),
    ];
    for (auth, name, value) in cases {
        let receiver = Receiver::start(&[]).await;
        let in_body = matches!(auth, Auth::CustomData(_));
        let config = AgentConfig {
            auth,
            ..AgentConfig::new(&receiver.url(), "")
        };
        let agent = RekorAgent::start(config).await.unwrap();
        agent.send(&test_message());
        assert!(agent.drained(LIMIT).await);
        assert_eq!(receiver.header(name).as_deref(), value);
        let key = receiver.bodies()[0]["custom_data"]["API_KEY"].clone();
        assert_eq!(key, if in_body { json!("k") } else { Value::Null });
    }
}

#[tokio::test]
async fn lost_answers_and_repeats_deliver_twice() {
    let receiver = Receiver::start(&[]).await;
    let agent = receiver.agent().await;
    agent.switch(|s| (s.lose_answers, s.repeat) = (1, 1));
    agent.send(&group().json());
    assert!(agent.drained(LIMIT).await);
    assert_eq!(receiver.bodies(), vec![group().json(); 3]);
}

#[tokio::test]
async fn a_paused_agent_delivers_late_and_newest_first_when_told_so() {
    let receiver = Receiver::start(&[]).await;
    let agent = receiver.agent().await;
    agent.switch(|s| (s.paused, s.newest_first) = (true, true));
    for camera in 1..=3 {
        agent.send(&Group::read(camera, at(), "TPK0421").json());
    }
    assert_eq!((agent.pending(), receiver.bodies().len()), (3, 0));
    agent.switch(|s| s.paused = false);
    assert!(agent.drained(LIMIT).await);
    let order: Vec<_> = receiver
        .bodies()
        .iter()
        .map(|b| b["camera_id"].clone())
        .collect();
    assert_eq!(order, [json!(3), json!(2), json!(1)]);
}

#[tokio::test]
async fn nothing_is_lost_while_the_receiver_is_away() {
    let gone = Receiver::start(&[]).await.url();
    let agent = RekorAgent::start(AgentConfig::new(&gone, "s3cret"))
        .await
        .unwrap();
    let message = agent.send(&group().json());
    assert!(agent.posted(2, LIMIT).await);
    assert_eq!(agent.pending(), 1);
    let receiver = Receiver::start(&[]).await;
    agent.retarget(&receiver.url());
    assert!(agent.drained(LIMIT).await);
    let last = agent.answers().pop().unwrap();
    assert_eq!((last.message, last.status), (message, Some(202)));
    assert_eq!(receiver.bodies(), [group().json()]);
}

#[tokio::test]
async fn several_threads_deliver_every_passage_once() {
    let start = "2026-03-01T00:00:00Z".parse().unwrap();
    let town = Town::new(
        21,
        TownSize {
            vehicles: 60,
            days: 2,
            start,
        },
    );
    let receiver = Receiver::start(&[]).await;
    let config = AgentConfig {
        upload_threads: 4,
        ..AgentConfig::new(&receiver.url(), "s")
    };
    let agent = RekorAgent::start(config).await.unwrap();
    let sent = agent.send_passages(town.all_passages());
    assert_eq!(sent, town.passages(Family::Camera).count());
    assert!(agent.drained(LIMIT).await);
    let bodies = receiver.bodies();
    assert_eq!(bodies.len(), sent);
    for passage in town.expected("TPK0421", start, town.end()).camera {
        let epoch = json!(passage.at.as_millisecond());
        let seen = bodies
            .iter()
            .find(|body| body["epoch_start"] == epoch)
            .unwrap();
        assert_eq!(seen["best_plate_number"], json!("TPK0421"));
        assert_eq!(seen["best_confidence"], json!(passage.confidence_percent()));
    }
    let unread = town
        .passages(Family::Camera)
        .filter(|p| p.text.is_none())
        .count();
    let empty = bodies
        .iter()
        .filter(|body| body["best_plate_number"] == json!(""))
        .count();
    assert_eq!(unread, empty);
}

#[tokio::test]
async fn bytes_that_are_no_json_can_be_sent() {
    let receiver = Receiver::start(&[]).await;
    let agent = receiver.agent().await;
    agent.send_bytes(*b"{\"data_type\":");
    agent.send_bytes(deep(&group(), 5_000));
    assert!(agent.drained(LIMIT).await);
    let inbox = lock(&receiver.inbox);
    assert_eq!(inbox.messages[0].1, "{\"data_type\":");
    assert!(
        inbox.messages[1]
            .1
            .windows(5_000)
            .any(|w| w.iter().all(|b| *b == b'['))
    );
}

#[tokio::test]
async fn a_dropped_agent_posts_no_more() {
    let receiver = Receiver::start(&[500; 1_000]).await;
    let agent = receiver.agent().await;
    agent.send(&group().json());
    assert!(agent.posted(2, LIMIT).await);
    let queue = Arc::downgrade(&agent.queue);
    drop(agent);
    let gone = async {
        while queue.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(LIMIT, gone).await.is_ok());
    assert!(receiver.bodies().len() >= 2);
}

#[test]
fn a_group_looks_as_in_the_manual() {
    let body = Group {
        candidates: vec![("TPKO421".into(), 80.1)],
        ..group()
    }
    .json();
    let uuid = format!("{AGENT_UID}-2042-1772608530412");
    assert_eq!(body["data_type"], json!("alpr_group"));
    assert_eq!(body["epoch_start"], json!(1_772_608_530_412_i64));
    assert_eq!(
        (&body["best_uuid"], &body["uuids"]),
        (&json!(uuid), &json!([uuid]))
    );
    assert_eq!(
        body["best_plate"]["candidates"][1]["plate"],
        json!("TPKO421")
    );
    assert_eq!(
        body["vehicle"]["make_model"][0]["name"],
        json!("brookmotor_two")
    );
    assert_eq!(body["gps_latitude"], json!(41.5));
    assert!(!body.to_string().contains(CANARY));
    let unread = group().unread().json();
    assert_eq!(unread["best_plate_number"], json!(""));
    assert_eq!(
        (&unread["best_confidence"], &unread["candidates"]),
        (&json!(0.0), &json!([]))
    );
    let old = Group {
        region: "mo".into(),
        ..group()
    }
    .json();
    assert_eq!(old["best_region"], json!("mo"));
}

#[test]
fn an_unset_position_takes_all_three_forms() {
    for (gps, wanted) in [
        (Gps::Zero, Some(json!(0.0))),
        (Gps::MinusOne, Some(json!(-1))),
        (Gps::Absent, None),
    ] {
        assert_eq!(
            Group { gps, ..group() }.json().get("gps_longitude"),
            wanted.as_ref()
        );
    }
}

#[test]
fn a_later_group_holds_the_earlier_images_and_another_best_one() {
    let preview = Group::read(2042, at(), "TPK0427").preview();
    let last = preview.later("TPK0421", 95.0);
    assert!(preview.json()["is_preview"].as_bool().unwrap());
    assert!(!last.is_preview);
    assert_eq!((last.plate.as_str(), last.confidence), ("TPK0421", 95.0));
    assert!(last.uuids.starts_with(&preview.uuids));
    assert_ne!(last.best_uuid, preview.best_uuid);
    let other = Group::read(2042, at() + jiff::SignedDuration::from_secs(1), "TPK8421").preview();
    let merged = Group::merged(&[&preview, &other], "TPK0421", 96.0);
    for uuid in preview.uuids.iter().chain(&other.uuids) {
        assert!(merged.uuids.contains(uuid));
    }
    assert!(merged.uuids.contains(&merged.best_uuid));
    assert_eq!(merged.epoch_start, preview.epoch_start);
    assert_eq!(merged.epoch_end, other.epoch_end);
}

#[test]
fn other_message_types_wrap_or_replace_the_group() {
    let alert = group().alert("stolen");
    assert_eq!(alert["group"], group().json());
    assert_eq!(
        (&alert["description"], &alert["alert_list"]),
        (&json!(CANARY), &json!("stolen"))
    );
    let frame = group().frame();
    assert_eq!(frame["results"][0]["plate"], json!("TPK0421"));
    assert_eq!(frame["uuid"], json!(group().best_uuid));
    assert!(
        vehicle_without_plate(2042, at())
            .get("best_plate_number")
            .is_none()
    );
    assert_eq!(heartbeat(at())["data_type"], json!("heartbeat"));
    assert_eq!(test_message(), json!({"openalpr_webhook": "test"}));
    assert_eq!(group().json_without_type()["data_type"], Value::Null);
    assert_eq!(
        group().json_with_signature()["vehicle_signature"],
        json!(CANARY)
    );
    assert!(group().json_with_crops()["best_plate"]["plate_crop_jpeg"].is_string());
    assert!(oversized(&group(), 1_000_000).to_string().len() > 1_000_000);
}

#[test]
fn each_wrong_message_differs_from_the_right_one_in_one_field() {
    let right = group().json();
    for wrong in Wrong::ALL {
        let body = wrong.json(&group());
        let fields = right.as_object().unwrap();
        let differing = fields
            .iter()
            .filter(|(key, value)| body.get(key.as_str()) != Some(value));
        assert_eq!(differing.count(), 1, "{wrong:?}");
    }
}

#[tokio::test]
async fn images_are_served_until_a_switch_says_otherwise() {
    let agent = RekorAgent::start(AgentConfig::new("http://127.0.0.1:9/", ""))
        .await
        .unwrap();
    let http = client().unwrap();
    let get = async |limit: Duration| {
        let url = format!("{}/img/{}.jpg", agent.images_origin(), group().best_uuid);
        let response = http.get(url).timeout(limit).send().await?;
        let status = response.status().as_u16();
        response.bytes().await.map(|body| (status, body))
    };
    assert_eq!(get(LIMIT).await.unwrap(), (200, Bytes::from_static(JPEG)));
    agent.switch_images(|s| s.missing = true);
    assert_eq!(get(LIMIT).await.unwrap().0, 404);
    agent.switch_images(|s| s.redirect_to = Some("http://127.0.0.1:9/".into()));
    assert_eq!(get(LIMIT).await.unwrap().0, 302);
    agent.switch_images(|s| {
        *s = ImageSwitches {
            huge: 1_000_000,
            ..ImageSwitches::default()
        }
    });
    assert_eq!(get(LIMIT).await.unwrap().1.len(), JPEG.len() + 1_000_000);
    agent.switch_images(|s| {
        *s = ImageSwitches {
            html: true,
            ..ImageSwitches::default()
        }
    });
    assert!(get(LIMIT).await.unwrap().1.starts_with(b"<html>"));
    agent.switch_images(|s| s.latency = Duration::from_secs(60));
    assert!(
        get(Duration::from_millis(50))
            .await
            .unwrap_err()
            .is_timeout()
    );
    assert_eq!(
        agent.image_requests(),
        vec![format!("{}.jpg", group().best_uuid); 6]
    );
}

#[test]
fn the_image_is_a_whole_jpeg() {
    let mut segments = Vec::new();
    let mut rest = &JPEG[2..];
    while rest[1] != 0xda {
        let length = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        segments.push(rest[1]);
        rest = &rest[2 + length..];
        assert_eq!(rest[0], 0xff);
    }
    assert_eq!(segments, [0xdb, 0xc0, 0xc4, 0xc4]);
    assert!(JPEG.starts_with(&[0xff, 0xd8]) && JPEG.ends_with(&[0xff, 0xd9]));
}
