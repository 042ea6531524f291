//! The envelope: CloudEvents 1.0, structured JSON (<https://github.com/cloudevents/spec>).

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// Media type of an event.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// A read may be of a wanted plate.
    Hit,
    /// A source corrected or withdrew what made a hit, or says it again.
    Amended,
    /// A person looked at a hit.
    Reviewed,
    /// A hit that its owner has not seen, for a second person.
    Escalated,
    /// Many hits at once, counted; each of them can still be asked for.
    Digest,
    /// Nothing: whoever set up a receiver wants to know whether it is there.
    Test,
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its identity, the same at every attempt.
    pub id: String,
    /// What happened.
    pub kind: EventKind,
    /// Which gateway says so, as a URI.
    pub source: String,
    /// The hit; nothing for a digest. Names no plate.
    pub subject: Option<String>,
    /// When it happened.
    pub time: Timestamp,
    /// What its owner is told.
    pub data: Value,
}

/// The members of the envelope, in their order.
#[derive(Serialize)]
struct Envelope<'a> {
    specversion: &'static str,
    id: &'a str,
    source: &'a str,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    time: Timestamp,
    datacontenttype: &'static str,
    data: &'a Value,
}

impl EventKind {
    /// The type of the event, reverse-DNS as CloudEvents asks for.
    #[must_use]
    pub fn as_type(self) -> &'static str {
        match self {
            Self::Hit => "org.turnpike.hit.v1",
            Self::Amended => "org.turnpike.hit.amended.v1",
            Self::Reviewed => "org.turnpike.hit.reviewed.v1",
            Self::Escalated => "org.turnpike.hit.escalated.v1",
            Self::Digest => "org.turnpike.hits.digest.v1",
            Self::Test => "org.turnpike.test.v1",
        }
    }
}

impl Event {
    /// The body that is sent and signed. The same event is the same bytes.
    ///
    /// # Errors
    /// What is told cannot be written as JSON.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&Envelope {
            specversion: "1.0",
            id: &self.id,
            source: &self.source,
            r#type: self.kind.as_type(),
            subject: self.subject.as_deref(),
            time: self.time,
            datacontenttype: "application/json",
            data: &self.data,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(kind: EventKind) -> Event {
        Event {
            id: "0f".repeat(16),
            kind,
            source: "https://gateway.invalid/".to_owned(),
            subject: Some("0f".repeat(16)),
            time: "2026-03-04T07:15:30Z".parse().unwrap(),
            data: json!({ "notice": "Possible match" }),
        }
    }

    #[test]
    fn an_event_has_the_members_that_cloudevents_requires() {
        let written = event(EventKind::Hit).to_json().unwrap();
        let body: Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(
            body,
            json!({
                "specversion": "1.0", "id": "0f".repeat(16), "source": "https://gateway.invalid/",
                "type": "org.turnpike.hit.v1", "subject": "0f".repeat(16), "time": "2026-03-04T07:15:30Z",
                "datacontenttype": "application/json", "data": { "notice": "Possible match" },
            })
        );
        assert_eq!(written, event(EventKind::Hit).to_json().unwrap());
    }

    #[test]
    fn each_kind_has_a_type_of_its_own_and_a_digest_has_no_subject() {
        use EventKind::{Amended, Digest, Escalated, Hit, Reviewed, Test};
        let types: std::collections::BTreeSet<&str> =
            [Hit, Amended, Reviewed, Escalated, Digest, Test]
                .map(EventKind::as_type)
                .into();
        assert_eq!(types.len(), 6);
        let digest = Event {
            subject: None,
            ..event(Digest)
        };
        let body: Value = serde_json::from_slice(&digest.to_json().unwrap()).unwrap();
        assert_eq!(body.get("subject"), None);
    }
}
