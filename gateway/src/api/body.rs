//! Request bodies: bounded in size and time, and errors that name the field and never its value.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

use super::problem::{Failure, INVALID, MALFORMED, TOO_LARGE, TOO_SLOW, UNSUPPORTED_MEDIA_TYPE};

/// Reads a whole body of at most `most` bytes within `wait`.
///
/// # Errors
/// `too_large`, `too_slow`, and `malformed` when it breaks off.
pub(super) async fn read(body: Body, most: usize, wait: Duration) -> Result<Bytes, Failure> {
    let collected = tokio::time::timeout(wait, Limited::new(body, most).collect()).await;
    match collected {
        Err(_) => Err(Failure::new(TOO_SLOW)
            .because(format!("the body must arrive within {} s", wait.as_secs()))),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(Failure::new(TOO_LARGE).because(format!("at most {most} bytes are taken here")))
        }
        Ok(Err(_)) => Err(Failure::new(MALFORMED).because("the body broke off")),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
    }
}

/// Requires `application/json`, with any parameters.
///
/// # Errors
/// `unsupported_media_type`.
pub(super) fn require_json(headers: &HeaderMap) -> Result<(), Failure> {
    let sent = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = sent.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        Err(Failure::new(UNSUPPORTED_MEDIA_TYPE).because("send `content-type: application/json`"))
    }
}

/// Decodes JSON. What the decoder says about values is not passed on: it could repeat a plate.
///
/// # Errors
/// `malformed` when it is not JSON, `invalid` naming the field when it is not of the right shape.
pub(super) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let decoded = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = written(error.path());
        let inner = error.into_inner();
        // Some values of the wrong type are a fault of syntax to the decoder, though they are JSON.
        if !inner.is_data() && !is_json(body) {
            return Failure::new(MALFORMED).because(format!(
                "the body is not JSON: line {}, column {}",
                inner.line(),
                inner.column()
            ));
        }
        let (field, detail) = explain(&path, &inner.to_string());
        Failure::new(INVALID).because(detail).at(field)
    })?;
    deserializer
        .end()
        .map_err(|_| Failure::new(MALFORMED).because("there is more after the JSON"))?;
    Ok(decoded)
}

/// The way to a field as far as our own names lead: what stands for a variant was typed by the caller.
fn written(path: &Path) -> String {
    let mut way = String::new();
    for segment in path {
        match segment {
            Segment::Map { key } if way.is_empty() => way.push_str(key),
            Segment::Map { key } => {
                way.push('.');
                way.push_str(key);
            }
            Segment::Seq { index } => way.push_str(&format!("[{index}]")),
            Segment::Enum { .. } | Segment::Unknown => break,
        }
    }
    if way.is_empty() { ".".to_owned() } else { way }
}

fn is_json(body: &[u8]) -> bool {
    std::str::from_utf8(body)
        .is_ok_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok())
}

/// Field and explanation, built from the parts of the decoder's message that cannot hold a value.
fn explain(path: &str, message: &str) -> (String, String) {
    let quoted = |start: &str| {
        message
            .strip_prefix(start)
            .and_then(|rest| rest.split('`').next())
    };
    let inside = |name: &str| {
        if path == "." {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    if let Some(name) = quoted("missing field `") {
        return (inside(name), format!("`{}` is required", inside(name)));
    }
    let expected = message
        .rfind("expected ")
        .and_then(|at| message.get(at..))
        .and_then(|rest| rest.split(" at line").next());
    let rule = match path.split(['.', '[']).next().unwrap_or_default() {
        "window" => {
            "must be an RFC 3339 time with a zone, such as 2026-03-01T00:00:00Z, and the window must end after it begins"
        }
        "case_reference" => {
            "must be 3 to 64 letters, digits or ` ./_-`, start with a letter or digit and hold a digit"
        }
        "jurisdiction" => "must be an ISO 3166-1 or ISO 3166-2 code such as `US` or `US-OH`",
        "on_behalf_of" => "must be `self` or the identifier of an organisation",
        _ => "is not valid",
    };
    let field = if path == "." { "(body)" } else { path };
    // An unknown key is part of the path; a key can be a plate typed in the wrong place.
    if message.starts_with("unknown field") {
        let known = expected.unwrap_or_default();
        return (
            "(body)".to_owned(),
            format!("there is an unknown field; {known}"),
        );
    }
    let detail = match expected {
        Some(expected) => format!("`{field}`: {expected}"),
        None => format!("`{field}` {rule}"),
    };
    (field.to_owned(), detail)
}

#[cfg(test)]
mod tests {
    use turnpike_schemas::api::QueryRequest;

    use super::*;

    fn fails(body: &str) -> (String, String) {
        let failure = json::<QueryRequest>(body.as_bytes()).expect_err("must fail");
        (
            failure.problem.field.unwrap_or_default(),
            failure.problem.detail.unwrap_or_default(),
        )
    }

    #[test]
    fn an_error_names_the_field_and_not_the_value() {
        let full = r#"{"plate":"TPK0421","window":{"from":"2026-03-01T00:00:00Z","to":"2026-03-02T00:00:00Z"},"purpose":"stolen_vehicle","case_reference":"BRK-1","on_behalf_of":"self"}"#;
        assert!(json::<QueryRequest>(full.as_bytes()).is_ok());
        for (from, to, field) in [
            (
                r#""on_behalf_of":"self""#,
                r#""TPK0421":1,"on_behalf_of":"self""#,
                "(body)",
            ),
            (r#""to":"#, r#""x expected TPK0421":1,"to":"#, "(body)"),
            (r#","on_behalf_of":"self""#, "", "on_behalf_of"),
            (r#""plate":"TPK0421""#, r#""plate":["TPK0421"]"#, "plate"),
            ("BRK-1", "TPK no case", "case_reference"),
            ("stolen_vehicle", "TPK0421", "purpose"),
            (r#""stolen_vehicle""#, r#"["TPK0421"]"#, "purpose"),
            (r#""stolen_vehicle""#, r#"{"TPK0421":null}"#, "purpose"),
            (
                r#""stolen_vehicle""#,
                r#"{"TPK0421":["TPK0421"]}"#,
                "purpose",
            ),
            ("2026-03-01T00:00:00Z", "TPK0421", "window.from"),
            ("2026-03-01T00:00:00Z", "2026-03-03T00:00:00Z", "window"),
            (r#""self""#, r#""TPK 0421""#, "on_behalf_of"),
        ] {
            let (named, detail) = fails(&full.replace(from, to));
            assert_eq!(named, field, "{detail}");
            assert!(
                !detail.contains("TPK") && !named.contains("TPK"),
                "{detail}"
            );
        }
    }

    #[test]
    fn deep_nesting_and_garbage_are_malformed() {
        for body in ["", "{", "\u{0}", &"[".repeat(10_000), "{} {}"] {
            assert!(json::<QueryRequest>(body.as_bytes()).is_err());
        }
    }
}
