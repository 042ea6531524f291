//! One decision per source. Today the native evaluator alone; a second engine joins here, and both must permit.

use jiff::Timestamp;
use turnpike_schemas::{
    agreement::{Action, Agreement, DecisionRecord, ImagePermit, Permit, Refusal, Requester},
    query::Query,
};

/// Decides one question under one agreement, and gives the record of it for the ledger and for explanations.
pub fn decide(
    agreement: &Agreement,
    requester: &Requester,
    query: &Query,
    now: Timestamp,
) -> (Result<Permit, Refusal>, DecisionRecord) {
    let decision = agreement.permit(requester, query, now);
    let record = agreement.decision_record(Action::Query, now, decision.as_ref());
    (decision, record)
}

/// Decides the fetch of an image under one agreement.
///
/// # Errors
/// The refusal.
pub fn decide_image(
    agreement: &Agreement,
    requester: &Requester,
    query: &Query,
    now: Timestamp,
) -> Result<ImagePermit, Refusal> {
    agreement.image_permit(requester, query, now)
}
