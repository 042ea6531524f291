//! What a transaction means: every check of a field's form and every interpretation is here.

use std::collections::HashSet;

use jiff::Timestamp;
use turnpike_schemas::{
    plate::{Jurisdiction, Plate},
    read::{Observation, ZoneProvenance},
};

use super::{
    Settings,
    name::Kind,
    wire::{self, Fault, Field, Line, detail},
};
use crate::{
    adapter::Item,
    toll::{states, time},
};

/// 2000-01-01T00:00:00Z.
const FIRST_S: i64 = 946_684_800;

/// Turns the lines of one file into reads.
pub(super) struct Records<'a> {
    settings: &'a Settings,
    kind: Kind,
    /// The agency that sends the file and gives out its serial numbers.
    from: &'a str,
    /// Order of this file's versions of a record among all.
    revision: u64,
    /// The serial numbers so far: what grows with the file.
    seen: HashSet<u128>,
    /// The jurisdictions so far, in the order in which they came: a few dozen.
    jurisdictions: Vec<([u8; 2], Option<Jurisdiction>)>,
    key: String,
}

impl<'a> Records<'a> {
    /// Records of a file of `kind` from the agency `from`, submitted at `submitted_at`.
    pub(super) fn new(
        settings: &'a Settings,
        kind: Kind,
        from: &'a str,
        submitted_at: Timestamp,
    ) -> Self {
        let revision = match kind {
            // The format numbers no corrections: a later file has the later word.
            Kind::Corrections => {
                1 + u64::try_from(submitted_at.as_second() - FIRST_S).unwrap_or_default()
            }
            _ => 0,
        };
        Self {
            settings,
            kind,
            from,
            revision,
            seen: HashSet::new(),
            jurisdictions: Vec::new(),
            key: String::new(),
        }
    }

    /// Reads one line.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub(super) fn read(&mut self, line: &[u8]) -> Result<Item, Fault> {
        let (reason, line) = self.transaction(line)?;
        let serial = line.checked(detail::SERIAL, |b| b.is_ascii_digit())?;
        check_shape(line)?;
        let number = serial.parse().unwrap_or_default();
        if !self.seen.insert(number) {
            return Err(detail::SERIAL.breaks("duplicate"));
        }
        let Some(plate) = line.given(detail::PLATE) else {
            let untagged = line
                .get(detail::TAG)
                .bytes()
                .all(|byte| matches!(byte, b'0' | b'*'));
            return Ok(Item::Skipped(if untagged {
                "no_plate"
            } else {
                "tag_transaction"
            }));
        };
        line.checked(detail::PLATE, plate_char)?;
        let plate = Plate::parse(plate).map_err(|_| detail::PLATE.breaks("not a plate"))?;
        let exit = time::parse_local(line.get(detail::EXIT_TIME))
            .ok_or_else(|| detail::EXIT_TIME.breaks("not a time with an offset"))?;
        let record = [self.from, "-", serial].concat();
        let mut read = Observation::new(record, plate, exit.at, ZoneProvenance::InValue);
        read.revision = self.revision;
        read.captured_offset_s = Some(exit.offset_s);
        self.issuer(line, &mut read)?;
        self.place(line, &mut read)?;
        extra(line, reason, &mut read)?;
        Ok(Item::Read(Box::new(read)))
    }

    /// The transaction of a line, and the reason before it in a correction.
    fn transaction<'t>(&self, line: &'t [u8]) -> Result<(Option<&'t str>, Line<'t>), Fault> {
        const REASON: Fault = Fault {
            field: "CORRECTION_REASON",
            rule: "not 01 to 08",
        };
        if self.kind != Kind::Corrections {
            return Ok((None, Line::parse(line, wire::DETAIL, "RECORD")?));
        }
        let line = Line::parse(line, wire::REASON + wire::DETAIL, "RECORD")?;
        let (reason, line) = line.after(wire::REASON).ok_or(REASON)?;
        match reason.as_bytes() {
            [b'0', b'1'..=b'8'] => Ok((Some(reason), line)),
            _ => Err(REASON),
        }
    }

    /// Two characters without a country: those of the settings first, then the United States and Canada.
    fn issuer(&mut self, line: Line<'_>, read: &mut Observation) -> Result<(), Fault> {
        let Some(state) = line.given(detail::STATE) else {
            return Ok(());
        };
        line.checked(detail::STATE, |b| b.is_ascii_uppercase())?;
        let key = <[u8; 2]>::try_from(state.as_bytes()).unwrap_or_default();
        let known = self.jurisdictions.iter().find(|(code, _)| *code == key);
        let jurisdiction = if let Some((_, jurisdiction)) = known {
            jurisdiction.clone()
        } else {
            let country = states::country(state);
            let jurisdiction = self.settings.states.issuer(country, state);
            self.jurisdictions.push((key, jurisdiction.clone()));
            jurisdiction
        };
        if jurisdiction.is_none() {
            read.quality.push("issuer_unknown".to_owned());
            read.extra
                .insert("plate_state".to_owned(), state.to_owned());
        }
        read.plate.jurisdiction = jurisdiction;
        Ok(())
    }

    fn place(&mut self, line: Line<'_>, read: &mut Observation) -> Result<(), Fault> {
        let facility = line.checked(detail::FACILITY, |b| b.is_ascii_digit())?;
        let plaza = named(line, detail::EXIT_PLAZA)?;
        let lane = named(line, detail::EXIT_LANE)?;
        let at = (facility, plaza.unwrap_or("*"), lane.unwrap_or("*"));
        let place = &mut read.place;
        self.settings.sites.locate(&mut self.key, at, place);
        place.site = Some(facility.to_owned());
        place.camera = plaza.map(str::to_owned);
        place.lane = lane.map(str::to_owned);
        Ok(())
    }
}

/// What a line that is shifted has wrong: characters that can only be a few.
fn check_shape(line: Line<'_>) -> Result<(), Fault> {
    line.checked(detail::TYPE, |b| matches!(b, b'B' | b'C' | b'X'))?;
    line.checked(detail::LANE_MODE, |b| {
        matches!(b, b'E' | b'A' | b'M' | b'C' | b'O')
    })?;
    line.checked(detail::OVER_SPEED, |b| matches!(b, b'Y' | b'N'))?;
    line.checked(detail::SIGN, |b| matches!(b, b' ' | b'-' | b'+'))?;
    line.checked(detail::AMOUNT, |b| b.is_ascii_digit())?;
    Ok(())
}

/// What has no field of its own. Class and reason are the sender's; what they mean is not known.
fn extra(line: Line<'_>, reason: Option<&str>, read: &mut Observation) -> Result<(), Fault> {
    let values = [
        ("transaction_type", Some(line.get(detail::TYPE))),
        ("plate_type", printable(line, detail::PLATE_TYPE)?),
        ("toll_class", printable(line, detail::CLASS)?),
        ("correction_reason", reason),
    ];
    for (name, value) in values {
        if let Some(value) = value {
            read.extra.insert(name.to_owned(), value.to_owned());
        }
    }
    Ok(())
}

/// A plaza or lane, or none.
fn named(line: Line<'_>, field: Field) -> Result<Option<&str>, Fault> {
    let Some(value) = line.given(field) else {
        return Ok(None);
    };
    line.checked(field, |b| {
        b.is_ascii_uppercase() || b.is_ascii_digit() || b == b' '
    })?;
    Ok(Some(value))
}

fn printable(line: Line<'_>, field: Field) -> Result<Option<&str>, Fault> {
    line.checked(field, |b| b == b' ' || b.is_ascii_graphic())?;
    Ok(line.given(field))
}

fn plate_char(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b' ' | b'-' | b'.' | b'&')
}
