//! The lookup body: what the vendor accepts, and its complaints otherwise.

use jiff::Timestamp;
use serde_json::Value;

use super::Lookup;
use super::rows::Row;

const STATES: &[&str] = &[
    "alabama",
    "alaska",
    "arizona",
    "arkansas",
    "california",
    "colorado",
    "connecticut",
    "delaware",
    "florida",
    "georgia",
    "hawaii",
    "idaho",
    "illinois",
    "indiana",
    "iowa",
    "kansas",
    "kentucky",
    "louisiana",
    "maine",
    "maryland",
    "massachusetts",
    "michigan",
    "minnesota",
    "mississippi",
    "missouri",
    "montana",
    "nebraska",
    "nevada",
    "new_hampshire",
    "new_jersey",
    "new_mexico",
    "new_york",
    "north_carolina",
    "north_dakota",
    "ohio",
    "oklahoma",
    "oregon",
    "pennsylvania",
    "puerto_rico",
    "rhode_island",
    "south_carolina",
    "south_dakota",
    "tennessee",
    "texas",
    "utah",
    "vermont",
    "virginia",
    "washington",
    "washington_dc",
    "west_virginia",
    "wisconsin",
    "wyoming",
];

const MAX_LIMIT: usize = 50;
const METRES_PER_MILE: f64 = 1_609.344;
const METRES_PER_DEGREE: f64 = 111_320.0;

/// A field and what is wrong with it.
pub(super) type Complaint = (&'static str, &'static str);

/// A lookup that passed validation.
#[derive(Clone, Debug)]
pub(super) struct Criteria {
    pub(super) plate: String,
    reason: String,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    dates: (String, String),
    pub(super) limit: usize,
    pub(super) state: Option<String>,
    case_number: Option<String>,
    min_plate: f64,
    min_state: f64,
    /// `Some(true)` is ascending; `None` is as the index has it.
    pub(super) ascending: Option<bool>,
    circle: Option<(f64, f64, f64)>,
}

impl Criteria {
    pub(super) fn parse(body: &Value) -> Result<Self, Vec<Complaint>> {
        let mut wrong = Vec::new();
        let mut text = |field| required_text(body, field, &mut wrong);
        let (plate, reason) = (text("plate"), text("reason"));
        let dates = (text("startDate"), text("endDate"));
        let start = time(&dates.0, "startDate", &mut wrong);
        let end = time(&dates.1, "endDate", &mut wrong);
        if end < start {
            wrong.push(("endDate", "must not be before startDate"));
        }
        let (min_plate, min_state) = minimums(body, &mut wrong);
        let criteria = Self {
            plate,
            reason,
            start,
            end,
            dates,
            limit: limit(body, &mut wrong),
            state: state(body, &mut wrong),
            case_number: body
                .get("caseNumber")
                .and_then(Value::as_str)
                .map(str::to_owned),
            min_plate,
            min_state,
            ascending: order(body, &mut wrong),
            circle: circle(body, &mut wrong),
        };
        if wrong.is_empty() {
            Ok(criteria)
        } else {
            Err(wrong)
        }
    }

    pub(super) fn matches(&self, row: &Row) -> bool {
        row.plate.eq_ignore_ascii_case(&self.plate)
            && self.start <= row.captured_at
            && row.captured_at <= self.end
            && row.plate_confidence >= self.min_plate
            && self.state_matches(row)
            && self
                .circle
                .is_none_or(|circle| within(circle, row.position))
    }

    pub(super) fn lookup(&self) -> Lookup {
        Lookup {
            plate: self.plate.clone(),
            reason: self.reason.clone(),
            case_number: self.case_number.clone(),
            state: self.state.clone(),
            start_date: self.dates.0.clone(),
            end_date: self.dates.1.clone(),
            limit: self.limit,
        }
    }

    fn state_matches(&self, row: &Row) -> bool {
        let confident = self.min_state <= 0.0 || row.state.is_some_and(|s| s.1 >= self.min_state);
        let asked = self.state.as_deref();
        confident && asked.is_none_or(|asked| row.state.is_some_and(|s| s.0 == asked))
    }
}

fn required_text(body: &Value, field: &'static str, wrong: &mut Vec<Complaint>) -> String {
    let text = body
        .get(field)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .trim();
    if text.is_empty() {
        wrong.push((field, "is required"));
    }
    text.to_owned()
}

fn time(text: &str, field: &'static str, wrong: &mut Vec<Complaint>) -> Timestamp {
    text.parse().unwrap_or_else(|_| {
        wrong.push((field, "must be an RFC 3339 date-time"));
        Timestamp::UNIX_EPOCH
    })
}

fn limit(body: &Value, wrong: &mut Vec<Complaint>) -> usize {
    let Some(limit) = body.get("limit") else {
        return MAX_LIMIT;
    };
    let limit = limit
        .as_u64()
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(0);
    if !(1..=MAX_LIMIT).contains(&limit) {
        wrong.push(("limit", "must be between 1 and 50"));
    }
    limit
}

fn state(body: &Value, wrong: &mut Vec<Complaint>) -> Option<String> {
    let state = body.get("state")?;
    let known = state.as_str().filter(|name| STATES.contains(name));
    if known.is_none() {
        wrong.push(("state", "is not a known state"));
    }
    known.map(str::to_owned)
}

fn minimums(body: &Value, wrong: &mut Vec<Complaint>) -> (f64, f64) {
    let mut minimums = (0.0, 0.0);
    for entry in body
        .get("minConfidences")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let least = entry
            .get("minConfidence")
            .and_then(Value::as_f64)
            .unwrap_or(-1.0);
        match entry.get("attribute").and_then(Value::as_str) {
            Some("plate") if (0.0..=1.0).contains(&least) => minimums.0 = least,
            Some("state") if (0.0..=1.0).contains(&least) => minimums.1 = least,
            _ => wrong.push(("minConfidences", "wants plate or state and 0 to 1")),
        }
    }
    minimums
}

fn order(body: &Value, wrong: &mut Vec<Complaint>) -> Option<bool> {
    let sort = body.get("sort")?.get(0)?;
    let field = sort.get("field").and_then(Value::as_str);
    match (field, sort.get("order").and_then(Value::as_str)) {
        (Some("capturedAt"), Some("asc")) => return Some(true),
        (Some("capturedAt"), Some("desc")) => return Some(false),
        _ => wrong.push(("sort", "wants capturedAt and asc or desc")),
    }
    None
}

/// The circle as latitude, longitude and radius in metres. A polygon is not simulated: no caller
/// may narrow a question by place alone, so none sends one.
fn circle(body: &Value, wrong: &mut Vec<Complaint>) -> Option<(f64, f64, f64)> {
    if body.get("area").is_some() {
        wrong.push(("area", "is not offered by this network"));
    }
    let circle = body.get("radius")?.get("radius");
    let number = |key| circle.and_then(|c| c.get(key)).and_then(Value::as_f64);
    match (number("latitude"), number("longitude"), number("radius")) {
        (Some(latitude), Some(longitude), Some(miles)) if (1.0..=2_000.0).contains(&miles) => {
            Some((latitude, longitude, miles * METRES_PER_MILE))
        }
        _ => {
            wrong.push(("radius", "wants latitude, longitude and 1 to 2000 miles"));
            None
        }
    }
}

fn within((latitude, longitude, radius_m): (f64, f64, f64), position: (f64, f64)) -> bool {
    let north = (position.0 - latitude) * METRES_PER_DEGREE;
    let east = (position.1 - longitude) * METRES_PER_DEGREE * latitude.to_radians().cos();
    north.hypot(east) <= radius_m
}
