//! Shows what decoding a Rekor message costs next to parsing it and nothing else.
//!
//! Data: 1,000 invented group messages with ten candidates, six frames, a vehicle and two traces; one in twenty
//! carries crops of 40 KiB, one in ten is a preview, one in ten a version 1 alert. Reference: `serde_json::from_slice`
//! into owned structs of the same fields. Prints both and the ratio; the target is at least 0.7.

#[path = "payloads/rekor.rs"]
mod payload;

use std::{error::Error, hint::black_box, time::Instant};

use serde::Deserialize;
use serde_json::json;
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
        .map(|n| Message::json(payload::message(n).to_string()))
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
