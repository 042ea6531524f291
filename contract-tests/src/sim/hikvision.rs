//! A simulated camera of the ISAPI family: it posts each event until it gets a 2xx, and streams its events to whoever
//! listens.
//!
//! Built from the vendor's description of `EventNotificationAlert`: XML alone when pictures are off, else first in a form
//! with pictures; on the stream, parts of an endless answer with a heartbeat between them.

pub(super) mod bench;
mod event;
mod stream;
#[cfg(test)]
mod tests;
mod wrong;

use std::io;

use http::header;

pub use self::event::{Event, Namespace, end_of_event, heartbeat};
pub use self::stream::{AlertStream, Item, STREAM_PATH};
pub use self::wrong::Wrong;
use super::form::{self, Part, Writing};
use super::{JPEG, server};

/// The content type of a document.
pub const XML: &str = "application/xml; charset=\"UTF-8\"";

/// A camera that posts to a listening host.
#[derive(Debug)]
pub struct Camera {
    client: reqwest::Client,
    target: String,
    password: String,
    /// Whether pictures are sent, and so a form.
    pub pictures: bool,
}

impl Camera {
    /// A camera that knows where to post and proves itself by Basic.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(target: &str, password: &str) -> io::Result<Self> {
        Ok(Self {
            client: server::client()?,
            target: target.to_owned(),
            password: password.to_owned(),
            pictures: true,
        })
    }

    /// Posts an event until a 2xx, at most `tries` times; the statuses it got. 0 stands for no answer.
    pub async fn post(&self, event: &Event, tries: u32) -> Vec<u16> {
        let mut statuses = Vec::new();
        for count in 1..=tries {
            let event = Event {
                post_count: count,
                ..event.clone()
            };
            let (content_type, body) = if self.pictures {
                (form::content_type(), with_pictures(&event.xml()))
            } else {
                (XML.to_owned(), event.xml().into_bytes())
            };
            let request = self.client.post(&self.target);
            let request = request
                .basic_auth("camera", Some(&self.password))
                .header(header::CONTENT_TYPE, content_type)
                .body(body);
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

/// The form of a document and its two pictures.
#[must_use]
pub fn with_pictures(xml: &str) -> Vec<u8> {
    form::write(&parts(xml), Writing::default())
}

fn parts(xml: &str) -> [Part; 3] {
    [
        document(xml),
        picture("licensePlatePicture.jpg", "image/jpeg"),
        picture("detectionPicture.jpg", "image/pjpeg"),
    ]
}

fn document(xml: &str) -> Part {
    let disposition = "name=\"anpr.xml\"; filename=\"anpr.xml\"";
    Part::new(disposition, Some(XML), xml)
}

/// A picture that holds what looks like the beginning of a boundary.
fn picture(name: &str, content_type: &str) -> Part {
    let mut body = JPEG.to_vec();
    body.extend(b"\r\n-----------------------------7e1397131087\r\n--\r\n");
    body.extend(JPEG);
    Part::new(
        &format!("name=\"{name}\"; filename=\"{name}\""),
        Some(content_type),
        body,
    )
}
