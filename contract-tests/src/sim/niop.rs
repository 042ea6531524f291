//! A simulated toll hub: NIOP archives into a drop folder, acknowledgements back out of another.
//!
//! Bulk tag lists and reconciliations can be written too: they are account data and money, and
//! whoever receives them must refuse them.

mod account;
mod ack;
pub(super) mod bench;
mod broken;
mod bulk;
mod correction;
mod file;
mod record;
#[cfg(test)]
mod tests;
mod xml;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;

pub use self::ack::Ack;
pub use self::broken::{Declared, Quirk};
pub use self::bulk::{write_bulk_xml, write_bulk_zip};
pub use self::correction::Correction;
pub use self::file::{DataFile, Kind, Parcel};
pub use self::record::{PlateInfo, Point, TagInfo, Txn};
pub use self::xml::Element;
use crate::town::Passage;

/// The hub that sends.
pub const HUB: &str = "9999";
/// The agency whose plazas saw the vehicles.
pub const AWAY: &str = "0901";
/// The agency the files are meant for.
pub const HOME: &str = "0902";

/// A hub with one drop folder and one folder it reads acknowledgements from.
#[derive(Debug)]
pub struct Hub {
    drop_folder: PathBuf,
    ack_folder: PathBuf,
    sequence: AtomicU64,
}

impl Hub {
    /// A hub over two folders, which are created when they are not there.
    ///
    /// # Errors
    /// When a folder cannot be created.
    pub fn new(drop_folder: &Path, ack_folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(drop_folder)?;
        fs::create_dir_all(ack_folder)?;
        Ok(Self {
            drop_folder: drop_folder.to_owned(),
            ack_folder: ack_folder.to_owned(),
            sequence: AtomicU64::new(1),
        })
    }

    /// A transaction file, not yet dropped.
    pub fn stran(&self, submitted: Timestamp, txns: impl IntoIterator<Item = Txn>) -> DataFile {
        let records = txns.into_iter().map(|txn| txn.element()).collect();
        self.file(Kind::Stran, submitted, records)
    }

    /// A transaction file with every passage of a plaza that has a read plate.
    pub fn stran_of<'a>(
        &self,
        submitted: Timestamp,
        passages: impl IntoIterator<Item = &'a Passage>,
    ) -> DataFile {
        self.stran(submitted, passages.into_iter().filter_map(Txn::of))
    }

    /// A correction file, not yet dropped.
    pub fn scorr(
        &self,
        submitted: Timestamp,
        corrections: impl IntoIterator<Item = Correction>,
    ) -> DataFile {
        let records = corrections.into_iter().map(|c| c.element()).collect();
        self.file(Kind::Scorr, submitted, records)
    }

    /// A reconciliation file with one record: money, not a read.
    pub fn srecon(&self, submitted: Timestamp) -> DataFile {
        self.file(
            Kind::Srecon,
            submitted,
            vec![account::reconciliation(submitted)],
        )
    }

    /// A bulk tag list with one account: personal data, not a read.
    pub fn btvl(&self, submitted: Timestamp) -> DataFile {
        self.file(Kind::Btvl, submitted, vec![account::tag_details(submitted)])
    }

    /// Drops a file as a careful hub does: written aside, then renamed. An older file of the same
    /// name is replaced.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn drop_parcel(&self, parcel: &Parcel) -> io::Result<PathBuf> {
        let place = self.drop_folder.join(&parcel.name);
        let aside = self.drop_folder.join(format!("{}.part", parcel.name));
        fs::write(&aside, &parcel.bytes)?;
        fs::rename(&aside, &place)?;
        Ok(place)
    }

    /// Builds the archive of `file` and drops it.
    ///
    /// # Errors
    /// When the archive cannot be built or written.
    pub fn drop_file(&self, file: &DataFile) -> io::Result<PathBuf> {
        self.drop_parcel(&file.parcel()?)
    }

    /// Starts to write a file under its final name, as a careless hub does, and stops half way.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn drop_slowly(&self, parcel: &Parcel) -> io::Result<SlowDrop> {
        let path = self.drop_folder.join(&parcel.name);
        let (first, rest) = parcel.bytes.split_at(parcel.bytes.len() / 2);
        let mut file = File::create(&path)?;
        file.write_all(first)?;
        file.sync_all()?;
        Ok(SlowDrop {
            path,
            file,
            rest: rest.to_vec(),
        })
    }

    /// Every acknowledgement in the folder, by file name. One that cannot be understood is listed
    /// with what is wrong in [`Ack::problems`].
    ///
    /// # Errors
    /// When the folder or a file in it cannot be read.
    pub fn acks(&self) -> io::Result<Vec<Ack>> {
        let mut acks = Vec::new();
        for entry in fs::read_dir(&self.ack_folder)? {
            let path = entry?.path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            if name.to_ascii_uppercase().ends_with(".ACK") {
                acks.push(Ack::parse(name, &fs::read(&path)?));
            }
        }
        acks.sort_by(|a, b| a.file_name.cmp(&b.file_name));
        Ok(acks)
    }

    fn file(&self, kind: Kind, submitted: Timestamp, records: Vec<Element>) -> DataFile {
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        DataFile::new(kind, submitted, sequence, records)
    }
}

/// A half-written file under its final name.
#[derive(Debug)]
pub struct SlowDrop {
    path: PathBuf,
    file: File,
    rest: Vec<u8>,
}

impl SlowDrop {
    /// Where the half file lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the other half.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> io::Result<PathBuf> {
        self.file.write_all(&self.rest)?;
        self.file.sync_all()?;
        Ok(self.path)
    }
}
