//! Tokens that are forged, stale, stolen, or meant for somebody else, each with the check that finds it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
    time::Instant,
};

use async_trait::async_trait;
use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};
use base64::Engine as _;
use jiff::SignedDuration;
use proptest::{prop_assert, prop_assert_eq, proptest};
use serde_json::{Value, json};
use turnpike_adapters::error::ErrorKind;
use turnpike_schemas::{
    agreement::{Assurance, OrganisationClass, Role},
    plate::Jurisdiction,
};

use super::*;
use crate::{config::Claims as Names, identity::MAX_CREDENTIAL};

const ISSUER: &str = "https://login.brookdale.example";

fn b64(bytes: impl AsRef<[u8]>) -> String {
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// A key of the kind a provider signs with.
enum Signer {
    Ed(Ed25519KeyPair),
    Ec(EcdsaKeyPair),
}

impl Signer {
    fn ed() -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::Ed(Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap())
    }

    fn ec() -> Self {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
        Self::Ec(EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref()).unwrap())
    }

    fn public(&self) -> Vec<u8> {
        match self {
            Self::Ed(key) => key.public_key().as_ref().to_vec(),
            Self::Ec(key) => key.public_key().as_ref().to_vec(),
        }
    }

    fn jwk(&self, kid: &str) -> Value {
        let public = self.public();
        match self {
            Self::Ed(_) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "use": "sig", "x": b64(public) })
            }
            Self::Ec(_) => json!({
                "kty": "EC", "crv": "P-256", "kid": kid, "use": "sig",
                "x": b64(&public[1..33]), "y": b64(&public[33..65]),
            }),
        }
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", b64(header.to_string()), b64(claims.to_string()));
        let signature = match self {
            Self::Ed(key) => b64(key.sign(message.as_bytes())),
            Self::Ec(key) => b64(key.sign(&SystemRandom::new(), message.as_bytes()).unwrap()),
        };
        format!("{message}.{signature}")
    }
}

/// What a provider publishes, and how often it was asked.
#[derive(Debug, Default)]
struct Published {
    keys: Mutex<Vec<Value>>,
    issuer: Mutex<String>,
    fetches: Mutex<u32>,
    down: Mutex<bool>,
}

#[async_trait]
impl Transport for Published {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        _deadline: Instant,
    ) -> Result<http::Response<Bytes>, TransportError> {
        if *self.down.lock().unwrap() {
            return Err(TransportError::new(ErrorKind::Unavailable, "send", "down"));
        }
        let body = if request.uri().path() == "/jwks" {
            *self.fetches.lock().unwrap() += 1;
            json!({ "keys": *self.keys.lock().unwrap() })
        } else {
            assert_eq!(request.uri().path(), "/.well-known/openid-configuration");
            json!({ "issuer": *self.issuer.lock().unwrap(), "jwks_uri": format!("{ISSUER}/jwks") })
        };
        Ok(http::Response::new(Bytes::from(body.to_string())))
    }
}

fn area(text: &str) -> Jurisdiction {
    Jurisdiction::try_from(text.to_owned()).unwrap()
}

fn organisations() -> BTreeMap<String, Organisation> {
    let organisation = Organisation {
        id: "brookdale-pd".to_owned(),
        class: OrganisationClass::StateLocal,
        jurisdiction: area("US-OH"),
    };
    BTreeMap::from([(organisation.id.clone(), organisation)])
}

fn settings() -> config::Provider {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    config::Provider {
        id: "agency".to_owned(),
        issuer: ISSUER.to_owned(),
        audience: "turnpike-api".to_owned(),
        client_id: "turnpike".to_owned(),
        client_secret: None,
        hosts: vec![ISSUER.parse().unwrap()],
        allow_private_addresses: false,
        algorithms: words(&["EdDSA", "ES256"]),
        token_types: words(&["at+jwt"]),
        leeway: SignedDuration::from_secs(30),
        scopes: vec!["openid".to_owned()],
        redirect_uris: BTreeSet::new(),
        step_up_acr: None,
        claims: Names {
            class: Some("agency.class".to_owned()),
            jurisdiction: Some("agency.area".to_owned()),
            training_until: Some("trained".to_owned()),
            sworn: Some("sworn".to_owned()),
            ..Names::default()
        },
        roles: BTreeMap::from([
            ("inv".to_owned(), Role::Investigator),
            ("aud".to_owned(), Role::Auditor),
            ("sys".to_owned(), Role::System),
        ]),
        assurance: BTreeMap::from([
            ("mfa".to_owned(), Assurance::Aal2),
            ("urn:hardware".to_owned(), Assurance::Aal3),
        ]),
        systems: BTreeMap::from([(
            "records".to_owned(),
            (organisations()["brookdale-pd"].clone(), Role::System),
        )]),
    }
}

/// A provider with one key of either kind.
struct Agency {
    provider: Provider,
    published: Arc<Published>,
    ed: Signer,
    ec: Signer,
}

fn agency() -> Agency {
    let (ed, ec) = (Signer::ed(), Signer::ec());
    let published = Arc::new(Published::default());
    *published.keys.lock().unwrap() = vec![
        ed.jwk("ed-1"),
        ec.jwk("ec-1"),
        json!({ "kty": "oct", "kid": "oct-1", "k": b64("not a public key") }),
        json!({ "kty": "quantum", "kid": "q-1" }),
    ];
    *published.issuer.lock().unwrap() = ISSUER.to_owned();
    let provider = Provider {
        settings: settings(),
        transport: Arc::<Published>::clone(&published),
        keys: Keys::default(),
    };
    Agency {
        provider,
        published,
        ed,
        ec,
    }
}

fn noon() -> Timestamp {
    "2026-03-04T12:00:00Z".parse().unwrap()
}

fn header() -> Value {
    json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "ed-1" })
}

fn claims() -> Value {
    let now = noon().as_second();
    json!({
        "iss": ISSUER, "aud": "turnpike-api", "sub": "rosa.lind", "client_id": "desk", "exp": now + 300, "nbf": now,
        "iat": now, "organisation": "brookdale-pd", "agency": { "class": "state_local", "area": "US-OH" },
        "roles": ["inv", "unknown-word"], "trained": "2026-12-31", "sworn": true, "amr": ["pwd", "otp", "mfa"],
    })
}

/// The same with fields set; `null` takes one away.
fn with(mut base: Value, changes: &Value) -> Value {
    let fields = base.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            fields.remove(name);
        } else {
            fields.insert(name.clone(), value.clone());
        }
    }
    base
}

impl Agency {
    async fn said(&self, token: &str) -> Result<Profile, BadToken> {
        self.provider.access(token, &organisations(), noon()).await
    }

    async fn changed(&self, head: Value, body: Value) -> Result<Profile, BadToken> {
        let token = self.ed.sign(&with(header(), &head), &with(claims(), &body));
        self.said(&token).await
    }
}

#[tokio::test]
async fn a_good_token_says_who_by_the_mapping() {
    let agency = agency();
    let profile = agency.changed(json!({}), json!({})).await.unwrap();
    assert_eq!(profile.subject, "agency:rosa.lind");
    assert_eq!(profile.organisation, organisations()["brookdale-pd"]);
    assert_eq!(profile.roles, BTreeSet::from([Role::Investigator]));
    assert!(profile.attributes.sworn);
    assert_eq!(
        profile.attributes.training_until,
        Some("2026-12-31".parse().unwrap())
    );
    assert_eq!(profile.attributes.assurance, Assurance::Aal2);
    for (change, wanted) in [
        (json!({ "amr": ["pwd"] }), Assurance::Aal1),
        (json!({ "amr": null }), Assurance::Aal1),
        (json!({ "acr": "urn:hardware" }), Assurance::Aal3),
        (json!({ "acr": "anything" }), Assurance::Aal2),
    ] {
        let profile = agency.changed(json!({}), change).await.unwrap();
        assert_eq!(profile.attributes.assurance, wanted);
    }
    let ec = agency.ec.sign(
        &with(header(), &json!({ "alg": "ES256", "kid": "ec-1" })),
        &claims(),
    );
    assert_eq!(agency.said(&ec).await.unwrap().subject, "agency:rosa.lind");
}

#[tokio::test]
async fn a_header_that_is_not_right_refuses_the_token() {
    let agency = agency();
    for (change, wanted) in [
        (json!({ "alg": "none" }), BadToken::Algorithm),
        (json!({ "alg": "None" }), BadToken::Algorithm),
        (json!({ "alg": "HS256" }), BadToken::Algorithm),
        (
            json!({ "alg": "HS512", "kid": "oct-1" }),
            BadToken::Algorithm,
        ),
        (json!({ "alg": "RS256" }), BadToken::Algorithm),
        (json!({ "alg": "EdDSA2" }), BadToken::Algorithm),
        (json!({ "alg": null }), BadToken::Malformed),
        (json!({ "typ": "JWT" }), BadToken::Type),
        (json!({ "typ": null }), BadToken::Type),
        (json!({ "typ": "dpop+jwt" }), BadToken::Type),
        (json!({ "crit": ["exp"] }), BadToken::Critical),
        (json!({ "kid": null }), BadToken::Key),
        (json!({ "kid": "gone" }), BadToken::Key),
        (json!({ "kid": "q-1" }), BadToken::KeyKind),
        (json!({ "kid": "../ed-1" }), BadToken::Key),
        (json!({ "kid": "oct-1" }), BadToken::KeyKind),
        (json!({ "kid": "ec-1" }), BadToken::KeyKind),
        (json!({ "alg": "ES256" }), BadToken::KeyKind),
    ] {
        let refused = agency.changed(change.clone(), json!({})).await;
        assert_eq!(refused, Err(wanted), "{change}");
    }
}

#[tokio::test]
async fn a_claim_that_is_not_right_refuses_the_token() {
    let agency = agency();
    let now = noon().as_second();
    for (change, wanted) in [
        (
            json!({ "iss": "https://login.other.example" }),
            BadToken::Issuer,
        ),
        (json!({ "iss": format!("{ISSUER}/") }), BadToken::Issuer),
        (json!({ "aud": null }), BadToken::Audience),
        (json!({ "aud": "turnpike" }), BadToken::Audience),
        (json!({ "aud": ["other", "turnpike"] }), BadToken::Audience),
        (json!({ "aud": 7 }), BadToken::Audience),
        (json!({ "azp": "other" }), BadToken::AuthorizedParty),
        (json!({ "nonce": "n" }), BadToken::Type),
        (json!({ "exp": now - 30 }), BadToken::Expired),
        (json!({ "exp": null }), BadToken::Expired),
        (json!({ "exp": "soon" }), BadToken::Claim),
        (json!({ "exp": 1e300 }), BadToken::Claim),
        (json!({ "exp": -1 }), BadToken::Claim),
        (json!({ "nbf": now + 31 }), BadToken::Future),
        (json!({ "iat": now + 31 }), BadToken::Future),
        (json!({ "sub": null }), BadToken::UnknownSystem),
        (json!({ "sub": "" }), BadToken::Subject),
        (json!({ "sub": "a/b" }), BadToken::Subject),
        (json!({ "sub": "x".repeat(65) }), BadToken::Subject),
        (json!({ "sub": 7 , "client_id": null }), BadToken::Claim),
        (json!({ "sub": "desk" }), BadToken::UnknownSystem),
        (json!({ "organisation": null }), BadToken::Organisation),
        (json!({ "organisation": "self" }), BadToken::Organisation),
        (json!({ "organisation": ["brookdale-pd"] }), BadToken::Claim),
        (json!({ "agency": null }), BadToken::Affiliation),
        (
            json!({ "agency": { "class": "federal", "area": "US-OH" } }),
            BadToken::Affiliation,
        ),
        (
            json!({ "agency": { "class": "state_local", "area": "US-MI" } }),
            BadToken::Affiliation,
        ),
        (
            json!({ "agency": { "class": "king", "area": "US-OH" } }),
            BadToken::Affiliation,
        ),
        (json!({ "roles": null }), BadToken::Roles),
        (json!({ "roles": ["unknown-word"] }), BadToken::Roles),
        (json!({ "roles": ["inv", "aud"] }), BadToken::Roles),
        (json!({ "roles": "inv sys" }), BadToken::Roles),
        (json!({ "roles": [7] }), BadToken::Claim),
        (json!({ "trained": "next year" }), BadToken::Claim),
        (json!({ "sworn": "yes" }), BadToken::Claim),
    ] {
        let refused = agency.changed(json!({}), change.clone()).await;
        assert_eq!(refused, Err(wanted), "{change}");
    }
    for fine in [
        json!({ "exp": now - 29 }),
        json!({ "nbf": now + 30, "iat": now + 30 }),
        json!({ "nbf": null, "iat": null }),
        json!({ "aud": ["other", "turnpike-api"] }),
        json!({ "azp": "desk" }),
        json!({ "roles": "inv other" }),
        json!({ "trained": null, "sworn": null }),
        json!({ "organisation": "harbor-county", "agency": { "class": "state_local", "area": "US-OH" } }),
    ] {
        assert!(
            agency.changed(json!({}), fine.clone()).await.is_ok(),
            "{fine}"
        );
    }
}

#[tokio::test]
async fn a_signature_that_is_not_the_keys_refuses_the_token() {
    let agency = agency();
    let good = agency.ed.sign(&header(), &claims());
    let parts: Vec<&str> = good.split('.').collect();
    let stolen = Signer::ed();
    let mut own_key = header();
    own_key["jwk"] = stolen.jwk("ed-1");
    own_key["jku"] = json!("https://evil.example/jwks");
    let other_claims = b64(with(claims(), &json!({ "sub": "milo.park" })).to_string());
    let unsigned = b64(with(header(), &json!({ "alg": "none" })).to_string());
    let confused = {
        let head = b64(with(header(), &json!({ "alg": "HS256" })).to_string());
        let message = format!("{head}.{}", parts[1]);
        let key = hmac::Key::new(hmac::HMAC_SHA256, &agency.ed.public());
        format!("{message}.{}", b64(hmac::sign(&key, message.as_bytes())))
    };
    let huge = with(claims(), &json!({ "filler": "x".repeat(MAX_CREDENTIAL) }));
    for (token, wanted, what) in [
        (
            stolen.sign(&header(), &claims()),
            BadToken::Signature,
            "the name of a stolen key",
        ),
        (
            stolen.sign(&own_key, &claims()),
            BadToken::Signature,
            "a key it brings along",
        ),
        (
            format!("{}.{other_claims}.{}", parts[0], parts[2]),
            BadToken::Signature,
            "other claims",
        ),
        (
            format!("{}.{}.", parts[0], parts[1]),
            BadToken::Signature,
            "no signature",
        ),
        (
            format!("{unsigned}.{}.", parts[1]),
            BadToken::Algorithm,
            "`none`",
        ),
        (confused, BadToken::Algorithm, "the public key as a secret"),
        (agency.ed.sign(&header(), &huge), BadToken::TooLong, "huge"),
        (
            format!("{}.{}", parts[0], parts[1]),
            BadToken::Malformed,
            "two parts",
        ),
        ("a.b.c".to_owned(), BadToken::Malformed, "no base 64"),
        (
            format!("{}.{}.{}", b64("[]"), parts[1], parts[2]),
            BadToken::Malformed,
            "no object",
        ),
    ] {
        assert_eq!(agency.said(&token).await, Err(wanted), "{what}");
    }
    assert!(agency.said(&good).await.is_ok());
}

#[tokio::test]
async fn a_system_is_a_client_that_is_configured_as_one() {
    let agency = agency();
    for subject in [json!("records"), Value::Null] {
        let change = json!({ "sub": subject, "client_id": "records", "roles": ["inv"] });
        let profile = agency.changed(json!({}), change).await.unwrap();
        assert_eq!(profile.subject, "agency:records");
        assert_eq!(
            profile.roles,
            BTreeSet::from([Role::System]),
            "its own words do not count"
        );
        assert_eq!(profile.attributes.assurance, Assurance::Aal1);
    }
}

#[tokio::test]
async fn new_keys_are_found_old_ones_forgotten_and_strangers_cannot_make_the_gateway_ask_often() {
    let agency = agency();
    let fetches = || *agency.published.fetches.lock().unwrap();
    let said = async |token: &str, second: i64| {
        let now = noon() + SignedDuration::from_secs(second);
        agency
            .provider
            .access(token, &organisations(), now)
            .await
            .err()
    };
    let long = with(
        claims(),
        &json!({ "exp": noon().as_second() + 10 * 86_400 }),
    );
    let first = agency.ed.sign(&header(), &long);
    assert_eq!(said(&first, 0).await, None);
    assert_eq!(said(&first, 1).await, None);
    assert_eq!(fetches(), 1);

    let new = Signer::ed();
    let second = new.sign(&with(header(), &json!({ "kid": "ed-2" })), &long);
    *agency.published.keys.lock().unwrap() = vec![new.jwk("ed-2")];
    for n in 0..50 {
        let kid = json!({ "kid": format!("guess-{n}") });
        let guess = Signer::ed().sign(&with(header(), &kid), &long);
        assert_eq!(said(&guess, 29).await, Some(BadToken::Key));
    }
    assert_eq!(fetches(), 1, "fewer than 30 s after the last");
    assert_eq!(said(&second, 30).await, None);
    assert_eq!(fetches(), 2);
    assert_eq!(said(&first, 61).await, Some(BadToken::Key), "withdrawn");

    *agency.published.down.lock().unwrap() = true;
    assert_eq!(
        said(&second, 3_600).await,
        None,
        "keys are kept while the provider is away"
    );
    assert_eq!(said(&second, 13 * 3_600).await, Some(BadToken::Unavailable));
    *agency.published.down.lock().unwrap() = false;
    *agency.published.issuer.lock().unwrap() = "https://login.other.example".to_owned();
    assert_eq!(
        said(&second, 14 * 3_600).await,
        Some(BadToken::Unavailable),
        "another issuer"
    );
}

#[tokio::test]
async fn a_proof_of_a_sign_in_is_for_this_client_and_this_sign_in() {
    let agency = agency();
    let proof = async |change: Value| {
        let base = with(
            claims(),
            &json!({ "aud": "turnpike", "client_id": null, "nonce": "n-1" }),
        );
        let token = agency.ed.sign(
            &with(header(), &json!({ "typ": "JWT" })),
            &with(base, &change),
        );
        let known = organisations();
        let said = agency.provider.signed_in(&token, "n-1", &known, noon());
        said.await.err()
    };
    assert_eq!(proof(json!({})).await, None);
    for (change, wanted) in [
        (json!({ "nonce": "n-2" }), BadToken::Nonce),
        (json!({ "nonce": null }), BadToken::Nonce),
        (json!({ "aud": "turnpike-api" }), BadToken::Audience),
        (
            json!({ "aud": ["turnpike", "other"] }),
            BadToken::AuthorizedParty,
        ),
        (json!({ "azp": "other" }), BadToken::AuthorizedParty),
    ] {
        assert_eq!(proof(change.clone()).await, Some(wanted), "{change}");
    }
    assert_eq!(
        proof(json!({ "aud": ["turnpike", "other"], "azp": "turnpike" })).await,
        None
    );
}

proptest! {
    #[test]
    fn no_text_is_a_token_and_none_ends_the_gateway(head in ".{0,80}", body in ".{0,80}", tail in ".{0,40}") {
        let settings = settings();
        let expected = Expected { settings: &settings, usage: Use::Access };
        for token in [
            format!("{}.{}.{tail}", b64(&head), b64(&body)),
            format!("{head}.{body}.{tail}"),
            format!("{}.{}.{}", b64(header().to_string()), b64(&body), b64(&tail)),
        ] {
            if let Ok(header) = token::header(&token, &expected) {
                let key = serde_json::from_value(Signer::ed().jwk("ed-1")).unwrap();
                prop_assert!(token::verify(&token, &header, &key, &expected, noon()).is_err());
            }
            prop_assert_eq!(issuer_of(&token).filter(|issuer| issuer == ISSUER), None);
        }
    }
}
