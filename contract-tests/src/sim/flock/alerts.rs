//! The alerts that a subscription at the police network posts.

use std::io;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::rows::uuid_of;
use crate::sim::CANARY;
use crate::sim::post::Poster;
use crate::town::{Family, Passage};

/// One alert. Every field can be changed before [`Alert::json`].
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// The read it is about.
    pub object: String,
    /// When.
    pub at: Timestamp,
    /// The device's name.
    pub device: String,
    /// Degrees north and east.
    pub position: Option<(f64, f64)>,
    /// The text and its confidence; `None` when none was read.
    pub label: Option<(String, f64)>,
    /// The state in lower snake case, and its confidence.
    pub state: Option<(&'static str, f64)>,
    /// The lists.
    pub lists: Vec<Value>,
}

impl Alert {
    /// The alert for a passage, as if its plate were on an authority's list; `None` for another family.
    #[must_use]
    pub fn of(passage: &Passage) -> Option<Self> {
        let text = passage.text.clone();
        let state = passage
            .state
            .map(|state| (state.snake_name(), passage.state_confidence()));
        (passage.site.family == Family::Police).then(|| Self {
            object: uuid_of(passage.id),
            at: passage.at,
            device: passage.site.name.clone(),
            position: Some((passage.site.latitude, passage.site.longitude)),
            label: text.map(|text| (text, passage.confidence())),
            state,
            lists: vec![official()],
        })
    }

    /// The same alert because of other lists.
    #[must_use]
    pub fn on(&self, lists: impl IntoIterator<Item = Value>) -> Self {
        Self {
            lists: lists.into_iter().collect(),
            ..self.clone()
        }
    }

    /// The message.
    #[must_use]
    pub fn json(&self) -> Value {
        let (state, sure) = self.state.unzip();
        let ocr = self.label.as_ref().map(|(label, confidence)| {
            json!({
                "label": label, "labelConfidence": confidence,
                "state": state, "stateConfidence": sure,
            })
        });
        let (lat, lon) = self.position.unzip();
        json!({
            "deviceLat": lat,
            "deviceLong": lon,
            "deviceName": self.device,
            "deviceExternalId": uuid_of(0xd),
            "networkName": "Brookdale PD",
            "networkExternalId": uuid_of(0xe),
            "objectId": self.object,
            "eventTime": self.at.to_string(),
            "imageUrl": "https://img.example/1.jpg?sig=x",
            "imageExpiration": "2026-03-04T08:15:30Z",
            "detailsUrl": "https://ui.example/1",
            "ocr": ocr,
            "sources": self.lists,
        })
    }
}

/// An authority's list.
#[must_use]
pub fn official() -> Value {
    json!({"name": "NCIC", "reason": "Stolen Vehicle"})
}

/// An agency's own list, with what its people typed: canaries.
#[must_use]
pub fn own(audience: &str) -> Value {
    json!({
        "name": "Brookdale list", "reason": CANARY, "caseNumber": CANARY, "createdBy": CANARY,
        "customHotlistAudience": audience,
    })
}

/// The subscription's delivery, with an API key in a header. What it does when nobody answers is not documented, so it
/// does nothing.
#[derive(Debug)]
pub struct AlertSubscription {
    poster: Poster,
}

impl AlertSubscription {
    /// Delivers to `callback` with `key` in header `header`.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(callback: &str, header: &str, key: &str) -> io::Result<Self> {
        let poster = Poster::new(callback, Duration::from_secs(10))?;
        Ok(Self {
            poster: poster.with_header(header, key),
        })
    }

    /// Delivers an alert; the status of the answer.
    pub async fn deliver(&self, alert: &Alert) -> Option<u16> {
        let body = alert.json().to_string().into_bytes();
        self.poster.post("application/json", body).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::post::receiver::answering;
    use crate::sim::{lock, small_town};

    #[tokio::test]
    async fn an_alert_is_posted_with_the_key_of_its_subscription() {
        let (receiver, got) = answering(&[204]).await;
        let subscription =
            AlertSubscription::new(&receiver.origin(), "x-alert-key", "a key").unwrap();
        let town = small_town();
        let mut alerts = town.passages(Family::Police).filter_map(Alert::of);
        let alert = alerts.find(|alert| alert.label.is_some()).unwrap();
        assert_eq!(subscription.deliver(&alert).await, Some(204));
        let got = lock(&got);
        let (headers, body) = got.first().unwrap();
        assert_eq!(headers["x-alert-key"], "a key");
        let body: Value = serde_json::from_slice(body).unwrap();
        assert_eq!(
            body["ocr"]["label"].as_str(),
            Some(&*alert.label.unwrap().0)
        );
        assert_eq!(body["sources"][0]["name"], "NCIC");
    }
}
