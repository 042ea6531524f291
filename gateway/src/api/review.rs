//! What the routes of the review have in common: who may, what is put on record, which checkpoint is covered.

use std::{collections::BTreeMap, time::Duration};

use axum::extract::Request;
use serde::de::DeserializeOwned;
use serde_json::Value;
use turnpike_schemas::{
    agreement::Role,
    api::MAX_NOTE_CHARS,
    ledger::{Admin, AdminAction, Personal, Refused, RefusedReason},
    review::{Covered, unused::Account},
    tlog::{Checkpoint, Note},
};

use super::{
    body,
    caller::Caller,
    problem::{DORMANT, FORBIDDEN, Failure, INVALID, LEDGER_UNAVAILABLE},
};
use crate::{app::App, federation::word, review::DeskError};

/// Longest wait for a checkpoint that covers what was just written.
const PATIENCE: Duration = Duration::from_secs(5);

impl App {
    /// Lets only callers with one of `roles` go on. The refusal of others is recorded.
    ///
    /// # Errors
    /// `forbidden`; `ledger_unavailable` when the refusal cannot be recorded.
    pub(super) async fn require(
        &self,
        caller: &Caller,
        roles: &[Role],
        detail: &'static str,
    ) -> Result<(), Failure> {
        if roles.iter().any(|role| caller.0.has(*role)) {
            return Ok(());
        }
        let names: Vec<String> = roles
            .iter()
            .map(|role| format!("`{}`", word(role)))
            .collect();
        let needs = format!("this needs the role {}", names.join(" or "));
        let failure = Failure::new(FORBIDDEN).because(needs);
        Err(self
            .turn_away(caller, RefusedReason::Forbidden, detail, failure)
            .await)
    }

    /// Records that something other than a question was refused.
    pub(super) async fn turn_away(
        &self,
        caller: &Caller,
        reason: RefusedReason,
        detail: &str,
        failure: Failure,
    ) -> Failure {
        let organisation = caller.0.organisation();
        let refused = Refused {
            detail: Some(detail.to_owned()),
            subject: Some(Personal::new(caller.0.subject())),
            organisation: Some(organisation.id.clone()),
            organisation_class: Some(word(&organisation.class)),
            jurisdiction: Some(organisation.jurisdiction.to_string()),
            ..Refused::because(reason)
        };
        match self.ledger.refuse(None, refused, Vec::new()).await {
            Ok(_) => failure,
            Err(error) => error.into(),
        }
    }

    /// Gives what is right; what is not is refused and recorded.
    pub(super) async fn right<T>(
        &self,
        caller: &Caller,
        detail: &'static str,
        given: Result<T, Failure>,
    ) -> Result<T, Failure> {
        match given {
            Ok(right) => Ok(right),
            Err(failure) => Err(self
                .turn_away(caller, RefusedReason::Malformed, detail, failure)
                .await),
        }
    }

    /// Reads a body; one that is not what is wanted is refused and recorded.
    pub(super) async fn body<T: DeserializeOwned>(
        &self,
        caller: &Caller,
        request: Request,
        detail: &'static str,
    ) -> Result<T, Failure> {
        let (parts, body) = request.into_parts();
        let decoded = match body::require_json(&parts.headers) {
            Ok(()) => body::read(body, self.http.max_query_bytes, self.http.body_timeout)
                .await
                .and_then(|bytes| body::json(&bytes)),
            Err(failure) => Err(failure),
        };
        self.right(caller, detail, decoded).await
    }

    /// Records that somebody reads the ledger: what, and with which filter. Before anything is given.
    pub(super) async fn reading(
        &self,
        caller: &Caller,
        what: &'static str,
        filter: Value,
    ) -> Result<u64, Failure> {
        let facts = BTreeMap::from([
            ("read".to_owned(), what.into()),
            ("filter".to_owned(), filter),
        ]);
        self.put_on_record(caller, AdminAction::LedgerRead, facts)
            .await
    }

    /// Records what the caller does.
    pub(super) async fn put_on_record(
        &self,
        caller: &Caller,
        action: AdminAction,
        facts: BTreeMap<String, Value>,
    ) -> Result<u64, Failure> {
        let admin = Admin {
            action,
            by: Some(Personal::new(caller.0.subject())),
            facts,
        };
        Ok(self.ledger.admin(admin).await?)
    }

    /// The newest checkpoint, if it may be so that it covers `entry`.
    pub(super) async fn covered(&self, entry: u64) -> Result<Covered, Failure> {
        let published = self.ledger.published().ok_or(DeskError::NoFiles)?;
        let mut heads = published.heads();
        let covers = tokio::time::timeout(PATIENCE, heads.wait_for(|head| head.size > entry));
        if !matches!(covers.await, Ok(Ok(_))) {
            return Err(Failure::new(LEDGER_UNAVAILABLE)
                .because("no checkpoint covers the newest entries yet; try again")
                .after(1));
        }
        let note = Note::parse(&published.head().note);
        let checkpoint = note.and_then(|note| Checkpoint::parse(note.text()));
        checkpoint
            .map(|checkpoint| Covered::from(&checkpoint))
            .map_err(|error| {
                tracing::error!(%error, "the newest checkpoint cannot be read");
                DeskError::Broken.into()
            })
    }

    /// Every account that may sign in: those of the configuration, and those of the gateway's own store that are not disabled.
    pub(super) async fn known_accounts(&self) -> Result<Vec<Account>, Failure> {
        let stored = self.accounts.users().await?.into_iter();
        let stored = stored.filter(|account| account.state != "disabled");
        let stored = stored.map(|account| Account {
            subject: account.subject,
            organisation: account.organisation,
            roles: account.roles,
        });
        let configured = self.desk.setting().accounts.iter().cloned();
        Ok(configured.chain(stored).collect())
    }

    /// Lets an account ask that was not idle for too long. The refusal of others is recorded.
    ///
    /// # Errors
    /// `dormant`; `ledger_unavailable` when it is not known yet, or the refusal cannot be recorded.
    pub(super) async fn awake(&self, caller: &Caller) -> Result<(), Failure> {
        let now = self.federation.now();
        let Some(since) = self.desk.dormant_since(caller.0.subject(), now).await? else {
            return Ok(());
        };
        let failure = Failure::new(DORMANT).because(format!(
            "your account has asked nothing since {}; a supervisor of your organisation or the operator must say that it is still needed: `turnpike report recertify`",
            since.strftime("%Y-%m-%d")
        ));
        Err(self
            .turn_away(caller, RefusedReason::Forbidden, "dormant", failure)
            .await)
    }
}

/// A note that fits.
///
/// # Errors
/// `invalid` at `note`.
pub(super) fn note(text: &str) -> Result<String, Failure> {
    let text = text.trim();
    let length = text.chars().count();
    if (1..=MAX_NOTE_CHARS).contains(&length) && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    let detail = format!("`note` must be 1 to {MAX_NOTE_CHARS} characters on one line");
    Err(Failure::new(INVALID).because(detail).at("note"))
}

impl From<DeskError> for Failure {
    fn from(error: DeskError) -> Self {
        let detail = match &error {
            DeskError::Reading => "the ledger is still being read; try again",
            DeskError::Busy => "others are reading the whole ledger; try again in a moment",
            DeskError::TooLong => {
                "the ledger is too large to be read through here: `turnpike ledger export` it and read the copy"
            }
            _ => "the ledger cannot be read; tell the operator",
        };
        if !matches!(error, DeskError::Reading | DeskError::Busy) {
            tracing::error!(%error, "the ledger cannot be reviewed");
        }
        Self::new(LEDGER_UNAVAILABLE).because(detail).after(1)
    }
}
