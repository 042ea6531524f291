//! The logs of source owners: derived from the ledger, kept beside it, their heads recorded in it.
//!
//! Guarantees: a head is recorded only when its leaves are durable; the leaves are a function of the entries and of the
//! owner's key of pseudonyms. Nothing waits for these logs but who reads them. Deliberately absent: anything an owner could not be
//! shown; a way to a pseudonym's person that takes less than two people.

mod book;
mod names;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{StreamExt as _, TryStreamExt as _};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use turnpike_schemas::{
    agreement::Role,
    ledger::{Admin, AdminAction, Body, OwnerHead, Personal, Pseudonyms as _},
    read::SourceId,
};
use uuid::Uuid;

use self::book::Book;
use crate::{
    identity::Identity,
    ledger::{Ledger, LedgerError, Unavailable},
};

/// Heads that are recorded at once.
const HEADS: usize = 64;

/// How long a request for a person's name can be confirmed.
const LAPSES: SignedDuration = SignedDuration::from_hours(24);

/// Requests that wait at once.
const MOST: usize = 64;

/// The logs of all source owners.
#[derive(Debug)]
pub(crate) struct Owners {
    ledger: Arc<Ledger>,
    book: Arc<Mutex<Book>>,
    /// One round at a time.
    round: tokio::sync::Mutex<()>,
    /// The organisation that owns a source.
    owners: BTreeMap<SourceId, String>,
    waiting: Mutex<BTreeMap<Uuid, Request>>,
}

/// Somebody wants to know who a pseudonym is.
#[derive(Debug, Clone)]
struct Request {
    source: String,
    pseudonym: String,
    by: String,
    expires_at: Timestamp,
}

/// Why an owner's log cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OwnersError {
    #[error("the owners' logs cannot be kept: {0}")]
    Io(#[from] std::io::Error),
    #[error("the owners' logs are damaged; remove their folder to have them made again")]
    Damaged,
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Why a pseudonym stays one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResolveError {
    #[error(
        "asking needs the role `source_owner` of this source's owner; confirming needs the role `auditor`"
    )]
    Role,
    #[error("somebody else must confirm what you asked for")]
    SamePerson,
    #[error("no such request, or it has lapsed")]
    Unknown,
    #[error("{MOST} requests wait already; confirm them or let them lapse")]
    Many,
    #[error("nobody in the ledger has this pseudonym, or the key of that period is destroyed")]
    Nobody,
    #[error(transparent)]
    Owners(#[from] OwnersError),
}

impl Owners {
    /// The logs in `folder`, over `ledger`. Blocks.
    pub(crate) fn open(
        ledger: &Arc<Ledger>,
        folder: &Path,
        keys: &Path,
        owners: BTreeMap<SourceId, String>,
    ) -> Result<Self, OwnersError> {
        Ok(Self {
            ledger: Arc::clone(ledger),
            book: Arc::new(Mutex::new(Book::open(folder, keys)?)),
            round: tokio::sync::Mutex::default(),
            owners,
            waiting: Mutex::default(),
        })
    }

    /// Whether the caller speaks for the owner of `source`.
    pub(crate) fn is_owner(&self, identity: &Identity, source: &SourceId) -> bool {
        let owner = self.owners.get(source);
        identity.has(Role::SourceOwner) && owner == Some(&identity.organisation().id)
    }

    /// Whether the caller may read the log of `source`.
    pub(crate) fn may_read(&self, identity: &Identity, source: &SourceId) -> bool {
        identity.has(Role::Auditor) || self.is_owner(identity, source)
    }

    /// Brings the logs up to the ledger and records their heads.
    pub(crate) async fn advance(&self) -> Result<(), OwnersError> {
        let _alone = self.round.lock().await;
        let (until, ledger) = (self.ledger.stats().entries, Arc::clone(&self.ledger));
        let heads = self
            .apart(move |book| {
                while book.next() < until {
                    book.follow(&ledger, until)?;
                }
                Ok(book.unrecorded())
            })
            .await?;
        // An entry for each, so that no owner sees the others; one sync for many.
        let record = |(source, head): (String, OwnerHead)| async move {
            let entry = Admin {
                action: AdminAction::OwnerCheckpoint,
                by: None,
                facts: head.to_facts(&source, until),
            };
            let index = self.ledger.admin(entry).await?;
            Ok::<_, LedgerError>((index, source, head))
        };
        let recording = futures::stream::iter(heads).map(record).buffered(HEADS);
        let recorded: Vec<_> = recording.try_collect().await?;
        self.apart(move |book| {
            for (index, source, head) in recorded {
                book.recorded(index, source, head);
            }
            Ok(())
        })
        .await
    }

    /// Keeps the logs up until told to stop.
    pub(crate) async fn run(self: Arc<Self>, every: Duration, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(every) => {}
            }
            if let Err(error) = self.advance().await {
                tracing::error!(%error, "the logs of source owners fall behind");
            }
        }
    }

    /// The head of a source's log that the ledger records, and the index of the entry that does.
    pub(crate) async fn head(
        &self,
        source: &SourceId,
    ) -> Result<Option<(u64, OwnerHead)>, OwnersError> {
        let source = source.to_string();
        self.apart(move |book| Ok(book.head(&source))).await
    }

    /// Up to `limit` leaves of a source's log from `from` on, as they are hashed.
    pub(crate) async fn leaves(
        &self,
        source: &SourceId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<String>, OwnersError> {
        let source = source.to_string();
        self.apart(move |book| book.leaves(&source, from, limit))
            .await
    }

    /// Asks who a pseudonym is. Nothing is told until an auditor confirms it.
    pub(crate) async fn ask_who(
        &self,
        identity: &Identity,
        source: &SourceId,
        pseudonym: &str,
        now: Timestamp,
    ) -> Result<Uuid, ResolveError> {
        if !self.is_owner(identity, source) {
            return Err(ResolveError::Role);
        }
        let request = Request {
            source: source.to_string(),
            pseudonym: pseudonym.to_owned(),
            by: identity.subject().to_owned(),
            expires_at: now.checked_add(LAPSES).unwrap_or(Timestamp::MAX),
        };
        let (id, entry) = (Uuid::now_v7(), request.entry(identity, "asked"));
        self.keep(id, request, now)?;
        self.ledger.admin(entry).await.map_err(OwnersError::from)?;
        Ok(id)
    }

    /// Says who a pseudonym is that somebody else asked about.
    pub(crate) async fn say_who(
        &self,
        identity: &Identity,
        id: Uuid,
        now: Timestamp,
    ) -> Result<String, ResolveError> {
        if !identity.has(Role::Auditor) {
            return Err(ResolveError::Role);
        }
        let request = self.requests(|requests| requests.get(&id).cloned());
        let request = request.filter(|request| now < request.expires_at);
        let request = request.ok_or(ResolveError::Unknown)?;
        if request.by == identity.subject() {
            return Err(ResolveError::SamePerson);
        }
        self.requests(|requests| requests.remove(&id))
            .ok_or(ResolveError::Unknown)?;
        let person = self.find(&request).await?.ok_or(ResolveError::Nobody)?;
        let entry = request.entry(identity, "told");
        self.ledger.admin(entry).await.map_err(OwnersError::from)?;
        Ok(person)
    }

    /// The pseudonyms of these people towards the owner of `source`: those of its log.
    pub(crate) async fn pseudonyms(
        &self,
        source: &SourceId,
        people: BTreeSet<String>,
    ) -> Result<BTreeMap<String, String>, OwnersError> {
        let source = source.to_string();
        self.apart(move |book| {
            let names = book.names(&source)?;
            let named = people.into_iter().map(|person| {
                let name = names.pseudonym(&source, "person", &person);
                (person, name)
            });
            Ok(named.collect())
        })
        .await
    }

    /// The person in the ledger whose pseudonym this is.
    async fn find(&self, request: &Request) -> Result<Option<String>, OwnersError> {
        let (request, ledger) = (request.clone(), Arc::clone(&self.ledger));
        self.apart(move |book| {
            let names = book.names(&request.source)?;
            for entry in ledger.read_from(0)? {
                let entry = entry.map_err(LedgerError::from)?.opened(&**ledger.keys());
                let (Body::Intent(intent) | Body::DryRun(intent)) = &entry.body else {
                    continue;
                };
                let person = intent.subject.text().filter(|person| {
                    names.pseudonym(&request.source, "person", person) == request.pseudonym
                });
                if let Some(person) = person {
                    return Ok(Some(person.to_owned()));
                }
            }
            Ok(None)
        })
        .await
    }

    fn keep(&self, id: Uuid, request: Request, now: Timestamp) -> Result<(), ResolveError> {
        self.requests(|requests| {
            requests.retain(|_, waiting| now < waiting.expires_at);
            if requests.len() >= MOST {
                return Err(ResolveError::Many);
            }
            requests.insert(id, request);
            Ok(())
        })
    }

    fn requests<T>(&self, look: impl FnOnce(&mut BTreeMap<Uuid, Request>) -> T) -> T {
        look(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs what blocks where it blocks nobody.
    async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Book) -> Result<T, OwnersError> + Send + 'static,
    ) -> Result<T, OwnersError> {
        let book = Arc::clone(&self.book);
        let done = tokio::task::spawn_blocking(move || {
            work(&mut book.lock().unwrap_or_else(PoisonError::into_inner))
        });
        let closed = LedgerError::Unavailable(Unavailable::Closed);
        done.await.unwrap_or(Err(OwnersError::Ledger(closed)))
    }
}

impl Request {
    fn entry(&self, by: &Identity, step: &str) -> Admin {
        let facts: [(&str, Value); 4] = [
            ("source", self.source.as_str().into()),
            ("state", step.into()),
            ("pseudonym", self.pseudonym.as_str().into()),
            ("asked_by", self.by.as_str().into()),
        ];
        let named = facts
            .into_iter()
            .map(|(name, fact)| (name.to_owned(), fact));
        Admin {
            action: AdminAction::LedgerRead,
            by: Some(Personal::new(by.subject())),
            facts: named.collect(),
        }
    }
}

#[cfg(test)]
mod tests;
