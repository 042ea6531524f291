//! Files of any size for benches, written record by record.

use std::io::{self, Seek, Write};

use jiff::{SignedDuration, Timestamp};
use zip::ZipWriter;

use super::file::{DataFile, Kind, deflated};
use super::record::Txn;

/// Writes a transaction document of `records` video records; memory use does not grow with it.
/// Record `n` is passage `n`, of plate `TPA0000` and up, one every 250 ms before `submitted`.
///
/// # Errors
/// When `out` cannot be written.
pub fn write_bulk_xml<W: Write>(out: &mut W, submitted: Timestamp, records: u64) -> io::Result<()> {
    let mut file = DataFile::new(Kind::Stran, submitted, 1, Vec::new());
    file.record_count = Some(records);
    file.write_around(out, |out| {
        (1..=records).try_for_each(|number| txn(number, records, submitted).element().write(out, 2))
    })
}

/// Writes the same document as an archive and returns the archive's name.
///
/// # Errors
/// When `out` cannot be written.
pub fn write_bulk_zip<W: Write + Seek>(
    out: W,
    submitted: Timestamp,
    records: u64,
) -> io::Result<String> {
    let file = DataFile::new(Kind::Stran, submitted, 1, Vec::new());
    let mut zip = ZipWriter::new(out);
    zip.start_file(file.name(), deflated().large_file(true))?;
    let mut buffered = io::BufWriter::with_capacity(64 * 1024, zip);
    write_bulk_xml(&mut buffered, submitted, records)?;
    let zip = buffered
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    zip.finish()?.flush()?;
    Ok(file.zip_name())
}

fn txn(number: u64, records: u64, submitted: Timestamp) -> Txn {
    let before = i64::try_from((records - number + 1) / 4).unwrap_or(0);
    let letter = char::from(b'A' + u8::try_from(number / 10_000 % 26).unwrap_or(0));
    let plate = format!("TP{letter}{:04}", number % 10_000);
    Txn::video(
        number,
        submitted - SignedDuration::from_secs(before),
        &plate,
    )
}
