//! States without a country: the two-letter codes that US states and Canadian provinces share without overlap.

use std::collections::BTreeMap;

use serde::Deserialize;
use turnpike_schemas::plate::Jurisdiction;

/// Who issues plates of a state, by its two letters, as the settings of a source say.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct States(BTreeMap<String, Jurisdiction>);

impl States {
    /// The first thing that is wrong with the table.
    pub(crate) fn check(&self) -> Result<(), String> {
        let wrong =
            |code: &&String| code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_uppercase());
        match self.0.keys().find(wrong) {
            Some(code) => Err(format!("state `{code}` must be 2 capital letters")),
            None => Ok(()),
        }
    }

    /// Who issues plates of `state`, which belongs to `country` unless the table says otherwise.
    pub(crate) fn issuer(&self, country: Option<&str>, state: &str) -> Option<Jurisdiction> {
        if let Some(named) = self.0.get(state) {
            return Some(named.clone());
        }
        Jurisdiction::parse(&format!("{}-{state}", country?)).ok()
    }
}

/// US states, the federal district and territories with plates of their own, as ISO 3166-2 has them after `US-`.
const UNITED_STATES: [&str; 56] = [
    "AK", "AL", "AR", "AS", "AZ", "CA", "CO", "CT", "DC", "DE", "FL", "GA", "GU", "HI", "IA", "ID",
    "IL", "IN", "KS", "KY", "LA", "MA", "MD", "ME", "MI", "MN", "MO", "MP", "MS", "MT", "NC", "ND",
    "NE", "NH", "NJ", "NM", "NV", "NY", "OH", "OK", "OR", "PA", "PR", "RI", "SC", "SD", "TN", "TX",
    "UT", "VA", "VI", "VT", "WA", "WI", "WV", "WY",
];

/// Provinces and territories of Canada, as ISO 3166-2 has them after `CA-`.
const CANADA: [&str; 13] = [
    "AB", "BC", "MB", "NB", "NL", "NS", "NT", "NU", "ON", "PE", "QC", "SK", "YT",
];

/// The country a code of a state belongs to: `US` or `CA`.
pub(crate) fn country(state: &str) -> Option<&'static str> {
    let of = |states: &[&str]| states.binary_search(&state).is_ok();
    if of(&UNITED_STATES) {
        Some("US")
    } else {
        of(&CANADA).then_some("CA")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_country() {
        assert!(UNITED_STATES.is_sorted() && CANADA.is_sorted());
        assert!(UNITED_STATES.iter().all(|state| !CANADA.contains(state)));
        for (state, want) in [
            ("OH", Some("US")),
            ("PR", Some("US")),
            ("ON", Some("CA")),
            ("XX", None),
            ("oh", None),
            ("", None),
        ] {
            assert_eq!(country(state), want, "{state}");
        }
    }
}
