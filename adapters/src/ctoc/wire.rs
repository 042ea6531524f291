//! Lines of comma-separated fields: which field stands where. There are no quotes and no escapes.
//!
//! What is not named here ends here: tags, fees, guarantees, axles, the way in.

/// Fields of a header.
pub(super) const HEADER: usize = 8;
/// Fields of a trailer.
pub(super) const TRAILER: usize = 5;
/// Fields of a transaction by plate.
pub(super) const PAY_BY_PLATE: usize = 16;
/// Fields of a correction.
pub(super) const CORRECTION: usize = 42;

/// The passage in a line: where its fields stand.
#[derive(Debug)]
pub(super) struct Layout {
    /// What sets these fields apart from others of the same name in the line.
    pub(super) prefix: &'static str,
    pub(super) plate: usize,
    pub(super) transaction: usize,
    pub(super) state: usize,
    pub(super) amount: usize,
    pub(super) exit_at: usize,
    pub(super) exit_plaza: usize,
    pub(super) exit_lane: usize,
    pub(super) vehicle_type: usize,
    pub(super) plate_type: usize,
}

/// A transaction by plate.
pub(super) const TRANSACTION: Layout = Layout {
    prefix: "",
    plate: 0,
    transaction: 1,
    state: 2,
    amount: 3,
    exit_at: 7,
    exit_plaza: 8,
    exit_lane: 9,
    vehicle_type: 11,
    plate_type: 12,
};

/// What a correction says was.
pub(super) const ORIGINAL: Layout = correction("ORIGINAL ", 6);
/// What a correction says is right.
pub(super) const CORRECTED: Layout = correction("CORRECTED ", 24);

const fn correction(prefix: &'static str, first: usize) -> Layout {
    Layout {
        prefix,
        plate: first + 1,
        state: first + 2,
        transaction: first + 3,
        amount: first + 4,
        exit_at: first + 8,
        exit_plaza: first + 9,
        exit_lane: first + 10,
        vehicle_type: first + 14,
        plate_type: first + 15,
    }
}

/// Why a line is not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) prefix: &'static str,
    pub(super) field: &'static str,
    pub(super) rule: &'static str,
}

/// That `field` breaks `rule`.
pub(super) fn fault(field: &'static str, rule: &'static str) -> Fault {
    Fault {
        prefix: "",
        field,
        rule,
    }
}

/// The fields of a line, with their padding.
#[derive(Debug)]
pub(super) struct Fields<'a, const N: usize>([&'a str; N]);

impl<'a, const N: usize> Fields<'a, N> {
    /// Takes a line of exactly `N` fields apart. `name` is the whole line in a fault.
    ///
    /// # Errors
    /// Another number of fields, or a byte that is not printable ASCII.
    pub(super) fn parse(line: &'a [u8], name: &'static str) -> Result<Self, Fault> {
        let printable = |byte: &u8| (b' '..=b'~').contains(byte);
        let text = str::from_utf8(line)
            .ok()
            .filter(|text| text.as_bytes().iter().all(printable))
            .ok_or_else(|| fault(name, "not printable ASCII"))?;
        let mut fields = [""; N];
        let mut parts = text.split(',');
        for slot in &mut fields {
            *slot = parts.next().ok_or_else(|| fault(name, TOO_FEW))?;
        }
        match parts.next() {
            None => Ok(Self(fields)),
            Some(_) => Err(fault(name, "more fields than its type has")),
        }
    }

    /// A field as it stands there.
    pub(super) fn get(&self, at: usize) -> &'a str {
        self.0.get(at).copied().unwrap_or_default()
    }

    /// A field without its padding; `None` when there is nothing else.
    pub(super) fn given(&self, at: usize) -> Option<&'a str> {
        Some(self.get(at).trim_matches(' ')).filter(|text| !text.is_empty())
    }
}

const TOO_FEW: &str = "fewer fields than its type has";

/// Dollars with two decimals, in cents.
pub(super) fn cents(text: &str) -> Option<u64> {
    let (dollars, cents) = text.rsplit_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(dollars) || !digits(cents) || cents.len() != 2 {
        return None;
    }
    let dollars: u64 = dollars.parse().ok()?;
    dollars.checked_mul(100)?.checked_add(cents.parse().ok()?)
}

/// Whether `text` is `length` digits.
pub(super) fn digits(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_exactly_the_fields_of_their_type() {
        let fields = Fields::<3>::parse(b"a, b ,", "LINE").unwrap();
        assert_eq!((fields.get(1), fields.given(1)), (" b ", Some("b")));
        assert_eq!((fields.given(2), fields.get(9)), (None, ""));
        for (line, rule) in [
            (&b"a,b"[..], TOO_FEW),
            (b"", TOO_FEW),
            (b"a,b,c,d", "more fields than its type has"),
            (b"a,\xff,c", "not printable ASCII"),
            (b"a,\t,c", "not printable ASCII"),
        ] {
            assert_eq!(
                Fields::<3>::parse(line, "LINE").unwrap_err(),
                fault("LINE", rule)
            );
        }
    }

    #[test]
    fn money_is_counted_in_cents() {
        assert_eq!(cents("00002.75"), Some(275));
        assert_eq!(cents("0000005.85"), Some(585));
        for text in [
            "",
            "2",
            "2.7",
            "2.755",
            ".75",
            "-2.75",
            "2,75",
            "1e2.00",
            "99999999999999999999.00",
        ] {
            assert_eq!(cents(text), None, "{text}");
        }
    }
}
