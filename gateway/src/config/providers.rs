//! How people and systems are recognised: the `[identity]` table and `[[providers]]` of single sign-on.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use turnpike_adapters::context::Secret;
use turnpike_schemas::{
    agreement::{Assurance, Organisation, Role},
    read::is_identifier,
};
use url::Url;

use super::{
    report::Report,
    sources::{Surroundings, resolve},
    validate::elements,
};
use crate::{control::SessionLimits, identity::duties};

/// Signature algorithms that may be allowed. All are asymmetric: a key that verifies cannot sign.
pub const ALGORITHMS: [&str; 9] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
];

/// What holds for every sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityRules {
    /// System-use notice.
    pub notice: Option<String>,
    /// Whether people whose training is not known to be valid may ask.
    pub require_training: bool,
    /// Least assurance of people's sign-ins for anything at all.
    pub assurance: Assurance,
    /// Least assurance of people's sign-ins for taking entries of the ledger home and for approving what others ask for.
    pub step_up: Assurance,
    /// How long ago an account must have been enrolled for its holder to approve anything.
    pub approver_age: SignedDuration,
    /// How long sessions last.
    pub sessions: SessionLimits,
    /// Longest life of a session that a provider vouched for: roles and leave taken there count here from its next sign-in on.
    pub provider_session: SignedDuration,
}

/// A provider of single sign-on.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Identifier; subjects are `ID:SUBJECT`.
    pub id: String,
    /// Its issuer, exactly as it writes it.
    pub issuer: String,
    /// What access tokens must be for.
    pub audience: String,
    /// The gateway's own identifier there.
    pub client_id: String,
    /// The gateway's own secret there, where it has one.
    pub client_secret: Option<Secret>,
    /// Where it may be asked: its issuer's origin and those named.
    pub hosts: Vec<Url>,
    /// Whether those may resolve to private addresses.
    pub allow_private_addresses: bool,
    /// Signature algorithms taken.
    pub algorithms: BTreeSet<String>,
    /// `typ` of access tokens taken.
    pub token_types: BTreeSet<String>,
    /// How far clocks may differ.
    pub leeway: SignedDuration,
    /// Scopes asked for.
    pub scopes: Vec<String>,
    /// Where the browser may be sent besides loopback.
    pub redirect_uris: BTreeSet<String>,
    /// `acr_values` asked for where two factors are needed.
    pub step_up_acr: Option<String>,
    /// Which claim says what.
    pub claims: Claims,
    /// Roles by the provider's word.
    pub roles: BTreeMap<String, Role>,
    /// Assurance by value of `acr` or `amr`.
    pub assurance: BTreeMap<String, Assurance>,
    /// Systems by client identifier.
    pub systems: BTreeMap<String, (Organisation, Role)>,
}

/// Which claim says what: a name, or names of nested objects with dots between.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, expecting = "a table")]
pub struct Claims {
    /// The person.
    pub subject: String,
    /// Identifier of the organisation.
    pub organisation: String,
    /// Its class. Where mapped, it must be there and agree with what is configured.
    pub class: Option<String>,
    /// Its jurisdiction. Where mapped, it must be there and agree with what is configured.
    pub jurisdiction: Option<String>,
    /// Roles: a list, or words with spaces between.
    pub roles: String,
    /// Last day of valid training.
    pub training_until: Option<String>,
    /// Whether the person is a sworn officer.
    pub sworn: Option<String>,
}

impl Default for Claims {
    fn default() -> Self {
        Self {
            subject: "sub".to_owned(),
            organisation: "organisation".to_owned(),
            class: None,
            jurisdiction: None,
            roles: "roles".to_owned(),
            training_until: None,
            sworn: None,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, expecting = "a table")]
pub(super) struct RawIdentity {
    pub(super) notice: String,
    pub(super) require_training: bool,
    pub(super) assurance: Assurance,
    pub(super) step_up: Assurance,
    pub(super) approver_days: u64,
    pub(super) session_idle_min: u64,
    pub(super) session_hours: u64,
    pub(super) provider_session_min: u64,
}

impl Default for RawIdentity {
    fn default() -> Self {
        Self {
            notice: String::new(),
            require_training: false,
            assurance: Assurance::Aal1,
            step_up: Assurance::Aal2,
            approver_days: 7,
            session_idle_min: 30,
            session_hours: 12,
            provider_session_min: 60,
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(expecting = "a table")]
struct RawProvider {
    id: String,
    issuer: String,
    audience: String,
    client_id: String,
    client_secret: Option<toml::Value>,
    #[serde(default)]
    hosts: Vec<Url>,
    #[serde(default)]
    allow_private_addresses: bool,
    algorithms: Option<BTreeSet<String>>,
    token_types: Option<BTreeSet<String>>,
    #[serde(default = "leeway_s")]
    leeway_s: u64,
    scopes: Option<Vec<String>>,
    #[serde(default)]
    redirect_uris: BTreeSet<String>,
    step_up_acr: Option<String>,
    #[serde(default)]
    claims: Claims,
    #[serde(default)]
    roles: BTreeMap<String, Role>,
    assurance: Option<BTreeMap<String, Assurance>>,
    #[serde(default)]
    systems: Vec<RawSystem>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(expecting = "a table")]
struct RawSystem {
    client_id: String,
    organisation: String,
    role: Role,
}

fn leeway_s() -> u64 {
    30
}

pub(super) fn rules(raw: &RawIdentity, report: &mut Report) -> IdentityRules {
    let mut within = |key, value, most| {
        let value = report.within(key, value, 1..=most);
        i64::try_from(value).unwrap_or(1)
    };
    let idle = within("identity.session_idle_min", raw.session_idle_min, 30);
    let longest = within("identity.session_hours", raw.session_hours, 24);
    let vouched = within(
        "identity.provider_session_min",
        raw.provider_session_min,
        720,
    );
    let approver_days = report.within("identity.approver_days", raw.approver_days, 0..=366);
    let notice = raw.notice.trim();
    if notice.len() > 8_192 {
        report.add("identity.notice", "must be at most 8192 bytes");
    }
    IdentityRules {
        notice: (!notice.is_empty()).then(|| notice.to_owned()),
        require_training: raw.require_training,
        assurance: raw.assurance,
        step_up: raw.step_up,
        approver_age: SignedDuration::from_hours(24 * i64::try_from(approver_days).unwrap_or(7)),
        sessions: SessionLimits {
            idle: SignedDuration::from_mins(idle),
            longest: SignedDuration::from_hours(longest),
        },
        provider_session: SignedDuration::from_mins(vouched),
    }
}

pub(super) fn providers(
    list: Vec<toml::Value>,
    organisations: &BTreeMap<String, Organisation>,
    around: &Surroundings<'_>,
    report: &mut Report,
) -> Vec<Provider> {
    let required = ["id", "issuer", "audience", "client_id"];
    let mut ids = BTreeSet::new();
    let mut issuers = BTreeSet::new();
    let raw = elements::<RawProvider>("providers", list, &required, report);
    let providers = raw.into_iter().filter_map(|(at, raw)| {
        if !is_identifier(&raw.id) {
            let message = "must be 1 to 64 characters of `a-z`, `0-9` and `-`";
            report.add(format!("{at}.id"), message);
        }
        for (key, is_new) in [
            ("id", ids.insert(raw.id.clone())),
            ("issuer", issuers.insert(raw.issuer.clone())),
        ] {
            if !is_new {
                report.add(format!("{at}.{key}"), "is used twice");
            }
        }
        provider(&at, raw, organisations, around, report)
    });
    providers.collect()
}

fn provider(
    at: &str,
    raw: RawProvider,
    organisations: &BTreeMap<String, Organisation>,
    around: &Surroundings<'_>,
    report: &mut Report,
) -> Option<Provider> {
    let issuer = issuer(at, &raw, report);
    let secret = raw.client_secret.as_ref().and_then(|reference| {
        report.check(format!("{at}.client_secret"), resolve(reference, around))
    });
    let algorithms = raw
        .algorithms
        .unwrap_or_else(|| BTreeSet::from(["RS256", "PS256", "ES256", "EdDSA"].map(str::to_owned)));
    if algorithms.is_empty()
        || !algorithms
            .iter()
            .all(|name| ALGORITHMS.contains(&name.as_str()))
    {
        let message = format!("must be one or more of {}", ALGORITHMS.join(", "));
        report.add(format!("{at}.algorithms"), message);
    }
    if raw.audience == raw.client_id {
        let message = "must differ from `client_id`: a token about a sign-in must not open the API";
        report.add(format!("{at}.audience"), message);
    }
    let leeway = report.within(format!("{at}.leeway_s"), raw.leeway_s, 0..=300);
    let systems = systems(at, &raw.systems, organisations, report);
    let mut hosts = raw.hosts;
    hosts.push(issuer?);
    Some(Provider {
        id: raw.id,
        issuer: raw.issuer,
        audience: raw.audience,
        client_id: raw.client_id,
        client_secret: secret,
        hosts,
        allow_private_addresses: raw.allow_private_addresses,
        algorithms,
        token_types: raw
            .token_types
            .unwrap_or_else(|| BTreeSet::from(["at+jwt".to_owned()])),
        leeway: SignedDuration::from_secs(i64::try_from(leeway).unwrap_or_default()),
        scopes: raw
            .scopes
            .unwrap_or_else(|| vec!["openid".to_owned(), "profile".to_owned()]),
        redirect_uris: raw.redirect_uris,
        step_up_acr: raw.step_up_acr,
        claims: raw.claims,
        roles: raw.roles,
        assurance: raw
            .assurance
            .unwrap_or_else(|| BTreeMap::from([("mfa".to_owned(), Assurance::Aal2)])),
        systems,
    })
}

/// Tokens cross this address: it is not plain HTTP, unless on this machine.
fn issuer(at: &str, raw: &RawProvider, report: &mut Report) -> Option<Url> {
    let key = format!("{at}.issuer");
    let url = report.check(&key, Url::parse(&raw.issuer))?;
    let loopback = matches!(url.host(), Some(url::Host::Ipv4(ip)) if ip.is_loopback())
        || matches!(url.host(), Some(url::Host::Ipv6(ip)) if ip.is_loopback())
        || matches!(url.host(), Some(url::Host::Domain(name)) if name == "localhost");
    let fits = url.scheme() == "https" || (url.scheme() == "http" && loopback);
    if !fits || url.query().is_some() || url.fragment().is_some() {
        report.add(key, "must be an `https` address without query or fragment");
    }
    Some(url)
}

fn systems(
    at: &str,
    raw: &[RawSystem],
    organisations: &BTreeMap<String, Organisation>,
    report: &mut Report,
) -> BTreeMap<String, (Organisation, Role)> {
    let mut systems = BTreeMap::new();
    for (n, system) in raw.iter().enumerate() {
        let at = format!("{at}.systems[{n}]");
        if !duties::MACHINE_ROLES.contains(&system.role) {
            let message =
                "must be `system`, `integrator` or `source_owner`: other roles are people's";
            report.add(format!("{at}.role"), message);
        }
        match organisations.get(&system.organisation) {
            None => report.add(
                format!("{at}.organisation"),
                "is not one of `organisations`",
            ),
            Some(organisation) => {
                let value = (organisation.clone(), system.role);
                if systems.insert(system.client_id.clone(), value).is_some() {
                    report.add(format!("{at}.client_id"), "is used twice");
                }
            }
        }
    }
    systems
}
