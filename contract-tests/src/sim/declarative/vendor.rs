//! A vendor that is asked, running.

use std::io;

use super::api::{Photo, Shared, Switches, router};
use super::rows::Row;
use crate::fault::FaultProxy;
use crate::kit::{Asked, Behaviour, Outcome};
use crate::sim::lock;
use crate::sim::server::Server;
use crate::town::{Family, Passage, Town};

/// The client id the vendor knows.
pub const CLIENT_ID: &str = "sightings-gateway";
/// The secret that belongs to it.
pub const CLIENT_SECRET: &str = "sightings-simulator-secret";

/// How a vendor speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// JSON, OAuth2, a cursor.
    Json,
    /// XML, no credential, page numbers.
    Xml,
}

/// The vendor and the road to it.
#[derive(Debug)]
pub struct Vendor {
    shared: Shared,
    pub(super) road: FaultProxy,
    server: Server,
}

impl Vendor {
    pub(super) async fn start(dialect: Dialect, rows: Vec<Row>) -> io::Result<Self> {
        let shared = Shared::default();
        lock(&shared).rows = rows;
        let server = Server::start(router(dialect, Shared::clone(&shared))).await?;
        let road = FaultProxy::start(server.address()).await?;
        Ok(Self {
            shared,
            road,
            server,
        })
    }

    /// Starts the vendor that speaks JSON, with everything the town's patrols read.
    ///
    /// # Errors
    /// No port can be bound.
    pub async fn with_town(town: &Town) -> io::Result<Self> {
        let rows = town.passages(Family::Repossession).filter_map(Row::of);
        Self::start(Dialect::Json, rows.collect()).await
    }

    /// Adds what was read since; passages without a read plate leave no record.
    pub fn add_passages<'a>(&self, passages: impl IntoIterator<Item = &'a Passage>) {
        let rows = passages.into_iter().filter_map(Row::of);
        lock(&self.shared).rows.extend(rows);
    }

    /// `http://` address.
    #[must_use]
    pub fn origin(&self) -> String {
        self.server.origin()
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        lock(&self.shared).asked.clone()
    }

    pub(super) fn behave(&self, behaviour: Behaviour) -> Outcome {
        let mut state = lock(&self.shared);
        match behaviour {
            Behaviour::Well => state.switches = Switches::default(),
            Behaviour::Duplicates => state.switches.duplicates = true,
            Behaviour::Shuffled => state.switches.shuffled = true,
            Behaviour::PageCycle => state.switches.page_cycle = true,
            Behaviour::Personal => state.switches.personal = true,
            Behaviour::OddRecords => state.switches.odd = true,
            Behaviour::StaleCredential => state.tokens.clear(),
            Behaviour::NoCredentialIsGood => {
                state.switches.no_token_is_good = true;
                state.tokens.clear();
            }
            Behaviour::NoImage => state.switches.photo = Photo::Gone,
            Behaviour::HugeImage => state.switches.photo = Photo::Huge,
            Behaviour::ImageIsPage => state.switches.photo = Photo::Page,
        }
        Ok(())
    }
}
