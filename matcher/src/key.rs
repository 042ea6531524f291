//! Plates of up to ten Latin letters and digits as 60 bits, six for each character.

use turnpike_schemas::plate::Plate;

/// Characters that fit.
pub(crate) const MOST: usize = 10;

/// Bits of one character.
const BITS: u32 = 6;

/// No plate: every plate has a character.
pub(crate) const NONE: u64 = 0;

/// A pattern as a key: zero where a character is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packed {
    /// How many characters.
    pub(crate) length: usize,
    /// Ones where the character is known.
    pub(crate) mask: u64,
    /// The known characters.
    pub(crate) known: u64,
}

/// Codes of characters, and the code of the fold of each.
#[derive(Debug)]
pub(crate) struct Alphabet {
    folds: [u64; 64],
    /// By byte: the code, and the code of its fold above it; zero where there is none.
    both: [u16; 256],
}

impl Alphabet {
    pub(crate) fn new() -> Self {
        let (mut folds, mut both) = ([0; 64], [0; 256]);
        for byte in (b'0'..=b'9').chain(b'A'..=b'Z') {
            let text = char::from(byte).to_string();
            // What looks alike is said once, in `schemas`.
            let folded = Plate::parse(&text).map(|plate| plate.folded());
            let folded = folded
                .ok()
                .and_then(|folded| folded.expose().bytes().next());
            let slot = usize::try_from(code(byte)).ok();
            let fold = folded.map_or(0, code);
            if let Some(place) = slot.and_then(|slot| folds.get_mut(slot)) {
                *place = fold;
            }
            if let Some(place) = both.get_mut(usize::from(byte)) {
                *place = u16::try_from(code(byte) | (fold << 8)).unwrap_or(0);
            }
        }
        Self { folds, both }
    }

    /// The key of a text; nothing when it is too long or has another character.
    #[inline]
    pub(crate) fn pack(&self, text: &str) -> Option<u64> {
        if text.len() > MOST {
            return None;
        }
        let mut key = NONE;
        for byte in text.bytes() {
            let code = code(byte);
            if code == 0 {
                return None;
            }
            key = (key << BITS) | code;
        }
        Some(key)
    }

    /// The key of a text and its fold, in one pass.
    #[inline]
    pub(crate) fn pack_and_fold(&self, text: &str) -> Option<(u64, u64)> {
        if text.len() > MOST {
            return None;
        }
        let (mut exact, mut folded) = (NONE, NONE);
        for byte in text.bytes() {
            let both = self.both.get(usize::from(byte)).copied().unwrap_or(0);
            if both == 0 {
                return None;
            }
            exact = (exact << BITS) | u64::from(both & 63);
            folded = (folded << BITS) | u64::from(both >> 8);
        }
        Some((exact, folded))
    }

    pub(crate) fn pack_pattern(&self, text: &str) -> Option<Packed> {
        let length = text.len();
        let (mut mask, mut known) = (0, 0);
        if length > MOST {
            return None;
        }
        for byte in text.bytes() {
            let code = code(byte);
            if code == 0 && byte != b'?' {
                return None;
            }
            let ones = if code == 0 { 0 } else { (1 << BITS) - 1 };
            (mask, known) = ((mask << BITS) | ones, (known << BITS) | code);
        }
        Some(Packed {
            length,
            mask,
            known,
        })
    }

    /// The key with every character folded.
    #[inline]
    pub(crate) fn fold(&self, key: u64) -> u64 {
        let (mut folded, mut left, mut at) = (0, key, 0);
        while left != 0 {
            let code = usize::try_from(left & 63).unwrap_or(0);
            folded |= self.folds.get(code).copied().unwrap_or(0) << at;
            left >>= BITS;
            at += BITS;
        }
        folded
    }
}

/// 1 to 36; 0 for what is no Latin capital and no digit.
#[inline]
fn code(byte: u8) -> u64 {
    match byte {
        b'0'..=b'9' => u64::from(byte - b'0') + 1,
        b'A'..=b'Z' => u64::from(byte - b'A') + 11,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use turnpike_schemas::plate::PlatePattern;

    use super::*;

    proptest! {
        #[test]
        fn keys_are_equal_when_texts_are_and_folds_are_those_of_the_plates(
            left in "[0-9A-Z]{1,10}", right in "[0-9A-Z]{1,10}",
        ) {
            let alphabet = Alphabet::new();
            let key = |text: &str| alphabet.pack(text).unwrap();
            prop_assert_eq!(key(&left) == key(&right), left == right);
            let folded = |text: &str| Plate::parse(text).unwrap().folded().expose().to_owned();
            prop_assert_eq!(alphabet.fold(key(&left)), key(&folded(&left)));
            prop_assert_eq!(alphabet.pack_and_fold(&left), Some((key(&left), key(&folded(&left)))));
            prop_assert_eq!(alphabet.fold(key(&left)) == alphabet.fold(key(&right)), folded(&left) == folded(&right));
        }

        #[test]
        fn a_masked_key_is_that_of_the_pattern_when_the_pattern_matches(
            text in "[0-9A-Z]{5,10}", other in "[0-9A-Z]{5,10}", hidden in 0_usize..10,
        ) {
            let mut pattern: Vec<u8> = text.bytes().collect();
            let at = hidden % pattern.len();
            pattern[at] = b'?';
            let pattern = PlatePattern::parse(std::str::from_utf8(&pattern).unwrap()).unwrap();
            let alphabet = Alphabet::new();
            let packed = alphabet.pack_pattern(pattern.expose()).unwrap();
            for text in [text, other] {
                let matches = text.len() == packed.length && alphabet.pack(&text).unwrap() & packed.mask == packed.known;
                prop_assert_eq!(matches, pattern.matches(&Plate::parse(&text).unwrap()));
            }
        }
    }

    #[test]
    fn what_does_not_fit_has_no_key() {
        let alphabet = Alphabet::new();
        assert!(alphabet.pack("ABCDEFGHIJ").is_some());
        for text in ["ABCDEFGHIJK", "Ä1", "АВ12", "AB 1", "ab1"] {
            assert_eq!(alphabet.pack(text), None, "{text}");
            assert_eq!(alphabet.pack_and_fold(text), None, "{text}");
        }
        assert!(alphabet.pack_pattern("AB?D????").is_some());
        assert_eq!(alphabet.pack_pattern("ABCDEFGHIJ?"), None);
        assert_eq!(alphabet.pack_pattern("ÄB12?"), None);
    }
}
