//! Signatures of what is sent: Standard Webhooks (<https://www.standardwebhooks.com>), symmetric (`v1`).
//!
//! A receiver checks the three headers with any library of that scheme. While a secret is changed both sign, so that no receiver
//! has to change at the same moment.

use std::fmt;

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;

/// Identity of the message.
pub const ID: HeaderName = HeaderName::from_static("webhook-id");
/// When it was sent, in seconds since 1970: receivers take no message older than five minutes.
pub const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
/// Signatures, with spaces between them.
pub const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

const PREFIX: &str = "whsec_";

/// Most secrets that sign at once.
const MOST_SECRETS: usize = 2;

/// The secret of one receiver. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Secret(hmac::Key);

/// Why a text is no secret. Never repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secret is `whsec_` and 24 to 64 bytes in base64")]
pub struct SecretError;

/// What cannot be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// Nothing to sign with, or more than a change of secrets needs.
    #[error("one secret signs, or two while it is changed")]
    Secrets,
    /// A full stop parts what is signed, and a header is one line.
    #[error("the identity of a message is letters, digits, `_`, `-` and `:`")]
    Id,
}

impl Secret {
    /// Parses a secret as receivers' libraries take it.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let encoded = text.strip_prefix(PREFIX).ok_or(SecretError)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| SecretError)?;
        if !(24..=64).contains(&bytes.len()) {
            return Err(SecretError);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    fn sign(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        let mut signed = hmac::Context::with_key(&self.0);
        signed.update(format!("{id}.{seconds}.").as_bytes());
        signed.update(body);
        format!("v1,{}", STANDARD.encode(signed.sign()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The headers that prove a message: the newest secret signs first.
///
/// # Errors
/// [`SignError`].
pub fn headers(
    secrets: &[Secret],
    id: &str,
    now: Timestamp,
    body: &[u8],
) -> Result<HeaderMap, SignError> {
    if !(1..=MOST_SECRETS).contains(&secrets.len()) {
        return Err(SignError::Secrets);
    }
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"_-:".contains(&byte);
    if id.is_empty() || !id.bytes().all(known) {
        return Err(SignError::Id);
    }
    let seconds = now.as_second();
    let signatures = secrets.iter().map(|secret| secret.sign(id, seconds, body));
    let values = [
        (ID, id.to_owned()),
        (TIMESTAMP, seconds.to_string()),
        (SIGNATURE, signatures.collect::<Vec<_>>().join(" ")),
    ];
    let mut headers = HeaderMap::new();
    for (name, text) in values {
        let value = HeaderValue::try_from(text).map_err(|_| SignError::Id)?;
        headers.insert(name, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the reference libraries' own tests.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn secret() -> Secret {
        Secret::parse(SECRET).unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_message_is_signed_as_the_reference_libraries_sign_it() {
        let (id, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", br#"{"test": 2432232314}"#);
        let signed = headers(&[secret()], id, at(1_614_265_330), body).unwrap();
        assert_eq!(signed[ID], id);
        assert_eq!(signed[TIMESTAMP], "1614265330");
        assert_eq!(
            signed[SIGNATURE],
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn whatever_is_altered_has_another_signature() {
        let signature = |id: &str, second: i64, body: &[u8]| {
            headers(&[secret()], id, at(second), body).unwrap()[SIGNATURE].clone()
        };
        let first = signature("a", 1_614_265_330, b"{}");
        assert_eq!(first, signature("a", 1_614_265_330, b"{}"));
        for other in [
            signature("b", 1_614_265_330, b"{}"),
            signature("a", 1_614_265_331, b"{}"),
            signature("a", 1_614_265_330, b"{ }"),
        ] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn both_secrets_sign_while_one_is_changed() {
        let new = Secret::parse(&format!("whsec_{}", STANDARD.encode([7; 24]))).unwrap();
        let both = headers(&[new.clone(), secret()], "a", at(9), b"{}").unwrap();
        let one =
            |secret: Secret| headers(&[secret], "a", at(9), b"{}").unwrap()[SIGNATURE].clone();
        let expected = [one(new), one(secret())].map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(both[SIGNATURE], expected.join(" "));
    }

    #[test]
    fn what_could_be_taken_for_something_else_is_not_signed() {
        let sign = |secrets: &[Secret], id| headers(secrets, id, at(9), b"{}").map(drop);
        assert_eq!(sign(&[], "a"), Err(SignError::Secrets));
        assert_eq!(
            sign(&[secret(), secret(), secret()], "a"),
            Err(SignError::Secrets)
        );
        for id in ["", "a.1", "a b", "a\nb", "ä"] {
            assert_eq!(sign(&[secret()], id), Err(SignError::Id), "{id:?}");
        }
        for text in [
            "",
            "whsec_",
            "whsec_AAAA",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_*",
        ] {
            assert_eq!(Secret::parse(text).map(drop), Err(SecretError), "{text}");
        }
        let long = format!("whsec_{}", STANDARD.encode([7; 65]));
        assert_eq!(Secret::parse(&long).map(drop), Err(SecretError));
        assert_eq!(format!("{:?}", secret()), "Secret");
    }
}
