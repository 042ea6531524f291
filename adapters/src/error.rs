//! Errors that carry a decision: the adapter sees the status code, so the adapter says what it means.

use std::{fmt, time::Duration};

/// Result of every adapter call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong at a source and whether asking again can help.
///
/// Messages hold no plate, no vendor body and no secret.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    retry: Retry,
    operation: &'static str,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What kind of thing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The adapter does not do this; nothing was sent.
    Unsupported,
    /// What the source insists on being told is not disclosed by the agreement; nothing was sent.
    Undisclosed,
    /// The source refused the credentials.
    Unauthorized,
    /// The source said too many requests.
    RateLimited,
    /// The quota this gateway keeps for the source is used up; nothing was sent.
    QuotaExhausted,
    /// The source cannot be reached, answered with a server error, or its breaker is open.
    Unavailable,
    /// The attempt took longer than its limit.
    TimedOut,
    /// The source's answer could not be understood.
    Malformed,
    /// The request was refused by the source as wrong, or the configuration is wrong.
    Config,
}

/// Whether asking again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// No.
    Never,
    /// Not before this long from now.
    After(Duration),
    /// Yes, with back-off.
    Backoff,
}

impl Error {
    /// An error of `kind` in `operation`.
    #[must_use]
    pub fn new(kind: ErrorKind, operation: &'static str, message: impl Into<String>) -> Self {
        let retry = match kind {
            ErrorKind::Unavailable | ErrorKind::RateLimited | ErrorKind::TimedOut => Retry::Backoff,
            _ => Retry::Never,
        };
        Self {
            kind,
            retry,
            operation,
            message: message.into(),
            source: None,
        }
    }

    /// The adapter does not do `operation`.
    #[must_use]
    pub fn unsupported(operation: &'static str) -> Self {
        Self::new(
            ErrorKind::Unsupported,
            operation,
            "not supported by this adapter",
        )
    }

    /// The same error with another retry decision.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// The same error with its cause. The cause is logged, so it must hold no plate and no secret.
    #[must_use]
    pub fn caused_by(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// What kind of thing went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether asking again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.retry
    }

    /// The operation that failed.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.operation
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operation, self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source
            .as_ref()
            .map(|source| &**source as &(dyn std::error::Error + 'static))
    }
}
