//! Passwords as argon2id, in the PHC string format, with the parameters of the OWASP cheat sheet: 19 MiB, 2 passes.

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};

use super::ControlError;

/// Shortest password, in characters.
pub const MIN_PASSWORD: usize = 12;

/// Longest password, in characters.
pub const MAX_PASSWORD: usize = 256;

/// A hash of no password anybody knows: an account that does not exist takes as long as one that does.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5a25vd3N0aGlz$PbmSkLvdIxWZSvJUnHePWXS5JIcH8Q0Hm1kJ0AvGvqc";

fn argon2() -> Result<Argon2<'static>, ControlError> {
    let params = Params::new(19_456, 2, 1, None).map_err(|_| ControlError::Hash)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// The hash of a password, with a salt of its own. Takes tens of milliseconds.
pub(super) fn hash(password: &str) -> Result<String, ControlError> {
    let hash = argon2()?.hash_password(password.as_bytes());
    let hash: PasswordHash = hash.map_err(|_| ControlError::Hash)?;
    Ok(hash.to_string())
}

/// Whether it is the password of the hash. Without a hash it takes as long and is not.
pub(super) fn is(password: &str, hash: Option<&str>) -> Result<bool, ControlError> {
    let parsed = PasswordHash::new(hash.unwrap_or(NOBODY)).map_err(|_| ControlError::Hash)?;
    let verified = argon2()?.verify_password(password.as_bytes(), &parsed);
    Ok(verified.is_ok() && hash.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_argon2id_salted_and_knows_its_password_only() {
        let (one, other) = (
            hash("granite kettle 7 doves"),
            hash("granite kettle 7 doves"),
        );
        let (one, other) = (one.unwrap(), other.unwrap());
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(one, other);
        assert!(is("granite kettle 7 doves", Some(&one)).unwrap());
        assert!(!is("granite kettle 7 dove", Some(&one)).unwrap());
        assert!(!is("granite kettle 7 doves", None).unwrap());
    }
}
