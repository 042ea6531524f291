//! A whole installation in a temporary folder: simulated vendors, their agreements, a configuration, and the gateway as
//! a process of its own. The demo shows it, the end-to-end tests break it.

mod documents;
mod garages;
mod process;
mod signers;
mod watch;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

pub use documents::{CHECKER, ROLES, Tokens};
pub use garages::Garages;
pub use process::{ANY_DISK, Gateway, link_command};
pub use watch::{Watch, of_kind};

use crate::{
    fault::{Fault, FaultProxy},
    sim::{
        apds::{Observation, Shape},
        declarative::Vendor,
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
    /// Car parks, whose broker notifies.
    pub garages: Garages,
    /// Repossession company, asked live, known by a mapping file only.
    pub patrol: Vendor,
    delivered: Delivered,
}

/// Reads handed to the gateway so far.
#[derive(Debug, Clone, Copy, Default)]
struct Delivered {
    tolls: u64,
    cameras: u64,
    garages: u64,
}

/// Entities in one notification.
const NOTIFIED: usize = 50;

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
        let garages = Garages::start(&tokens.garages);
        let patrol = Vendor::with_town(&town).await?;
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
            garages,
            patrol,
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

    /// Signs the agreements anew, as their owner, after they were written or changed.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn sign(&self) -> io::Result<()> {
        signers::sign(self.folder.path())
    }

    /// Signs the agreements as the second person as well.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn sign_second(&self) -> io::Result<()> {
        signers::sign_as(self.folder.path(), signers::SECOND)
    }

    /// Lets the agreements of all who deliver allow alerts, for entries of at most 30 days that are confirmed every 7.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn allow_alerts(&self) -> io::Result<()> {
        const TERMS: &str =
            "[alerts]\nmax_days = 30\nconfirm_days = 7\nsecond_approval = false\n\n[why]\n";
        for entry in std::fs::read_dir(self.folder().join("agreements"))? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "toml") {
                continue;
            }
            let text = std::fs::read_to_string(&path)?;
            if text.contains("\"ingest\"]") {
                let text = text.replace("\"ingest\"]", "\"ingest\", \"alert\"]");
                std::fs::write(&path, text.replace("[why]\n", TERMS))?;
            }
        }
        self.sign()
    }

    /// Lets webhooks go to this machine.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn allow_local_webhooks(&self) -> io::Result<()> {
        let text = std::fs::read_to_string(self.config())?;
        let rules = "\n[webhooks]\nallow_private_addresses = true\nallow_http = true\n";
        std::fs::write(self.config(), text + rules)
    }

    /// Lets the camera engine push to a gateway.
    pub fn connect(&self, gateway: &Gateway) {
        self.cameras.retarget(&format!(
            "{}/v1/sources/main-street-cameras/reads",
            gateway.address()
        ));
        self.cameras.switch(|switches| switches.paused = false);
        self.garages.retarget(&format!(
            "{}/v1/sources/harbor-parking/reads",
            gateway.address()
        ));
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
        let parked = self.town.passages(Family::Parking);
        let parked: Vec<Observation> = parked.filter_map(Observation::of).collect();
        for seen in parked.chunks(NOTIFIED) {
            self.notify(seen)?;
        }
        self.delivered.garages += parked.len() as u64;
        Ok(())
    }

    /// The vehicle every test knows at a car park's gate, at `now`, as it was seen there before.
    #[must_use]
    pub fn parked(&self, now: Timestamp) -> Option<Passage> {
        let index = self.town.protagonist().index;
        let mut seen = self.town.passages(Family::Parking);
        let before = seen.find(|passage| passage.vehicle.index == index)?;
        Some(Passage {
            // Beyond every number the town gives out.
            id: u64::try_from(now.as_second()).unwrap_or_default(),
            at: Timestamp::from_second(now.as_second()).unwrap_or(now),
            ..before.clone()
        })
    }

    fn notify(&self, seen: &[Observation]) -> io::Result<()> {
        let entities = seen.iter().map(|seen| seen.json(Shape::Normalized));
        self.garages.send(entities.collect())
    }

    /// The car parks read `passage` wrong, and correct it a moment later.
    ///
    /// # Errors
    /// Too much is waiting to be delivered.
    pub fn deliver_corrected(&self, passage: &Passage) -> io::Result<()> {
        let Some(right) = Observation::of(passage) else {
            return Ok(());
        };
        let wrong = Observation {
            plate: "TPK0427".to_owned(),
            ..right.clone()
        };
        self.notify(&[wrong])?;
        self.notify(&[right.corrected(&right.plate)])
    }

    /// The car parks read `passage`, and withdraw it a moment later.
    ///
    /// # Errors
    /// Too much is waiting to be delivered.
    pub fn deliver_withdrawn(&self, passage: &Passage) -> io::Result<()> {
        let Some(seen) = Observation::of(passage) else {
            return Ok(());
        };
        self.notify(std::slice::from_ref(&seen))?;
        self.garages.send(vec![seen.deleted(Shape::Normalized)])
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
            Family::Parking => {
                if let Some(seen) = Observation::of(passage) {
                    self.notify(&[seen])?;
                }
            }
            Family::Repossession => self.patrol.add_passages([passage]),
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
                && of("harbor-parking") >= self.delivered.garages
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
