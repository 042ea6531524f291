//! Telling a second person of a hit that its owner has not seen: a question of their own, decided anew and on record.

use jiff::Timestamp;
use turnpike_schemas::{api::hits::HitNotice, ledger::Digest};

use super::{
    Matching, Stuck,
    asking::NotAsked,
    telling::{Record, intent, refusal_of, refused_by, whole},
};
use crate::{
    alerts::State,
    federation::decision_entry,
    watch::{self, Event, HitRow, Second, WatchError},
};

impl Matching {
    /// Tells `person` of a hit in the place of its owner, if the agreement lets them be told; either way once. Returns the event.
    ///
    /// # Errors
    /// The ledger or a book, and then nobody was told: to be tried again.
    pub(crate) async fn tell_second(
        &self,
        hit: &HitRow,
        person: &str,
        now: Timestamp,
    ) -> Result<Option<Event>, Stuck> {
        let second = self.second(hit, person, now).await?;
        let event = self.hits.escalate(&hit.id, second, now).await?;
        self.hub.publish(event.as_slice());
        Ok(event)
    }

    async fn second(
        &self,
        hit: &HitRow,
        person: &str,
        now: Timestamp,
    ) -> Result<Option<Second>, Stuck> {
        let Some(notice) = hit.report(now)?.notice else {
            // Nothing of the read may be known any more.
            return Ok(None);
        };
        let list = self.lists.list(notice.list).await;
        let kept = self.lists.entry(hit.entry, now).await;
        // An entry that ended or was taken off since wakes nobody.
        let kept = kept.ok().filter(|kept| kept.state == State::Active);
        let (Ok(list), Some(wanted)) = (list, kept.and_then(|kept| kept.entry)) else {
            return Ok(None);
        };
        let refuse = |why: &str| {
            let refused = refusal_of(person, &list, &wanted, &hit.source, why);
            Record::Refused(Box::new(refused))
        };
        let asked = match self.asked_by(person, &list, &wanted, &notice.read).await? {
            Ok(asked) => asked,
            Err(NotAsked(why)) => {
                refuse(why).write(&self.ledger).await?;
                return Ok(None);
            }
        };
        let Some(agreement) = self.agreements.get(&hit.source) else {
            refuse("source_gone").write(&self.ledger).await?;
            return Ok(None);
        };
        let asking = self.policy.asking(&asked.requester);
        let decided = self
            .policy
            .decide_alert(agreement, &asking, &asked.query, now);
        if let Some(alarm) = &decided.alarm {
            self.policy.raise(alarm, &self.ledger, now).await?;
        }
        let intent = intent(&asked, &notice.read, now);
        let mut outcome = refused_by(&hit.source);
        let mut told = None;
        match &decided.decision {
            Err(refusal) => outcome.detail = Some(refusal.rule.to_string()),
            Ok(permit) => {
                // What the owner was shown, as far as this person may be shown it.
                match permit.release(notice.read.clone()) {
                    None => "withheld".clone_into(&mut outcome.outcome),
                    Some(read) => {
                        let shown = HitNotice {
                            told_at: now,
                            obligations: permit.obligations_in_words(),
                            read,
                            ..*notice
                        };
                        "answered".clone_into(&mut outcome.outcome);
                        let unreadable = |_| WatchError::Unreadable("a read has no JSON");
                        let mut line = serde_json::to_vec(&shown.read).map_err(unreadable)?;
                        line.push(b'\n');
                        (outcome.count, outcome.digest) = (1, Some(Digest::of(&line)));
                        told = Some(watch::Told::of(&shown)?);
                    }
                }
            }
        }
        let decision = decision_entry(&hit.source, &decided.record, self.policy.sha256());
        let bodies = (intent, decision, whole(outcome));
        let receipt = Record::Alert(Box::new(bodies)).write(&self.ledger).await?;
        Ok(told.zip(receipt).map(|(told, receipt)| Second {
            person: person.to_owned(),
            organisation: asked.requester.organisation.id.clone(),
            told,
            intent: receipt.intent,
            outcome: receipt.outcome,
        }))
    }
}
