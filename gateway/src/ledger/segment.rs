//! How a segment looks: one line per entry, `<crc32 of the rest, 8 hex digits> <canonical JSON>`, ended by a line feed.

use std::io::Write as _;

use turnpike_schemas::ledger::MAX_ENTRY_BYTES;

use super::DamageKind;

/// Bytes of checksum and space before the entry.
pub(super) const PREFIX: usize = 9;

/// Longest line, with its line feed.
pub(super) const MAX_LINE: usize = PREFIX + MAX_ENTRY_BYTES + 1;

pub(super) fn name(number: u32) -> String {
    format!("ledger-{number:08}.log")
}

pub(super) fn number(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("ledger-")?.strip_suffix(".log")?;
    let number = digits.parse().ok()?;
    (self::name(number) == name).then_some(number)
}

/// Appends the line of `entry` to `out`.
pub(super) fn put_line(entry: &[u8], out: &mut Vec<u8>) {
    // INVARIANT: writing to a vector cannot fail.
    write!(out, "{:08x} ", crc32fast::hash(entry)).unwrap_or_default();
    out.extend_from_slice(entry);
    out.push(b'\n');
}

/// The entry in `line`, which is given without its line feed.
pub(super) fn entry_of(line: &[u8]) -> Result<&[u8], DamageKind> {
    let (sum, entry) = split(line).ok_or(DamageKind::Form)?;
    if crc32fast::hash(entry) == sum {
        Ok(entry)
    } else {
        Err(DamageKind::Checksum)
    }
}

/// Whether `tail` starts with a whole entry. A write that was cut short never leaves one followed by anything but a
/// line feed, so then the line feed was altered later.
pub(super) fn hides_an_entry(tail: &[u8]) -> bool {
    let Some((sum, rest)) = split(tail) else {
        return false;
    };
    let mut hasher = crc32fast::Hasher::new();
    let mut pieces = rest.split_inclusive(|byte| *byte == b'}').peekable();
    while let Some(piece) = pieces.next() {
        hasher.update(piece);
        let followed = pieces.peek().is_some();
        if followed && hasher.clone().finalize() == sum {
            return true;
        }
    }
    false
}

/// Checksum and entry. Only lower-case digits count, so that no altered byte reads as the same number.
fn split(line: &[u8]) -> Option<(u32, &[u8])> {
    let (prefix, entry) = line.split_at_checked(PREFIX)?;
    let digits = prefix.strip_suffix(b" ")?;
    let lower = digits
        .iter()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let digits = str::from_utf8(digits).ok().filter(|_| lower)?;
    Some((u32::from_str_radix(digits, 16).ok()?, entry))
}
