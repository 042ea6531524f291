//! What the agreements say about entries of a list, at the moment they are added.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use turnpike_schemas::{
    agreement::{AlertPermit, Rule},
    alert::{Bounds, Wanted},
    api::{QueryRequest, alerts::AlertSource},
    ledger::{Action, Decision, Intent},
    query::{MatchMode, TimeWindow},
    read::SourceId,
};
use uuid::Uuid;

use super::{ListError, Listing, Watched};
use crate::{
    alerts::{Duties, List, NewList},
    federation::{decision_entry, intent_entry},
    identity::Identity,
};

/// Rows are checked against this where nothing was decided because no plate can be read.
const UNDECIDED: SignedDuration = SignedDuration::from_hours(24 * 366);

/// Plates whose decisions stand for those of all: what an agreement says does not depend on the text, only on whether it is whole, and
/// else on how much of it is known.
#[derive(Debug, Default)]
pub(super) struct Samples {
    /// A whole plate.
    pub(super) whole: Option<Wanted>,
    /// A partial one.
    pub(super) partial: Option<Wanted>,
}

/// What was decided about entries.
#[derive(Debug)]
pub(super) struct Decided {
    pub(super) bounds: Bounds,
    pub(super) duties: Duties,
    pub(super) sources: Vec<AlertSource>,
    /// Whether anything was decided: nothing is where no plate can be read.
    pub(super) decides: bool,
}

/// Who refuses and by which rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusals(Vec<(SourceId, Rule)>);

/// What all permitting agreements together demand.
#[derive(Debug, Default)]
struct Demands {
    longest: Option<SignedDuration>,
    confirm_every: Option<SignedDuration>,
    approval: bool,
}

impl fmt::Display for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (source, rule)) in self.0.iter().enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            write!(f, "{comma}`{source}` refuses by `{rule}`")?;
        }
        if self.0.is_empty() {
            f.write_str("there is no source")?;
        }
        Ok(())
    }
}

impl Demands {
    fn take(&mut self, permit: &AlertPermit) {
        let least = |have: Option<SignedDuration>, new| have.map_or(new, |have| have.min(new));
        self.longest = Some(least(self.longest, permit.longest()));
        self.confirm_every = Some(least(self.confirm_every, permit.confirm_every()));
        self.approval |= permit.needs_approval();
    }
}

impl Listing {
    /// Asks every agreement, and puts on record what they said.
    ///
    /// # Errors
    /// [`ListError::Refused`] where no source allows any of it.
    pub(super) async fn decide(
        &self,
        identity: &Identity,
        list: &List,
        samples: &Samples,
        now: Timestamp,
    ) -> Result<Decided, ListError> {
        let mut sources: Vec<AlertSource> = self.sources.iter().map(unwatched).collect();
        let mut demands = Demands::default();
        for wanted in [&samples.whole, &samples.partial].into_iter().flatten() {
            self.decide_one(identity, list, wanted, &mut sources, &mut demands, now)
                .await?;
        }
        let decides = samples.whole.is_some() || samples.partial.is_some();
        let permitted = |one: &AlertSource| one.plates || one.partial_plates;
        // What nobody may be told of is not taken in, or its owner would take silence for "not seen".
        let whole = samples.whole.is_none() || sources.iter().any(|one| one.plates);
        if decides && !(whole && sources.iter().any(permitted)) {
            let refused = sources.into_iter();
            let refused = refused.filter_map(|one| Some((one.source, one.rule?)));
            return Err(ListError::Refused(Refusals(refused.collect())));
        }
        let patterns = samples.partial.is_none() || sources.iter().any(|one| one.partial_plates);
        Ok(Decided {
            bounds: Bounds {
                longest: demands.longest.unwrap_or(UNDECIDED),
                patterns,
                most: usize::try_from(self.limits.entries_per_list).unwrap_or(usize::MAX),
            },
            duties: Duties {
                confirm_every: demands.confirm_every.unwrap_or(UNDECIDED),
                approval: demands.approval,
            },
            sources,
            decides,
        })
    }

    async fn decide_one(
        &self,
        identity: &Identity,
        list: &List,
        wanted: &Wanted,
        sources: &mut [AlertSource],
        demands: &mut Demands,
        now: Timestamp,
    ) -> Result<(), ListError> {
        let terms = &list.list.terms;
        let partial = matches!(wanted, Wanted::Pattern(_));
        let request = question(&list.list, wanted, now).ok_or(ListError::Text("expires_at"))?;
        self.cases.check(identity, &request)?;
        let query = request.to_query().map_err(ListError::Terms)?;
        let query = query.with_case_standing(self.cases.standing(identity, &request).await);
        let requester = self.directory.requester(identity, &terms.on_behalf_of)?;
        let asking = self.policy.asking(&requester);
        let mut decisions: Vec<Decision> = Vec::new();
        let mut alarms = Vec::new();
        for (watched, shown) in self.sources.iter().zip(sources) {
            let decided = self
                .policy
                .decide_alert(&watched.agreement, &asking, &query, now);
            decisions.push(decision_entry(
                &watched.id,
                &decided.record,
                self.policy.sha256(),
            ));
            alarms.extend(decided.alarm);
            match decided.decision {
                Ok(permit) => {
                    demands.take(&permit);
                    *(if partial {
                        &mut shown.partial_plates
                    } else {
                        &mut shown.plates
                    }) = true;
                }
                Err(refusal) => {
                    shown.rule.get_or_insert(refusal.rule);
                    let why = || refusal.rule.explanation().to_owned();
                    shown.explanation.get_or_insert_with(why);
                }
            }
        }
        let all = self.sources.iter().map(|source| source.id.to_string());
        let intent: Intent =
            intent_entry(Action::Alert, &requester, &query, all.collect(), None, now);
        self.ledger
            .dry_run(Uuid::now_v7(), intent, decisions)
            .await?;
        for alarm in &alarms {
            self.policy.raise(alarm, &self.ledger, now).await?;
        }
        Ok(())
    }
}

fn unwatched(source: &Watched) -> AlertSource {
    AlertSource {
        source: source.id.clone(),
        plates: false,
        partial_plates: false,
        delivers: source.delivers,
        asked_every_s: None,
        not_asked: None,
        rule: None,
        explanation: None,
    }
}

/// The question that an entry of a list stands for, about one moment.
pub(crate) fn question(list: &NewList, wanted: &Wanted, at: Timestamp) -> Option<QueryRequest> {
    let terms = &list.terms;
    Some(QueryRequest {
        plate: wanted.expose().to_owned(),
        match_mode: match wanted {
            Wanted::Pattern(_) => MatchMode::Partial,
            Wanted::Plate(_) if list.look_alike => MatchMode::LookAlike,
            Wanted::Plate(_) => MatchMode::Exact,
        },
        jurisdiction: None,
        window: moment(at)?,
        purpose: terms.purpose,
        offence: terms.offence,
        case_reference: terms.case_reference.clone(),
        on_behalf_of: terms.on_behalf_of.clone(),
        sources: None,
        deadline_ms: None,
        urgent: false,
        warrant: None,
        note: None,
    })
}

/// The same before there is an entry, to look at the words alone. It is asked of nobody.
pub(super) fn sample(list: &NewList, at: Timestamp) -> Option<QueryRequest> {
    let wanted = Wanted::parse("AAA1111").ok()?;
    question(list, &wanted, at)
}

fn moment(at: Timestamp) -> Option<TimeWindow> {
    let end = at.checked_add(SignedDuration::from_secs(1)).ok()?;
    TimeWindow::new(at, end).ok()
}
