//! The vendor's list of states: names in lower snake case, the District of Columbia and Puerto Rico included.

use turnpike_schemas::plate::Jurisdiction;

/// ISO 3166-2 subdivision of the United States, and the vendor's spelling.
const STATES: [(&str, &str); 52] = [
    ("AL", "alabama"),
    ("AK", "alaska"),
    ("AZ", "arizona"),
    ("AR", "arkansas"),
    ("CA", "california"),
    ("CO", "colorado"),
    ("CT", "connecticut"),
    ("DE", "delaware"),
    ("DC", "washington_dc"),
    ("FL", "florida"),
    ("GA", "georgia"),
    ("HI", "hawaii"),
    ("ID", "idaho"),
    ("IL", "illinois"),
    ("IN", "indiana"),
    ("IA", "iowa"),
    ("KS", "kansas"),
    ("KY", "kentucky"),
    ("LA", "louisiana"),
    ("ME", "maine"),
    ("MD", "maryland"),
    ("MA", "massachusetts"),
    ("MI", "michigan"),
    ("MN", "minnesota"),
    ("MS", "mississippi"),
    ("MO", "missouri"),
    ("MT", "montana"),
    ("NE", "nebraska"),
    ("NV", "nevada"),
    ("NH", "new_hampshire"),
    ("NJ", "new_jersey"),
    ("NM", "new_mexico"),
    ("NY", "new_york"),
    ("NC", "north_carolina"),
    ("ND", "north_dakota"),
    ("OH", "ohio"),
    ("OK", "oklahoma"),
    ("OR", "oregon"),
    ("PA", "pennsylvania"),
    ("PR", "puerto_rico"),
    ("RI", "rhode_island"),
    ("SC", "south_carolina"),
    ("SD", "south_dakota"),
    ("TN", "tennessee"),
    ("TX", "texas"),
    ("UT", "utah"),
    ("VT", "vermont"),
    ("VA", "virginia"),
    ("WA", "washington"),
    ("WV", "west_virginia"),
    ("WI", "wisconsin"),
    ("WY", "wyoming"),
];

/// The jurisdiction the vendor spells `name`; `None` for a name that is not on its list.
pub(super) fn jurisdiction(name: &str) -> Option<Jurisdiction> {
    let (code, _) = STATES.iter().find(|(_, state)| *state == name)?;
    Jurisdiction::parse(&format!("US-{code}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_a_state_of_the_united_states() {
        for (code, name) in STATES {
            let issuer = jurisdiction(name).unwrap();
            assert_eq!(issuer.as_str(), format!("US-{code}"));
        }
        let names: std::collections::BTreeSet<_> = STATES.iter().map(|(_, name)| name).collect();
        assert_eq!(names.len(), STATES.len());
    }

    #[test]
    fn a_name_that_is_not_on_the_list_is_no_state() {
        assert_eq!(jurisdiction("ontario"), None);
    }
}
