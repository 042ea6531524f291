//! Shows what decoding a Rekor message costs next to parsing it and nothing else.
//!
//! Data: 1,000 invented group messages with ten candidates, six frames, a vehicle and two traces; one in twenty
//! carries crops of 40 KiB, one in ten is a preview, one in ten a version 1 alert. Reference: `serde_json::from_slice`
//! into owned structs of the same fields. Prints both and the ratio; the target is at least 0.7.

use std::{error::Error, hint::black_box, time::Instant};

use serde::Deserialize;
use serde_json::{Value, json};
use turnpike_adapters::{
    adapter::{Adapter, Message},
    registry,
};

const MESSAGES: u64 = 1_000;
const ROUNDS: usize = 15;
const TARGET: f64 = 0.7;

/// The fields the adapter reads, owned.
#[derive(Deserialize)]
#[expect(dead_code, reason = "only the cost of filling them matters")]
struct Owned {
    data_type: Option<String>,
    openalpr_webhook: Option<String>,
    group: Option<Box<Owned>>,
    alert_list: Option<String>,
    site_name: Option<String>,
    camera_name: Option<String>,
    epoch_time: Option<i64>,
    uuid: Option<String>,
    epoch_start: Option<i64>,
    epoch_end: Option<i64>,
    agent_uid: Option<String>,
    camera_id: Option<i64>,
    gps_latitude: Option<f64>,
    gps_longitude: Option<f64>,
    uuids: Option<Vec<String>>,
    plate_indexes: Option<Vec<i64>>,
    best_uuid: Option<String>,
    best_plate_number: Option<String>,
    best_confidence: Option<f64>,
    best_region: Option<String>,
    best_region_confidence: Option<f64>,
    best_plate: Option<OwnedBestPlate>,
    candidates: Option<Vec<OwnedCandidate>>,
    travel_direction: Option<f64>,
    is_parked: Option<bool>,
    is_preview: Option<bool>,
    vehicle: Option<OwnedVehicle>,
    web_server_config: Option<OwnedWebServer>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only the cost of filling them matters")]
struct OwnedBestPlate {
    plate_index: Option<i64>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only the cost of filling them matters")]
struct OwnedCandidate {
    plate: Option<String>,
    confidence: Option<f64>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only the cost of filling them matters")]
struct OwnedVehicle {
    color: Option<Vec<OwnedNamed>>,
    make: Option<Vec<OwnedNamed>>,
    make_model: Option<Vec<OwnedNamed>>,
    body_type: Option<Vec<OwnedNamed>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only the cost of filling them matters")]
struct OwnedNamed {
    name: Option<String>,
    confidence: Option<f64>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only the cost of filling them matters")]
struct OwnedWebServer {
    camera_label: Option<String>,
}

#[expect(
    clippy::print_stdout,
    reason = "the result of a bench is what it prints"
)]
fn main() -> Result<(), Box<dyn Error>> {
    // Only `cargo bench` says `--bench`; a test run builds this and measures nothing.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let entry = registry::find("rekor").ok_or("no such adapter")?;
    let adapter = (entry.build)(&json!({}))?;
    let messages: Vec<Message> = (0..MESSAGES)
        .map(|n| Message::json(message(n).to_string()))
        .collect();
    let bytes: usize = messages.iter().map(|message| message.body.len()).sum();
    let (mut parsing, mut decoding) = (f64::MAX, f64::MAX);
    for _ in 0..ROUNDS {
        parsing = parsing.min(seconds(|| parse_all(&messages))?);
        decoding = decoding.min(seconds(|| decode_all(&*adapter, &messages))?);
    }
    let ratio = parsing / decoding;
    println!("{MESSAGES} messages, {bytes} bytes, best of {ROUNDS} rounds");
    println!("parse alone  {}", rate(parsing, bytes));
    println!("decode       {}", rate(decoding, bytes));
    println!("ratio        {ratio:.2} (target {TARGET})");
    if ratio < TARGET {
        return Err("decode is below its target".into());
    }
    Ok(())
}

fn parse_all(messages: &[Message]) -> Result<(), Box<dyn Error>> {
    for message in messages {
        black_box(serde_json::from_slice::<Owned>(&message.body)?);
    }
    Ok(())
}

fn decode_all(adapter: &dyn Adapter, messages: &[Message]) -> Result<(), Box<dyn Error>> {
    for message in messages {
        let decoded = black_box(adapter.decode(message)?);
        if decoded.page.reads.len() != 1 {
            return Err("a message without its read".into());
        }
    }
    Ok(())
}

fn seconds(work: impl FnOnce() -> Result<(), Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64())
}

fn rate(seconds: f64, bytes: usize) -> String {
    let count = u32::try_from(MESSAGES).map_or(f64::NAN, f64::from);
    let mebibytes = u32::try_from(bytes).map_or(f64::NAN, f64::from) / f64::from(1 << 20);
    format!(
        "{:8.1} µs a message {:9.0} messages/s {:7.0} MiB/s",
        seconds * 1e6 / count,
        count / seconds,
        mebibytes / seconds
    )
}

fn message(n: u64) -> Value {
    let mut group = group(n);
    if n % 20 == 7 {
        let crop = "QUJD".repeat(10 * 1024);
        for key in ["vehicle_crop_jpeg", "overview_jpeg"] {
            put(&mut group, key, json!(crop));
        }
    }
    if n % 10 == 3 {
        put(&mut group, "is_preview", json!(true));
    }
    if n % 10 != 5 {
        return group;
    }
    json!({
        "data_type": "alpr_alert", "version": 1, "epoch_time": 1_772_608_532_000_u64 + n, "agent_uid": AGENT,
        "alert_list": "Brookdale stolen", "alert_list_id": 17, "site_name": "Brookdale",
        "camera_name": "Brook St EB", "camera_number": 2042, "plate_number": plate(n), "description": "none",
        "list_type": "alert", "group": group,
    })
}

const AGENT: &str = "AGENTAGENTAGENTAGENTAGENTAGENTAGENTAGENT";

fn put(message: &mut Value, key: &str, value: Value) {
    if let Some(object) = message.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}

fn plate(n: u64) -> String {
    format!("TPK{:04}", n % 10_000)
}

fn group(n: u64) -> Value {
    let start = 1_772_608_530_412_u64 + n * 977;
    let uuid = |frame: u64| format!("{AGENT}-2042-{}", start + frame * 130);
    let uuids: Vec<_> = (0..6).map(uuid).collect();
    let candidates: Vec<_> = (0_u32..10)
        .map(|c| json!({ "plate": plate(n + u64::from(c) * 7), "confidence": 92.4 - f64::from(c) * 3.1, "matches_template": 1 }))
        .collect();
    let named = |name: &str| -> Vec<_> {
        (0..8).map(|k| json!({ "name": format!("{name}{k}"), "confidence": 88.125 / f64::from(k + 1) })).collect()
    };
    let path: Vec<_> = (0..12)
        .map(|k| json!({ "x": 10 + k * 9, "y": 20 + k, "w": 300 + k, "h": 200 + k, "t": k * 130, "f": 10 + k * 2 }))
        .collect();
    let corners =
        json!([{ "x": 1, "y": 1 }, { "x": 60, "y": 1 }, { "x": 60, "y": 20 }, { "x": 1, "y": 20 }]);
    json!({
        "data_type": "alpr_group", "version": 3, "epoch_start": start, "epoch_end": start + 1598,
        "frame_start": 10, "frame_end": 31, "company_id": "00000000-0000-4000-8000-000000000001",
        "agent_uid": AGENT, "agent_version": "4.1.1", "agent_type": "alprd", "camera_id": 2042,
        "gps_latitude": 41.0001, "gps_longitude": -81.0002, "country": "us",
        "uuids": uuids, "plate_indexes": [0, 0, 0, 0, 0, 0], "best_uuid": uuid(3), "best_uuid_epoch_ms": start + 390,
        "best_plate_number": plate(n), "best_confidence": 92.412_345, "best_region": "us-oh", "best_region_confidence": 71.25,
        "best_plate": {
            "plate": plate(n), "confidence": 92.412_345, "matches_template": 1, "plate_index": 0, "region": "us-oh",
            "region_confidence": 70, "processing_time_ms": 31.5, "coordinates": corners,
            "vehicle_region": { "x": 0, "y": 0, "width": 400, "height": 300 }, "plate_crop_jpeg": "QUJD".repeat(300),
            "candidates": candidates,
        },
        "candidates": candidates, "matches_template": true, "travel_direction": 271.5, "is_parked": false, "is_preview": false,
        "vehicle": {
            "color": named("blue"), "make": named("brookmotor"), "make_model": named("brookmotor0_two"),
            "body_type": named("sedan-standard"), "year": named("2010-2014"), "orientation": named("45"),
            "missing_plate": named("no"), "is_vehicle": named("yes"),
        },
        "vehicle_path": path, "plate_path": path, "vehicle_signature": "QUJD".repeat(100),
    })
}
