//! Wakes whoever waits for events. What happened is in the outbox and nowhere else, so nobody misses anything and nobody costs
//! memory by being slow.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch::{Receiver, Sender};

use super::Event;

/// Who listens. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Hub {
    /// The number of the last event of each owner who is listened for.
    owners: Arc<Mutex<HashMap<String, Sender<u64>>>>,
    /// The number of the last event of anybody.
    latest: Arc<Sender<u64>>,
}

impl Hub {
    /// Wakes those who wait for these events, which are in the outbox. Never waits.
    pub fn publish(&self, events: &[Event]) {
        let Some(last) = events.iter().map(|event| event.seq).max() else {
            return;
        };
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            let Some(waiting) = owners.get(&event.owner) else {
                continue;
            };
            if waiting.is_closed() {
                owners.remove(&event.owner);
            } else {
                raise(waiting, event.seq);
            }
        }
        drop(owners);
        raise(&self.latest, last);
    }

    /// Changes with every event of an owner from now on. Whoever wants those before as well listens first, and reads the outbox
    /// then.
    #[must_use]
    pub fn listen(&self, owner: &str) -> Receiver<u64> {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = owners.entry(owner.to_owned()).or_default();
        waiting.subscribe()
    }

    /// Changes with every event of anybody, for whoever reads the outbox as a whole.
    #[must_use]
    pub fn latest(&self) -> Receiver<u64> {
        self.latest.subscribe()
    }
}

/// Events may be published in another order than they were written.
fn raise(latest: &Sender<u64>, seq: u64) {
    latest.send_modify(|latest| *latest = seq.max(*latest));
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use turnpike_schemas::{
        hit::{HitId, HitState, Standing},
        read::{ReadId, SourceId},
    };

    use super::*;
    use crate::watch::EventKind;

    fn event(seq: u64, owner: &str) -> Event {
        let source = SourceId::parse("brookdale").unwrap();
        let hit = HitId::derive(&seq.to_string(), &ReadId::derive(&source, "r-1"));
        Event {
            seq,
            event: hit.as_str().to_owned(),
            hit,
            owner: owner.to_owned(),
            organisation: "brookdale-pd".to_owned(),
            kind: EventKind::Hit,
            state: HitState::Unconfirmed,
            standing: Standing::Stands,
            at: Timestamp::UNIX_EPOCH,
            keep_until: Timestamp::MAX,
            body: None,
        }
    }

    #[tokio::test]
    async fn each_owner_is_woken_for_their_own_and_a_late_earlier_event_wakes_too() {
        let hub = Hub::default();
        let (mut avery, mut lee, mut latest) =
            (hub.listen("d.avery"), hub.listen("j.lee"), hub.latest());
        hub.publish(&[event(3, "d.avery")]);
        assert_eq!(*avery.borrow_and_update(), 3);
        assert!(!lee.has_changed().unwrap());
        hub.publish(&[event(2, "d.avery"), event(4, "j.lee")]);
        assert!(avery.has_changed().unwrap() && lee.has_changed().unwrap());
        assert_eq!(
            (*avery.borrow_and_update(), *lee.borrow_and_update()),
            (3, 4)
        );
        assert_eq!(*latest.borrow_and_update(), 4);
    }

    #[tokio::test]
    async fn an_owner_nobody_listens_for_costs_nothing() {
        let hub = Hub::default();
        drop(hub.listen("d.avery"));
        hub.publish(&[event(1, "d.avery"), event(2, "j.lee")]);
        assert!(hub.owners.lock().unwrap().is_empty());
    }
}
