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
mod signatures;
mod sources;

use std::{collections::BTreeMap, fs, path::PathBuf};

use tempfile::TempDir;
use turnpike_gateway::{
    agreements::sign,
    config::{Config, Effective, Problem, TokenHash},
    tlog::SigningKey,
};
use turnpike_schemas::{agreement::AgreementDocument, tlog::KeyKind};

const AGREEMENT: &str = include_str!("../../../schemas/tests/all/reference-agreement.toml");

/// Made for tests; signs nothing else.
const OWNER_KEY: &str = "PRIVATE+KEY+lakeshore.example/agreements+313df741+AbM4I2GnLbJuLwkF7CiD0dehRH1SHPqq5CoE0GjqUBfN\n";

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
[agreements]
require_signatures = false

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

    /// The same, signed by the key of the example in `docs/configuration.md`.
    fn signed_agreement(self, source: &str) -> Self {
        let installation = self.agreement(source).file("owner.key", OWNER_KEY);
        let path = installation.path(&format!("agreements/{source}.toml"));
        let text = fs::read_to_string(&path).unwrap();
        let document: AgreementDocument = toml::from_str(&text).unwrap();
        let agreement = document.validate().unwrap();
        let key = SigningKey::load(&installation.path("owner.key"), KeyKind::Log).unwrap();
        sign(&path, &agreement, text.as_bytes(), &key).unwrap();
        installation
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
