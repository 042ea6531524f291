//! Which logs and witnesses are trusted, and how many witnesses are enough.

use std::collections::{BTreeMap, BTreeSet};

use super::{Ed25519, KeyKind, Note, TlogError, VerifierKey};

/// Most logs, witnesses or groups of one policy.
const MAX_EACH: usize = 64;

/// A tlog-policy file.
///
/// ```text
/// log gateway.example/ledger+66b2c2a4+AX...
/// witness board board.example/w+1c2d3e4f+BA... https://board.example/witness
/// quorum board
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<Group>,
    quorum: Option<String>,
}

/// A log of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyLog {
    /// Its key, whose name is its origin.
    pub key: VerifierKey,
    /// Where it is, when given.
    pub url: Option<String>,
}

/// A witness of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyWitness {
    /// Its name within the policy.
    pub name: String,
    /// Its key.
    pub key: VerifierKey,
    /// Prefix of its `add-checkpoint`, when given.
    pub url: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    name: String,
    need: usize,
    members: Vec<String>,
}

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// [`TlogError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, TlogError> {
        Self::read(text).ok_or(TlogError::Malformed("witness policy"))
    }

    /// Its logs.
    #[must_use]
    pub fn logs(&self) -> &[PolicyLog] {
        &self.logs
    }

    /// Its witnesses.
    #[must_use]
    pub fn witnesses(&self) -> &[PolicyWitness] {
        &self.witnesses
    }

    /// Whether it demands any witness.
    #[must_use]
    pub fn needs_witnesses(&self) -> bool {
        self.quorum.is_some()
    }

    /// The time since which the quorum vouches for `note`, in seconds since 1970: the latest one at which enough cosignatures
    /// were made. `None` when the policy demands no witness.
    ///
    /// # Errors
    /// [`TlogError::Quorum`] when too few witnesses cosigned it; [`TlogError::BadSignature`] when a known one did not.
    pub fn cosigned_at(
        &self,
        note: &Note,
        ed25519: &dyn Ed25519,
    ) -> Result<Option<u64>, TlogError> {
        let Some(quorum) = &self.quorum else {
            return Ok(None);
        };
        let mut times = BTreeMap::new();
        for witness in &self.witnesses {
            match witness.key.check_cosignature(note, ed25519) {
                Ok(time) => drop(times.insert(witness.name.clone(), time)),
                Err(TlogError::Unsigned(_)) => {}
                Err(error) => return Err(error),
            }
        }
        for group in &self.groups {
            let mut found: Vec<u64> = group
                .members
                .iter()
                .filter_map(|member| times.get(member).copied())
                .collect();
            found.sort_unstable_by(|a, b| b.cmp(a));
            if let Some(time) = found.get(group.need - 1) {
                times.insert(group.name.clone(), *time);
            }
        }
        times
            .get(quorum)
            .copied()
            .map(Some)
            .ok_or(TlogError::Quorum)
    }

    fn read(text: &str) -> Option<Self> {
        let mut policy = Self {
            logs: Vec::new(),
            witnesses: Vec::new(),
            groups: Vec::new(),
            quorum: None,
        };
        let (mut names, mut used, mut decided) = (BTreeSet::new(), BTreeSet::new(), false);
        for line in text.split('\n') {
            let words: Vec<&str> = line
                .split([' ', '\t'])
                .filter(|word| !word.is_empty())
                .collect();
            match words.as_slice() {
                [] => {}
                [first, ..] if first.starts_with('#') => {}
                ["log", key, url @ ..] => policy.add_log(key, url)?,
                ["witness", name, key, url @ ..] => {
                    claim(&mut names, name)?;
                    policy.add_witness(name, key, url)?;
                }
                ["group", name, need, members @ ..] => {
                    let known = members
                        .iter()
                        .all(|member| names.contains(*member) && used.insert((*member).to_owned()));
                    claim(&mut names, name)?;
                    known.then_some(())?;
                    policy.add_group(name, need, members)?;
                }
                ["quorum", name] if !decided => {
                    decided = true;
                    policy.quorum = (*name != "none").then(|| (*name).to_owned());
                    (*name == "none" || names.contains(*name)).then_some(())?;
                }
                _ => return None,
            }
        }
        let small = [
            policy.logs.len(),
            policy.witnesses.len(),
            policy.groups.len(),
        ]
        .into_iter()
        .all(|count| count <= MAX_EACH);
        (decided && small).then_some(policy)
    }

    fn add_log(&mut self, key: &str, url: &[&str]) -> Option<()> {
        let key = key_of(key, KeyKind::Log)?;
        let fresh = self.logs.iter().all(|log| log.key.public() != key.public());
        self.logs.push(PolicyLog {
            key,
            url: url_of(url)?,
        });
        fresh.then_some(())
    }

    fn add_witness(&mut self, name: &str, key: &str, url: &[&str]) -> Option<()> {
        let key = key_of(key, KeyKind::Witness)?;
        let fresh = self
            .witnesses
            .iter()
            .all(|witness| witness.key.public() != key.public());
        self.witnesses.push(PolicyWitness {
            name: name.to_owned(),
            key,
            url: url_of(url)?,
        });
        fresh.then_some(())
    }

    fn add_group(&mut self, name: &str, need: &str, members: &[&str]) -> Option<()> {
        let need = match need {
            "any" => 1,
            "all" => members.len(),
            number => number.parse().ok()?,
        };
        (1..=members.len()).contains(&need).then_some(())?;
        self.groups.push(Group {
            name: name.to_owned(),
            need,
            members: members.iter().map(|member| (*member).to_owned()).collect(),
        });
        Some(())
    }
}

fn key_of(text: &str, kind: KeyKind) -> Option<VerifierKey> {
    text.parse()
        .ok()
        .filter(|key: &VerifierKey| key.kind() == kind)
}

/// At most one word.
fn url_of(words: &[&str]) -> Option<Option<String>> {
    match words {
        [] => Some(None),
        [url] => Some(Some((*url).to_owned())),
        _ => None,
    }
}

fn claim(names: &mut BTreeSet<String>, name: &str) -> Option<()> {
    (name != "none" && names.insert(name.to_owned())).then_some(())
}
