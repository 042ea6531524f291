//! An explanation, for people.

use std::io::{self, Write};

use turnpike_schemas::{
    agreement::{Engine, Verdict},
    api::Explanation,
    query::TimeWindow,
};

use super::super::table::{table, time, trimmed, unbroken};
use super::answer::unsupported;

pub(super) fn print_explanation(out: &mut dyn Write, explanation: &Explanation) -> io::Result<()> {
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
                    // A rule between the engines comes after those of agreements.
                    .filter_map(|verdict| verdict.rule)
                    .max();
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
    writeln!(out, "{}\n", trimmed(&sources.to_string()))?;
    engines(out, explanation)
}

/// What each engine says by itself. A source is asked only where all permit.
fn engines(out: &mut dyn Write, explanation: &Explanation) -> io::Result<()> {
    let has_site = |verdict: &Verdict| verdict.engine == Engine::Site;
    let mut decisions = explanation.sources.iter().map(|source| &source.decision);
    let with_site = decisions.any(|decision| decision.verdicts.iter().any(has_site));
    let shown = if with_site { 3 } else { 2 };
    let mut said = table(
        ["source", "native", "cedar", "site"]
            .get(..=shown)
            .unwrap_or(&[]),
    );
    for source in &explanation.sources {
        let says = |engine| {
            let mut verdicts = source.decision.verdicts.iter();
            let verdict = verdicts.find(|verdict| verdict.engine == engine);
            verdict.map_or_else(|| "-".to_owned(), words)
        };
        let says = [Engine::Native, Engine::Cedar, Engine::Site].map(says);
        let says = says.into_iter().take(shown);
        said.add_row(std::iter::once(source.source.to_string()).chain(says));
    }
    unbroken(&mut said, 1);
    writeln!(out, "{}", trimmed(&said.to_string()))
}

fn words(verdict: &Verdict) -> String {
    let says = if verdict.permit { "permits" } else { "refuses" };
    let rule = verdict.rule.iter().map(ToString::to_string);
    let by: Vec<String> = rule.chain(verdict.policies.iter().cloned()).collect();
    match by.as_slice() {
        [] => says.to_owned(),
        by => format!("{says}: {}", by.join(", ")),
    }
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
