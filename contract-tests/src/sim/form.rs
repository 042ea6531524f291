//! Forms of several parts as devices write them, and as they should not.

/// The boundary of every form.
pub(super) const BOUNDARY: &str = "---------------------------7e13971310878";

/// One part.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// Header lines, without their ends.
    pub(super) headers: Vec<String>,
    /// What is in it.
    pub(super) body: Vec<u8>,
}

/// How a form is written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Writing {
    /// Lines of headers and boundaries end in LF alone.
    pub(super) lf: bool,
    /// Text before the first boundary.
    pub(super) preamble: bool,
    /// The end boundary is not there.
    pub(super) no_end: bool,
}

impl Part {
    /// A field or file of a form, with its own content length.
    #[must_use]
    pub(super) fn new(
        disposition: &str,
        content_type: Option<&str>,
        body: impl Into<Vec<u8>>,
    ) -> Self {
        let body = body.into();
        let mut headers = vec![format!("Content-Disposition: form-data; {disposition}")];
        headers.extend(content_type.map(|kind| format!("Content-Type: {kind}")));
        headers.push(format!("Content-Length: {}", body.len()));
        Self { headers, body }
    }
}

/// The content type of [`write`].
#[must_use]
pub(super) fn content_type() -> String {
    format!("multipart/form-data; boundary={BOUNDARY}")
}

/// The form's bytes.
#[must_use]
pub(super) fn write(parts: &[Part], writing: Writing) -> Vec<u8> {
    let line = if writing.lf { "\n" } else { "\r\n" };
    let mut form = Vec::new();
    if writing.preamble {
        form.extend(format!("This is a form.{line}").bytes());
    }
    for part in parts {
        form.extend(format!("--{BOUNDARY}{line}").bytes());
        for header in &part.headers {
            form.extend(format!("{header}{line}").bytes());
        }
        form.extend(line.bytes());
        form.extend(&part.body);
        form.extend(line.bytes());
    }
    if !writing.no_end {
        form.extend(format!("--{BOUNDARY}--{line}").bytes());
    }
    form
}
