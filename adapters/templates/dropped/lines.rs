//! The lines of a file, one in memory at a time.

use std::io::{BufRead as _, BufReader, Read as _};

use super::wire;
use crate::{
    adapter::{Item, ReadSeek, Rejection},
    error::{Error, ErrorKind},
};

/// Longest line.
const LONGEST: u64 = 64 << 10;

/// Why no more lines are read.
pub(super) enum Stop {
    /// The file as a whole broke a rule: none of its reads counts.
    File(Rejection),
    /// It cannot be read, or whoever takes the reads wants no more.
    Call(Error),
}

/// Hands every record to `sink`.
///
/// A line that is no record at all says that the file is not what it was. One without its end may be cut short, and a file
/// without a line is not told from one cut short: in each case nothing of it counts.
///
/// # Errors
/// See [`Stop`].
pub(super) fn read(
    file: &mut dyn ReadSeek,
    sink: &mut dyn FnMut(Item) -> Result<(), Error>,
) -> Result<(), Stop> {
    let refused = |at, rule| Stop::File(Rejection::new(at, "line", rule));
    let mut file = BufReader::new(file);
    let mut line = Vec::new();
    let mut position = 0;
    loop {
        line.clear();
        let limited = (&mut file).take(LONGEST + 1);
        let length = { limited }.read_until(b'\n', &mut line);
        match (length.map_err(unreadable)?, position) {
            (0, 0) => return Err(refused(None, "the file is empty")),
            (0, _) => return Ok(()),
            _ => {}
        }
        if line.len() as u64 > LONGEST {
            return Err(refused(Some(position), "too long"));
        }
        let Some(record) = line.strip_suffix(b"\n") else {
            return Err(refused(Some(position), "without its end"));
        };
        let item = wire::understood(record, position);
        let item = item.map_err(|_| refused(Some(position), "not a JSON object"))?;
        sink(item).map_err(Stop::Call)?;
        position += 1;
    }
}

fn unreadable(error: std::io::Error) -> Stop {
    let message = "the file cannot be read";
    Stop::Call(Error::new(ErrorKind::Unavailable, "decode_file", message).caused_by(error))
}
