//! The HTTP interface as documented: no question without a plate, and without saying why and for whom.

use serde_json::Value;

/// What every question must say.
const MUST_SAY: [&str; 5] = [
    "plate",
    "purpose",
    "case_reference",
    "on_behalf_of",
    "window",
];

fn document() -> Value {
    serde_json::to_value(turnpike_gateway::api::document()).unwrap()
}

/// Path, method and body of every operation.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let mut operations = Vec::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().unwrap() {
            operations.push((format!("{method} {path}"), operation));
        }
    }
    operations
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(place) => document.pointer(place.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

#[test]
fn every_question_requires_a_plate_a_reason_and_a_window() {
    let document = document();
    let mut seen = 0;
    for (name, operation) in operations(&document) {
        let tags = operation["tags"].as_array().cloned().unwrap_or_default();
        let is_question = tags.iter().any(|tag| tag == "questions");
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        if !is_question || !name.starts_with("post ") {
            continue;
        }
        let schema = resolved(&document, body);
        let required: Vec<_> = schema["required"].as_array().unwrap().iter().collect();
        for part in MUST_SAY {
            assert!(
                required.iter().any(|name| *name == part),
                "{name} does not require {part}"
            );
        }
        seen += 1;
    }
    assert!(seen >= 2, "only {seen} questions");
}

#[test]
fn no_plate_is_in_a_path_or_a_query_string() {
    for (name, operation) in operations(&document()) {
        assert!(!name.contains("plate"), "{name}");
        let parameters = operation["parameters"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        for parameter in parameters {
            let parameter = parameter["name"].as_str().unwrap();
            assert!(!parameter.contains("plate"), "{name}: {parameter}");
        }
    }
}

#[test]
fn nothing_lists_reads_by_place_or_time() {
    // Every operation that answers with reads is a question, an image of a released read, or a push by the source.
    let document = document();
    for (name, operation) in operations(&document) {
        let answers = serde_json::to_string(&operation["responses"]).unwrap();
        let tags = serde_json::to_string(&operation["tags"]).unwrap();
        let gives_reads =
            answers.contains("schemas/Answer\"") || answers.contains("schemas/PlateRead");
        assert!(!gives_reads || tags.contains("questions"), "{name}");
        let parameters = operation["parameters"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        for parameter in parameters {
            let place = [
                "lat", "lon", "bbox", "near", "radius", "site", "camera", "from", "to",
            ];
            let parameter = parameter["name"].as_str().unwrap();
            assert!(!place.contains(&parameter), "{name}: {parameter}");
        }
    }
}
