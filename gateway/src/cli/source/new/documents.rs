//! The agreement to start from, and what is left to do.

use jiff::{SignedDuration, Timestamp};

use super::{Kind, Wanted, Way};

/// How long an agreement is written for; its owner says otherwise.
const DAYS: i64 = 365;

/// Something to read, or something to paste.
pub(super) enum Step {
    Say(String),
    Paste(String),
}

/// An agreement that is not in force yet and allows little: the source owner says what more. It begins today.
pub(super) fn agreement(wanted: &Wanted, now: Timestamp) -> String {
    let Wanted { id, title, .. } = wanted;
    let until = now.saturating_add(SignedDuration::from_hours(24 * DAYS));
    let day = |at: Timestamp| at.strftime("%Y-%m-%dT00:00:00Z").to_string();
    let (from, until) = (day(now), day(until.unwrap_or(now)));
    let (actions, retention) = match wanted.way {
        Way::Pull => (r#"["query"]"#, ""),
        Way::Push | Way::File | Way::Listen => (
            r#"["query", "ingest"]"#,
            "\n# How long reads taken in are kept, in days after capture.\n[retention]\ndays = 30\n",
        ),
    };
    format!(
        r#"# What {title} allows. docs/agreements.md explains every line.
# Not legal advice: every line is for its owner to say.
# Nothing is asked, taken in or released while it is suspended; set `active`
# once it is signed.
id = "{id}"
version = 1
source = "{id}"
provider = "{title}"
legal_basis = "to be named: the law or the contract"
contact = "to be named: whom to tell of incidents"
# The keys that sign it: `turnpike agreement key` makes one.
signed_by = ["{id}.example"]
status = "suspended"
effective_from = "{from}"
effective_until = "{until}"
review_due = "{until}"
actions = {actions}

[who]
organisation_classes = ["state_local"]
jurisdictions = ["US-OH"]
organisations = ["*"]
roles = ["investigator"]
on_behalf_of = "refuse"
requires = {{ sworn = false, training = true, assurance = "aal2" }}

[why]
purposes = ["stolen_vehicle"]
prohibited = ["immigration_enforcement", "reproductive_care", "protected_activity", "employment_screening"]

# `#` a digit, `@` a letter, `*` anything.
[case]
patterns = ["*"]
register = "flag"

[how_far]
lookback_days = 30
supervisor_after_days = 30
max_window_days = 7
excess = "refuse"

# Sensitive places go on `excluded`, as in "site:clinic-*".
[where]
within = ["*"]
excluded = []
position_decimals = 3

[plates]
look_alike = false

# Besides identity, plate and time. What is not listed here is in no answer,
# also if the mapping finds it.
[what]
fields = ["jurisdiction", "confidence", "position", "site", "camera"]
confidence_floor_percent = 0
max_reads = 100

[how_much]
user_per_hour = 60
organisation_per_day = 1000

[conditions]
declaration = "nobody"
warrant = "nobody"
urgent = "like_any"

[duties]
feed_hours = 24
delete_after_days = 30
onward_transfer = []
confirm_match = true

# What the source is told about a question besides plate and window.
[upstream]
disclose = []
{retention}"#
    )
}

/// What is left to do, in its order.
pub(super) fn steps(wanted: &Wanted) -> Vec<Step> {
    let id = &wanted.id;
    let mut steps = Steps(vec![Step::Say("What to do next:".to_owned())], 0);
    match wanted.kind {
        Kind::Mapping => {
            steps.say(&format!(
                "Write what the vendor's documents say into mappings/{id}.toml; docs/adding-a-source.md says what every key means."
            ));
        }
        Kind::Rust => rust(wanted, &mut steps),
    }
    steps.say("For turnpike.toml:");
    steps.paste(source(wanted));
    steps.say("Look for what is wrong or missing:");
    steps.paste("turnpike config check".to_owned());
    steps.say(
        "Put some payloads of the vendor into a folder, one a file, and check them; nobody is contacted:",
    );
    steps.paste(format!("turnpike source check {id} --payloads FOLDER"));
    let until = match wanted.way {
        Way::Pull => "Until then it is not asked.",
        Way::Push => "Until then what it pushes is refused.",
        Way::File => "Files that are dropped before go to quarantine/.",
        Way::Listen => "Until then nobody listens.",
    };
    steps.say(&format!(
        "Have the owner of the source sign agreements/{id}.toml, and set `status = \"active\"` there. {until}"
    ));
    steps.0
}

/// Steps under way: the list, and the number of the last one.
struct Steps(Vec<Step>, u32);

impl Steps {
    fn say(&mut self, text: &str) {
        self.1 += 1;
        self.0.push(Step::Say(format!("{}. {text}", self.1)));
    }

    fn paste(&mut self, text: String) {
        self.0.push(Step::Paste(text));
    }
}

fn rust(wanted: &Wanted, steps: &mut Steps) {
    let (id, module) = (&wanted.id, wanted.module());
    let (way, about) = match wanted.way {
        Way::Pull => ("Pull", "HTTP: asked by plate, in pages"),
        Way::Push => ("Push", "webhooks"),
        Way::File => ("File", "files of JSON lines"),
        Way::Listen => ("Listen", "messages for a broker, or a stream"),
    };
    steps.say("Three lines in the lists, each in its order:");
    steps.paste(format!(
        "adapters/src/lib.rs\n    pub mod {module};\nadapters/src/registry.rs\n    crate::{module}::ENTRY,\ncontract-tests/src/sim/mod.rs\n    pub mod {module};\n    SimEntry {{\n        adapter: \"{id}\",\n        about: \"{about}\",\n        benches: &[{module}::bench::Way::{way}.bench()],\n    }},"
    ));
    steps.say(&format!(
        "It works as it is, for the vendor it invents. Put what yours documents into adapters/src/{module}/wire.rs and its README.md, a payload into fixtures/, and the same into the simulated vendor, from the manual and not from the adapter."
    ));
    steps.say("Run its own tests, and the whole contract against the simulated vendor:");
    steps.paste(format!(
        "cargo nextest run -p turnpike-adapters {module}::\ncargo nextest run -p turnpike-contract-tests --test contract contract::{id}"
    ));
}

fn source(wanted: &Wanted) -> String {
    let Wanted { id, title, .. } = wanted;
    let adapter = match wanted.kind {
        Kind::Mapping => "declarative",
        Kind::Rust => id,
    };
    let arrives = match wanted.way {
        Way::Pull | Way::Listen => String::new(),
        Way::Push => "# `turnpike token` makes the token the source sends, and this hash of it.\npush = { token_sha256 = \"...\" }\n".to_owned(),
        Way::File => format!("drop = {{ folder = \"incoming/{id}\" }}\n"),
    };
    let mut table = format!(
        "[[sources]]\nid = \"{id}\"\ntitle = \"{title}\"\nadapter = \"{adapter}\"\nagreement = \"agreements/{id}.toml\"\n{arrives}"
    );
    table.push_str(&settings(wanted));
    table.trim_end().to_owned()
}

fn settings(wanted: &Wanted) -> String {
    let id = &wanted.id;
    let mut lines = Vec::new();
    if wanted.kind == Kind::Mapping {
        lines.push(format!("mapping = {{ file = \"mappings/{id}.toml\" }}"));
    }
    match (wanted.kind, wanted.way) {
        (_, Way::Pull) => lines.push("base_url = \"https://api.vendor.example\"".to_owned()),
        (Kind::Rust, Way::Listen) => lines.extend([
            "broker = \"mqtts://broker.vendor.example:8883\"".to_owned(),
            "topic = \"lanes/+/reads\"".to_owned(),
        ]),
        _ => {}
    }
    let mut text = String::new();
    if !lines.is_empty() {
        text = format!("\n[sources.settings]\n{}\n", lines.join("\n"));
    }
    if wanted.way == Way::Pull {
        text.push_str("\n[sources.secrets]\ntoken = { file = \"secrets/token\" }\n");
    }
    text
}
