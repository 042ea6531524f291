//! States that a camera may name, by code or in words. The guide gives no list, so only those that can be told for sure are taken.

use turnpike_schemas::plate::Jurisdiction;

const US: &[(&str, &str)] = &[
    ("AL", "Alabama"),
    ("AK", "Alaska"),
    ("AZ", "Arizona"),
    ("AR", "Arkansas"),
    ("CA", "California"),
    ("CO", "Colorado"),
    ("CT", "Connecticut"),
    ("DE", "Delaware"),
    ("DC", "District of Columbia"),
    ("FL", "Florida"),
    ("GA", "Georgia"),
    ("HI", "Hawaii"),
    ("ID", "Idaho"),
    ("IL", "Illinois"),
    ("IN", "Indiana"),
    ("IA", "Iowa"),
    ("KS", "Kansas"),
    ("KY", "Kentucky"),
    ("LA", "Louisiana"),
    ("ME", "Maine"),
    ("MD", "Maryland"),
    ("MA", "Massachusetts"),
    ("MI", "Michigan"),
    ("MN", "Minnesota"),
    ("MS", "Mississippi"),
    ("MO", "Missouri"),
    ("MT", "Montana"),
    ("NE", "Nebraska"),
    ("NV", "Nevada"),
    ("NH", "New Hampshire"),
    ("NJ", "New Jersey"),
    ("NM", "New Mexico"),
    ("NY", "New York"),
    ("NC", "North Carolina"),
    ("ND", "North Dakota"),
    ("OH", "Ohio"),
    ("OK", "Oklahoma"),
    ("OR", "Oregon"),
    ("PA", "Pennsylvania"),
    ("PR", "Puerto Rico"),
    ("RI", "Rhode Island"),
    ("SC", "South Carolina"),
    ("SD", "South Dakota"),
    ("TN", "Tennessee"),
    ("TX", "Texas"),
    ("UT", "Utah"),
    ("VT", "Vermont"),
    ("VA", "Virginia"),
    ("WA", "Washington"),
    ("WV", "West Virginia"),
    ("WI", "Wisconsin"),
    ("WY", "Wyoming"),
];

const CA: &[(&str, &str)] = &[
    ("AB", "Alberta"),
    ("BC", "British Columbia"),
    ("MB", "Manitoba"),
    ("NB", "New Brunswick"),
    ("NL", "Newfoundland and Labrador"),
    ("NS", "Nova Scotia"),
    ("NT", "Northwest Territories"),
    ("NU", "Nunavut"),
    ("ON", "Ontario"),
    ("PE", "Prince Edward Island"),
    ("QC", "Quebec"),
    ("SK", "Saskatchewan"),
    ("YT", "Yukon"),
];

/// The state of `country` that is written `state`, as its code or its name.
pub(super) fn jurisdiction(country: &Jurisdiction, state: &str) -> Option<Jurisdiction> {
    let list = match country.as_str() {
        "US" => US,
        "CA" => CA,
        _ => return None,
    };
    let written = |(code, name): &&(&str, &str)| {
        state.eq_ignore_ascii_case(code) || state.eq_ignore_ascii_case(name)
    };
    let (code, _) = list.iter().find(written)?;
    Jurisdiction::parse(&format!("{}-{code}", country.as_str())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_of_two_countries_are_known() {
        for (country, state, want) in [
            ("US", "OH", Some("US-OH")),
            ("US", "ohio", Some("US-OH")),
            ("CA", "Quebec", Some("CA-QC")),
            ("CA", "OH", None),
            ("US", "XQ", None),
            ("MX", "NL", None),
        ] {
            let country = Jurisdiction::parse(country).unwrap();
            let found = jurisdiction(&country, state);
            assert_eq!(found.as_ref().map(Jurisdiction::as_str), want, "{state}");
        }
    }

    #[test]
    fn every_code_on_the_lists_is_a_jurisdiction() {
        for (country, list) in [("US", US), ("CA", CA)] {
            let country = Jurisdiction::parse(country).unwrap();
            assert!(
                list.iter()
                    .all(|(code, _)| jurisdiction(&country, code).is_some())
            );
        }
    }
}
