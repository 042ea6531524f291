//! A data file: header, records, name, archive.

use std::io::{self, Cursor, Write};

use jiff::Timestamp;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::record::utc;
use super::xml::Element;
use super::{AWAY, HOME, HUB};

const DECLARATION: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>"#;

/// The kinds of data file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Transactions.
    Stran,
    /// Corrections.
    Scorr,
    /// Reconciliation.
    Srecon,
    /// Bulk tag validation list.
    Btvl,
}

impl Kind {
    /// The file extension, upper case.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Stran => "STRAN",
            Self::Scorr => "SCORR",
            Self::Srecon => "SRECON",
            Self::Btvl => "BTVL",
        }
    }

    /// Root, header and detail element, and the submission type.
    fn words(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::Stran => (
                "TransactionData",
                "TransactionHeader",
                "TransactionDetail",
                "STRAN",
            ),
            Self::Scorr => (
                "CorrectionData",
                "CorrectionHeader",
                "CorrectionDetail",
                "SCORR",
            ),
            Self::Srecon => (
                "ReconciliationData",
                "ReconciliationHeader",
                "ReconciliationDetail",
                "SRECON",
            ),
            Self::Btvl => ("TagValidationList", "TVLHeader", "TVLDetail", "STVL"),
        }
    }
}

/// A file as it lies in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// Name without folder.
    pub name: String,
    /// Content.
    pub bytes: Vec<u8>,
}

/// A data file before it is packed. Every field can be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFile {
    /// What it holds.
    pub kind: Kind,
    /// When it was submitted; in the header and in the name.
    pub submitted: Timestamp,
    /// `TxnDataSeqNo`.
    pub sequence: u64,
    /// The records.
    pub records: Vec<Element>,
    /// Overrides the `RecordCount` of the header.
    pub record_count: Option<u64>,
    /// Overrides the time in the name.
    pub named_time: Option<Timestamp>,
}

impl DataFile {
    pub(super) fn new(
        kind: Kind,
        submitted: Timestamp,
        sequence: u64,
        records: Vec<Element>,
    ) -> Self {
        Self {
            kind,
            submitted,
            sequence,
            records,
            record_count: None,
            named_time: None,
        }
    }

    /// The name without extension, which an acknowledgement repeats.
    #[must_use]
    pub fn stem(&self) -> String {
        let time = self
            .named_time
            .unwrap_or(self.submitted)
            .strftime("%Y%m%d%H%M%S");
        match self.kind {
            Kind::Btvl => format!("{HUB}_{AWAY}_{time}"),
            _ => format!("{HUB}_{AWAY}_{HOME}_{time}"),
        }
    }

    /// The name of the data file inside the archive.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}.{}", self.stem(), self.kind.extension())
    }

    /// The name of the archive.
    #[must_use]
    pub fn zip_name(&self) -> String {
        format!("{}_{}.zip", self.stem(), self.kind.extension())
    }

    /// The XML document.
    ///
    /// # Errors
    /// Never in practice: it is written to memory.
    pub fn xml(&self) -> io::Result<Vec<u8>> {
        let mut xml = Vec::new();
        self.write_around(&mut xml, |out| {
            self.records
                .iter()
                .try_for_each(|record| record.write(out, 2))
        })?;
        Ok(xml)
    }

    /// The archive, ready to be dropped.
    ///
    /// # Errors
    /// When the archive cannot be built.
    pub fn parcel(&self) -> io::Result<Parcel> {
        self.parcel_with(&[(self.name(), self.xml()?)])
    }

    /// An archive under this file's name with other entries.
    pub(super) fn parcel_with(&self, entries: &[(String, Vec<u8>)]) -> io::Result<Parcel> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in entries {
            zip.start_file(name, deflated())?;
            zip.write_all(content)?;
        }
        Ok(Parcel {
            name: self.zip_name(),
            bytes: zip.finish()?.into_inner(),
        })
    }

    /// Writes the document with records that `records` writes.
    pub(super) fn write_around<W: Write>(
        &self,
        out: &mut W,
        records: impl FnOnce(&mut W) -> io::Result<()>,
    ) -> io::Result<()> {
        let (root, _, detail, _) = self.kind.words();
        writeln!(out, "{DECLARATION}\n<{root}>")?;
        self.header().write(out, 1)?;
        writeln!(out, "  <{detail}>")?;
        records(out)?;
        writeln!(out, "  </{detail}>\n</{root}>")
    }

    fn header(&self) -> Element {
        let (_, header, _, submission_type) = self.kind.words();
        let count = self
            .record_count
            .map_or(self.records.len().to_string(), |n| n.to_string());
        let mut fields = vec![
            Element::text("SubmissionType", submission_type),
            Element::text("SubmissionDateTime", utc(self.submitted)),
            Element::text("SSIOPHubID", HUB),
        ];
        if self.kind == Kind::Btvl {
            fields.push(Element::text("HomeAgencyID", AWAY));
            fields.push(Element::text("BulkIndicator", "B"));
            fields.push(Element::text("BulkIdentifier", self.sequence.to_string()));
        } else {
            fields.push(Element::text("AwayAgencyID", AWAY));
            fields.push(Element::text("HomeAgencyID", HOME));
            fields.push(Element::text("TxnDataSeqNo", self.sequence.to_string()));
        }
        fields.push(Element::text("RecordCount", count));
        Element::group(header, fields)
    }
}

pub(super) fn deflated() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Deflated)
}
