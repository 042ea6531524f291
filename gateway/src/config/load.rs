//! Files and environment into [`super::Config`], with every problem reported at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
};

use config::{Environment, File, FileFormat};
use serde::de::DeserializeOwned;

use super::raw::RawScalars;

/// One thing wrong with the configuration: where and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, or `environment`.
    pub file: String,
    /// The key, as a path: `sources[1].quota.requests`. Empty when the file as a whole is meant.
    pub key: String,
    /// What is wrong and what to do. Never a secret.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            write!(f, "{}: {}", self.file, self.message)
        } else {
            write!(f, "{}: `{}`: {}", self.file, self.key, self.message)
        }
    }
}

/// Collects problems of one file.
#[derive(Debug)]
pub(super) struct Report {
    file: String,
    pub(super) problems: Vec<Problem>,
}

impl Report {
    pub(super) fn new(file: &Path) -> Self {
        Self {
            file: file.display().to_string(),
            problems: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, key: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem {
            file: self.file.clone(),
            key: key.into(),
            message: message.into(),
        });
    }

    pub(super) fn add_elsewhere(
        &mut self,
        file: impl Into<String>,
        key: impl Into<String>,
        message: impl Into<String>,
    ) {
        self.problems.push(Problem {
            file: file.into(),
            key: key.into(),
            message: message.into(),
        });
    }

    /// Keeps the value or reports why there is none.
    pub(super) fn check<T, E: fmt::Display>(
        &mut self,
        key: impl Into<String>,
        result: Result<T, E>,
    ) -> Option<T> {
        result
            .map_err(|error| self.add(key, error.to_string()))
            .ok()
    }
}

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
const LISTS: [&str; 3] = ["organisations", "users", "sources"];

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
    let (scalars, effective) = scalars(path, &table, environment, report)?;
    Some(Written {
        scalars,
        effective,
        lists,
    })
}

/// Merges file and environment, and says where each value came from.
fn scalars(
    path: &Path,
    table: &toml::Table,
    environment: &BTreeMap<String, String>,
    report: &mut Report,
) -> Option<(RawScalars, Vec<Effective>)> {
    let file = table.to_string();
    let own: BTreeMap<String, String> = environment
        .iter()
        .filter(|(name, _)| name.starts_with("TURNPIKE__"))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let names: BTreeSet<String> = own
        .keys()
        .filter_map(|name| name.strip_prefix("TURNPIKE__"))
        .map(|name| name.to_ascii_lowercase().replace("__", "."))
        .collect();
    let merged = config::Config::builder()
        .add_source(File::from_str(&file, FileFormat::Toml))
        .add_source(
            Environment::with_prefix("TURNPIKE")
                .prefix_separator("__")
                .separator("__")
                .try_parsing(true)
                .source(Some(own.into_iter().collect())),
        )
        .build();
    let merged = match merged {
        Ok(merged) => merged,
        Err(error) => {
            report.add("", error.to_string());
            return None;
        }
    };
    let value: serde_json::Value = match merged.try_deserialize() {
        Ok(value) => value,
        Err(error) => {
            report.add("", error.to_string());
            return None;
        }
    };
    let mut found = Vec::new();
    let scalars: Option<RawScalars> = decode(value.clone(), &mut found);
    for (key, message) in found {
        if names.contains(&key) {
            let name = format!("TURNPIKE__{}", key.to_ascii_uppercase().replace('.', "__"));
            report.add_elsewhere("environment", name, message);
        } else {
            report.add(key, message);
        }
    }
    let scalars = scalars?;
    let mut effective = Vec::new();
    let whole = serde_json::to_value(&scalars).unwrap_or_default();
    flatten("", &whole, &mut |key, shown| {
        let origin = if names.contains(key) {
            "environment".to_owned()
        } else if value
            .pointer(&format!("/{}", key.replace('.', "/")))
            .is_some()
        {
            path.display().to_string()
        } else {
            "default".to_owned()
        };
        effective.push(Effective {
            key: key.to_owned(),
            value: shown,
            origin,
        });
    });
    Some((scalars, effective))
}

fn flatten(prefix: &str, value: &serde_json::Value, emit: &mut impl FnMut(&str, String)) {
    let serde_json::Value::Object(map) = value else {
        emit(prefix, value.to_string());
        return;
    };
    for (name, inner) in map {
        let key = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        flatten(&key, inner, emit);
    }
}

/// Decodes one table; every unknown key is a problem, and so is the first value of a wrong type.
pub(super) fn decode<'de, T, D>(deserializer: D, problems: &mut Vec<(String, String)>) -> Option<T>
where
    T: DeserializeOwned,
    D: serde::Deserializer<'de>,
    D::Error: fmt::Display,
{
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(deserializer, &mut track);
    let mut unknown = Vec::new();
    let result = T::deserialize(serde_ignored::Deserializer::new(
        tracked,
        &mut |path: serde_ignored::Path<'_>| {
            unknown.push(path.to_string());
        },
    ));
    for key in unknown {
        problems.push((
            key,
            "unknown key; see docs/configuration.md for those that exist".to_owned(),
        ));
    }
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            let path = track.path().to_string();
            let key = if path == "." { String::new() } else { path };
            let message = error.to_string();
            problems.push((key, message.lines().next().unwrap_or_default().to_owned()));
            None
        }
    }
}

/// A path of the configuration is relative to the folder of its file.
pub(super) fn beside(config: &Path, path: &Path) -> PathBuf {
    if path.is_absolute() {
        return path.to_owned();
    }
    config.parent().unwrap_or(Path::new(".")).join(path)
}
