//! Entries as events of Cloud Auditing Data Federation (CADF, DMTF DSP0262 1.0), and back without loss.
//!
//! Every event has the mandatory parts: `typeURI`, `id`, `eventType`, `eventTime`, `action`, `outcome`, `initiator`, `target` and
//! `observer`. What CADF has no place for is the content of one attachment of type [`ATTACHMENT`], under the names of the ledger; so
//! are sealed values. A sealed subject is known by its tag: the `id` of the initiator.

use serde_json::{Value, json};

use super::audit::{self, Is, Move, get, text};
use crate::ledger::{AdminAction, Body, DeliveryEnd, Entry, EntryError, Kind, Verdict};

/// Type of the attachment that holds the rest of an entry.
pub const ATTACHMENT: &str = "urn:turnpike:ledger:entry";

const EVENT: &str = "http://schemas.dmtf.org/cloud/audit/1.0/event";

const HEADER: &[Move] = &[moved(&["at"], &["eventTime"])];

const ASKING: &[Move] = &[
    moved(&["body", "subject"], &["initiator", "name"]),
    moved(&["body", "organisation"], &["initiator", "domain"]),
    moved(&["body", "reason"], &["reason", "reasonCode"]),
    moved(&["body", "purpose"], &["reason", "reasonType"]),
    moved(&["body", "source"], &["target", "name"]),
];

const DECISION: &[Move] = &[
    moved(&["body", "source"], &["target", "name"]),
    moved(&["body", "agreement"], &["reason", "policyId"]),
];

const PART: &[Move] = &[
    moved(&["body", "source"], &["target", "name"]),
    moved(&["body", "outcome"], &["reason", "reasonCode"]),
];

const INGEST: &[Move] = &[
    moved(&["body", "source"], &["target", "name"]),
    moved(&["body", "refused"], &["reason", "reasonCode"]),
];

const OUTCOME: &[Move] = &[moved(&["body", "completeness"], &["reason", "reasonCode"])];

const INTERRUPTED: &[Move] = &[moved(&["body", "reason"], &["reason", "reasonCode"])];

const ADMIN: &[Move] = &[
    moved(&["body", "by"], &["initiator", "name"]),
    moved(&["body", "action"], &["reason", "reasonCode"]),
];

const fn moved(from: &'static [&'static str], to: &'static [&'static str]) -> Move {
    Move {
        from,
        to,
        is: Is::Text,
    }
}

/// The event that says what `entry` says. Deterministic.
///
/// # Errors
/// `entry` is not complete.
pub fn event(entry: &Entry) -> Result<Value, EntryError> {
    let mut rest = audit::to_value(entry)?;
    let person = get(&rest, &["body", "subject"]).or(get(&rest, &["body", "by"]));
    let initiator = person.and_then(|person| person.as_str().or(text(person, &["tag"])));
    let source = text(&rest, &["body", "source"]);
    let mut event = json!({
        "typeURI": EVENT,
        "id": format!("turnpike:{}:{}", entry.index, entry.nonce.expose()),
        "eventType": if entry.body.kind() == Kind::Decision { "control" } else { "activity" },
        "action": action(&entry.body),
        "outcome": outcome(&entry.body),
        "initiator": {
            "id": initiator.unwrap_or("turnpike"),
            "typeURI": if initiator.is_some() { "data/security/account/user" } else { "service" },
        },
        "target": { "id": source.unwrap_or("turnpike"), "typeURI": "service/database" },
        "observer": { "id": "turnpike", "typeURI": "service/security" },
    });
    audit::take_over(moves(entry.body.kind()), &mut rest, &mut event);
    let attachment = json!([{ "typeURI": ATTACHMENT, "name": "entry", "content": rest }]);
    audit::put(&mut event, &["attachments"], attachment);
    Ok(event)
}

/// The entry that [`event`] was made of.
///
/// # Errors
/// [`EntryError`] when the event was not made by [`event`], or was altered in what the entry needs.
pub fn entry(mut event: Value) -> Result<Entry, EntryError> {
    let attachments = event.get_mut("attachments").and_then(Value::as_array_mut);
    let ours = attachments.and_then(|all| {
        let mut ours = all.iter_mut();
        ours.find(|attachment| text(attachment, &["typeURI"]) == Some(ATTACHMENT))
    });
    let content = ours.and_then(|attachment| attachment.get_mut("content"));
    let mut entry = content.map(Value::take).ok_or(EntryError::Malformed)?;
    let kind = audit::kind(entry.get("kind"))?;
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
        Kind::Delivery => &[],
        Kind::Admin => ADMIN,
    };
    HEADER.iter().chain(body)
}

/// Of the taxonomy of actions.
fn action(body: &Body) -> &'static str {
    match body {
        Body::Intent(_) | Body::OutcomePart(_) | Body::Outcome(_) | Body::Interrupted(_) => "read",
        Body::DryRun(_) => "evaluate",
        Body::Decision(decision) if decision.verdict == Verdict::Permit => "allow",
        Body::Decision(_) | Body::Refused(_) => "deny",
        Body::Ingest(_) => "receive",
        Body::Delivery(_) => "send",
        Body::Admin(admin) => match admin.action {
            AdminAction::Start => "start",
            AdminAction::Stop => "stop",
            AdminAction::SignIn | AdminAction::SignInRefused => "authenticate/login",
            AdminAction::SignOut => "revoke",
            AdminAction::LedgerRead | AdminAction::Export | AdminAction::Report => "read",
            AdminAction::Notice | AdminAction::Alarm => "notify",
            AdminAction::SourceCheck | AdminAction::Review | AdminAction::Finding => "evaluate",
            AdminAction::Seal | AdminAction::Erasure => "delete",
            _ => "update",
        },
    }
}

/// Of the taxonomy of outcomes.
fn outcome(body: &Body) -> &'static str {
    match body {
        Body::Intent(_) => "pending",
        Body::Decision(decision) if decision.verdict == Verdict::Refuse => "failure",
        Body::Refused(_) | Body::Interrupted(_) => "failure",
        Body::OutcomePart(part) if !matches!(&*part.outcome, "answered" | "empty") => "failure",
        Body::Ingest(ingest) if ingest.refused.is_some() => "failure",
        Body::Delivery(delivery) if delivery.end == DeliveryEnd::Aborted => "failure",
        Body::Admin(admin) if admin.action == AdminAction::SignInRefused => "failure",
        _ => "success",
    }
}
