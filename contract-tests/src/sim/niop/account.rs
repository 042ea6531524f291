//! Records that are no reads: money and account data.

use jiff::Timestamp;

use super::record::utc;
use super::xml::Element;
use super::{AWAY, HOME};
use crate::sim::{CANARY, TAG_CANARY};

pub(super) fn reconciliation(at: Timestamp) -> Element {
    Element::group(
        "ReconciliationRecord",
        vec![
            Element::text("TxnReferenceID", "90100000000000004711"),
            Element::text("AdjustmentCount", "0"),
            Element::text("ResubmitCount", "0"),
            Element::text("ReconHomeAgencyID", HOME),
            Element::text("PostingDisposition", "P"),
            Element::text("PostedAmount", "275"),
            Element::text("PostedDateTime", utc(at)),
        ],
    )
}

pub(super) fn tag_details(at: Timestamp) -> Element {
    let plate = Element::group(
        "TVLPlateDetails",
        vec![
            Element::text("PlateCountry", "US"),
            Element::text("PlateState", "OH"),
            Element::text("PlateNumber", "TPK0421"),
            Element::text("PlateEffectiveFrom", utc(at)),
        ],
    );
    let account = Element::group(
        "TVLAccountDetails",
        vec![
            Element::text("AccountNumber", CANARY),
            Element::text("FleetIndicator", "N"),
        ],
    );
    Element::group(
        "TVLTagDetails",
        vec![
            Element::text("HomeAgencyID", HOME),
            Element::text("TagAgencyID", AWAY),
            Element::text("TagSerialNumber", TAG_CANARY),
            Element::text("TagStatus", "V"),
            plate,
            account,
        ],
    )
}
