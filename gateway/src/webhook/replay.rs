//! Messages that were taken in lately: the same one again is answered as before and taken in no second time.
//!
//! In memory and bounded. After a restart, and beyond the bound, a message sent again is decoded again, and its reads
//! are duplicates in the store.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use turnpike_adapters::adapter::Reply;
use turnpike_schemas::api::PushReceipt;

/// Messages remembered of one source.
const MOST: usize = 65_536;

type Key = [u8; 32];

/// The messages of one source.
#[derive(Debug)]
pub struct Replays {
    window: Duration,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    messages: HashMap<Key, Option<Arc<Told>>>,
    /// When each was answered, oldest first.
    order: VecDeque<(Key, Instant)>,
}

/// What a message was answered.
#[derive(Debug, Clone)]
pub struct Told {
    /// What became of it.
    pub receipt: PushReceipt,
    /// The answer the vendor's format prescribes.
    pub reply: Option<Reply>,
}

/// What is known of a message.
#[derive(Debug)]
pub enum Claim {
    /// Nothing: take it in.
    New(Claimed),
    /// It is being taken in right now.
    UnderWay,
    /// It was taken in.
    Known(Arc<Told>),
}

/// A message that is being taken in. Dropped without [`Claimed::answered`], it is forgotten: it was not taken in.
pub struct Claimed {
    replays: Arc<Replays>,
    key: Key,
    is_answered: bool,
}

impl Replays {
    /// Remembers messages for `window`.
    #[must_use]
    pub fn new(window: Duration) -> Arc<Self> {
        Arc::new(Self {
            window,
            seen: Mutex::default(),
        })
    }

    /// Asks for a message, and marks it as under way if it is new.
    pub fn claim(self: &Arc<Self>, key: Key) -> Claim {
        let mut seen = self.seen();
        seen.forget(self.window);
        match seen.messages.get(&key) {
            Some(Some(told)) => Claim::Known(Arc::clone(told)),
            Some(None) => Claim::UnderWay,
            None => {
                seen.messages.insert(key, None);
                Claim::New(Claimed {
                    replays: Arc::clone(self),
                    key,
                    is_answered: false,
                })
            }
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn forget(&mut self, window: Duration) {
        let now = Instant::now();
        while let Some((key, at)) = self.order.front() {
            if self.order.len() <= MOST && now.duration_since(*at) < window {
                break;
            }
            self.messages.remove(key);
            self.order.pop_front();
        }
    }
}

impl Claimed {
    /// The message is durable and was answered so.
    pub fn answered(mut self, told: Told) {
        self.is_answered = true;
        let mut seen = self.replays.seen();
        seen.messages.insert(self.key, Some(Arc::new(told)));
        seen.order.push_back((self.key, Instant::now()));
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        if !self.is_answered {
            self.replays.seen().messages.remove(&self.key);
        }
    }
}

impl Told {
    /// What a message is told that was taken in before: the same, but nothing new is stored.
    #[must_use]
    pub fn again(&self) -> Self {
        let receipt = &self.receipt;
        Self {
            receipt: PushReceipt {
                stored: 0,
                duplicates: receipt.stored.saturating_add(receipt.duplicates),
                skipped: receipt.skipped,
                rejected: receipt.rejected,
            },
            reply: self.reply.clone(),
        }
    }
}

impl fmt::Debug for Claimed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claimed")
    }
}
