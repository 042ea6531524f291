//! The OpenAPI document: committed, served as committed, sound, and shown without help from outside.

use std::{fs, path::PathBuf};

use jsonschema::Validator;
use serde_json::{Value, json};

use super::installation::{Installation, question, question_about, with};

fn committed() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../schemas/openapi/turnpike.json")
}

fn generated() -> String {
    let mut text = serde_json::to_string_pretty(&turnpike_gateway::api::document()).unwrap();
    text.push('\n');
    text
}

fn document() -> Value {
    serde_json::from_str(&generated()).unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test asks whether to write the committed file anew; nothing of the product reads the environment"
)]
fn updating() -> bool {
    std::env::var("TURNPIKE_UPDATE").is_ok()
}

#[test]
fn the_committed_document_is_the_one_of_the_handlers() {
    if updating() {
        fs::create_dir_all(committed().parent().unwrap()).unwrap();
        fs::write(committed(), generated()).unwrap();
        return;
    }
    let text = fs::read_to_string(committed()).unwrap_or_default();
    assert!(
        text == generated(),
        "schemas/openapi/turnpike.json differs from the handlers; if that is meant, write it anew and review it:\n\
         TURNPIKE_UPDATE=1 cargo test -p turnpike-contract-tests --test all api_document"
    );
}

/// Calls `look` with every value in the document and where it is.
fn walk(value: &Value, at: &str, look: &mut impl FnMut(&str, &Value)) {
    look(at, value);
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                walk(field, &format!("{at}/{name}"), look);
            }
        }
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                walk(item, &format!("{at}/{place}"), look);
            }
        }
        _ => {}
    }
}

#[test]
fn the_document_is_sound() {
    let document = document();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    for part in ["title", "version", "description"] {
        assert!(
            document["info"][part]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
    }
    walk(&document, "", &mut |at, value| {
        if let Some(target) = value.get("$ref").and_then(Value::as_str) {
            let inside = target
                .strip_prefix('#')
                .unwrap_or_else(|| panic!("{at}: {target}"));
            assert!(
                document.pointer(inside).is_some(),
                "{at}: {target} is nowhere"
            );
        }
        assert!(value.get("nullable").is_none(), "{at}: that is OpenAPI 3.0");
    });
    let told = document["info"]["description"].as_str().unwrap();
    for kind in turnpike_gateway::api::KINDS {
        let row = format!("| `/problems/{}` | {} |", kind.name, kind.status.as_u16());
        assert!(told.contains(&row), "{row}");
    }
    let mut operation_ids = std::collections::BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            the_operation_is_sound(&document, path, operation);
            let id = operation["operationId"].as_str().unwrap().to_owned();
            assert!(operation_ids.insert(id), "{method} {path}");
        }
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        let told = schema["description"]
            .as_str()
            .is_some_and(|text| !text.is_empty());
        assert!(
            told || schema.get("oneOf").is_some(),
            "{name} is not described"
        );
    }
}

fn the_operation_is_sound(document: &Value, path: &str, operation: &Value) {
    assert!(operation["summary"].is_string(), "{path}");
    let tag = &operation["tags"][0];
    let tags = document["tags"].as_array().unwrap();
    assert!(
        tags.iter().any(|known| known["name"] == *tag),
        "{path}: {tag}"
    );
    let parameters = operation["parameters"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let in_path = parameters
        .iter()
        .filter(|parameter| parameter["in"] == "path");
    assert_eq!(in_path.clone().count(), path.matches('{').count(), "{path}");
    for parameter in in_path {
        let name = parameter["name"].as_str().unwrap();
        assert!(path.contains(&format!("{{{name}}}")) && parameter["required"] == true);
    }
    let responses = operation["responses"].as_object().unwrap();
    assert!(
        responses.keys().any(|status| status.starts_with('2')),
        "{path}"
    );
    for (status, response) in responses {
        let described = response["description"].as_str();
        assert!(
            described.is_some_and(|text| !text.is_empty()),
            "{path} {status}"
        );
        if status.starts_with(['4', '5']) {
            assert!(
                response["content"]["application/problem+json"].is_object(),
                "{path} {status}"
            );
        }
    }
    for scheme in operation["security"].as_array().into_iter().flatten() {
        for name in scheme.as_object().unwrap().keys() {
            assert!(
                document["components"]["securitySchemes"][name].is_object(),
                "{name}"
            );
        }
    }
}

/// A validator of one schema of the document.
fn schema(name: &str) -> Validator {
    let document = document();
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": format!("#/components/schemas/{name}"),
        "components": document["components"],
    });
    jsonschema::validator_for(&schema).unwrap()
}

fn fits(name: &str, value: &Value) {
    let validator = schema(name);
    let faults: Vec<String> = validator
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(faults, Vec::<String>::new(), "{name}");
}

#[tokio::test]
async fn what_is_answered_is_what_is_documented() {
    let installation = Installation::with_history(|_| {}).await;
    let token = installation.token("investigator");
    fits("QueryRequest", &question(3));
    let questions = [
        question(3),
        with(question(3), "purpose", "toll_enforcement"),
        with(question(3), "match", "look_alike"),
        with(question(40), "sources", json!(["state-tolls"])),
        question_about("TPX0001", 3),
    ];
    for asked in &questions {
        fits("Answer", &installation.ask(asked).await);
        let explain = installation.request("POST", "/v1/queries:explain", Some(token));
        let explained = explain.json(asked).send().await.unwrap();
        fits("Explanation", &explained.json().await.unwrap());
    }
    let stream = installation.request("POST", "/v1/queries", Some(token));
    let stream = stream
        .header("accept", "application/x-ndjson")
        .json(&question(3));
    let lines = stream.send().await.unwrap().text().await.unwrap();
    assert_eq!(lines.lines().count(), 9);
    for line in lines.lines() {
        fits("StreamLine", &serde_json::from_str(line).unwrap());
    }
    let (_, sources) = installation
        .gateway
        .get(token, "/v1/sources")
        .await
        .unwrap();
    fits("SourceList", &sources);
    let (status, problem) = installation
        .gateway
        .ask("nobody", &question(3))
        .await
        .unwrap();
    assert_eq!(status, 401);
    fits("Problem", &problem);
    assert!(!schema("QueryRequest").is_valid(&with(question(3), "deadline_ms", 99)));
    assert!(!schema("QueryRequest").is_valid(&with(question(3), "purpose", "curiosity")));
}

#[tokio::test]
async fn the_document_is_served_as_committed_and_its_pages_need_nobody_else() {
    let installation = Installation::start(|_| {}).await;
    let get = async |path: &str| {
        let response = installation
            .request("GET", path, None)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200, "{path}");
        response.text().await.unwrap()
    };
    let served: Value = serde_json::from_str(&get("/openapi.json").await).unwrap();
    assert_eq!(served, document());
    let page = get("/docs/").await;
    let references: Vec<&str> = page
        .split(['"', '\''])
        .filter(|word| word.starts_with("./") || word.contains("://"))
        .collect();
    assert!(references.len() >= 3, "{page}");
    for reference in references {
        assert!(!reference.contains("://"), "{reference} is elsewhere");
        let path = format!("/docs/{}", reference.trim_start_matches("./"));
        assert!(!get(&path).await.is_empty());
    }
    let setup = get("/docs/swagger-initializer.js").await;
    assert!(
        setup.contains("/openapi.json") && !setup.contains("://"),
        "{setup}"
    );
    let head = installation
        .request("GET", "/docs/", None)
        .send()
        .await
        .unwrap();
    assert_eq!(head.headers()["x-content-type-options"], "nosniff");
}
