//! Where the sites are: two straight roads that cross, each passing sites of all families.

use std::sync::Arc;

use super::Family;

/// The direction of travel a site looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Heading {
    /// Towards the east.
    East,
    /// Towards the west.
    West,
    /// Towards the north.
    North,
    /// Towards the south.
    South,
}

impl Heading {
    /// Every heading, in a fixed order.
    pub const ALL: [Self; 4] = [Self::East, Self::West, Self::North, Self::South];

    /// Compass bearing in degrees.
    #[must_use]
    pub fn bearing_deg(self) -> f64 {
        match self {
            Self::North => 0.0,
            Self::East => 90.0,
            Self::South => 180.0,
            Self::West => 270.0,
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::East => "EB",
            Self::West => "WB",
            Self::North => "NB",
            Self::South => "SB",
        }
    }

    fn forward(self) -> bool {
        matches!(self, Self::East | Self::North)
    }

    fn east_west(self) -> bool {
        matches!(self, Self::East | Self::West)
    }
}

/// One place where one family reads plates of one direction of travel.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    /// Position in [`super::Town::sites`], from 0.
    pub number: u32,
    /// The vendor's short code: a camera number, a plaza code.
    pub code: String,
    /// The name people use.
    pub name: String,
    /// Who runs it.
    pub family: Family,
    /// The direction it looks at.
    pub heading: Heading,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// Number of lanes, at least 1.
    pub lanes: u8,
    /// Metres along its road from the crossing, east or north positive.
    pub along_m: i32,
}

/// The toll road every plaza belongs to.
pub const FACILITY: &str = "BRKDALE";
/// Where the two roads cross: degrees north and east.
pub const CROSSING: (f64, f64) = (41.5, -81.25);

const METRES_PER_DEGREE_LAT: f64 = 111_320.0;
const METRES_PER_DEGREE_LON: f64 = 83_374.0;

/// (place, code, family, lanes, metres from the crossing)
type Spot = (&'static str, &'static str, Family, u8, i32);

const BROOK_STREET: [Spot; 6] = [
    ("Brook St", "P1", Family::Police, 1, -5_200),
    ("Brookdale West", "BW01", Family::Toll, 4, -2_900),
    ("Crossing", "20", Family::Camera, 2, 0),
    ("Market Sq", "P2", Family::Police, 2, 1_700),
    ("Brookdale East", "BE01", Family::Toll, 3, 4_100),
    ("Harbor Gate", "P3", Family::Police, 1, 6_300),
];

const MILL_ROAD: [Spot; 5] = [
    ("Brookdale South", "BS01", Family::Toll, 2, -4_800),
    ("Mill Rd", "P4", Family::Police, 1, -2_100),
    ("Crossing", "20", Family::Camera, 2, 0),
    ("Brookdale North", "BN01", Family::Toll, 3, 2_600),
    ("Quarry Rd", "P5", Family::Police, 1, 5_000),
];

/// Beside Brook Street. Numbered after all roads, so that what is on the roads keeps its number.
const BESIDE_BROOK_STREET: [Spot; 2] = [
    ("Market Lot", "R1", Family::Repossession, 1, 2_600),
    ("Harbor Garage", "G1", Family::Parking, 2, 5_200),
];

const BESIDE_MILL_ROAD: [Spot; 2] = [
    ("Mill Car Park", "G2", Family::Parking, 1, -3_400),
    ("Quarry Lot", "R2", Family::Repossession, 1, 3_900),
];

pub(super) fn build() -> Vec<Arc<Site>> {
    let mut sites = Vec::new();
    for beside in [false, true] {
        for heading in Heading::ALL {
            let spots: &[Spot] = match (beside, heading.east_west()) {
                (false, true) => &BROOK_STREET,
                (false, false) => &MILL_ROAD,
                (true, true) => &BESIDE_BROOK_STREET,
                (true, false) => &BESIDE_MILL_ROAD,
            };
            for spot in spots {
                let number = u32::try_from(sites.len()).unwrap_or(u32::MAX);
                sites.push(Arc::new(site(number, heading, *spot)));
            }
        }
    }
    sites
}

/// The sites a vehicle passes on one road in one direction, in the order it passes them.
pub(super) fn route(sites: &[Arc<Site>], heading: Heading) -> Vec<Arc<Site>> {
    let mut route: Vec<_> = sites
        .iter()
        .filter(|s| s.heading == heading)
        .map(Arc::clone)
        .collect();
    route.sort_by_key(|site| {
        if heading.forward() {
            site.along_m
        } else {
            -site.along_m
        }
    });
    route
}

/// Straight-line distance in metres.
pub(super) fn distance_m(from: &Site, to: &Site) -> f64 {
    let north = (from.latitude - to.latitude) * METRES_PER_DEGREE_LAT;
    let east = (from.longitude - to.longitude) * METRES_PER_DEGREE_LON;
    north.hypot(east)
}

fn site(number: u32, heading: Heading, (place, code, family, lanes, along_m): Spot) -> Site {
    let offset = f64::from(along_m);
    let (latitude, longitude) = if heading.east_west() {
        (CROSSING.0, CROSSING.1 + offset / METRES_PER_DEGREE_LON)
    } else {
        (CROSSING.0 + offset / METRES_PER_DEGREE_LAT, CROSSING.1)
    };
    Site {
        number,
        code: code_of(family, code, heading, number),
        name: format!("{place} {}", heading.suffix()),
        family,
        heading,
        latitude: micro_degrees(latitude),
        longitude: micro_degrees(longitude),
        lanes,
        along_m,
    }
}

fn code_of(family: Family, code: &str, heading: Heading, number: u32) -> String {
    match family {
        Family::Camera => format!("{code}{:02}", 40 + number),
        Family::Toll => format!("{code}{}", heading.suffix()),
        Family::Police | Family::Parking | Family::Repossession => {
            format!("{code}-{}", heading.suffix())
        }
    }
}

fn micro_degrees(degrees: f64) -> f64 {
    (degrees * 1e6).round() / 1e6
}
