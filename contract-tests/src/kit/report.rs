//! The conformance report of a run: per adapter and subject, how many checks ran and how many held.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::Run;

/// What checks are about, in the order of the report.
const GROUPS: [&str; 12] = [
    "capabilities",
    "decoding",
    "reads",
    "hostile",
    "personal",
    "accounts",
    "search",
    "vendor",
    "images",
    "road",
    "layers",
    "faults",
];

/// The report of a run over one adapter or many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conformance {
    /// Version of the kit.
    pub kit: &'static str,
    /// Every adapter, by name.
    pub adapters: Vec<Line>,
}

/// One adapter in one way of setting it up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Adapter, and variant where it has several.
    pub adapter: String,
    /// Whether every check held.
    pub conforms: bool,
    /// Checks that ran and those that held, by what they are about.
    pub groups: BTreeMap<&'static str, Count>,
    /// Runs that failed, by name, with what did not hold.
    pub failures: BTreeMap<String, String>,
}

/// How many ran and how many held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Runs.
    pub run: usize,
    /// Those that held.
    pub held: usize,
}

impl Conformance {
    /// The report of these runs.
    #[must_use]
    pub fn of(runs: &[Run]) -> Self {
        let mut adapters: BTreeMap<&str, Line> = BTreeMap::new();
        for run in runs {
            let line = adapters.entry(&run.adapter).or_insert_with(|| Line {
                adapter: run.adapter.clone(),
                conforms: true,
                groups: BTreeMap::new(),
                failures: BTreeMap::new(),
            });
            let count = line.groups.entry(run.group).or_default();
            count.run += 1;
            match &run.failure {
                None => count.held += 1,
                Some(what) => {
                    line.conforms = false;
                    line.failures.insert(run.name(), what.clone());
                }
            }
        }
        Self {
            kit: env!("CARGO_PKG_VERSION"),
            adapters: adapters.into_values().collect(),
        }
    }
}

impl Line {
    /// All groups together.
    #[must_use]
    pub fn total(&self) -> Count {
        let add = |a: Count, b: &Count| Count {
            run: a.run + b.run,
            held: a.held + b.held,
        };
        self.groups.values().fold(Count::default(), add)
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.run == self.held {
            write!(f, "{}", self.held)
        } else {
            write!(f, "{} of {}", self.held, self.run)
        }
    }
}

impl fmt::Display for Conformance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "contract kit {}", self.kit)?;
        for line in &self.adapters {
            let word = if line.conforms {
                "conforms"
            } else {
                "DOES NOT CONFORM"
            };
            writeln!(
                f,
                "\n{}: {word}, {} checks held",
                line.adapter,
                line.total()
            )?;
            for group in GROUPS {
                if let Some(count) = line.groups.get(group) {
                    writeln!(f, "  {group:<14}{count}")?;
                }
            }
            for (run, what) in &line.failures {
                writeln!(f, "  failed: {run}\n    {}", what.replace('\n', "\n    "))?;
            }
        }
        Ok(())
    }
}

/// The report as a table for a page of Markdown.
#[must_use]
pub fn table(report: &Conformance) -> String {
    let mut text = "| adapter | contract | ".to_owned();
    text.push_str(&GROUPS.join(" | "));
    text.push_str(" |\n|---|---|");
    text.push_str(&"---|".repeat(GROUPS.len()));
    text.push('\n');
    for line in &report.adapters {
        let badge = if line.conforms { "✔" } else { "✘" };
        text.push_str(&format!(
            "| `{}` | {badge} {} |",
            line.adapter,
            line.total()
        ));
        for group in GROUPS {
            match line.groups.get(group) {
                Some(count) => text.push_str(&format!(" {count} |")),
                None => text.push_str(" – |"),
            }
        }
        text.push('\n');
    }
    text
}
