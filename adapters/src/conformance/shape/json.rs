//! JSON: one document, or one after the other.

use serde_json::{Deserializer, Value};

use super::{
    FieldType, ShapeError,
    tally::{Tally, inside, name},
};

pub(super) fn tell(bytes: &[u8], tally: &mut Tally) -> Result<(), ShapeError> {
    for document in Deserializer::from_slice(bytes).into_iter::<Value>() {
        let document = document.map_err(|_| ShapeError::Broken)?;
        walk("", &document, tally)?;
    }
    Ok(())
}

/// As deep as the parser let the document be.
fn walk(path: &str, value: &Value, tally: &mut Tally) -> Result<(), ShapeError> {
    match value {
        Value::Null => tally.meet(path, None),
        Value::Bool(_) => tally.meet(path, Some(FieldType::Boolean)),
        Value::Number(_) => tally.meet(path, Some(FieldType::Number)),
        Value::String(text) => tally.meet(path, (!text.is_empty()).then_some(FieldType::Text)),
        Value::Array(list) => {
            tally.meet(path, Some(FieldType::List))?;
            let element = format!("{path}[]");
            list.iter()
                .try_for_each(|value| walk(&element, value, tally))
        }
        Value::Object(fields) => {
            let filled = |(_, value): &(&String, &Value)| !is_empty(value);
            let mut held: Vec<String> = fields
                .iter()
                .filter(filled)
                .map(|(key, _)| inside(path, name(key)))
                .collect();
            held.sort_unstable();
            held.dedup();
            tally.object(path, &held)?;
            fields
                .iter()
                .try_for_each(|(key, value)| walk(&inside(path, name(key)), value, tally))
        }
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(str::is_empty)
}
