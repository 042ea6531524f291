//! A simulated toll operator of the west: comma-separated files with a header and a trailer.
//!
//! Lists of customers, transactions by tag and reconciliations can be written too: whoever receives them must refuse them.

mod ack;
pub(super) mod bench;
mod txn;

use jiff::Timestamp;

pub use self::ack::read_ack;
pub use self::txn::{Correction, Txn};
use super::{CANARY, TAG_CANARY};

/// The operator whose plazas saw the vehicles.
pub const SOURCE: &str = "QA";
/// The operator the files are meant for.
pub const DESTINATION: &str = "QB";
/// The revision of the interface.
pub const REVISION: &str = "REV A2.1.1";

/// A file. Every part can be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFile {
    /// The ending of its name.
    pub ending: &'static str,
    /// The type in its header.
    pub kind: &'static str,
    /// When it was made: in the header and in the name.
    pub created: Timestamp,
    /// The records, a line each.
    pub lines: Vec<String>,
    /// What the trailer sums, in cents.
    pub cents: u64,
    /// What the trailer counts, where that is not the number of records.
    pub count: Option<usize>,
    /// The revision in the header.
    pub revision: &'static str,
}

impl DataFile {
    /// A file of transactions by plate.
    #[must_use]
    pub fn transactions<'a>(created: Timestamp, txns: impl IntoIterator<Item = &'a Txn>) -> Self {
        let txns: Vec<&Txn> = txns.into_iter().collect();
        let lines = txns.iter().map(|txn| txn.line()).collect();
        let cents = txns.iter().map(|txn| txn.cents).sum();
        Self::new("pbp", "PAYBYPLATE", created, (lines, cents))
    }

    /// A file of corrections.
    #[must_use]
    pub fn corrections<'a>(
        created: Timestamp,
        corrections: impl IntoIterator<Item = &'a Correction>,
    ) -> Self {
        let corrections: Vec<_> = corrections.into_iter().collect();
        let lines = corrections.iter().map(|one| one.line()).collect();
        let cents = corrections.iter().map(|one| one.corrected.cents).sum();
        Self::new("cor", "CORR", created, (lines, cents))
    }

    /// A list of plates of customers.
    #[must_use]
    pub fn plates(created: Timestamp) -> Self {
        let line = format!("{CANARY},   TPK0421,OH,A,2026-01-01,,N,,1");
        Self::new("plt", "PLATES", created, (vec![line], 0))
    }

    /// A list of tags of customers.
    #[must_use]
    pub fn tags(created: Timestamp) -> Self {
        let line = format!("{TAG_CANARY},{CANARY},V");
        Self::new("tag", "TAGS", created, (vec![line], 0))
    }

    /// Transactions by tag.
    #[must_use]
    pub fn by_tag(created: Timestamp) -> Self {
        let line = format!("{TAG_CANARY},0000004711,00002.75");
        Self::new("tol", "TOLL", created, (vec![line], 275))
    }

    /// What became of the money.
    #[must_use]
    pub fn reconciliation(created: Timestamp) -> Self {
        let line = "   TPK0421,0000004711,00002.75,P".to_owned();
        Self::new("prc", "PLATERECON", created, (vec![line], 275))
    }

    fn new(
        ending: &'static str,
        kind: &'static str,
        created: Timestamp,
        (lines, cents): (Vec<String>, u64),
    ) -> Self {
        Self {
            ending,
            kind,
            created,
            lines,
            cents,
            count: None,
            revision: REVISION,
        }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> String {
        let time = txn::by_the_clock(self.created).strftime("%Y%m%dT%H%M%S");
        let parties = [SOURCE, DESTINATION].concat().to_lowercase();
        format!("{parties}_{time}.{}", self.ending)
    }

    /// The text. Its last line has no end, as nothing follows it.
    #[must_use]
    pub fn text(&self) -> String {
        let day = txn::by_the_clock(self.created).strftime("%Y/%m/%d");
        let created = txn::local(self.created);
        let count = self.count.unwrap_or(self.lines.len());
        let mut lines = vec![format!(
            "#HEADER,{},000042,{day},{SOURCE},{DESTINATION},{created},{}",
            self.kind, self.revision
        )];
        lines.extend(self.lines.iter().cloned());
        lines.push(format!(
            "#TRAILER,000042,{day},{count:06},{:07}.{:02}",
            self.cents / 100,
            self.cents % 100
        ));
        lines.join("\n")
    }
}
