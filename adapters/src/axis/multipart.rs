//! The part of a multipart body that holds the event. Its images are passed over.

use crate::adapter::Message;

/// Longest boundary of RFC 2046.
const MAX_BOUNDARY: usize = 70;
/// Most parts that are looked at; the engine sends an event and an image.
const MAX_PARTS: usize = 16;
/// Longest headers of one part, bytes.
const MAX_HEADERS: usize = 8 * 1024;
/// Name of the part that holds the event.
const EVENT: &str = "event";

type Broken = &'static str;

/// The JSON of the event: the part of that name in a multipart body, else the body as it is.
///
/// # Errors
/// The rule that a multipart body broke.
pub(super) fn event(message: &Message) -> Result<&[u8], Broken> {
    match boundary(message.content_type.as_deref().unwrap_or_default())? {
        Some(boundary) => part(&message.body, boundary),
        None => Ok(&message.body),
    }
}

/// The boundary of a multipart content type; `None` for any other type.
fn boundary(content_type: &str) -> Result<Option<&str>, Broken> {
    let mut pieces = content_type.split(';').map(str::trim);
    let kind = pieces.next().unwrap_or_default().to_ascii_lowercase();
    if !kind.starts_with("multipart/") {
        return Ok(None);
    }
    let named = pieces.find_map(|piece| parameter(piece, "boundary"));
    named
        .filter(|boundary| (1..=MAX_BOUNDARY).contains(&boundary.len()))
        .map(Some)
        .ok_or("multipart without a boundary of 1 to 70 characters")
}

/// The value of `key=value` or `key="value"`.
fn parameter<'t>(piece: &'t str, key: &str) -> Option<&'t str> {
    let (name, value) = piece.split_once('=')?;
    let value = value.trim();
    let bare = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'));
    name.trim()
        .eq_ignore_ascii_case(key)
        .then(|| bare.unwrap_or(value))
}

fn part<'b>(body: &'b [u8], boundary: &str) -> Result<&'b [u8], Broken> {
    let delimiter = format!("\r\n--{boundary}");
    let delimiter = delimiter.as_bytes();
    // The first delimiter may stand at the very beginning, without a line break before it.
    let opening = delimiter.strip_prefix(b"\r\n").unwrap_or(delimiter);
    let mut rest = match body.strip_prefix(opening) {
        Some(rest) => rest,
        None => {
            split(body, delimiter)
                .ok_or("multipart without its boundary")?
                .1
        }
    };
    let mut event = None;
    for _ in 0..MAX_PARTS {
        if rest.starts_with(b"--") {
            return event.ok_or("multipart without a part `event`");
        }
        let (_, after) = split(rest, b"\r\n").ok_or(CUT)?;
        let (part, after) = split(after, delimiter).ok_or(CUT)?;
        rest = after;
        if let Some(content) = content_of_event(part)
            && event.replace(content).is_some()
        {
            return Err("multipart with two parts `event`");
        }
    }
    Err("multipart with more than 16 parts")
}

const CUT: &str = "multipart without its end";

/// The content of a part if it is the event.
fn content_of_event(part: &[u8]) -> Option<&[u8]> {
    let head = part.get(..MAX_HEADERS.min(part.len()))?;
    let (headers, _) = split(head, b"\r\n\r\n")?;
    let content = part.get(headers.len() + 4..)?;
    let headers = std::str::from_utf8(headers).ok()?;
    let disposition = headers.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim()
            .eq_ignore_ascii_case("content-disposition")
            .then_some(value)
    })?;
    let name = disposition
        .split(';')
        .find_map(|piece| parameter(piece, "name"))?;
    (name == EVENT).then_some(content)
}

/// What is before and after the first `mark`.
fn split<'b>(bytes: &'b [u8], mark: &[u8]) -> Option<(&'b [u8], &'b [u8])> {
    let first = *mark.first()?;
    let mut from = 0;
    loop {
        let rest = bytes.get(from..)?;
        let at = from + rest.iter().position(|byte| *byte == first)?;
        let (before, here) = bytes.split_at_checked(at)?;
        if let Some(after) = here.strip_prefix(mark) {
            return Some((before, after));
        }
        from = at + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(content_type: &str, body: &str) -> Result<String, Broken> {
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
        for content_type in [
            "",
            "application/json",
            "text/plain; boundary=b",
            "multipart",
        ] {
            assert_eq!(found(content_type, "{}"), Ok("{}".to_owned()));
        }
    }

    #[test]
    fn a_broken_multipart_body_is_refused_by_rule() {
        let plain = "multipart/form-data; boundary=b";
        let event = "--b\r\nContent-Disposition: form-data; name=\"event\"\r\n\r\n{}\r\n";
        let long = format!("multipart/form-data; boundary={}", "b".repeat(71));
        for (content_type, body, rule) in [
            (
                "multipart/form-data",
                GOOD,
                "multipart without a boundary of 1 to 70 characters",
            ),
            (
                "multipart/form-data; boundary=",
                GOOD,
                "multipart without a boundary of 1 to 70 characters",
            ),
            (
                &long,
                GOOD,
                "multipart without a boundary of 1 to 70 characters",
            ),
            (
                "multipart/form-data; boundary=c",
                GOOD,
                "multipart without its boundary",
            ),
            (plain, "", "multipart without its boundary"),
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
            (
                plain,
                &"--b\r\n\r\n\r\n".repeat(20),
                "multipart with more than 16 parts",
            ),
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
