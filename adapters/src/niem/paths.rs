//! Where the values of a read stand in an element: paths of local names below it, as the settings say.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Target {
    /// The plate's text.
    Plate,
    /// Who issued it: ISO 3166, or a state of the country.
    Jurisdiction,
    /// The country of the state, ISO 3166-1.
    Country,
    /// When it was seen.
    CapturedAt,
    /// The sender's identity of the record.
    Record,
    /// Order among the versions of a record: a number.
    Revision,
    /// Whether the record was withdrawn: `true` or `false`.
    Retracted,
    /// How sure the sender is of the plate.
    Confidence,
    /// Degrees north, whole or with decimals.
    LatitudeDegrees,
    /// Minutes, of the sign of the degrees.
    LatitudeMinutes,
    /// Seconds, of the sign of the degrees.
    LatitudeSeconds,
    /// Degrees east, whole or with decimals.
    LongitudeDegrees,
    /// Minutes, of the sign of the degrees.
    LongitudeMinutes,
    /// Seconds, of the sign of the degrees.
    LongitudeSeconds,
    /// Site, road or port.
    Site,
    /// Camera.
    Camera,
    /// Lane.
    Lane,
    /// Make.
    Make,
    /// Model.
    Model,
    /// Colour.
    Colour,
    /// Body type.
    Class,
}

/// Where the elements of NIEM's own message type for reads stand.
const DEFAULTS: [(Target, &str); 10] = [
    (
        Target::Plate,
        "ConveyanceRegistration/ConveyanceRegistrationPlateIdentification/IdentificationID",
    ),
    (
        Target::Jurisdiction,
        "ConveyanceRegistration/ConveyanceRegistrationPlateIdentification/IdentificationJurisdiction/JurisdictionText",
    ),
    (Target::CapturedAt, "SystemEventDateTime"),
    (
        Target::LatitudeDegrees,
        "Location2DGeospatialCoordinate/GeographicCoordinateLatitude/LatitudeDegreeValue",
    ),
    (
        Target::LatitudeMinutes,
        "Location2DGeospatialCoordinate/GeographicCoordinateLatitude/LatitudeMinuteValue",
    ),
    (
        Target::LatitudeSeconds,
        "Location2DGeospatialCoordinate/GeographicCoordinateLatitude/LatitudeSecondValue",
    ),
    (
        Target::LongitudeDegrees,
        "Location2DGeospatialCoordinate/GeographicCoordinateLongitude/LongitudeDegreeValue",
    ),
    (
        Target::LongitudeMinutes,
        "Location2DGeospatialCoordinate/GeographicCoordinateLongitude/LongitudeMinuteValue",
    ),
    (
        Target::LongitudeSeconds,
        "Location2DGeospatialCoordinate/GeographicCoordinateLongitude/LongitudeSecondValue",
    ),
    (Target::Site, "LocationBorderCodeText"),
];

/// Elements that hold people, or what leads to them, whatever is around them.
const PERSONAL: [&str; 14] = [
    "BinaryBase64Object",
    "BinaryCapturer",
    "ConveyanceRegistrationDecal",
    "DriverLicense",
    "DriverLicenseIdentification",
    "Incident",
    "Item",
    "ItemOwner",
    "RegistrationHolder",
    "RegistrationIdentification",
    "Vehicle2DIdentification",
    "VehicleIdentification",
    "VehicleOwner",
    "VINIdentification",
];

/// Parts of names that speak of people.
const PERSONAL_PARTS: [&str; 9] = [
    "Person", "Holder", "Owner", "Driver", "Occupant", "Contact", "Citizen", "VIN", "Subject",
];

/// Whether an element of this local name is never read.
pub(super) fn is_personal(name: &str) -> bool {
    PERSONAL.contains(&name) || PERSONAL_PARTS.iter().any(|part| name.contains(part))
}

/// The paths as a tree of names. Node 0 is the element of a read itself.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    slots: Vec<Slot>,
}

#[derive(Debug, Default)]
struct Node {
    name: String,
    children: Vec<usize>,
    slot: Option<usize>,
}

/// What one path is for.
#[derive(Debug)]
pub(super) struct Slot {
    /// The path as written.
    pub(super) path: String,
    /// `Err` is a name in `extra`.
    pub(super) target: Result<Target, String>,
}

impl Tree {
    /// The tree of the default paths with `paths` over them and `extra` beside them. An empty path takes a default away.
    ///
    /// # Errors
    /// What is wrong with a path.
    pub(super) fn new(
        paths: &BTreeMap<Target, String>,
        extra: &BTreeMap<String, String>,
    ) -> Result<Self, String> {
        let mut all: BTreeMap<Target, &str> = DEFAULTS.into_iter().collect();
        all.extend(paths.iter().map(|(target, path)| (*target, path.as_str())));
        let mut tree = Self {
            nodes: vec![Node::default()],
            slots: Vec::new(),
        };
        for (target, path) in all.into_iter().filter(|(_, path)| !path.is_empty()) {
            tree.add(path, Ok(target))?;
        }
        for (name, path) in extra {
            tree.add(path, Err(name.clone()))?;
        }
        for needed in [Target::Plate, Target::CapturedAt] {
            if !tree.slots.iter().any(|slot| slot.target == Ok(needed)) {
                return Err("`plate` and `captured_at` must have a path".to_owned());
            }
        }
        Ok(tree)
    }

    fn add(&mut self, path: &str, target: Result<Target, String>) -> Result<(), String> {
        let mut at = 0;
        for name in path.split('/') {
            let letters = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
            if name.is_empty() || !name.chars().all(letters) {
                return Err(format!("path `{path}` is not local names with `/` between"));
            }
            if is_personal(name) {
                return Err(format!("path `{path}` leads through `{name}`: never read"));
            }
            at = self.child(at, name).unwrap_or_else(|| self.grow(at, name));
        }
        let slot = self.slots.len();
        let node = self.nodes.get_mut(at).filter(|node| node.slot.is_none());
        node.ok_or_else(|| format!("path `{path}` is there twice"))?
            .slot = Some(slot);
        self.slots.push(Slot {
            path: path.to_owned(),
            target,
        });
        Ok(())
    }

    fn grow(&mut self, parent: usize, name: &str) -> usize {
        let at = self.nodes.len();
        self.nodes.push(Node {
            name: name.to_owned(),
            ..Node::default()
        });
        if let Some(parent) = self.nodes.get_mut(parent) {
            parent.children.push(at);
        }
        at
    }

    /// The child of node `at` that has this name.
    pub(super) fn child(&self, at: usize, name: &str) -> Option<usize> {
        let mut children = self.nodes.get(at)?.children.iter().copied();
        children.find(|child| self.nodes.get(*child).is_some_and(|node| node.name == name))
    }

    /// Which slot the text of node `at` fills.
    pub(super) fn slot(&self, at: usize) -> Option<usize> {
        self.nodes.get(at)?.slot
    }

    /// Every path.
    pub(super) fn slots(&self) -> &[Slot] {
        &self.slots
    }
}
