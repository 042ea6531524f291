//! An explanation, for people.

use std::io::{self, Write};

use turnpike_schemas::{api::Explanation, query::TimeWindow};

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
