//! Images by reference: only below the address the settings name, and never as an address.

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use url::Url;

use crate::{
    adapter::Image,
    error::{Error, ErrorKind, Result},
};

const OPERATION: &str = "image";

/// Largest image, bytes.
const MAX_IMAGE_BYTES: usize = 8 * 1024 * 1024;

/// Longest path of an image, bytes.
const MAX_PATH: usize = 256;

/// What the references of this adapter begin with: no other is asked for.
const MADE_HERE: &str = "path:";

/// What an image is called below `base`; `None` for one that is somewhere else, or whose name is no plain path.
///
/// A query is not taken: it may hold a signature, and the reference would be a secret then.
pub(super) fn reference(base: &Url, text: &str) -> Option<String> {
    let relative = if text.contains("://") {
        let url = Url::parse(text).ok()?;
        if url.origin() != base.origin() || url.query().is_some() || url.fragment().is_some() {
            return None;
        }
        let folder = base.path().trim_end_matches('/');
        url.path()
            .strip_prefix(folder)?
            .strip_prefix('/')?
            .to_owned()
    } else {
        text.to_owned()
    };
    let relative = relative.trim_start_matches('/');
    is_plain(relative).then(|| format!("{MADE_HERE}{relative}"))
}

fn is_plain(path: &str) -> bool {
    (1..=MAX_PATH).contains(&path.len())
        && path.split('/').all(|segment| {
            !segment.is_empty()
                && segment != "."
                && segment != ".."
                && segment
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~'))
        })
}

/// The address of the image behind `reference`.
///
/// # Errors
/// `Malformed` for a reference this adapter does not make.
pub(super) fn request(base: &Url, reference: &str) -> Result<http::request::Builder> {
    let path = reference
        .strip_prefix(MADE_HERE)
        .filter(|path| is_plain(path))
        .ok_or_else(|| malformed("reference is not one of this adapter"))?;
    let mut url = base.clone();
    // INVARIANT: settings take http and https addresses only, and those have path segments.
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path.split('/'));
    }
    Ok(Request::get(url.as_str()).header(header::ACCEPT, "image/jpeg, image/png"))
}

/// The image in a good answer.
///
/// # Errors
/// `Malformed` for what is not a JPEG or PNG of at most 8 MiB under its own name.
pub(super) fn image(response: Response<Bytes>) -> Result<Image> {
    let (parts, bytes) = response.into_parts();
    if parts.status != StatusCode::OK {
        return Err(malformed("no image"));
    }
    if bytes.len() > MAX_IMAGE_BYTES {
        return Err(malformed("image is larger than 8 MiB"));
    }
    let declared = parts.headers.get(header::CONTENT_TYPE);
    let declared = declared
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let (content_type, magic): (&str, &[u8]) = match declared.split(';').next().map(str::trim) {
        Some("image/jpeg" | "image/jpg") => ("image/jpeg", b"\xFF\xD8\xFF"),
        Some("image/png") => ("image/png", b"\x89PNG\r\n\x1A\n"),
        _ => return Err(malformed("answer is not declared as an image")),
    };
    if !bytes.starts_with(magic) {
        return Err(malformed(
            "answer is not the kind of image it is declared as",
        ));
    }
    Ok(Image {
        content_type: content_type.to_owned(),
        bytes,
    })
}

fn malformed(message: &'static str) -> Error {
    Error::new(ErrorKind::Malformed, OPERATION, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_stay_below_the_pinned_address() {
        let base = Url::parse("https://images.example/lpr/").unwrap();
        for (text, want) in [
            ("s-42.jpg", Some("path:s-42.jpg")),
            ("/2026/03/s-42.jpg", Some("path:2026/03/s-42.jpg")),
            (
                "https://images.example/lpr/2026/s-42.jpg",
                Some("path:2026/s-42.jpg"),
            ),
            ("https://images.example/other/s-42.jpg", None),
            ("https://images.example/lpr2/s-42.jpg", None),
            ("https://images.example/lpr/s-42.jpg?sig=1", None),
            ("https://elsewhere.example/lpr/s-42.jpg", None),
            ("http://images.example/lpr/s-42.jpg", None),
            ("../etc/passwd", None),
            ("a/../b", None),
            ("data:image/jpeg;base64,AAAA", None),
            ("/9j/4AAQSkZJRg+==", None),
            ("", None),
        ] {
            assert_eq!(reference(&base, text).as_deref(), want, "{text}");
        }
        for foreign in ["", "a/b", "path:", "path:../x", "path:a?b=c"] {
            assert!(request(&base, foreign).is_err(), "{foreign}");
        }
        let built = request(&base, "path:2026/s-42.jpg")
            .unwrap()
            .body(())
            .unwrap();
        assert_eq!(built.uri(), "https://images.example/lpr/2026/s-42.jpg");
    }
}
