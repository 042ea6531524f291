//! Reads the file and the environment and puts them together; says of each value where it came from.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use config::{File, FileFormat};
use serde_json::Value;

use super::{decode::decode, raw::RawScalars, report::Report};

/// Where an effective scalar came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// Dotted key.
    pub key: String,
    /// Its value.
    pub value: String,
    /// `default`, `environment` or the file.
    pub origin: String,
}

/// What is written, before its meaning is checked.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) scalars: RawScalars,
    pub(super) effective: Vec<Effective>,
    pub(super) lists: BTreeMap<&'static str, Vec<toml::Value>>,
}

/// The lists: files only, because the environment cannot hold lists of tables.
const LISTS: [&str; 7] = [
    "organisations",
    "users",
    "providers",
    "agreement_keys",
    "rosters",
    "hotlists",
    "sources",
];

/// Every variable of this prefix must name a scalar key.
const PREFIX: &str = "TURNPIKE__";

pub(super) fn read(
    path: &Path,
    environment: &BTreeMap<String, String>,
    report: &mut Report,
) -> Option<Written> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            report.add("", format!("cannot be read: {error}"));
            return None;
        }
    };
    // The toml crate shows line, column and the text; the config crate would not.
    let mut table = match text.parse::<toml::Table>() {
        Ok(table) => table,
        Err(error) => {
            report.add("", error.to_string());
            return None;
        }
    };
    let lists = lists(&mut table, report);
    let (scalars, effective) = scalars(path, &table, environment, report)?;
    Some(Written {
        scalars,
        effective,
        lists,
    })
}

fn lists(table: &mut toml::Table, report: &mut Report) -> BTreeMap<&'static str, Vec<toml::Value>> {
    let mut lists = BTreeMap::new();
    for name in LISTS {
        match table.remove(name) {
            None => {}
            Some(toml::Value::Array(list)) => {
                lists.insert(name, list);
            }
            Some(_) => report.add(
                name,
                format!("must be a list of tables: write `[[{name}]]`"),
            ),
        }
    }
    lists
}

/// Merges file and environment, and says where each value came from.
fn scalars(
    path: &Path,
    table: &toml::Table,
    environment: &BTreeMap<String, String>,
    report: &mut Report,
) -> Option<(RawScalars, Vec<Effective>)> {
    let defaults = scalar_keys(&RawScalars::default());
    let overrides = overrides(environment, &defaults, report);
    let merged = merge(table, overrides).map_err(|error| report.add("", error.to_string()));
    let merged = merged.ok()?;
    let (scalars, flaws) = decode::<RawScalars>(merged, &[]);
    for (key, message) in flaws {
        report.add(key, message);
    }
    let scalars = scalars?;
    let effective = scalar_keys(&scalars).into_iter().map(|(key, value)| {
        let origin = if report.is_from_environment(&key) {
            "environment".to_owned()
        } else if holds(table, &key) {
            path.display().to_string()
        } else {
            "default".to_owned()
        };
        Effective {
            value: value.to_string(),
            key,
            origin,
        }
    });
    let effective = effective.collect();
    Some((scalars, effective))
}

fn merge(
    table: &toml::Table,
    overrides: Vec<(String, config::Value)>,
) -> Result<toml::Value, config::ConfigError> {
    let mut builder =
        config::Config::builder().add_source(File::from_str(&table.to_string(), FileFormat::Toml));
    for (key, value) in overrides {
        builder = builder.set_override(key, value)?;
    }
    builder.build()?.try_deserialize()
}

/// What the environment sets, in the type of the default. A variable that sets nothing is a problem.
fn overrides(
    environment: &BTreeMap<String, String>,
    defaults: &BTreeMap<String, Value>,
    report: &mut Report,
) -> Vec<(String, config::Value)> {
    let mut overrides = Vec::new();
    for (variable, text) in environment {
        let Some(name) = variable.strip_prefix(PREFIX) else {
            almost(variable, defaults, report);
            continue;
        };
        let key = name.to_ascii_lowercase().replace("__", ".");
        let Some(default) = defaults.get(&key) else {
            let message = "unknown key; lists come from the file only, and docs/configuration.md has the keys that exist";
            report.add_elsewhere("environment", variable, message);
            continue;
        };
        if report.is_from_environment(&key) {
            let message = "is set twice, in upper and in lower case";
            report.add_elsewhere("environment", variable, message);
            continue;
        }
        report.comes_from(&key, variable);
        overrides.push((key, typed(text, default)));
    }
    overrides
}

/// A variable with one underscore where two are needed would otherwise be ignored in silence.
fn almost(variable: &str, defaults: &BTreeMap<String, Value>, report: &mut Report) {
    let Some(name) = variable.strip_prefix("TURNPIKE_") else {
        return;
    };
    let name = name.to_ascii_lowercase();
    if let Some(key) = defaults
        .keys()
        .find(|key| key.replace('.', "_") == name.replace("__", "_"))
    {
        let meant = key.to_ascii_uppercase().replace('.', "__");
        let message = format!("sets nothing; did you mean `{PREFIX}{meant}`?");
        report.add_elsewhere("environment", variable, message);
    }
}

/// Text that does not read as the type of the default stays text, and is then reported as a wrong type.
fn typed(text: &str, default: &Value) -> config::Value {
    match default {
        Value::Number(_) => text.parse::<i64>().map_or_else(|_| text.into(), Into::into),
        Value::Bool(_) => text
            .parse::<bool>()
            .map_or_else(|_| text.into(), Into::into),
        Value::Array(_) => {
            let words = text.split(',').map(str::trim);
            let words: Vec<String> = words
                .filter(|word| !word.is_empty())
                .map(Into::into)
                .collect();
            words.into()
        }
        _ => text.into(),
    }
}

/// Every scalar by its dotted key.
fn scalar_keys(scalars: &RawScalars) -> BTreeMap<String, Value> {
    let mut keys = BTreeMap::new();
    flatten(
        "",
        &serde_json::to_value(scalars).unwrap_or_default(),
        &mut keys,
    );
    keys
}

fn flatten(prefix: &str, value: &Value, keys: &mut BTreeMap<String, Value>) {
    let Value::Object(map) = value else {
        keys.insert(prefix.to_owned(), value.clone());
        return;
    };
    for (name, inner) in map {
        let key = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        flatten(&key, inner, keys);
    }
}

fn holds(table: &toml::Table, key: &str) -> bool {
    match key.split_once('.') {
        None => table.contains_key(key),
        Some((first, rest)) => table
            .get(first)
            .and_then(toml::Value::as_table)
            .is_some_and(|inner| holds(inner, rest)),
    }
}

/// A path of the configuration is relative to the folder of its file.
pub(super) fn beside(config: &Path, path: &Path) -> PathBuf {
    if path.is_absolute() {
        return path.to_owned();
    }
    config.parent().unwrap_or(Path::new(".")).join(path)
}
