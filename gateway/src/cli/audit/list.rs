//! `turnpike audit list`, `flags` and `trail`.

use std::io::Write;

use clap::Args;
use jiff::Timestamp;
use turnpike_schemas::{
    api::{FlagList, QuestionList, QuestionSearch, ReviewedQuestion, TrailRequest},
    ledger::Personal,
    review::{
        filter::Filter,
        misuse::RuleId,
        question::{Question, State},
        trail,
        weeks::FindingResult,
    },
};

use super::super::{
    client::Server,
    exit::{Exit, Outcome},
    query::json,
    report::day_or_time,
    table::{clean, shortened, table, time, trimmed, unbroken, wrapped},
};
use crate::cli::words::counted;

/// List questions by who asked, for whom, why, which source, when and what came of it
#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    /// Who asked
    #[arg(long)]
    subject: Option<String>,
    /// The asker's organisation
    #[arg(long)]
    organisation: Option<String>,
    /// Why
    #[arg(long)]
    purpose: Option<String>,
    /// For which file
    #[arg(long = "case")]
    case_reference: Option<String>,
    /// Which plate, as it was normalised; `-` reads it from standard input
    #[arg(long)]
    plate: Option<String>,
    /// A source that was wanted
    #[arg(long)]
    source: Option<String>,
    /// What came of a source: `answered`, `empty`, `refused`, `failed` and so on
    #[arg(long)]
    outcome: Option<String>,
    /// What became of the question: `answered`, `refused`, `interrupted`, `open`, `explained`
    #[arg(long, value_parser = state)]
    state: Option<State>,
    /// From then on: 2026-03-02, or 2026-03-02T12:00:00Z
    #[arg(long, value_parser = day_or_time)]
    from: Option<Timestamp>,
    /// Before then
    #[arg(long, value_parser = day_or_time)]
    to: Option<Timestamp>,
    /// Only those a flag of this rule points to; `turnpike audit rules` has the names
    #[arg(long)]
    flag: Option<RuleId>,
    /// Only those whose last finding is this: `justified`, `unjustified`, `unclear`
    #[arg(long, value_parser = finding)]
    finding: Option<FindingResult>,
    /// Only the newest
    #[arg(long, default_value_t = 100)]
    last: u32,
    /// Show plates and case references in full
    #[arg(long)]
    full: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

/// List what the misuse rules have flagged
#[derive(Debug, Args)]
pub(in crate::cli) struct Flags {
    /// Only those of this rule; `turnpike audit rules` has the names
    #[arg(long)]
    rule: Option<RuleId>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

/// Show every source and plate one user reached
#[derive(Debug, Args)]
pub(in crate::cli) struct Trail {
    /// Whose
    #[arg(long)]
    subject: String,
    /// Show plates and case references in full
    #[arg(long)]
    full: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

impl List {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let plate = self.plate.as_deref().map(super::super::query::plate);
        let search = QuestionSearch {
            filter: Filter {
                subject: self.subject.map(Personal::new),
                organisation: self.organisation,
                purpose: self.purpose,
                case_reference: self.case_reference.map(Personal::new),
                plate: plate.transpose()?.map(Personal::new),
                source: self.source,
                outcome: self.outcome,
                state: self.state,
                from: self.from,
                to: self.to,
            },
            flag: self.flag,
            finding: self.finding,
            last: Some(self.last),
        };
        let list: QuestionList = self
            .server
            .post("/v1/ledger/questions:search", &search)
            .await?;
        if self.json {
            json(out, &list)?;
            return Ok(Exit::Done);
        }
        let shown = list.questions.len();
        writeln!(
            out,
            "{} of {}, from {}\n",
            shown,
            counted(list.matched, "question"),
            counted(list.entries, "entry")
        )?;
        print_questions(out, &list.questions, self.full)?;
        Ok(Exit::Done)
    }
}

impl Flags {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let path = match self.rule {
            Some(rule) => format!("/v1/reports/flags?rule={rule}"),
            None => "/v1/reports/flags".to_owned(),
        };
        let list: FlagList = self.server.get(&path).await?;
        if self.json {
            json(out, &list)?;
            return Ok(Exit::Done);
        }
        if list.flags.is_empty() {
            let entries = counted(list.entries, "entry");
            writeln!(out, "Nothing is flagged in {entries}.")?;
            return Ok(Exit::Done);
        }
        let waiting = list.flags.iter().filter(|line| line.finding.is_none());
        writeln!(
            out,
            "{} from {}, {} of them without a finding\n",
            counted(list.flags.len(), "flag"),
            counted(list.entries, "entry"),
            waiting.count()
        )?;
        let mut flags = table(&["entry", "time (utc)", "who", "what", "finding"]);
        for line in &list.flags {
            let flag = &line.flag;
            let who = flag.subject.as_ref().map(Personal::expose);
            flags.add_row([
                flag.entry.to_string(),
                time(flag.at),
                shortened(&clean(who.unwrap_or(&flag.organisation)), 16),
                line.sentence.clone(),
                line.finding.map_or("-", FindingResult::as_str).to_owned(),
            ]);
        }
        unbroken(&mut flags, 3);
        writeln!(out, "{}", trimmed(&flags.to_string()))?;
        Ok(Exit::Done)
    }
}

impl Trail {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let request = TrailRequest {
            subject: Personal::new(self.subject),
        };
        let path = "/v1/ledger/questions:trail";
        let trail: trail::Trail = self.server.post(path, &request).await?;
        if self.json {
            json(out, &trail)?;
            return Ok(Exit::Done);
        }
        let span = match trail.first_at.zip(trail.last_at) {
            Some((first, last)) => format!(", {} to {}", time(first), time(last)),
            None => String::new(),
        };
        writeln!(
            out,
            "{}{span}, from {}\n",
            counted(trail.questions, "question"),
            counted(trail.entries, "entry")
        )?;
        let mut sources = table(&["source", "questions", "reads"]);
        for reached in &trail.sources {
            sources.add_row([
                reached.source.clone(),
                reached.questions.to_string(),
                reached.reads.to_string(),
            ]);
        }
        writeln!(out, "{}\n", trimmed(&sources.to_string()))?;
        let mut plates = table(&["plate", "questions", "reads", "cases"]);
        for asked in &trail.plates {
            let cases = asked.case_references.iter();
            let cases: Vec<String> = cases
                .map(|case| covered(case.expose(), self.full))
                .collect();
            plates.add_row([
                covered(asked.plate.expose(), self.full),
                asked.questions.to_string(),
                asked.reads.to_string(),
                cases.join(", "),
            ]);
        }
        unbroken(&mut plates, 3);
        writeln!(out, "{}", trimmed(&plates.to_string()))?;
        Ok(Exit::Done)
    }
}

/// Plates and cases are covered unless they are wanted in full.
pub(super) fn print_questions(
    out: &mut dyn Write,
    questions: &[ReviewedQuestion],
    full: bool,
) -> std::io::Result<()> {
    for ReviewedQuestion {
        question,
        flags,
        finding,
    } in questions
    {
        let text = |text: &Option<String>| clean(text.as_deref().unwrap_or("-"));
        let personal = |text: &Option<Personal>| {
            text.as_ref()
                .map_or_else(|| "-".to_owned(), |text| clean(text.expose()))
        };
        writeln!(
            out,
            "{}  {}  {} of {}",
            question.entry,
            time(question.at),
            shortened(&personal(&question.subject), 24),
            shortened(&text(&question.organisation), 20),
        )?;
        let urgent = if question.urgent { ", urgent" } else { "" };
        let offence = question
            .offence
            .iter()
            .map(|offence| format!(" ({offence})"));
        let lines = [
            format!(
                "{} for {}{}, case {}, plate {}{urgent}",
                question.action,
                text(&question.purpose),
                offence.collect::<String>(),
                covered(&personal(&question.case_reference), full),
                covered(&personal(&question.plate), full),
            ),
            came_of(question),
        ];
        for line in lines {
            for part in wrapped(&line, 74).lines() {
                writeln!(out, "    {part}")?;
            }
        }
        let names: Vec<&str> = flags.iter().map(|flag| flag.as_str()).collect();
        if !names.is_empty() {
            writeln!(out, "    flagged: {}", names.join(", "))?;
        }
        if let Some(finding) = finding {
            writeln!(out, "    finding: {}", finding.as_str())?;
        }
    }
    Ok(())
}

/// What became of it, source by source.
fn came_of(question: &Question) -> String {
    let state = match question.state {
        State::Answered => "answered",
        State::Refused => "refused",
        State::Interrupted => "interrupted",
        State::Open => "no outcome on record",
        State::Explained => "explained only",
    };
    let reason = question.reason.iter().map(|reason| format!(" ({reason})"));
    let sources = question.sources.iter().filter(|line| line.was_wanted());
    let sources: Vec<String> = sources
        .map(|line| match line.reads {
            0 => format!("{} {}", line.source, line.word()),
            reads => format!("{} {} ({reads})", line.source, line.word()),
        })
        .collect();
    let reason: String = reason.collect();
    if sources.is_empty() {
        return format!("{state}{reason}");
    }
    format!("{state}{reason}: {}", sources.join(", "))
}

/// First and last character, unless it is wanted in full.
fn covered(text: &str, full: bool) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.next_back()) {
        (Some(first), Some(last)) if !full => format!("{first}\u{2026}{last}"),
        _ => clean(text),
    }
}

fn state(text: &str) -> Result<State, String> {
    let states = [
        State::Answered,
        State::Refused,
        State::Interrupted,
        State::Open,
        State::Explained,
    ];
    states
        .into_iter()
        .find(|state| crate::federation::word(state) == text)
        .ok_or_else(|| {
            "one of `answered`, `refused`, `interrupted`, `open`, `explained`".to_owned()
        })
}

pub(super) fn finding(text: &str) -> Result<FindingResult, String> {
    FindingResult::parse(text)
        .ok_or_else(|| "one of `justified`, `unjustified`, `unclear`".to_owned())
}
