//! Where fields stand in the lists that authorities hand out.

use std::{collections::BTreeMap, ops::Range};

use jiff::SignedDuration;
use serde::Deserialize;
use turnpike_schemas::alert::Reason;

use super::{report::Report, validate::elements};
use crate::alerts::hotlist::{Layout, Place};

/// The layout that is always there.
const NCIC: &str = "ncic";

#[derive(Debug, Deserialize)]
#[serde(expecting = "a table")]
struct RawHotlist {
    name: String,
    separator: Option<String>,
    #[serde(default)]
    skip: usize,
    plate: RawPlace,
    state: Option<RawPlace>,
    kind: RawPlace,
    reasons: BTreeMap<String, String>,
    ends_with: Option<String>,
    #[serde(default = "a_day")]
    lasts_h: u32,
}

#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "characters as in `[27, 37]`, the number of a cell, or both as in `{ cell = 1, chars = [0, 1] }`"
)]
enum RawPlace {
    Chars([usize; 2]),
    Cell(usize),
    Both { cell: usize, chars: [usize; 2] },
}

fn a_day() -> u32 {
    24
}

/// By name; the FBI's own is always there, unless a table of its name says otherwise.
pub(super) fn hotlists(list: Vec<toml::Value>, report: &mut Report) -> BTreeMap<String, Layout> {
    let required = ["name", "plate", "kind", "reasons"];
    let mut layouts = BTreeMap::from([(NCIC.to_owned(), Layout::ncic())]);
    let mut seen = Vec::new();
    for (at, raw) in elements::<RawHotlist>("hotlists", list, &required, report) {
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if raw.name.is_empty() || !raw.name.chars().all(is_word) {
            let message = "must be lower-case letters, digits and `-`";
            report.add(format!("{at}.name"), message);
        }
        if seen.contains(&raw.name) {
            report.add(format!("{at}.name"), "is there twice");
        }
        let layout = layout(&at, &raw, report);
        layouts.extend(layout.map(|layout| (raw.name.clone(), layout)));
        seen.push(raw.name);
    }
    layouts
}

fn layout(at: &str, raw: &RawHotlist, report: &mut Report) -> Option<Layout> {
    let separator = match raw.separator.as_deref().map(str::as_bytes) {
        None => None,
        Some([separator @ (b',' | b';' | b'\t' | b'|' | b' ')]) => Some(*separator),
        Some(_) => {
            let message = "must be one of `,`, `;`, `|`, a blank and a tabulator";
            report.add(format!("{at}.separator"), message);
            return None;
        }
    };
    let mut place = |key: &str, raw: &RawPlace| {
        let place = place(raw, separator.is_some());
        place
            .map_err(|message| report.add(format!("{at}.{key}"), message))
            .ok()
    };
    let (plate, kind) = (place("plate", &raw.plate), place("kind", &raw.kind));
    let state = raw.state.as_ref().map(|state| place("state", state));
    let hours = report.within(
        format!("{at}.lasts_h"),
        raw.lasts_h.into(),
        1..=24 * 366_u64,
    );
    if raw.reasons.is_empty() {
        let message = "names no kind of record, so nothing would be taken";
        report.add(format!("{at}.reasons"), message);
    }
    for (kind, reason) in &raw.reasons {
        if Reason::parse(reason).is_err() {
            let message = "must be a code of lower-case letters, digits and `_`";
            report.add(format!("{at}.reasons.{kind}"), message);
        }
    }
    Some(Layout {
        separator,
        skip: raw.skip,
        plate: plate?,
        state: state.flatten(),
        kind: kind?,
        reasons: raw.reasons.clone(),
        ends_with: raw.ends_with.clone().filter(|end| !end.is_empty()),
        lasts: SignedDuration::from_hours(hours.cast_signed()),
    })
}

fn place(raw: &RawPlace, is_separated: bool) -> Result<Place, &'static str> {
    let span = |[start, end]: [usize; 2]| -> Result<Range<usize>, &'static str> {
        if start < end {
            Ok(start..end)
        } else {
            Err("must be characters from 0, as in `[27, 37]`, the end excluded")
        }
    };
    match (raw, is_separated) {
        (RawPlace::Chars(chars), false) => Ok(Place::of_line(span(*chars)?)),
        (RawPlace::Chars(_), true) => {
            Err("must name a cell, because a `separator` is given: cells are counted from 1")
        }
        (_, false) => Err("must be characters, as in `[27, 37]`, because no `separator` is given"),
        (RawPlace::Cell(cell), true) => Ok(Place::of_cell(from_one(*cell)?)),
        (RawPlace::Both { cell, chars }, true) => Ok(Place {
            cell: from_one(*cell)?,
            chars: span(*chars)?,
        }),
    }
}

fn from_one(cell: usize) -> Result<usize, &'static str> {
    cell.checked_sub(1).ok_or("cells are counted from 1")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(table: &str) -> (BTreeMap<String, Layout>, Vec<String>) {
        let mut report = Report::new(Path::new("turnpike.toml"));
        let table: toml::Table = toml::from_str(table).unwrap();
        let list = table["hotlists"].as_array().unwrap().clone();
        let layouts = hotlists(list, &mut report);
        let problems = report.into_problems().into_iter();
        (layouts, problems.map(|problem| problem.key).collect())
    }

    const GOOD: &str = r#"
        [[hotlists]]
        name = "brookdale"
        separator = ";"
        plate = 2
        kind = { cell = 1, chars = [1, 2] }
        reasons = { V = "stolen_vehicle" }
    "#;

    #[test]
    fn cells_are_counted_from_one_and_a_list_lasts_a_day() {
        let (layouts, problems) = read(GOOD);
        assert_eq!(problems, [""; 0]);
        assert!(layouts.contains_key(NCIC));
        let layout = &layouts["brookdale"];
        assert_eq!(layout.plate, Place::of_cell(1));
        assert_eq!((layout.kind.cell, layout.kind.chars.clone()), (0, 1..2));
        assert_eq!(layout.lasts, SignedDuration::from_hours(24));
    }

    #[test]
    fn what_cannot_be_meant_is_a_problem_of_its_key() {
        for (right, wrong, key) in [
            ("\"brookdale\"", "\"Brook dale\"", "hotlists[0].name"),
            ("\";\"", "\"::\"", "hotlists[0].separator"),
            ("plate = 2", "plate = 0", "hotlists[0].plate"),
            ("plate = 2", "plate = [0, 8]", "hotlists[0].plate"),
            ("[1, 2]", "[2, 2]", "hotlists[0].kind"),
            ("chars =", "char =", "hotlists[0].kind"),
            ("separator = \";\"", "", "hotlists[0].plate"),
            ("stolen_vehicle", "Stolen!", "hotlists[0].reasons.V"),
            ("{ V = \"stolen_vehicle\" }", "{}", "hotlists[0].reasons"),
        ] {
            let (_, problems) = read(&GOOD.replace(right, wrong));
            assert!(problems.iter().any(|at| at == key), "{wrong}: {problems:?}");
        }
        let (_, twice) = read(&format!("{GOOD}{GOOD}"));
        assert_eq!(twice, ["hotlists[1].name"]);
    }
}
