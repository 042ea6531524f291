//! Signatures as vendors publish them, and what becomes of everything that is not one.

use std::time::Duration;

use aws_lc_rs::hmac;
use http::HeaderValue;
use proptest::prelude::*;
use turnpike_schemas::api::PushReceipt;

use super::*;

fn parts(header: &'static str, key: &[u8]) -> SignatureParts {
    SignatureParts {
        key: key.to_vec(),
        algorithm: Algorithm::Sha256,
        header: HeaderName::from_static(header),
        form: Form::Plain,
        encoding: Encoding::Hex,
        prefix: String::new(),
        signed: Template::parse("{body}").unwrap(),
        timestamp: None,
        id_header: None,
        tolerance: Duration::from_secs(300),
    }
}

fn signed_by(parts: SignatureParts) -> Push {
    Push {
        proof: Proof::Signature(Box::new(Signature::new(parts))),
        idempotency_header: None,
    }
}

fn sent(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let value = HeaderValue::from_str(value).unwrap();
        headers.append(HeaderName::from_static(name), value);
    }
    headers
}

fn check(push: &Push, headers: &HeaderMap, body: &[u8], now: i64) -> Result<Proven, Unproven> {
    let now = Timestamp::from_second(now).unwrap();
    let looked = push.headers(headers, now)?;
    push.body(&looked, headers, body, now)
}

/// The example of the Standard Webhooks specification.
const STANDARD: (&str, i64, &str, &str) = (
    "msg_p5jXN8AQM9LWM0D4loKWxJek",
    1_614_265_330,
    r#"{"test": 2432232314}"#,
    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
);

fn standard() -> Push {
    let key = base64::engine::general_purpose::STANDARD
        .decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        .unwrap();
    signed_by(SignatureParts {
        form: Form::List,
        encoding: Encoding::Base64,
        prefix: "v1,".to_owned(),
        signed: Template::parse("{id}.{timestamp}.{body}").unwrap(),
        timestamp: Some((
            TimestampPlace::Header(HeaderName::from_static("webhook-timestamp")),
            TimestampUnit::Seconds,
        )),
        id_header: Some(HeaderName::from_static("webhook-id")),
        ..parts("webhook-signature", &key)
    })
}

fn standard_headers(signature: &str) -> HeaderMap {
    sent(&[
        ("webhook-id", STANDARD.0),
        ("webhook-timestamp", &STANDARD.1.to_string()),
        ("webhook-signature", signature),
    ])
}

#[test]
fn the_example_of_standard_webhooks_is_signed() {
    let (push, (_, now, body, signature)) = (standard(), STANDARD);
    let headers = standard_headers(signature);
    let proven = check(&push, &headers, body.as_bytes(), now + 3).unwrap();
    assert_eq!(proven.skew, Some(SignedDuration::from_secs(-3)));
    let two = standard_headers(&format!("v1,AAAA v1a,BBBB {signature}"));
    let same = check(&push, &two, body.as_bytes(), now).unwrap();
    assert_eq!(proven.identity, same.identity);
    for late in [-300, 300] {
        assert!(check(&push, &headers, body.as_bytes(), now + late).is_ok());
    }
    for late in [-301, 301, 1_000_000] {
        let refused = check(&push, &headers, body.as_bytes(), now + late);
        assert_eq!(refused, Err(Unproven::Timestamp));
    }
}

/// Names and values of headers.
type Pairs<'a> = &'a [(&'a str, &'a str)];

#[test]
fn whatever_is_changed_the_signature_is_another() {
    let (push, (id, now, body, signature)) = (standard(), STANDARD);
    let stamp = now.to_string();
    let cases: [(Pairs<'_>, &str, Unproven); 9] = [
        (
            &[("webhook-id", id), ("webhook-timestamp", &stamp)],
            body,
            Unproven::Signature,
        ),
        (
            &[
                ("webhook-timestamp", &stamp),
                ("webhook-signature", signature),
            ],
            body,
            Unproven::Signature,
        ),
        (
            &[("webhook-id", id), ("webhook-signature", signature)],
            body,
            Unproven::Timestamp,
        ),
        (
            &[
                ("webhook-id", "msg_other"),
                ("webhook-timestamp", &stamp),
                ("webhook-signature", signature),
            ],
            body,
            Unproven::Signature,
        ),
        (
            &[
                ("webhook-id", id),
                ("webhook-timestamp", "1614265331"),
                ("webhook-signature", signature),
            ],
            body,
            Unproven::Signature,
        ),
        (
            &[
                ("webhook-id", id),
                ("webhook-timestamp", "+1614265330"),
                ("webhook-signature", signature),
            ],
            body,
            Unproven::Timestamp,
        ),
        (
            &[
                ("webhook-id", id),
                ("webhook-timestamp", &stamp),
                ("webhook-signature", signature),
                ("webhook-signature", signature),
            ],
            body,
            Unproven::Signature,
        ),
        (
            &[
                ("webhook-id", id),
                ("webhook-timestamp", &stamp),
                ("webhook-signature", "v1,g0hM9SsE"),
            ],
            body,
            Unproven::Signature,
        ),
        (
            &[
                ("webhook-id", id),
                ("webhook-timestamp", &stamp),
                ("webhook-signature", signature),
            ],
            "{}",
            Unproven::Signature,
        ),
    ];
    for (headers, body, why) in cases {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            all.append(name, HeaderValue::from_str(value).unwrap());
        }
        assert_eq!(
            check(&push, &all, body.as_bytes(), now),
            Err(why),
            "{headers:?}"
        );
    }
}

#[test]
fn a_prefixed_hexadecimal_signature_of_the_body_is_known() {
    // The example of GitHub's documentation of its webhooks.
    let push = signed_by(SignatureParts {
        prefix: "sha256=".to_owned(),
        ..parts("x-hub-signature-256", b"It's a Secret to Everybody")
    });
    let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let headers = sent(&[("x-hub-signature-256", signature)]);
    assert!(check(&push, &headers, b"Hello, World!", 0).is_ok());
    let upper = sent(&[(
        "x-hub-signature-256",
        &signature.to_uppercase().replace("SHA256", "sha256"),
    )]);
    assert!(check(&push, &upper, b"Hello, World!", 0).is_ok());
    let bare = sent(&[(
        "x-hub-signature-256",
        signature.strip_prefix("sha256=").unwrap(),
    )]);
    assert_eq!(
        check(&push, &bare, b"Hello, World!", 0),
        Err(Unproven::Signature)
    );
}

fn hex_of(algorithm: hmac::Algorithm, key: &[u8], text: &str) -> String {
    let tag = hmac::sign(&hmac::Key::new(algorithm, key), text.as_bytes());
    turnpike_schemas::hex::hex(tag.as_ref())
}

#[test]
fn a_timestamp_beside_the_signature_is_found_in_both_forms() {
    let (key, now, body) = (b"a secret", 1_772_608_532, "{}");
    let bar = signed_by(SignatureParts {
        form: Form::Bar,
        signed: Template::parse("{timestamp}|{body}").unwrap(),
        timestamp: Some((TimestampPlace::InSignature, TimestampUnit::Seconds)),
        ..parts("x-vendor-signature", key)
    });
    let hash = hex_of(hmac::HMAC_SHA256, key, &format!("{now}|{body}"));
    let headers = sent(&[("x-vendor-signature", &format!("{hash}|{now}"))]);
    assert!(check(&bar, &headers, body.as_bytes(), now).is_ok());
    let later = sent(&[("x-vendor-signature", &format!("{hash}|{}", now + 1))]);
    assert_eq!(
        check(&bar, &later, body.as_bytes(), now),
        Err(Unproven::Signature)
    );
    let alone = sent(&[("x-vendor-signature", &hash)]);
    assert_eq!(
        check(&bar, &alone, body.as_bytes(), now),
        Err(Unproven::Signature)
    );

    let pairs = signed_by(SignatureParts {
        algorithm: Algorithm::Sha1,
        form: Form::Pairs {
            signature: "v1".to_owned(),
            timestamp: "t".to_owned(),
        },
        signed: Template::parse("{timestamp}.{body}").unwrap(),
        timestamp: Some((TimestampPlace::InSignature, TimestampUnit::Millis)),
        ..parts("x-vendor-signature", key)
    });
    let millis = now * 1_000;
    let hash = hex_of(
        hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        key,
        &format!("{millis}.{body}"),
    );
    let headers = sent(&[(
        "x-vendor-signature",
        &format!("t={millis},v1=00ff, v1={hash},v0=x"),
    )]);
    assert!(check(&pairs, &headers, body.as_bytes(), now).is_ok());
    let seconds = sent(&[("x-vendor-signature", &format!("t={now},v1={hash}"))]);
    assert_eq!(
        check(&pairs, &seconds, body.as_bytes(), now),
        Err(Unproven::Timestamp),
        "milliseconds by definition, never by magnitude"
    );
}

#[test]
fn a_token_and_a_secret_in_a_header_are_compared_whole() {
    let token = Push {
        proof: Proof::Token(TokenHash::of("a token")),
        idempotency_header: Some(HeaderName::from_static("idempotency-key")),
    };
    let basic = base64::engine::general_purpose::STANDARD.encode("agent:a token");
    for right in [
        "Bearer a token",
        "bearer a token",
        &format!("Basic {basic}"),
    ] {
        assert!(check(&token, &sent(&[("authorization", right)]), b"", 0).is_ok());
    }
    for wrong in [
        "a token",
        "Bearer a toke",
        "Bearer ",
        "Basic a token",
        "Digest a token",
    ] {
        let refused = check(&token, &sent(&[("authorization", wrong)]), b"", 0);
        assert_eq!(refused, Err(Unproven::Secret));
    }
    let named = |key| {
        let headers = sent(&[
            ("authorization", "Bearer a token"),
            ("idempotency-key", key),
        ]);
        move |body: &[u8]| check(&token_again(), &headers, body, 0).unwrap().identity
    };
    assert!(named("one")(b"a").is_some());
    assert_eq!(named("one")(b"a"), named("one")(b"a"));
    assert_ne!(named("one")(b"a"), named("two")(b"a"));
    assert_ne!(
        named("one")(b"a"),
        named("one")(b"b"),
        "a name used twice loses nothing"
    );

    let header = Push {
        proof: Proof::Header {
            name: HeaderName::from_static("x-webhook-key"),
            secret: TokenHash::of("a secret"),
        },
        idempotency_header: None,
    };
    assert!(check(&header, &sent(&[("x-webhook-key", "a secret")]), b"", 0).is_ok());
    let twice = sent(&[("x-webhook-key", "a secret"), ("x-webhook-key", "a secret")]);
    for wrong in [twice, sent(&[("x-webhook-key", "a")]), sent(&[])] {
        assert_eq!(check(&header, &wrong, b"", 0), Err(Unproven::Secret));
    }
    assert!(header.window().is_none());
}

#[test]
fn a_name_that_is_not_signed_makes_no_signed_message_another() {
    let key = b"an invented key";
    let push = Push {
        idempotency_header: Some(HeaderName::from_static("idempotency-key")),
        ..signed_by(parts("x-signature", key))
    };
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), b"a");
    let tag: String = tag.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    let named = |name| {
        let headers = sent(&[("x-signature", &tag), ("idempotency-key", name)]);
        check(&push, &headers, b"a", 0).unwrap()
    };
    let (one, two) = (named("one"), named("two"));
    assert!(one.identity.is_some() && one.named.is_some());
    assert_eq!(one.identity, two.identity);
    assert_ne!(one.named, two.named);
}

fn token_again() -> Push {
    Push {
        proof: Proof::Token(TokenHash::of("a token")),
        idempotency_header: Some(HeaderName::from_static("idempotency-key")),
    }
}

fn told(stored: u32) -> Told {
    Told {
        receipt: PushReceipt {
            stored,
            duplicates: 1,
            skipped: 2,
            rejected: 3,
        },
        reply: None,
    }
}

fn claimed(replays: &std::sync::Arc<Replays>, key: u8) -> Option<Claimed> {
    match replays.claim([key; 32]) {
        Claim::New(claimed) => Some(claimed),
        Claim::UnderWay | Claim::Known(_) => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_is_new_once_in_its_window_and_again_if_it_was_not_taken_in() {
    let replays = Replays::new(Duration::from_secs(600));
    let first = claimed(&replays, 1).unwrap();
    assert!(matches!(replays.claim([1; 32]), Claim::UnderWay));
    drop(first);
    let second = claimed(&replays, 1).expect("it was not taken in");
    second.answered(told(5));
    let Claim::Known(known) = replays.claim([1; 32]) else {
        panic!("it was taken in");
    };
    let again = known.again().receipt;
    assert_eq!(
        (
            again.stored,
            again.duplicates,
            again.skipped,
            again.rejected
        ),
        (0, 6, 2, 3)
    );
    assert!(claimed(&replays, 2).is_some(), "another message");
    tokio::time::advance(Duration::from_secs(599)).await;
    assert!(matches!(replays.claim([1; 32]), Claim::Known(_)));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(claimed(&replays, 1).is_some(), "forgotten");
}

#[test]
fn nothing_that_prints_shows_a_secret() {
    let push = signed_by(parts("x-signature", b"hush-hush"));
    let bytes = format!("{:?}", b"hush-hush");
    let shown = format!("{push:?} {:?}", parts("x-signature", b"hush-hush"));
    assert!(
        !shown.contains("hush") && !shown.contains(&bytes),
        "{shown}"
    );
}

proptest! {
    #[test]
    fn any_headers_and_any_body_are_refused_without_panic(
        signature in "[ -~]{0,120}",
        stamp in "[ -~]{0,30}",
        id in "[ -~]{0,30}",
        body in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let headers = sent(&[
            ("webhook-id", &id),
            ("webhook-timestamp", &stamp),
            ("webhook-signature", &signature),
        ]);
        prop_assert!(check(&standard(), &headers, &body, STANDARD.1).is_err());
    }

    #[test]
    fn any_template_is_taken_or_refused(text in "[a-z{}.|:]{0,24}") {
        if let Ok(template) = Template::parse(&text) {
            prop_assert_eq!(template.has_id(), text.contains("{id}"));
            prop_assert_eq!(template.has_timestamp(), text.contains("{timestamp}"));
        }
    }
}
