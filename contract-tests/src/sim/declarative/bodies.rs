//! The same records as answers, messages and files.

use serde_json::{Value, json};

use super::rows::Row;

/// The columns of a dropped file, in its order.
const COLUMNS: [&str; 10] = [
    "sighting_id",
    "revision",
    "plate",
    "state",
    "seen_utc",
    "lat",
    "lon",
    "camera",
    "score",
    "retracted",
];

/// An answer in JSON.
pub(super) fn json_answer(rows: &[Value], next: Option<&str>) -> String {
    json!({ "results": rows, "next": next }).to_string()
}

/// An answer in XML, as part of all there are.
pub(super) fn xml_answer(rows: &[Row], total: usize) -> String {
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><b:answer xmlns:b=\"urn:brookdale:gates\"><b:total>{total}</b:total><b:sightings>"
    );
    for row in rows {
        text.push_str("<b:sighting");
        if row.json.get("sighting_id").is_some() {
            text.push_str(&format!(" id=\"{}\"", escaped(&row.text("sighting_id"))));
        }
        text.push('>');
        for (name, _) in row.json.as_object().into_iter().flatten() {
            if name != "sighting_id" {
                text.push_str(&format!(
                    "<b:{name}>{}</b:{name}>",
                    escaped(&row.text(name))
                ));
            }
        }
        text.push_str("</b:sighting>");
    }
    text.push_str("</b:sightings></b:answer>");
    text
}

/// A file with a header line.
pub(super) fn csv_file(rows: &[Row]) -> String {
    let personal = |row: &Row| row.json.get("owner").is_some();
    let more: &[&str] = if rows.iter().any(personal) {
        &["owner", "driver_name", "tag"]
    } else {
        &[]
    };
    let columns: Vec<&str> = COLUMNS.iter().chain(more).copied().collect();
    let mut text = columns.join(",");
    text.push('\n');
    for row in rows {
        let cells: Vec<String> = columns
            .iter()
            .map(|column| cell(&row.text(column)))
            .collect();
        text.push_str(&cells.join(","));
        text.push('\n');
    }
    text
}

fn cell(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}
