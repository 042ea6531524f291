//! `turnpike query` and `turnpike explain`.

mod answer;
mod explanation;
mod words;

use std::io::{self, Read as _, Write};

use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use turnpike_adapters::context::{Clock as _, SystemClock};
use turnpike_schemas::{
    api::{Answer, Completeness, Explanation, QueryRequest},
    plate::Jurisdiction,
    query::{CaseRef, MatchMode, Note, Offence, OnBehalfOf, Purpose, TimeWindow},
    read::SourceId,
    standard::niem,
};

pub(super) use self::words::{case, note, offence, on_behalf_of, purpose, source, span};
use self::{
    answer::print_answer,
    explanation::print_explanation,
    words::{jurisdiction, match_mode},
};
use super::{
    client::Server,
    exit::{Exit, Outcome},
};

/// A question.
#[derive(Debug, Args)]
struct Question {
    /// The plate; `?` for an unknown character with `--match partial`; `-` reads it from standard input
    plate: String,
    /// Why you ask: `stolen_vehicle`, `missing_person`, ...
    #[arg(long, value_parser = purpose)]
    purpose: Purpose,
    /// The type of offence, where the purpose does not name it: `robbery`, `burglary`, ...
    #[arg(long, value_parser = offence)]
    offence: Option<Offence>,
    /// The file the question belongs to
    #[arg(long = "case", value_parser = case)]
    case_reference: CaseRef,
    /// For whom: `self`, or the organisation you ask for
    #[arg(long, value_parser = on_behalf_of)]
    on_behalf_of: OnBehalfOf,
    /// Begin of the window, such as 2026-03-01T00:00:00Z
    #[arg(long, conflicts_with = "last")]
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
    /// Declare the question urgent: you owe a justification within 24 hours, and it is always reviewed
    #[arg(long)]
    urgent: bool,
    /// The warrant or court order the question rests on
    #[arg(long, value_parser = case)]
    warrant: Option<CaseRef>,
    /// A remark for whoever reviews the question; never about a person
    #[arg(long, value_parser = note)]
    note: Option<Note>,
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
            (None, None) => {
                return Err(usage(
                    "give the window with `--last`, such as `--last 7d`, or with `--from`",
                ));
            }
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
            offence: self.offence,
            urgent: self.urgent,
            warrant: self.warrant.clone(),
            note: self.note.clone(),
        })
    }

    fn plate(&self) -> Result<String, Outcome> {
        plate(&self.plate)
    }
}

/// A plate as it was given, or from standard input, where other users of the machine cannot see it.
pub(super) fn plate(given: &str) -> Result<String, Outcome> {
    if given != "-" {
        return Ok(given.to_owned());
    }
    let mut text = String::new();
    io::stdin().take(1_024).read_to_string(&mut text)?;
    Ok(text.trim().to_owned())
}

fn usage(message: &str) -> Outcome {
    Outcome::new(Exit::Usage, message)
}

pub(super) fn json(out: &mut dyn Write, value: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}
