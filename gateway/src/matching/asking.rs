//! The question an entry of a list stands for, asked about one read: by its owner, as they are now, for the case of the list.

use jiff::Timestamp;
use turnpike_schemas::{
    agreement::Requester,
    alert::Entry,
    api::QueryRequest,
    query::{MatchMode, Query, TimeWindow},
    read::{PlateRead, SourceId},
};

use super::{Matching, Stuck};
use crate::{
    alerts::List,
    federation::{InTurn, Source},
    listing::question,
};

/// Who is to be told, and what they asked for.
pub(super) struct Asked {
    pub(super) requester: Requester,
    pub(super) query: Query,
}

/// Why nobody asks any more. The word is the ledger's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotAsked(pub(crate) &'static str);

impl Matching {
    /// The question about one read, or why there is none.
    pub(super) async fn asked(
        &self,
        list: &List,
        entry: &Entry,
        read: &PlateRead,
    ) -> Result<Result<Asked, NotAsked>, Stuck> {
        self.asked_by(&list.list.owner, list, entry, read).await
    }

    /// The same, asked by somebody who is told in the owner's place.
    pub(super) async fn asked_by(
        &self,
        person: &str,
        list: &List,
        entry: &Entry,
        read: &PlateRead,
    ) -> Result<Result<Asked, NotAsked>, Stuck> {
        let moment = request(list, entry, &read.source, read.observation.captured_at);
        self.by(person, list, moment).await
    }

    /// The question that an entry asks a source in its turn, or of its reads that are kept here, about a span that ends now; or why
    /// there is none. Of a list that is confidential nothing is made that a source would be told.
    pub(crate) async fn asked_in_turn(
        &self,
        list: &List,
        entry: &Entry,
        source: &Source,
        window: TimeWindow,
    ) -> Result<Result<InTurn, NotAsked>, Stuck> {
        // INVARIANT: no source is told of a plate of a confidential list.
        if list.list.confidential && source.is_live() {
            return Ok(Err(NotAsked("confidential")));
        }
        let request = request(list, entry, &source.id, window.to()).map(|asked| QueryRequest {
            window,
            match_mode: match asked.match_mode {
                MatchMode::LookAlike if source.is_live() && !source.capabilities().look_alike => {
                    MatchMode::Exact
                }
                mode => mode,
            },
            ..asked
        });
        let asked = self.by(&list.list.owner, list, request).await?;
        Ok(asked.map(|Asked { requester, query }| InTurn { requester, query }))
    }

    /// The question, by the owner of the list or somebody it is shared with, as they are now.
    async fn by(
        &self,
        person: &str,
        list: &List,
        request: Option<QueryRequest>,
    ) -> Result<Result<Asked, NotAsked>, Stuck> {
        let terms = &list.list.terms;
        // INVARIANT: nobody is told of a list that is not theirs to see.
        if person != list.list.owner && !list.list.shared.contains(person) {
            return Ok(Err(NotAsked("not_shared")));
        }
        let standing = self.directory.standing(person, terms.assurance);
        let Some(owner) = standing.await? else {
            return Ok(Err(NotAsked("owner_gone")));
        };
        if owner.organisation().id != list.list.organisation {
            return Ok(Err(NotAsked("owner_moved")));
        }
        if !owner.may_ask() {
            return Ok(Err(NotAsked("role")));
        }
        // INVARIANT: nobody is told who could not ask.
        let trained = owner.is_trained(self.clock.now());
        if self.require_training && !owner.is_system() && !trained {
            return Ok(Err(NotAsked("training")));
        }
        let Ok(requester) = self.directory.requester(&owner, &terms.on_behalf_of) else {
            return Ok(Err(NotAsked("on_behalf_of")));
        };
        let Some(request) = request else {
            return Ok(Err(NotAsked("window")));
        };
        if self.cases.check(&owner, &request).is_err() {
            return Ok(Err(NotAsked("case")));
        }
        let Ok(query) = request.to_query() else {
            return Ok(Err(NotAsked("terms")));
        };
        let standing = self.cases.standing(&owner, &request).await;
        Ok(Ok(Asked {
            requester,
            query: query.with_case_standing(standing),
        }))
    }
}

/// A question to one source about the plate of the entry at one moment.
fn request(list: &List, entry: &Entry, source: &SourceId, at: Timestamp) -> Option<QueryRequest> {
    let asked = question(&list.list, &entry.wanted, at)?;
    Some(QueryRequest {
        jurisdiction: entry.jurisdiction.clone(),
        sources: Some(vec![source.clone()]),
        ..asked
    })
}
