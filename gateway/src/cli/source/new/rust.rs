//! An adapter and its simulated vendor, as they stand in the templates, under another name.
//!
//! The templates are modules of the tests: they compile, pass the contract kit, and are what is written.

use super::{super::super::exit::Exit, File, Format, Outcome, Wanted, Way};

/// Path and text of every template. `newsource` is the name.
const TEMPLATES: [(&str, &str); 8] = [
    (
        "adapters/src/newsource/mod.rs",
        include_str!("../../../../../adapters/templates/newsource/mod.rs"),
    ),
    (
        "adapters/src/newsource/wire.rs",
        include_str!("../../../../../adapters/templates/newsource/wire.rs"),
    ),
    (
        "adapters/src/newsource/tests.rs",
        include_str!("../../../../../adapters/templates/newsource/tests.rs"),
    ),
    (
        "adapters/src/newsource/README.md",
        include_str!("../../../../../adapters/templates/newsource/README.md"),
    ),
    (
        "adapters/src/newsource/fixtures/README.md",
        include_str!("../../../../../adapters/templates/newsource/fixtures/README.md"),
    ),
    (
        "adapters/src/newsource/fixtures/message.json",
        include_str!("../../../../../adapters/templates/newsource/fixtures/message.json"),
    ),
    (
        "contract-tests/src/sim/newsource.rs",
        include_str!("../../../../../contract-tests/templates/newsource.rs"),
    ),
    (
        "contract-tests/src/sim/newsource/bench.rs",
        include_str!("../../../../../contract-tests/templates/newsource/bench.rs"),
    ),
];

/// The files of an adapter that takes pushed JSON.
pub(super) fn files(wanted: &Wanted) -> Result<Vec<File>, Outcome> {
    if wanted.way != Way::Push || wanted.format != Format::Json {
        let message = "the skeleton in Rust takes pushed JSON: give `--way push --format json` and change it, or start from the folder of an adapter that delivers the way you need; `turnpike sources --adapters` lists them";
        return Err(Outcome::new(Exit::Usage, message));
    }
    let renamed = |(path, text): (&str, &str)| (named(path, wanted), named(text, wanted));
    Ok(TEMPLATES.into_iter().map(renamed).collect())
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
