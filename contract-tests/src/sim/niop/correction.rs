//! Correction records.

use jiff::{SignedDuration, Timestamp};

use super::record::{Txn, utc};
use super::xml::Element;

/// One correction of a SCORR file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    /// The whole record again, in its new state.
    pub txn: Txn,
    /// When it was corrected.
    pub at: Timestamp,
    /// `C`, `I`, `L`, `T` or `O`.
    pub reason: char,
    /// Rises with every correction of a transaction.
    pub sequence: u32,
    /// Rises with every resubmission; above 0 the record says why it was resubmitted.
    pub resubmit_count: u32,
}

impl Correction {
    /// The first correction of a transaction, an hour after it: the plate is now `plate`.
    #[must_use]
    pub fn of_plate(txn: &Txn, plate: &str) -> Self {
        Self {
            txn: txn
                .clone()
                .with_plate(|info| plate.clone_into(&mut info.number)),
            at: txn.exit.at + SignedDuration::from_hours(1),
            reason: 'L',
            sequence: 1,
            resubmit_count: 0,
        }
    }

    /// The same transaction sent once more, unchanged.
    #[must_use]
    pub fn resubmission(txn: &Txn) -> Self {
        Self {
            txn: txn.clone(),
            at: txn.exit.at + SignedDuration::from_hours(2),
            reason: 'C',
            sequence: 0,
            resubmit_count: 1,
        }
    }

    /// The record as XML.
    #[must_use]
    pub fn element(&self) -> Element {
        let mut fields = vec![
            Element::text("RecordType", format!("{}A", self.txn.record_type)),
            Element::text("CorrectionDateTime", utc(self.at)),
            Element::text("CorrectionReason", self.reason),
        ];
        if self.reason == 'O' {
            fields.push(Element::text("CorrectionOtherDesc", "OTHER"));
        }
        if self.resubmit_count > 0 {
            fields.push(Element::text("ResubmitReason", "R"));
        }
        fields.push(Element::text("CorrectionSeqNo", self.sequence.to_string()));
        fields.push(Element::text(
            "ResubmitCount",
            self.resubmit_count.to_string(),
        ));
        fields.push(Element::group(
            "OriginalTransactionDetail",
            self.txn.fields(),
        ));
        Element::group("CorrectionRecord", fields)
    }
}
