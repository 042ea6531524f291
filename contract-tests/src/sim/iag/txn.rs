//! Transactions, built field by field.

use jiff::{Timestamp, tz};

use super::AWAY;
use crate::sim::TAG_CANARY;
use crate::town::{Passage, TOWN_OFFSET_HOURS};

/// One transaction. Every field can be changed before [`Txn::line`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Txn {
    /// `ETC_TRX_SERIAL_NUM`.
    pub serial: u64,
    /// When the vehicle left.
    pub at: Timestamp,
    /// The local form of the time, where it is another.
    pub local: Option<String>,
    /// State of the plate, two letters.
    pub state: Option<String>,
    /// The plate.
    pub plate: Option<String>,
    /// The plaza.
    pub plaza: String,
    /// The lane.
    pub lane: String,
    /// The transponder: always personal.
    pub tag: Option<String>,
    /// The toll.
    pub cents: u32,
    /// Entered through a plaza an hour before.
    pub closed: bool,
}

impl Txn {
    /// The transaction of a passage whose plate was read.
    #[must_use]
    pub fn of(passage: &Passage) -> Self {
        Self {
            serial: passage.id,
            at: passage.at,
            local: None,
            state: passage.state.map(|state| state.code().to_owned()),
            plate: passage.text.clone(),
            plaza: passage.site.code.clone(),
            lane: format!("{:02}", passage.lane),
            tag: None,
            cents: 275,
            closed: false,
        }
    }

    /// The same passage with a transponder as well.
    #[must_use]
    pub fn with_tag(mut self) -> Self {
        self.tag = Some(TAG_CANARY.to_owned());
        self
    }

    /// The same passage, of which no plate was read.
    #[must_use]
    pub fn without_plate(mut self) -> Self {
        (self.plate, self.state) = (None, None);
        self
    }

    /// The line: 201 characters.
    #[must_use]
    pub fn line(&self) -> String {
        let local = self.local.clone().unwrap_or_else(|| local(self.at));
        let stars = |count| "*".repeat(count);
        let padded = |text: &Option<String>, width: usize| match text {
            Some(text) => format!("{text:<width$}"),
            None => stars(width),
        };
        let (kind, entry) = if self.closed {
            let entry = format!("{}{:<15}{:<3}", local, "BW01", "02");
            ("C", entry)
        } else {
            ("B", stars(43))
        };
        [
            format!("{:020}", self.serial),
            self.at.strftime("%Y%m%d").to_string(),
            AWAY.to_owned(),
            kind.to_owned(),
            entry,
            AWAY.to_owned(),
            self.tag.clone().unwrap_or_else(|| "0".repeat(10)),
            "*****E*".to_owned(),
            padded(&self.state, 2),
            padded(&self.plate, 10),
            stars(30),
            format!("{:<3}", 2),
            "02".to_owned(),
            "038".to_owned(),
            "N".to_owned(),
            local,
            format!("{:<15}", self.plaza),
            format!("{:<3}", self.lane),
            " ".to_owned(),
            format!("{:09}", self.cents),
        ]
        .concat()
    }
}

/// The time by the clocks of the town, with their offset.
fn local(at: Timestamp) -> String {
    let local = at.display_with_offset(tz::offset(TOWN_OFFSET_HOURS));
    format!("{local:.0}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::small_town;
    use crate::town::Family;

    #[test]
    fn every_line_has_201_characters_and_its_fields_where_they_belong() {
        let town = small_town();
        for passage in town.passages(Family::Toll) {
            let txn = Txn::of(passage);
            for txn in [
                txn.clone(),
                txn.clone().with_tag(),
                txn.clone().without_plate(),
                Txn {
                    closed: true,
                    ..txn
                },
            ] {
                let line = txn.line();
                assert_eq!(line.len(), 201, "{line}");
                let plaza = line.get(173..188).unwrap();
                assert_eq!(plaza.trim_end(), txn.plaza);
                let plate = line.get(99..109).unwrap();
                match &txn.plate {
                    Some(text) => assert_eq!(plate.trim_end(), text),
                    None => assert_eq!(plate, "**********"),
                }
            }
        }
    }
}
