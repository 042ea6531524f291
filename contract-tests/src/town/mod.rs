//! A seeded synthetic town: the same seed always gives the same vehicles, sites and passages.
//!
//! In scope: where a vehicle was and what a device read there. Not in scope: any wire format
//! (that is `sim`) and any person. Plates and places are invented; times are to the millisecond,
//! at toll plazas to the second, because that is all the toll format can say.

mod fleet;
mod live;
mod oracle;
mod streets;
mod trips;

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

pub use self::fleet::{State, Vehicle};
pub use self::oracle::Expected;
pub use self::streets::{CROSSING, FACILITY, Heading, Site};

/// The plate text of [`Town::protagonist`].
pub const PROTAGONIST_PLATE: &str = "TPK0421";

/// The offset of the town's wall clocks from UTC, all year, in hours.
pub const TOWN_OFFSET_HOURS: i8 = -5;

/// The kind of vendor that runs a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// Police cameras, served by the Flock simulator.
    Police,
    /// Toll plazas, served by the NIOP hub.
    Toll,
    /// A camera engine, served by the Rekor agent.
    Camera,
    /// Car parks: reads at their gates.
    Parking,
    /// A repossession company's vehicles, which read parked cars.
    Repossession,
}

impl Family {
    /// Every family, in a fixed order.
    pub const ALL: [Self; 5] = [
        Self::Police,
        Self::Toll,
        Self::Camera,
        Self::Parking,
        Self::Repossession,
    ];
}

/// How much town to build.
#[derive(Clone, Copy, Debug)]
pub struct TownSize {
    /// Number of vehicles; at least 1 and at most 250,000 are made.
    pub vehicles: usize,
    /// Days of history; at least 1 is made.
    pub days: u32,
    /// The first instant of the history.
    pub start: Timestamp,
}

/// One vehicle passing one site, and what the device there made of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Passage {
    /// Unique within the town, stable for a seed.
    pub id: u64,
    /// The vehicle that really passed.
    pub vehicle: Arc<Vehicle>,
    /// The site it passed.
    pub site: Arc<Site>,
    /// When it passed.
    pub at: Timestamp,
    /// Lane, counted from 1.
    pub lane: u8,
    /// The text the device read; `None` when it saw a vehicle but no plate.
    pub text: Option<String>,
    /// Confidence of the text in thousandths; 0 when there is no text.
    pub confidence_permille: u16,
    /// The issuing state the device read, when it read one.
    pub state: Option<State>,
    /// Confidence of the state in thousandths; 0 when there is none.
    pub state_permille: u16,
}

impl Passage {
    /// Confidence of the text, 0 to 1.
    #[must_use]
    pub fn confidence(&self) -> f64 {
        f64::from(self.confidence_permille) / 1000.0
    }

    /// Confidence of the text, 0 to 100.
    #[must_use]
    pub fn confidence_percent(&self) -> f64 {
        f64::from(self.confidence_permille) / 10.0
    }

    /// Confidence of the state, 0 to 1.
    #[must_use]
    pub fn state_confidence(&self) -> f64 {
        f64::from(self.state_permille) / 1000.0
    }

    /// Whether the device read exactly what is on the plate.
    #[must_use]
    pub fn read_right(&self) -> bool {
        self.text.as_deref() == Some(self.vehicle.plate.as_str())
    }
}

/// The town: vehicles, sites and everything the sites saw, oldest first.
#[derive(Debug)]
pub struct Town {
    vehicles: Vec<Arc<Vehicle>>,
    sites: Vec<Arc<Site>>,
    passages: Vec<Passage>,
    end: Timestamp,
    rng: fastrand::Rng,
    next_id: u64,
    whereabouts: HashMap<usize, (Arc<Site>, Timestamp)>,
    under_way: Vec<live::LiveTrip>,
}

impl Town {
    /// Builds the town; equal arguments give equal towns.
    #[must_use]
    pub fn new(seed: u64, size: TownSize) -> Self {
        let start = whole_milliseconds(size.start);
        let days = i64::from(size.days.max(1));
        let mut town = Self {
            vehicles: fleet::build(seed, size.vehicles),
            sites: streets::build(),
            passages: Vec::new(),
            end: start + SignedDuration::from_hours(24 * days),
            rng: fastrand::Rng::with_seed(seed),
            next_id: 1,
            whereabouts: HashMap::new(),
            under_way: Vec::new(),
        };
        trips::fill(&mut town, start, days);
        for passage in &town.passages {
            let seen = (Arc::clone(&passage.site), passage.at);
            town.whereabouts.insert(passage.vehicle.index, seen);
        }
        town
    }

    /// The vehicle every test knows: TPK0421 of Ohio, seen by all families in the last 24
    /// hours before [`Town::end`], and always read right.
    #[must_use]
    pub fn protagonist(&self) -> Arc<Vehicle> {
        self.vehicles
            .first()
            .map_or_else(|| Arc::new(fleet::protagonist()), Arc::clone)
    }

    /// Every vehicle; the position is [`Vehicle::index`].
    #[must_use]
    pub fn vehicles(&self) -> &[Arc<Vehicle>] {
        &self.vehicles
    }

    /// Every site.
    #[must_use]
    pub fn sites(&self) -> &[Arc<Site>] {
        &self.sites
    }

    /// The end of the built history; live traffic comes after it.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        self.end
    }

    /// All passages, oldest first, live ones included.
    #[must_use]
    pub fn all_passages(&self) -> &[Passage] {
        &self.passages
    }

    /// What one family saw, oldest first, unread plates included.
    pub fn passages(&self, family: Family) -> impl Iterator<Item = &Passage> {
        self.passages
            .iter()
            .filter(move |p| p.site.family == family)
    }
}

fn whole_milliseconds(at: Timestamp) -> Timestamp {
    at - SignedDuration::from_nanos(i64::from(at.subsec_nanosecond() % 1_000_000))
}

fn whole_seconds(at: Timestamp) -> Timestamp {
    at - SignedDuration::from_nanos(i64::from(at.subsec_nanosecond()))
}
