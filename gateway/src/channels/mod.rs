//! Telling owners and their systems of hits by webhook, mail and web push, on disk: who is told where and when, and what became of
//! each event.
//!
//! One SQLite file that one process has open. Each channel has its own place in the outbox of [`crate::watch`], and moves on in
//! the same step in which what it is to be told becomes durable: **an event reaches a channel under one name, however often it
//! is tried and wherever the process ended.** Where there are too many events for a receiver they are told together, counted,
//! and each of them can still be asked for.
//!
//! Deliberately absent: who may be told of what (the agreement decided that when the hit was made), and redirects.

mod attempt;
mod book;
mod deliveries;
mod desk;
mod due;
mod escalations;
mod mail;
mod message;
mod push;
mod row;
mod schema;
mod sender;
mod settings;
mod target;
#[cfg(test)]
mod tests;
mod words;

pub use book::{Book, MOST_WRONG, NewChannel};
pub use deliveries::{KEPT, Page};
pub use desk::{Channels, MOST_CHANNELS, ROTATION, Ways};
pub use due::{Due, Means, Settled};
pub use escalations::Escalation;
pub use mail::{MailConfig, MailTls, Mailer};
pub use push::{Subscription, SubscriptionError, Vapid};
pub use row::{Channel, Delivery, Disabled, Kind, Seen, State, What, Why};
pub(crate) use sender::Sender;
pub use settings::{Settings, SettingsError};
pub use target::{Rules, TargetError};

use crate::{
    ledger::LedgerError,
    sqlite::{ErrorKind, SqliteError},
    watch::WatchError,
};

/// Why a channel is not as it was asked to be.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// Another process has the file open.
    #[error("the channels are in use by another process; stop the gateway first")]
    InUse,
    /// It was written by a later version.
    #[error("the file of channels has version {0}, which this turnpike does not know")]
    Version(i64),
    /// No such channel of this owner.
    #[error("you have no such channel")]
    Missing,
    /// The owner has as many as one may have.
    #[error("nobody has more than {MOST_CHANNELS} channels: remove one first")]
    TooMany,
    /// The address is not one that is told.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The keys of a push subscription are none.
    #[error(transparent)]
    Keys(#[from] SubscriptionError),
    /// When it is to be told cannot be kept.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The operator has not set this way up.
    #[error("{0} is not set up here: that is for the operator")]
    NotHere(&'static str),
    /// Mail does not go there.
    #[error("mail goes to one plain address of these domains: {0}")]
    Address(String),
    /// Another code was sent.
    #[error(
        "that is not the code that was sent; after {MOST_WRONG} wrong ones the channel is removed"
    )]
    WrongCode,
    /// Nobody who could be told instead.
    #[error("`to` is somebody else of your organisation with an account here, who may have hits")]
    Second,
    /// No span.
    #[error("`after_s` is 60 to 86400")]
    After,
    /// Only a webhook has a secret.
    #[error("only a webhook has a secret")]
    NoSecret,
    /// The ledger did not take it, so it was not done.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The book of hits.
    #[error(transparent)]
    Hits(#[from] WatchError),
    /// No randomness for a secret.
    #[error("a secret cannot be made: {0}")]
    Random(getrandom::Error),
    /// What is stored, or was to be, does not mean anything.
    #[error("the file of channels holds what cannot be read: {0}")]
    Unreadable(&'static str),
    /// The file.
    #[error("the channels cannot be used: {0}")]
    File(#[from] std::io::Error),
    /// The database.
    #[error("the file of channels failed: {0}")]
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for ChannelError {
    fn from(error: rusqlite::Error) -> Self {
        match ErrorKind::of(&error) {
            ErrorKind::InUse => Self::InUse,
            ErrorKind::NoRow => Self::Missing,
            ErrorKind::Constraint | ErrorKind::Other => Self::Database(error),
        }
    }
}

impl SqliteError for ChannelError {
    fn later(version: i64) -> Self {
        Self::Version(version)
    }

    fn cut_short() -> Self {
        Self::Unreadable("the work was cut short")
    }
}
