//! What a line means: every check of a field's form and every interpretation is here.

use std::collections::HashSet;

use jiff::Timestamp;
use turnpike_schemas::{
    plate::{Jurisdiction, Plate},
    read::{Observation, ZoneProvenance},
};

use super::{
    Settings,
    name::Kind,
    wire::{
        CORRECTED, CORRECTION, Fault, Fields, Layout, ORIGINAL, PAY_BY_PLATE, TRANSACTION, cents,
        digits, fault,
    },
};
use crate::{
    adapter::Item,
    toll::{
        states,
        time::{self, Local},
    },
};

/// 2000-01-01T00:00:00Z and the last second that 32 bits reach from there.
const FIRST_S: i64 = 946_684_800;
const LAST_S: i64 = FIRST_S + u32::MAX as i64;

/// Turns the lines of one file into reads.
pub(super) struct Records<'a> {
    settings: &'a Settings,
    kind: Kind,
    /// The agency that sends the file and gives out its transaction numbers, in capitals.
    from: &'a str,
    /// What is known of the sum of the amounts: nothing, once one was not understood.
    sum: Option<u64>,
    /// The numbers so far, with their revisions: what grows with the file.
    seen: HashSet<(u64, u64)>,
    key: String,
}

/// A passage as a line has it, with the padding gone.
#[derive(Debug, PartialEq)]
struct Passage<'a> {
    plate: &'a str,
    state: Option<&'a str>,
    exit: Timestamp,
    offset_s: i32,
    plaza: &'a str,
    lane: Option<&'a str>,
    vehicle_type: Option<&'a str>,
    plate_type: Option<&'a str>,
}

/// What a correction says about itself.
#[derive(Debug)]
struct Correction<'a> {
    reason: Option<&'a str>,
    resubmission: Option<&'a str>,
    /// How many there were of this transaction, this one counted.
    count: u64,
    revision: u64,
}

impl<'a> Records<'a> {
    /// Records of a file of `kind` from the agency `from`.
    pub(super) fn new(settings: &'a Settings, kind: Kind, from: &'a str) -> Self {
        Self {
            settings,
            kind,
            from,
            sum: Some(0),
            seen: HashSet::new(),
            key: String::new(),
        }
    }

    /// The sum of the amounts, in cents; `None` where one was not understood.
    pub(super) fn sum(&self) -> Option<u64> {
        self.sum
    }

    /// Reads one line.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub(super) fn read(&mut self, line: &[u8]) -> Result<Item, Fault> {
        match self.kind {
            Kind::Corrections => self.correction(line),
            _ => self.transaction(line),
        }
    }

    fn transaction(&mut self, line: &[u8]) -> Result<Item, Fault> {
        let fields = Fields::<PAY_BY_PLATE>::parse(line, "RECORD");
        let amount = fields
            .as_ref()
            .ok()
            .and_then(|fields| cents(fields.get(TRANSACTION.amount)));
        self.sum = self
            .sum
            .zip(amount)
            .and_then(|(sum, amount)| sum.checked_add(amount));
        let fields = fields?;
        amount.ok_or_else(|| fault("TRAN AMOUNT", "not an amount"))?;
        let number = number(&fields, &TRANSACTION)?;
        self.once(number, 0)?;
        match Passage::read(&fields, &TRANSACTION)? {
            Some(passage) => Ok(Item::Read(self.observe(number, &passage)?)),
            None => Ok(Item::Skipped("no_plate")),
        }
    }

    fn correction(&mut self, line: &[u8]) -> Result<Item, Fault> {
        let fields = Fields::<CORRECTION>::parse(line, "RECORD")?;
        let correction = Correction::read(&fields)?;
        let original = number(&fields, &ORIGINAL)?;
        let corrected = number(&fields, &CORRECTED)?;
        self.once(original, correction.revision)?;
        let was = Passage::read(&fields, &ORIGINAL)?;
        let Some(passage) = Passage::read(&fields, &CORRECTED)? else {
            return Ok(Item::Skipped(if was.is_some() {
                "correction_takes_plate_away"
            } else {
                "tag_transaction"
            }));
        };
        // A later correction that says what the original said may take an earlier one back.
        let first = correction.count <= 1;
        if first && original == corrected && was.as_ref() == Some(&passage) {
            return Ok(Item::Skipped("correction_of_money_only"));
        }
        let mut read = self.observe(original, &passage)?;
        read.revision = correction.revision;
        if original != corrected {
            read.aliases.push(self.record(corrected));
        }
        let letters = [
            ("correction_reason", correction.reason),
            ("resubmit_reason", correction.resubmission),
        ];
        extend(&mut read, letters);
        Ok(Item::Read(read))
    }

    fn once(&mut self, number: u64, revision: u64) -> Result<(), Fault> {
        if self.seen.insert((number, revision)) {
            Ok(())
        } else {
            Err(fault("TRAN #", "duplicate"))
        }
    }

    fn record(&self, number: u64) -> String {
        format!("{}-{number:010}", self.from)
    }

    fn observe(&mut self, number: u64, passage: &Passage<'_>) -> Result<Box<Observation>, Fault> {
        let plate =
            Plate::parse(passage.plate).map_err(|_| fault("LICENSE PLATE", "not a plate"))?;
        let record = self.record(number);
        let zone = ZoneProvenance::InValue;
        let mut read = Box::new(Observation::new(record, plate, passage.exit, zone));
        read.captured_offset_s = Some(passage.offset_s);
        if let Some(state) = passage.state {
            read.plate.jurisdiction = self.issuer(state);
            if read.plate.jurisdiction.is_none() {
                extend(&mut read, [("plate_state", Some(state))]);
            }
        }
        let at = (self.from, passage.plaza, passage.lane.unwrap_or("*"));
        self.settings
            .sites
            .locate(&mut self.key, at, &mut read.place);
        read.place.site = Some(self.from.to_owned());
        read.place.camera = Some(passage.plaza.to_owned());
        read.place.lane = passage.lane.map(str::to_owned);
        let types = [
            ("vehicle_type", passage.vehicle_type),
            ("plate_type", passage.plate_type),
        ];
        extend(&mut read, types);
        Ok(read)
    }

    /// The format names no country. The settings do, or nothing is known of the issuer.
    fn issuer(&self, state: &str) -> Option<Jurisdiction> {
        let assumed = self.settings.country.map(super::Country::as_str);
        let country = states::country(state).filter(|country| assumed == Some(*country));
        self.settings.states.issuer(country, state)
    }
}

impl<'a> Passage<'a> {
    /// The passage in a line; `None` when it has no plate.
    fn read<const N: usize>(
        fields: &Fields<'a, N>,
        layout: &Layout,
    ) -> Result<Option<Self>, Fault> {
        let Some(plate) = fields.given(layout.plate) else {
            return Ok(None);
        };
        let breaks = |field, rule| Fault {
            prefix: layout.prefix,
            field,
            rule,
        };
        if fields.get(layout.plate).len() != 10 {
            return Err(breaks("LICENSE PLATE", "not 10 characters"));
        }
        let state = fields.given(layout.state);
        if state.is_some_and(|state| state.len() != 2 || !upper(state)) {
            return Err(breaks("STATE", "not 2 capital letters"));
        }
        let Local { at, offset_s } = time::parse_local(fields.get(layout.exit_at))
            .ok_or_else(|| breaks("EXIT TRAN DATE", "not a time with an offset"))?;
        let plaza = fields
            .given(layout.exit_plaza)
            .filter(|plaza| plaza.len() <= 22)
            .ok_or_else(|| breaks("EXIT PLAZA", "not 1 to 22 characters"))?;
        let lane = fields.get(layout.exit_lane);
        if !digits(lane, 2) {
            return Err(breaks("EXIT LANE", "not 2 digits"));
        }
        let plate_type = fields.given(layout.plate_type);
        if plate_type.is_some_and(|text| text.len() > 30) {
            return Err(breaks("LP TYPE", "longer than 30 characters"));
        }
        let vehicle_type = fields.given(layout.vehicle_type);
        if vehicle_type.is_some_and(|text| !digits(text, 1)) {
            return Err(breaks("VEHICLE TYPE", "not a digit"));
        }
        Ok(Some(Self {
            plate,
            state,
            exit: at,
            offset_s,
            plaza,
            // What the generators of the format write for no lane.
            lane: (lane != "00").then_some(lane),
            vehicle_type,
            plate_type,
        }))
    }
}

impl<'a> Correction<'a> {
    fn read(fields: &Fields<'a, CORRECTION>) -> Result<Self, Fault> {
        let at = time::parse_local(fields.get(0))
            .ok_or_else(|| fault("CORRECTION DATE", "not a time with an offset"))?
            .at
            .as_second();
        if !(FIRST_S..=LAST_S).contains(&at) {
            return Err(fault("CORRECTION DATE", "before 2000 or after 2136"));
        }
        let reason = letter(fields.given(1), "CORRECTION REASON")?;
        let resubmission = letter(fields.given(2), "RESUBMIT REASON")?;
        if reason.is_none() && resubmission.is_none() {
            return Err(fault(
                "CORRECTION REASON",
                "missing, as the resubmit reason",
            ));
        }
        let count = counted(fields.get(3), "CORRECTION COUNT")?;
        let resubmitted = counted(fields.get(4), "RESUBMIT COUNT")?;
        let seconds = (at - FIRST_S).unsigned_abs();
        Ok(Self {
            reason,
            resubmission,
            count,
            // Below 2^53, so that it survives JSON, and never 0, which is the transaction itself.
            revision: 1 + ((count << 42) | (seconds << 10) | resubmitted),
        })
    }
}

/// The key of a transaction.
fn number<const N: usize>(fields: &Fields<'_, N>, layout: &Layout) -> Result<u64, Fault> {
    let text = fields.get(layout.transaction);
    let number = digits(text, 10).then(|| text.parse().ok()).flatten();
    number.ok_or(Fault {
        prefix: layout.prefix,
        field: "TRAN #",
        rule: "not 10 digits",
    })
}

/// One letter, whose meaning is not known, or none.
fn letter<'a>(text: Option<&'a str>, field: &'static str) -> Result<Option<&'a str>, Fault> {
    match text {
        Some(text) if text.len() != 1 || !upper(text) => Err(fault(field, "not a capital letter")),
        text => Ok(text),
    }
}

/// A count of at most three digits.
fn counted(text: &str, field: &'static str) -> Result<u64, Fault> {
    let text = text.trim_matches(' ');
    let number = (1..=3).any(|length| digits(text, length));
    let number = number.then(|| text.parse().ok()).flatten();
    number.ok_or_else(|| fault(field, "not a number of at most 3 digits"))
}

fn upper(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn extend<const N: usize>(read: &mut Observation, values: [(&str, Option<&str>); N]) {
    for (name, value) in values {
        if let Some(value) = value {
            read.extra.insert(name.to_owned(), value.to_owned());
        }
    }
}
