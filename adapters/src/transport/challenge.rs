//! HTTP Basic and Digest (RFC 7617, RFC 7616) for sources whose streams ask for them.
//!
//! Digest is preferred wherever it is offered, SHA-256 over MD5; Basic is the answer only to a source that knows nothing
//! else. Deliberately absent: `auth-int`, and sending anything before the source has asked.

use std::fmt;

use base64::Engine as _;
use http::{HeaderMap, HeaderValue, header};
use sha2::{Digest as _, Sha256};

use crate::context::Secret;

/// A name and a password for one source.
#[derive(Clone)]
pub struct Login {
    username: Secret,
    password: Secret,
}

/// One challenge of a 401.
#[derive(Debug, Default)]
struct Challenge {
    scheme: String,
    parameters: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    Basic,
    Md5,
    Sha256,
}

impl Login {
    /// A name and its password.
    #[must_use]
    pub fn new(username: Secret, password: Secret) -> Self {
        Self { username, password }
    }

    /// The name. Every exit names this method.
    #[must_use]
    pub fn username(&self) -> &str {
        self.username.expose()
    }

    /// The password. Every exit names this method.
    #[must_use]
    pub fn password(&self) -> &str {
        self.password.expose()
    }

    /// The `authorization` for the strongest challenge understood; `None` where there is none.
    pub(super) fn answer(
        &self,
        headers: &HeaderMap,
        uri: &str,
        cnonce: &str,
    ) -> Option<HeaderValue> {
        let sent = headers.get_all(header::WWW_AUTHENTICATE);
        let challenges = sent.iter().filter_map(|value| value.to_str().ok());
        let challenges = challenges.flat_map(challenges_of);
        let ranked = challenges.filter_map(|challenge| Some((challenge.strength()?, challenge)));
        let (strength, challenge) = ranked.max_by_key(|(strength, _)| *strength)?;
        let text = match strength {
            Strength::Basic => self.basic(),
            Strength::Md5 => self.digest(&challenge, uri, cnonce, &md5_hex)?,
            Strength::Sha256 => self.digest(&challenge, uri, cnonce, &sha256_hex)?,
        };
        let mut value = HeaderValue::from_bytes(text.as_bytes()).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    fn basic(&self) -> String {
        let pair = format!("{}:{}", self.username(), self.password());
        let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
        format!("Basic {encoded}")
    }

    fn digest(
        &self,
        challenge: &Challenge,
        uri: &str,
        cnonce: &str,
        hash: &dyn Fn(&str) -> String,
    ) -> Option<String> {
        let (realm, nonce) = (challenge.get("realm")?, challenge.get("nonce")?);
        let algorithm = challenge.get("algorithm");
        let mut secret = hash(&format!("{}:{realm}:{}", self.username(), self.password()));
        if algorithm.is_some_and(|name| name.to_ascii_lowercase().ends_with("-sess")) {
            secret = hash(&format!("{secret}:{nonce}:{cnonce}"));
        }
        let request = hash(&format!("GET:{uri}"));
        let mut text = format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{uri}\"",
            quoted(self.username()),
            quoted(realm),
            quoted(nonce),
        );
        let response = if challenge.get("qop").is_some() {
            text.push_str(&format!(", qop=auth, nc=00000001, cnonce=\"{cnonce}\""));
            hash(&format!(
                "{secret}:{nonce}:00000001:{cnonce}:auth:{request}"
            ))
        } else {
            hash(&format!("{secret}:{nonce}:{request}"))
        };
        text.push_str(&format!(", response=\"{response}\""));
        for (name, value) in [
            ("algorithm", algorithm),
            ("opaque", challenge.get("opaque")),
        ] {
            match value {
                Some(value) if name == "opaque" => {
                    text.push_str(&format!(", {name}=\"{}\"", quoted(value)));
                }
                Some(value) => text.push_str(&format!(", {name}={value}")),
                None => {}
            }
        }
        Some(text)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login")
    }
}

impl Challenge {
    fn get(&self, name: &str) -> Option<&str> {
        let mut named = self.parameters.iter().filter(|(known, _)| known == name);
        named.next().map(|(_, value)| value.as_str())
    }

    fn strength(&self) -> Option<Strength> {
        if self.scheme.eq_ignore_ascii_case("basic") {
            return Some(Strength::Basic);
        }
        let offers_auth = self.get("qop").is_none_or(|qop| {
            let mut offered = qop.split(',').map(str::trim);
            offered.any(|one| one.eq_ignore_ascii_case("auth"))
        });
        let usable = self.scheme.eq_ignore_ascii_case("digest")
            && offers_auth
            && self.get("realm").is_some()
            && self.get("nonce").is_some();
        let algorithm = self.get("algorithm").unwrap_or("MD5").to_ascii_uppercase();
        match algorithm.as_str() {
            "MD5" | "MD5-SESS" if usable => Some(Strength::Md5),
            "SHA-256" | "SHA-256-SESS" if usable => Some(Strength::Sha256),
            _ => None,
        }
    }
}

/// The challenges of one header line; several can stand in one, separated by the commas that separate parameters too.
fn challenges_of(line: &str) -> Vec<Challenge> {
    let mut challenges: Vec<Challenge> = Vec::new();
    for item in items(line) {
        let (head, value) = match item.split_once('=') {
            Some((head, value)) => (head.trim(), Some(value.trim())),
            None => (item.trim(), None),
        };
        // `Digest realm="..."`: the first parameter stands behind the name of its scheme.
        let (scheme, name) = match head.rsplit_once(char::is_whitespace) {
            Some((scheme, name)) => (Some(scheme.trim()), name),
            None if value.is_none() => (Some(head), ""),
            None => (None, head),
        };
        if let Some(scheme) = scheme {
            challenges.push(Challenge {
                scheme: scheme.to_owned(),
                parameters: Vec::new(),
            });
        }
        if let (Some(value), Some(challenge)) = (value, challenges.last_mut()) {
            let parameter = (name.to_ascii_lowercase(), unquoted(value));
            challenge.parameters.push(parameter);
        }
    }
    challenges
}

/// Splits at commas outside quotes.
fn items(line: &str) -> Vec<String> {
    let (mut items, mut item) = (Vec::new(), String::new());
    let (mut is_quoted, mut is_escaped) = (false, false);
    for character in line.chars() {
        match character {
            ',' if !is_quoted => items.push(std::mem::take(&mut item)),
            _ => item.push(character),
        }
        is_quoted ^= character == '"' && !is_escaped;
        is_escaped = character == '\\' && !is_escaped;
    }
    items.push(item);
    items.retain(|item| !item.trim().is_empty());
    items
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')) else {
        return value.to_owned();
    };
    let (mut text, mut is_escaped) = (String::new(), false);
    for character in inner.chars() {
        is_escaped = character == '\\' && !is_escaped;
        if !is_escaped {
            text.push(character);
        }
    }
    text
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

fn md5_hex(text: &str) -> String {
    format!("{:x}", md5::compute(text))
}

fn sha256_hex(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RFC_7616: &str = concat!(
        r#"realm="http-auth@example.org", qop="auth, auth-int", "#,
        r#"nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#
    );
    const CNONCE: &str = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";

    fn answered(lines: &[String]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::WWW_AUTHENTICATE, line.parse().unwrap());
        }
        let login = Login::new(Secret::new("Mufasa"), Secret::new("Circle of Life"));
        let value = login.answer(&headers, "/dir/index.html", CNONCE)?;
        assert!(value.is_sensitive());
        Some(value.to_str().unwrap().to_owned())
    }

    fn digest(algorithm: &str) -> String {
        format!("Digest {RFC_7616}, algorithm={algorithm}")
    }

    #[test]
    fn the_examples_of_the_rfc_come_out() {
        for (algorithm, response) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            (
                "SHA-256",
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
        ] {
            let answer = answered(&[digest(algorithm)]).unwrap();
            let named = format!("response=\"{response}\"");
            assert!(answer.contains(&named), "{answer}");
            assert!(answer.contains("qop=auth, nc=00000001"), "{answer}");
        }
    }

    #[test]
    fn the_strongest_challenge_is_answered_however_they_are_written() {
        let basic = "Basic realm=\"x, y\"".to_owned();
        let joined = format!("{basic}, {}, {}", digest("MD5"), digest("SHA-256"));
        let apart = [digest("SHA-256"), basic.clone(), digest("MD5")];
        for lines in [std::slice::from_ref(&joined), &apart] {
            let answer = answered(lines).unwrap();
            assert!(answer.contains("algorithm=SHA-256"), "{answer}");
        }
        let answer = answered(std::slice::from_ref(&basic)).unwrap();
        assert_eq!(answer, "Basic TXVmYXNhOkNpcmNsZSBvZiBMaWZl");
    }

    #[test]
    fn an_old_digest_without_qop_and_algorithm_is_answered() {
        let line = r#"Digest realm="DS-2CD", nonce="abc""#.to_owned();
        let answer = answered(&[line]).unwrap();
        assert!(
            !answer.contains("qop") && answer.contains("response="),
            "{answer}"
        );
    }

    #[test]
    fn what_is_not_understood_is_not_answered() {
        for line in [
            "Negotiate",
            "Bearer realm=\"x\"",
            "Digest realm=\"x\"",
            "Digest realm=\"x\", nonce=\"y\", qop=\"auth-int\"",
            "Digest realm=\"x\", nonce=\"y\", algorithm=SHA-512-256",
            "",
            ",,,=",
            "\"",
        ] {
            assert_eq!(answered(&[line.to_owned()]), None, "{line}");
        }
    }

    #[test]
    fn a_login_does_not_print() {
        let login = Login::new(Secret::new("camera"), Secret::new("hunter2"));
        assert_eq!(format!("{login:?}"), "Login");
    }
}
