//! What the values of a read mean: every interpretation is here.

use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, Offset, TimeZone},
};
use sha2::{Digest, Sha256};
use turnpike_schemas::{
    plate::{Jurisdiction, Plate},
    read::{Attribute, Confidence, Observation, Place, ZoneProvenance},
};

use super::{
    RepeatedHour, Scale, Settings,
    paths::Target,
    values::{Fault, Values},
};
use crate::adapter::Item;

/// What senders write when nothing was read.
const NO_PLATE: [&str; 3] = ["-", "unknown", "none"];

/// An instant, the offset it was written with, and how it is known.
type Instant = (Timestamp, Option<i32>, ZoneProvenance);

/// The read that `values` tell of.
///
/// # Errors
/// The first path that breaks a rule.
pub(super) fn understood(settings: &Settings, values: &Values<'_>) -> Result<Item, Fault> {
    values.check()?;
    let Some(text) = values.get(Target::Plate) else {
        return match values.was_there(Target::Plate) {
            true => Ok(Item::Skipped("no_plate")),
            false => Err(values.fault(Target::Plate, "missing")),
        };
    };
    if NO_PLATE.iter().any(|none| text.eq_ignore_ascii_case(none)) {
        return Ok(Item::Skipped("no_plate"));
    }
    let plate = Plate::parse(text).map_err(|_| values.fault(Target::Plate, "not a plate"))?;
    let at = values.get(Target::CapturedAt);
    let at = at.ok_or_else(|| values.fault(Target::CapturedAt, "missing"))?;
    let (at, offset_s, zone) =
        instant(settings, at).map_err(|rule| values.fault(Target::CapturedAt, rule))?;
    let mut read = Observation::new(String::new(), plate, at, zone);
    read.captured_offset_s = offset_s;
    issuer(settings, values, &mut read);
    place(settings, values, &mut read.place)?;
    confidence(settings, values, &mut read)?;
    versions(values, &mut read)?;
    let vehicle = &mut read.vehicle;
    for (target, field) in [
        (Target::Make, &mut vehicle.make),
        (Target::Model, &mut vehicle.model),
        (Target::Colour, &mut vehicle.colour),
        (Target::Class, &mut vehicle.class),
    ] {
        *field = values.get(target).map(|value| Attribute {
            value: value.to_owned(),
            confidence: None,
        });
    }
    for (name, value) in values.extra() {
        read.extra.insert(name.to_owned(), value.to_owned());
    }
    read.record = identity(values, &read)?;
    Ok(Item::Read(Box::new(read)))
}

/// The sender's identity where a path leads to one; otherwise one made of what was seen, when and where.
fn identity(values: &Values<'_>, read: &Observation) -> Result<String, Fault> {
    if values.has(Target::Record) {
        let record = values.get(Target::Record);
        let record = record.ok_or_else(|| values.fault(Target::Record, "missing"))?;
        return match record.len() {
            0..=200 => Ok(record.to_owned()),
            _ => Err(values.fault(Target::Record, "longer than allowed")),
        };
    }
    let mut hash = Sha256::new();
    let at = read.captured_at.to_string();
    let position = format!("{:?} {:?}", read.place.lat, read.place.lon);
    let parts = [
        read.plate.plate.expose(),
        &at,
        &position,
        read.place.site.as_deref().unwrap_or_default(),
        read.place.camera.as_deref().unwrap_or_default(),
        read.place.lane.as_deref().unwrap_or_default(),
    ];
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let digest: [u8; 32] = hash.finalize().into();
    let head = digest.first_chunk().copied().unwrap_or_default();
    Ok(format!("seen-{:032x}", u128::from_be_bytes(head)))
}

fn versions(values: &Values<'_>, read: &mut Observation) -> Result<(), Fault> {
    if let Some(revision) = values.get(Target::Revision) {
        let number = revision.parse().ok().filter(|number| *number < 1 << 53);
        read.revision = number.ok_or_else(|| values.fault(Target::Revision, "not a number"))?;
    }
    read.retracted = match values.get(Target::Retracted) {
        None | Some("false" | "0") => false,
        Some("true" | "1") => true,
        Some(_) => return Err(values.fault(Target::Retracted, "neither true nor false")),
    };
    Ok(())
}

/// An ISO code, or a state with the country that the document or the settings name.
fn issuer(settings: &Settings, values: &Values<'_>, read: &mut Observation) {
    let Some(text) = values.get(Target::Jurisdiction) else {
        let country = values.get(Target::Country);
        read.plate.jurisdiction = country.and_then(|country| Jurisdiction::parse(country).ok());
        return;
    };
    let country = values.get(Target::Country).or(settings.country.as_deref());
    let code = match country {
        Some(country) if !text.contains('-') && text != country => format!("{country}-{text}"),
        // Two letters alone are a state or a country; which, is not said.
        None if text.len() == 2 => String::new(),
        _ => text.to_owned(),
    };
    read.plate.jurisdiction = Jurisdiction::parse(&code).ok();
    if read.plate.jurisdiction.is_none() {
        read.quality.push("issuer_unknown".to_owned());
    }
}

fn confidence(
    settings: &Settings,
    values: &Values<'_>,
    read: &mut Observation,
) -> Result<(), Fault> {
    let Some(text) = values.get(Target::Confidence) else {
        return Ok(());
    };
    let number: Option<f64> = text.parse().ok();
    let confidence = number.and_then(|number| match settings.confidence_scale {
        Some(Scale::Unit) => Confidence::new(number).ok(),
        Some(Scale::Percent) => Confidence::from_percent(number).ok(),
        None => None,
    });
    read.plate.confidence = Some(
        confidence.ok_or_else(|| values.fault(Target::Confidence, "not on the scale it has"))?,
    );
    Ok(())
}

fn place(settings: &Settings, values: &Values<'_>, place: &mut Place) -> Result<(), Fault> {
    let lat = angle(
        values,
        [
            Target::LatitudeDegrees,
            Target::LatitudeMinutes,
            Target::LatitudeSeconds,
        ],
        90.0,
    )?;
    let lon = angle(
        values,
        [
            Target::LongitudeDegrees,
            Target::LongitudeMinutes,
            Target::LongitudeSeconds,
        ],
        180.0,
    )?;
    let owned = |target| values.get(target).map(str::to_owned);
    place.site = owned(Target::Site);
    place.camera = owned(Target::Camera);
    place.lane = owned(Target::Lane);
    match (lat, lon) {
        (Some(lat), Some(lon)) => {
            place.set_position(lat, lon);
        }
        (None, None) => {
            let named = [&place.camera, &place.site];
            let known = named.into_iter().flatten();
            let known = known.filter_map(|name| settings.places.get(name)).next();
            if let Some(known) = known {
                place.set_position(known.lat, known.lon);
            }
        }
        (Some(_), None) => return Err(values.fault(Target::LongitudeDegrees, "missing")),
        (None, Some(_)) => return Err(values.fault(Target::LatitudeDegrees, "missing")),
    }
    Ok(())
}

/// Degrees, minutes and seconds as degrees. Minutes and seconds take the sign of the degrees, that of `-0` too.
fn angle(values: &Values<'_>, targets: [Target; 3], most: f64) -> Result<Option<f64>, Fault> {
    let [degrees, minutes, seconds] = targets;
    let Some(text) = values.get(degrees) else {
        return Ok(None);
    };
    let number = decimal(text).ok_or_else(|| values.fault(degrees, "not a number"))?;
    let mut size = number.abs();
    for (target, parts) in [(minutes, 60.0), (seconds, 3600.0)] {
        let Some(part) = values.get(target) else {
            continue;
        };
        let part = decimal(part).filter(|part| (0.0..60.0).contains(part));
        let part = part.ok_or_else(|| values.fault(target, "not from 0 up to 60"))?;
        if number.fract() != 0.0 && part != 0.0 {
            return Err(values.fault(target, "beside a fraction of a degree"));
        }
        size += part / parts;
    }
    if size > most {
        return Err(values.fault(degrees, "not on earth"));
    }
    let negative = text.starts_with('-');
    Ok(Some(if negative { -size } else { size }))
}

/// A decimal number of XML Schema: no exponent, no infinity.
fn decimal(text: &str) -> Option<f64> {
    let plain = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+');
    let plain = text.bytes().all(plain);
    plain.then(|| text.parse().ok()).flatten()
}

/// A time of XML Schema. One without a zone is of the zone of the settings, or of none.
fn instant(settings: &Settings, text: &str) -> Result<Instant, &'static str> {
    const NOT: &str = "not a time";
    let (head, _) = text.split_at_checked(19).ok_or(NOT)?;
    let form = "dddd-dd-ddTdd:dd:dd".bytes();
    let fits = head.bytes().zip(form).all(|(byte, form)| match form {
        b'd' => byte.is_ascii_digit(),
        form => byte == form,
    });
    if !fits {
        return Err(NOT);
    }
    let zone_at = text
        .bytes()
        .skip(19)
        .position(|byte| matches!(byte, b'Z' | b'+' | b'-'))
        .map_or(text.len(), |at| at + 19);
    let (clock, zone) = text.split_at_checked(zone_at).ok_or(NOT)?;
    let fraction = clock.get(19..).unwrap_or_default();
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !fraction.is_empty() && !fraction.strip_prefix('.').is_some_and(digits) {
        return Err(NOT);
    }
    let clock: DateTime = clock.parse().map_err(|_| NOT)?;
    let at = |offset: Offset| offset.to_timestamp(clock).map_err(|_| NOT);
    match zone {
        "Z" => Ok((at(Offset::UTC)?, None, ZoneProvenance::InValue)),
        "" => local(settings, clock),
        zone => {
            let offset_s = offset(zone).ok_or(NOT)?;
            let offset = Offset::from_seconds(offset_s).map_err(|_| NOT)?;
            Ok((at(offset)?, Some(offset_s), ZoneProvenance::InValue))
        }
    }
}

/// `±hh:mm` in seconds.
fn offset(text: &str) -> Option<i32> {
    let [sign, h1, h2, b':', m1, m2] = *<&[u8; 6]>::try_from(text.as_bytes()).ok()? else {
        return None;
    };
    let two = |tens: u8, ones: u8| {
        let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
        digits.then(|| i32::from(tens - b'0') * 10 + i32::from(ones - b'0'))
    };
    let (hours, minutes) = (two(h1, h2)?, two(m1, m2)?);
    if hours > 14 || minutes > 59 {
        return None;
    }
    let seconds = (hours * 60 + minutes) * 60;
    Some(if sign == b'-' { -seconds } else { seconds })
}

fn local(settings: &Settings, clock: DateTime) -> Result<Instant, &'static str> {
    let zone = settings.zone()?.ok_or("not a time with a zone")?;
    let offset = match zone.to_ambiguous_timestamp(clock).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset,
        AmbiguousOffset::Gap { .. } => return Err("in the hour that the clocks leave out"),
        AmbiguousOffset::Fold { before, after } => match settings.repeated_hour {
            Some(RepeatedHour::Earlier) => before,
            Some(RepeatedHour::Later) => after,
            None => return Err("in the hour that the clocks repeat"),
        },
    };
    let at = offset.to_timestamp(clock).map_err(|_| "not a time")?;
    Ok((at, Some(offset.seconds()), ZoneProvenance::Configured))
}

impl Settings {
    /// The zone of times without one.
    ///
    /// # Errors
    /// It is not known.
    pub(super) fn zone(&self) -> Result<Option<TimeZone>, &'static str> {
        let zone = self.time_zone.as_deref().map(TimeZone::get);
        zone.transpose().map_err(|_| "not a known time zone")
    }
}
