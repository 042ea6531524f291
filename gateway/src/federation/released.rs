//! Which reads with images were released to whom, for which question: the way to an image leads through an answer.
//!
//! Held in memory, bounded in number and time. After a restart, or when it is full, the question is asked again.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use turnpike_schemas::{
    agreement::Requester,
    query::Query,
    read::{PlateRead, ReadId},
};

/// How long after the answer an image can be fetched.
pub(super) const KEEP: SignedDuration = SignedDuration::from_hours(1);

/// Most reads remembered, over all users.
const MOST: usize = 50_000;

/// Reads with images that were released.
#[derive(Debug, Default)]
pub struct Released {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    by_key: BTreeMap<(String, ReadId), Arc<Release>>,
    by_age: VecDeque<(Timestamp, (String, ReadId))>,
}

/// One released read and the question it answered.
#[derive(Debug)]
pub(super) struct Release {
    pub(super) requester: Arc<Requester>,
    pub(super) query: Arc<Query>,
    /// With the vendor's own image locators.
    pub(super) read: PlateRead,
    at: Timestamp,
}

impl Released {
    /// Remembers reads that were released. Called once their outcome is durable, and not before.
    pub(crate) fn remember(
        &self,
        requester: &Arc<Requester>,
        query: &Arc<Query>,
        reads: Vec<PlateRead>,
        now: Timestamp,
    ) {
        let mut kept = self.lock();
        for read in reads {
            kept.put(Release {
                requester: Arc::clone(requester),
                query: Arc::clone(query),
                read,
                at: now,
            });
        }
    }

    /// The release of a read to a subject, if it is recent enough.
    pub(super) fn find(&self, subject: &str, id: &ReadId, now: Timestamp) -> Option<Arc<Release>> {
        let kept = self.lock();
        let release = kept.by_key.get(&(subject.to_owned(), id.clone()))?;
        (now.duration_since(release.at) < KEEP).then(|| Arc::clone(release))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Replaces the vendors' image locators by the gateway's paths. Gives back the reads that have images as they were.
pub(crate) fn cover(reads: &mut [PlateRead]) -> Vec<PlateRead> {
    let mut covered = Vec::new();
    for read in reads {
        if read.observation.images.is_empty() {
            continue;
        }
        covered.push(read.clone());
        for (n, image) in read.observation.images.iter_mut().enumerate() {
            image.reference = format!("/v1/reads/{}/images/{n}", read.id.as_str());
        }
    }
    covered
}

impl Kept {
    fn put(&mut self, release: Release) {
        let key = (release.requester.subject.clone(), release.read.id.clone());
        let now = release.at;
        self.by_age.push_back((now, key.clone()));
        self.by_key.insert(key, Arc::new(release));
        while let Some((at, key)) = self.by_age.front() {
            if self.by_age.len() <= MOST && now.duration_since(*at) < KEEP {
                break;
            }
            // A later release of the same read keeps its own place in the queue.
            if self
                .by_key
                .get(key)
                .is_some_and(|release| release.at == *at)
            {
                self.by_key.remove(key);
            }
            self.by_age.pop_front();
        }
    }
}
