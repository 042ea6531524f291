//! The policies: ours, which are fixed, and those of the installation, which can only forbid.

use std::{collections::BTreeMap, fs, path::Path};

use cedar_policy::{Effect, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use turnpike_schemas::{hex::hex, ledger::canonical_json};

/// The fixed policies.
const POLICIES: &str = include_str!("turnpike.cedar");

/// What they are about.
const SCHEMA: &str = include_str!("turnpike.cedarschema");

/// Most bytes of all policies of an installation: they are recorded in one entry of the ledger.
const MOST_BYTES: usize = 32 * 1024;

/// Everything the second engine decides by, as text. Its digest is in every decision's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySource {
    /// The fixed policies.
    pub policies: String,
    /// The schema of both.
    pub schema: String,
    /// The policies of the installation, by file name.
    pub site: BTreeMap<String, String>,
}

/// Why policies are not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("policy {file}{}: {message}", position(*.line))]
pub struct PolicyError {
    /// The file.
    pub file: String,
    /// The line in it, from 1, where that is known.
    pub line: Option<usize>,
    /// What is wrong and what to do.
    pub message: String,
}

/// Policies that were read, checked and can be evaluated.
#[derive(Debug)]
pub(super) struct Policies {
    pub(super) schema: Schema,
    pub(super) fixed: PolicySet,
    /// Absent where the installation has none.
    pub(super) site: Option<PolicySet>,
}

impl Default for PolicySource {
    fn default() -> Self {
        Self {
            policies: POLICIES.to_owned(),
            schema: SCHEMA.to_owned(),
            site: BTreeMap::new(),
        }
    }
}

impl PolicySource {
    /// The fixed policies and every `*.cedar` file of `folder`, by name.
    ///
    /// # Errors
    /// [`PolicyError`]: the folder or a file cannot be read, or all together are longer than 32 KiB. What they say is
    /// looked at by [`super::Policy::new`].
    pub fn with_site(folder: &Path) -> Result<Self, PolicyError> {
        let unreadable = |path: &Path, error: &std::io::Error| {
            PolicyError::of(
                &path.display().to_string(),
                format!("cannot be read: {error}"),
            )
        };
        let mut site = BTreeMap::new();
        for file in fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
            let path = file.map_err(|error| unreadable(folder, &error))?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let Some(name) = name.filter(|name| name.ends_with(".cedar")) else {
                continue;
            };
            let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
            site.insert(name.to_owned(), text);
        }
        if site.values().map(String::len).sum::<usize>() > MOST_BYTES {
            let message = "the policies of an installation are at most 32 KiB together";
            return Err(PolicyError::of(
                &folder.display().to_string(),
                message.to_owned(),
            ));
        }
        Ok(Self {
            site,
            ..Self::default()
        })
    }

    /// SHA-256 of the canonical JSON of this, hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        let text = canonical_json(&value).unwrap_or_default();
        hex(&Sha256::digest(text.as_bytes()))
    }

    /// Reads and checks all of it.
    ///
    /// # Errors
    /// The first [`PolicyError`].
    pub fn check(&self) -> Result<(), PolicyError> {
        self.compile().map(|_| ())
    }

    pub(super) fn compile(&self) -> Result<Policies, PolicyError> {
        let schema_file = "turnpike.cedarschema";
        let (schema, _) = Schema::from_cedarschema_str(&self.schema)
            .map_err(|error| PolicyError::of(schema_file, error.to_string()))?;
        let validator = Validator::new(schema.clone());
        let fixed = named(&parse("turnpike.cedar", &self.policies)?, "")?;
        valid(&validator, &fixed, "turnpike.cedar", &self.policies)?;
        let mut site = PolicySet::new();
        for (file, text) in &self.site {
            let policies = parse(file, text)?;
            forbids_only(&policies, file, text)?;
            let policies = named(&policies, &format!("{file}/"))?;
            valid(&validator, &policies, file, text)?;
            for policy in policies.policies() {
                site.add(policy.clone())
                    .map_err(|error| PolicyError::of(file, error.to_string()))?;
            }
        }
        Ok(Policies {
            schema,
            fixed,
            site: (!site.is_empty()).then_some(site),
        })
    }
}

impl PolicyError {
    fn of(file: &str, message: String) -> Self {
        Self {
            file: file.to_owned(),
            line: None,
            message,
        }
    }

    fn at(file: &str, text: &str, offset: Option<usize>, message: String) -> Self {
        Self {
            line: offset.map(|offset| line(text, offset)),
            ..Self::of(file, message)
        }
    }
}

fn position(line: Option<usize>) -> String {
    line.map(|line| format!(", line {line}"))
        .unwrap_or_default()
}

fn line(text: &str, offset: usize) -> usize {
    let before = text.bytes().take(offset);
    before.filter(|byte| *byte == b'\n').count() + 1
}

fn parse(file: &str, text: &str) -> Result<PolicySet, PolicyError> {
    text.parse().map_err(|errors: cedar_policy::ParseErrors| {
        let first = errors.iter().next();
        let offset = first.and_then(offset_of);
        let message = first.map_or_else(|| errors.to_string(), ToString::to_string);
        PolicyError::at(file, text, offset, message)
    })
}

fn offset_of(error: &impl miette::Diagnostic) -> Option<usize> {
    let mut labels = error.labels()?;
    labels.next().map(|label| label.offset())
}

/// A policy goes by its `@id`, with the file before it; without one by its place in the file.
fn named(policies: &PolicySet, prefix: &str) -> Result<PolicySet, PolicyError> {
    let mut named = PolicySet::new();
    for policy in policies.policies() {
        let own = policy.id().to_string();
        let id = policy.annotation("id").unwrap_or(&own);
        let policy = policy.new_id(PolicyId::new(format!("{prefix}{id}")));
        named
            .add(policy)
            .map_err(|error| PolicyError::of(prefix.trim_end_matches('/'), error.to_string()))?;
    }
    Ok(named)
}

/// What an installation adds can make an answer smaller and never larger.
fn forbids_only(policies: &PolicySet, file: &str, text: &str) -> Result<(), PolicyError> {
    let refuse = |start: Option<usize>, message: &str| {
        Err(PolicyError::at(file, text, start, message.to_owned()))
    };
    if policies.num_of_templates() > 0 {
        let start = text.find("?principal").or_else(|| text.find("?resource"));
        return refuse(
            start,
            "is a template; policies of an installation are written out",
        );
    }
    let permits = |policy: &&Policy| policy.effect() == Effect::Permit;
    match policies.policies().find(permits) {
        Some(policy) => refuse(
            policy.to_cedar().and_then(|written| text.find(&written)),
            "permits; policies of an installation can only forbid: what is permitted is said in agreements",
        ),
        None => Ok(()),
    }
}

fn valid(
    validator: &Validator,
    policies: &PolicySet,
    file: &str,
    text: &str,
) -> Result<(), PolicyError> {
    let result = validator.validate(policies, ValidationMode::Strict);
    let first = result.validation_errors().next();
    match first {
        None => Ok(()),
        Some(error) => Err(PolicyError::at(
            file,
            text,
            offset_of(error),
            error.to_string(),
        )),
    }
}
