//! A simulated engine that reads video and posts what it sees to a webhook, as JSON alone or in a form with pictures.
//!
//! Built from the vendor's public types: the flat layout of older versions and the nested one of newer ones.

pub(super) mod bench;
mod frame;
#[cfg(test)]
mod tests;
mod wrong;

use std::io;

use http::header;

pub use self::frame::{Frame, Layout, Seen, other_event};
pub use self::wrong::Wrong;
use super::form::{self, Part, Writing};
use super::{JPEG, server};

/// An engine that posts.
#[derive(Debug)]
pub struct Engine {
    client: reqwest::Client,
    target: String,
    authorization: String,
    /// Whether pictures are sent, and so a form.
    pub pictures: bool,
}

impl Engine {
    /// An engine that knows where to post, and its `Authorization` as configured (`webhook_header`).
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(target: &str, authorization: &str) -> io::Result<Self> {
        Ok(Self {
            client: server::client()?,
            target: target.to_owned(),
            authorization: authorization.to_owned(),
            pictures: true,
        })
    }

    /// Posts a frame until a 2xx, at most `tries` times; the statuses it got. 0 stands for no answer.
    pub async fn post(&self, frame: &Frame, tries: u32) -> Vec<u16> {
        let json = frame.json().to_string();
        let (content_type, body) = if self.pictures {
            (form::content_type(), with_pictures(&json))
        } else {
            ("application/json".to_owned(), json.into_bytes())
        };
        let mut statuses = Vec::new();
        for _ in 0..tries {
            let request = self.client.post(&self.target);
            let request = request
                .header(header::AUTHORIZATION, &self.authorization)
                .header(header::CONTENT_TYPE, &content_type)
                .body(body.clone());
            let status = request
                .send()
                .await
                .map_or(0, |answer| answer.status().as_u16());
            statuses.push(status);
            if (200..300).contains(&status) {
                break;
            }
        }
        statuses
    }
}

/// The form of a message and its pictures.
#[must_use]
pub fn with_pictures(json: &str) -> Vec<u8> {
    form::write(&[field(json), picture(), picture()], Writing::default())
}

fn field(json: &str) -> Part {
    Part::new("name=\"json\"", None, json)
}

fn picture() -> Part {
    let disposition = "name=\"upload\"; filename=\"x.jpg\"";
    Part::new(disposition, Some("image/jpeg"), JPEG)
}
