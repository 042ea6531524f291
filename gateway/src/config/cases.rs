//! Words in use here, and how the cases of an organisation are checked.

use std::{collections::BTreeMap, path::Path, time::Duration};

use regex_lite::Regex;
use url::Url;

use super::{
    raw::{RawOrganisation, RawVocabulary},
    report::Report,
    sources::follow,
};
use crate::cases::{CaseRegister, CaseRules, RegisterConfig, Vocabulary};

/// Longest pattern. A case reference is at most 64 characters.
const MAX_PATTERN: usize = 256;

const KEYS: [&str; 4] = ["url", "token", "timeout_ms", "allow_private_addresses"];

pub(super) fn vocabulary(raw: &RawVocabulary, report: &mut Report) -> Vocabulary {
    let purposes = (!raw.purposes.is_empty()).then(|| raw.purposes.clone());
    let offences = (!raw.offences.is_empty()).then(|| raw.offences.clone());
    let implied = purposes.iter().flatten();
    let implied = implied.filter_map(|purpose| purpose.implied_offence());
    let missing = implied.into_iter().find(|implied| {
        offences
            .as_ref()
            .is_some_and(|list| !list.contains(implied))
    });
    if let Some(offence) = missing {
        let message = format!("must hold `{offence}`, which a purpose in use stands for");
        report.add("vocabulary.offences", message);
    }
    Vocabulary { purposes, offences }
}

pub(super) fn keep_days(days: u32, report: &mut Report) -> u32 {
    let days = report.within("notes.keep_days", u64::from(days), 1..=36_500);
    u32::try_from(days).unwrap_or(u32::MAX)
}

pub(super) fn rules(
    at: &str,
    raw: &RawOrganisation,
    path: &Path,
    environment: &BTreeMap<String, String>,
    report: &mut Report,
) -> CaseRules {
    let pattern = raw
        .case_pattern
        .as_deref()
        .and_then(|text| report.check(format!("{at}.case_pattern"), whole(text)));
    let register = raw.case_register.as_ref().and_then(|value| {
        let at = format!("{at}.case_register");
        register(&at, value, path, environment, report)
    });
    CaseRules { pattern, register }
}

/// The pattern stands for the whole reference, whether or not it says so.
fn whole(text: &str) -> Result<Regex, String> {
    if text.is_empty() || text.len() > MAX_PATTERN {
        return Err(format!("must be 1 to {MAX_PATTERN} characters"));
    }
    Regex::new(&format!("^(?:{text})$"))
        .map_err(|error| format!("is not a regular expression: {error}"))
}

fn register(
    at: &str,
    value: &toml::Value,
    path: &Path,
    environment: &BTreeMap<String, String>,
    report: &mut Report,
) -> Option<CaseRegister> {
    let Some(table) = value.as_table() else {
        report.add(at, "must be a table");
        return None;
    };
    for key in table.keys().filter(|key| !KEYS.contains(&key.as_str())) {
        let message = "unknown key; see docs/configuration.md for those that exist";
        report.add(format!("{at}.{key}"), message);
    }
    let url = match table.get("url").and_then(toml::Value::as_str) {
        Some(text) => report.check(format!("{at}.url"), Url::parse(text)),
        None => {
            report.add(
                format!("{at}.url"),
                "is required: the address of the register",
            );
            None
        }
    };
    let token = table.get("token").and_then(|reference| {
        report.check(format!("{at}.token"), follow(reference, path, environment))
    });
    let timeout_ms = table.get("timeout_ms").map_or(Some(1_000), |value| {
        value.as_integer().and_then(|ms| u64::try_from(ms).ok())
    });
    let timeout_ms = timeout_ms.unwrap_or_default();
    let timeout_ms = report.within(format!("{at}.timeout_ms"), timeout_ms, 10..=10_000);
    let private = table.get("allow_private_addresses");
    if private.is_some_and(|value| !value.is_bool()) {
        report.add(
            format!("{at}.allow_private_addresses"),
            "must be true or false",
        );
    }
    let config = RegisterConfig {
        url: url?,
        token,
        timeout: Duration::from_millis(timeout_ms),
        allow_private_addresses: private.and_then(toml::Value::as_bool).unwrap_or(false),
    };
    report.check(format!("{at}.url"), CaseRegister::new(config))
}
