//! A signed token, checked as RFC 8725 asks. Each check has a name, and the first that fails is the answer.

use base64::Engine as _;
use jiff::Timestamp;
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{config, identity::MAX_CREDENTIAL};

/// What a token says.
pub(super) type Claims = Map<String, Value>;

/// Why a token is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.as_str())]
pub enum BadToken {
    /// Longer than [`MAX_CREDENTIAL`].
    TooLong,
    /// Not three parts of base 64 with JSON in them.
    Malformed,
    /// Signed with an algorithm that is not allowed, or with none.
    Algorithm,
    /// A header demands what is not understood.
    Critical,
    /// Of another kind than is taken here.
    Type,
    /// It names no key, or none of the provider's.
    Key,
    /// The key it names is of another kind than its signature.
    KeyKind,
    /// The signature is not the key's.
    Signature,
    /// Of another issuer.
    Issuer,
    /// For somebody else.
    Audience,
    /// Handed to somebody else.
    AuthorizedParty,
    /// No longer good.
    Expired,
    /// Not good yet, or issued later than now.
    Future,
    /// Not of this sign-in.
    Nonce,
    /// It names nobody.
    Subject,
    /// Its organisation is missing or unknown.
    Organisation,
    /// Class or jurisdiction are missing or not those of its organisation.
    Affiliation,
    /// No role, or roles that do not go together.
    Roles,
    /// A mapped claim is of the wrong type.
    Claim,
    /// A client that is not configured as a system.
    UnknownSystem,
    /// The provider cannot be asked for its keys.
    Unavailable,
}

impl BadToken {
    /// The word in the ledger.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Malformed => "token_malformed",
            Self::Algorithm => "token_algorithm",
            Self::Critical => "token_critical",
            Self::Type => "token_type",
            Self::Key => "token_key",
            Self::KeyKind => "token_key_kind",
            Self::Signature => "token_signature",
            Self::Issuer => "issuer",
            Self::Audience => "token_audience",
            Self::AuthorizedParty => "token_authorized_party",
            Self::Expired => "token_expired",
            Self::Future => "token_future",
            Self::Nonce => "token_nonce",
            Self::Subject => "token_subject",
            Self::Organisation => "token_organisation",
            Self::Affiliation => "token_affiliation",
            Self::Roles => "token_roles",
            Self::Claim => "token_claim",
            Self::UnknownSystem => "token_system",
            Self::Unavailable => "provider_unavailable",
        }
    }
}

/// What a token is presented as.
#[derive(Debug, Clone, Copy)]
pub(super) enum Use<'a> {
    /// As the right to call the API.
    Access,
    /// As the proof of a sign-in that began with this nonce.
    SignIn {
        /// The nonce.
        nonce: &'a str,
    },
}

/// What a token is held against.
#[derive(Debug)]
pub(super) struct Expected<'a> {
    pub(super) settings: &'a config::Provider,
    pub(super) usage: Use<'a>,
}

/// The parts of a header that count. `jku`, `jwk`, `x5u` and `x5c` do not: keys are the provider's.
#[derive(Debug)]
pub(super) struct Header {
    algorithm: Algorithm,
    pub(super) kid: String,
}

#[derive(Deserialize)]
struct RawHeader {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

/// The issuer a token claims, unchecked: it only says whose keys to check it with.
#[must_use]
pub fn issuer_of(token: &str) -> Option<String> {
    let claims: Claims = part(token, 1).ok()?;
    Some(claims.get("iss")?.as_str()?.to_owned())
}

/// Everything that can be said before a key is looked for.
pub(super) fn header(token: &str, expected: &Expected<'_>) -> Result<Header, BadToken> {
    if token.len() > MAX_CREDENTIAL {
        return Err(BadToken::TooLong);
    }
    let raw: RawHeader = part(token, 0)?;
    if !expected.settings.algorithms.contains(&raw.alg) {
        return Err(BadToken::Algorithm);
    }
    let algorithm = raw.alg.parse().map_err(|_| BadToken::Algorithm)?;
    if raw.crit.is_some() {
        return Err(BadToken::Critical);
    }
    if !is_type(raw.typ.as_deref(), expected) {
        return Err(BadToken::Type);
    }
    Ok(Header {
        algorithm,
        kid: raw.kid.ok_or(BadToken::Key)?,
    })
}

/// Signature, issuer, audience, times. The claims of a token that passes.
pub(super) fn verify(
    token: &str,
    header: &Header,
    key: &Jwk,
    expected: &Expected<'_>,
    now: Timestamp,
) -> Result<Claims, BadToken> {
    fits(key, header.algorithm)?;
    let decoding = DecodingKey::from_jwk(key).map_err(|_| BadToken::KeyKind)?;
    let mut validation = Validation::new(header.algorithm);
    // These are checked below, by the gateway's clock.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let decoded = jsonwebtoken::decode::<Claims>(token, &decoding, &validation);
    let claims = decoded.map_err(|error| match error.kind() {
        jsonwebtoken::errors::ErrorKind::InvalidSignature => BadToken::Signature,
        jsonwebtoken::errors::ErrorKind::InvalidAlgorithm => BadToken::KeyKind,
        _ => BadToken::Malformed,
    })?;
    let claims = claims.claims;
    if text(&claims, "iss") != Some(expected.settings.issuer.as_str()) {
        return Err(BadToken::Issuer);
    }
    times(&claims, expected, now)?;
    audience(&claims, expected)?;
    Ok(claims)
}

fn is_type(typ: Option<&str>, expected: &Expected<'_>) -> bool {
    let typ = typ.map(|typ| typ.strip_prefix("application/").unwrap_or(typ));
    match expected.usage {
        Use::Access => typ.is_some_and(|typ| {
            let taken = &expected.settings.token_types;
            taken.iter().any(|known| known.eq_ignore_ascii_case(typ))
        }),
        Use::SignIn { .. } => typ.is_none_or(|typ| typ.eq_ignore_ascii_case("jwt")),
    }
}

/// Whether the key is for signatures of this kind: a key is good for its own algorithms and no others.
fn fits(key: &Jwk, algorithm: Algorithm) -> Result<(), BadToken> {
    use Algorithm as A;
    let family = match (&key.algorithm, algorithm) {
        (
            AlgorithmParameters::RSA(_),
            A::RS256 | A::RS384 | A::RS512 | A::PS256 | A::PS384 | A::PS512,
        ) => true,
        (AlgorithmParameters::EllipticCurve(curve), A::ES256) => curve.curve == EllipticCurve::P256,
        (AlgorithmParameters::EllipticCurve(curve), A::ES384) => curve.curve == EllipticCurve::P384,
        (AlgorithmParameters::OctetKeyPair(curve), A::EdDSA) => {
            curve.curve == EllipticCurve::Ed25519
        }
        _ => false,
    };
    let common = &key.common;
    let usage = common
        .public_key_use
        .as_ref()
        .is_none_or(|usage| *usage == PublicKeyUse::Signature);
    let named = common
        .key_algorithm
        .is_none_or(|named| named.to_string() == name(algorithm));
    (family && usage && named)
        .then_some(())
        .ok_or(BadToken::KeyKind)
}

/// The name of an algorithm, as tokens and keys write it.
fn name(algorithm: Algorithm) -> String {
    format!("{algorithm:?}")
}

fn times(claims: &Claims, expected: &Expected<'_>, now: Timestamp) -> Result<(), BadToken> {
    let leeway = expected.settings.leeway;
    if now >= moment(claims, "exp")?.ok_or(BadToken::Expired)? + leeway {
        return Err(BadToken::Expired);
    }
    for name in ["nbf", "iat"] {
        if moment(claims, name)?.is_some_and(|moment| moment > now + leeway) {
            return Err(BadToken::Future);
        }
    }
    Ok(())
}

/// A moment in whole seconds, within reach of arithmetic.
fn moment(claims: &Claims, name: &str) -> Result<Option<Timestamp>, BadToken> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let seconds = value.as_f64().ok_or(BadToken::Claim)?;
    if !(0.0..=100_000_000_000.0).contains(&seconds) {
        return Err(BadToken::Claim);
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it is in range, and parts of seconds do not count"
    )]
    let seconds = seconds as i64;
    let moment = Timestamp::from_second(seconds);
    moment.map(Some).map_err(|_| BadToken::Claim)
}

fn audience(claims: &Claims, expected: &Expected<'_>) -> Result<(), BadToken> {
    let settings = expected.settings;
    let wanted = match expected.usage {
        Use::Access => &settings.audience,
        Use::SignIn { .. } => &settings.client_id,
    };
    let several = match claims.get("aud") {
        Some(Value::String(one)) if one == wanted => false,
        Some(Value::Array(many)) if many.iter().any(|one| one.as_str() == Some(wanted)) => {
            many.len() > 1
        }
        _ => return Err(BadToken::Audience),
    };
    let party = text(claims, "azp");
    match expected.usage {
        Use::SignIn { nonce } => {
            if party.is_some_and(|party| party != settings.client_id)
                || (several && party.is_none())
            {
                return Err(BadToken::AuthorizedParty);
            }
            if text(claims, "nonce") != Some(nonce) {
                return Err(BadToken::Nonce);
            }
        }
        Use::Access => {
            // The two names for the same thing must not differ.
            let client = text(claims, "client_id");
            if party.is_some() && client.is_some() && party != client {
                return Err(BadToken::AuthorizedParty);
            }
            // A proof of a sign-in is no right to call.
            if claims.contains_key("nonce") {
                return Err(BadToken::Type);
            }
        }
    }
    Ok(())
}

pub(super) fn text<'a>(claims: &'a Claims, name: &str) -> Option<&'a str> {
    claims.get(name)?.as_str()
}

fn part<T: serde::de::DeserializeOwned>(token: &str, at: usize) -> Result<T, BadToken> {
    let part = token.split('.').nth(at).ok_or(BadToken::Malformed)?;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part);
    let bytes = bytes.map_err(|_| BadToken::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| BadToken::Malformed)
}
