//! An answer, for people.

use std::io::{self, Write};

use turnpike_schemas::{
    api::{
        Answer, Capability, Completeness, FailureKind, LimitedBy, QueryRequest, SourceOutcome,
        SourceReport,
    },
    query::TimeWindow,
    read::PlateRead,
};

use super::super::{
    table::{clean, shortened, table, time, trimmed, unbroken, wrapped},
    words::counted,
};

pub(super) fn print_answer(
    out: &mut dyn Write,
    request: &QueryRequest,
    answer: &Answer,
) -> io::Result<()> {
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
    writeln!(out, "{}\n", wrapped(&headline(answer), 78))?;
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
    if let Some(until) = answer.justify_until {
        writeln!(
            out,
            "Declared URGENT: justify it until {} UTC with\nturnpike justify {} --reason REASON\n",
            time(until),
            answer.query
        )?;
    }
    writeln!(
        out,
        "On record as entries {} and {} of the ledger.\nQuestion {}.",
        answer.ledger.intent, answer.ledger.outcome, answer.query
    )
}

/// Sources that the headline names.
const NAMED: usize = 5;

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
    let missing = named(answer, |outcome| !outcome.searched());
    let missing = match missing.as_str() {
        "" => String::new(),
        missing => format!("; not searched: {missing}"),
    };
    let extent =
        format!("{wholly} of {all} sources were searched over the whole window{partly}{missing}");
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

/// The first few sources whose outcome is so, by name.
fn named(answer: &Answer, wanted: fn(&SourceOutcome) -> bool) -> String {
    let all: Vec<&str> = answer
        .sources
        .iter()
        .filter(|report| wanted(&report.outcome))
        .map(|report| report.source.as_str())
        .collect();
    let mut shown = all
        .get(..NAMED.min(all.len()))
        .unwrap_or_default()
        .join(", ");
    if all.len() > NAMED {
        shown.push_str(&format!(" and {} more", all.len() - NAMED));
    }
    shown
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
        parts.push(counted(read.observation.images.len(), "image"));
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
            LimitedBy::Agreement => format!(
                "not asked: you or your organisation asked as often as its agreement allows{}",
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
            None => "searched, but nothing understandable has ever come from it".to_owned(),
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

pub(super) fn unsupported(capability: Capability) -> &'static str {
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
