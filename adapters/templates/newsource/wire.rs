//! The vendor's bytes as structs, and what each becomes. Only what is named here is taken: everything else ends here.

use serde::Deserialize;
use serde_json::Value;
use turnpike_schemas::{
    plate::{Jurisdiction, Plate},
    read::{Confidence, Observation, ZoneProvenance},
};

use crate::{
    adapter::{Item, Rejection},
    error::{Error, ErrorKind, Result},
};

/// One record. Say here in which section of the manual it is.
#[derive(Deserialize)]
struct Wire {
    /// `read` or `heartbeat`.
    kind: Option<Value>,
    /// The vendor's identity of the passage, the same for every correction of it.
    id: Option<Value>,
    /// Counts corrections, from 0.
    version: Option<Value>,
    plate: Option<Value>,
    /// `OH`: the state.
    state: Option<Value>,
    /// RFC 3339 with an offset.
    at: Option<Value>,
    /// 0 to 100.
    score: Option<Value>,
    site: Option<Value>,
}

/// Field and rule.
type Broken = (&'static str, &'static str);

/// What one record says; `position` is its place in the message or file, from 0.
///
/// # Errors
/// `Malformed` when it is no record at all.
pub(super) fn understood(body: &[u8], position: u64) -> Result<Item> {
    let malformed = || Error::new(ErrorKind::Malformed, "decode", "not a JSON object");
    // A list of the right length would be taken for a message.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(malformed());
    }
    let wire: Wire = serde_json::from_slice(body).map_err(|_| malformed())?;
    if wire.kind.as_ref().and_then(Value::as_str) == Some("heartbeat") {
        return Ok(Item::Skipped("heartbeat"));
    }
    Ok(match read(&wire) {
        Ok(read) => Item::Read(Box::new(read)),
        Err((field, rule)) => Item::Rejected(Rejection::new(Some(position), field, rule)),
    })
}

fn read(wire: &Wire) -> Result<Observation, Broken> {
    let record = text(wire.id.as_ref(), "id")?.ok_or(("id", "missing"))?;
    let plate = text(wire.plate.as_ref(), "plate")?.ok_or(("plate", "missing"))?;
    let plate = Plate::parse(plate).map_err(|_| ("plate", "not a plate"))?;
    let at = text(wire.at.as_ref(), "at")?.ok_or(("at", "missing"))?;
    let at = at.parse().map_err(|_| ("at", "not a time with a zone"))?;
    let mut read = Observation::new(record.to_owned(), plate, at, ZoneProvenance::InValue);
    read.place.site = text(wire.site.as_ref(), "site")?.map(str::to_owned);
    read.plate.jurisdiction = issuer(text(wire.state.as_ref(), "state")?);
    // Absent stays absent: a vendor that sends no score did not say that it is sure.
    if let Some(score) = &wire.score {
        let percent = score.as_f64().ok_or(("score", "not a number"))?;
        let confidence = Confidence::from_percent(percent);
        read.plate.confidence = Some(confidence.map_err(|_| ("score", "not 0 to 100"))?);
    }
    if let Some(version) = &wire.version {
        read.revision = version.as_u64().ok_or(("version", "not a whole number"))?;
    }
    Ok(read)
}

/// A text that says something; `-` is the vendor's word for nothing.
fn text<'w>(value: Option<&'w Value>, field: &'static str) -> Result<Option<&'w str>, Broken> {
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let text = value.as_str().ok_or((field, "not a text"))?.trim();
    Ok(Some(text).filter(|text| !matches!(*text, "" | "-")))
}

/// An issuer that is not known is absent, never guessed.
fn issuer(state: Option<&str>) -> Option<Jurisdiction> {
    Jurisdiction::parse(&format!("US-{}", state?)).ok()
}
