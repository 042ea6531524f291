//! The configuration as an operator meets it: real files, a given environment, every problem at once.

mod documentation;
mod environment;
mod fetching;
mod mappings;
mod people;
mod providers;
mod push;
mod scalars;
mod secrets;
mod sources;

use std::{collections::BTreeMap, fs, path::PathBuf};

use tempfile::TempDir;
use turnpike_gateway::config::{Config, Effective, Problem, TokenHash};

const AGREEMENT: &str = include_str!("../../../schemas/tests/all/reference-agreement.toml");

/// A folder with a configuration file and what it refers to.
struct Installation {
    folder: TempDir,
    environment: BTreeMap<String, String>,
}

impl Installation {
    fn new(turnpike_toml: &str) -> Self {
        let installation = Self {
            folder: tempfile::tempdir().unwrap(),
            environment: BTreeMap::new(),
        };
        installation.file("turnpike.toml", turnpike_toml)
    }

    /// One organisation, one user with the token `dana's token`, and then `rest`.
    fn with_people(rest: &str) -> Self {
        let hash = TokenHash::of("dana's token").to_hex();
        Self::new(&format!(
            r#"
[[organisations]]
id = "brookdale-police"
class = "state_local"
jurisdiction = "US-OH"

[[users]]
subject = "dana"
organisation = "brookdale-police"
roles = ["investigator"]
token_sha256 = "{hash}"

{rest}"#
        ))
    }

    fn file(self, name: &str, text: &str) -> Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// The reference agreement, for another source.
    fn agreement(self, source: &str) -> Self {
        let text = AGREEMENT.replace("lakeshore-tolls", source);
        self.file(&format!("agreements/{source}.toml"), &text)
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn load(&self) -> Result<Config, Vec<Problem>> {
        Config::load_with(&self.path("turnpike.toml"), &self.environment)
    }

    fn config(&self) -> Config {
        self.load()
            .unwrap_or_else(|problems| panic!("{problems:#?}"))
    }

    /// Every problem as it is shown, without the name of the temporary folder.
    fn problems(&self) -> Vec<String> {
        let folder = format!("{}/", self.folder.path().display());
        let problems = self.load().err().unwrap_or_default();
        let shown = problems
            .iter()
            .map(|problem| problem.to_string().replace(&folder, ""));
        shown.collect()
    }
}

fn effective<'a>(config: &'a Config, key: &str) -> &'a Effective {
    config
        .effective
        .iter()
        .find(|effective| effective.key == key)
        .unwrap()
}
