//! Why a gateway does not start.

use std::net::SocketAddr;

use turnpike_adapters::error::Error as AdapterError;
use turnpike_schemas::read::SourceId;

use crate::{
    accounts::AccountError,
    agreements,
    alerts::AlertError,
    cases::BookError,
    channels::ChannelError,
    control::ControlError,
    ledger::LedgerError,
    policy::{Fault, PolicyError},
    store::StoreError,
    watch::WatchError,
};

/// Why the gateway does not start. Says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be used.
    #[error("`data_dir` {path} cannot be used: {error}")]
    DataDir {
        /// The folder.
        path: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// The ledger cannot be opened.
    #[error("the ledger cannot be opened: {0}; no question is answered without it")]
    Ledger(#[from] LedgerError),
    /// The logs of source owners cannot be opened.
    #[error("the logs of source owners cannot be opened: {0}")]
    Owners(String),
    /// No HTTP client for the witnesses can be made.
    #[error("the witnesses cannot be asked: {0}")]
    Witnesses(#[from] reqwest::Error),
    /// The read store cannot be opened.
    #[error("the read store cannot be opened: {0}")]
    Store(#[from] StoreError),
    /// What is kept about cases cannot be opened.
    #[error(transparent)]
    Cases(#[from] BookError),
    /// The alert lists cannot be opened.
    #[error(transparent)]
    Alerts(#[from] AlertError),
    /// What owners of alert lists were told cannot be opened.
    #[error(transparent)]
    Hits(#[from] WatchError),
    /// The channels of owners cannot be opened.
    #[error(transparent)]
    Channels(#[from] ChannelError),
    /// The control store cannot be opened.
    #[error("accounts cannot be opened: {0}")]
    Control(#[from] ControlError),
    /// Accounts made before the gateway ran cannot be recorded.
    #[error("an account that was made before this start cannot be recorded: {0}")]
    Accounts(#[from] AccountError),
    /// A provider of single sign-on cannot be used.
    #[error("provider `{provider}` cannot be used: {error}")]
    Provider {
        /// The provider.
        provider: String,
        /// What the transport said.
        error: AdapterError,
    },
    /// An agreement may not take the place of the one that decided before.
    #[error("{0}")]
    Agreement(#[from] agreements::NotAdmitted),
    /// The policies cannot be used.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// An agreement does not fit the schema of the second engine.
    #[error("the second engine does not take the agreement of source `{source_id}`: {fault}")]
    SecondEngine {
        /// The source.
        source_id: SourceId,
        /// Why.
        fault: Fault,
    },
    /// A source cannot be built.
    #[error("source `{source_id}` cannot be built: {error}")]
    Source {
        /// The source.
        source_id: SourceId,
        /// What its adapter or transport said.
        error: AdapterError,
    },
    /// A source is to be kept to a shape that is not recorded.
    #[error("{0}")]
    Shape(String),
    /// What is kept about a source between two starts cannot be read.
    #[error("what is kept about source `{source_id}` cannot be read: {error}")]
    Kept {
        /// The source.
        source_id: SourceId,
        /// What the system said.
        error: std::io::Error,
    },
    /// A drop folder cannot be used.
    #[error("the drop folder of source `{source_id}` cannot be used: {error}")]
    DropFolder {
        /// The source.
        source_id: SourceId,
        /// What the system said.
        error: std::io::Error,
    },
    /// The address cannot be bound.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
}
