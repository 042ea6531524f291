//! What a person is told of a delivery before they look: that there is something to look at, and no more.

use jiff::Timestamp;
use turnpike_schemas::hit::{CONFIRM, HitState, Standing};

use super::{Seen, What};
use crate::watch::EventKind;

/// A title and one sentence, for a screen that anybody may see.
pub(super) fn short(what: &What) -> (String, String) {
    let both = |title: &str, body: &str| (title.to_owned(), body.to_owned());
    match what {
        What::One(seen) => match seen.kind {
            EventKind::Hit => both("Possible match", CONFIRM),
            EventKind::Escalated => both(
                "Possible match that nobody has seen",
                "Its owner has not seen it. Confirm plate, issuer and vehicle against the image before acting.",
            ),
            EventKind::Amended => amended(seen),
            EventKind::Reviewed => (
                format!("A possible match was looked at: {}", finding(seen.state)),
                "Somebody has looked at it and said what they found.".to_owned(),
            ),
        },
        What::Digest { count: 1, .. } => both("1 event on your alert lists", TOGETHER),
        What::Digest { count, .. } => (
            format!("{count} events on your alert lists"),
            TOGETHER.to_owned(),
        ),
        What::Test { .. } => both("Test", "This is a test. Nothing happened."),
        What::Confirm { .. } => both(
            "Confirm this address",
            "Somebody wants to be told of possible matches here.",
        ),
    }
}

const TOGETHER: &str = "Possible matches and what became of them, told together. Each is a lead: confirm it before acting.";

fn amended(seen: &Seen) -> (String, String) {
    let (title, body) = match seen.standing {
        Standing::Stands => (
            "A possible match stands again",
            "Its source says again what made it. Confirm plate, issuer and vehicle against the image before acting.",
        ),
        Standing::Corrected => (
            "Do not act: a possible match was corrected",
            "Its source corrected what made it: it matches nothing you look for any more.",
        ),
        Standing::Withdrawn => (
            "Do not act: a possible match was withdrawn",
            "Its source withdrew what made it.",
        ),
    };
    (title.to_owned(), body.to_owned())
}

/// What a person found, in words.
pub(super) fn finding(state: HitState) -> &'static str {
    match state {
        HitState::Unconfirmed => "not confirmed",
        HitState::Confirmed => "confirmed",
        HitState::WrongPlate => "wrong plate",
        HitState::WrongJurisdiction => "wrong issuer",
        HitState::Stale => "no longer wanted",
        HitState::Other => "something else",
    }
}

pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
