//! Alert lists as people change them: who may, what agreements say, the record, and only then the change.
//!
//! Out of scope: how lists are kept ([`crate::alerts`]), and telling of reads ([`crate::matching`]), which asks the agreements again.

mod bounds;
mod changes;
mod import;
mod record;
mod shown;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use tokio::sync::Notify;
use turnpike_adapters::context::Clock;
use turnpike_schemas::{
    agreement::Agreement,
    api::alerts::{AlertList, AlertLists, MAX_TEXT, NewAlertList},
    ledger::AdminAction,
    query::OnBehalfOf,
    read::SourceId,
};
use uuid::Uuid;

pub(crate) use bounds::question;
pub(crate) use changes::Change;
pub(crate) use import::{Rows, Sent};

use self::bounds::Refusals;
use crate::{
    alerts::{self, AlertError, By, NewList, Terms, file::FileError, hotlist::Layout},
    cases::{CaseError, Cases},
    config::AlertLimits,
    control::ControlError,
    federation::Source,
    identity::{Directory, Identity, UnknownOrganisation},
    ledger::{Ledger, LedgerError},
    policy::Policy,
    standing::Turns,
};

/// Everything that lists are made and changed with.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) book: alerts::Book,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) cases: Arc<Cases>,
    pub(crate) sources: Vec<Watched>,
    /// Told when entries are to be looked for among what was read before.
    pub(crate) look_back: Arc<Notify>,
    pub(crate) turns: Turns,
    pub(crate) limits: AlertLimits,
    pub(crate) hotlists: BTreeMap<String, Layout>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// A source as far as alert lists are concerned.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) id: SourceId,
    pub(crate) agreement: Arc<Agreement>,
    /// Its reads arrive by themselves.
    pub(crate) delivers: bool,
    /// Why no entry asks it in turn; nothing where entries do.
    pub(crate) not_in_turn: Option<&'static str>,
}

/// Why a list was not made or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListError {
    /// There is no such list or entry for whoever asks.
    #[error("you have no such list or entry")]
    Missing,
    /// It is shared with whoever asks, who may see it and agree to entries.
    #[error("the list is another's: you may see it and agree to its entries")]
    NotOwner,
    /// A text is too long, empty, or holds what moves a cursor.
    #[error("`{0}` is 1 to {MAX_TEXT} characters on one line")]
    Text(&'static str),
    /// Somebody it is to be shared with is not here.
    #[error(
        "`shared` names somebody who is not of your organisation, has no account here, or may not have hits"
    )]
    Shared,
    /// The owner is known only while signed in.
    #[error(
        "a list outlives a sign-in: it needs an account of the gateway's own, which your sign-in has none of"
    )]
    NoAccount,
    /// The list was made with a surer sign-in.
    #[error("the list was made with a surer sign-in: sign in as surely to change it")]
    LessSure,
    /// Too many people have lists.
    #[error("{0} people have alert lists already, which is the limit of this installation")]
    Owners(u32),
    /// No agreement allows it.
    #[error("no source may tell you of these plates: {0}")]
    Refused(Refusals),
    /// An end that is past, or later than agreed.
    #[error(
        "`expires_at` must be later than now, and by at most {0} days: that is what the agreements allow"
    )]
    End(u64),
    /// What says how old the list is comes from the future.
    #[error("`as_of` is later than now")]
    AsOf,
    /// No hours, or too many.
    #[error("`hours` is 1 to 168")]
    LookBack,
    /// What was sent is no file of entries.
    #[error("{0}")]
    File(#[from] FileError),
    /// Purpose, offence or case are not in use here.
    #[error(transparent)]
    Case(#[from] CaseError),
    /// An organisation that is not known here.
    #[error(transparent)]
    OnBehalfOf(#[from] UnknownOrganisation),
    /// The terms are no question's.
    #[error("{0}")]
    Terms(turnpike_schemas::api::QueryRequestError),
    /// The lists.
    #[error(transparent)]
    Book(AlertError),
    /// It could not be recorded, so nothing was changed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Accounts cannot be looked up.
    #[error(transparent)]
    Accounts(#[from] ControlError),
}

impl From<AlertError> for ListError {
    fn from(error: AlertError) -> Self {
        match error {
            AlertError::Missing => Self::Missing,
            error => Self::Book(error),
        }
    }
}

impl Listing {
    /// A source as far as alert lists are concerned.
    pub(crate) fn watched(source: &Arc<Source>) -> Watched {
        Watched {
            id: source.id.clone(),
            agreement: Arc::clone(&source.agreement),
            delivers: !source.is_live(),
            not_in_turn: source.not_in_turn(),
        }
    }

    /// Makes a list without entries.
    ///
    /// # Errors
    /// [`ListError`].
    pub(crate) async fn make(
        &self,
        identity: &Identity,
        new: NewAlertList,
    ) -> Result<AlertList, ListError> {
        let now = self.clock.now();
        for (field, text) in [
            ("name", Some(&new.name)),
            ("topic", new.topic.as_ref()),
            ("legal_basis", Some(&new.legal_basis)),
        ] {
            if text.is_some_and(|text| !is_line(text)) {
                return Err(ListError::Text(field));
            }
        }
        let list = self.meant(identity, new);
        let request = bounds::sample(&list, now).ok_or(ListError::Text("as_of"))?;
        request.to_query().map_err(ListError::Terms)?;
        self.cases.check(identity, &request)?;
        self.directory
            .requester(identity, &list.terms.on_behalf_of)?;
        self.known(identity, &list).await?;
        self.has_room(&list.owner).await?;
        let id = Uuid::now_v7();
        let entry = record::of_list(AdminAction::AlertChange, identity, "made", id, &list);
        self.ledger.admin(entry).await?;
        let made = self.book.make(id, list, now).await?;
        self.shown(made, now).await
    }

    /// Lists that are somebody's, or shared with them.
    ///
    /// # Errors
    /// [`ListError::Book`].
    pub(crate) async fn lists(&self, identity: &Identity) -> Result<AlertLists, ListError> {
        let now = self.clock.now();
        let mut lists = Vec::new();
        for list in self.book.lists_of(identity.subject()).await? {
            lists.push(self.shown(list, now).await?);
        }
        Ok(AlertLists { lists })
    }

    /// One list, with how many entries are in which state.
    ///
    /// # Errors
    /// [`ListError::Missing`] for anybody it is not open to.
    pub(crate) async fn list(&self, identity: &Identity, id: Uuid) -> Result<AlertList, ListError> {
        let list = self.open_to(identity, id).await?;
        self.shown(list, self.clock.now()).await
    }

    async fn open_to(&self, identity: &Identity, id: Uuid) -> Result<alerts::List, ListError> {
        let list = self.book.list(id).await?;
        // INVARIANT: nobody learns that there is a list which is not open to them.
        if list.is_open_to(identity.subject()) {
            Ok(list)
        } else {
            Err(ListError::Missing)
        }
    }

    /// The list, for its owner, signed in as surely as when it was made.
    async fn owned(&self, identity: &Identity, id: Uuid) -> Result<alerts::List, ListError> {
        let list = self.open_to(identity, id).await?;
        if list.list.owner != identity.subject() {
            return Err(ListError::NotOwner);
        }
        self.as_sure(identity, &list)?;
        Ok(list)
    }

    fn as_sure(&self, identity: &Identity, list: &alerts::List) -> Result<(), ListError> {
        if identity.is_sure(list.list.terms.assurance) {
            Ok(())
        } else {
            Err(ListError::LessSure)
        }
    }

    fn meant(&self, identity: &Identity, new: NewAlertList) -> NewList {
        NewList {
            owner: identity.subject().to_owned(),
            organisation: identity.organisation().id.clone(),
            name: new.name,
            topic: new.topic,
            terms: Terms {
                purpose: new.purpose,
                offence: new.offence,
                case_reference: new.case_reference,
                on_behalf_of: new.on_behalf_of,
                legal_basis: new.legal_basis,
                assurance: identity.attributes().assurance,
            },
            look_alike: new.look_alike,
            confidential: new.confidential,
            shared: new.shared,
            as_of: new.as_of,
        }
    }

    /// Owner and everybody it is shared with can be told while they are not signed in.
    async fn known(&self, identity: &Identity, list: &NewList) -> Result<(), ListError> {
        let assurance = list.terms.assurance;
        let standing = self.directory.standing(&list.owner, assurance).await?;
        let organisation = &identity.organisation().id;
        let is_here = |found: Option<Identity>| {
            found.is_some_and(|found| found.organisation().id == *organisation && found.may_ask())
        };
        if !is_here(standing) {
            return Err(ListError::NoAccount);
        }
        for subject in &list.shared {
            if !is_here(self.directory.standing(subject, assurance).await?) {
                return Err(ListError::Shared);
            }
        }
        Ok(())
    }

    async fn has_room(&self, owner: &str) -> Result<(), ListError> {
        let owners: BTreeSet<String> = self.book.owners().await?;
        let most = self.limits.owners;
        if owners.contains(owner) || owners.len() < usize::try_from(most).unwrap_or(usize::MAX) {
            Ok(())
        } else {
            Err(ListError::Owners(most))
        }
    }

    fn by(&self, identity: &Identity, at: Timestamp, recorded: u64) -> By {
        By {
            subject: identity.subject().to_owned(),
            at,
            recorded,
        }
    }
}

fn is_line(text: &str) -> bool {
    let count = text.chars().count();
    (1..=MAX_TEXT).contains(&count)
        && !text.trim().is_empty()
        && !text.chars().any(char::is_control)
}

/// For whom a list is kept, as it is written in the ledger.
fn other(on_behalf_of: &OnBehalfOf) -> Option<String> {
    match on_behalf_of {
        OnBehalfOf::Own => None,
        OnBehalfOf::Organisation(id) => Some(id.clone()),
    }
}
