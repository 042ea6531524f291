//! Configuration and agreements of the invented installation.

use std::{fs, io};

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{World, signers};
use crate::{
    sim::{
        declarative,
        flock::{AUDIENCE, CLIENT_ID, CLIENT_SECRET},
    },
    town::Family,
};

/// Subject, role and organisation of every user; roles of one user are joined by `+`.
pub const ROLES: [(&str, &str, &str); 8] = [
    ("ines.moreau", "investigator", "brookdale-pd"),
    ("sam.okafor", "supervisor", "brookdale-pd"),
    ("dispatch", "system", "brookdale-pd"),
    ("rae.lindqvist", "integrator", "turnpike-ops"),
    ("ola.brandt", "source_owner", "state-tolls"),
    ("kim.duarte", "auditor", "oversight-board"),
    ("lee.nakamura", "operator", "turnpike-ops"),
    // Brings sources in for the police: may have one asked to check it, as far as its agreement goes.
    ("noor.haddad", CHECKER, "brookdale-pd"),
];

/// The roles of the user who may check a source live.
pub const CHECKER: &str = "integrator+investigator";

/// Fresh random tokens. Only their hashes go into the configuration.
#[derive(Clone)]
pub struct Tokens {
    /// Of the investigator.
    pub investigator: String,
    /// Of every user, in the order of [`ROLES`].
    pub users: Vec<String>,
    /// Of the camera engine.
    pub cameras: String,
    /// Of the car parks' broker.
    pub garages: String,
}

impl Tokens {
    pub(super) fn new() -> Self {
        let token = |_: &_| Uuid::new_v4().simple().to_string();
        let users: Vec<String> = ROLES.iter().map(token).collect();
        Self {
            investigator: users.first().cloned().unwrap_or_default(),
            users,
            cameras: Uuid::new_v4().simple().to_string(),
            garages: Uuid::new_v4().simple().to_string(),
        }
    }

    /// The token of the user with this role.
    #[must_use]
    pub fn of(&self, role: &str) -> Option<&str> {
        let users = ROLES.iter().zip(&self.users);
        users
            .into_iter()
            .find(|((_, known, _), _)| *known == role)
            .map(|(_, token)| token.as_str())
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens")
    }
}

pub(super) fn write(world: &World, port: u16) -> io::Result<()> {
    let folder = world.folder();
    fs::create_dir_all(folder.join("agreements"))?;
    fs::create_dir_all(folder.join("secrets"))?;
    fs::write(folder.join("secrets/client-id"), CLIENT_ID)?;
    fs::write(folder.join("secrets/client-secret"), CLIENT_SECRET)?;
    fs::write(folder.join("secrets/patrol-id"), declarative::CLIENT_ID)?;
    fs::write(
        folder.join("secrets/patrol-secret"),
        declarative::CLIENT_SECRET,
    )?;
    for terms in AGREEMENTS {
        fs::write(
            folder.join(format!("agreements/{}.toml", terms.source)),
            agreement(terms),
        )?;
    }
    let keys = signers::keys(folder)?;
    fs::write(world.config(), config(world, port, &keys))?;
    signers::sign(folder)
}

fn hash(token: &str) -> String {
    Sha256::digest(token.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn config(world: &World, port: u16, keys: &str) -> String {
    let mut text = format!(
        r#"# An invented installation: invented places, invented plates.
version = 1
listen = "127.0.0.1:{port}"
data_dir = "data"

[log]
level = "warn"
format = "text"

# The invented tokens below are of one factor.
[identity]
step_up = "aal1"

{keys}
[[organisations]]
id = "brookdale-pd"
class = "state_local"
jurisdiction = "US-OH"

[[organisations]]
id = "state-tolls"
class = "state_local"
jurisdiction = "US-OH"

[[organisations]]
id = "oversight-board"
class = "state_local"
jurisdiction = "US-OH"

[[organisations]]
id = "turnpike-ops"
class = "private"
jurisdiction = "US-OH"
"#
    );
    for ((subject, role, organisation), token) in ROLES.iter().zip(&world.tokens.users) {
        let hash = hash(token);
        let roles = role.replace('+', "\", \"");
        text.push_str(&format!(
            "\n[[users]]\nsubject = \"{subject}\"\norganisation = \"{organisation}\"\nroles = [\"{roles}\"]\ntoken_sha256 = \"{hash}\"\n"
        ));
    }
    let drops = world.folder().join("drops");
    text.push_str(&flock(
        "brookdale-police",
        "Brookdale police cameras",
        &world.police.base_url(),
        &world.police.token_url(),
    ));
    text.push_str(&toll(
        "state-tolls",
        "State toll authority",
        &drops.join("tolls").display().to_string(),
    ));
    text.push_str(&format!(
        r#"
[[sources]]
id = "main-street-cameras"
title = "Main Street cameras"
adapter = "rekor"
agreement = "agreements/main-street-cameras.toml"
allow_private_addresses = true
push = {{ token_sha256 = "{}" }}

[sources.settings]
image_base_url = "{}"
"#,
        hash(&world.tokens.cameras),
        world.cameras.images_origin(),
    ));
    for site in world
        .town
        .sites()
        .iter()
        .filter(|site| site.family == Family::Camera)
    {
        text.push_str(&format!(
            "cameras.\"{}\".site = \"{}\"\n",
            site.code, site.name
        ));
    }
    text.push_str(&format!(
        r#"
[[sources]]
id = "harbor-parking"
title = "Harbor car parks"
adapter = "apds"
agreement = "agreements/harbor-parking.toml"
push = {{ token_sha256 = "{}" }}
settings = {{ mode = "notifications" }}

# Without code: a mapping file says how this vendor is asked and what its records mean.
[[sources]]
id = "patrol-recovery"
title = "Patrol Recovery"
adapter = "declarative"
agreement = "agreements/patrol-recovery.toml"
allow_private_addresses = true
settings = {{ mapping = {{ preset = "repo-rest" }}, base_url = "{origin}/v1", token_url = "{origin}/oauth/token" }}
secrets = {{ client_id = {{ file = "secrets/patrol-id" }}, client_secret = {{ file = "secrets/patrol-secret" }} }}
quota = {{ requests = 100, per_s = 1, concurrency = 16 }}
"#,
        hash(&world.tokens.garages),
        origin = world.patrol.origin(),
    ));
    text.push_str(&toll(
        "harbor-tolls",
        "Harbor crossing tolls",
        &drops.join("harbor").display().to_string(),
    ));
    let lakeside = world.lakeside_road.origin();
    text.push_str(&flock(
        "lakeside-police",
        "Lakeside police cameras",
        &format!("{lakeside}/api/v3"),
        &format!("{lakeside}/oauth/token"),
    ));
    text
}

fn flock(id: &str, title: &str, base_url: &str, token_url: &str) -> String {
    format!(
        r#"
[[sources]]
id = "{id}"
title = "{title}"
adapter = "flock"
agreement = "agreements/{id}.toml"
allow_private_addresses = true
settings = {{ base_url = "{base_url}", token_url = "{token_url}", audience = "{AUDIENCE}" }}
secrets = {{ client_id = {{ file = "secrets/client-id" }}, client_secret = {{ file = "secrets/client-secret" }} }}
quota = {{ requests = 100, per_s = 1, concurrency = 16 }}
"#
    )
}

fn toll(id: &str, title: &str, folder: &str) -> String {
    let owned = ROLES.iter().any(|(_, _, organisation)| *organisation == id);
    let owner = if owned {
        format!("owner = \"{id}\"\n")
    } else {
        String::new()
    };
    format!(
        r#"
[[sources]]
id = "{id}"
title = "{title}"
adapter = "niop"
agreement = "agreements/{id}.toml"
{owner}drop = {{ folder = "{folder}", settle_ms = 100, scan_ms = 250 }}
"#
    )
}

struct Terms {
    source: &'static str,
    provider: &'static str,
    purposes: &'static str,
    ingest: bool,
}

const CRIMES: &str =
    r#""stolen_vehicle", "missing_person", "violent_crime", "hit_and_run", "wanted_person""#;

const AGREEMENTS: &[Terms] = &[
    Terms {
        source: "brookdale-police",
        provider: "Brookdale Police Department",
        purposes: CRIMES,
        ingest: false,
    },
    Terms {
        source: "state-tolls",
        provider: "State Toll Authority",
        purposes: CRIMES,
        ingest: true,
    },
    Terms {
        source: "main-street-cameras",
        provider: "Main Street Business Association",
        purposes: CRIMES,
        ingest: true,
    },
    Terms {
        source: "harbor-parking",
        provider: "Harbor Car Parks",
        purposes: CRIMES,
        ingest: true,
    },
    Terms {
        source: "patrol-recovery",
        provider: "Patrol Recovery",
        purposes: r#""stolen_vehicle""#,
        ingest: false,
    },
    Terms {
        source: "harbor-tolls",
        provider: "Harbor Crossing Company",
        purposes: r#""toll_enforcement""#,
        ingest: true,
    },
    Terms {
        source: "lakeside-police",
        provider: "Lakeside Police Department",
        purposes: CRIMES,
        ingest: false,
    },
];

fn agreement(terms: &Terms) -> String {
    let Terms {
        source,
        provider,
        purposes,
        ingest,
    } = terms;
    let (actions, retention) = if *ingest {
        (
            r#""query", "image", "ingest""#,
            "\n[retention]\ndays = 90\n",
        )
    } else {
        (r#""query""#, "")
    };
    format!(
        r#"# Invented. Not legal advice.
id = "{source}"
version = 1
source = "{source}"
provider = "{provider}"
legal_basis = "invented data sharing agreement for a simulated town"
contact = "nobody.example"
signed_by = ["owner.example"]
status = "active"
effective_from = "2020-01-01T00:00:00Z"
effective_until = "2100-01-01T00:00:00Z"
review_due = "2100-01-01T00:00:00Z"
actions = [{actions}]

[who]
organisation_classes = ["state_local"]
jurisdictions = ["US-OH"]
roles = ["investigator", "supervisor", "system"]
on_behalf_of = "both_allowed"
organisations = ["*"]
requires = {{ sworn = false, training = false, assurance = "aal1" }}

[why]
purposes = [{purposes}]
prohibited = ["immigration_enforcement", "reproductive_care", "protected_activity", "employment_screening"]

[why.offences]
violent_crime = ["homicide", "kidnapping", "sexual_offence", "human_trafficking", "robbery", "assault", "arson"]
wanted_person = ["homicide", "kidnapping", "sexual_offence", "human_trafficking", "robbery", "assault", "arson", "burglary", "failure_to_appear"]

[case]
patterns = ["*"]
register = "ignore"

[where]
within = ["*"]
excluded = []
position_decimals = 6

[how_much]
user_per_hour = 1000000
organisation_per_day = 1000000

[conditions]
declaration = "nobody"
warrant = "nobody"
urgent = "like_any"

[duties]
feed_hours = 24
delete_after_days = 365
onward_transfer = []
confirm_match = true

[how_far]
lookback_days = 90
supervisor_after_days = 36500
max_window_days = 31
excess = "cut"

[plates]
look_alike = true
partial = {{ min_known = 5, max_window_days = 7 }}

[what]
fields = ["plate_raw", "jurisdiction", "confidence", "candidates", "position", "site", "camera", "lane", "bearing", "vehicle", "images", "extra"]
image_kinds = ["plate", "vehicle", "scene"]
confidence_floor_percent = 0
max_reads = 200

[upstream]
disclose = ["purpose", "case_reference"]
{retention}"#
    )
}
