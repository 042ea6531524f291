//! A simulated agency of the E-ZPass group: fixed-width files, packed one by one.
//!
//! Lists of customers and reconciliations can be written too: they are account data and money, and whoever receives them must
//! refuse them.

mod ack;
pub(super) mod bench;
mod txn;

use std::io::{self, Cursor, Write};

use jiff::Timestamp;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

pub use self::ack::read_ack;
pub use self::txn::Txn;
use super::{CANARY, TAG_CANARY};

/// The agency whose plazas saw the vehicles.
pub const AWAY: &str = "0901";
/// The agency the files are meant for.
pub const HOME: &str = "0902";
/// The version of the interface.
pub const VERSION: &str = "01.60.02";

/// A file before it is packed. Every part can be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFile {
    /// `ICTX`, `ITXC`, `ICRX`, `ITAG`, `ICLP`.
    pub kind: &'static str,
    /// When it was submitted: in the header and in the name.
    pub submitted: Timestamp,
    /// The records, a line each.
    pub lines: Vec<String>,
    /// What the header counts, where that is not the number of records.
    pub count: Option<usize>,
    /// The version in the header.
    pub version: &'static str,
}

impl DataFile {
    /// A file of transactions.
    #[must_use]
    pub fn transactions<'a>(submitted: Timestamp, txns: impl IntoIterator<Item = &'a Txn>) -> Self {
        Self::new("ICTX", submitted, txns.into_iter().map(Txn::line).collect())
    }

    /// A file of corrections, each for a reason of two digits.
    #[must_use]
    pub fn corrections<'a>(
        submitted: Timestamp,
        corrections: impl IntoIterator<Item = (&'a str, &'a Txn)>,
    ) -> Self {
        let line = |(reason, txn): (&str, &Txn)| format!("{reason}{}", txn.line());
        Self::new(
            "ITXC",
            submitted,
            corrections.into_iter().map(line).collect(),
        )
    }

    /// A list of plates of customers: account, vehicle number, everything.
    #[must_use]
    pub fn plates(submitted: Timestamp) -> Self {
        let line = format!("NJTPK0421   {:30}{AWAY}{TAG_CANARY}{CANARY:>94}", "");
        Self::new("ICLP", submitted, vec![line])
    }

    /// A list of tags of customers.
    #[must_use]
    pub fn tags(submitted: Timestamp) -> Self {
        let line = format!("{AWAY}{TAG_CANARY}{CANARY:>71}");
        Self::new("ITAG", submitted, vec![line])
    }

    /// What became of the money.
    #[must_use]
    pub fn reconciliation(submitted: Timestamp) -> Self {
        let line = format!("{:020}POST{:5}+{:09}{:020}", 4711, "", 275, 0);
        Self::new("ICRX", submitted, vec![line])
    }

    fn new(kind: &'static str, submitted: Timestamp, lines: Vec<String>) -> Self {
        Self {
            kind,
            submitted,
            lines,
            count: None,
            version: VERSION,
        }
    }

    fn is_list(&self) -> bool {
        matches!(self.kind, "ITAG" | "ICLP")
    }

    /// Parties and time, as in the name.
    #[must_use]
    pub fn stem(&self) -> String {
        let time = self.submitted.strftime("%Y%m%d%H%M%S");
        if self.is_list() {
            format!("{AWAY}_{time}")
        } else {
            format!("{AWAY}_{HOME}_{time}")
        }
    }

    /// The name of the data file.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}.{}", self.stem(), self.kind)
    }

    /// The name of the archive. Lists of plates travel in the archive of the tags.
    #[must_use]
    pub fn zip_name(&self) -> String {
        let kind = if self.is_list() { "ITAG" } else { self.kind };
        format!("{}_{kind}.ZIP", self.stem())
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> String {
        let time = self.submitted.strftime("%Y-%m-%dT%H:%M:%SZ");
        let (kind, version) = (self.kind, self.version);
        let count = self.count.unwrap_or(self.lines.len());
        let mut text = if self.is_list() {
            format!("{kind}{version}{AWAY}{time}{count:010}\n")
        } else {
            format!("{kind}{version}{AWAY}{HOME}{time}{count:08}{:012}\n", 42)
        };
        for line in &self.lines {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// The archive.
    ///
    /// # Errors
    /// Never in practice: it is written to memory.
    pub fn zip(&self) -> io::Result<Vec<u8>> {
        pack(&self.name(), self.text().as_bytes())
    }
}

/// An archive around one file.
///
/// # Errors
/// Never in practice: it is written to memory.
pub fn pack(name: &str, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    zip.start_file(name, stored)?;
    zip.write_all(bytes)?;
    Ok(zip.finish()?.into_inner())
}
