//! A simulated city broker that holds what scan cars and gates saw as APDSObservation entities.
//!
//! `GET /ngsi-ld/v1/entities` with `type`, `q`, `limit`, `offset` and `count`, and notifications that are posted to whoever
//! subscribed. Like a broker it keeps entities in no order that means anything, compares plates letter by letter, and serves
//! either of the two shapes.

mod api;
pub(super) mod bench;
mod entity;
mod query;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::Value;

pub use self::entity::{Observation, Odd, Shape, notification};
use super::lock;
use super::server::{self, Server};
use crate::town::{Family, Passage, Town};

/// The token the broker knows.
pub const TOKEN: &str = "apds-simulator-token";

/// How the broker misbehaves.
#[derive(Clone, Debug, Default)]
pub struct Switches {
    /// The shape entities are served in.
    pub shape: Shape,
    /// Refuses every token.
    pub refuse: bool,
    /// Serves every entity twice, one after the other.
    pub duplicates: bool,
    /// Serves them in another order.
    pub shuffled: bool,
    /// Serves the first page whatever the offset.
    pub page_cycle: bool,
    /// Says nothing of how many there are.
    pub no_count: bool,
    /// Plants [`crate::sim::CANARY`] in members about people.
    pub personal: bool,
    /// Entities that need care, before the others.
    pub odd: Vec<Odd>,
}

/// One request as it came in.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Path and query.
    pub target: String,
    /// The `q` parameter.
    pub q: String,
    /// What was answered.
    pub status: u16,
}

#[derive(Debug, Default)]
struct State {
    entities: Vec<Observation>,
    requests: Vec<Request>,
    switches: Switches,
}

type Shared = Arc<Mutex<State>>;

/// The running broker.
#[derive(Debug)]
pub struct ApdsBroker {
    shared: Shared,
    server: Server,
}

impl ApdsBroker {
    /// Starts an empty broker.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        let shared = Shared::default();
        let server = Server::start(api::router(Arc::clone(&shared))).await?;
        Ok(Self { shared, server })
    }

    /// Starts a broker that holds everything the town's car parks read.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn with_town(town: &Town) -> io::Result<Self> {
        let broker = Self::start().await?;
        broker.add_passages(town.passages(Family::Parking));
        Ok(broker)
    }

    /// Adds observations; passages without a read plate leave none.
    pub fn add_passages<'a>(&self, passages: impl IntoIterator<Item = &'a Passage>) {
        let seen = passages.into_iter().filter_map(Observation::of);
        lock(&self.shared).entities.extend(seen);
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Root of the API, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("{}/ngsi-ld/v1", self.server.origin())
    }

    /// Changes the behaviour from the next request on.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut lock(&self.shared).switches);
    }

    /// Every request so far, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared).requests.clone()
    }

    /// Posts a notification of these entities to a subscriber and returns the status it got.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn notify(target: &str, entities: &[Value], token: Option<&str>) -> io::Result<u16> {
        let mut request = server::client()?.post(target).json(&notification(entities));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.map_err(io::Error::other)?;
        Ok(answer.status().as_u16())
    }
}
