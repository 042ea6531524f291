//! The agreement to start from, and what is left to do.

use super::{Kind, Wanted, Way};

/// Something to read, or something to paste.
pub(super) enum Step {
    Say(String),
    Paste(String),
}

/// An agreement that is not in force yet and allows little: the source owner says what more.
pub(super) fn agreement(wanted: &Wanted) -> String {
    let Wanted { id, title, .. } = wanted;
    let (actions, retention) = match wanted.way {
        Way::Pull => (r#"["query"]"#, ""),
        Way::Push | Way::File => (
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
status = "suspended"
effective_from = "2026-01-01T00:00:00Z"
effective_until = "2027-01-01T00:00:00Z"
actions = {actions}

[who]
organisation_classes = ["state_local"]
jurisdictions = ["US-OH"]
roles = ["investigator"]
on_behalf_of = "refuse"

[why]
purposes = ["stolen_vehicle"]
prohibited = ["immigration_enforcement"]

[how_far]
lookback_days = 30
max_window_days = 7
excess = "refuse"

[plates]
look_alike = false

# Besides identity, plate and time. What is not listed here is in no answer,
# also if the mapping finds it.
[what]
fields = ["jurisdiction", "confidence", "position", "site", "camera"]
max_reads = 100

# What the source is told about a question besides plate and window.
[upstream]
disclose = []
{retention}"#
    )
}

/// What is left to do.
pub(super) fn steps(wanted: &Wanted) -> Vec<Step> {
    let id = &wanted.id;
    let mut steps = Vec::new();
    if wanted.kind == Kind::Rust {
        steps.push(Step::Say(
            "Three lines in the lists, each in its order:".to_owned(),
        ));
        let module = wanted.module();
        steps.push(Step::Paste(format!(
            "adapters/src/lib.rs              pub mod {module};\nadapters/src/registry.rs         crate::{module}::ENTRY,\ncontract-tests/src/sim/mod.rs    pub mod {module};\n                                 SimEntry {{\n                                     adapter: \"{id}\",\n                                     about: \"webhooks\",\n                                     benches: &[{module}::bench::BENCH],\n                                 }},"
        )));
    }
    steps.push(Step::Say("For turnpike.toml:".to_owned()));
    steps.push(Step::Paste(source(wanted)));
    let folder = "Put some payloads of the vendor into a folder, one a file, and check them; nobody is contacted:";
    steps.push(Step::Say(folder.to_owned()));
    steps.push(Step::Paste(format!(
        "turnpike source check {id} --payloads FOLDER"
    )));
    if wanted.kind == Kind::Rust {
        steps.push(Step::Say(
            "And the whole contract, against the simulated vendor:".to_owned(),
        ));
        let command = "cargo nextest run -p turnpike-contract-tests --test contract";
        steps.push(Step::Paste(format!("{command} contract::{id}")));
    }
    steps
}

fn source(wanted: &Wanted) -> String {
    let Wanted { id, title, .. } = wanted;
    let adapter = match wanted.kind {
        Kind::Mapping => "declarative",
        Kind::Rust => id,
    };
    let arrives = match wanted.way {
        Way::Pull => String::new(),
        Way::Push => "# `turnpike token` makes the token the source sends, and this hash of it.\npush = { token_sha256 = \"...\" }\n".to_owned(),
        Way::File => format!("drop = {{ folder = \"incoming/{id}\" }}\n"),
    };
    let mut table = format!(
        "[[sources]]\nid = \"{id}\"\ntitle = \"{title}\"\nadapter = \"{adapter}\"\nagreement = \"agreements/{id}.toml\"\n{arrives}"
    );
    if wanted.kind == Kind::Mapping {
        table.push_str(&format!(
            "\n[sources.settings]\nmapping = {{ file = \"mappings/{id}.toml\" }}\n"
        ));
        if wanted.way == Way::Pull {
            table.push_str("base_url = \"https://api.vendor.example\"\n");
            table.push_str("\n[sources.secrets]\ntoken = { file = \"secrets/token\" }\n");
        }
    }
    table.trim_end().to_owned()
}
