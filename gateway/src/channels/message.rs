//! A delivery as it is sent: what may be shown now, and no more.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Delivery, Seen, What};
use crate::{
    notify::event::{Event, EventKind},
    watch::{self, Told},
};

/// The event of a delivery. `shown` is what its owner is shown, where that is still there.
pub(super) fn event(delivery: &Delivery, shown: Option<&Told>, source: &str) -> Event {
    let (kind, subject, time, data) = match &delivery.what {
        What::One(seen) => (
            kind(seen.kind),
            Some(seen.hit.to_string()),
            seen.at,
            one(seen, shown),
        ),
        What::Digest { first, last, count } => (
            EventKind::Digest,
            None,
            last.at,
            json!({ "kind": "digest", "count": count, "first": brief(first), "last": brief(last) }),
        ),
        What::Test { at } | What::Confirm { at } => {
            (EventKind::Test, None, *at, json!({ "kind": "test" }))
        }
    };
    Event {
        id: delivery.event.clone(),
        kind,
        source: source.to_owned(),
        subject,
        time,
        data,
    }
}

/// Whose place in the outbox holds what is shown, while it may be.
pub(super) fn shown_at(delivery: &Delivery, now: Timestamp) -> Option<u64> {
    match &delivery.what {
        What::One(seen) if seen.keep_until > now => Some(seen.seq),
        _ => None,
    }
}

fn kind(kind: watch::EventKind) -> EventKind {
    match kind {
        watch::EventKind::Hit => EventKind::Hit,
        watch::EventKind::Amended => EventKind::Amended,
        watch::EventKind::Reviewed => EventKind::Reviewed,
        watch::EventKind::Escalated => EventKind::Escalated,
    }
}

fn one(seen: &Seen, shown: Option<&Told>) -> Value {
    let notice = shown.and_then(|shown| serde_json::from_slice::<Value>(shown.expose()).ok());
    let mut data = json!({
        "kind": seen.kind,
        "hit": seen.hit,
        "standing": seen.standing,
        "state": seen.state,
        "at": seen.at,
    });
    if let (Some(members), Some(notice)) = (data.as_object_mut(), notice) {
        members.insert("notice".to_owned(), notice);
    }
    data
}

fn brief(seen: &Seen) -> Value {
    json!({ "seq": seen.seq, "hit": seen.hit, "at": seen.at })
}
