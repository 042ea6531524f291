//! The gateway's configuration: one source that pushes, and people who are known by number.

use std::{fmt::Write as _, fs, io, path::Path};

use sha2::{Digest as _, Sha256};
use turnpike_schemas::hex::hex;

pub(super) const SOURCE: &str = "larkspur-gates";
pub(super) const PUSHER: &str = "invented-token-of-the-gates";
pub(super) const ORGANISATION: &str = "brookdale-pd";

/// What the gates push. The vendor is invented.
const MAPPING: &str = r#"mapping = 1
title = "Larkspur gates"
family = "parking"
format = "json"

[webhook]

[records]
at = "/reads"

[fields]
record = "/id"
plate.text = "/lpn"
plate.jurisdiction = { at = "/region", country = "US" }
captured_at = { at = "/at", time = "rfc3339" }
place.camera = "/gate"
"#;

/// Whoever is known by this number.
pub(super) fn subject(number: usize) -> String {
    format!("person-{number:04}")
}

/// Their token.
pub(super) fn token(number: usize) -> String {
    format!("invented-token-of-person-{number:04}")
}

/// Writes everything `turnpike serve` needs into `folder`.
pub(super) fn write(folder: &Path, people: usize) -> io::Result<()> {
    fs::create_dir(folder.join("data"))?;
    fs::write(folder.join("gates.toml"), MAPPING)?;
    fs::write(folder.join("agreement.toml"), AGREEMENT)?;
    let mut text = format!(
        r#"version = 1
listen = "127.0.0.1:0"
data_dir = "data"

# A busy machine may sync slowly; the bench measures work, not refusals.
[ledger]
deadline_ms = 10000

[http]
max_connections = 4096

[limits]
pushes_per_second = 1000000

[agreements]
require_signatures = false

[[organisations]]
id = "{ORGANISATION}"
class = "state_local"
jurisdiction = "US-OH"

[[sources]]
id = "{SOURCE}"
adapter = "declarative"
agreement = "agreement.toml"
push = {{ token_sha256 = "{}" }}
settings = {{ mapping = {{ file = "gates.toml" }} }}
"#,
        hash(PUSHER)
    );
    for number in 0..people {
        let person = format!(
            r#"
[[users]]
subject = "{}"
organisation = "{ORGANISATION}"
roles = ["investigator"]
token_sha256 = "{}"
"#,
            subject(number),
            hash(&token(number))
        );
        text.write_str(&person).map_err(io::Error::other)?;
    }
    fs::write(folder.join("turnpike.toml"), text)
}

fn hash(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

const AGREEMENT: &str = r#"# Invented. Not legal advice.
id = "larkspur-gates"
version = 1
source = "larkspur-gates"
provider = "Larkspur gates"
legal_basis = "invented data sharing agreement"
contact = "nobody.example"
signed_by = ["owner.example"]
status = "active"
effective_from = "2020-01-01T00:00:00Z"
effective_until = "2100-01-01T00:00:00Z"
review_due = "2100-01-01T00:00:00Z"
actions = ["query", "ingest", "alert"]

[who]
organisation_classes = ["state_local"]
jurisdictions = ["US-OH"]
roles = ["investigator"]
on_behalf_of = "both_allowed"
organisations = ["*"]
requires = { sworn = false, training = false, assurance = "aal1" }

[why]
purposes = ["stolen_vehicle"]
prohibited = ["immigration_enforcement", "reproductive_care", "protected_activity", "employment_screening"]

[case]
patterns = ["*"]
register = "ignore"

[where]
within = ["*"]
excluded = []
position_decimals = 6

[retention]
days = 30

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

[alerts]
max_days = 30
confirm_days = 7
second_approval = false

[what]
fields = ["plate_raw", "jurisdiction", "confidence", "candidates", "position", "site", "camera", "lane", "bearing", "vehicle", "images", "extra"]
image_kinds = ["plate", "vehicle", "scene"]
confidence_floor_percent = 0
max_reads = 200

[upstream]
disclose = ["purpose", "case_reference"]
"#;
