//! Lines of fixed length: which field stands where. Offsets from 0, ends excluded, as in version 01.60.02 of the format.
//!
//! What is not named here ends here: tags, revenue days, speeds.

/// Length of a header of a transaction file.
pub(super) const HEADER: usize = 60;
/// Length of a transaction.
pub(super) const DETAIL: usize = 201;
/// Length of the reason before the transaction in a correction.
pub(super) const REASON: usize = 2;

/// A field of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    /// Name in the format's words.
    pub(super) name: &'static str,
    from: usize,
    to: usize,
}

/// Why a line is not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) field: &'static str,
    pub(super) rule: &'static str,
}

/// A line of the right length, all ASCII.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a>(&'a str);

const fn field(name: &'static str, from: usize, to: usize) -> Field {
    Field { name, from, to }
}

/// Fields of a header.
pub(super) mod header {
    use super::{Field, field};

    pub(in super::super) const TYPE: Field = field("HEADER/FILE_TYPE", 0, 4);
    pub(in super::super) const VERSION: Field = field("HEADER/VERSION", 4, 12);
    pub(in super::super) const FROM: Field = field("HEADER/FROM_AGENCY_ID", 12, 16);
    pub(in super::super) const TO: Field = field("HEADER/TO_AGENCY_ID", 16, 20);
    pub(in super::super) const TIME: Field = field("HEADER/FILE_DATE_TIME", 20, 40);
    pub(in super::super) const COUNT: Field = field("HEADER/RECORD_COUNT", 40, 48);
    pub(in super::super) const NUMBER: Field = field("HEADER/FILE_NUMBER", 48, 60);
}

/// Fields of a transaction.
pub(super) mod detail {
    use super::{Field, field};

    /// 20 digits, unique within the sender.
    pub(in super::super) const SERIAL: Field = field("ETC_TRX_SERIAL_NUM", 0, 20);
    /// The agency whose road it is.
    pub(in super::super) const FACILITY: Field = field("ETC_FAC_AGENCY", 28, 32);
    /// `B` barrier, `C` ticketed complete, `X` ticketed with unmatched exit.
    pub(in super::super) const TYPE: Field = field("ETC_TRX_TYPE", 32, 33);
    /// Only looked at to tell a tag transaction from one that nothing was read of.
    pub(in super::super) const TAG: Field = field("ETC_TAG_SERIAL_NUMBER", 80, 90);
    /// `E`, `A`, `M`, `C` or `O`.
    pub(in super::super) const LANE_MODE: Field = field("ETC_LANE_MODE", 95, 96);
    /// Two characters, or `**`.
    pub(in super::super) const STATE: Field = field("ETC_LIC_STATE", 97, 99);
    /// Padded with blanks on the right, or `**********`.
    pub(in super::super) const PLATE: Field = field("ETC_LIC_NUMBER", 99, 109);
    pub(in super::super) const PLATE_TYPE: Field = field("ETC_LIC_TYPE", 109, 139);
    /// The toll class of the sender.
    pub(in super::super) const CLASS: Field = field("ETC_CLASS_CHARGED", 139, 142);
    /// `Y` or `N`: checked, because a line that is shifted has something else here, and not kept.
    pub(in super::super) const OVER_SPEED: Field = field("ETC_OVER_SPEED", 147, 148);
    /// Local time with its offset.
    pub(in super::super) const EXIT_TIME: Field = field("ETC_EXIT_DATE_TIME", 148, 173);
    pub(in super::super) const EXIT_PLAZA: Field = field("ETC_EXIT_PLAZA", 173, 188);
    pub(in super::super) const EXIT_LANE: Field = field("ETC_EXIT_LANE", 188, 191);
    /// Blank, `-` or `+`: checked and not kept, as the amount.
    pub(in super::super) const SIGN: Field = field("ETC_DEBIT_CREDIT", 191, 192);
    pub(in super::super) const AMOUNT: Field = field("ETC_TOLL_AMOUNT", 192, 201);
}

impl Field {
    /// That this field breaks `rule`.
    pub(super) fn breaks(self, rule: &'static str) -> Fault {
        Fault {
            field: self.name,
            rule,
        }
    }
}

impl<'a> Line<'a> {
    /// A line of exactly `length` bytes. `name` is the whole line in a fault.
    ///
    /// # Errors
    /// Another length, or a byte that is not ASCII.
    pub(super) fn parse(line: &'a [u8], length: usize, name: &'static str) -> Result<Self, Fault> {
        let fault = |rule| Fault { field: name, rule };
        if line.len() != length {
            return Err(fault("not of the length of its type"));
        }
        let text = str::from_utf8(line).ok().filter(|text| text.is_ascii());
        text.map(Self).ok_or_else(|| fault("not ASCII"))
    }

    /// The characters of a field, as they stand there.
    pub(super) fn get(self, field: Field) -> &'a str {
        self.0.get(field.from..field.to).unwrap_or_default()
    }

    /// The value of a field without the blanks it is padded with; `None` when it is filled with `*` or blank.
    pub(super) fn given(self, field: Field) -> Option<&'a str> {
        let text = self.get(field);
        let absent = text.bytes().all(|byte| byte == b'*');
        Some(text.trim_matches(' ')).filter(|text| !absent && !text.is_empty())
    }

    /// What follows the first `length` characters.
    pub(super) fn after(self, length: usize) -> Option<(&'a str, Self)> {
        let (head, tail) = self.0.split_at_checked(length)?;
        Some((head, Self(tail)))
    }

    /// The field, if every character of it is allowed.
    ///
    /// # Errors
    /// One is not.
    pub(super) fn checked(self, field: Field, allowed: fn(u8) -> bool) -> Result<&'a str, Fault> {
        let text = self.get(field);
        if text.bytes().all(allowed) {
            Ok(text)
        } else {
            Err(field.breaks("not of the allowed form"))
        }
    }
}
