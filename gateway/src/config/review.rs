//! What the review of the ledger is given: thresholds, working hours, delays.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use turnpike_schemas::review::misuse::{Roster, Thresholds};

use super::{report::Report, validate::elements};

/// How the ledger is reviewed.
#[derive(Debug, Clone)]
pub struct Review {
    /// From where on the misuse rules speak.
    pub thresholds: Thresholds,
    /// Working hours.
    pub rosters: Vec<Roster>,
    /// Days after the end of a week within which its review is not late.
    pub grace_days: u32,
    /// Days after the end of a period before which no public report of it is made.
    pub report_delay_days: u32,
    /// Days without a question after which an account may not ask; `None` switches the check off.
    pub dormant_days: Option<u32>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, expecting = "a table")]
pub(super) struct RawReview {
    window_days: u32,
    repeats: u32,
    repeats_any_reason: u32,
    crowd: u32,
    case_plates: u32,
    volume_factor: u32,
    volume_floor: u32,
    fishing: u32,
    justification_hours: u32,
    vague: Vec<String>,
    grace_days: u32,
    report_delay_days: u32,
    dormant_days: u32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(expecting = "a table")]
pub(super) struct RawRoster {
    organisation: String,
    zone: String,
    days: Vec<String>,
    from: String,
    to: String,
}

impl Default for RawReview {
    fn default() -> Self {
        let rules = Thresholds::default();
        Self {
            window_days: rules.window_days,
            repeats: rules.repeats,
            repeats_any_reason: rules.repeats_any_reason,
            crowd: rules.crowd,
            case_plates: rules.case_plates,
            volume_factor: rules.volume_factor,
            volume_floor: rules.volume_floor,
            fishing: rules.fishing,
            justification_hours: rules.justification_hours,
            vague: Vec::new(),
            grace_days: 7,
            report_delay_days: 30,
            dormant_days: 90,
        }
    }
}

pub(super) fn review(raw: &RawReview, report: &mut Report) -> Review {
    let mut within = |key: &str, value: u32, least: u64, most: u64| {
        let value = report.within(format!("review.{key}"), u64::from(value), least..=most);
        u32::try_from(value).unwrap_or(u32::MAX)
    };
    let thresholds = Thresholds {
        window_days: within("window_days", raw.window_days, 1, 366),
        repeats: within("repeats", raw.repeats, 2, 1_000),
        repeats_any_reason: within("repeats_any_reason", raw.repeats_any_reason, 2, 10_000),
        crowd: within("crowd", raw.crowd, 2, 1_000),
        case_plates: within("case_plates", raw.case_plates, 1, 10_000),
        volume_factor: within("volume_factor", raw.volume_factor, 2, 1_000),
        volume_floor: within("volume_floor", raw.volume_floor, 1, 100_000),
        fishing: within("fishing", raw.fishing, 2, 100_000),
        justification_hours: within("justification_hours", raw.justification_hours, 1, 720),
        vague: match raw.vague.as_slice() {
            [] => Thresholds::default().vague,
            words => words.iter().map(|word| word.to_lowercase()).collect(),
        },
    };
    Review {
        thresholds,
        rosters: Vec::new(),
        grace_days: within("grace_days", raw.grace_days, 0, 366),
        report_delay_days: within("report_delay_days", raw.report_delay_days, 0, 366),
        dormant_days: Some(within("dormant_days", raw.dormant_days, 0, 3_660))
            .filter(|days| *days > 0),
    }
}

pub(super) fn rosters<O>(
    list: Vec<toml::Value>,
    organisations: &std::collections::BTreeMap<String, O>,
    report: &mut Report,
) -> Vec<Roster> {
    let required = ["organisation", "zone", "days", "from", "to"];
    let mut rosters = Vec::new();
    for (at, raw) in elements::<RawRoster>("rosters", list, &required, report) {
        if !organisations.contains_key(&raw.organisation) {
            let message = "is not one of `organisations`";
            report.add(format!("{at}.organisation"), message);
        }
        let Ok(zone) = TimeZone::get(&raw.zone) else {
            let message = "is no time zone; write one of the IANA names, as in `America/New_York`";
            report.add(format!("{at}.zone"), message);
            continue;
        };
        let roster = Roster::new(&raw.organisation, zone, &raw.days, &raw.from, &raw.to);
        rosters.extend(report.check(at, roster));
    }
    rosters
}
