//! Problems, collected until everything was looked at.

use std::{collections::BTreeMap, fmt, path::Path};

/// One thing wrong with the configuration: where and what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, or `environment`.
    pub file: String,
    /// The key, as a path: `sources[1].quota.requests`, or the name of the environment variable. Empty when the file
    /// as a whole is meant.
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

/// Collects the problems of one configuration file and of all it refers to.
#[derive(Debug)]
pub(super) struct Report {
    file: String,
    /// Keys whose value comes from the environment, with the variable: the problem is there then.
    variables: BTreeMap<String, String>,
    problems: Vec<Problem>,
}

impl Report {
    pub(super) fn new(file: &Path) -> Self {
        Self {
            file: file.display().to_string(),
            variables: BTreeMap::new(),
            problems: Vec::new(),
        }
    }

    /// From here on a problem of `key` is one of the environment variable.
    pub(super) fn comes_from(&mut self, key: &str, variable: &str) {
        self.variables.insert(key.to_owned(), variable.to_owned());
    }

    pub(super) fn is_from_environment(&self, key: &str) -> bool {
        self.variables.contains_key(key)
    }

    pub(super) fn add(&mut self, key: impl Into<String>, message: impl Into<String>) {
        let key = key.into();
        match self.variables.get(&key).cloned() {
            Some(variable) => self.add_elsewhere("environment", variable, message),
            None => self.add_elsewhere(self.file.clone(), key, message),
        }
    }

    /// A key that has a problem already, or whose parts have one, gets no second one: it would be a consequence.
    pub(super) fn add_elsewhere(
        &mut self,
        file: impl Into<String>,
        key: impl Into<String>,
        message: impl Into<String>,
    ) {
        let (file, key) = (file.into(), key.into());
        let known = self.problems.iter().any(|problem| {
            let below = problem.key.strip_prefix(&key);
            problem.file == file
                && below.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        });
        if key.is_empty() || !known {
            self.problems.push(Problem {
                file,
                key,
                message: message.into(),
            });
        }
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

    /// Keeps the value if it is in range; otherwise reports that and gives the nearest one that is.
    pub(super) fn within(
        &mut self,
        key: impl Into<String>,
        value: u64,
        range: std::ops::RangeInclusive<u64>,
    ) -> u64 {
        if !range.contains(&value) {
            self.add(key, format!("must be {} to {}", range.start(), range.end()));
        }
        value.clamp(*range.start(), *range.end())
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }
}
