//! The elements of the format: which one holds which field, and one record's worth of their text.

use super::name::Kind;

/// A field that is kept. Everything else is skipped without being stored: `TagInfo`, tolls, discount plans, occupancy,
/// the agencies' own `Spare` fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Field {
    /// `RecordType` of a transaction, also inside a correction.
    RecordType,
    TxnReferenceId,
    ExitDateTime,
    FacilityId,
    FacilityDesc,
    ExitPlaza,
    ExitPlazaDesc,
    ExitLane,
    EntryDateTime,
    EntryPlaza,
    EntryPlazaDesc,
    EntryLane,
    VehicleClass,
    PlateCountry,
    PlateState,
    PlateNumber,
    PlateType,
    ExitDateTimeTz,
    EntryDateTimeTz,
    /// `RecordType` of a correction.
    CorrectionType,
    CorrectionDateTime,
    CorrectionSeqNo,
    ResubmitCount,
    SubmissionType,
    SubmissionDateTime,
    HubId,
    AwayAgencyId,
    HomeAgencyId,
    TxnDataSeqNo,
    RecordCount,
}

/// What an element is, by where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    /// `TransactionData`, `CorrectionData`.
    Root,
    /// `TransactionHeader`, `CorrectionHeader`.
    Header,
    /// `TransactionDetail`, `CorrectionDetail`.
    Detail,
    /// `TransactionRecord`.
    Transaction,
    /// `CorrectionRecord`.
    Correction,
    /// `OriginalTransactionDetail`.
    Original,
    /// `PlateInfo`.
    Plate,
    /// `EntryData`.
    Entry,
    /// An element with text.
    Leaf(Field),
    /// Not looked into.
    Skipped,
}

impl Field {
    const COUNT: usize = Self::RecordCount as usize + 1;

    /// The element's path inside its record or header.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::RecordType | Self::CorrectionType => "RecordType",
            Self::TxnReferenceId => "TxnReferenceID",
            Self::ExitDateTime => "ExitDateTime",
            Self::FacilityId => "FacilityID",
            Self::FacilityDesc => "FacilityDesc",
            Self::ExitPlaza => "ExitPlaza",
            Self::ExitPlazaDesc => "ExitPlazaDesc",
            Self::ExitLane => "ExitLane",
            Self::EntryDateTime => "EntryData/EntryDateTime",
            Self::EntryPlaza => "EntryData/EntryPlaza",
            Self::EntryPlazaDesc => "EntryData/EntryPlazaDesc",
            Self::EntryLane => "EntryData/EntryLane",
            Self::VehicleClass => "VehicleClass",
            Self::PlateCountry => "PlateInfo/PlateCountry",
            Self::PlateState => "PlateInfo/PlateState",
            Self::PlateNumber => "PlateInfo/PlateNumber",
            Self::PlateType => "PlateInfo/PlateType",
            Self::ExitDateTimeTz => "ExitDateTimeTZ",
            Self::EntryDateTimeTz => "EntryDateTimeTZ",
            Self::CorrectionDateTime => "CorrectionDateTime",
            Self::CorrectionSeqNo => "CorrectionSeqNo",
            Self::ResubmitCount => "ResubmitCount",
            Self::SubmissionType => "SubmissionType",
            Self::SubmissionDateTime => "SubmissionDateTime",
            Self::HubId => "SSIOPHubID",
            Self::AwayAgencyId => "AwayAgencyID",
            Self::HomeAgencyId => "HomeAgencyID",
            Self::TxnDataSeqNo => "TxnDataSeqNo",
            Self::RecordCount => "RecordCount",
        }
    }

    /// Whether the field is a correction's own, and not part of the transaction inside it.
    pub(super) fn is_of_correction(self) -> bool {
        matches!(
            self,
            Self::CorrectionType
                | Self::CorrectionDateTime
                | Self::CorrectionSeqNo
                | Self::ResubmitCount
        )
    }

    fn bit(self) -> u32 {
        1 << (self as u8)
    }
}

impl Node {
    /// What the element `name` is inside this one.
    #[inline]
    pub(super) fn child(self, name: &[u8]) -> Self {
        match self {
            Self::Transaction => transaction(name),
            // Whether a correction wraps the record or its fields is not known: both are taken.
            Self::Original if name == b"TransactionRecord" => Self::Original,
            Self::Original => transaction(name),
            Self::Plate => plate(name),
            Self::Entry => entry(name),
            Self::Correction => correction(name),
            Self::Header => header(name),
            Self::Root | Self::Detail | Self::Leaf(_) | Self::Skipped => Self::Skipped,
        }
    }
}

fn transaction(name: &[u8]) -> Node {
    Node::Leaf(match name {
        b"RecordType" => Field::RecordType,
        b"TxnReferenceID" => Field::TxnReferenceId,
        b"ExitDateTime" => Field::ExitDateTime,
        b"FacilityID" => Field::FacilityId,
        b"FacilityDesc" => Field::FacilityDesc,
        b"ExitPlaza" => Field::ExitPlaza,
        b"ExitPlazaDesc" => Field::ExitPlazaDesc,
        b"ExitLane" => Field::ExitLane,
        b"VehicleClass" => Field::VehicleClass,
        b"ExitDateTimeTZ" => Field::ExitDateTimeTz,
        b"EntryDateTimeTZ" => Field::EntryDateTimeTz,
        b"PlateInfo" => return Node::Plate,
        b"EntryData" => return Node::Entry,
        _ => return Node::Skipped,
    })
}

fn plate(name: &[u8]) -> Node {
    Node::Leaf(match name {
        b"PlateCountry" => Field::PlateCountry,
        b"PlateState" => Field::PlateState,
        b"PlateNumber" => Field::PlateNumber,
        b"PlateType" => Field::PlateType,
        _ => return Node::Skipped,
    })
}

fn entry(name: &[u8]) -> Node {
    Node::Leaf(match name {
        b"EntryDateTime" => Field::EntryDateTime,
        b"EntryPlaza" => Field::EntryPlaza,
        b"EntryPlazaDesc" => Field::EntryPlazaDesc,
        b"EntryLane" => Field::EntryLane,
        _ => return Node::Skipped,
    })
}

fn correction(name: &[u8]) -> Node {
    Node::Leaf(match name {
        b"RecordType" => Field::CorrectionType,
        b"CorrectionDateTime" => Field::CorrectionDateTime,
        b"CorrectionSeqNo" => Field::CorrectionSeqNo,
        b"ResubmitCount" => Field::ResubmitCount,
        b"OriginalTransactionDetail" => return Node::Original,
        _ => return Node::Skipped,
    })
}

fn header(name: &[u8]) -> Node {
    Node::Leaf(match name {
        b"SubmissionType" => Field::SubmissionType,
        b"SubmissionDateTime" => Field::SubmissionDateTime,
        b"SSIOPHubID" => Field::HubId,
        b"AwayAgencyID" => Field::AwayAgencyId,
        b"HomeAgencyID" => Field::HomeAgencyId,
        b"TxnDataSeqNo" => Field::TxnDataSeqNo,
        b"RecordCount" => Field::RecordCount,
        _ => return Node::Skipped,
    })
}

/// What is wrong with a record, a header or a file: where, and which rule. Never a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) place: Place,
    pub(super) rule: &'static str,
}

/// Where a [`Fault`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Field(Field),
    Element(&'static str),
}

impl Fault {
    pub(super) fn field(field: Field, rule: &'static str) -> Self {
        Self {
            place: Place::Field(field),
            rule,
        }
    }

    pub(super) fn element(path: &'static str, rule: &'static str) -> Self {
        Self {
            place: Place::Element(path),
            rule,
        }
    }

    /// The path inside the record or header.
    pub(super) fn path(&self) -> &'static str {
        match self.place {
            Place::Field(field) => field.path(),
            Place::Element(path) => path,
        }
    }

    /// The path inside a record of a file of `kind`: a correction wraps its transaction.
    pub(super) fn path_in(&self, kind: Kind) -> String {
        let own = match self.place {
            Place::Field(field) => field.is_of_correction(),
            Place::Element(path) => path.is_empty(),
        };
        if kind == Kind::Corrections && !own {
            format!("OriginalTransactionDetail/{}", self.path())
        } else {
            self.path().to_owned()
        }
    }
}

/// The text of one record or header. One of these lives as long as the file is read and is emptied for each record, so
/// one record is in memory at a time.
#[derive(Debug, Default)]
pub(super) struct Fields {
    text: String,
    spans: [(u32, u32); Field::COUNT],
    seen: u32,
    has_plate: bool,
    fault: Option<Fault>,
}

/// Longest text of one element, in bytes. Longer text costs the record.
pub(super) const MAX_TEXT: usize = 4 << 10;

impl Fields {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.seen = 0;
        self.has_plate = false;
        self.fault = None;
    }

    /// `PlateInfo` begins.
    pub(super) fn open_plate(&mut self) {
        self.has_plate = true;
    }

    /// Whether there was a `PlateInfo`, whatever was in it.
    pub(super) fn has_plate(&self) -> bool {
        self.has_plate
    }

    /// The element of `field` begins.
    #[inline]
    pub(super) fn open(&mut self, field: Field) {
        if self.seen & field.bit() != 0 {
            self.fail(Fault::field(field, "more than once"));
        }
        self.seen |= field.bit();
        let at = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        if let Some(span) = self.spans.get_mut(field as usize) {
            *span = (at, at);
        }
    }

    /// Adds text to the element of `field`.
    #[inline]
    pub(super) fn push(&mut self, field: Field, text: &str) {
        let Some(span) = self.spans.get_mut(field as usize) else {
            return;
        };
        if (span.1 - span.0) as usize + text.len() > MAX_TEXT {
            self.fail(Fault::field(field, "text is too long"));
            return;
        }
        self.text.push_str(text);
        span.1 = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
    }

    /// Remembers what is wrong; the first fault stays.
    pub(super) fn fail(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }

    /// What is wrong with the text as such.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// The text of `field`; an empty element is an absent one.
    #[inline]
    pub(super) fn get(&self, field: Field) -> Option<&str> {
        if self.seen & field.bit() == 0 {
            return None;
        }
        let (from, to) = *self.spans.get(field as usize)?;
        self.text
            .get(from as usize..to as usize)
            .filter(|text| !text.is_empty())
    }

    /// The text of `field`, which must be there.
    pub(super) fn required(&self, field: Field) -> Result<&str, Fault> {
        self.get(field)
            .ok_or_else(|| Fault::field(field, "missing"))
    }
}
