//! `turnpike query` and `turnpike explain`.

use std::io::{self, Read as _, Write};

use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use turnpike_adapters::context::{Clock as _, SystemClock};
use turnpike_schemas::{
    api::{
        Answer, Capability, Completeness, Explanation, FailureKind, LimitedBy, QueryRequest,
        SourceOutcome, SourceReport,
    },
    plate::Jurisdiction,
    query::{CaseRef, MatchMode, OnBehalfOf, Purpose, TimeWindow},
    read::{PlateRead, SourceId},
    standard::niem,
};

use super::{
    client::Server,
    exit::{Exit, Outcome},
    table::{clean, shortened, table, time, unbroken},
};

/// A question.
#[derive(Debug, Args)]
struct Question {
    /// The plate; `?` for an unknown character with `--match partial`; `-` reads it from standard input
    plate: String,
    /// Why you ask: `stolen_vehicle`, `missing_person`, ...
    #[arg(long, value_parser = purpose)]
    purpose: Purpose,
    /// The file the question belongs to
    #[arg(long = "case", value_parser = case)]
    case_reference: CaseRef,
    /// For whom: `self`, or the organisation you ask for
    #[arg(long, value_parser = on_behalf_of)]
    on_behalf_of: OnBehalfOf,
    /// Begin of the window, such as 2026-03-01T00:00:00Z
    #[arg(long, required_unless_present = "last", conflicts_with = "last")]
    from: Option<Timestamp>,
    /// End of the window; now when left out
    #[arg(long, conflicts_with = "last")]
    to: Option<Timestamp>,
    /// The window up to now: `36h`, `7d`
    #[arg(long, value_parser = span)]
    last: Option<SignedDuration>,
    /// Who issued the plate, such as `US-OH`
    #[arg(long, value_parser = jurisdiction)]
    jurisdiction: Option<Jurisdiction>,
    /// How the plate is compared: `exact`, `look_alike`, `partial`
    #[arg(long = "match", default_value = "exact", value_parser = match_mode)]
    match_mode: MatchMode,
    /// Ask these sources only
    #[arg(long = "source", value_parser = source)]
    sources: Vec<SourceId>,
    /// How long to wait for the sources, in milliseconds
    #[arg(long)]
    deadline_ms: Option<u32>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

/// Ask every permitted source about a plate
#[derive(Debug, Args)]
pub(super) struct Query {
    #[command(flatten)]
    question: Question,
    /// How the answer is printed
    #[arg(long, value_enum, default_value = "table", conflicts_with = "json")]
    format: Format,
    /// Exit with 7 unless every source was searched over the whole window
    #[arg(long)]
    require_complete: bool,
}

/// The forms an answer is printed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// The answer as the API gives it
    Json,
    /// One XML message in NIEM elements, as `schemas/niem` describes it
    Niem,
}

/// Say who would be asked and who would refuse
#[derive(Debug, Args)]
pub(super) struct Explain {
    #[command(flatten)]
    question: Question,
}

impl Query {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let request = self.question.request()?;
        let answer: Answer = self.question.server.post("/v1/queries", &request).await?;
        match self.format {
            Format::Niem => out.write_all(&niem::message(&answer)?)?,
            Format::Json => json(out, &answer)?,
            Format::Table if self.question.json => json(out, &answer)?,
            Format::Table => print_answer(out, &request, &answer)?,
        }
        let complete = answer.completeness == Completeness::Complete;
        Ok(if self.require_complete && !complete {
            Exit::Incomplete
        } else {
            Exit::Done
        })
    }
}

impl Explain {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let request = self.question.request()?;
        let explanation: Explanation = self
            .question
            .server
            .post("/v1/queries:explain", &request)
            .await?;
        if self.question.json {
            json(out, &explanation)?;
        } else {
            print_explanation(out, &explanation)?;
        }
        Ok(Exit::Done)
    }
}

impl Question {
    fn request(&self) -> Result<QueryRequest, Outcome> {
        let now = SystemClock.now();
        let to = self.to.unwrap_or(now);
        let from = match (self.from, self.last) {
            (Some(from), _) => from,
            (None, Some(last)) => now
                .checked_sub(last)
                .map_err(|_| usage("`--last` is too long"))?,
            (None, None) => return Err(usage("give the window with `--last` or `--from`")),
        };
        Ok(QueryRequest {
            plate: self.plate()?,
            match_mode: self.match_mode,
            jurisdiction: self.jurisdiction.clone(),
            window: TimeWindow::new(from, to).map_err(|error| usage(&error.to_string()))?,
            purpose: self.purpose,
            case_reference: self.case_reference.clone(),
            on_behalf_of: self.on_behalf_of.clone(),
            sources: (!self.sources.is_empty()).then(|| self.sources.clone()),
            deadline_ms: self.deadline_ms,
        })
    }

    fn plate(&self) -> Result<String, Outcome> {
        if self.plate != "-" {
            return Ok(self.plate.clone());
        }
        let mut text = String::new();
        io::stdin().take(1_024).read_to_string(&mut text)?;
        Ok(text.trim().to_owned())
    }
}

fn print_answer(out: &mut dyn Write, request: &QueryRequest, answer: &Answer) -> io::Result<()> {
    let window = answer.window;
    writeln!(
        out,
        "{}\n{} to {} UTC\n{}, case {}\n",
        clean(&request.plate),
        time(window.from()),
        time(window.to()),
        request.purpose,
        request.case_reference.as_str()
    )?;
    writeln!(out, "{}\n", wrapped(&headline(answer)))?;
    if !answer.reads.is_empty() {
        print_reads(out, &answer.reads)?;
    }
    let mut sources = table(&["source", "family", "outcome", "reads", "what it means"]);
    for report in &answer.sources {
        let reads = if report.outcome.searched() {
            report.outcome.reads().to_string()
        } else {
            "-".to_owned()
        };
        let word = report.outcome.word().replace('_', " ");
        sources.add_row([
            report.source.to_string(),
            report.family.as_str().to_owned(),
            word,
            reads,
            meaning(report),
        ]);
    }
    unbroken(&mut sources, 4);
    writeln!(out, "{}\n", trimmed(&sources.to_string()))?;
    writeln!(
        out,
        "On record as entries {} and {} of the ledger.\nQuestion {}.",
        answer.ledger.intent, answer.ledger.outcome, answer.query
    )
}

/// Lines of at most 78 characters.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let length = lines.last().map_or(0, |line| line.chars().count());
        match lines.last_mut() {
            Some(line) if length == 0 => line.push_str(word),
            Some(line) if length + 1 + word.chars().count() <= 78 => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

/// The sentence a tired person acts on.
fn headline(answer: &Answer) -> String {
    const LEAD: &str = "A read is a lead: confirm it against the image before acting.";
    let count = |wanted: fn(&SourceOutcome) -> bool| {
        answer
            .sources
            .iter()
            .filter(|report| wanted(&report.outcome))
            .count()
    };
    let (wholly, searched) = (
        count(SourceOutcome::searched_wholly),
        count(SourceOutcome::searched),
    );
    let (all, reads) = (answer.sources.len(), answer.reads.len());
    let found = match reads {
        0 => "no read was found".to_owned(),
        1 => "1 read was found".to_owned(),
        many => format!("{many} reads were found"),
    };
    let partly = match searched - wholly {
        0 => String::new(),
        part => format!(" and {part} in part"),
    };
    let extent = format!("{wholly} of {all} sources were searched over the whole window{partly}");
    match answer.completeness {
        Completeness::Complete if reads == 0 => format!(
            "NOT SEEN: all {all} sources were searched over the whole window and have no read."
        ),
        Completeness::Complete => format!(
            "COMPLETE: {found}; all {all} sources were searched over the whole window. {LEAD}"
        ),
        Completeness::Partial if reads == 0 => {
            format!("PARTIAL: {found}, but this does NOT mean \"not seen\": {extent}. See below.")
        }
        Completeness::Partial => {
            format!("PARTIAL: {found}, and there may be more: {extent}. {LEAD}")
        }
        Completeness::None => format!(
            "NOT SEARCHED: none of {all} sources was searched. Nothing is known about this plate. See below."
        ),
    }
}

/// Two lines a read: the second says where, and is as long as it needs to be on a narrow screen.
fn print_reads(out: &mut dyn Write, reads: &[PlateRead]) -> io::Result<()> {
    let source = reads
        .iter()
        .map(|read| read.source.as_str().len())
        .max()
        .unwrap_or(0);
    let plate = reads
        .iter()
        .map(|read| read.observation.plate.plate.chars())
        .max()
        .unwrap_or(0);
    for read in reads {
        let observation = &read.observation;
        let text = clean(observation.plate.plate.expose());
        let issuer = observation
            .plate
            .jurisdiction
            .as_ref()
            .map_or("issuer not given", |issuer| issuer.as_str());
        let confidence = observation.plate.confidence;
        let sure = confidence.map_or_else(
            || "confidence not given".to_owned(),
            |sure| format!("{:.0} % sure", sure.get() * 100.0),
        );
        let at = time(observation.captured_at);
        writeln!(
            out,
            "{at}  {:source$}  {text:plate$}  {issuer}  {sure}",
            read.source.as_str()
        )?;
        writeln!(out, "    {}", place(read))?;
    }
    writeln!(out)
}

fn place(read: &PlateRead) -> String {
    let place = &read.observation.place;
    let named = [
        ("", &place.site),
        ("", &place.camera),
        ("lane ", &place.lane),
    ];
    let mut parts: Vec<String> = named
        .into_iter()
        .filter_map(|(what, name)| Some(format!("{what}{}", shortened(&clean(name.as_ref()?), 24))))
        .collect();
    if let (Some(lat), Some(lon)) = (place.lat, place.lon) {
        parts.push(format!("{lat:.4},{lon:.4}"));
    }
    if !read.observation.images.is_empty() {
        parts.push(format!("{} image(s)", read.observation.images.len()));
    }
    if parts.is_empty() {
        "place not given".to_owned()
    } else {
        parts.join(", ")
    }
}

fn meaning(report: &SourceReport) -> String {
    let again = |after: &Option<u32>| {
        after.map_or_else(String::new, |seconds| format!("; ask again in {seconds} s"))
    };
    match &report.outcome {
        SourceOutcome::Answered {
            truncated,
            rejected,
            searched,
            ..
        } => whole(*truncated, *rejected, searched.as_ref()),
        SourceOutcome::Empty { rejected, searched } => whole(false, *rejected, searched.as_ref()),
        SourceOutcome::Refused { rule, explanation } => {
            format!("not asked: {explanation} ({rule})")
        }
        SourceOutcome::RateLimited { by, retry_after_s } => match by {
            LimitedBy::Quota => format!(
                "not searched: our quota at the source is used up{}",
                again(retry_after_s)
            ),
            LimitedBy::Source => format!(
                "not searched: the source says too many requests{}",
                again(retry_after_s)
            ),
        },
        SourceOutcome::TimedOut => {
            "not searched in time; ask again with a longer deadline".to_owned()
        }
        SourceOutcome::Failed {
            error,
            retry_after_s,
        } => format!("not searched: {}{}", failure(*error), again(retry_after_s)),
        SourceOutcome::Stale { since, .. } => match since {
            Some(since) => format!(
                "searched, but nothing understandable has come from it since {} UTC",
                time(*since)
            ),
            None => "searched, but nothing has ever come from it".to_owned(),
        },
        SourceOutcome::Unsupported { capability } => {
            format!("not asked: {}", unsupported(*capability))
        }
        SourceOutcome::NotAsked => "not asked: you did not name it".to_owned(),
    }
}

fn whole(truncated: bool, rejected: u32, searched: Option<&TimeWindow>) -> String {
    let mut parts = Vec::new();
    if let Some(window) = searched {
        parts.push(format!(
            "searched from {} to {} UTC only, as its agreement says",
            time(window.from()),
            time(window.to())
        ));
    }
    if truncated {
        parts.push("there are more: these are the newest".to_owned());
    }
    if rejected > 0 {
        parts.push(format!("{rejected} of its records could not be understood"));
    }
    if parts.is_empty() {
        "searched over the whole window".to_owned()
    } else {
        parts.join("; ")
    }
}

fn failure(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Unauthorized => "the source refused our credentials (unauthorized)",
        FailureKind::Unavailable => "the source cannot be reached (unavailable)",
        FailureKind::Malformed => "the source's answer is not understood (malformed)",
        FailureKind::Config => "the source is configured wrongly (config)",
        FailureKind::Internal => "the gateway failed (internal)",
    }
}

fn unsupported(capability: Capability) -> &'static str {
    match capability {
        Capability::Search => "the source cannot be asked live",
        Capability::PartialPlates => "the source cannot compare partial plates",
        Capability::LookAlike => {
            "the source cannot compare look-alikes; ask again with `--match exact`"
        }
        Capability::Undisclosed => "the source insists on being told what its agreement keeps back",
        Capability::Jurisdiction => "the source does not know this issuer",
        Capability::Kept => "the whole window is older than what is kept of this source",
        Capability::TooBroad => {
            "too broad; give more known characters, best at the beginning, or a shorter window"
        }
    }
}

fn print_explanation(out: &mut dyn Write, explanation: &Explanation) -> io::Result<()> {
    writeln!(
        out,
        "A dry run: nobody was contacted. On record as entry {} of the ledger.\n",
        explanation.ledger
    )?;
    let mut sources = table(&["source", "agreement", "would be", "why"]);
    for source in &explanation.sources {
        let why = match (&source.explanation, source.unsupported) {
            (Some(explanation), _) => {
                let rule = source
                    .decision
                    .verdicts
                    .iter()
                    .find_map(|verdict| verdict.rule);
                format!("{explanation} ({})", rule.map_or("", |rule| rule.as_str()))
            }
            (None, Some(capability)) => unsupported(capability).to_owned(),
            (None, None) if !source.would_ask => "not named in the question".to_owned(),
            (None, None) => granted(
                source.decision.window,
                explanation.window,
                source.decision.max_reads,
            ),
        };
        sources.add_row([
            source.source.to_string(),
            source.decision.agreement.to_string(),
            if source.would_ask {
                "asked"
            } else {
                "not asked"
            }
            .to_owned(),
            why,
        ]);
    }
    unbroken(&mut sources, 3);
    writeln!(out, "{}", trimmed(&sources.to_string()))
}

fn granted(window: Option<TimeWindow>, asked: TimeWindow, most: Option<u32>) -> String {
    let most = most.map_or_else(String::new, |most| format!(", at most {most} reads"));
    match window {
        Some(window) if window != asked => format!(
            "permitted from {} to {} UTC only{most}",
            time(window.from()),
            time(window.to())
        ),
        Some(_) => format!("permitted over the whole window{most}"),
        None => "not named in the question".to_owned(),
    }
}

/// Without the spaces a table pads its lines with.
fn trimmed(table: &str) -> String {
    table
        .lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n")
}

pub(super) fn json(out: &mut dyn Write, value: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}

fn usage(message: &str) -> Outcome {
    Outcome::new(Exit::Usage, message)
}

pub(super) fn purpose(text: &str) -> Result<Purpose, String> {
    let known = Purpose::ALL.iter().find(|purpose| purpose.as_str() == text);
    known.copied().ok_or_else(|| {
        let all: Vec<&str> = Purpose::ALL
            .iter()
            .map(|purpose| purpose.as_str())
            .collect();
        format!("a purpose is one of {}", all.join(", "))
    })
}

fn match_mode(text: &str) -> Result<MatchMode, String> {
    match text {
        "exact" => Ok(MatchMode::Exact),
        "look_alike" | "look-alike" => Ok(MatchMode::LookAlike),
        "partial" => Ok(MatchMode::Partial),
        _ => Err("a plate is compared `exact`, `look_alike` or `partial`".to_owned()),
    }
}

pub(super) fn case(text: &str) -> Result<CaseRef, String> {
    CaseRef::parse(text).map_err(|error| error.to_string())
}

fn jurisdiction(text: &str) -> Result<Jurisdiction, String> {
    Jurisdiction::parse(text).map_err(|error| error.to_string())
}

pub(super) fn on_behalf_of(text: &str) -> Result<OnBehalfOf, String> {
    OnBehalfOf::try_from(text.to_owned())
        .map_err(|_| "give `self`, or the identifier of an organisation".to_owned())
}

pub(super) fn source(text: &str) -> Result<SourceId, String> {
    SourceId::parse(text).map_err(|error| error.to_string())
}

/// `90m`, `36h`, `7d`.
pub(super) fn span(text: &str) -> Result<SignedDuration, String> {
    let wrong = || "a span is a number with `m`, `h` or `d`, such as `36h` or `7d`".to_owned();
    let (number, minutes) = [("m", 1), ("h", 60), ("d", 24 * 60)]
        .into_iter()
        .find_map(|(unit, minutes)| text.strip_suffix(unit).map(|number| (number, minutes)))
        .ok_or_else(wrong)?;
    let number: u32 = number.parse().map_err(|_| wrong())?;
    if number == 0 {
        return Err(wrong());
    }
    Ok(SignedDuration::from_mins(i64::from(number) * minutes))
}
