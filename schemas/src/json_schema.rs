//! JSON Schemas of the public types, for consumers that validate without an OpenAPI document.
//!
//! Made from the same derive that feeds the OpenAPI document, so the two cannot disagree. The files
//! in `schemas/json-schema/` are these values; a test compares them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};

use crate::{agreement, api, read};

/// The dialect every schema declares.
pub const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// One type whose schema is published.
#[derive(Debug, Clone, Copy)]
pub struct Published {
    /// Name of the type, and the schema's title.
    pub name: &'static str,
    /// Name of the file, and the schema's `$id`, relative to wherever the files are served.
    pub file: &'static str,
    parts: fn() -> Parts,
}

/// Every published schema.
pub const PUBLISHED: &[Published] = &[
    published::<read::PlateRead>("PlateRead", "plate-read.json"),
    published::<api::QueryRequest>("QueryRequest", "query-request.json"),
    published::<api::Answer>("Answer", "answer.json"),
    published::<api::StreamLine>("StreamLine", "stream-line.json"),
    published::<api::Explanation>("Explanation", "explanation.json"),
    published::<api::SourceList>("SourceList", "source-list.json"),
    published::<api::Policy>("Policy", "policy.json"),
    published::<api::PushReceipt>("PushReceipt", "push-receipt.json"),
    published::<api::Problem>("Problem", "problem.json"),
    published::<agreement::AgreementDocument>("AgreementDocument", "agreement-document.json"),
];

/// The schema of the type called `name`, if it is published: JSON Schema 2020-12, with everything it refers to inside.
#[must_use]
pub fn document(name: &str) -> Option<Value> {
    PUBLISHED
        .iter()
        .find(|published| published.name == name)
        .map(Published::document)
}

impl Published {
    /// The schema: JSON Schema 2020-12, with everything it refers to inside.
    #[must_use]
    pub fn document(&self) -> Value {
        let Parts { root, components } = (self.parts)();
        let definitions: BTreeMap<String, Value> = components
            .iter()
            .map(|(name, schema)| (name.clone(), as_json_schema(schema)))
            .collect();
        let mut document = match as_json_schema(&root) {
            Value::Object(keywords) => keywords,
            other => Map::from_iter([("allOf".to_owned(), json!([other]))]),
        };
        document.insert("$schema".to_owned(), DIALECT.into());
        document.insert("$id".to_owned(), self.file.into());
        document.insert("title".to_owned(), self.name.into());
        if !definitions.is_empty() {
            document.insert("$defs".to_owned(), json!(definitions));
        }
        let mut document = Value::Object(document);
        document.sort_all_objects();
        document
    }
}

struct Parts {
    root: RefOr<Schema>,
    components: Vec<(String, RefOr<Schema>)>,
}

const fn published<T: ToSchema>(name: &'static str, file: &'static str) -> Published {
    Published {
        name,
        file,
        parts: parts::<T>,
    }
}

fn parts<T: ToSchema>() -> Parts {
    let mut components = Vec::new();
    T::schemas(&mut components);
    Parts {
        root: T::schema(),
        components,
    }
}

fn as_json_schema(schema: &RefOr<Schema>) -> Value {
    rewrite(serde_json::to_value(schema).unwrap_or_default())
}

/// OpenAPI 3.1 schemas are JSON Schemas but for two things: where references point, and the older `example`.
fn rewrite(schema: Value) -> Value {
    match schema {
        Value::Object(keywords) => keywords.into_iter().map(rewrite_keyword).collect(),
        Value::Array(items) => items.into_iter().map(rewrite).collect(),
        other => other,
    }
}

fn rewrite_keyword((keyword, value): (String, Value)) -> (String, Value) {
    match (keyword.as_str(), value) {
        ("$ref", Value::String(to)) => (
            keyword,
            to.replace("#/components/schemas/", "#/$defs/").into(),
        ),
        // A property can be called `example` too; its value is then a schema.
        ("example", value) if !value.is_object() => ("examples".to_owned(), json!([value])),
        (_, value) => (keyword, rewrite(value)),
    }
}
