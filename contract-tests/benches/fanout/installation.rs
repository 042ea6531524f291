//! The gateway's configuration: sixteen sources, sixteen agreements, quotas that never stop anybody.

use std::{fs, io, path::Path};

use sha2::{Digest as _, Sha256};
use turnpike_contract_tests::sim::flock::AUDIENCE;

/// The token of the one user.
pub(super) const TOKEN: &str = "invented-token-of-the-fan-out-bench";

/// Writes everything `turnpike serve` needs into `folder`. Returns nothing but files.
pub(super) fn write(folder: &Path, sources: &[String]) -> io::Result<()> {
    fs::write(folder.join("client-id"), "invented")?;
    fs::write(folder.join("client-secret"), "invented")?;
    let mut text = head();
    for (number, address) in sources.iter().enumerate() {
        fs::write(
            folder.join(format!("police-{number}.toml")),
            agreement(number),
        )?;
        text.push_str(&source(number, address));
    }
    fs::write(folder.join("turnpike.toml"), text)
}

fn head() -> String {
    let hash = Sha256::digest(TOKEN.as_bytes());
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        r#"version = 1
listen = "127.0.0.1:0"
data_dir = "data"

# A busy machine may sync slowly; the bench measures work, not refusals.
[ledger]
deadline_ms = 10000

[limits]
user_per_minute = 4000000000
organisation_per_minute = 4000000000

[agreements]
require_signatures = false

[[organisations]]
id = "brookdale-pd"
class = "state_local"
jurisdiction = "US-OH"

[[users]]
subject = "ines.moreau"
organisation = "brookdale-pd"
roles = ["investigator"]
token_sha256 = "{hash}"
"#
    )
}

fn source(number: usize, address: &str) -> String {
    format!(
        r#"
[[sources]]
id = "police-{number}"
title = "Police {number}"
adapter = "flock"
agreement = "police-{number}.toml"
allow_private_addresses = true
settings = {{ base_url = "http://{address}/api/v3", token_url = "http://{address}/oauth/token", audience = "{AUDIENCE}" }}
secrets = {{ client_id = {{ file = "client-id" }}, client_secret = {{ file = "client-secret" }} }}
quota = {{ requests = 1000000, per_s = 1, concurrency = 256 }}
"#
    )
}

fn agreement(number: usize) -> String {
    format!(
        r#"# Invented. Not legal advice.
id = "police-{number}"
version = 1
source = "police-{number}"
provider = "Police {number}"
legal_basis = "invented data sharing agreement"
contact = "nobody.example"
signed_by = ["owner.example"]
status = "active"
effective_from = "2020-01-01T00:00:00Z"
effective_until = "2100-01-01T00:00:00Z"
review_due = "2100-01-01T00:00:00Z"
actions = ["query"]

[who]
organisation_classes = ["state_local"]
jurisdictions = ["US-OH"]
roles = ["investigator"]
on_behalf_of = "both_allowed"
organisations = ["*"]
requires = {{ sworn = false, training = false, assurance = "aal1" }}

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
look_alike = false

[what]
fields = ["plate_raw", "jurisdiction", "confidence", "candidates", "position", "site", "camera", "lane", "bearing", "vehicle", "images", "extra"]
image_kinds = ["plate", "vehicle", "scene"]
confidence_floor_percent = 0
max_reads = 200

[upstream]
disclose = ["purpose", "case_reference"]
"#
    )
}
