//! How a pushing source proves that a message is its own, and what a message sent again comes to.
//!
//! Three ways: the source's token, a secret in a header of the vendor's choice, or an HMAC over the body and what the
//! vendor signs with it. Everything secret is compared in constant time. A timestamp outside the tolerance is refused; the
//! same signed message within it is answered again without being taken in again.

mod replay;
mod signature;

use base64::Engine as _;
use http::{HeaderMap, HeaderName, header};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

pub use replay::{Claim, Claimed, Replays, Told};
pub use signature::{
    Algorithm, Encoding, Form, Presented, Signature, SignatureParts, Template, TimestampPlace,
    TimestampUnit,
};

use crate::config::TokenHash;

/// How one source pushes.
#[derive(Debug)]
pub struct Push {
    /// How it proves itself.
    pub proof: Proof,
    /// Header in which it names each message, so that one sent again is known.
    pub idempotency_header: Option<HeaderName>,
}

/// How a message proves whose it is.
#[derive(Debug)]
pub enum Proof {
    /// The source's token, as `Authorization: Bearer` or as the password of `Basic`.
    Token(TokenHash),
    /// A secret in a header. Only its hash is kept.
    Header {
        /// The header.
        name: HeaderName,
        /// Hash of the secret.
        secret: TokenHash,
    },
    /// An HMAC.
    Signature(Box<Signature>),
}

/// Why a message is not known to be the source's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// The token or the secret is missing or wrong.
    #[error("the token or secret of the source is missing or wrong")]
    Secret,
    /// The signature is missing, malformed or wrong.
    #[error("the signature is missing, malformed or wrong")]
    Signature,
    /// What is signed says another time, or none.
    #[error("the time of the message is missing, malformed or too far from now")]
    Timestamp,
}

/// What the headers of a message come to.
#[derive(Debug)]
pub enum Headers {
    /// They prove whose it is.
    Proven,
    /// The body has to be signed as they say.
    Signed(Presented),
}

/// A message known to be the source's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proven {
    /// What tells the message from others of the source: what is signed, or the source's name for it where nothing is. The
    /// same one is the same message.
    pub identity: Option<[u8; 32]>,
    /// The source's name for a signed message. It is not signed: the same one is the same message, another one proves nothing.
    pub named: Option<[u8; 32]>,
    /// How far the source's clock is ahead, by the time it signed.
    pub skew: Option<SignedDuration>,
}

impl Unproven {
    /// The word in the ledger.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Secret => "push",
            Self::Signature => "push_signature",
            Self::Timestamp => "push_timestamp",
        }
    }
}

impl Push {
    /// Looks at the headers, before the body is read.
    ///
    /// # Errors
    /// [`Unproven`].
    pub fn headers(&self, headers: &HeaderMap, now: Timestamp) -> Result<Headers, Unproven> {
        let secret = match &self.proof {
            Proof::Token(hash) => token(headers).is_some_and(|sent| TokenHash::of(&sent).is(hash)),
            Proof::Header { name, secret } => {
                let sent = single(headers, name);
                sent.is_some_and(|sent| TokenHash::of(sent).is(secret))
            }
            Proof::Signature(signature) => {
                return signature.presented(headers, now).map(Headers::Signed);
            }
        };
        secret.then_some(Headers::Proven).ok_or(Unproven::Secret)
    }

    /// Looks at the body.
    ///
    /// # Errors
    /// [`Unproven::Signature`].
    pub fn body(
        &self,
        sent: &Headers,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Proven, Unproven> {
        let named = self.idempotency_header.as_ref();
        let named = named.and_then(|name| single(headers, name));
        let named = named.map(|name| identity(name, body));
        match (&self.proof, sent) {
            (Proof::Signature(signature), Headers::Signed(presented)) => {
                signature.verify(presented, body)?;
                let signed = identity(presented.identity(), body);
                Ok(Proven {
                    identity: Some(signed),
                    named: named.filter(|named| *named != signed),
                    skew: presented.skew(now),
                })
            }
            (Proof::Signature(_), Headers::Proven) => Err(Unproven::Signature),
            _ => Ok(Proven {
                identity: named,
                named: None,
                skew: None,
            }),
        }
    }

    /// How long a message sent again can look fresh: the time to remember messages for.
    #[must_use]
    pub fn window(&self) -> Option<std::time::Duration> {
        match &self.proof {
            Proof::Signature(signature) => Some(signature.tolerance() * 2),
            _ if self.idempotency_header.is_some() => Some(NAMED),
            _ => None,
        }
    }
}

/// How long messages are remembered that are named but carry no time.
const NAMED: std::time::Duration = std::time::Duration::from_secs(600);

/// A vendor that uses a name twice for two messages loses neither: the body belongs to the name.
fn identity(name: &str, body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(Sha256::digest(name.as_bytes()));
    hash.update(Sha256::digest(body));
    hash.finalize().into()
}

/// The value of a header that is sent exactly once: with two of them, which one counts would be a guess.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then(|| value.trim())
}

fn token(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, sent) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(sent.trim().to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = base64::engine::general_purpose::STANDARD
        .decode(sent.trim())
        .ok()?;
    let text = String::from_utf8(decoded).ok()?;
    text.split_once(':')
        .map(|(_, password)| password.to_owned())
}

#[cfg(test)]
mod tests;
