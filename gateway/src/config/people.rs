//! Organisations and users.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use turnpike_schemas::{agreement::Organisation, read::is_identifier};

use crate::cases::CaseRules;

use super::{
    Source, TokenHash, User, cases,
    raw::{RawOrganisation, RawUser},
    report::Report,
    validate::{elements, token_hash},
};
use crate::identity::duties;

/// The organisations, and how the cases of those are checked that say so.
pub(super) fn organisations(
    list: Vec<toml::Value>,
    path: &Path,
    environment: &BTreeMap<String, String>,
    report: &mut Report,
) -> (BTreeMap<String, Organisation>, BTreeMap<String, CaseRules>) {
    let (mut organisations, mut checked) = (BTreeMap::new(), BTreeMap::new());
    let required = ["id", "class", "jurisdiction"];
    for (at, raw) in elements::<RawOrganisation>("organisations", list, &required, report) {
        if !is_identifier(&raw.id) || raw.id == "self" {
            let message = "must be 1 to 64 characters of `a-z`, `0-9` and `-`, and not `self`";
            report.add(format!("{at}.id"), message);
        }
        if raw.case_pattern.is_some() || raw.case_register.is_some() {
            let rules = cases::rules(&at, &raw, path, environment, report);
            checked.insert(raw.id.clone(), rules);
        }
        let organisation = Organisation {
            id: raw.id.clone(),
            class: raw.class,
            jurisdiction: raw.jurisdiction,
        };
        if organisations.insert(raw.id, organisation).is_some() {
            report.add(format!("{at}.id"), "is used twice");
        }
    }
    (organisations, checked)
}

pub(super) fn users(
    list: Vec<toml::Value>,
    organisations: &BTreeMap<String, Organisation>,
    tokens: &mut BTreeSet<TokenHash>,
    report: &mut Report,
) -> Vec<User> {
    let mut subjects = BTreeSet::new();
    let required = ["subject", "organisation", "roles", "token_sha256"];
    let raw = elements::<RawUser>("users", list, &required, report);
    let users = raw.into_iter().filter_map(|(at, raw)| {
        if !subjects.insert(raw.subject.clone()) {
            report.add(
                format!("{at}.subject"),
                "is used twice; accounts are not shared",
            );
        }
        user(&at, raw, organisations, tokens, report)
    });
    users.collect()
}

/// An owner is an organisation, so that its users can be told from others.
pub(super) fn owners(
    sources: &[Source],
    organisations: &BTreeMap<String, Organisation>,
    report: &mut Report,
) {
    for source in sources {
        let owner = source.owner.as_ref();
        if owner.is_some_and(|owner| !organisations.contains_key(owner)) {
            let key = format!("sources.{}.owner", source.id);
            report.add(key, "is not one of `organisations`");
        }
    }
}

fn user(
    at: &str,
    raw: RawUser,
    organisations: &BTreeMap<String, Organisation>,
    tokens: &mut BTreeSet<TokenHash>,
    report: &mut Report,
) -> Option<User> {
    if raw.subject.trim().is_empty() || raw.subject.len() > 128 {
        report.add(format!("{at}.subject"), "must be 1 to 128 characters");
    }
    if raw.roles.is_empty() {
        report.add(format!("{at}.roles"), "must name at least one role");
    }
    let roles: BTreeSet<_> = raw.roles.into_iter().collect();
    if let Err(conflict) = duties::check(&roles) {
        report.add(format!("{at}.roles"), conflict.to_string());
    }
    let organisation = organisations.get(&raw.organisation).cloned();
    if organisation.is_none() {
        report.add(
            format!("{at}.organisation"),
            "is not one of `organisations`",
        );
    }
    let token = token_hash(
        &format!("{at}.token_sha256"),
        &raw.token_sha256,
        tokens,
        report,
    );
    Some(User {
        subject: raw.subject,
        organisation: organisation?,
        roles,
        sworn: raw.sworn,
        training_until: raw.training_until,
        token: token?,
    })
}
