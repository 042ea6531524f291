//! An adapter and its simulated vendor, as they stand in the templates, under another name.
//!
//! The templates are modules of the tests: they compile, pass the contract kit, and are what is written.

use super::{super::super::exit::Exit, File, Format, Outcome, Wanted, Way};

/// Name in the adapter's folder and text.
type Template = (&'static str, &'static str);

macro_rules! adapter {
    ($folder:literal: $($name:literal),*) => {
        &[
            ("wire.rs", include_str!("../../../../../adapters/templates/newsource/wire.rs")),
            $((
                $name,
                include_str!(concat!("../../../../../adapters/templates/", $folder, "/", $name)),
            )),*
        ]
    };
}

const PUSHED: &[Template] = adapter!("newsource":
    "mod.rs", "tests.rs", "README.md", "fixtures/README.md", "fixtures/message.json");
const ASKED: &[Template] = adapter!("asked":
    "mod.rs", "search.rs", "tests.rs", "README.md", "fixtures/README.md", "fixtures/answer.json");
const DROPPED: &[Template] = adapter!("dropped":
    "mod.rs", "lines.rs", "tests.rs", "README.md", "fixtures/README.md", "fixtures/reads.jsonl");
const LISTENED: &[Template] = adapter!("listened":
    "mod.rs", "tests.rs", "README.md", "fixtures/README.md", "fixtures/message.json");

/// The simulated vendor: one for every way.
const VENDOR: &[Template] = &[
    (
        ".rs",
        include_str!("../../../../../contract-tests/templates/newsource.rs"),
    ),
    (
        "/api.rs",
        include_str!("../../../../../contract-tests/templates/newsource/api.rs"),
    ),
    (
        "/bench.rs",
        include_str!("../../../../../contract-tests/templates/newsource/bench.rs"),
    ),
];

/// The templates share this module, which is a file of its own where they are written to.
const SHARED: &str = "#[path = \"../newsource/wire.rs\"]\n";

/// The files of an adapter that takes JSON in the way that is wanted, and of its vendor.
pub(super) fn files(wanted: &Wanted) -> Result<Vec<File>, Outcome> {
    if wanted.format != Format::Json {
        let message = "the skeletons in Rust read JSON: give `--format json` and change `wire.rs`, or start from the folder of an adapter whose vendor writes as yours does; `turnpike sources --adapters` lists them";
        return Err(Outcome::new(Exit::Usage, message));
    }
    let templates = match wanted.way {
        Way::Push => PUSHED,
        Way::Pull => ASKED,
        Way::File => DROPPED,
        Way::Listen => LISTENED,
    };
    let module = wanted.module();
    let adapter = templates.iter().map(|(name, text)| {
        let text = text.replace(SHARED, "");
        (
            format!("adapters/src/{module}/{name}"),
            named(&text, wanted),
        )
    });
    let vendor = VENDOR.iter().map(|(name, text)| {
        let path = format!("contract-tests/src/sim/{module}{name}");
        (path, named(text, wanted))
    });
    Ok(adapter.chain(vendor).collect())
}

fn named(text: &str, wanted: &Wanted) -> String {
    let type_name: String = wanted.id.split('-').map(capital).collect();
    let family = capital(wanted.family.word());
    // The identifier may hold `-`, the name of a module may not.
    text.replace("\"newsource\"", &format!("\"{}\"", wanted.id))
        .replace("`newsource`", &format!("`{}`", wanted.id))
        .replace("newsource", &wanted.module())
        .replace("NewSource", &type_name)
        .replace("New source", &wanted.title)
        .replace("new source", &wanted.title)
        .replace("Family::Parking", &format!("Family::{family}"))
}

/// A word with a capital at its beginning.
fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
