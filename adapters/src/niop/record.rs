//! What a record means: every check of a field's form and every interpretation is here.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;
use turnpike_schemas::{
    plate::{Jurisdiction, Plate},
    read::{Attribute, Observation, ZoneProvenance},
};

use super::{
    CorrectionDetail, Settings,
    name::Kind,
    parse::number,
    wire::{Fault, Field, Fields},
};
use crate::toll::time;

/// What every record of a file has in common.
#[derive(Debug)]
pub(super) struct Header {
    /// The agency that sends the file and gives out its record ids.
    pub(super) agency: String,
    pub(super) kind: Kind,
}

/// What became of a record.
pub(super) enum Outcome {
    /// The passage out, and the passage in where that counts as a read.
    Reads(Box<Observation>, Option<Box<Observation>>),
    /// It holds no read.
    Skipped(&'static str),
}

/// Turns the records of one file into reads.
pub(super) struct Records<'a> {
    header: Header,
    settings: &'a Settings,
    /// One number for each record so far: what grows with the file.
    seen: HashSet<u64>,
    /// The jurisdictions so far, by country and state: a few dozen, and at most as many as two letters allow.
    jurisdictions: BTreeMap<[u8; 4], Jurisdiction>,
    key: String,
}

/// One passage of a toll point.
struct Passage<'a> {
    at: Timestamp,
    offset_s: Option<i32>,
    plaza: &'a str,
    plaza_desc: &'a str,
    lane: &'a str,
}

/// The fields that say where and when a passage was.
struct PassageFields {
    at: Field,
    local: Field,
    plaza: Field,
    plaza_desc: Field,
    lane: Field,
}

const EXIT: PassageFields = PassageFields {
    at: Field::ExitDateTime,
    local: Field::ExitDateTimeTz,
    plaza: Field::ExitPlaza,
    plaza_desc: Field::ExitPlazaDesc,
    lane: Field::ExitLane,
};

const ENTRY: PassageFields = PassageFields {
    at: Field::EntryDateTime,
    local: Field::EntryDateTimeTz,
    plaza: Field::EntryPlaza,
    plaza_desc: Field::EntryPlazaDesc,
    lane: Field::EntryLane,
};

const NOT_ALLOWED: &str = "not of the allowed form";

/// 2000-01-01T00:00:00Z and the last second that 32 bits reach from there.
const FIRST_S: i64 = 946_684_800;
const LAST_S: i64 = FIRST_S + u32::MAX as i64;

impl<'a> Records<'a> {
    pub(super) fn new(header: Header, settings: &'a Settings) -> Self {
        Self {
            header,
            settings,
            seen: HashSet::new(),
            jurisdictions: BTreeMap::new(),
            key: String::new(),
        }
    }

    /// Reads one record.
    ///
    /// # Errors
    /// The first rule that the record breaks.
    pub(super) fn read(&mut self, fields: &Fields) -> Result<Outcome, Fault> {
        let kind = RecordType::read(fields, self.header.kind)?;
        let id = fields.required(Field::TxnReferenceId)?;
        form(Field::TxnReferenceId, id, 20, |b| b.is_ascii_digit())?;
        let revision = match self.header.kind {
            Kind::Corrections => revision(fields)?,
            _ => 0,
        };
        if !self.seen.insert(fingerprint(id, revision)) {
            return Err(Fault::field(Field::TxnReferenceId, "duplicate"));
        }
        if !kind.video {
            return tag(fields);
        }
        if self.header.kind == Kind::Corrections
            && self.settings.correction_detail == CorrectionDetail::OldState
        {
            return Ok(Outcome::Skipped("correction_without_new_state"));
        }
        self.video(fields, kind, id, revision)
    }

    fn video(
        &mut self,
        fields: &Fields,
        kind: RecordType,
        id: &str,
        revision: u64,
    ) -> Result<Outcome, Fault> {
        let exit = Passage::read(fields, &EXIT)?;
        let entry = kind
            .closed
            .then(|| Passage::read(fields, &ENTRY))
            .transpose()?;
        let mut record = String::with_capacity(32);
        record.push_str(&self.header.agency);
        record.push('-');
        record.push_str(id);
        let entry = match entry.filter(|_| self.settings.entry_reads) {
            Some(entry) => {
                Some(self.observe(fields, &entry, format!("{record}-entry"), revision)?)
            }
            None => None,
        };
        let exit = self.observe(fields, &exit, record, revision)?;
        Ok(Outcome::Reads(exit, entry))
    }

    fn observe(
        &mut self,
        fields: &Fields,
        passage: &Passage<'_>,
        record: String,
        revision: u64,
    ) -> Result<Box<Observation>, Fault> {
        let facility = fields.required(Field::FacilityId)?;
        form(Field::FacilityId, facility, 10, letter_digit_blank)?;
        let site = fields.required(Field::FacilityDesc)?;
        form(Field::FacilityDesc, site, 30, letter_digit_blank)?;
        let class = optional(fields, Field::VehicleClass, 4, upper_digit)?;
        let plate_type = optional(fields, Field::PlateType, 30, upper_digit_blank)?;
        let plate = plate(fields)?;
        let mut read = Box::new(Observation::new(
            record,
            plate,
            passage.at,
            ZoneProvenance::InValue,
        ));
        read.revision = revision;
        read.plate.jurisdiction = self.jurisdiction(fields)?;
        read.captured_offset_s = passage.offset_s;
        if passage.offset_s.is_none() {
            read.quality.push("offset_disagrees".to_owned());
        }
        read.place.site = Some(site.to_owned());
        read.place.camera = Some(passage.plaza.to_owned());
        read.place.lane = Some(passage.lane.to_owned());
        self.settings.sites.locate(
            &mut self.key,
            (facility, passage.plaza, passage.lane),
            &mut read.place,
        );
        read.vehicle.class = class.map(|value| Attribute {
            value: value.to_owned(),
            confidence: None,
        });
        let extra = &mut read.extra;
        extra.insert("facility_id".to_owned(), facility.to_owned());
        if let Some(plate_type) = plate_type {
            extra.insert("plate_type".to_owned(), plate_type.to_owned());
        }
        extra.insert("plaza_desc".to_owned(), passage.plaza_desc.to_owned());
        Ok(read)
    }

    /// `US` and `GA` is `US-GA`. An unknown country makes the state meaningless.
    fn jurisdiction(&mut self, fields: &Fields) -> Result<Option<Jurisdiction>, Fault> {
        let country = fields.required(Field::PlateCountry)?;
        let state = optional(fields, Field::PlateState, 2, |b| b.is_ascii_uppercase())?;
        if country == "-" {
            return Ok(None);
        }
        if !matches!(country, "US" | "CA" | "MX") {
            return Err(Fault::field(Field::PlateCountry, "not a known country"));
        }
        let key = key(country, state.unwrap_or_default());
        if let Some(jurisdiction) = self.jurisdictions.get(&key) {
            return Ok(Some(jurisdiction.clone()));
        }
        let code = match state {
            Some(state) => format!("{country}-{state}"),
            None => country.to_owned(),
        };
        let jurisdiction = Jurisdiction::parse(&code)
            .map_err(|_| Fault::field(Field::PlateState, "not a state"))?;
        self.jurisdictions.insert(key, jurisdiction.clone());
        Ok(Some(jurisdiction))
    }
}

/// `RecordType`, as far as it decides something.
#[derive(Debug, Clone, Copy)]
struct RecordType {
    /// By plate; otherwise by tag.
    video: bool,
    /// A closed system: there is an entry.
    closed: bool,
}

impl RecordType {
    fn read(fields: &Fields, kind: Kind) -> Result<Self, Fault> {
        let text = fields.required(Field::RecordType)?;
        let parsed = match text {
            "VB01" => (true, false),
            "VC01" | "VC02" => (true, true),
            "TB01" => (false, false),
            "TC01" | "TC02" => (false, true),
            _ => return Err(Fault::field(Field::RecordType, "not a record type")),
        };
        if kind == Kind::Corrections {
            let correction = fields.required(Field::CorrectionType)?;
            if correction.strip_suffix('A') != Some(text) {
                return Err(Fault::field(
                    Field::CorrectionType,
                    "not the type of the transaction with `A`",
                ));
            }
        }
        let (video, closed) = parsed;
        Ok(Self { video, closed })
    }
}

/// A tag transaction is counted and not looked into; a plate in it is against the format.
fn tag(fields: &Fields) -> Result<Outcome, Fault> {
    if fields.has_plate() {
        return Err(Fault::element(
            "PlateInfo",
            "not allowed in a tag transaction",
        ));
    }
    Ok(Outcome::Skipped("tag_transaction"))
}

impl<'a> Passage<'a> {
    fn read(fields: &'a Fields, names: &PassageFields) -> Result<Self, Fault> {
        let at = time::parse_utc(fields.required(names.at)?)
            .ok_or_else(|| Fault::field(names.at, super::NOT_UTC))?;
        let local = time::parse_local(fields.required(names.local)?)
            .ok_or_else(|| Fault::field(names.local, "not a time with an offset"))?;
        let plaza = fields.required(names.plaza)?;
        form(names.plaza, plaza, 15, upper_digit)?;
        let plaza_desc = fields.required(names.plaza_desc)?;
        form(names.plaza_desc, plaza_desc, 30, letter_digit_blank)?;
        let lane = fields.required(names.lane)?;
        form(names.lane, lane, 4, upper_digit)?;
        Ok(Self {
            at,
            // An offset that leads to another instant is no offset of this one.
            offset_s: (local.at == at).then_some(local.offset_s),
            plaza,
            plaza_desc,
            lane,
        })
    }
}

fn plate(fields: &Fields) -> Result<Plate, Fault> {
    let text = fields.required(Field::PlateNumber)?;
    form(Field::PlateNumber, text, 15, upper_digit_blank)?;
    Plate::parse(text).map_err(|_| Fault::field(Field::PlateNumber, "blank"))
}

/// Order among the versions of a transaction, below 2^53 so that it survives JSON: 10 bits of `CorrectionSeqNo`, 32 of
/// `CorrectionDateTime` (seconds from 2000), 10 of `ResubmitCount`. Never 0, which is the original.
fn revision(fields: &Fields) -> Result<u64, Fault> {
    let sequence = number(fields, Field::CorrectionSeqNo, 3)?;
    let at = time::parse_utc(fields.required(Field::CorrectionDateTime)?)
        .ok_or_else(|| Fault::field(Field::CorrectionDateTime, super::NOT_UTC))?;
    if !(FIRST_S..=LAST_S).contains(&at.as_second()) {
        return Err(Fault::field(
            Field::CorrectionDateTime,
            "before 2000 or after 2136",
        ));
    }
    let resubmitted = match fields.get(Field::ResubmitCount) {
        Some(_) => number(fields, Field::ResubmitCount, 3)?,
        None => 0,
    };
    let seconds = (at.as_second() - FIRST_S).unsigned_abs();
    Ok(1 + ((sequence << 42) | (seconds << 10) | resubmitted))
}

/// A number for a record id of digits: itself behind a 1, modulo 2^64. Exact up to 18 digits; of two longer ids in one file
/// with the same number, which takes a difference of a multiple of 2^64, the second would be rejected as a duplicate.
fn fingerprint(id: &str, revision: u64) -> u64 {
    let id = id.bytes().fold(1_u64, |number, digit| {
        number
            .wrapping_mul(10)
            .wrapping_add(u64::from(digit.wrapping_sub(b'0')))
    });
    id.wrapping_add(revision.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

fn optional(
    fields: &Fields,
    field: Field,
    longest: usize,
    allowed: fn(u8) -> bool,
) -> Result<Option<&str>, Fault> {
    let text = fields.get(field);
    match text {
        Some(text) => form(field, text, longest, allowed).map(|()| Some(text)),
        None => Ok(None),
    }
}

#[inline]
fn form(
    field: Field,
    text: &str,
    longest: usize,
    allowed: impl Fn(u8) -> bool,
) -> Result<(), Fault> {
    if text.len() <= longest && text.bytes().all(allowed) {
        Ok(())
    } else {
        Err(Fault::field(field, NOT_ALLOWED))
    }
}

fn upper_digit(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

fn upper_digit_blank(byte: u8) -> bool {
    upper_digit(byte) || byte == b' '
}

fn letter_digit_blank(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b' '
}

/// Two short codes side by side.
fn key(country: &str, state: &str) -> [u8; 4] {
    let mut key = [0; 4];
    let (left, right) = key.split_at_mut(2);
    for (slots, text) in [(left, country), (right, state)] {
        for (slot, byte) in slots.iter_mut().zip(text.bytes()) {
            *slot = byte;
        }
    }
    key
}
