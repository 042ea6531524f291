//! Organisations, users and their tokens.

use std::collections::BTreeSet;

use turnpike_gateway::config::TokenHash;
use turnpike_schemas::agreement::{OrganisationClass, Role};

use super::Installation;

#[test]
fn a_user_belongs_to_an_organisation_and_is_known_by_the_hash_of_a_token() {
    let config = Installation::with_people("").config();
    let [user] = config.users.as_slice() else {
        panic!("{:?}", config.users)
    };
    assert_eq!(user.subject, "dana");
    assert_eq!(user.organisation.class, OrganisationClass::StateLocal);
    assert_eq!(user.roles, BTreeSet::from([Role::Investigator]));
    assert!(user.token.is(&TokenHash::of("dana's token")));
    assert!(!user.token.is(&TokenHash::of("dana's token ")));
}

#[test]
fn two_accounts_never_share_an_id_or_a_token() {
    let hash = TokenHash::of("dana's token").to_hex();
    let installation = Installation::with_people(&format!(
        r#"
[[users]]
subject = "dana"
organisation = "brookdale-police"
roles = ["supervisor"]
token_sha256 = "{}"

[[organisations]]
id = "brookdale-police"
class = "private"
jurisdiction = "US-OH"
"#,
        hash.to_uppercase()
    ));
    assert_eq!(
        installation.problems(),
        [
            "turnpike.toml: `organisations[1].id`: is used twice",
            "turnpike.toml: `users[1].subject`: is used twice; accounts are not shared",
            "turnpike.toml: `users[1].token_sha256`: is used twice; accounts are not shared",
        ]
    );
}

#[test]
fn every_missing_and_unknown_key_of_every_element_is_named() {
    let installation = Installation::new(
        r#"
[[organisations]]
id = "self"
class = "state_local"
jurisdiction = "US-OH"

[[organisations]]
name = "Brookdale"

[[users]]
subject = " "
"#,
    );
    assert_eq!(
        installation.problems(),
        [
            "turnpike.toml: `organisations[1].id`: is required",
            "turnpike.toml: `organisations[1].class`: is required",
            "turnpike.toml: `organisations[1].jurisdiction`: is required",
            "turnpike.toml: `organisations[1].name`: unknown key; see docs/configuration.md for those that exist",
            "turnpike.toml: `organisations[0].id`: must be 1 to 64 characters of `a-z`, `0-9` and `-`, and not `self`",
            "turnpike.toml: `users[0].organisation`: is required",
            "turnpike.toml: `users[0].roles`: is required",
            "turnpike.toml: `users[0].token_sha256`: is required",
        ]
    );
}

#[test]
fn a_role_that_does_not_exist_lists_those_that_do() {
    let installation = Installation::with_people(
        r#"
[[users]]
subject = "eli"
organisation = "brookdale-police"
roles = ["king"]
token_sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
"#,
    );
    let problems = installation.problems();
    let [problem] = problems.as_slice() else {
        panic!("{problems:?}")
    };
    assert!(
        problem.starts_with("turnpike.toml: `users[1].roles"),
        "{problem}"
    );
    assert!(
        problem.contains("unknown variant `king`") && problem.contains("`investigator`"),
        "{problem}"
    );
}

#[test]
fn a_hash_is_64_hexadecimal_digits_and_nothing_else() {
    let digits = "0f".repeat(32);
    assert_eq!(TokenHash::parse(&digits).unwrap().to_hex(), digits);
    for wrong in [
        String::new(),
        "0f".repeat(31),
        "0f".repeat(33),
        "+f".repeat(32),
        "0g".repeat(32),
    ] {
        assert!(TokenHash::parse(&wrong).is_none(), "{wrong}");
    }
}

#[test]
fn a_token_and_its_hash_never_show_in_debug_output() {
    let config = Installation::with_people("").config();
    let shown = format!("{config:?}");
    assert!(shown.contains("dana"));
    assert!(!shown.contains(&TokenHash::of("dana's token").to_hex()));
    assert_eq!(format!("{:?}", TokenHash::of("dana's token")), "TokenHash");
}
