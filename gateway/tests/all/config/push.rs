//! How sources prove themselves, and that no problem repeats a secret.

use super::Installation;

const SECRET: &str = "hush-hush-5f0a";

fn pushing(push: &str) -> Installation {
    let text = format!(
        "[[sources]]\nid = \"town-cameras\"\nadapter = \"rekor\"\nagreement = \"agreements/town-cameras.toml\"\npush = {push}\n"
    );
    Installation::with_people(&text)
        .agreement("town-cameras")
        .file("secrets/cameras", SECRET)
        .variable("CAMERAS", SECRET)
}

#[test]
fn every_way_of_proof_loads_and_prints_no_secret() {
    let ways = [
        r#"{ secret_header = { name = "X-Key", secret = { env = "CAMERAS" } } }"#,
        r#"{ hmac = { header = "X-Signature", secret = { file = "secrets/cameras" } }, idempotency_header = "Idempotency-Key" }"#,
        r#"{ hmac = { header = "X-Signature", algorithm = "sha1", encoding = "base64", form = "bar", signed = "{timestamp}|{body}", timestamp_unit = "ms", tolerance_s = 30, secret = { file = "secrets/cameras" } } }"#,
        r#"{ hmac = { header = "X-Signature", form = "pairs", signature_key = "s", timestamp_key = "t", signed = "{timestamp}.{body}", secret = { file = "secrets/cameras" } } }"#,
        r#"{ hmac = { header = "Webhook-Signature", form = "list", prefix = "v1,", encoding = "base64", signed = "{id}.{timestamp}.{body}", id_header = "Webhook-Id", timestamp_header = "Webhook-Timestamp", secret_encoding = "base64", secret = { env = "STANDARD" } } }"#,
    ];
    for way in ways {
        let config = pushing(way)
            .variable("STANDARD", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
            .config();
        assert!(config.sources[0].push.is_some(), "{way}");
        let shown = format!("{config:?}");
        assert!(
            !shown.contains(SECRET) && !shown.contains("MfKQ9r8"),
            "{shown}"
        );
    }
}

#[test]
fn what_does_not_fit_together_is_named_and_no_secret_repeated() {
    let hmac = |rest: &str| {
        format!("{{ hmac = {{ header = \"X-S\", secret = {{ env = \"CAMERAS\" }}, {rest} }} }}")
    };
    let cases = [
        (
            "{}".to_owned(),
            "push.token_sha256`: is required, or `secret_header`, or `hmac`",
        ),
        (format!("\"{SECRET}\""), "push`: must be a table"),
        (
            format!("{{ hmac = \"{SECRET}\" }}"),
            "push.hmac`: must be a table",
        ),
        (
            format!("{{ token_sha256 = \"{SECRET}\" }}"),
            "push.token_sha256`: must be the SHA-256",
        ),
        (
            format!("{{ secret_header = {{ name = \"x\", secret = \"{SECRET}\" }} }}"),
            "push.secret_header.secret`: must be a reference",
        ),
        (
            "{ secret_header = { name = \"x\" } }".to_owned(),
            "push.secret_header.secret`: is required",
        ),
        (
            "{ secret_header = { name = \"a b\", secret = { env = \"CAMERAS\" } } }".to_owned(),
            "push.secret_header.name`: must be the name of a header",
        ),
        (
            format!(
                "{{ hmac = {{ header = \"x\", algorithm = \"{SECRET}\", secret = {{ env = \"CAMERAS\" }} }} }}"
            ),
            "push.hmac.algorithm`: must be one of sha256, sha512, sha1",
        ),
        (hmac("colour = \"blue\""), "push.hmac.colour`: unknown key"),
        (
            hmac("signed = \"{timestamp}.{body}\""),
            "push.hmac.timestamp_header`: is required",
        ),
        (
            hmac("timestamp_header = \"x\""),
            "push.hmac.signed`: must hold `{timestamp}`",
        ),
        (
            hmac("id_header = \"x\""),
            "push.hmac.signed`: must hold `{id}`",
        ),
        (hmac("signed = \"{url}{body}\""), "push.hmac.signed`: knows"),
        (
            hmac("signed = \"{timestamp}\", timestamp_header = \"x\""),
            "push.hmac.signed`: must hold `{body}` once",
        ),
        (
            hmac("tolerance_s = 100000"),
            "push.hmac.tolerance_s`: must be 1 to 3600",
        ),
        (
            hmac("form = \"bar\", signed = \"{timestamp}|{body}\", timestamp_header = \"x\""),
            "push.hmac.timestamp_header`: is in the signature's header already",
        ),
        (
            hmac("secret_encoding = \"base64\""),
            "push.hmac.secret`: is empty or not base64",
        ),
        (
            "{ hmac = { header = \"x\", secret_encoding = \"base64\", secret = { env = \"EMPTY\" } } }"
                .to_owned(),
            "push.hmac.secret`: is empty or not base64",
        ),
        (
            "{ token_sha256 = \"x\", hmac = { header = \"x\", secret = { env = \"CAMERAS\" } } }"
                .to_owned(),
            "push`: takes one of",
        ),
    ];
    for (push, wanted) in cases {
        let pushing = pushing(&push).variable("EMPTY", "whsec_");
        let problems = pushing.problems().join("\n");
        assert!(problems.contains(wanted), "{push}: {problems}");
        assert!(!problems.contains(SECRET), "{problems}");
    }
}
