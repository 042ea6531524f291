//! Web push: what a browser's push service is sent (RFC 8030), readable by that browser alone (RFC 8291), and who sends it (RFC 8292).

use std::fmt;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, header};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use turnpike_schemas::api::channels::PushKeys;
use url::Url;
use web_push_native::{Auth, p256::PublicKey};

use super::{Delivery, What, words};

/// How long a push service keeps a message for a browser that is not there, in seconds.
const TTL: u32 = 86_400;

/// How long one signature is good for. Push services take at most a day.
const SIGNED_FOR: SignedDuration = SignedDuration::from_hours(12);

const TTL_HEADER: HeaderName = HeaderName::from_static("ttl");
const URGENCY: HeaderName = HeaderName::from_static("urgency");
const TOPIC: HeaderName = HeaderName::from_static("topic");

/// A browser that can be told. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Subscription {
    browser: PublicKey,
    auth: Auth,
}

/// What is no subscription. Never repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "`keys` are those of a push subscription: `p256dh` a point on P-256 and `auth` 16 bytes, both base64url"
)]
pub struct SubscriptionError;

/// What cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a push message that cannot be made")]
pub(super) struct PushError;

/// Who sends, to push services: a key and somebody to write to.
#[derive(Clone)]
pub struct Vapid {
    pkcs8: Vec<u8>,
    public: String,
    contact: String,
}

impl Subscription {
    /// A browser by what it handed out.
    ///
    /// # Errors
    /// [`SubscriptionError`].
    pub fn of(keys: &PushKeys) -> Result<Self, SubscriptionError> {
        let decode = |text: &str| {
            let decoded = URL_SAFE_NO_PAD.decode(text.trim_end_matches('='));
            decoded.map_err(|_| SubscriptionError)
        };
        let browser = PublicKey::from_sec1_bytes(&decode(&keys.p256dh)?);
        let auth: [u8; 16] = decode(&keys.auth)?
            .try_into()
            .map_err(|_| SubscriptionError)?;
        Ok(Self {
            browser: browser.map_err(|_| SubscriptionError)?,
            auth: auth.into(),
        })
    }
}

impl Vapid {
    /// A new key, as it is stored.
    ///
    /// # Errors
    /// No randomness.
    pub(super) fn generate() -> Result<Vec<u8>, aws_lc_rs::error::Unspecified> {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)?;
        Ok(key.as_ref().to_vec())
    }

    /// The key as it was stored. `contact` is `mailto:` or `https:`: whom push services write to.
    pub(super) fn of(pkcs8: Vec<u8>, contact: &str) -> Option<Self> {
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8).ok()?;
        let public = URL_SAFE_NO_PAD.encode(key.public_key());
        Some(Self {
            pkcs8,
            public,
            contact: contact.to_owned(),
        })
    }

    /// What browsers subscribe with.
    #[must_use]
    pub fn public(&self) -> &str {
        &self.public
    }

    /// `Authorization` for one push service.
    fn authorization(&self, endpoint: &Url, now: Timestamp) -> Result<HeaderValue, PushError> {
        let until = now.checked_add(SIGNED_FOR).map_err(|_| PushError)?;
        let claims = json!({
            "aud": endpoint.origin().ascii_serialization(),
            "exp": until.as_second(),
            "sub": self.contact,
        });
        let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::ES256);
        let key = jsonwebtoken::EncodingKey::from_ec_der(&self.pkcs8);
        let token = jsonwebtoken::encode(&header, &claims, &key).map_err(|_| PushError)?;
        let mut value = HeaderValue::try_from(format!("vapid t={token}, k={}", self.public))
            .map_err(|_| PushError)?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subscription")
    }
}

impl fmt::Debug for Vapid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vapid")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

/// What a push service is sent of a delivery. The same event has the same topic: of several attempts a browser shows one.
pub(super) fn request(
    vapid: &Vapid,
    subscription: &Subscription,
    endpoint: &Url,
    delivery: &Delivery,
    link: Option<&str>,
    now: Timestamp,
) -> Result<Request<Bytes>, PushError> {
    let message = serde_json::to_vec(&message(delivery, link)).map_err(|_| PushError)?;
    let sealed = web_push_native::encrypt(message, &subscription.browser, &subscription.auth)
        .map_err(|_| PushError)?;
    let topic = URL_SAFE_NO_PAD.encode(Sha256::digest(&delivery.event));
    let topic = topic.get(..32).ok_or(PushError)?;
    Request::post(endpoint.as_str())
        .header(header::AUTHORIZATION, vapid.authorization(endpoint, now)?)
        .header(header::CONTENT_ENCODING, "aes128gcm")
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .header(TTL_HEADER, TTL)
        .header(URGENCY, "high")
        .header(TOPIC, topic)
        .body(Bytes::from(sealed))
        .map_err(|_| PushError)
}

/// What the browser shows. With a link it is a declarative message, which Safari shows without a service worker
/// (<https://webkit.org/blog/16535/meet-declarative-web-push/>); without one it is for a service worker.
///
/// INVARIANT: no plate, no place, no name of a list or case: it lies on a locked phone.
fn message(delivery: &Delivery, link: Option<&str>) -> Value {
    let (title, body) = words::short(&delivery.what);
    let mut message = json!({
        "event": delivery.event,
        "kind": delivery.what.as_str(),
        "title": title,
        "body": body,
    });
    let Some(members) = message.as_object_mut() else {
        return message;
    };
    if let What::One(seen) = &delivery.what {
        members.insert("hit".to_owned(), seen.hit.to_string().into());
    }
    if let Some(link) = link {
        let shown =
            json!({ "title": title, "body": body, "navigate": link, "tag": delivery.event });
        members.insert("web_push".to_owned(), 8030.into());
        members.insert("notification".to_owned(), shown);
    }
    message
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
    use uuid::Uuid;
    use web_push_native::p256::{SecretKey, elliptic_curve::sec1::ToEncodedPoint as _};

    use super::*;
    use crate::channels::State;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn delivery() -> Delivery {
        Delivery {
            place: 1,
            channel: Uuid::nil(),
            event: "test:1".to_owned(),
            what: What::Test {
                at: at("2026-03-04T07:15:30Z"),
            },
            state: State::Waiting,
            attempts: 1,
            made_at: at("2026-03-04T07:15:30Z"),
            next_at: at("2026-03-04T07:15:30Z"),
            settled_at: None,
            answer: None,
        }
    }

    fn browser() -> (SecretKey, PushKeys) {
        let secret = SecretKey::from_slice(&[7; 32]).unwrap();
        let public = secret.public_key().to_encoded_point(false);
        let keys = PushKeys {
            p256dh: URL_SAFE_NO_PAD.encode(public.as_bytes()),
            auth: URL_SAFE_NO_PAD.encode([9; 16]),
        };
        (secret, keys)
    }

    #[test]
    fn a_browser_reads_what_a_push_service_cannot_and_the_service_knows_who_sends() {
        let vapid = Vapid::of(Vapid::generate().unwrap(), "mailto:desk@turnpike.invalid").unwrap();
        let (secret, keys) = browser();
        let subscription = Subscription::of(&keys).unwrap();
        let endpoint = Url::parse("https://push.invalid:8443/send/abc").unwrap();
        let now = at("2026-03-04T07:15:30Z");
        let make = || {
            let link = Some("https://desk.invalid/hits/");
            request(&vapid, &subscription, &endpoint, &delivery(), link, now).unwrap()
        };
        let (first, second) = (make(), make());
        assert_eq!(first.headers()[TOPIC], second.headers()[TOPIC]);
        assert_eq!(first.headers()[TOPIC].len(), 32);
        assert_ne!(first.body(), second.body(), "a key of its own each time");
        let read = web_push_native::decrypt(first.body().to_vec(), &secret, &[9; 16].into());
        let read: Value = serde_json::from_slice(&read.unwrap()).unwrap();
        assert_eq!(read["web_push"], 8030);
        assert_eq!(
            read["notification"]["navigate"],
            "https://desk.invalid/hits/"
        );
        let authorization = first.headers()[header::AUTHORIZATION].to_str().unwrap();
        let (token, key) = authorization
            .strip_prefix("vapid t=")
            .and_then(|rest| rest.split_once(", k="))
            .unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let key = URL_SAFE_NO_PAD.decode(key).unwrap();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key)
            .verify(signed.as_bytes(), &signature)
            .unwrap();
        let claims = URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().1);
        let claims: Value = serde_json::from_slice(&claims.unwrap()).unwrap();
        assert_eq!(claims["aud"], "https://push.invalid:8443");
        assert_eq!(claims["sub"], "mailto:desk@turnpike.invalid");
        assert_eq!(claims["exp"], now.as_second() + 43_200);
    }

    #[test]
    fn keys_that_no_browser_has_are_refused() {
        let (_, good) = browser();
        let with = |p256dh: &str, auth: &str| {
            let keys = PushKeys {
                p256dh: p256dh.to_owned(),
                auth: auth.to_owned(),
            };
            Subscription::of(&keys).map(drop)
        };
        assert_eq!(with(&good.p256dh, &good.auth), Ok(()));
        assert_eq!(with(&format!("{}=", good.p256dh), &good.auth), Ok(()));
        let off_curve = URL_SAFE_NO_PAD.encode([4; 65]);
        for (p256dh, auth) in [
            ("", &*good.auth),
            (&*off_curve, &*good.auth),
            ("+/+/", &*good.auth),
            (&*good.p256dh, ""),
            (&*good.p256dh, "AAAA"),
        ] {
            assert_eq!(
                with(p256dh, auth),
                Err(SubscriptionError),
                "{p256dh} {auth}"
            );
        }
        assert_eq!(
            format!("{:?}", Subscription::of(&good).unwrap()),
            "Subscription"
        );
    }
}
