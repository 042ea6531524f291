//! `turnpike source new`: the files to start a source from. What is not given as a flag is asked, on a terminal.

mod documents;
mod mapping;
mod rust;

use std::{
    fs,
    io::{self, BufRead as _, IsTerminal as _, Write},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use turnpike_adapters::context::{Clock as _, SystemClock};
use turnpike_schemas::read::is_identifier;

use super::{
    super::exit::{Exit, Outcome},
    report::wrapped,
};

/// Write a commented mapping file, or the folders of an adapter in Rust, to start from
#[derive(Debug, Args)]
pub(in crate::cli) struct New {
    /// Identifier of the source; with `--kind rust` the adapter's name as well
    #[arg(long)]
    id: Option<String>,
    /// A mapping file for the declarative adapter, or an adapter in Rust
    #[arg(long)]
    kind: Option<Kind>,
    /// How reads come
    #[arg(long)]
    way: Option<Way>,
    /// How the vendor writes them
    #[arg(long)]
    format: Option<Format>,
    /// What kind of organisation the data comes from
    #[arg(long)]
    family: Option<Family>,
    /// Name for people; made from the identifier unless given
    #[arg(long)]
    title: Option<String>,
    /// Folder to write into: beside `turnpike.toml`, or the root of the repository for Rust
    #[arg(long, default_value = ".")]
    into: PathBuf,
}

/// How a source is brought in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// A mapping file, for plain JSON, XML and CSV
    Mapping,
    /// A folder of Rust, for a vendor that needs logic
    Rust,
}

/// How reads come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Way {
    /// The source is asked live
    Pull,
    /// The source pushes messages
    Push,
    /// The source drops files
    File,
    /// The source is listened to: a broker, or a stream; in Rust
    Listen,
}

/// How the vendor writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// JSON
    Json,
    /// XML
    Xml,
    /// Delimited lines
    Csv,
}

/// What kind of organisation the data comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Family {
    /// Toll roads
    Toll,
    /// Car parks and kerbs
    Parking,
    /// Repossession companies
    Repossession,
    /// Police agencies and their vendors
    Police,
    /// Camera engines
    Camera,
}

/// What is to be written.
struct Wanted {
    id: String,
    kind: Kind,
    way: Way,
    format: Format,
    family: Family,
    title: String,
}

/// A file to write: its path inside the folder, and its text.
type File = (String, String);

impl New {
    pub(super) fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let (into, now) = (self.into.clone(), SystemClock.now());
        let wanted = self.complete()?;
        let files = match wanted.kind {
            Kind::Mapping => vec![
                (
                    format!("mappings/{}.toml", wanted.id),
                    mapping::text(&wanted)?,
                ),
                (
                    format!("agreements/{}.toml", wanted.id),
                    documents::agreement(&wanted, now),
                ),
            ],
            Kind::Rust => {
                let mut files = rust::files(&wanted)?;
                files.push((
                    format!("agreements/{}.toml", wanted.id),
                    documents::agreement(&wanted, now),
                ));
                files
            }
        };
        write(&into, &files)?;
        for (name, _) in &files {
            writeln!(out, "wrote {}", into.join(name).display())?;
        }
        writeln!(out)?;
        for step in documents::steps(&wanted) {
            match step {
                documents::Step::Say(text) => wrapped(out, "", &text)?,
                documents::Step::Paste(text) => writeln!(out, "\n{text}\n")?,
            }
        }
        Ok(Exit::Done)
    }

    fn complete(self) -> Result<Wanted, Outcome> {
        let kind = one(self.kind, "kind", "what will you write?")?;
        let id = match self.id {
            Some(id) => id,
            None => ask("id", "identifier of the source, such as harbor-garages")?,
        };
        let named = match kind {
            Kind::Mapping => is_identifier(&id),
            Kind::Rust => is_identifier(&id) && is_module(&id.replace('-', "_")),
        };
        if !named {
            let rule = match kind {
                Kind::Mapping => {
                    "1 to 64 characters of `a-z`, `0-9` and `-`, and start with a letter or digit"
                }
                Kind::Rust => {
                    "1 to 64 characters of `a-z`, `0-9` and `-`, start with a letter, and be no word of Rust: it names a module"
                }
            };
            return Err(Outcome::new(Exit::Usage, format!("`--id` must be {rule}")));
        }
        let way = one(self.way, "way", "how do reads come?")?;
        let format = one(self.format, "format", "how does the vendor write them?")?;
        let family = one(self.family, "family", "what kind of organisation is it?")?;
        let title = self.title.unwrap_or_else(|| title(&id));
        if title.trim().is_empty()
            || title.contains(['"', '\\', '`', '{', '}'])
            || title.contains(char::is_control)
        {
            let message = "`--title` must be plain words, without quotes and braces";
            return Err(Outcome::new(Exit::Usage, message));
        }
        Ok(Wanted {
            id,
            kind,
            way,
            format,
            family,
            title,
        })
    }
}

/// The value given, or the answer to a question.
fn one<T: ValueEnum>(given: Option<T>, flag: &str, question: &str) -> Result<T, Outcome> {
    if let Some(given) = given {
        return Ok(given);
    }
    let values = T::value_variants().iter();
    let values = values.filter_map(ValueEnum::to_possible_value);
    let names: Vec<String> = values.map(|value| value.get_name().to_owned()).collect();
    let names = names.join(", ");
    loop {
        let answer = ask(flag, &format!("{question} ({names})"))?;
        match T::from_str(&answer, true) {
            Ok(value) => return Ok(value),
            Err(_) => writeln!(io::stderr(), "one of {names}")?,
        }
    }
}

/// The answer to a question on a terminal; without one a missing flag is an error.
fn ask(flag: &str, question: &str) -> Result<String, Outcome> {
    if !io::stdin().is_terminal() {
        let message = format!("give `--{flag}`: there is no terminal to ask on");
        return Err(Outcome::new(Exit::Usage, message));
    }
    write!(io::stderr(), "{question}: ")?;
    io::stderr().flush()?;
    let mut line = String::new();
    if io::stdin().lock().read_line(&mut line)? == 0 {
        return Err(Outcome::new(Exit::Usage, format!("give `--{flag}`")));
    }
    Ok(line.trim().to_owned())
}

impl Wanted {
    /// The name of the adapter's module.
    fn module(&self) -> String {
        self.id.replace('-', "_")
    }
}

impl Family {
    const fn word(self) -> &'static str {
        match self {
            Self::Toll => "toll",
            Self::Parking => "parking",
            Self::Repossession => "repossession",
            Self::Police => "police",
            Self::Camera => "camera",
        }
    }
}

/// Whether Rust takes it as the name of a module. Words of the language and of the crates are none.
fn is_module(id: &str) -> bool {
    const TAKEN: [&str; 23] = [
        "adapter",
        "as",
        "async",
        "await",
        "break",
        "conformance",
        "const",
        "context",
        "crate",
        "dyn",
        "error",
        "extern",
        "fn",
        "impl",
        "layers",
        "match",
        "mod",
        "registry",
        "self",
        "super",
        "transport",
        "type",
        "use",
    ];
    let plain = id
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    plain && id.starts_with(|first: char| first.is_ascii_lowercase()) && !TAKEN.contains(&id)
}

/// `harbor-garages` as `Harbor garages`.
fn title(id: &str) -> String {
    let words = id.replace('-', " ");
    let mut letters = words.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// Writes every file, or none if one is there already.
fn write(into: &Path, files: &[File]) -> Result<(), Outcome> {
    if let Some((name, _)) = files.iter().find(|(name, _)| into.join(name).exists()) {
        let message = format!(
            "{} is there already; nothing was written",
            into.join(name).display()
        );
        return Err(Outcome::new(Exit::Failed, message));
    }
    for (name, text) in files {
        let path = into.join(name);
        let written = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&path, text));
        written.map_err(|error| {
            let message = format!("{} cannot be written: {error}", path.display());
            Outcome::new(Exit::Failed, message)
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn wanted(kind: Kind, way: Way, format: Format) -> Wanted {
        Wanted {
            id: "harbor".to_owned(),
            kind,
            way,
            format,
            family: Family::Toll,
            title: "Harbor bridge".to_owned(),
        }
    }

    #[test]
    fn rust_files_are_the_templates_under_another_name() {
        for (way, own) in [
            (Way::Push, &["fixtures/message.json"][..]),
            (Way::Pull, &["search.rs", "fixtures/answer.json"]),
            (Way::File, &["lines.rs", "fixtures/reads.jsonl"]),
            (Way::Listen, &["fixtures/message.json"]),
        ] {
            let files = rust::files(&wanted(Kind::Rust, way, Format::Json)).unwrap();
            let names: BTreeSet<&str> = files.iter().map(|(name, _)| &**name).collect();
            let own = own.iter().map(|file| format!("adapters/src/harbor/{file}"));
            let common = [
                "adapters/src/harbor/mod.rs",
                "adapters/src/harbor/wire.rs",
                "adapters/src/harbor/tests.rs",
                "adapters/src/harbor/README.md",
                "adapters/src/harbor/fixtures/README.md",
                "contract-tests/src/sim/harbor.rs",
                "contract-tests/src/sim/harbor/api.rs",
                "contract-tests/src/sim/harbor/bench.rs",
            ];
            let wanted: BTreeSet<String> = own.chain(common.map(str::to_owned)).collect();
            assert_eq!(names, wanted.iter().map(|name| &**name).collect());
            let all: String = files.iter().map(|(_, text)| &**text).collect();
            assert!(!all.to_lowercase().contains("newsource") && !all.contains("ew source"));
            assert!(all.contains("struct Harbor {") && all.contains("family: Family::Toll"));
            assert!(all.contains("id: \"harbor\"") && all.contains("title: \"Harbor bridge\""));
            assert!(!all.contains("Family::Parking") && !all.contains("#[path"));
        }
    }

    #[test]
    fn every_file_of_a_template_is_written_and_no_other() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for (way, folder) in [
            (Way::Push, "newsource"),
            (Way::Pull, "asked"),
            (Way::File, "dropped"),
            (Way::Listen, "listened"),
        ] {
            let files = rust::files(&wanted(Kind::Rust, way, Format::Json)).unwrap();
            let mut there = 0;
            for folder in [folder.to_owned(), format!("{folder}/fixtures")] {
                let folder = root.join("adapters/templates").join(folder);
                let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
                there += entries.filter(|entry| entry.path().is_file()).count();
            }
            // `wire.rs` is one for all.
            there += usize::from(way != Way::Push);
            let ours = files
                .iter()
                .filter(|(name, _)| name.starts_with("adapters/"));
            assert_eq!(ours.count(), there, "{folder}");
        }
    }

    #[test]
    fn what_is_to_be_pasted_names_a_secret_where_one_is_needed_and_nowhere_else() {
        for kind in Kind::value_variants() {
            for way in Way::value_variants() {
                let steps = documents::steps(&wanted(*kind, *way, Format::Json));
                let text: String = steps
                    .iter()
                    .map(|step| match step {
                        documents::Step::Say(text) | documents::Step::Paste(text) => &**text,
                    })
                    .collect();
                let names_it = text.contains("token = { file = \"secrets/token\" }");
                assert_eq!(names_it, *way == Way::Pull, "{kind:?} {way:?}");
                assert_eq!(text.contains("token_sha256"), *way == Way::Push);
                assert_eq!(
                    text.contains("broker ="),
                    *way == Way::Listen && *kind == Kind::Rust
                );
                assert!(text.contains("status = \"active\""), "{text}");
            }
        }
    }

    #[test]
    fn every_agreement_is_one_and_is_not_in_force_yet() {
        for way in Way::value_variants() {
            let now = "2031-07-04T07:15:30Z".parse().unwrap();
            let text = documents::agreement(&wanted(Kind::Mapping, *way, Format::Json), now);
            let document: turnpike_schemas::agreement::AgreementDocument =
                toml::from_str(&text).unwrap();
            let agreement = document.validate().unwrap();
            let (document, day) = (agreement.document(), |text: &str| text.parse().unwrap());
            assert_eq!(document.effective_from, day("2031-07-04T00:00:00Z"));
            assert_eq!(document.effective_until, day("2032-07-03T00:00:00Z"));
            let status = document.status;
            assert_eq!(status, turnpike_schemas::agreement::Status::Suspended);
        }
    }

    #[test]
    fn every_mapping_is_toml_of_few_lines_with_a_plate_in_its_question() {
        for way in Way::value_variants() {
            for format in Format::value_variants() {
                let Ok(text) = mapping::text(&wanted(Kind::Mapping, *way, *format)) else {
                    assert!(*way == Way::Listen || (*way, *format) == (Way::Pull, Format::Csv));
                    continue;
                };
                let table: toml::Table = text.parse().unwrap();
                assert!(table.contains_key("fields"), "{text}");
                assert_eq!(text.contains("{plate}"), *way == Way::Pull);
                let lines = text
                    .lines()
                    .filter(|line| !line.starts_with('#') && !line.is_empty());
                assert!(lines.count() <= 40, "{text}");
            }
        }
    }

    #[test]
    fn every_mapping_written_is_accepted_by_the_declarative_adapter() {
        let entry = turnpike_adapters::registry::find("declarative").unwrap();
        for way in Way::value_variants() {
            for format in Format::value_variants() {
                let Ok(text) = mapping::text(&wanted(Kind::Mapping, *way, *format)) else {
                    continue;
                };
                let mapping = serde_json::json!({ "file": "harbor.toml", "text": text });
                let mut settings = serde_json::json!({ "mapping": mapping });
                if *way == Way::Pull {
                    settings["base_url"] = "https://api.vendor.example".into();
                }
                let adapter = (entry.build)(&settings)
                    .unwrap_or_else(|error| panic!("{way:?} {format:?}: {error}\n{text}"));
                let can = adapter.info().capabilities;
                let ways = (can.search, can.push, can.file);
                let wanted = (*way == Way::Pull, *way == Way::Push, *way == Way::File);
                assert_eq!(ways, wanted, "{way:?} {format:?}");
            }
        }
    }

    #[test]
    fn names_that_rust_does_not_take_are_refused() {
        for good in ["harbor", "axis2", "harbor_garages"] {
            assert!(is_module(good), "{good}");
        }
        for bad in ["harbor-garages", "2axis", "mod", "registry", ""] {
            assert!(!is_module(bad), "{bad}");
        }
        assert_eq!(title("harbor-garages"), "Harbor garages");
    }
}
