//! The question an entry of a list stands for, asked about one read: by its owner, as they are now, for the case of the list.

use turnpike_schemas::{
    agreement::Requester, alert::Entry, api::QueryRequest, query::Query, read::PlateRead,
};

use super::{Matching, Stuck};
use crate::{alerts::List, listing::question};

/// Who is to be told, and what they asked for.
pub(super) struct Asked {
    pub(super) requester: Requester,
    pub(super) query: Query,
}

/// Why nobody asks any more. The word is the ledger's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotAsked(pub(super) &'static str);

impl Matching {
    /// The question, or why there is none.
    pub(super) async fn asked(
        &self,
        list: &List,
        entry: &Entry,
        read: &PlateRead,
    ) -> Result<Result<Asked, NotAsked>, Stuck> {
        let terms = &list.list.terms;
        let standing = self.directory.standing(&list.list.owner, terms.assurance);
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
        let Some(request) = request(list, entry, read) else {
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

/// A question about the plate of the entry at the moment of the read.
fn request(list: &List, entry: &Entry, read: &PlateRead) -> Option<QueryRequest> {
    let asked = question(&list.list, &entry.wanted, read.observation.captured_at)?;
    Some(QueryRequest {
        jurisdiction: entry.jurisdiction.clone(),
        sources: Some(vec![read.source.clone()]),
        ..asked
    })
}
