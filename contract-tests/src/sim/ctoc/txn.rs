//! Transactions and corrections, field by field.

use jiff::{Timestamp, civil::DateTime, tz};

use crate::sim::TAG_CANARY;
use crate::town::{Passage, TOWN_OFFSET_HOURS};

/// One transaction. Every field can be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Txn {
    /// `TRAN #`.
    pub number: u64,
    /// When the vehicle left.
    pub at: Timestamp,
    /// The local form of the time, where it is another.
    pub local: Option<String>,
    /// State of the plate, two letters.
    pub state: String,
    /// The plate, or nothing.
    pub plate: String,
    /// The plaza.
    pub plaza: String,
    /// The lane.
    pub lane: String,
    /// `LP TYPE`.
    pub plate_type: String,
    /// The toll.
    pub cents: u64,
    /// The transponder of the original of a correction: always personal.
    pub tag: Option<&'static str>,
}

/// What was, and what is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    /// When it was corrected.
    pub at: Timestamp,
    /// `C`, `I`, `L`, `T` or blank.
    pub reason: char,
    /// `R`, `I` or blank.
    pub resubmission: char,
    /// Rises with every correction of a transaction.
    pub count: u32,
    /// What was.
    pub original: Txn,
    /// What is right.
    pub corrected: Txn,
}

impl Txn {
    /// The transaction of a passage; `None` without a plate and its state, which this form must have.
    #[must_use]
    pub fn of(passage: &Passage) -> Option<Self> {
        Some(Self {
            number: passage.id,
            at: passage.at,
            local: None,
            state: passage.state?.code().to_owned(),
            plate: passage.text.clone()?,
            plaza: passage.site.code.clone(),
            lane: format!("{:02}", passage.lane),
            plate_type: String::new(),
            cents: 275,
            tag: None,
        })
    }

    /// The same passage, paid by transponder and with no plate read.
    #[must_use]
    pub fn by_tag(mut self) -> Self {
        self.tag = Some(TAG_CANARY);
        (self.plate, self.state) = (String::new(), String::new());
        self
    }

    fn local(&self) -> String {
        self.local.clone().unwrap_or_else(|| local(self.at))
    }

    fn amount(&self) -> String {
        format!("{:05}.{:02}", self.cents / 100, self.cents % 100)
    }

    /// The line of a transaction by plate: 16 fields.
    #[must_use]
    pub fn line(&self) -> String {
        [
            format!("{:>10}", self.plate),
            format!("{:010}", self.number),
            self.state.clone(),
            self.amount(),
            " ".repeat(25),
            " ".repeat(22),
            "00".to_owned(),
            self.local(),
            format!("{:>22}", self.plaza),
            self.lane.clone(),
            "02".to_owned(),
            "1".to_owned(),
            format!("{:>30}", self.plate_type),
            "00000.00".to_owned(),
            "0".to_owned(),
            "0".to_owned(),
        ]
        .join(",")
    }

    /// The 18 fields of one side of a correction.
    fn side(&self) -> String {
        [
            format!("{:>10}", self.tag.unwrap_or_default()),
            format!("{:>10}", self.plate),
            format!("{:>2}", self.state),
            format!("{:010}", self.number),
            self.amount(),
            " ".repeat(25),
            " ".repeat(22),
            "00".to_owned(),
            self.local(),
            format!("{:>22}", self.plaza),
            self.lane.clone(),
            "02".to_owned(),
            "0".to_owned(),
            "0".to_owned(),
            "1".to_owned(),
            format!("{:>30}", self.plate_type),
            "00000.00".to_owned(),
            "0".to_owned(),
        ]
        .join(",")
    }
}

impl Correction {
    /// The first correction of a transaction, an hour after it.
    #[must_use]
    pub fn of(txn: &Txn, change: impl FnOnce(&mut Txn)) -> Self {
        let mut corrected = txn.clone();
        change(&mut corrected);
        Self {
            at: txn.at + jiff::SignedDuration::from_hours(1),
            reason: 'L',
            resubmission: ' ',
            count: 1,
            original: txn.clone(),
            corrected,
        }
    }

    /// The line: 42 fields.
    #[must_use]
    pub fn line(&self) -> String {
        let (at, count) = (local(self.at), self.count);
        let (reason, resubmission) = (self.reason, self.resubmission);
        let (original, corrected) = (self.original.side(), self.corrected.side());
        format!("{at},{reason},{resubmission},{count:03},000,000007,{original},{corrected}")
    }
}

/// The time by the clocks of the town.
pub(super) fn by_the_clock(at: Timestamp) -> DateTime {
    tz::offset(TOWN_OFFSET_HOURS).to_datetime(at)
}

/// The same, with the offset.
pub(super) fn local(at: Timestamp) -> String {
    let local = at.display_with_offset(tz::offset(TOWN_OFFSET_HOURS));
    format!("{local:.0}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::small_town;
    use crate::town::Family;

    #[test]
    fn every_line_has_the_fields_of_its_type() {
        let town = small_town();
        for txn in town.passages(Family::Toll).filter_map(Txn::of) {
            let line = txn.line();
            assert_eq!(line.split(',').count(), 16, "{line}");
            assert_eq!(line.split(',').next().map(str::len), Some(10), "{line}");
            let line = Correction::of(&txn, |txn| txn.cents = 100).line();
            assert_eq!(line.split(',').count(), 42, "{line}");
            let side = txn.by_tag().side();
            assert_eq!(side.split(',').count(), 18, "{side}");
        }
    }
}
