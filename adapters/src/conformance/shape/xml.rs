//! XML: elements by their local names, attributes as `@name`. Nothing is resolved, and a DTD is not read.

use std::collections::BTreeSet;

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

use super::{
    ShapeError,
    tally::{Tally, inside, name},
    text::lexical,
};

/// Deepest nesting.
const MAX_DEPTH: usize = 64;

/// An element that is open.
#[derive(Default)]
struct Open {
    path: String,
    held: BTreeSet<String>,
    text: String,
    has_elements: bool,
}

pub(super) fn tell(bytes: &[u8], tally: &mut Tally) -> Result<(), ShapeError> {
    // Names are ASCII in every encoding a vendor uses; of texts only the type is of interest.
    let text = String::from_utf8_lossy(bytes);
    let mut reader = Reader::from_str(&text);
    let mut open = vec![Open::default()];
    loop {
        match reader.read_event().map_err(|_| ShapeError::Broken)? {
            Event::Start(element) => begin(&element, &mut open, tally)?,
            Event::Empty(element) => {
                begin(&element, &mut open, tally)?;
                end(&mut open, tally)?;
            }
            Event::End(_) => end(&mut open, tally)?,
            Event::Text(text) => {
                if let Some(open) = open.last_mut() {
                    open.text.push_str(text.trim());
                }
            }
            Event::CData(_) | Event::GeneralRef(_) => {
                if let Some(open) = open.last_mut() {
                    open.text.push('x');
                }
            }
            Event::DocType(_) => return Err(ShapeError::Broken),
            Event::Eof => break,
            _ => {}
        }
    }
    match open.as_slice() {
        [document] if document.has_elements => tally.object("", &document.held),
        _ => Err(ShapeError::Broken),
    }
}

fn begin(
    element: &BytesStart<'_>,
    open: &mut Vec<Open>,
    tally: &mut Tally,
) -> Result<(), ShapeError> {
    if open.len() > MAX_DEPTH {
        return Err(ShapeError::TooWide);
    }
    let parent = open.last_mut().ok_or(ShapeError::Broken)?;
    let local = element.local_name();
    let path = inside(&parent.path, name(local.as_ref()));
    parent.has_elements = true;
    let mut begun = Open {
        path,
        ..Open::default()
    };
    for attribute in element.attributes() {
        let attribute = attribute.map_err(|_| ShapeError::Broken)?;
        if attribute.key.as_ref().starts_with("xmlns") {
            continue;
        }
        let key = attribute.key.local_name();
        let key = format!("@{}", key.as_ref());
        let path = inside(&begun.path, name(&key));
        let kind = lexical(&attribute.value);
        tally.meet(&path, kind)?;
        begun.held.extend(kind.map(|_| path));
    }
    open.push(begun);
    Ok(())
}

fn end(open: &mut Vec<Open>, tally: &mut Tally) -> Result<(), ShapeError> {
    let ended = open.pop().ok_or(ShapeError::Broken)?;
    let is_object = ended.has_elements || !ended.held.is_empty();
    // Text between elements is space to look at.
    let kind = if ended.has_elements {
        None
    } else {
        lexical(&ended.text)
    };
    if is_object {
        tally.object(&ended.path, &ended.held)?;
    }
    tally.meet(&ended.path, kind)?;
    let parent = open.last_mut().ok_or(ShapeError::Broken)?;
    if is_object || kind.is_some() {
        parent.held.insert(ended.path);
    }
    Ok(())
}
