//! Events to whoever listens right now. What is missed here is in the outbox.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::broadcast;

use super::Event;

/// Events that wait for a slow listener before it is told to catch up from the outbox.
const WAITING: usize = 64;

/// Who listens. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Hub {
    owners: Arc<Mutex<HashMap<String, broadcast::Sender<Arc<Event>>>>>,
    /// Events of all owners, by number alone.
    latest: Arc<tokio::sync::watch::Sender<u64>>,
}

impl Hub {
    /// Tells the listeners of each owner. Never waits: a listener that does not keep up is told that it lags.
    pub fn publish(&self, events: &[Event]) {
        let Some(last) = events.iter().map(|event| event.seq).max() else {
            return;
        };
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            let told = owners
                .get(&event.owner)
                .map(|listeners| listeners.send(Arc::new(event.clone())));
            if let Some(Err(_)) = told {
                owners.remove(&event.owner);
            }
        }
        drop(owners);
        self.latest
            .send_if_modified(|latest| std::mem::replace(latest, last.max(*latest)) < last);
    }

    /// Events of an owner from now on. Whoever wants those before listens first, and then reads the outbox.
    #[must_use]
    pub fn listen(&self, owner: &str) -> broadcast::Receiver<Arc<Event>> {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        let listeners = owners
            .entry(owner.to_owned())
            .or_insert_with(|| broadcast::Sender::new(WAITING));
        listeners.subscribe()
    }

    /// The number of the last event of anybody, for whoever reads the outbox as a whole.
    #[must_use]
    pub fn latest(&self) -> tokio::sync::watch::Receiver<u64> {
        self.latest.subscribe()
    }
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
    async fn each_owner_hears_of_their_own() {
        let hub = Hub::default();
        let (mut avery, mut latest) = (hub.listen("d.avery"), hub.latest());
        hub.publish(&[event(1, "d.avery"), event(2, "j.lee"), event(3, "d.avery")]);
        assert_eq!(avery.recv().await.unwrap().seq, 1);
        assert_eq!(avery.recv().await.unwrap().seq, 3);
        assert!(avery.is_empty());
        assert_eq!(*latest.borrow_and_update(), 3);
    }

    #[tokio::test]
    async fn who_does_not_keep_up_is_told_so_and_costs_nobody_else() {
        let hub = Hub::default();
        let (mut slow, mut quick) = (hub.listen("d.avery"), hub.listen("d.avery"));
        for seq in 1..=100 {
            hub.publish(&[event(seq, "d.avery")]);
            assert_eq!(quick.recv().await.unwrap().seq, seq);
        }
        let lags = slow.recv().await.unwrap_err();
        assert!(matches!(lags, broadcast::error::RecvError::Lagged(_)));
        drop((slow, quick));
        hub.publish(&[event(101, "d.avery")]);
        assert!(hub.owners.lock().unwrap().is_empty(), "nobody is left");
    }
}
