//! A check report for people: every check, then what failed and what to do.

use std::io::{self, Write};

use turnpike_schemas::conformance::{CheckReport, CheckWay, Verdict};

use super::super::table::{clean, table, unbroken};
use crate::cli::words::counted;

/// Width of text, as of tables without a terminal.
const WIDTH: usize = 80;

pub(super) fn print(out: &mut dyn Write, report: &CheckReport) -> io::Result<()> {
    let what = match report.way {
        CheckWay::Payloads => "payload",
        CheckWay::Live => "answer",
    };
    let looked_at = counted(report.payloads, what);
    let reads = counted(report.reads, "read");
    let rejected = counted(report.rejected, "record");
    let contact = match report.way {
        CheckWay::Payloads => "; nobody was contacted",
        CheckWay::Live => "",
    };
    wrapped(
        out,
        "",
        &format!(
            "{}, adapter {} {}: {looked_at}{contact}. {reads}, {rejected} rejected, {} skipped. No read is stored or shown.",
            report.source, report.adapter, report.adapter_version, report.skipped
        ),
    )?;
    for (doubt, count) in &report.doubts {
        wrapped(
            out,
            "",
            &format!(
                "In doubt: {count} of {reads}: `{}`; `turnpike source decode` shows which.",
                clean(doubt)
            ),
        )?;
    }
    writeln!(out)?;
    let mut results = table(&["result", "check"]);
    for result in &report.results {
        results.add_row([word(result.verdict), &result.check.replace('_', " ")]);
    }
    unbroken(&mut results, 1);
    for line in results.to_string().lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    writeln!(out)?;
    for result in &report.results {
        if result.verdict != Verdict::Failed {
            continue;
        }
        wrapped(
            out,
            "",
            &format!("failed: {}", result.check.replace('_', " ")),
        )?;
        for detail in &result.details {
            wrapped(out, "  - ", &clean(detail))?;
        }
        if let Some(advice) = &result.advice {
            wrapped(out, "  what to do: ", advice)?;
        }
        writeln!(out)?;
    }
    let answered = report.way == CheckWay::Live && report.payloads > 0;
    if answered && report.reads == 0 {
        wrapped(
            out,
            "",
            "Nothing was found, so no read was compared with anything. Ask about a plate and a window the source is known to hold.",
        )?;
        writeln!(out)?;
    }
    let count = |verdict| report.count(verdict);
    writeln!(
        out,
        "{} passed, {} failed, {} not applicable.",
        count(Verdict::Passed),
        count(Verdict::Failed),
        count(Verdict::NotApplicable)
    )?;
    if let Some(question) = report.question {
        let (intent, outcome) = (question.intent, question.outcome);
        writeln!(
            out,
            "The question is on record as entries {intent} and {outcome} of the ledger."
        )?;
    }
    if let Some(recorded) = report.recorded {
        writeln!(
            out,
            "The check is on record as entry {recorded} of the ledger."
        )?;
    }
    Ok(())
}

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "FAILED",
        Verdict::NotApplicable => "not applicable",
    }
}

/// Writes text in lines of at most 80 characters; lines after the first are indented like its first word.
pub(super) fn wrapped(out: &mut dyn Write, lead: &str, text: &str) -> io::Result<()> {
    let indent = " ".repeat(lead.chars().count());
    let room = WIDTH.saturating_sub(indent.len()).max(20);
    let mut line = String::new();
    let mut lead = lead;
    for word in text.split_whitespace().flat_map(|word| pieces(word, room)) {
        let used = line.chars().count();
        if used > 0 && used + 1 + word.chars().count() > room {
            writeln!(out, "{lead}{line}")?;
            line.clear();
            lead = &indent;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    writeln!(out, "{lead}{line}")
}

/// A word in pieces that fit.
fn pieces(word: &str, room: usize) -> Vec<String> {
    let chars: Vec<char> = word.chars().collect();
    chars
        .chunks(room)
        .map(|piece| piece.iter().collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use turnpike_schemas::read::SourceId;

    use super::*;

    fn empty() -> CheckReport {
        CheckReport {
            source: SourceId::parse("larkspur-lots").unwrap(),
            adapter: "declarative".to_owned(),
            adapter_version: "1".to_owned(),
            way: CheckWay::Payloads,
            payloads: 1,
            reads: 2,
            rejected: 1,
            skipped: 0,
            doubts: std::collections::BTreeMap::new(),
            results: Vec::new(),
            question: None,
            recorded: None,
        }
    }

    #[test]
    fn one_is_one_and_values_left_out_are_told_in_80_columns() {
        let mut report = empty();
        report.doubt(&["value_not_understood".to_owned()]);
        let mut out = Vec::new();
        print(&mut out, &report).unwrap();
        let shown = String::from_utf8(out).unwrap();
        assert!(
            shown.lines().all(|line| line.chars().count() <= 80),
            "{shown}"
        );
        let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in [
            "1 payload; nobody was contacted. 2 reads, 1 record rejected",
            "In doubt: 1 of 2 reads: `value_not_understood`;",
        ] {
            assert!(words.contains(part), "{part} is not in\n{shown}");
        }
        assert!(report.plain().doubts.is_empty());
        assert!(!report.facts().contains_key("doubts"));
    }

    #[test]
    fn a_live_check_that_finds_nothing_says_that_it_compared_nothing() {
        let shown = |way, payloads, reads| {
            let mut report = empty();
            (report.way, report.payloads, report.reads) = (way, payloads, reads);
            let mut out = Vec::new();
            print(&mut out, &report).unwrap();
            String::from_utf8(out).unwrap()
        };
        let remark = "Nothing was found, so no read was compared";
        assert!(shown(CheckWay::Live, 1, 0).contains(remark));
        assert!(!shown(CheckWay::Live, 1, 2).contains(remark));
        assert!(
            !shown(CheckWay::Live, 0, 0).contains(remark),
            "not answered"
        );
        assert!(!shown(CheckWay::Payloads, 1, 0).contains(remark));
    }

    #[test]
    fn text_is_wrapped_and_no_word_is_lost() {
        let text = format!("one {} {}", "two ".repeat(40), "x".repeat(200));
        let mut out = Vec::new();
        wrapped(&mut out, "  - ", &text).unwrap();
        let shown = String::from_utf8(out).unwrap();
        assert!(
            shown.lines().all(|line| line.chars().count() <= 80),
            "{shown}"
        );
        assert!(shown.starts_with("  - one two"));
        assert_eq!(shown.matches("two").count(), 40);
        assert_eq!(shown.matches('x').count(), 200);
    }
}
