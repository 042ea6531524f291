//! A whole installation in a temporary folder: simulated vendors, their agreements, a configuration, and the gateway as
//! a process of its own. The demo shows it, the end-to-end tests break it.

mod documents;
mod process;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

pub use documents::{ROLES, Tokens};
pub use process::{Gateway, link_command};

use crate::{
    fault::{Fault, FaultProxy},
    sim::{
        flock::FlockSim,
        niop::Hub,
        rekor::{AgentConfig, RekorAgent},
    },
    town::{Family, Passage, Town, TownSize},
};

/// Reads in one dropped file.
const FILE_RECORDS: usize = 500;

/// Longest wait for the vendors' deliveries to be taken in.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What to build.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Seed of the town.
    pub seed: u64,
    /// Vehicles of the town.
    pub vehicles: usize,
    /// Days of history.
    pub days: u32,
    /// End of the history: usually now.
    pub until: Timestamp,
    /// Port of the gateway; 0 picks a free one.
    pub port: u16,
}

/// The vendors and the folder the gateway runs in.
#[derive(Debug)]
pub struct World {
    folder: TempDir,
    /// The town everything happens in.
    pub town: Town,
    /// Tokens of one user per role, and of the pushing camera engine.
    pub tokens: Tokens,
    /// Police, asked live.
    pub police: FlockSim,
    /// Another police network, behind a proxy that breaks it.
    pub lakeside: FlockSim,
    /// The proxy in front of it.
    pub lakeside_road: FaultProxy,
    /// Toll hub, drops files.
    pub tolls: Hub,
    /// Toll hub whose agreement knows tolls only.
    pub harbor: Hub,
    /// Camera engine, pushes.
    pub cameras: Arc<RekorAgent>,
    delivered: Delivered,
}

/// Reads handed to the gateway so far.
#[derive(Debug, Clone, Copy, Default)]
struct Delivered {
    tolls: u64,
    cameras: u64,
}

impl World {
    /// Starts the vendors and writes configuration and agreements. Nothing is delivered yet.
    ///
    /// # Errors
    /// A port cannot be bound or a file cannot be written.
    pub async fn build(plan: Plan) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("turnpike-").tempdir()?;
        let start = plan.until - SignedDuration::from_hours(24 * i64::from(plan.days.max(1)));
        let town = Town::new(
            plan.seed,
            TownSize {
                vehicles: plan.vehicles,
                days: plan.days,
                start,
            },
        );
        let police = FlockSim::with_town(&town).await?;
        let lakeside = FlockSim::start().await?;
        let lakeside_road = FaultProxy::start(lakeside.address()).await?;
        lakeside_road.set(Fault::Reset);
        let drops = folder.path().join("drops");
        let hub = |name: &str| {
            Hub::new(
                &drops.join(name),
                &drops.join(name).join("acknowledgements"),
            )
        };
        let (tolls, harbor) = (hub("tolls")?, hub("harbor")?);
        let tokens = Tokens::new();
        // The target is set once the gateway listens.
        let agent = AgentConfig {
            upload_threads: 16,
            ..AgentConfig::new("http://127.0.0.1:9", &tokens.cameras)
        };
        let cameras = Arc::new(RekorAgent::start(agent).await?);
        cameras.switch(|switches| switches.paused = true);
        let world = Self {
            folder,
            town,
            tokens,
            police,
            lakeside,
            lakeside_road,
            tolls,
            harbor,
            cameras,
            delivered: Delivered::default(),
        };
        documents::write(&world, plan.port)?;
        Ok(world)
    }

    /// The folder everything is in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The gateway's configuration.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("turnpike.toml")
    }

    /// Lets the camera engine push to a gateway.
    pub fn connect(&self, gateway: &Gateway) {
        self.cameras.retarget(&format!(
            "{}/v1/sources/main-street-cameras/reads",
            gateway.address()
        ));
        self.cameras.switch(|switches| switches.paused = false);
    }

    /// Delivers the town's history through files and pushes. The police are asked live and deliver nothing.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn deliver_history(&mut self, now: Timestamp) -> io::Result<()> {
        let tolls: Vec<Passage> = self.town.passages(Family::Toll).cloned().collect();
        for (number, file) in tolls.chunks(FILE_RECORDS).enumerate() {
            let submitted = now - SignedDuration::from_secs(i64::try_from(number).unwrap_or(0) + 1);
            self.tolls
                .drop_file(&self.tolls.stran_of(submitted, file))?;
            self.delivered.tolls +=
                file.iter().filter(|passage| passage.text.is_some()).count() as u64;
        }
        let cameras: Vec<Passage> = self.town.passages(Family::Camera).cloned().collect();
        self.cameras.send_passages(&cameras);
        self.delivered.cameras += cameras
            .iter()
            .filter(|passage| passage.text.is_some())
            .count() as u64;
        Ok(())
    }

    /// Delivers one passage the way its family does.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn deliver(&self, passage: &Passage, now: Timestamp) -> io::Result<()> {
        match passage.site.family {
            Family::Police => self.police.add_passages([passage]),
            Family::Toll => drop(self.tolls.drop_file(&self.tolls.stran_of(now, [passage]))?),
            Family::Camera => drop(self.cameras.send_passages([passage])),
            // No source of these families stands in this installation yet.
            Family::Parking | Family::Repossession => {}
        }
        Ok(())
    }

    /// Waits until everything delivered is held by the gateway.
    ///
    /// # Errors
    /// It is not within [`PATIENCE`], or the gateway does not answer.
    pub async fn settled(&self, gateway: &Gateway) -> io::Result<()> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let held = gateway.held(&self.tokens.investigator).await?;
            let of = |source: &str| held.get(source).copied().unwrap_or(0);
            if of("state-tolls") >= self.delivered.tolls
                && of("main-street-cameras") >= self.delivered.cameras
            {
                return Ok(());
            }
            if tokio::time::Instant::now() > deadline {
                return Err(io::Error::other(format!(
                    "not everything was taken in: {held:?} of {:?}",
                    self.delivered
                )));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
