//! The part of a multipart body that holds the event. Its images are passed over.

use bytes::Bytes;

use crate::{
    adapter::Message,
    multipart::{Fault, Limits, is_multipart, split},
};

/// What is looked at; the engine sends an event and an image.
const LIMITS: Limits = Limits {
    parts: 16,
    header_bytes: 8 * 1024,
};

/// Name of the part that holds the event.
const EVENT: &str = "event";

/// An event in a body that was cut may be another one than the only one.
const CUT: &str = "multipart without its end";

/// The JSON of the event: the part of that name in a multipart body, else the body as it is.
///
/// # Errors
/// The rule that a multipart body broke.
pub(super) fn event(message: &Message) -> Result<Bytes, &'static str> {
    let content_type = message.content_type.as_deref().unwrap_or_default();
    if !is_multipart(content_type) {
        return Ok(message.body.clone());
    }
    let form = split(content_type, &message.body, LIMITS).map_err(Fault::rule)?;
    if !form.complete {
        return Err(CUT);
    }
    let parts = form.parts.into_iter();
    let mut events = parts.filter(|part| part.name().as_deref() == Some(EVENT));
    match (events.next(), events.next()) {
        (Some(event), None) => Ok(event.body),
        (Some(_), Some(_)) => Err("multipart with two parts `event`"),
        (None, _) => Err("multipart without a part `event`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(content_type: &str, body: &str) -> Result<String, &'static str> {
        let message = Message::of(content_type, body.to_owned());
        event(&message).map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
    }

    const GOOD: &str = "--b\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\n\u{1}\r\n-- b\r\n--b\r\n\
                        content-disposition: form-data; filename=\"x\"; name=event\r\nContent-Type: application/json\r\n\r\n{}\r\n--b--";

    #[test]
    fn the_event_is_found_among_the_parts() {
        for content_type in [
            "multipart/form-data; boundary=b",
            "Multipart/Mixed;charset=utf-8; BOUNDARY=\"b\"",
        ] {
            assert_eq!(found(content_type, GOOD), Ok("{}".to_owned()));
            let preamble = format!("some words\r\n{GOOD}\r\nmore words");
            assert_eq!(found(content_type, &preamble), Ok("{}".to_owned()));
        }
    }

    #[test]
    fn another_content_type_is_the_event_itself() {
        for content_type in ["", "application/json", "text/plain; boundary=b"] {
            assert_eq!(found(content_type, "{}"), Ok("{}".to_owned()));
        }
    }

    #[test]
    fn a_broken_multipart_body_is_refused_by_rule() {
        let plain = "multipart/form-data; boundary=b";
        let event = "--b\r\nContent-Disposition: form-data; name=\"event\"\r\n\r\n{}\r\n";
        let long = format!("multipart/form-data; boundary={}", "b".repeat(201));
        for (content_type, body, rule) in [
            ("multipart/form-data", GOOD, "multipart without a boundary"),
            (
                "multipart/form-data; boundary=",
                GOOD,
                "multipart without a boundary",
            ),
            (&long, GOOD, "multipart without a boundary"),
            (
                "multipart/form-data; boundary=c",
                GOOD,
                "multipart without a part",
            ),
            (plain, "", "multipart without a part"),
            (plain, "--b", CUT),
            (plain, event, CUT),
            (plain, GOOD.strip_suffix("--b--").unwrap(), CUT),
            (plain, "--b--", "multipart without a part `event`"),
            (
                plain,
                "--b\r\nno headers\r\n--b--",
                "multipart without a part `event`",
            ),
            (
                plain,
                &format!("{event}{event}--b--"),
                "multipart with two parts `event`",
            ),
            (plain, &"--b\r\n\r\n\r\n".repeat(20), "too many parts"),
        ] {
            assert_eq!(
                found(content_type, body),
                Err(rule),
                "{content_type} {body:?}"
            );
        }
        // All but the last hyphen of the end has come, or not even those.
        for cut in 1..GOOD.len() {
            let body = GOOD.get(..cut).unwrap_or_default();
            assert!(found(plain, body).is_err(), "{cut}");
        }
    }
}
