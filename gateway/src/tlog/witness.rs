//! A small reference witness: cosigns checkpoints of logs it was told about, as long as each continues the one before.
//!
//! The [tlog-witness](https://c2sp.org/tlog-witness) protocol. Meant for an oversight body that has a machine of its own; it
//! keeps one file a log. Guarantees: what it cosigned last is durable before the cosignature leaves, and two requests
//! about one log are never looked at together.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::{HeaderValue, StatusCode, header};
use sha2::{Digest as _, Sha256};
use turnpike_schemas::hex::hex;
use turnpike_schemas::tlog::{
    AddCheckpoint, Checkpoint, Hash, SignedCheckpoint, TlogError, VerifierKey, verify_consistency,
};

use super::{AwsEd25519, Folder, FolderError, SigningKey};
use crate::ledger::Now;

/// The witness.
pub struct Witness {
    signer: SigningKey,
    logs: Vec<VerifierKey>,
    /// The checkpoint cosigned last, of each log. Held while a request is looked at.
    state: Mutex<Folder>,
    now: Now,
}

/// What a witness answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The signature line to add: 200.
    Cosigned(String),
    /// Not a request: 400.
    Malformed,
    /// Not signed by the log: 403.
    Unsigned,
    /// A log this witness was not told about: 404.
    Unknown,
    /// Another size was cosigned last, or another root of this size: 409.
    Conflict(u64),
    /// The proof does not lead from there to here: 422.
    Inconsistent,
    /// The state cannot be read or kept: 500.
    Failed,
}

impl Witness {
    /// A witness that signs with `signer` for `logs` and keeps its state in `state`.
    #[must_use]
    pub fn new(signer: SigningKey, logs: Vec<VerifierKey>, state: Folder, now: Now) -> Self {
        Self {
            signer,
            logs,
            state: Mutex::new(state),
            now,
        }
    }

    /// Its public key.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        self.signer.verifier()
    }

    /// `POST /add-checkpoint`.
    pub fn router(self) -> Router {
        Router::new()
            .route("/add-checkpoint", post(add_checkpoint))
            .with_state(Arc::new(self))
    }

    /// Looks at one request. Blocks.
    #[must_use]
    pub fn add_checkpoint(&self, body: &[u8]) -> Verdict {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.judge(&state, body).unwrap_or_else(|refused| refused)
    }

    fn judge(&self, state: &Folder, body: &[u8]) -> Result<Verdict, Verdict> {
        let text = str::from_utf8(body).map_err(|_| Verdict::Malformed)?;
        let request = AddCheckpoint::parse(text).map_err(|_| Verdict::Malformed)?;
        let named = Checkpoint::parse(request.checkpoint.text()).map_err(|_| Verdict::Malformed)?;
        let signed = self.open(&named.origin, &request.checkpoint.to_string())?;
        if request.old > signed.size() {
            return Err(Verdict::Malformed);
        }
        let file = file_of(&named.origin);
        let (size, root) = self.last(state, &file, &named.origin)?;
        if request.old != size || (size == signed.size() && root != *signed.root()) {
            return Err(Verdict::Conflict(size));
        }
        verify_consistency(
            &request.proof,
            (size, &root),
            (signed.size(), signed.root()),
        )
        .map_err(|_| Verdict::Inconsistent)?;
        // INVARIANT: kept before it is signed, so that no crash makes this witness vouch for two histories.
        state
            .put(&file, signed.note().to_string().as_bytes())
            .map_err(|error| failed(&error))?;
        let time = u64::try_from((self.now)().as_second()).map_err(|_| Verdict::Failed)?;
        let line = self
            .signer
            .cosign(signed.note().text(), time)
            .map_err(|_| Verdict::Failed)?;
        Ok(Verdict::Cosigned(format!("{line}\n")))
    }

    /// Opens the checkpoint under any key this witness knows for its log.
    fn open(&self, origin: &str, note: &str) -> Result<SignedCheckpoint, Verdict> {
        let keys: Vec<&VerifierKey> = self
            .logs
            .iter()
            .filter(|key| key.name() == origin)
            .collect();
        if keys.is_empty() {
            return Err(Verdict::Unknown);
        }
        keys.into_iter()
            .find_map(|key| SignedCheckpoint::open(note, key, &AwsEd25519).ok())
            .ok_or(Verdict::Unsigned)
    }

    /// Size and root of what was cosigned last for a log.
    fn last(&self, state: &Folder, file: &str, origin: &str) -> Result<(u64, Hash), Verdict> {
        let Some(note) = state.text(file).map_err(|error| failed(&error))? else {
            return Ok((0, Hash::of_nothing()));
        };
        let known = self.open(origin, &note).map_err(|_| Verdict::Failed)?;
        Ok((known.size(), *known.root()))
    }
}

impl std::fmt::Debug for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Witness")
            .field("key", &self.verifier().to_string())
            .field("logs", &self.logs.len())
            .finish_non_exhaustive()
    }
}

impl IntoResponse for Verdict {
    fn into_response(self) -> Response {
        let (status, body) = match self {
            Self::Cosigned(line) => (StatusCode::OK, line),
            Self::Malformed => (
                StatusCode::BAD_REQUEST,
                "not an add-checkpoint request\n".into(),
            ),
            Self::Unsigned => (StatusCode::FORBIDDEN, "not signed by this log\n".into()),
            Self::Unknown => (StatusCode::NOT_FOUND, "unknown log\n".into()),
            Self::Conflict(size) => (StatusCode::CONFLICT, format!("{size}\n")),
            Self::Inconsistent => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "the proof does not verify\n".into(),
            ),
            Self::Failed => (StatusCode::INTERNAL_SERVER_ERROR, String::new()),
        };
        let mut response = (status, body).into_response();
        let kind = match status {
            StatusCode::CONFLICT => "text/x.tlog.size",
            _ => "text/plain; charset=utf-8",
        };
        let kind = HeaderValue::from_static(kind);
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

async fn add_checkpoint(State(witness): State<Arc<Witness>>, body: Bytes) -> Verdict {
    let judged = tokio::task::spawn_blocking(move || witness.add_checkpoint(&body));
    judged.await.unwrap_or(Verdict::Failed)
}

fn file_of(origin: &str) -> String {
    format!("{}.checkpoint", hex(&Sha256::digest(origin)))
}

fn failed(error: &FolderError) -> Verdict {
    tracing::error!(%error, "the state of the witness cannot be used");
    Verdict::Failed
}

impl From<TlogError> for Verdict {
    fn from(_: TlogError) -> Self {
        Self::Malformed
    }
}
