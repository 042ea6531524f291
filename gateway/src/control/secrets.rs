//! Random secrets that are told apart by how they begin, and kept as hashes.

use base64::Engine as _;

use super::ControlError;
use crate::config::TokenHash;

/// How every key begins: `tpk_ID_SECRET`.
pub const KEY_PREFIX: &str = "tpk_";

/// How every session token begins.
pub const SESSION_PREFIX: &str = "tps_";

/// 256 random bits as text that fits into addresses and headers.
pub(crate) fn random_text() -> Result<String, ControlError> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(ControlError::Random)?;
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random))
}

/// A new secret that begins with `prefix`, and its hash.
pub(super) fn secret(prefix: &str) -> Result<(String, TokenHash), ControlError> {
    let text = format!("{prefix}{}", random_text()?);
    let hash = TokenHash::of(&text);
    Ok((text, hash))
}

/// 64 random bits as 16 hexadecimal digits.
pub(super) fn identifier() -> Result<String, ControlError> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(ControlError::Random)?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}
