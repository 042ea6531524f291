//! `turnpike sources --adapters`: what the registry knows.

use std::io::Write;

use serde_json::json;
use turnpike_adapters::registry::{ADAPTERS, Entry};

use super::{
    exit::{Exit, Outcome},
    query::json,
    table::{table, unbroken},
};

/// Prints every adapter: id, family, shape, evidence.
pub(super) fn print(out: &mut dyn Write, as_json: bool) -> Result<Exit, Outcome> {
    if as_json {
        let adapters: Vec<_> = ADAPTERS.iter().map(described).collect();
        json(out, &json!({ "adapters": adapters }))?;
        return Ok(Exit::Done);
    }
    let mut adapters = table(&["adapter", "family", "shape", "evidence"]);
    for entry in ADAPTERS {
        adapters.add_row([
            entry.id,
            entry.family.as_str(),
            entry.transport,
            entry.evidence.as_str(),
        ]);
    }
    unbroken(&mut adapters, 2);
    for line in adapters.to_string().lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(Exit::Done)
}

fn described(entry: &Entry) -> serde_json::Value {
    let samples: Vec<&str> = entry.samples.iter().map(|sample| sample.name).collect();
    json!({
        "id": entry.id,
        "title": entry.title,
        "family": entry.family.as_str(),
        "shape": entry.transport,
        "evidence": entry.evidence.as_str(),
        "cannot_give": entry.cannot_give,
        "samples": samples,
    })
}
