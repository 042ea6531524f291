//! Entries as events of the Open Cybersecurity Schema Framework (OCSF), version 1.3, and back without loss.
//!
//! Questions, decisions, answers and intake are *Datastore Activity* (6005), sign-ins *Authentication* (3002), changes of
//! accounts *Account Change* (3001), start and stop *Application Lifecycle* (6002), everything else done to the gateway *API
//! Activity* (6003). What OCSF has no attribute for is in `unmapped`, under the names of the ledger; so are sealed values, because OCSF
//! wants texts in their places. A sealed subject is named by its tag in `actor.user.uid`.

use serde_json::{Value, json};

use super::audit::{self, Is, Move, get, put, text};
use crate::ledger::{AdminAction, Body, DeliveryEnd, Entry, EntryError, Kind, Verdict};

/// The version of OCSF the events are of.
pub const VERSION: &str = "1.3.0";

const HEADER: &[Move] = &[
    moved(&["at"], &["metadata", "original_time"], Is::Text),
    moved(&["index"], &["metadata", "sequence"], Is::Number),
    moved(&["question"], &["metadata", "correlation_uid"], Is::Text),
    moved(&["kind"], &["metadata", "event_code"], Is::Text),
];

const ASKING: &[Move] = &[
    moved(&["body", "subject"], &["actor", "user", "name"], Is::Text),
    moved(
        &["body", "organisation"],
        &["actor", "user", "org", "uid"],
        Is::Text,
    ),
    moved(
        &["body", "plate"],
        &["query_info", "query_string"],
        Is::Text,
    ),
    moved(&["body", "purpose"], &["query_info", "name"], Is::Text),
    moved(&["body", "reason"], &["status_code"], Is::Text),
    moved(&["body", "detail"], &["status_detail"], Is::Text),
    moved(&["body", "source"], &["database", "name"], Is::Text),
];

const DECISION: &[Move] = &[
    moved(&["body", "source"], &["database", "name"], Is::Text),
    moved(&["body", "verdict"], &["status_detail"], Is::Text),
];

const PART: &[Move] = &[
    moved(&["body", "source"], &["database", "name"], Is::Text),
    moved(&["body", "outcome"], &["status_detail"], Is::Text),
];

const INGEST: &[Move] = &[
    moved(&["body", "source"], &["database", "name"], Is::Text),
    moved(&["body", "refused"], &["status_detail"], Is::Text),
];

const OUTCOME: &[Move] = &[moved(
    &["body", "completeness"],
    &["status_detail"],
    Is::Text,
)];

const INTERRUPTED: &[Move] = &[moved(&["body", "reason"], &["status_code"], Is::Text)];

const DELIVERY: &[Move] = &[
    moved(&["body", "end"], &["status_detail"], Is::Text),
    moved(&["body", "bytes"], &["traffic", "bytes_out"], Is::Number),
];

const ADMIN: &[Move] = &[
    moved(&["body", "by"], &["actor", "user", "name"], Is::Text),
    moved(&["body", "action"], &["api", "operation"], Is::Text),
];

/// Class and activity, with the category of the class.
struct Class {
    uid: u32,
    activity: u32,
}

const fn moved(from: &'static [&'static str], to: &'static [&'static str], is: Is) -> Move {
    Move { from, to, is }
}

/// The event that says what `entry` says. Deterministic.
///
/// # Errors
/// `entry` is not complete.
pub fn event(entry: &Entry) -> Result<Value, EntryError> {
    let mut rest = audit::to_value(entry)?;
    let class = class(&entry.body);
    let category = class.uid / 1_000;
    let mut event = json!({
        "activity_id": class.activity,
        "category_uid": category,
        "class_uid": class.uid,
        "type_uid": class.uid * 100 + class.activity,
        "severity_id": severity(&entry.body),
        "status_id": status(&entry.body),
        "time": entry.at.as_millisecond(),
        "actor": { "app_name": "turnpike" },
        "metadata": { "version": VERSION, "product": { "name": "turnpike", "vendor_name": "turnpike" } },
        "src_endpoint": { "name": "turnpike" },
    });
    if class.uid == 6005 {
        put(
            &mut event,
            &["database"],
            json!({ "type_id": 99, "uid": "turnpike-sources" }),
        );
    }
    let person = get(&rest, &["body", "subject"]).or(get(&rest, &["body", "by"]));
    if let Some(tag) = person.and_then(|person| text(person, &["tag"])) {
        let tag = tag.into();
        put(&mut event, &["actor", "user", "uid"], tag);
    }
    audit::take_over(moves(entry.body.kind()), &mut rest, &mut event);
    put(&mut event, &["unmapped"], rest);
    Ok(event)
}

/// The entry that [`event`] was made of.
///
/// # Errors
/// [`EntryError`] when the event was not made by [`event`], or was altered in what the entry needs.
pub fn entry(mut event: Value) -> Result<Entry, EntryError> {
    let kind = audit::kind(get(&event, &["metadata", "event_code"]))?;
    let mut entry = event
        .get_mut("unmapped")
        .map(Value::take)
        .ok_or(EntryError::Malformed)?;
    audit::give_back(moves(kind), &mut event, &mut entry);
    audit::from_value(&entry)
}

/// Within one kind no two fields go to one place.
fn moves(kind: Kind) -> impl Iterator<Item = &'static Move> {
    let body = match kind {
        Kind::Intent | Kind::DryRun | Kind::Refused => ASKING,
        Kind::Decision => DECISION,
        Kind::OutcomePart => PART,
        Kind::Ingest => INGEST,
        Kind::Outcome => OUTCOME,
        Kind::Interrupted => INTERRUPTED,
        Kind::Delivery => DELIVERY,
        Kind::Admin => ADMIN,
    };
    HEADER.iter().chain(body)
}

fn class(body: &Body) -> Class {
    let of = |uid, activity| Class { uid, activity };
    let (query, read, write, other) = (4, 1, 5, 99);
    match body {
        Body::Admin(admin) => match admin.action {
            AdminAction::SignIn | AdminAction::SignInRefused => of(3002, 1),
            AdminAction::SignOut => of(3002, 2),
            AdminAction::AccountChange => of(3001, other),
            AdminAction::Start => of(6002, 3),
            AdminAction::Stop => of(6002, 4),
            AdminAction::LedgerRead | AdminAction::Export => of(6005, read),
            _ => of(6003, other),
        },
        Body::Ingest(_) => of(6005, write),
        Body::Delivery(_) => of(6005, read),
        _ => of(6005, query),
    }
}

/// 1 success, 2 failure, 0 unknown as yet.
fn status(body: &Body) -> u32 {
    match body {
        Body::Intent(_) | Body::DryRun(_) => 0,
        Body::Decision(decision) if decision.verdict == Verdict::Refuse => 2,
        Body::Refused(_) | Body::Interrupted(_) => 2,
        Body::Delivery(delivery) if delivery.end == DeliveryEnd::Aborted => 2,
        Body::Ingest(ingest) if ingest.refused.is_some() => 2,
        Body::OutcomePart(part) if !matches!(&*part.outcome, "answered" | "empty") => 2,
        Body::Admin(admin) if admin.action == AdminAction::SignInRefused => 2,
        _ => 1,
    }
}

/// 1 informational, 2 low, 4 high.
fn severity(body: &Body) -> u32 {
    match body {
        Body::Admin(admin) if admin.action == AdminAction::Alarm => 4,
        Body::Refused(_) | Body::Interrupted(_) => 2,
        _ => 1,
    }
}
