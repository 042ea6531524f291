//! `[sources.push]`: how a source proves that a message is its own.
//!
//! Taken apart by hand: an error of serde would repeat a secret that was written where its reference belongs.

use std::time::Duration;

use base64::Engine as _;
use http::HeaderName;

use super::{
    TokenHash,
    report::Report,
    sources::{Surroundings, resolve},
    validate::token_hash,
};
use crate::webhook::{
    Algorithm, Encoding, Form, Proof, Push, Signature, SignatureParts, Template, TimestampPlace,
    TimestampUnit,
};

const UNKNOWN: &str = "unknown key; see docs/configuration.md for those that exist";

/// A table that is read key by key; keys nobody asked for are problems.
struct Keys<'a> {
    at: String,
    table: toml::Table,
    report: &'a mut Report,
}

impl<'a> Keys<'a> {
    fn of(at: String, value: &toml::Value, report: &'a mut Report) -> Option<Self> {
        let Some(table) = value.as_table() else {
            report.add(at, "must be a table");
            return None;
        };
        let table = table.clone();
        Some(Self { at, table, report })
    }

    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.at)
    }

    fn problem(&mut self, name: &str, message: impl Into<String>) {
        let key = self.key(name);
        self.report.add(key, message);
    }

    fn text(&mut self, name: &str) -> Option<String> {
        match self.table.remove(name)? {
            toml::Value::String(text) => Some(text),
            _ => {
                self.problem(name, "must be a text");
                None
            }
        }
    }

    /// One of the known words, or the default.
    fn word<T: Copy>(&mut self, name: &str, known: &[(&str, T)], default: T) -> T {
        let Some(text) = self.text(name) else {
            return default;
        };
        let found = known.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
            self.problem(name, format!("must be one of {}", words.join(", ")));
        }
        found.map_or(default, |(_, value)| *value)
    }

    fn header(&mut self, name: &str) -> Option<HeaderName> {
        let text = self.text(name)?;
        let header = HeaderName::from_bytes(text.to_ascii_lowercase().as_bytes()).ok();
        if header.is_none() {
            self.problem(name, "must be the name of a header");
        }
        header
    }

    fn required_header(&mut self, name: &str) -> Option<HeaderName> {
        if !self.table.contains_key(name) {
            self.problem(name, "is required");
        }
        self.header(name)
    }

    /// Follows the reference under `secret`.
    fn secret(&mut self, around: &Surroundings<'_>) -> Option<String> {
        let Some(reference) = self.table.remove("secret") else {
            let message = "is required: `{ env = \"NAME\" }` or `{ file = \"path\" }`";
            self.problem("secret", message);
            return None;
        };
        let key = self.key("secret");
        let secret = self.report.check(key, resolve(&reference, around))?;
        Some(secret.expose().to_owned())
    }

    fn seconds(&mut self, name: &str, default: u64, most: u64) -> Duration {
        let value = match self.table.remove(name) {
            None => default,
            Some(toml::Value::Integer(seconds)) => u64::try_from(seconds).unwrap_or(0),
            Some(_) => {
                self.problem(name, "must be a number of seconds");
                default
            }
        };
        let key = self.key(name);
        Duration::from_secs(self.report.within(key, value, 1..=most))
    }

    fn finish(self) {
        for name in self.table.keys() {
            self.report.add(format!("{}.{name}", self.at), UNKNOWN);
        }
    }
}

/// What `push` of a source means.
pub(super) fn push(
    at: &str,
    value: &toml::Value,
    around: &mut Surroundings<'_>,
    report: &mut Report,
) -> Option<Push> {
    let at = format!("{at}.push");
    let mut keys = Keys::of(at.clone(), value, report)?;
    let ways = ["token_sha256", "secret_header", "hmac"];
    let given = ways.iter().filter(|way| keys.table.contains_key(**way));
    match given.count() {
        1 => {}
        0 => keys.problem("token_sha256", "is required, or `secret_header`, or `hmac`"),
        _ => keys.report.add(
            &at,
            "takes one of `token_sha256`, `secret_header` and `hmac`, not several",
        ),
    }
    let idempotency_header = keys.header("idempotency_header");
    let token = keys.text("token_sha256");
    let (header, hmac) = (
        keys.table.remove("secret_header"),
        keys.table.remove("hmac"),
    );
    keys.finish();
    let token = token.and_then(|text| {
        let key = format!("{at}.token_sha256");
        token_hash(&key, &text, around.tokens, report).map(Proof::Token)
    });
    let header = header.and_then(|value| secret_header(&at, &value, around, report));
    let hmac = hmac.and_then(|value| hmac_proof(&at, &value, around, report));
    Some(Push {
        proof: token.or(header).or(hmac)?,
        idempotency_header,
    })
}

fn secret_header(
    at: &str,
    value: &toml::Value,
    around: &Surroundings<'_>,
    report: &mut Report,
) -> Option<Proof> {
    let mut keys = Keys::of(format!("{at}.secret_header"), value, report)?;
    let (name, secret) = (keys.required_header("name"), keys.secret(around));
    keys.finish();
    let secret = TokenHash::of(&secret?);
    Some(Proof::Header {
        name: name?,
        secret,
    })
}

fn hmac_proof(
    at: &str,
    value: &toml::Value,
    around: &Surroundings<'_>,
    report: &mut Report,
) -> Option<Proof> {
    let mut keys = Keys::of(format!("{at}.hmac"), value, report)?;
    let header = keys.required_header("header");
    let algorithm = keys.word("algorithm", &Algorithm::WORDS, Algorithm::Sha256);
    let encoding = keys.word("encoding", &Encoding::WORDS, Encoding::Hex);
    let prefix = keys.text("prefix").unwrap_or_default();
    let form = form(&mut keys);
    let signed = keys.text("signed").unwrap_or_else(|| "{body}".to_owned());
    let signed = match Template::parse(&signed) {
        Ok(template) => Some(template),
        Err(message) => {
            keys.problem("signed", message);
            None
        }
    };
    let timestamp_header = keys.header("timestamp_header");
    let unit = keys.word(
        "timestamp_unit",
        &TimestampUnit::WORDS,
        TimestampUnit::Seconds,
    );
    let id_header = keys.header("id_header");
    let tolerance = keys.seconds("tolerance_s", 300, 3_600);
    let key = secret_bytes(&mut keys, around);
    let timestamp = match (&form, timestamp_header) {
        (Form::Pairs { .. } | Form::Bar, Some(_)) => {
            keys.problem("timestamp_header", "is in the signature's header already");
            None
        }
        (Form::Pairs { .. } | Form::Bar, None) => Some(TimestampPlace::InSignature),
        (_, header) => header.map(TimestampPlace::Header),
    };
    if let Some(signed) = &signed {
        agree(
            &mut keys,
            "timestamp_header",
            timestamp.is_some(),
            signed.has_timestamp(),
            "{timestamp}",
        );
        agree(
            &mut keys,
            "id_header",
            id_header.is_some(),
            signed.has_id(),
            "{id}",
        );
    }
    keys.finish();
    Some(Proof::Signature(Box::new(Signature::new(SignatureParts {
        key: key?,
        algorithm,
        header: header?,
        form,
        encoding,
        prefix,
        signed: signed?,
        timestamp: timestamp.map(|place| (place, unit)),
        id_header,
        tolerance,
    }))))
}

/// What is not signed proves nothing, and what is signed must be found.
fn agree(keys: &mut Keys<'_>, name: &str, given: bool, signed: bool, placeholder: &str) {
    if given && !signed {
        keys.problem(
            "signed",
            format!("must hold `{placeholder}`: what is not signed proves nothing"),
        );
    }
    if signed && !given {
        keys.problem(name, format!("is required: `signed` holds `{placeholder}`"));
    }
}

fn form(keys: &mut Keys<'_>) -> Form {
    let words = [("plain", 0), ("list", 1), ("pairs", 2), ("bar", 3)];
    match keys.word("form", &words, 0) {
        1 => Form::List,
        2 => Form::Pairs {
            signature: keys
                .text("signature_key")
                .unwrap_or_else(|| "v1".to_owned()),
            timestamp: keys.text("timestamp_key").unwrap_or_else(|| "t".to_owned()),
        },
        3 => Form::Bar,
        _ => Form::Plain,
    }
}

fn secret_bytes(keys: &mut Keys<'_>, around: &Surroundings<'_>) -> Option<Vec<u8>> {
    let encoding = keys.word(
        "secret_encoding",
        &[("text", false), ("base64", true)],
        false,
    );
    let secret = keys.secret(around)?;
    if !encoding {
        return Some(secret.into_bytes());
    }
    // Standard Webhooks marks its secrets.
    let text = secret.strip_prefix("whsec_").unwrap_or(&secret);
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).ok();
    // Anybody can sign with an empty key.
    let bytes = bytes.filter(|bytes| !bytes.is_empty());
    if bytes.is_none() {
        keys.problem(
            "secret",
            "is empty or not base64, which `secret_encoding` says it is",
        );
    }
    bytes
}
