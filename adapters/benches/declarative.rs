//! Shows what a mapping costs beside code that was written for one vendor.
//!
//! JSON: 900 invented Rekor group messages, decoded by the hand-written `rekor` adapter and by a mapping that takes the same fields,
//! in one run; the target is at least 0.4 of the hand-written rate. CSV: 50,000 rows, decoded by a mapping with a sink that drops the
//! reads, beside a bare `csv` pass over the same bytes that fills an owned struct with the same columns, as the reference of the
//! Rekor bench does; the target is at least 0.5. Beside it stands a pass that looks at records and keeps nothing. Two shapes: the
//! 58 columns a Tattile camera exports, and the 6 columns of an ELSAG dump.

#[path = "payloads/rekor.rs"]
mod payload;

use std::{error::Error, fmt::Write as _, hint::black_box, io::Cursor, time::Instant};

use csv::StringRecord;
use jiff::{civil, tz::Offset};
use serde_json::{Value, json};
use turnpike_adapters::{
    adapter::{Adapter, Disposition, Item, Message},
    registry,
};
use turnpike_schemas::{
    plate::Plate,
    read::{Observation, ZoneProvenance},
};

/// The program's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 15;
const ROWS: u64 = 50_000;
const JSON_TARGET: f64 = 0.4;
const CSV_TARGET: f64 = 0.5;

const MAPPING: &str = r#"
mapping = 1
family = "camera"
format = "json"
[webhook]
[records]
skip = [{ at = "/data_type", not_equals = ["alpr_group"] }]
[fields]
record = "/best_uuid"
plate.text = "/best_plate_number"
plate.confidence = { at = "/best_confidence", scale = 100, unknown = [0] }
plate.jurisdiction = "/best_region"
plate.jurisdiction_confidence = { at = "/best_region_confidence", scale = 100 }
plate.candidates = { at = "/candidates", text = "/plate", confidence = { at = "/confidence", scale = 100 } }
captured_at = { at = "/epoch_start", time = "epoch_ms" }
place.lat = { at = "/gps_latitude", unknown = [0, -1] }
place.lon = { at = "/gps_longitude", unknown = [0, -1] }
place.camera = { at = ["/agent_uid", "/camera_id"] }
place.image_bearing_deg = "/travel_direction"
vehicle.make = { at = "/vehicle/make/0/name", confidence = { at = "/vehicle/make/0/confidence", scale = 100 } }
vehicle.model = { at = "/vehicle/make_model/0/name", confidence = { at = "/vehicle/make_model/0/confidence", scale = 100 } }
vehicle.colour = { at = "/vehicle/color/0/name", confidence = { at = "/vehicle/color/0/confidence", scale = 100 } }
vehicle.class = { at = "/vehicle/body_type/0/name", confidence = { at = "/vehicle/body_type/0/confidence", scale = 100 } }
extra.is_parked = "/is_parked"
"#;

/// The mapped columns of an ELSAG dump, owned.
#[derive(Debug)]
#[expect(dead_code, reason = "only the cost of filling them matters")]
struct Elsag {
    read_id: String,
    plate: String,
    device_id: String,
    read_date: String,
    lat: f64,
    lon: f64,
}

/// The mapped columns of a Tattile export, owned.
#[derive(Debug)]
#[expect(dead_code, reason = "only the cost of filling them matters")]
struct Tattile {
    date: String,
    time: String,
    unread: String,
    plate: String,
    country: String,
    score: f64,
    class: String,
    direction: String,
    device: String,
    transit: String,
}

fn elsag(row: &StringRecord) -> Option<Elsag> {
    Some(Elsag {
        read_id: row.get(0)?.to_owned(),
        plate: row.get(1)?.to_owned(),
        device_id: row.get(2)?.to_owned(),
        read_date: row.get(3)?.to_owned(),
        lat: row.get(4)?.parse().ok()?,
        lon: row.get(5)?.parse().ok()?,
    })
}

fn tattile(row: &StringRecord) -> Option<Tattile> {
    Some(Tattile {
        date: row.get(1)?.to_owned(),
        time: row.get(2)?.to_owned(),
        unread: row.get(5)?.to_owned(),
        plate: row.get(6)?.to_owned(),
        country: row.get(9)?.to_owned(),
        score: row.get(11)?.parse().ok()?,
        class: row.get(22)?.to_owned(),
        direction: row.get(24)?.to_owned(),
        device: row.get(26)?.to_owned(),
        transit: row.get(41)?.to_owned(),
    })
}

/// What any adapter must make of an ELSAG row, with nothing to configure: the plate compared as plates are, the time from
/// digits in their places and in UTC, the position checked. No column is looked for, no doubt noted, nothing trimmed.
fn elsag_observation(row: &StringRecord) -> Option<Box<Observation>> {
    let date = row.get(3)?.as_bytes();
    let digits = |from: usize, to: usize| {
        let digits = date.get(from..to)?.iter();
        digits
            .map(|byte| byte.is_ascii_digit().then(|| i32::from(byte - b'0')))
            .try_fold(0, |number, digit| Some(number * 10 + digit?))
    };
    let small = |from, to| digits(from, to).and_then(|number| i8::try_from(number).ok());
    let at = civil::DateTime::new(
        i16::try_from(digits(0, 4)?).ok()?,
        small(5, 7)?,
        small(8, 10)?,
        small(11, 13)?,
        small(14, 16)?,
        small(17, 19)?,
        digits(20, 23)? * 1_000_000,
    );
    let mut read = Box::new(Observation::new(
        row.get(0)?.to_owned(),
        Plate::parse(row.get(1)?).ok()?,
        Offset::UTC.to_timestamp(at.ok()?).ok()?,
        ZoneProvenance::Configured,
    ));
    read.place.camera = Some(row.get(2)?.to_owned());
    read.place
        .set_position(row.get(4)?.parse().ok()?, row.get(5)?.parse().ok()?)
        .then_some(read)
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
    let mut below = Vec::new();
    let ratio = json()?;
    println!("JSON: mapping beside the hand-written adapter {ratio:.2} (target {JSON_TARGET})");
    if ratio < JSON_TARGET {
        below.push("JSON");
    }
    let tattile_settings = json!({ "mapping": { "preset": "tattile-csv" }, "zone": "Europe/Madrid", "full_scale": 1000 });
    let elsag_settings = json!({ "mapping": { "preset": "elsag-csv" }, "zone": "Etc/UTC" });
    let wide = File {
        text: wide(),
        delimiter: b';',
        header: false,
    };
    let narrow = File {
        text: narrow(),
        delimiter: b',',
        header: true,
    };
    for (what, ratio) in [
        ("CSV of 58 columns", csv(tattile_settings, &wide, tattile)?),
        ("CSV of 6 columns", csv(elsag_settings, &narrow, elsag)?),
    ] {
        println!(
            "{what}: mapping beside a bare pass into a struct {ratio:.2} (target {CSV_TARGET})"
        );
        if ratio < CSV_TARGET {
            below.push(what);
        }
    }
    let (mut filled, mut observed) = (f64::MAX, f64::MAX);
    for _ in 0..ROUNDS {
        filled = filled.min(seconds(|| pass(&narrow, elsag))?);
        observed = observed.min(seconds(|| pass(&narrow, elsag_observation))?);
    }
    println!(
        "CSV of 6 columns, by hand into an observation: {:.0} ns a row, {:.2} of the pass into a struct",
        observed * 1e9 / f64::from(u32::try_from(ROWS)?),
        filled / observed
    );
    if below.is_empty() {
        Ok(())
    } else {
        Err(format!("below target: {}", below.join(", ")).into())
    }
}

fn adapter(id: &str, settings: &Value) -> Result<Box<dyn Adapter>, Box<dyn Error>> {
    let entry = registry::find(id).ok_or("no such adapter")?;
    Ok((entry.build)(settings)?)
}

#[expect(
    clippy::print_stdout,
    reason = "the result of a bench is what it prints"
)]
fn json() -> Result<f64, Box<dyn Error>> {
    let hand = adapter("rekor", &json!({}))?;
    let mapped = adapter(
        "declarative",
        &json!({ "mapping": { "file": "rekor.toml", "text": MAPPING } }),
    )?;
    // Alerts are left out: they wrap the group, which a mapping would need a second one for.
    let messages: Vec<Message> = (0..1_000)
        .filter(|n| n % 10 != 5)
        .map(|n| Message::json(payload::message(n).to_string()))
        .collect();
    let (mut by_hand, mut by_mapping) = (f64::MAX, f64::MAX);
    for _ in 0..ROUNDS {
        by_hand = by_hand.min(seconds(|| decode_all(&*hand, &messages))?);
        by_mapping = by_mapping.min(seconds(|| decode_all(&*mapped, &messages))?);
    }
    let count = u32::try_from(messages.len())?;
    println!(
        "JSON: {count} messages; hand-written {:.1} µs, mapping {:.1} µs a message",
        by_hand * 1e6 / f64::from(count),
        by_mapping * 1e6 / f64::from(count)
    );
    Ok(by_hand / by_mapping)
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

/// A file to be read.
struct File {
    text: String,
    delimiter: u8,
    header: bool,
}

#[expect(
    clippy::print_stdout,
    reason = "the result of a bench is what it prints"
)]
fn csv<T>(
    settings: Value,
    file: &File,
    typed: fn(&StringRecord) -> Option<T>,
) -> Result<f64, Box<dyn Error>> {
    let adapter = adapter("declarative", &settings)?;
    let (mut looked, mut filled, mut mapped) = (f64::MAX, f64::MAX, f64::MAX);
    for _ in 0..ROUNDS {
        looked = looked.min(seconds(|| pass(file, |_| Some(())))?);
        filled = filled.min(seconds(|| pass(file, typed))?);
        mapped = mapped.min(seconds(|| decode_file(&*adapter, &file.text))?);
    }
    let rows = f64::from(u32::try_from(ROWS)?);
    println!(
        "CSV: {} bytes a row; records looked at {:.0} ns, filled into a struct {:.0} ns, mapping {:.0} ns a row ({:.2} of the first)",
        file.text.len() / usize::try_from(ROWS)?,
        looked * 1e9 / rows,
        filled * 1e9 / rows,
        mapped * 1e9 / rows,
        looked / mapped,
    );
    Ok(filled / mapped)
}

/// Every record through the `csv` crate, and what `take` makes of it.
fn pass<T>(file: &File, take: impl Fn(&StringRecord) -> Option<T>) -> Result<(), Box<dyn Error>> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(file.delimiter)
        .has_headers(file.header)
        .buffer_capacity(64 * 1024)
        .from_reader(file.text.as_bytes());
    let mut record = StringRecord::new();
    let mut count = 0;
    while reader.read_record(&mut record)? {
        black_box(take(black_box(&record)).ok_or("a row that is none")?);
        count += 1;
    }
    if count == ROWS {
        Ok(())
    } else {
        Err("rows are missing".into())
    }
}

fn decode_file(adapter: &dyn Adapter, text: &str) -> Result<(), Box<dyn Error>> {
    let mut count = 0;
    let verdict = adapter.decode_file("reads.csv", &mut Cursor::new(text), &mut |item| {
        if let Item::Read(read) = black_box(item) {
            count += u64::from(!read.record.is_empty());
        }
        Ok(())
    })?;
    if verdict.disposition == Disposition::Accepted && count == ROWS {
        Ok(())
    } else {
        Err(format!("{count} reads, {:?}", verdict.disposition).into())
    }
}

fn seconds(work: impl FnOnce() -> Result<(), Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64())
}

fn wide() -> String {
    let mut text = String::new();
    for n in 0..ROWS {
        let second = n % 60;
        // Writing to a string cannot fail.
        let _written = writeln!(
            text,
            "TRANSIT;2026-03-04;08-15-{second:02}-412000;TPK{n:04}-ESP;;0;TPK{n:04};ESP;;ESP;;930;99,98,97,99,99,98,99;18;9;4;1200;3;1;0;0;0;CAR;0;GOAWAY;0;20990001;;;0;0;OK;FREERUN;410;620;570;655;410;620;570;655;{n};1;;;0;0;0;;;0;0;100;100;;;;0"
        );
    }
    text
}

fn narrow() -> String {
    let mut text = "read_id,plate,device_id,read_date,lat,lon\n".to_owned();
    for n in 0..ROWS {
        let second = n % 60;
        let _written = writeln!(
            text,
            "{},TPK{n:04},00000000-0000-4000-8000-0000000000e1,2026-03-04 07:15:{second:02}.413,41.50000,-81.25000",
            900_000 + n
        );
    }
    text
}
