//! One-time codes: RFC 6238 with HMAC-SHA-1, 30 seconds, 6 digits, which is what authenticators take.

use aws_lc_rs::hmac;
use jiff::Timestamp;
use subtle::ConstantTimeEq as _;

use super::ControlError;

/// Seconds a code is shown.
pub const CODE_STEP_S: i64 = 30;

/// Digits of a code.
pub const CODE_DIGITS: usize = 6;

/// Steps before and after now whose code is taken: clocks differ and people type.
const WINDOW: i64 = 1;

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The secret an authenticator and the gateway share: 160 bits. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct CodeSecret(Vec<u8>);

impl CodeSecret {
    pub(super) fn new() -> Result<Self, ControlError> {
        let mut random = vec![0; 20];
        getrandom::fill(&mut random).map_err(ControlError::Random)?;
        Ok(Self(random))
    }

    pub(super) fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The secret in base 32, without padding.
    #[must_use]
    pub fn base32(&self) -> String {
        let (mut text, mut bits, mut held) = (String::new(), 0_u32, 0_u32);
        for byte in &self.0 {
            held = (held << 8) | u32::from(*byte);
            bits += 8;
            while bits >= 5 {
                bits -= 5;
                text.push(digit(held >> bits));
            }
        }
        if bits > 0 {
            text.push(digit(held << (5 - bits)));
        }
        text
    }

    /// Reads what [`Self::base32`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0_u32);
        for letter in text.bytes() {
            let value = BASE32.iter().position(|known| *known == letter)?;
            held = (held << 5) | u32::try_from(value).ok()?;
            bits += 5;
            if bits >= 8 {
                bits -= 8;
                bytes.push(u8::try_from((held >> bits) & 0xff).ok()?);
            }
        }
        Some(Self(bytes))
    }

    /// The code at a moment.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> String {
        self.of_step(step(now))
    }

    /// The step whose code this is, if it is one of now and later than `last`: a code is good once.
    pub(super) fn step_of(&self, code: &str, now: Timestamp, last: i64) -> Option<i64> {
        let now = step(now);
        let mut found = None;
        for step in now - WINDOW..=now + WINDOW {
            let is = bool::from(self.of_step(step).as_bytes().ct_eq(code.as_bytes()));
            if is && step > last {
                found = Some(step);
            }
        }
        found
    }

    fn of_step(&self, step: i64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let offset = usize::from(tag.last().copied().unwrap_or_default() & 0x0f);
        let part = tag.get(offset..offset + 4).unwrap_or_default();
        let number = part
            .iter()
            .fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
        format!("{:06}", (number & 0x7fff_ffff) % 1_000_000)
    }
}

impl std::fmt::Debug for CodeSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CodeSecret")
    }
}

fn step(now: Timestamp) -> i64 {
    now.as_second().div_euclid(CODE_STEP_S)
}

fn digit(value: u32) -> char {
    let index = usize::try_from(value & 31).unwrap_or_default();
    BASE32.get(index).map_or('A', |letter| char::from(*letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> CodeSecret {
        CodeSecret(b"12345678901234567890".to_vec())
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// RFC 6238, appendix B, SHA-1; the last 6 of its 8 digits.
    #[test]
    fn codes_are_those_of_the_rfc() {
        for (second, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(secret().at(at(second)), code);
        }
    }

    #[test]
    fn a_code_is_good_once_and_a_step_to_either_side() {
        let (secret, now) = (secret(), at(1_111_111_111));
        let code = secret.at(now);
        let step = secret.step_of(&code, now, 0).unwrap();
        assert_eq!(secret.step_of(&code, now, step), None);
        assert_eq!(secret.step_of(&code, at(1_111_111_111 + 30), 0), Some(step));
        assert_eq!(secret.step_of(&code, at(1_111_111_111 - 30), 0), Some(step));
        assert_eq!(secret.step_of(&code, at(1_111_111_111 + 61), 0), None);
        for wrong in ["", "050472", "50471", "0504711"] {
            assert_eq!(secret.step_of(wrong, now, 0), None, "{wrong}");
        }
    }

    #[test]
    fn base32_is_that_of_authenticators_and_reads_back() {
        assert_eq!(secret().base32(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        let new = CodeSecret::new().unwrap();
        assert_eq!(CodeSecret::parse(&new.base32()), Some(new));
        assert_eq!(CodeSecret::parse("not base 32"), None);
    }
}
