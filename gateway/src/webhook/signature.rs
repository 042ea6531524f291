//! Signed messages: what the header holds, what is signed, and whether it is.

use std::{fmt, time::Duration};

use aws_lc_rs::hmac;
use base64::Engine as _;
use http::{HeaderMap, HeaderName};
use jiff::{SignedDuration, Timestamp};
use subtle::ConstantTimeEq as _;

use super::{Unproven, single};

/// Signatures looked at in one header: vendors send two while they change their secret.
const MOST_SIGNATURES: usize = 8;

/// How an HMAC is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
    /// HMAC-SHA-1, for vendors that know no other.
    Sha1,
}

/// How an HMAC is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Hexadecimal, either case.
    Hex,
    /// Base64 with padding.
    Base64,
}

/// What the header of the signature holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// The signature.
    Plain,
    /// Signatures, with spaces between them; one must be right.
    List,
    /// `key=value` with commas between them: `t=1772608532,v1=...`.
    Pairs {
        /// Key of a signature; may occur several times.
        signature: String,
        /// Key of the timestamp.
        timestamp: String,
    },
    /// `signature|timestamp`.
    Bar,
}

/// Where the timestamp is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimestampPlace {
    /// In a header of its own.
    Header(HeaderName),
    /// Beside the signature.
    InSignature,
}

/// What the timestamp counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampUnit {
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970.
    Millis,
    /// A time with a zone.
    Rfc3339,
}

/// What is signed: literal text, `{id}`, `{timestamp}` and `{body}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Id,
    Timestamp,
    Body,
}

/// What a [`Signature`] is made of.
#[derive(Clone)]
pub struct SignatureParts {
    /// The secret.
    pub key: Vec<u8>,
    /// How the HMAC is made.
    pub algorithm: Algorithm,
    /// Header that holds it.
    pub header: HeaderName,
    /// What that header holds.
    pub form: Form,
    /// How the HMAC is written.
    pub encoding: Encoding,
    /// What stands before each signature: `sha256=`, `v1,`.
    pub prefix: String,
    /// What is signed.
    pub signed: Template,
    /// Where the timestamp is and what it counts.
    pub timestamp: Option<(TimestampPlace, TimestampUnit)>,
    /// Header that names the message.
    pub id_header: Option<HeaderName>,
    /// How far the timestamp may be from now.
    pub tolerance: Duration,
}

/// How a source signs. Its `Debug` shows no secret.
pub struct Signature {
    key: hmac::Key,
    parts: SignatureParts,
}

/// What the headers of a message say about its signature. Nothing is proven yet.
pub struct Presented {
    signatures: Vec<Vec<u8>>,
    timestamp: Option<(String, Timestamp)>,
    id: Option<String>,
}

impl Algorithm {
    /// The words of the configuration.
    pub const WORDS: [(&'static str, Self); 3] = [
        ("sha256", Self::Sha256),
        ("sha512", Self::Sha512),
        ("sha1", Self::Sha1),
    ];

    fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        }
    }
}

impl Encoding {
    /// The words of the configuration.
    pub const WORDS: [(&'static str, Self); 2] = [("hex", Self::Hex), ("base64", Self::Base64)];

    fn decode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Base64 => base64::engine::general_purpose::STANDARD.decode(text).ok(),
            Self::Hex => {
                let digits = text.as_bytes();
                // `from_str_radix` would take a sign.
                if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
                    return None;
                }
                let pairs = digits.chunks(2).map(std::str::from_utf8);
                pairs
                    .map(|pair| u8::from_str_radix(pair.ok()?, 16).ok())
                    .collect()
            }
        }
    }
}

impl TimestampUnit {
    /// The words of the configuration.
    pub const WORDS: [(&'static str, Self); 3] = [
        ("s", Self::Seconds),
        ("ms", Self::Millis),
        ("rfc3339", Self::Rfc3339),
    ];

    /// By definition, never by magnitude.
    fn parse(self, text: &str) -> Option<Timestamp> {
        let number = || {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse::<i64>().ok()).flatten()
        };
        match self {
            Self::Seconds => Timestamp::from_second(number()?).ok(),
            Self::Millis => Timestamp::from_millisecond(number()?).ok(),
            Self::Rfc3339 => text.parse().ok(),
        }
    }
}

impl Template {
    /// Parses `{timestamp}.{body}` and the like.
    ///
    /// # Errors
    /// What is wrong with it. Never repeats it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once('{') {
            if !literal.is_empty() {
                pieces.push(Piece::Text(literal.to_owned()));
            }
            let (name, after) = after.split_once('}').ok_or("has a `{` without a `}`")?;
            pieces.push(match name {
                "id" => Piece::Id,
                "timestamp" => Piece::Timestamp,
                "body" => Piece::Body,
                _ => return Err("knows `{id}`, `{timestamp}` and `{body}` only"),
            });
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        let times = |wanted: &Piece| pieces.iter().filter(|piece| *piece == wanted).count();
        if times(&Piece::Body) != 1 {
            return Err("must hold `{body}` once");
        }
        if times(&Piece::Id) > 1 || times(&Piece::Timestamp) > 1 {
            return Err("must hold `{id}` and `{timestamp}` at most once");
        }
        Ok(Self(pieces))
    }

    /// Whether the timestamp is signed.
    #[must_use]
    pub fn has_timestamp(&self) -> bool {
        self.0.contains(&Piece::Timestamp)
    }

    /// Whether the name of the message is signed.
    #[must_use]
    pub fn has_id(&self) -> bool {
        self.0.contains(&Piece::Id)
    }
}

impl Signature {
    /// A way of signing.
    #[must_use]
    pub fn new(parts: SignatureParts) -> Self {
        Self {
            key: hmac::Key::new(parts.algorithm.hmac(), &parts.key),
            parts: SignatureParts {
                key: Vec::new(),
                ..parts
            },
        }
    }

    /// How far the timestamp of a message may be from now.
    #[must_use]
    pub fn tolerance(&self) -> Duration {
        self.parts.tolerance
    }

    /// What the headers say, if they say enough and the time is one.
    pub(super) fn presented(
        &self,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Presented, Unproven> {
        let sent = single(headers, &self.parts.header).ok_or(Unproven::Signature)?;
        let (signatures, beside) = self.signatures(sent);
        if signatures.is_empty() {
            return Err(Unproven::Signature);
        }
        let timestamp = match &self.parts.timestamp {
            None => None,
            Some((place, unit)) => {
                let text = match place {
                    TimestampPlace::Header(name) => single(headers, name),
                    TimestampPlace::InSignature => beside,
                };
                Some(self.timely(text, *unit, now).ok_or(Unproven::Timestamp)?)
            }
        };
        let id = match &self.parts.id_header {
            None => None,
            Some(name) => {
                let id = single(headers, name).filter(|id| !id.is_empty());
                Some(id.ok_or(Unproven::Signature)?.to_owned())
            }
        };
        Ok(Presented {
            signatures,
            timestamp,
            id,
        })
    }

    /// The signatures in the header, and the timestamp beside them.
    fn signatures<'a>(&self, sent: &'a str) -> (Vec<Vec<u8>>, Option<&'a str>) {
        let one = |text: &str| {
            let text = text.trim().strip_prefix(self.parts.prefix.as_str())?;
            self.parts.encoding.decode(text)
        };
        match &self.parts.form {
            Form::Plain => (one(sent).into_iter().collect(), None),
            Form::List => {
                let all = sent.split_ascii_whitespace().take(MOST_SIGNATURES);
                (all.filter_map(one).collect(), None)
            }
            Form::Bar => match sent.split_once('|') {
                Some((signature, timestamp)) => {
                    (one(signature).into_iter().collect(), Some(timestamp.trim()))
                }
                None => (Vec::new(), None),
            },
            Form::Pairs {
                signature,
                timestamp,
            } => {
                let pairs = sent
                    .split(',')
                    .filter_map(|pair| pair.trim().split_once('='));
                let mut found = (Vec::new(), None);
                for (key, value) in pairs.take(4 * MOST_SIGNATURES) {
                    if key == timestamp {
                        found.1 = Some(value);
                    } else if key == signature && found.0.len() < MOST_SIGNATURES {
                        found.0.extend(one(value));
                    }
                }
                found
            }
        }
    }

    fn timely(
        &self,
        text: Option<&str>,
        unit: TimestampUnit,
        now: Timestamp,
    ) -> Option<(String, Timestamp)> {
        let text = text?;
        let at = unit.parse(text)?;
        let away = now.duration_since(at).unsigned_abs();
        (away <= self.parts.tolerance).then(|| (text.to_owned(), at))
    }

    /// Whether one of the signatures is that of the body.
    pub(super) fn verify(&self, presented: &Presented, body: &[u8]) -> Result<(), Unproven> {
        let mut context = hmac::Context::with_key(&self.key);
        for piece in &self.parts.signed.0 {
            match piece {
                Piece::Text(text) => context.update(text.as_bytes()),
                Piece::Body => context.update(body),
                Piece::Id => context.update(presented.id.as_deref().unwrap_or_default().as_bytes()),
                Piece::Timestamp => {
                    let text = presented.timestamp.as_ref().map(|(text, _)| text.as_str());
                    context.update(text.unwrap_or_default().as_bytes());
                }
            }
        }
        let tag = context.sign();
        let right = presented.signatures.iter();
        let right = right.filter(|sent| bool::from(tag.as_ref().ct_eq(sent)));
        (right.count() > 0).then_some(()).ok_or(Unproven::Signature)
    }
}

impl Presented {
    /// What the source calls the message: its signed name, or else the time it was signed. The body belongs to it as well.
    pub(super) fn identity(&self) -> &str {
        let timestamp = self.timestamp.as_ref().map(|(text, _)| text.as_str());
        self.id.as_deref().or(timestamp).unwrap_or_default()
    }

    pub(super) fn skew(&self, now: Timestamp) -> Option<SignedDuration> {
        let (_, at) = self.timestamp.as_ref()?;
        Some(at.duration_since(now))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signature")
            .field("header", &self.parts.header)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SignatureParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignatureParts")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Presented({} signatures)", self.signatures.len())
    }
}
