//! A body of several parts that is held in memory: `multipart/form-data` and `multipart/mixed` (RFC 2046, RFC 7578).
//!
//! Devices write these bodies by hand, so this is lenient where nothing can be misread: lines end in LF or CRLF, there may be
//! a preamble, and the end boundary may be missing. Then the last part holds whatever came, and what it holds says whether
//! it is whole. Bodies are slices of the message: nothing is copied. Parts inside a part are not looked into.
//!
//! `multer` was tried first on paper. It reads a stream and is async, while decoding is a pure function of a body that
//! is already here; it copies into a buffer of its own; and it refuses a body without an end boundary, with every part of it.

use std::{borrow::Cow, fmt};

use bytes::Bytes;
use memchr::{memchr, memmem};

/// Longest boundary, in bytes. The standard says 70.
const MAX_BOUNDARY: usize = 200;

/// How much of a body is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most parts.
    pub parts: usize,
    /// Longest header of one part, in bytes.
    pub header_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            parts: 64,
            header_bytes: 8 << 10,
        }
    }
}

/// Why a body is not split into parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The content type names no boundary that can be one.
    #[error("no boundary in the content type")]
    NoBoundary,
    /// The boundary is nowhere in the body.
    #[error("no part")]
    NoPart,
    /// More parts than [`Limits::parts`].
    #[error("too many parts")]
    TooManyParts,
    /// A header longer than [`Limits::header_bytes`].
    #[error("header of a part too long")]
    LongHeader,
}

impl Fault {
    /// The rule of a rejection.
    #[must_use]
    pub const fn rule(self) -> &'static str {
        match self {
            Self::NoBoundary => "multipart without a boundary",
            Self::NoPart => "multipart without a part",
            Self::TooManyParts => "too many parts",
            Self::LongHeader => "header of a part too long",
        }
    }
}

/// The parts of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Multipart {
    /// The parts, in their order.
    pub parts: Vec<Part>,
    /// Whether the end boundary was there. Without it the last part may have been cut.
    pub complete: bool,
}

/// One part.
#[derive(Clone, PartialEq, Eq)]
pub struct Part {
    /// The header lines, each with its line ending.
    header: Bytes,
    /// What is in it.
    pub body: Bytes,
}

/// Whether a content type is one of several parts.
#[must_use]
pub fn is_multipart(content_type: &str) -> bool {
    let kind = media_type(content_type).split('/').next();
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case("multipart"))
}

/// A content type without its parameters.
#[must_use]
pub fn media_type(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

/// A parameter of a header's value: `boundary` in `multipart/mixed; boundary="x"`. Names have no case.
#[must_use]
pub fn parameter<'v>(value: &'v str, name: &str) -> Option<Cow<'v, str>> {
    let (_, mut rest) = value.split_once(';')?;
    loop {
        let (key, after) = rest.split_once('=')?;
        // What has no `=` is no parameter.
        let key = key.rsplit(';').next().unwrap_or_default().trim();
        let (text, behind) = parameter_value(after);
        if key.eq_ignore_ascii_case(name) {
            return Some(text);
        }
        rest = behind;
    }
}

/// The value that `text` begins with, and what is behind it.
fn parameter_value(text: &str) -> (Cow<'_, str>, &str) {
    let text = text.trim_start();
    if let Some(quoted) = text.strip_prefix('"') {
        return quoted_value(quoted);
    }
    let (value, rest) = text.split_once(';').unwrap_or((text, ""));
    (Cow::Borrowed(value.trim_end()), rest)
}

/// A quoted value up to its quote. Only quotes and backslashes are escaped: file names hold plain backslashes.
fn quoted_value(text: &str) -> (Cow<'_, str>, &str) {
    let (mut plain, mut from, mut at) = (String::new(), 0, 0);
    let bytes = text.as_bytes();
    while let Some(byte) = bytes.get(at) {
        let next = bytes.get(at + 1);
        match byte {
            b'"' => break,
            b'\\' if matches!(next, Some(b'"' | b'\\')) => {
                plain.push_str(text.get(from..at).unwrap_or_default());
                from = at + 1;
                at += 2;
            }
            _ => at += 1,
        }
    }
    let last = text.get(from..at).unwrap_or_default();
    let rest = text.get(at + 1..).unwrap_or_default();
    if from == 0 {
        return (Cow::Borrowed(last), rest);
    }
    plain.push_str(last);
    (Cow::Owned(plain), rest)
}

/// Splits `body` at the boundary that `content_type` names.
///
/// # Errors
/// [`Fault`], for the body as a whole. A part that is cut or has no empty line behind its header is no fault: its body is
/// what is there, or nothing.
pub fn split(content_type: &str, body: &Bytes, limits: Limits) -> Result<Multipart, Fault> {
    let boundary = parameter(content_type, "boundary").filter(|text| can_be_boundary(text));
    let line = format!("--{}", boundary.ok_or(Fault::NoBoundary)?);
    let boundaries = Boundaries {
        body,
        finder: memmem::Finder::new(&line),
    };
    let mut at = boundaries.next(0).ok_or(Fault::NoPart)?;
    let mut parts = Vec::new();
    while !at.last {
        let next = boundaries.next(at.end);
        // A boundary that is the last thing of a body that was cut begins nothing.
        if next.is_none() && at.end >= body.len() {
            break;
        }
        if parts.len() == limits.parts {
            return Err(Fault::TooManyParts);
        }
        let end = next.map_or(body.len(), |next| next.start);
        let cut = next.is_none();
        parts.push(Part::read(body, at.end, end, cut, limits)?);
        match next {
            Some(next) => at = next,
            None => break,
        }
    }
    Ok(Multipart {
        parts,
        complete: at.last,
    })
}

/// Printable and without quotes: more than the standard allows, as devices do.
fn can_be_boundary(text: &str) -> bool {
    let printable = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'"';
    (1..=MAX_BOUNDARY).contains(&text.len()) && !text.ends_with(' ') && text.bytes().all(printable)
}

/// A line that is a boundary.
#[derive(Debug, Clone, Copy)]
struct Boundary {
    /// Where the line begins.
    start: usize,
    /// Where what is behind it begins.
    end: usize,
    /// Whether it says that no part follows.
    last: bool,
}

struct Boundaries<'b> {
    body: &'b [u8],
    finder: memmem::Finder<'b>,
}

impl Boundaries<'_> {
    /// The first boundary at or behind `from`, which is the beginning of a line. Pictures may hold the same bytes
    /// elsewhere: a boundary is a whole line.
    fn next(&self, from: usize) -> Option<Boundary> {
        let mut looked = from;
        loop {
            let start = looked + self.finder.find(self.body.get(looked..)?)?;
            let behind = start + self.finder.needle().len();
            let begins_line = start == from
                || start
                    .checked_sub(1)
                    .and_then(|before| self.body.get(before))
                    .is_some_and(|byte| *byte == b'\n');
            let rest = self.body.get(behind..).unwrap_or_default();
            if begins_line && let Some((length, last)) = line_end(rest) {
                return Some(Boundary {
                    start,
                    end: behind + length,
                    last,
                });
            }
            looked = start + 1;
        }
    }
}

/// How long the rest of a boundary's line is, and whether it is the last one; `None` if it is no boundary's.
fn line_end(rest: &[u8]) -> Option<(usize, bool)> {
    let (last, text) = match rest.strip_prefix(b"--") {
        Some(text) => (true, text),
        None => (false, rest),
    };
    let blanks = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t'));
    let text = text.get(blanks.count()..)?;
    let text = match text {
        [] | [b'\r'] => &[],
        [b'\n', text @ ..] | [b'\r', b'\n', text @ ..] => text,
        _ => return None,
    };
    Some((rest.len() - text.len(), last))
}

impl Part {
    /// The part between two boundaries. The line ending before the second one belongs to it.
    fn read(
        body: &Bytes,
        start: usize,
        end: usize,
        cut: bool,
        limits: Limits,
    ) -> Result<Self, Fault> {
        let text = body.get(start..end).unwrap_or_default();
        let (header, skipped) = header_length(text, limits.header_bytes)?;
        let content = text.get(skipped..).unwrap_or_default();
        let content = if cut {
            content
        } else {
            without_ending(content)
        };
        Ok(Self {
            header: body.slice_ref(text.get(..header).unwrap_or_default()),
            body: body.slice_ref(content),
        })
    }

    /// The value of the first header of a name. What is not UTF-8 in it becomes U+FFFD.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        self.header.split(|byte| *byte == b'\n').find_map(|line| {
            let at = memchr(b':', line)?;
            let (key, value) = line.split_at_checked(at)?;
            let same = key.trim_ascii().eq_ignore_ascii_case(name.as_bytes());
            let value = value.strip_prefix(b":")?.trim_ascii();
            same.then(|| String::from_utf8_lossy(value))
        })
    }

    /// `Content-Type`.
    #[must_use]
    pub fn content_type(&self) -> Option<Cow<'_, str>> {
        self.header("content-type")
    }

    /// The name of a form's field.
    #[must_use]
    pub fn name(&self) -> Option<Cow<'_, str>> {
        self.disposition("name")
    }

    /// The name of a file.
    #[must_use]
    pub fn file_name(&self) -> Option<Cow<'_, str>> {
        self.disposition("filename")
    }

    fn disposition(&self, name: &str) -> Option<Cow<'_, str>> {
        match self.header("content-disposition")? {
            Cow::Borrowed(value) => parameter(value, name),
            Cow::Owned(value) => parameter(&value, name).map(|text| Cow::Owned(text.into_owned())),
        }
    }
}

/// The length of the header, and of the header with the empty line behind it. Without one everything is header.
fn header_length(text: &[u8], most: usize) -> Result<(usize, usize), Fault> {
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let window = rest.get(..most.saturating_sub(at) + 2).unwrap_or(rest);
        let Some(end) = memchr(b'\n', window) else {
            return if window.len() == rest.len() && at + rest.len() <= most {
                Ok((text.len(), text.len()))
            } else {
                Err(Fault::LongHeader)
            };
        };
        if matches!(rest.get(..end), Some(b"" | b"\r")) {
            return Ok((at, at + end + 1));
        }
        at += end + 1;
        if at > most {
            return Err(Fault::LongHeader);
        }
    }
}

fn without_ending(content: &[u8]) -> &[u8] {
    match content {
        [content @ .., b'\r', b'\n'] | [content @ .., b'\n'] => content,
        content => content,
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Part({} bytes)", self.body.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=frontier";

    fn parts(body: &str) -> Multipart {
        split(TYPE, &Bytes::from(body.to_owned()), Limits::default()).unwrap()
    }

    fn texts(body: &str) -> Vec<String> {
        let text = |part: &Part| String::from_utf8(part.body.to_vec()).unwrap();
        parts(body).parts.iter().map(text).collect()
    }

    #[test]
    fn parts_have_a_name_a_file_a_type_and_a_body() {
        let body = "preamble\r\n--frontier\r\nContent-Disposition: form-data; name=\"json\"\r\n\r\n{}\r\n\
                    --frontier\r\ncontent-disposition: form-data; filename=\"a \\\"b\\\".jpg\"; name=upload\r\nContent-Type: image/jpeg\r\n\r\n\
                    \r\n--front\r\n--frontier2\r\n--frontier--x\r\n--frontier--\r\nepilogue";
        let form = parts(body);
        assert!(form.complete);
        let [json, upload] = &form.parts[..] else {
            panic!("{form:?}")
        };
        assert_eq!(
            (
                json.name().as_deref(),
                json.file_name(),
                json.content_type()
            ),
            (Some("json"), None, None)
        );
        assert_eq!(&json.body[..], b"{}");
        assert_eq!(upload.name().as_deref(), Some("upload"));
        assert_eq!(upload.file_name().as_deref(), Some("a \"b\".jpg"));
        assert_eq!(upload.content_type().as_deref(), Some("image/jpeg"));
        assert_eq!(
            &upload.body[..],
            b"\r\n--front\r\n--frontier2\r\n--frontier--x"
        );
    }

    #[test]
    fn nothing_is_copied() {
        let body = Bytes::from_static(b"--frontier\n\nabc\n--frontier--");
        let form = split(TYPE, &body, Limits::default()).unwrap();
        let range = body.as_ptr_range();
        assert!(range.contains(&form.parts[0].body.as_ptr()));
        assert_eq!(&form.parts[0].body[..], b"abc");
    }

    #[test]
    fn lines_end_as_they_like() {
        for body in [
            "--frontier\r\nA: b\r\n\r\none\r\n--frontier\r\n\r\ntwo\r\n--frontier--\r\n",
            "--frontier\nA: b\n\none\n--frontier\n\ntwo\n--frontier--",
            "--frontier \t\r\nA: b\n\r\none\n--frontier\n\r\ntwo\r\n--frontier-- \n",
            "\r\n--frontier\r\nA: b\r\n\r\none\n--frontier\r\n\ntwo\n--frontier--",
        ] {
            assert_eq!(texts(body), ["one", "two"], "{body:?}");
            assert!(parts(body).complete);
        }
    }

    #[test]
    fn a_part_may_be_empty() {
        assert_eq!(
            texts("--frontier\r\n\r\n--frontier\r\nA: b\r\n\r\n\r\n--frontier--"),
            ["", ""]
        );
        assert_eq!(texts("--frontier\r\nA: b\r\n--frontier--"), [""]);
        assert_eq!(texts("--frontier--"), [] as [&str; 0]);
    }

    #[test]
    fn without_an_end_the_last_part_is_what_came() {
        for (body, want) in [
            (
                "--frontier\r\n\r\none\r\n--frontier\r\n\r\ntw",
                vec!["one", "tw"],
            ),
            (
                "--frontier\r\n\r\none\r\n--frontier\r\n\r\ntwo\r\n",
                vec!["one", "two\r\n"],
            ),
            (
                "--frontier\r\n\r\none\r\n--frontier\r\nContent-Ty",
                vec!["one", ""],
            ),
            ("--frontier\r\n\r\none\r\n--frontier\r\n", vec!["one"]),
            ("--frontier\r\n\r\none\r\n--frontier", vec!["one"]),
            ("--frontier\r\n\r\none\r\n--front", vec!["one\r\n--front"]),
        ] {
            assert_eq!(texts(body), want, "{body:?}");
            assert!(!parts(body).complete);
        }
    }

    #[test]
    fn what_cannot_be_split_says_why() {
        let limits = Limits {
            parts: 2,
            header_bytes: 16,
        };
        let fault =
            |kind: &str, body: &str| split(kind, &Bytes::from(body.to_owned()), limits).err();
        assert_eq!(fault("multipart/mixed", "--x"), Some(Fault::NoBoundary));
        assert_eq!(
            fault("multipart/mixed; boundary=", "--"),
            Some(Fault::NoBoundary)
        );
        assert_eq!(
            fault("multipart/mixed; boundary=\"a\u{e9}\"", "--"),
            Some(Fault::NoBoundary)
        );
        assert_eq!(
            fault(
                &format!("multipart/mixed; boundary={}", "a".repeat(201)),
                ""
            ),
            Some(Fault::NoBoundary)
        );
        assert_eq!(fault(TYPE, ""), Some(Fault::NoPart));
        assert_eq!(fault(TYPE, "text --frontier\n"), Some(Fault::NoPart));
        assert_eq!(
            fault(TYPE, &"--frontier\n\nx\n".repeat(3)),
            Some(Fault::TooManyParts)
        );
        assert_eq!(fault(TYPE, &"--frontier\n\nx\n".repeat(2)), None);
        assert_eq!(
            fault(TYPE, "--frontier\nA: 3456789012345\n\nx"),
            Some(Fault::LongHeader)
        );
        assert_eq!(
            fault(TYPE, &format!("--frontier\n{}", "A".repeat(1_000))),
            Some(Fault::LongHeader)
        );
        assert_eq!(fault(TYPE, "--frontier\nA: 345678901234\n\nx"), None);
    }

    #[test]
    fn parameters_are_found_in_any_spelling() {
        for (value, want) in [
            ("a/b; boundary=x", Some("x")),
            ("a/b;Boundary=\"x y\"", Some("x y")),
            ("a/b; q=1; boundary = x ; z=2", Some("x")),
            ("a/b; junk; boundary=x", Some("x")),
            ("a/b; t=\"; boundary=y\"; boundary=x", Some("x")),
            (r#"a/b; boundary="C:\d\"e""#, Some(r#"C:\d"e"#)),
            ("a/b; boundary=\"x", Some("x")),
            ("a/b", None),
            ("a/b; xboundary=1", None),
        ] {
            assert_eq!(parameter(value, "boundary").as_deref(), want, "{value}");
        }
        assert!(is_multipart("Multipart/Mixed; boundary=x") && !is_multipart("application/json"));
        assert_eq!(media_type(" text/xml ; charset=\"UTF-8\""), "text/xml");
    }

    #[test]
    fn the_parts_do_not_print() {
        assert_eq!(
            format!("{:?}", parts("--frontier\n\nTPK0421\n--frontier--").parts),
            "[Part(7 bytes)]"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_split_without_panic(
            kind in "(multipart/mixed; boundary=(a|--|\\PC{0,5})|\\PC{0,30})",
            body in proptest::collection::vec(prop_oneof![Just(b'-'), Just(b'a'), Just(b'\n'), Just(b'\r'), Just(b':'), any::<u8>()], 0..120),
        ) {
            let body = Bytes::from(body);
            if let Ok(form) = split(&kind, &body, Limits { parts: 8, header_bytes: 32 }) {
                prop_assert!(form.parts.len() <= 8);
                for part in &form.parts {
                    let (_, _, _) = (part.name(), part.file_name(), part.content_type());
                    prop_assert!(part.body.len() + part.header.len() <= body.len());
                }
            }
        }

        #[test]
        fn what_was_joined_is_split_again(
            bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..6),
            preamble in "([a-z]{1,9}\r\n)?",
            newline in prop_oneof![Just("\r\n"), Just("\n")],
            cut in any::<prop::sample::Index>(),
        ) {
            let mut whole = preamble.into_bytes();
            for body in &bodies {
                whole.extend(format!("--frontier{newline}Content-Type: x/y{newline}{newline}").bytes());
                whole.extend(body);
                whole.extend(newline.bytes());
            }
            whole.extend(b"--frontier--");
            // With LF alone a CR that ends a body cannot be told from a line ending.
            prop_assume!(newline == "\r\n" || bodies.iter().all(|body| body.last() != Some(&b'\r')));
            let form = split(TYPE, &Bytes::from(whole.clone()), Limits::default()).unwrap();
            let got: Vec<_> = form.parts.iter().map(|part| part.body.to_vec()).collect();
            prop_assert_eq!(&got, &bodies);
            prop_assert!(form.complete);
            // Cut, it gives the same parts but for the last.
            whole.truncate(cut.index(whole.len()));
            if let Ok(form) = split(TYPE, &Bytes::from(whole), Limits::default()) {
                let kept = form.parts.len().saturating_sub(1);
                for (part, body) in form.parts.iter().zip(&bodies).take(kept) {
                    prop_assert_eq!(&part.body[..], &body[..]);
                }
            }
        }
    }
}
