//! The archive around a data file: opened without trust, read as a stream, nothing written anywhere.

use std::io::{Read, Seek, SeekFrom};

use zip::{CompressionMethod, ZipArchive, read::ZipFile};

use crate::watched::Watched;

/// Most bytes of an archive read to find its directory: an honest one needs 64 KiB for a comment and a few more for its one entry.
const DIRECTORY_BYTES: u64 = 1 << 20;

/// Bytes out that are never held against an archive, and the bytes out for each byte in that it may have beyond them.
/// Transactions compress 20 to 40 times.
const RATIO_FREE_BYTES: u64 = 1 << 20;
const RATIO: u64 = 200;

/// Whether the name of an entry is the one its archive must hold, or the rule it breaks.
pub(crate) type Belongs<'a> = &'a dyn Fn(&str) -> Result<(), &'static str>;

/// The data inside, and how many bytes of it may be read.
pub(crate) struct Entry<'a> {
    pub(crate) data: &'a mut dyn Read,
    pub(crate) cap: u64,
}

/// Opens an archive around one file and gives that file to `use_entry`. `belongs` says whether an archive of its name may hold
/// a file of this one.
///
/// # Errors
/// The rule that the archive breaks. What the bytes inside break is found while they are read.
pub(crate) fn open<T>(
    mut file: Watched<'_>,
    belongs: Belongs<'_>,
    max_bytes: u64,
    use_entry: impl FnOnce(Entry<'_>) -> T,
) -> Result<T, &'static str> {
    const UNREADABLE: &str = "not a complete archive";
    let watch = file.watch();
    let length = file.seek(SeekFrom::End(0)).map_err(|_| UNREADABLE)?;
    watch.limit(Some(DIRECTORY_BYTES));
    let mut archive = ZipArchive::new(file).map_err(|_| UNREADABLE)?;
    if archive.len() != 1 || archive.has_duplicate_names() {
        return Err("archive does not hold exactly one file");
    }
    // Looked at before a decoder is made, so that an encrypted or foreign entry is named as such.
    let cap = check(
        &archive.by_index_raw(0).map_err(|_| UNREADABLE)?,
        belongs,
        length,
        max_bytes,
    )?;
    let mut data = archive.by_index(0).map_err(|_| UNREADABLE)?;
    watch.limit(None);
    Ok(use_entry(Entry {
        data: &mut data,
        cap,
    }))
}

/// How many bytes may come out of `entry`, if it may be read at all.
fn check<R: Read>(
    entry: &ZipFile<'_, R>,
    belongs: Belongs<'_>,
    length: u64,
    max_bytes: u64,
) -> Result<u64, &'static str> {
    check_name(entry.name_raw(), belongs)?;
    if !entry.is_file() {
        return Err("entry is not a plain file");
    }
    if entry.encrypted() {
        return Err("entry is encrypted");
    }
    if !matches!(
        entry.compression(),
        CompressionMethod::Stored | CompressionMethod::Deflated
    ) {
        return Err("entry is neither stored nor deflated");
    }
    let fair = entry
        .compressed_size()
        .min(length)
        .saturating_mul(RATIO)
        .saturating_add(RATIO_FREE_BYTES);
    if entry.size() > fair {
        return Err("entry grows more than an honest file does");
    }
    if entry.size() > max_bytes {
        return Err(super::TOO_LARGE);
    }
    Ok(entry.size())
}

/// A plain name first: what is in a path is not even compared.
fn check_name(entry: &[u8], belongs: Belongs<'_>) -> Result<(), &'static str> {
    const NOT_PLAIN: &str = "entry name is not a plain file name";
    let entry = str::from_utf8(entry).map_err(|_| NOT_PLAIN)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.' || c == '-';
    if entry.is_empty() || entry.contains("..") || !entry.chars().all(plain) {
        return Err(NOT_PLAIN);
    }
    belongs(entry)
}
