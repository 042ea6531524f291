//! A system of somebody who has alert lists: takes webhooks, and checks what proves them by hand.
//!
//! Sources: Standard Webhooks (<https://www.standardwebhooks.com>) and CloudEvents 1.0 (<https://cloudevents.io>).

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, extract::State, routing::post};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{lock, server::Server};

/// Length of a block of SHA-256, in bytes.
const BLOCK: usize = 64;

/// A message as it arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its identity.
    pub id: String,
    /// Type of the event.
    pub kind: String,
    /// What it tells.
    pub data: Value,
    /// Whether the signature is one of the secret.
    pub is_proven: bool,
}

#[derive(Debug, Default)]
struct Seen {
    secret: Vec<u8>,
    messages: Vec<Message>,
}

/// The system.
#[derive(Debug)]
pub struct Receiver {
    server: Server,
    seen: Arc<Mutex<Seen>>,
}

impl Receiver {
    /// On a free port of this machine.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let router = Router::new()
            .route("/hits", post(take))
            .with_state(Arc::clone(&seen));
        Ok(Self {
            server: Server::start(router).await?,
            seen,
        })
    }

    /// Where messages are posted.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}/hits", self.server.origin())
    }

    /// What proves messages from now on: `whsec_` and base64.
    pub fn trust(&self, secret: &str) {
        let encoded = secret.trim().trim_start_matches("whsec_");
        lock(&self.seen).secret = STANDARD.decode(encoded).unwrap_or_default();
    }

    /// Every message so far, in the order of arrival.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        lock(&self.seen).messages.clone()
    }

    /// How often each message came.
    #[must_use]
    pub fn by_id(&self) -> BTreeMap<String, usize> {
        let mut times = BTreeMap::new();
        for message in self.messages() {
            *times.entry(message.id).or_insert(0) += 1;
        }
        times
    }
}

async fn take(State(seen): State<Arc<Mutex<Seen>>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let text = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let (id, at, signatures) = (
        text("webhook-id"),
        text("webhook-timestamp"),
        text("webhook-signature"),
    );
    let mut seen = lock(&seen);
    let mut signed = format!("{id}.{at}.").into_bytes();
    signed.extend_from_slice(&body);
    let expected = format!("v1,{}", STANDARD.encode(hmac(&seen.secret, &signed)));
    let event: Value = serde_json::from_slice(&body).unwrap_or_default();
    let message = Message {
        id,
        kind: event
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        data: event.get("data").cloned().unwrap_or_default(),
        is_proven: signatures.split(' ').any(|signature| signature == expected),
    };
    let status = if message.is_proven {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::UNAUTHORIZED
    };
    seen.messages.push(message);
    status
}

/// HMAC-SHA-256 (RFC 2104).
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; BLOCK];
    let hashed;
    let key = if key.len() > BLOCK {
        hashed = Sha256::digest(key);
        &hashed[..]
    } else {
        key
    };
    for (place, byte) in block.iter_mut().zip(key) {
        *place = *byte;
    }
    let keyed = |pad: u8| Sha256::new_with_prefix(block.map(|byte| byte ^ pad));
    let inner = keyed(0x36).chain_update(message).finalize();
    keyed(0x5c).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_that_of_the_standard() {
        // RFC 4231, test case 2.
        let code = hmac(b"Jefe", b"what do ya want for nothing?");
        let wanted = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let hex: String = code.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, wanted);
    }
}
