//! Bytes as text. What is not text in its encoding becomes U+FFFD, which no field that matters may hold.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};

/// How far into a document its declaration is looked for.
const DECLARATION: usize = 512;

/// The text of a document.
///
/// A byte order mark comes first, then the document's declaration, then `charset` of its content type, then UTF-8. What
/// is called UTF-8 and is not is read as `fallback`, where the configuration names one.
///
/// # Errors
/// The rule that the encoding breaks.
pub(super) fn decode<'b>(
    body: &'b [u8],
    charset: Option<&str>,
    fallback: Option<&'static Encoding>,
) -> Result<Cow<'b, str>, &'static str> {
    if let Some((encoding, length)) = Encoding::for_bom(body) {
        let body = body.get(length..).unwrap_or_default();
        return Ok(encoding.decode_without_bom_handling(body).0);
    }
    if matches!(body, [0, b'<', ..] | [b'<', 0, ..]) {
        return Err("UTF-16 without a byte order mark");
    }
    let declared = declared(body).or(charset.map(str::as_bytes));
    let encoding = declared.map_or(Ok(UTF_8), known)?;
    if encoding != UTF_8 {
        return Ok(encoding.decode_without_bom_handling(body).0);
    }
    match (str::from_utf8(body), fallback) {
        (Ok(text), _) => Ok(Cow::Borrowed(text)),
        (Err(_), Some(fallback)) => Ok(fallback.decode_without_bom_handling(body).0),
        (Err(_), None) => Ok(String::from_utf8_lossy(body)),
    }
}

/// The encoding of a name, if markup can be told in it byte by byte.
pub(super) fn known(label: &[u8]) -> Result<&'static Encoding, &'static str> {
    Encoding::for_label(label)
        .filter(|encoding| encoding.is_ascii_compatible())
        .ok_or("unknown encoding")
}

/// The value of `encoding` in the XML declaration.
fn declared(body: &[u8]) -> Option<&[u8]> {
    let head = body.get(..DECLARATION).unwrap_or(body);
    let head = head.trim_ascii_start().strip_prefix(b"<?xml")?;
    let head = head.get(..find(head, b"?>")?)?;
    let value = head.get(find(head, b"encoding")? + b"encoding".len()..)?;
    let value = value.trim_ascii_start().strip_prefix(b"=")?;
    let (quote, value) = value.trim_ascii_start().split_first()?;
    value.split(|byte| byte == quote).next()
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, part)
}

#[cfg(test)]
mod tests {
    use encoding_rs::GBK;

    use super::*;

    /// `<a>蓝</a>` in GBK, and a declaration.
    fn gbk(declaration: &str) -> Vec<u8> {
        let mut body = declaration.as_bytes().to_vec();
        body.extend(b"<a>\xC0\xB6</a>");
        body
    }

    #[test]
    fn the_declaration_beats_the_content_type() {
        for (declaration, charset) in [
            ("<?xml version=\"1.0\" encoding=\"GB2312\"?>", None),
            ("<?xml version='1.0' encoding = 'gbk' ?>", Some("utf-8")),
            ("", Some("gb18030")),
            ("<?xml version=\"1.0\"?>", Some("GBK")),
        ] {
            let body = gbk(declaration);
            assert!(decode(&body, charset, None).unwrap().ends_with("<a>蓝</a>"));
        }
    }

    #[test]
    fn what_is_called_utf_8_and_is_not_is_read_as_configured_only() {
        for declaration in ["", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"] {
            let body = gbk(declaration);
            assert!(
                decode(&body, None, Some(GBK))
                    .unwrap()
                    .ends_with("<a>蓝</a>")
            );
            assert!(decode(&body, None, None).unwrap().contains('\u{fffd}'));
        }
        assert_eq!(
            decode("<a>蓝</a>".as_bytes(), None, Some(GBK)).unwrap(),
            "<a>蓝</a>"
        );
    }

    #[test]
    fn a_byte_order_mark_is_believed_and_removed() {
        let utf16: Vec<u8> = "\u{feff}<a>1</a>"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(decode(&utf16, None, None).unwrap(), "<a>1</a>");
        assert_eq!(
            decode(b"\xEF\xBB\xBF<a>1</a>", None, None).unwrap(),
            "<a>1</a>"
        );
    }

    #[test]
    fn an_unknown_encoding_is_refused() {
        for head in [
            &b"<?xml version='1.0' encoding='EBCDIC-US'?><a/>"[..],
            b"<?xml version='1.0' encoding='UTF-16'?><a/>",
            b"<?xml version='1.0' encoding=''?><a/>",
            b"<\0a\0",
            b"\0<\0a",
        ] {
            assert!(decode(head, None, None).is_err());
        }
        assert!(decode(b"<a/>", Some("iso-2022-jp"), None).is_err());
    }
}
