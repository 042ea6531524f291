//! The mapping language: one TOML file, checked as a whole when it is loaded.
//!
//! No value refers to another, so nothing can go in a circle; a key that is written twice is refused by TOML itself. Every
//! problem is told at once, with file, line and column.

mod asking;
mod deny;
pub(super) mod document;
mod fields;
mod source;

use encoding_rs::{Encoding, UTF_8};
use jiff::tz::TimeZone;
use sha2::{Digest as _, Sha256};
use turnpike_schemas::{
    plate::Jurisdiction,
    read::{Family, ReadKind},
};

use self::document::{Problems, Table};
use super::{
    ask::{answer::Rules, auth::Auth, paging::Paging, request::Request},
    capture::{Layout, Lines},
    path::{Format, xml},
    read::Fields,
    time::Repeated,
};
use crate::error::Result;

/// A mapping, ready to be used.
#[derive(Debug)]
pub(super) struct Mapping {
    /// Kind of organisation the source is.
    pub(super) family: Family,
    /// First digits of the digest of the text: reads name the rules they were made by.
    pub(super) digest: String,
    /// Where values are.
    pub(super) layout: Layout,
    /// What they mean.
    pub(super) fields: Fields,
    /// How the source is asked.
    pub(super) pull: Option<Pull>,
    /// Whether messages are taken.
    pub(super) webhook: bool,
    /// How files are taken.
    pub(super) files: Option<Files>,
}

/// How a source is asked live.
#[derive(Debug)]
pub(super) struct Pull {
    pub(super) request: Request,
    pub(super) auth: Auth,
    pub(super) paging: Paging,
    pub(super) rules: Rules,
}

/// Which files are taken.
#[derive(Debug)]
pub(super) struct Files {
    /// How a name must end.
    pub(super) name_ends: Option<String>,
    /// A file without a record is good.
    pub(super) may_be_empty: bool,
}

/// What a source says about itself where its mapping leaves it open.
#[derive(Debug, Clone, Default)]
pub(super) struct Choices {
    pub(super) zone: Option<TimeZone>,
    pub(super) repeated_hour: Option<Repeated>,
    pub(super) country: Option<Jurisdiction>,
    pub(super) full_scale: Option<f64>,
    pub(super) page_size: Option<u32>,
    pub(super) max_pages: Option<u32>,
}

/// The choices that matter to a mapping, so that a setting without effect can be refused.
#[derive(Debug, Default)]
pub(super) struct Used(Vec<&'static str>);

impl Used {
    fn note(&mut self, choice: &'static str) {
        self.0.push(choice);
    }

    /// Whether a choice matters.
    pub(super) fn has(&self, choice: &str) -> bool {
        self.0.contains(&choice)
    }
}

const FAMILIES: [(&str, Family); 5] = [
    ("toll", Family::Toll),
    ("parking", Family::Parking),
    ("repossession", Family::Repossession),
    ("police", Family::Police),
    ("camera", Family::Camera),
];

const KINDS: [(&str, ReadKind); 3] = [
    ("read", ReadKind::Read),
    ("session", ReadKind::Session),
    ("right", ReadKind::Right),
];

/// What is known while a file is gone through.
struct Loading<'p, 't, 'c> {
    problems: &'p mut Problems<'t>,
    choices: &'c Choices,
    used: Used,
    layout: Layout,
    unknown: Vec<super::field::Marker>,
    deny: Vec<String>,
}

impl Mapping {
    /// Reads and checks a mapping.
    ///
    /// # Errors
    /// `Config` with every problem, a line each: `file:line:column: what is wrong`.
    pub(super) fn load(file: &str, text: &str, choices: &Choices) -> Result<(Self, Used)> {
        let mut problems = Problems::new(file, text);
        let loaded = problems
            .parse()
            .and_then(|table| load(&mut problems, table.get_ref(), text, choices));
        match loaded {
            Some(loaded) if problems.is_empty() => Ok(loaded),
            _ => Err(problems.into_error()),
        }
    }
}

fn load<'t>(
    problems: &mut Problems<'t>,
    table: &toml::de::DeTable<'t>,
    text: &str,
    choices: &Choices,
) -> Option<(Mapping, Used)> {
    let mut top = Table::new(table, 0..0);
    if let Some(node) = top.require("mapping", problems)
        && node.whole() != Some(1)
    {
        problems.add(&node.span, "must be 1, the version of this language");
    }
    top.text("title", problems);
    let family = top
        .require("family", problems)
        .and_then(|node| node.word(&FAMILIES, problems));
    let kind = top.word("kind", &KINDS, problems).unwrap_or(ReadKind::Read);
    let format = top
        .require("format", problems)
        .and_then(|node| node.word(&Format::WORDS, problems));
    let sections = Sections {
        unknown: top.take("unknown"),
        deny: top.take("deny"),
        lines: top.table("lines", problems),
        records: top.table("records", problems),
        fields: top
            .require("fields", problems)
            .and_then(|node| node.table(problems)),
        request: top.table("request", problems),
        auth: top.table("auth", problems),
        paging: top.table("paging", problems),
        answer: top.table("answer", problems),
        webhook: top.table("webhook", problems),
        file: top.table("file", problems),
    };
    top.finish(problems);
    // Without a format no path can be read, and every further problem would be a consequence.
    let format = format?;
    let lines = lines(sections.lines, format, problems);
    let mut loading = Loading {
        unknown: Vec::new(),
        deny: Vec::new(),
        problems,
        choices,
        used: Used::default(),
        layout: Layout::new(format, lines, deny::is_denied),
    };
    if let Some(node) = sections.unknown {
        loading.unknown = loading.markers(&node);
    }
    if let Some(node) = sections.deny {
        loading.denied(&node);
    }
    let skip = sections.records.and_then(|table| loading.records(table));
    let pull = loading.pull(
        sections.request,
        sections.auth,
        sections.paging,
        sections.answer,
        format,
    );
    let webhook = sections.webhook.is_some();
    if let Some(table) = sections.webhook {
        table.finish(loading.problems);
    }
    let files = sections.file.map(|table| loading.files(table));
    if pull.is_none() && !webhook && files.is_none() && loading.problems.is_empty() {
        let message =
            "no way for a record to come: a mapping has `[request]`, `[webhook]` or `[file]`";
        loading.problems.add(&(0..0), message);
    }
    let fields = sections
        .fields
        .and_then(|table| loading.fields(table, kind));
    let mut fields = fields?;
    if let Some(table) = skip {
        fields.skip = loading.skipped(&table);
    }
    let digest = Sha256::digest(text.as_bytes());
    let mapping = Mapping {
        family: family?,
        digest: digest
            .iter()
            .take(4)
            .map(|byte| format!("{byte:02x}"))
            .collect(),
        layout: loading.layout,
        fields,
        pull,
        webhook,
        files,
    };
    Some((mapping, loading.used))
}

/// The parts of a file.
struct Sections<'a, 't> {
    unknown: Option<document::Node<'a, 't>>,
    deny: Option<document::Node<'a, 't>>,
    lines: Option<Table<'a, 't>>,
    records: Option<Table<'a, 't>>,
    fields: Option<Table<'a, 't>>,
    request: Option<Table<'a, 't>>,
    auth: Option<Table<'a, 't>>,
    paging: Option<Table<'a, 't>>,
    answer: Option<Table<'a, 't>>,
    webhook: Option<Table<'a, 't>>,
    file: Option<Table<'a, 't>>,
}

fn lines(table: Option<Table<'_, '_>>, format: Format, problems: &mut Problems<'_>) -> Lines {
    let mut lines = Lines {
        delimiter: b',',
        quote: Some(b'"'),
        header: true,
        skip: 0,
        encoding: UTF_8,
        final_newline: true,
    };
    let Some(mut table) = table else {
        return lines;
    };
    if !format.is_lines() {
        problems.add(
            &table.span,
            "`[lines]` is for `csv`, `fixed_width` and `json_lines`",
        );
    }
    let csv = format == Format::Csv;
    let delimiter = if csv { table.take("delimiter") } else { None };
    if let Some(node) = delimiter {
        match node.value.as_str().map(str::as_bytes) {
            Some([byte]) if byte.is_ascii() && !matches!(byte, b'\n' | b'\r' | b'"') => {
                lines.delimiter = *byte;
            }
            _ => problems.add(&node.span, "must be one ASCII character"),
        }
    }
    if csv {
        if table.flag("quotes", problems) == Some(false) {
            lines.quote = None;
        }
        lines.header = table.flag("header", problems).unwrap_or(true);
    }
    lines.skip = table.count("skip", 0..=1_000, problems).unwrap_or(0);
    lines.final_newline = table.flag("final_newline", problems).unwrap_or(true);
    if let Some(node) = table.take("encoding")
        && let Some(label) = node.text(problems)
    {
        match Encoding::for_label(label.as_bytes()) {
            Some(encoding) => lines.encoding = encoding,
            None => problems.add(
                &node.span,
                "not an encoding of the WHATWG list, such as `windows-1252`",
            ),
        }
    }
    table.finish(problems);
    lines
}

impl<'t> Loading<'_, 't, '_> {
    /// Where the records are. The rules for skipping are read later: a slot is made after the list is known.
    fn records<'a>(&mut self, mut table: Table<'a, 't>) -> Option<Table<'a, 't>> {
        let format = self.layout.format;
        if let Some(node) = table.take("at")
            && let Some(text) = node.text(self.problems)
        {
            let steps = match format {
                Format::Json => match super::path::Place::parse(format, text) {
                    Ok(super::path::Place {
                        path: super::path::Path::Steps(steps),
                        from_message: false,
                    }) => Ok(steps),
                    Ok(_) => Err("must name one list".to_owned()),
                    Err(message) => Err(message),
                },
                Format::Xml => xml(text),
                _ => Err("only `json` and `xml` have a list of records inside".to_owned()),
            };
            match steps {
                Ok(steps) => self.layout.set_records(text, steps),
                Err(message) => self.problems.add(&node.span, message),
            }
        }
        if let Some(missing) = table.word(
            "missing",
            &[("error", false), ("empty", true)],
            self.problems,
        ) {
            self.layout.missing_is_empty = missing;
        }
        Some(table)
    }

    fn files(&mut self, mut table: Table<'_, 't>) -> Files {
        let files = Files {
            name_ends: table.text("name_ends", self.problems).map(str::to_owned),
            may_be_empty: table
                .word(
                    "empty",
                    &[("refuse", false), ("accept", true)],
                    self.problems,
                )
                .unwrap_or(false),
        };
        table.finish(self.problems);
        files
    }
}
