//! Agreements of sources, and the keys that may sign them.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use turnpike_schemas::{
    agreement::{Agreement, AgreementDocument, Role, Status},
    tlog::{KeyKind, VerifierKey},
};

use super::{
    load::beside,
    raw::{RawAgreementKey, RawSource},
    report::Report,
    validate::elements,
};
use crate::agreements::{AgreementKey, AgreementKeys, Approval, verify};

/// Whether agreements must be signed, and by whom.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signing<'a> {
    pub(super) required: bool,
    pub(super) keys: &'a AgreementKeys,
}

/// An agreement and the good signatures under it.
pub(super) type Signed = (Arc<Agreement>, Vec<Approval>);

pub(super) fn keys(list: Vec<toml::Value>, report: &mut Report) -> AgreementKeys {
    let (mut names, mut pairs) = (BTreeSet::new(), BTreeSet::new());
    let required = ["key", "holder", "role"];
    let raw = elements::<RawAgreementKey>("agreement_keys", list, &required, report);
    let keys = raw.into_iter().filter_map(|(at, raw)| {
        let key = raw.key.parse::<VerifierKey>();
        let key = report.check(format!("{at}.key"), key)?;
        if key.kind() != KeyKind::Log {
            report.add(format!("{at}.key"), "is the key of a witness");
        }
        if !names.insert(key.name().to_owned()) {
            report.add(format!("{at}.key"), "has the name of another key");
        }
        if !pairs.insert(*key.public()) {
            let message = "is the key of another holder or name: one key is one person";
            report.add(format!("{at}.key"), message);
        }
        if raw.holder.trim().is_empty() {
            report.add(format!("{at}.holder"), "must name the person who holds it");
        }
        let owner = raw.role == Role::SourceOwner;
        if !owner && !matches!(raw.role, Role::Supervisor | Role::Operator) {
            let message = "must be `source_owner`, `supervisor` or `operator`";
            report.add(format!("{at}.role"), message);
        }
        if owner == raw.sources.is_empty() {
            let message = "goes with role `source_owner`: the sources its holder speaks for";
            report.add(format!("{at}.sources"), message);
        }
        Some(AgreementKey {
            key,
            holder: raw.holder,
            role: raw.role,
            sources: raw.sources.into_iter().collect(),
        })
    });
    AgreementKeys(keys.collect())
}

pub(super) fn agreement(
    at: &str,
    raw: &RawSource,
    path: &Path,
    signing: Signing<'_>,
    report: &mut Report,
) -> Option<Signed> {
    let file = beside(path, &raw.agreement);
    let name = file.display().to_string();
    let text =
        std::fs::read_to_string(&file).map_err(|error| format!("{name} cannot be read: {error}"));
    let text = report.check(format!("{at}.agreement"), text)?;
    let document = match toml::from_str::<AgreementDocument>(&text) {
        Ok(document) => document,
        Err(error) => {
            report.add_elsewhere(name, "", error.to_string());
            return None;
        }
    };
    if document.source != raw.id {
        let message = format!(
            "is `{}`, but source `{}` names this agreement",
            document.source, raw.id
        );
        report.add_elsewhere(name.clone(), "source", message);
    }
    let agreement = match document.validate() {
        Ok(agreement) => agreement,
        Err(problems) => {
            for problem in problems {
                report.add_elsewhere(name.clone(), problem.key, problem.message);
            }
            return None;
        }
    };
    let approvals = match verify(&file, &agreement, text.as_bytes(), signing.keys) {
        Ok(approvals) => approvals,
        Err(error) => {
            // What is not in force permits nothing and may be a draft; whoever stops a source needs nobody's key.
            if signing.required && agreement.document().status == Status::Active {
                report.add_elsewhere(name, "signed_by", error.to_string());
            }
            Vec::new()
        }
    };
    Some((Arc::new(agreement), approvals))
}
