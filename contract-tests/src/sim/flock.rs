//! A simulated police network: the plate lookup of Flock Safety API v3, and the alerts of its subscriptions.
//!
//! `POST /oauth/token`, `POST /api/v3/reads/lookup`, `GET /api/v3/reads/lookup/page/{pageId}`. Where
//! the manual is silent the simulator does not help: both window ends are inclusive, rows come in
//! no order unless one is asked for, and a row without a state is left out when a state is asked.

mod alerts;
pub(super) mod alerts_bench;
mod api;
pub(super) mod bench;
mod criteria;
mod rows;
mod search;
mod switches;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::time::Instant;

pub use self::alerts::{Alert, AlertSubscription, official, own};
pub use self::switches::{ErrorBody, OddRow, Switches};
use super::lock;
use super::server::Server;
use crate::town::{Family, Passage, Town};

/// The client id the simulator knows.
pub const CLIENT_ID: &str = "brookdale-gateway";
/// The secret that belongs to [`CLIENT_ID`].
pub const CLIENT_SECRET: &str = "flock-simulator-secret";
/// The only audience it gives tokens for.
pub const AUDIENCE: &str = "com.flocksafety.integrations";

/// One request as it came in, whatever became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Upper-case method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The `authorization` header, when there was one.
    pub authorization: Option<String>,
    /// The JSON body; `Null` when there was none or it was no JSON.
    pub body: Value,
    /// What was answered.
    pub status: u16,
}

/// One accepted lookup.
#[derive(Clone, Debug, PartialEq)]
pub struct Lookup {
    /// The plate asked for.
    pub plate: String,
    /// The reason given.
    pub reason: String,
    /// The case number given.
    pub case_number: Option<String>,
    /// The state asked for.
    pub state: Option<String>,
    /// Start of the window, as written.
    pub start_date: String,
    /// End of the window, as written.
    pub end_date: String,
    /// The page size.
    pub limit: usize,
}

/// One request for a token.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenRequest {
    /// Who asked.
    pub client_id: Option<String>,
    /// For which audience.
    pub audience: Option<String>,
    /// By which grant.
    pub grant_type: Option<String>,
    /// What was answered.
    pub status: u16,
}

#[derive(Debug, Default)]
struct State {
    rows: Vec<rows::Row>,
    tokens: HashMap<String, Token>,
    tokens_given: u64,
    searches: Vec<search::Search>,
    requests: Vec<Request>,
    lookups: Vec<Lookup>,
    token_requests: Vec<TokenRequest>,
    switches: Switches,
}

#[derive(Debug)]
struct Token {
    expires: Option<Instant>,
    uses_left: Option<u32>,
}

type Shared = Arc<Mutex<State>>;

/// The running simulator.
#[derive(Debug)]
pub struct FlockSim {
    shared: Shared,
    server: Server,
}

impl FlockSim {
    /// Starts an empty network.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        let shared = Shared::default();
        let server = Server::start(api::router(Arc::clone(&shared))).await?;
        Ok(Self { shared, server })
    }

    /// Starts a network that holds everything the town's police cameras read.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn with_town(town: &Town) -> io::Result<Self> {
        let sim = Self::start().await?;
        sim.add_passages(town.passages(Family::Police));
        Ok(sim)
    }

    /// Adds reads; passages without a read plate leave no row, as in the vendor's index.
    pub fn add_passages<'a>(&self, passages: impl IntoIterator<Item = &'a Passage>) {
        let rows = passages.into_iter().filter_map(rows::Row::of);
        lock(&self.shared).rows.extend(rows);
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Base of the API, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("{}/api/v3", self.server.origin())
    }

    /// Where tokens are given.
    #[must_use]
    pub fn token_url(&self) -> String {
        format!("{}/oauth/token", self.server.origin())
    }

    /// Changes the behaviour from the next request on.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut lock(&self.shared).switches);
    }

    /// Every request so far, those for tokens included, oldest first. Token request bodies are
    /// not kept here: they hold the secret.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared).requests.clone()
    }

    /// The lookups that passed validation, oldest first.
    #[must_use]
    pub fn lookups(&self) -> Vec<Lookup> {
        lock(&self.shared).lookups.clone()
    }

    /// The token requests, oldest first.
    #[must_use]
    pub fn token_requests(&self) -> Vec<TokenRequest> {
        lock(&self.shared).token_requests.clone()
    }

    /// Voids every token given so far.
    pub fn revoke_tokens(&self) {
        lock(&self.shared).tokens.clear();
    }
}
