//! Whether somebody may be told of one read, what they are told, and the record of it.

use std::{sync::Arc, time::Instant};

use jiff::Timestamp;
use turnpike_matcher::{How, Match};
use turnpike_schemas::{
    agreement::AlertPermit,
    alert::Entry,
    api::hits::HitNotice,
    hit::{HitId, Matched, doubts, late_by},
    ledger::{
        Action, Completeness, Decision, Digest, Intent, Names, Outcome, Personal, Refused,
        RefusedReason, SourceOutcome,
    },
    query::OnBehalfOf,
    read::{PlateRead, SourceId},
};
use uuid::Uuid;

use super::{
    Matching, OLD_AFTER, Stuck,
    asking::{Asked, NotAsked},
};
use crate::{
    alerts::{Found, List},
    federation::{cover, decision_entry, intent_entry},
    ledger::{Ledger, LedgerError, Receipt},
    watch::{self, HitRow, WatchError},
};

/// A read that matches an entry.
pub(super) struct Case {
    pub(super) found: Found,
    pub(super) matched: Match,
}

/// What becomes of a hit.
pub(super) enum Told {
    /// Its owner is shown this, and may fetch the images of it.
    Shown(watch::Told, Box<Pictures>),
    /// Nobody may be told.
    Denied,
}

/// A read that is released with its images, to whom and for what.
pub(super) struct Pictures {
    asked: Asked,
    reads: Vec<PlateRead>,
}

/// What the ledger is told about it.
#[derive(Debug)]
pub(super) enum Record {
    /// It was decided, and this came of it.
    Alert(Box<(Intent, Decision, Outcome)>),
    /// Nobody asks any more, so there was nothing to decide.
    Refused(Box<Refused>),
}

impl Record {
    /// Makes it durable. Says where, if somebody is told.
    pub(super) async fn write(self, ledger: &Ledger) -> Result<Option<Receipt>, LedgerError> {
        match self {
            Self::Alert(bodies) => {
                let (intent, decision, outcome) = *bodies;
                let receipt = ledger.alert(Uuid::now_v7(), intent, decision, outcome);
                receipt.await.map(Some)
            }
            Self::Refused(refused) => {
                let written = ledger.refuse(None, *refused, Vec::new());
                written.await.map(|_| None)
            }
        }
    }
}

impl Matching {
    /// Lets the owner fetch the images. Called once the telling is durable, and not before.
    pub(super) fn show_pictures(&self, pictures: Pictures, now: Timestamp) {
        let Pictures { asked, reads } = pictures;
        if !reads.is_empty() {
            let (requester, query) = (Arc::new(asked.requester), Arc::new(asked.query));
            self.released.remember(&requester, &query, reads, now);
        }
    }

    /// Lets whoever was told of a hit fetch the images of its read for a while, if the agreement still allows that they are told of
    /// it.
    pub(crate) async fn show_again(
        &self,
        hit: &HitRow,
        person: &str,
        notice: &HitNotice,
        now: Timestamp,
    ) -> Result<(), WatchError> {
        let shown = self.pictures_of(hit, person, notice, now).await;
        match shown {
            Ok(Some(pictures)) => self.show_pictures(pictures, now),
            Ok(None) => {}
            Err(Stuck::Hits(error)) => return Err(error),
            Err(error) => tracing::error!(%error, "the images of a hit cannot be offered again"),
        }
        Ok(())
    }

    async fn pictures_of(
        &self,
        hit: &HitRow,
        person: &str,
        notice: &HitNotice,
        now: Timestamp,
    ) -> Result<Option<Pictures>, Stuck> {
        let current = self.store.current(vec![notice.read.id.clone()]).await?;
        let Some(current) = current.into_iter().flatten().next() else {
            return Ok(None);
        };
        let (list, kept) = (notice.list, self.lists.entry(hit.entry, now).await);
        let (Ok(list), Some(wanted)) = (
            self.lists.list(list).await,
            kept.ok().and_then(|kept| kept.entry),
        ) else {
            return Ok(None);
        };
        let (Ok(asked), Some(agreement)) = (
            self.asked_by(person, &list, &wanted, &current.read).await?,
            self.agreements.get(&hit.source),
        ) else {
            return Ok(None);
        };
        let asking = self.policy.asking(&asked.requester);
        let decided = self
            .policy
            .decide_alert(agreement, &asking, &asked.query, now);
        let released = decided.decision.ok();
        let released = released.and_then(|permit| permit.release(current.read));
        Ok(released.map(|read| Pictures {
            asked,
            reads: cover(&mut [read]),
        }))
    }

    /// Decides whether the owner may be told of the read, by the agreement as it is now.
    pub(super) async fn tell(
        &self,
        case: &Case,
        read: &PlateRead,
        hit: &HitId,
        now: Timestamp,
    ) -> Result<(Told, Record), Stuck> {
        let started = Instant::now();
        let Found { wanted, list, .. } = &case.found;
        let refused = |NotAsked(why)| {
            let refused = refusal(list, wanted, &read.source, why);
            (Told::Denied, Record::Refused(Box::new(refused)))
        };
        let asked = match self.asked(list, wanted, read).await? {
            Ok(asked) => asked,
            Err(not_asked) => return Ok(refused(not_asked)),
        };
        let Some(agreement) = self.agreements.get(&read.source) else {
            return Ok(refused(NotAsked("source_gone")));
        };
        let asking = self.policy.asking(&asked.requester);
        let decided = self
            .policy
            .decide_alert(agreement, &asking, &asked.query, now);
        if let Some(alarm) = &decided.alarm {
            self.policy.raise(alarm, &self.ledger, now).await?;
        }
        let mut outcome = refused_by(&read.source);
        let mut told = None;
        match &decided.decision {
            Err(refusal) => outcome.detail = Some(refusal.rule.to_string()),
            Ok(permit) => match notice(permit, case, read, hit, now) {
                None => "withheld".clone_into(&mut outcome.outcome),
                Some((notice, reads)) => {
                    let unreadable = |_| WatchError::Unreadable("a read has no JSON");
                    let mut line = serde_json::to_vec(&notice.read).map_err(unreadable)?;
                    line.push(b'\n');
                    "answered".clone_into(&mut outcome.outcome);
                    (outcome.count, outcome.digest) = (1, Some(Digest::of(&line)));
                    told = Some((watch::Told::of(&notice)?, reads));
                }
            },
        }
        outcome.took_ms = u64::try_from(started.elapsed().as_millis()).ok();
        let decision = decision_entry(&read.source, &decided.record, self.policy.sha256());
        let bodies = (intent(&asked, read, now), decision, whole(outcome));
        let told = match told {
            None => Told::Denied,
            Some((told, reads)) => Told::Shown(told, Box::new(Pictures { asked, reads })),
        };
        Ok((told, Record::Alert(Box::new(bodies))))
    }
}

/// What a source's part of an outcome is unless somebody is told.
pub(super) fn refused_by(source: &SourceId) -> SourceOutcome {
    SourceOutcome {
        source: source.to_string(),
        outcome: "refused".to_owned(),
        count: 0,
        digest: None,
        truncated: false,
        took_ms: None,
        // INVARIANT: not which hit: whoever knows the reads of a source could find it by trying entries.
        detail: None,
    }
}

pub(super) fn intent(asked: &Asked, read: &PlateRead, now: Timestamp) -> Intent {
    let sources = vec![read.source.to_string()];
    let (requester, query) = (&asked.requester, &asked.query);
    intent_entry(Action::Alert, requester, query, sources, None, now)
}

/// The outcome of a question to one source.
pub(super) fn whole(source: SourceOutcome) -> Outcome {
    Outcome {
        completeness: if source.count > 0 {
            Completeness::Complete
        } else {
            Completeness::None
        },
        reads: source.count,
        sources: vec![source],
    }
}

/// What the owner is told, and the read with the locators of its images; nothing where the agreement holds the read back.
fn notice(
    permit: &AlertPermit,
    case: &Case,
    read: &PlateRead,
    hit: &HitId,
    now: Timestamp,
) -> Option<(HitNotice, Vec<PlateRead>)> {
    let Found {
        entry,
        wanted,
        list,
    } = &case.found;
    let matched = match case.matched.how {
        How::Exact => Matched::Exact,
        How::LookAlike => Matched::LookAlike,
        How::Pattern => Matched::Pattern,
    };
    let mut released = permit.release(read.clone())?;
    let pictures = cover(std::slice::from_mut(&mut released));
    let is_old = |as_of: Timestamp| now.duration_since(as_of) > OLD_AFTER;
    let is_old = list.list.as_of.is_some_and(is_old);
    let cautions = doubts(&released, matched, case.matched.issuer, is_old);
    let late = late_by(&released).and_then(|late| u64::try_from(late.as_secs()).ok());
    let notice = HitNotice {
        notice: HitNotice::words(),
        hit: hit.clone(),
        list: list.id,
        list_name: list.list.name.clone(),
        entry: *entry,
        purpose: list.list.terms.purpose,
        case_reference: list.list.terms.case_reference.clone(),
        wanted: wanted.wanted.expose().to_owned(),
        wanted_jurisdiction: wanted.jurisdiction.clone(),
        reason: wanted.reason.clone(),
        matched,
        issuer: case.matched.issuer,
        cautions: cautions.into_iter().map(Into::into).collect(),
        late_by_s: late,
        told_at: now,
        obligations: permit.obligations_in_words(),
        read: released,
    };
    Some((notice, pictures))
}

pub(crate) fn refusal(list: &List, entry: &Entry, source: &SourceId, why: &str) -> Refused {
    refusal_of(&list.list.owner, list, entry, source, why)
}

/// The same, of somebody who is told in the owner's place.
pub(super) fn refusal_of(
    person: &str,
    list: &List,
    entry: &Entry,
    source: &SourceId,
    why: &str,
) -> Refused {
    let terms = &list.list.terms;
    Refused {
        action: Some(Action::Alert),
        detail: Some(why.to_owned()),
        subject: Some(Personal::new(person)),
        organisation: Some(list.list.organisation.clone()),
        on_behalf_of: match &terms.on_behalf_of {
            OnBehalfOf::Own => None,
            OnBehalfOf::Organisation(id) => Some(id.clone()),
        },
        purpose: Some(terms.purpose.as_str().to_owned()),
        case_reference: Some(Personal::new(terms.case_reference.as_str())),
        plate: Some(Personal::new(entry.wanted.expose())),
        sources_wanted: Some(Names::of(vec![source.to_string()])),
        ..Refused::because(RefusedReason::Forbidden)
    }
}
