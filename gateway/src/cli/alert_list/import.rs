//! `turnpike alert-list import`.

use std::{
    io::{Read as _, Write},
    path::PathBuf,
};

use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use turnpike_schemas::{
    alert::RowResult,
    api::alerts::{AlertImport, AlertSource},
};
use uuid::Uuid;

use super::{
    super::{
        client::{Server, Upload},
        exit::{Exit, Outcome},
        query::{json, span as lookback},
        table::{table, trimmed, unbroken, wrapped},
        words::counted,
    },
    look_back,
};

/// Rows that are printed one by one.
const PRINTED: usize = 50;

/// Add entries from a CSV file or a list of an authority; nothing that is there is overwritten
///
/// The first line of a CSV file names the columns: `plate`, and as needed `jurisdiction`, `reason`, `expires_at` and `note`. With
/// `--layout` the file is a list as an authority hands it out; records about persons are dropped unread. Every row is told what
/// becomes of it. The exit code is 8 when a row was not taken.
#[derive(Debug, Args)]
pub(in crate::cli) struct Import {
    #[command(flatten)]
    server: Server,
    /// The list
    list: Uuid,
    /// The file; `-` for standard input
    file: PathBuf,
    /// What the file is to the list
    #[arg(long, value_enum, default_value_t = Mode::Incremental)]
    mode: Mode,
    /// Change nothing, and say what would be changed
    #[arg(long)]
    dry_run: bool,
    /// Reason code of rows that have none
    #[arg(long)]
    reason: Option<String>,
    /// End of rows that have none, with a zone
    #[arg(long = "expires")]
    expires_at: Option<Timestamp>,
    /// Where fields stand in a list that an authority handed out: `ncic`, or one of the installation
    #[arg(long, requires = "as_of")]
    layout: Option<String>,
    /// When the file was put together, with a zone: hits of a list that is old say so
    #[arg(long)]
    as_of: Option<Timestamp>,
    /// Entries that differ in nothing but an earlier end last longer; with --layout they always do
    #[arg(long)]
    renew: bool,
    /// Look for the entries among what was read so long before as well, once: `36h`, `7d`
    #[arg(long, value_parser = lookback, conflicts_with_all = ["dry_run", "json"])]
    look_back: Option<SignedDuration>,
    /// Names this import: the same again changes nothing
    #[arg(long)]
    key: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Mode {
    /// All of it: what is not in the file is removed
    Complete,
    /// More of it: what is not in the file stays
    Incremental,
}

impl Import {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let body = self.body()?;
        let mut query = form_urlencoded();
        query.append_pair("mode", self.mode.word());
        query.append_pair("dry_run", if self.dry_run { "true" } else { "false" });
        if let Some(reason) = &self.reason {
            query.append_pair("reason", reason);
        }
        if let Some(until) = self.expires_at {
            query.append_pair("expires_at", &until.to_string());
        }
        if let Some(layout) = &self.layout {
            query.append_pair("layout", layout);
        }
        if let Some(as_of) = self.as_of {
            query.append_pair("as_of", &as_of.to_string());
        }
        if self.renew {
            query.append_pair("renew", "true");
        }
        let path = format!("/v1/alert-lists/{}/entries?{}", self.list, query.finish());
        let upload = Upload {
            body: body.into(),
            content_type: if self.layout.is_some() {
                "text/plain"
            } else {
                "text/csv"
            },
            key: self.key,
        };
        let report: AlertImport = self.server.post_file(&path, upload).await?;
        if self.json {
            json(out, &report)?;
        } else {
            print(out, &report)?;
        }
        if let Some(last) = self.look_back {
            look_back(&self.server, self.list, last, out).await?;
        }
        let untaken = report.rows.len() as u64 + report.rows_not_listed;
        Ok(if untaken == 0 {
            Exit::Done
        } else {
            Exit::Rejected
        })
    }

    fn body(&self) -> Result<Vec<u8>, Outcome> {
        let unreadable = |error: std::io::Error| {
            let message = format!("{} cannot be read: {error}", self.file.display());
            Outcome::new(Exit::Usage, message)
        };
        if self.file.as_os_str() != "-" {
            return std::fs::read(&self.file).map_err(unreadable);
        }
        let mut body = Vec::new();
        std::io::stdin()
            .read_to_end(&mut body)
            .map_err(unreadable)?;
        Ok(body)
    }
}

impl Mode {
    fn word(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Incremental => "incremental",
        }
    }
}

fn form_urlencoded() -> url::form_urlencoded::Serializer<'static, String> {
    url::form_urlencoded::Serializer::new(String::new())
}

fn print(out: &mut dyn Write, report: &AlertImport) -> Result<(), Outcome> {
    let (did, none) = if report.dry_run {
        ("would be", "DRY RUN, nothing was changed: ")
    } else {
        ("", "")
    };
    let space = if did.is_empty() { "" } else { " " };
    let renewed = match report.renewed {
        0 => String::new(),
        renewed => format!(", {renewed} {did}{space}given a later end"),
    };
    writeln!(
        out,
        "{none}{} {did}{space}added, {} removed{renewed}.",
        counted(report.added, "entry"),
        report.removed
    )?;
    if report.dropped > 0 {
        let dropped = counted(report.dropped, "record");
        writeln!(
            out,
            "Not read: {dropped} about persons, without a plate, or of no known kind."
        )?;
    }
    let counts: Vec<String> = report
        .counts
        .iter()
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    if !counts.is_empty() {
        writeln!(out, "Rows: {}.", counts.join(", "))?;
    }
    if report.removal_held_back {
        let why = "Nothing was removed although the file is complete: rows of it cannot be read, and what seems to be missing could be one of them.";
        writeln!(out, "{}", wrapped(why, 78))?;
    }
    if !report.ignored_columns.is_empty() {
        let columns = report.ignored_columns.iter().map(u32::to_string);
        let columns: Vec<String> = columns.collect();
        writeln!(out, "Columns that were not read: {}.", columns.join(", "))?;
    }
    print_rows(out, report)?;
    if report.needs_approval {
        let why = "NOT looked for yet: a second person must agree (turnpike alert-list approve).";
        writeln!(out, "\n{why}")?;
    }
    if let Some(days) = report.confirm_every_days {
        writeln!(
            out,
            "\nConfirm the entries every {}, or they are not looked for:\nturnpike alert-list confirm LIST",
            counted(days, "day")
        )?;
    }
    print_sources(out, &report.sources)
}

fn print_rows(out: &mut dyn Write, report: &AlertImport) -> Result<(), Outcome> {
    if report.rows.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nRows that were not taken:")?;
    for row in report.rows.iter().take(PRINTED) {
        let says = format!("line {}: {}", row.line, says(&row.result));
        for (n, line) in wrapped(&says, 76).lines().enumerate() {
            writeln!(out, "  {}{line}", if n == 0 { "" } else { "  " })?;
        }
    }
    let more = report.rows.len().saturating_sub(PRINTED) as u64 + report.rows_not_listed;
    if more > 0 {
        writeln!(out, "  and {more} more; --json has up to 1,000")?;
    }
    Ok(())
}

fn says(result: &RowResult) -> String {
    match result {
        RowResult::Added => "added".to_owned(),
        RowResult::Unchanged => "there already".to_owned(),
        RowResult::Renewed { entry } => format!("entry {entry} lasts longer"),
        RowResult::Repeated { of } => format!("the same as line {of}"),
        RowResult::Contradicts { line } => {
            format!("contradicts line {line}: neither is applied")
        }
        RowResult::Conflicts { entry, fields } => format!(
            "entry {entry} is there with another {}: it stays as it is",
            fields.join(" and ")
        ),
        RowResult::Full => "the list is full".to_owned(),
        RowResult::Wrong { problems } => {
            let problems = problems.iter().map(ToString::to_string);
            problems.collect::<Vec<_>>().join("; ")
        }
    }
}

/// About how long, in the unit that says it best.
fn span(seconds: u64) -> String {
    match seconds {
        0..7_200 => format!("{} min", seconds.div_ceil(60).max(1)),
        7_200..172_800 => format!("{} h", seconds.div_ceil(3_600)),
        _ => format!("{} days", seconds.div_ceil(86_400)),
    }
}

/// Who will tell of these plates: what is not watched must not be taken for not seen.
fn print_sources(out: &mut dyn Write, sources: &[AlertSource]) -> Result<(), Outcome> {
    if sources.is_empty() {
        return Ok(());
    }
    let mut rows = table(&["source", "watched", "what it means"]);
    for source in sources {
        let permits = source.plates || source.partial_plates;
        let (watched, means) = match (permits, source.delivers, &source.explanation) {
            (true, true, None) => ("yes", "you are told of its reads as they arrive".to_owned()),
            (true, true, Some(_)) if source.plates => (
                "in part",
                "whole plates only; partial ones are refused".to_owned(),
            ),
            (true, true, Some(_)) => ("in part", "partial plates only".to_owned()),
            (true, false, _) => match (source.asked_every_s, &source.not_asked) {
                (Some(every), _) => (
                    "in turn",
                    format!("asked in turn, about every {}", span(every)),
                ),
                (None, Some(why)) => ("NO", why.clone()),
                (None, None) => (
                    "NO",
                    "it can only be asked: its reads do not arrive by themselves".to_owned(),
                ),
            },
            (false, _, Some(why)) => ("NO", why.clone()),
            (false, _, None) => ("NO", "nothing was decided: no plate can be read".to_owned()),
        };
        rows.add_row([source.source.to_string(), watched.to_owned(), means]);
    }
    unbroken(&mut rows, 2);
    writeln!(out, "\n{}", trimmed(&rows.to_string()))?;
    Ok(())
}
