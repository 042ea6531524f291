//! Providers of single sign-on, roles that do not go together, what holds for every sign-in.

use jiff::SignedDuration;
use turnpike_schemas::agreement::{Assurance, Role};

use super::Installation;

const PROVIDER: &str = r#"
[[providers]]
id = "agency"
issuer = "https://login.brookdale.example"
audience = "turnpike-api"
client_id = "turnpike"
"#;

#[test]
fn a_provider_of_four_lines_takes_what_is_safe() {
    let config = Installation::with_people(PROVIDER).config();
    let [provider] = config.providers.as_slice() else {
        panic!("{:?}", config.providers)
    };
    let algorithms: Vec<_> = provider.algorithms.iter().collect();
    assert_eq!(algorithms, ["ES256", "EdDSA", "PS256", "RS256"]);
    assert!(provider.token_types.contains("at+jwt"));
    assert_eq!(provider.leeway, SignedDuration::from_secs(30));
    assert_eq!(provider.assurance["mfa"], Assurance::Aal2);
    assert_eq!(provider.hosts.len(), 1);
    assert!(!provider.allow_private_addresses && provider.client_secret.is_none());
    assert_eq!(config.identity.assurance, Assurance::Aal1);
    assert_eq!(config.identity.sessions.idle, SignedDuration::from_mins(30));
    assert_eq!(config.identity.notice, None);
}

#[test]
fn every_problem_of_a_provider_is_named() {
    let installation = Installation::with_people(
        r#"
[identity]
session_idle_min = 31
session_hours = 25

[[providers]]
id = "agency"
issuer = "http://login.brookdale.example"
audience = "turnpike"
client_id = "turnpike"
client_secret = "inline"
algorithms = ["none", "HS256"]
leeway_s = 3600
systems = [
  { client_id = "a", organisation = "brookdale-police", role = "auditor" },
  { client_id = "b", organisation = "nowhere", role = "system" },
  { client_id = "c", organisation = "brookdale-police", role = "system" },
  { client_id = "c", organisation = "brookdale-police", role = "system" },
]

[[providers]]
id = "agency"
issuer = "https://login.brookdale.example?x=1"
audience = "turnpike-api"
client_id = "turnpike"
"#,
    );
    assert_eq!(
        installation.problems(),
        [
            "turnpike.toml: `providers[0].issuer`: must be an `https` address without query or fragment",
            "turnpike.toml: `providers[0].client_secret`: must be a reference, never the secret itself: `{ env = \"NAME\" }` or `{ file = \"path\" }`",
            "turnpike.toml: `providers[0].algorithms`: must be one or more of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA",
            "turnpike.toml: `providers[0].audience`: must differ from `client_id`: a token about a sign-in must not open the API",
            "turnpike.toml: `providers[0].leeway_s`: must be 0 to 300",
            "turnpike.toml: `providers[0].systems[0].role`: must be `system`, `integrator` or `source_owner`: other roles are people's",
            "turnpike.toml: `providers[0].systems[1].organisation`: is not one of `organisations`",
            "turnpike.toml: `providers[0].systems[3].client_id`: is used twice",
            "turnpike.toml: `providers[1].id`: is used twice",
            "turnpike.toml: `providers[1].issuer`: must be an `https` address without query or fragment",
            "turnpike.toml: `identity.session_idle_min`: must be 1 to 30",
            "turnpike.toml: `identity.session_hours`: must be 1 to 24",
        ]
    );
}

#[test]
fn roles_that_do_not_go_together_are_named_with_the_reason() {
    let installation = Installation::with_people(
        r#"
[[users]]
subject = "kim"
organisation = "brookdale-police"
roles = ["auditor", "operator"]
token_sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
"#,
    );
    assert_eq!(
        installation.problems(),
        [
            "turnpike.toml: `users[1].roles`: `auditor` and `operator` do not go together: whoever reads the ledger neither asks nor runs anything"
        ]
    );
}

#[test]
fn a_user_may_state_office_and_training() {
    let config = Installation::with_people(
        r#"
[[users]]
subject = "eli"
organisation = "brookdale-police"
roles = ["supervisor"]
sworn = true
training_until = "2026-12-31"
token_sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
"#,
    )
    .config();
    let eli = &config.users[1];
    assert!(eli.sworn && eli.roles.contains(&Role::Supervisor));
    assert_eq!(eli.training_until, Some("2026-12-31".parse().unwrap()));
    assert!(!config.users[0].sworn && config.users[0].training_until.is_none());
}
