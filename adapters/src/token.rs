//! OAuth 2.0 client credentials (RFC 6749 4.4): one token for all searches of a source, fetched once at a time.
//!
//! Here is what is the same for every source: keeping a token, giving it away while it is good, and reading the answer that
//! grants one. How a token is asked for, and what a refusal means, is the adapter's.

use std::{fmt, sync::Arc};

use http::HeaderValue;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use tokio::{
    sync::{Mutex, MutexGuard},
    time::{Instant, timeout_at},
};

use crate::{
    context::Context,
    error::{Error, ErrorKind, Result},
};

const OPERATION: &str = "token";

/// Life of a token whose answer does not say. Short, because nobody promised more.
const UNSTATED_LIFE_S: u32 = 300;

/// A token is not used in the last minute of its life, so that it does not expire on the way.
const MARGIN_S: u32 = 60;

/// The bearer token of one source.
///
/// The lock is held while a token is fetched, on purpose: whoever needs a token meanwhile waits for that one
/// instead of fetching another. A fetch that fails or is cancelled releases it, and the next in line tries.
#[derive(Debug, Default)]
pub(crate) struct Tokens(Mutex<Option<Arc<Token>>>);

/// A token as it is sent, and until when.
pub(crate) struct Token {
    bearer: HeaderValue,
    usable_until: Timestamp,
}

/// The vendor's answer to a request for a token.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    token_type: Option<String>,
    /// Seconds.
    expires_in: Option<u32>,
}

impl Tokens {
    /// A token that is usable now and is not `refused`: the one at hand, or else the one `fetch` brings.
    ///
    /// # Errors
    /// `TimedOut` when the deadline passes while another search fetches, and those of `fetch`.
    pub(crate) async fn get(
        &self,
        ctx: &Context,
        refused: Option<&Arc<Token>>,
        fetch: impl Future<Output = Result<Token>> + Send,
    ) -> Result<Arc<Token>> {
        let mut held = self.lock(ctx).await?;
        let now = ctx.now();
        let good = |token: &&Arc<Token>| {
            now < token.usable_until && refused.is_none_or(|refused| !Arc::ptr_eq(refused, token))
        };
        if let Some(token) = held.as_ref().filter(good) {
            return Ok(Arc::clone(token));
        }
        *held = None;
        let token = Arc::new(fetch.await?);
        *held = Some(Arc::clone(&token));
        Ok(token)
    }

    async fn lock(&self, ctx: &Context) -> Result<MutexGuard<'_, Option<Arc<Token>>>> {
        timeout_at(Instant::from_std(ctx.deadline()), self.0.lock())
            .await
            .map_err(|_| {
                Error::new(
                    ErrorKind::TimedOut,
                    OPERATION,
                    "no token before the deadline",
                )
            })
    }
}

impl Token {
    /// The token in an answer that grants one, to a request sent at `asked_at`.
    ///
    /// # Errors
    /// `Malformed` for what is not the answer of RFC 6749 5.1 with a bearer token.
    pub(crate) fn granted(body: &[u8], asked_at: Timestamp) -> Result<Self> {
        let granted = serde_json::from_slice(body)
            .map_err(|_| malformed("the answer is not the JSON of a token"))?;
        read(granted, asked_at)
    }

    /// The value of the `authorization` header; marked so that it does not print.
    pub(crate) fn bearer(&self) -> HeaderValue {
        self.bearer.clone()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token(usable until {})", self.usable_until)
    }
}

fn read(granted: Granted, asked_at: Timestamp) -> Result<Token> {
    let is_bearer = granted
        .token_type
        .is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
    if !is_bearer || granted.access_token.is_empty() {
        return Err(malformed("the answer holds no bearer token"));
    }
    let mut bearer = HeaderValue::try_from(format!("Bearer {}", granted.access_token))
        .map_err(|_| malformed("the token cannot be sent in a header"))?;
    bearer.set_sensitive(true);
    let life = granted.expires_in.unwrap_or(UNSTATED_LIFE_S);
    let usable = SignedDuration::from_secs(i64::from(life - MARGIN_S.min(life / 10)));
    Ok(Token {
        bearer,
        usable_until: asked_at.checked_add(usable).unwrap_or(Timestamp::MAX),
    })
}

fn malformed(message: &'static str) -> Error {
    Error::new(ErrorKind::Malformed, OPERATION, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(kind: Option<&str>, expires_in: Option<u32>) -> Granted {
        Granted {
            access_token: "invented-token".to_owned(),
            token_type: kind.map(str::to_owned),
            expires_in,
        }
    }

    fn life(expires_in: Option<u32>) -> i64 {
        let token = read(granted(Some("Bearer"), expires_in), Timestamp::UNIX_EPOCH).unwrap();
        token.usable_until.as_second()
    }

    #[test]
    fn a_token_is_put_away_shortly_before_it_expires() {
        for (expires_in, usable) in [
            (Some(86_400), 86_340),
            (Some(60), 54),
            (Some(1), 1),
            (Some(0), 0),
            (None, 270),
        ] {
            assert_eq!(life(expires_in), usable, "{expires_in:?}");
        }
    }

    #[test]
    fn only_bearer_tokens_are_sent() {
        for (kind, taken) in [(None, true), (Some("bearer"), true), (Some("mac"), false)] {
            let token = read(granted(kind, None), Timestamp::UNIX_EPOCH);
            assert_eq!(token.is_ok(), taken, "{kind:?}");
        }
    }

    #[test]
    fn a_token_does_not_print() {
        let token = read(granted(None, None), Timestamp::UNIX_EPOCH).unwrap();
        let printed = format!("{token:?} {:?}", token.bearer());
        assert!(!printed.contains("invented"), "{printed}");
    }
}
