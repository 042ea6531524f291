//! Transaction records.

use jiff::{SignedDuration, Timestamp, tz};

use super::HOME;
use super::xml::Element;
use crate::sim::TAG_CANARY;
use crate::town::{FACILITY, Family, Passage, TOWN_OFFSET_HOURS};

/// A toll point and when it was passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// When; written to the second.
    pub at: Timestamp,
    /// Plaza code.
    pub plaza: String,
    /// Plaza in words.
    pub description: String,
    /// Lane, as text.
    pub lane: String,
}

/// The plate of a video transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlateInfo {
    /// `US`, `CA`, `MX`, or `-` for unknown.
    pub country: String,
    /// State or province.
    pub state: String,
    /// The number; may hold blanks.
    pub number: String,
    /// Plate type; the hub's own software leaves it out when it is empty.
    pub plate_type: Option<String>,
}

/// The transponder: never a plate, always personal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagInfo {
    /// Agency that issued it, 4 digits.
    pub agency: String,
    /// Its number.
    pub serial: String,
    /// `V`, `Z` or `I`.
    pub status: String,
}

/// One transaction of a STRAN file. Every field can be changed before [`Txn::element`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Txn {
    /// `VB01`, `VC01`, `VC02`, `TB01`, `TC01` or `TC02`.
    pub record_type: String,
    /// Key within the away agency, 1 to 20 digits.
    pub reference: String,
    /// The toll point.
    pub exit: Point,
    /// The entry point of a closed system.
    pub entry: Option<Point>,
    /// Overrides the local form of the exit time.
    pub exit_local: Option<String>,
    /// The plate.
    pub plate: Option<PlateInfo>,
    /// The transponder.
    pub tag: Option<TagInfo>,
    /// The toll in cents.
    pub toll_cents: u32,
}

impl Txn {
    /// A `VB01` record of a passage at a plaza; `None` for another family or an unread plate.
    #[must_use]
    pub fn of(passage: &Passage) -> Option<Self> {
        if passage.site.family != Family::Toll {
            return None;
        }
        let mut txn = Self::video(passage.id, passage.at, passage.text.as_deref()?);
        txn.exit.plaza.clone_from(&passage.site.code);
        txn.exit.description = passage.site.name.to_uppercase();
        txn.exit.lane = format!("{:02}", passage.lane);
        if let Some(plate) = &mut txn.plate {
            match passage.state {
                Some(state) => state.code().clone_into(&mut plate.state),
                None => unknown_issuer(plate),
            }
        }
        Some(txn)
    }

    /// A `VB01` record of an Ohio plate at Brookdale North.
    #[must_use]
    pub fn video(number: u64, at: Timestamp, plate: &str) -> Self {
        Self {
            record_type: "VB01".to_owned(),
            reference: format!("901{number:017}"),
            exit: Point {
                at,
                plaza: "BN01".to_owned(),
                description: "BROOKDALE NORTH".to_owned(),
                lane: "03".to_owned(),
            },
            entry: None,
            exit_local: None,
            plate: Some(PlateInfo {
                country: "US".to_owned(),
                state: "OH".to_owned(),
                number: plate.to_owned(),
                plate_type: Some("PASSENGER".to_owned()),
            }),
            tag: None,
            toll_cents: 275,
        }
    }

    /// The same passage paid by transponder: a `TB01` record without a plate.
    #[must_use]
    pub fn into_tag(mut self) -> Self {
        self.record_type.replace_range(..1, "T");
        self.plate = None;
        self.with_tag()
    }

    /// Adds a transponder with the canary number.
    #[must_use]
    pub fn with_tag(mut self) -> Self {
        self.tag = Some(TagInfo {
            agency: HOME.to_owned(),
            serial: TAG_CANARY.to_owned(),
            status: "V".to_owned(),
        });
        self
    }

    /// The same passage in a closed system, entered ten minutes before at Brookdale South.
    #[must_use]
    pub fn into_closed(mut self) -> Self {
        self.record_type.replace_range(1..2, "C");
        self.entry = Some(Point {
            at: self.exit.at - SignedDuration::from_mins(10),
            plaza: "BS01".to_owned(),
            description: "BROOKDALE SOUTH".to_owned(),
            lane: "01".to_owned(),
        });
        self
    }

    /// The local exit time says one hour later than the UTC one.
    #[must_use]
    pub fn with_zone_conflict(mut self) -> Self {
        self.exit_local = Some(local(self.exit.at + SignedDuration::from_hours(1)));
        self
    }

    /// Changes the plate, when there is one.
    #[must_use]
    pub fn with_plate(mut self, change: impl FnOnce(&mut PlateInfo)) -> Self {
        if let Some(plate) = &mut self.plate {
            change(plate);
        }
        self
    }

    /// The plate's country is `-`.
    #[must_use]
    pub fn with_unknown_country(self) -> Self {
        self.with_plate(unknown_issuer)
    }

    /// The plate number is written with a blank after the third character.
    #[must_use]
    pub fn with_blank_in_plate(self) -> Self {
        self.with_plate(|plate| {
            let (head, tail): (Vec<_>, Vec<_>) = plate
                .number
                .char_indices()
                .partition(|(place, _)| *place < 3);
            let text = |part: Vec<(usize, char)>| part.into_iter().map(|(_, c)| c);
            plate.number = text(head).chain([' ']).chain(text(tail)).collect();
        })
    }

    /// The plate has no type.
    #[must_use]
    pub fn without_plate_type(self) -> Self {
        self.with_plate(|plate| plate.plate_type = None)
    }

    /// The record as XML.
    #[must_use]
    pub fn element(&self) -> Element {
        Element::group("TransactionRecord", self.fields())
    }

    pub(super) fn fields(&self) -> Vec<Element> {
        let mut fields = vec![
            Element::text("RecordType", &self.record_type),
            Element::text("TxnReferenceID", &self.reference),
            Element::text("ExitDateTime", utc(self.exit.at)),
            Element::text("FacilityID", FACILITY),
            Element::text("FacilityDesc", "BROOKDALE CONNECTOR"),
            Element::text("ExitPlaza", &self.exit.plaza),
            Element::text("ExitPlazaDesc", &self.exit.description),
            Element::text("ExitLane", &self.exit.lane),
        ];
        fields.extend(self.entry.as_ref().map(entry_element));
        fields.extend(self.tag.as_ref().map(tag_element));
        fields.push(Element::text("VehicleClass", "2"));
        fields.push(Element::text("TollAmount", self.toll_cents.to_string()));
        fields.extend(self.plate.as_ref().map(plate_element));
        fields.push(Element::text("SystemMatchInd", "0"));
        let exit_local = self
            .exit_local
            .clone()
            .unwrap_or_else(|| local(self.exit.at));
        fields.push(Element::text("ExitDateTimeTZ", exit_local));
        let entry = self.entry.as_ref();
        fields.extend(entry.map(|entry| Element::text("EntryDateTimeTZ", local(entry.at))));
        fields
    }
}

/// `YYYY-MM-DDThh:mm:ssZ`.
pub(super) fn utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn local(at: Timestamp) -> String {
    format!(
        "{:.0}",
        at.display_with_offset(tz::offset(TOWN_OFFSET_HOURS))
    )
}

/// The state element may not be left out and has no letter for "unknown" in its pattern.
fn unknown_issuer(plate: &mut PlateInfo) {
    "-".clone_into(&mut plate.country);
    "XX".clone_into(&mut plate.state);
}

fn plate_element(plate: &PlateInfo) -> Element {
    let mut fields = vec![
        Element::text("PlateCountry", &plate.country),
        Element::text("PlateState", &plate.state),
        Element::text("PlateNumber", &plate.number),
    ];
    fields.extend(
        plate
            .plate_type
            .as_ref()
            .map(|text| Element::text("PlateType", text)),
    );
    Element::group("PlateInfo", fields)
}

fn tag_element(tag: &TagInfo) -> Element {
    Element::group(
        "TagInfo",
        vec![
            Element::text("TagAgencyID", &tag.agency),
            Element::text("TagSerialNo", &tag.serial),
            Element::text("TagStatus", &tag.status),
        ],
    )
}

fn entry_element(entry: &Point) -> Element {
    Element::group(
        "EntryData",
        vec![
            Element::text("EntryDateTime", utc(entry.at)),
            Element::text("EntryPlaza", &entry.plaza),
            Element::text("EntryPlazaDesc", &entry.description),
            Element::text("EntryLane", &entry.lane),
        ],
    )
}
