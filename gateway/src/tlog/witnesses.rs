//! Asking the witnesses of a log to vouch for it, again and again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use reqwest::{Client, StatusCode};
use tokio_util::sync::CancellationToken;
use turnpike_schemas::tlog::{
    AddCheckpoint, Note, NoteSignature, Policy, PolicyWitness, TileHashes, TlogError, consistency,
};

use super::{AwsEd25519, FolderError};
use crate::ledger::{Head, Ledger, Published};

/// File of the newest checkpoint that the quorum vouched for, beside the newest one.
pub const WITNESSED: &str = "witnessed";

/// Longest wait for one witness.
const PATIENCE: Duration = Duration::from_secs(10);

/// The witnesses of a log.
#[derive(Debug, Clone)]
pub struct Witnesses {
    /// Who they are, and how many are enough.
    pub policy: Policy,
    /// How long ago enough of them may have vouched.
    pub max_age: Duration,
}

/// The task that asks them.
#[derive(Debug)]
pub struct Asking {
    witnesses: Witnesses,
    ledger: Arc<Ledger>,
    published: Published,
    client: Client,
    /// Pause between two rounds when nothing new was signed, so that a quiet ledger stays vouched for.
    again_after: Duration,
    /// Size each witness cosigned last, as far as known.
    sizes: BTreeMap<String, u64>,
}

/// Why a witness did not vouch.
#[derive(Debug, thiserror::Error)]
enum Declined {
    #[error("cannot be reached: {0}")]
    Unreachable(#[from] reqwest::Error),
    #[error("answers {0}")]
    Answered(StatusCode),
    #[error("last cosigned {0} entries, more than there are")]
    Ahead(u64),
    #[error("{0}")]
    Log(#[from] TlogError),
    #[error("{0}")]
    Folder(#[from] FolderError),
}

impl Asking {
    /// Prepares to ask, and from now on lets `ledger` take questions only while the quorum has vouched lately enough. What
    /// was vouched for before the start counts. `None` when the ledger is not signed.
    ///
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn prepare(ledger: &Arc<Ledger>, witnesses: Witnesses) -> reqwest::Result<Option<Self>> {
        let Some(published) = ledger.published().cloned() else {
            return Ok(None);
        };
        ledger.require_witnesses(witnesses.max_age);
        let asking = Self {
            again_after: (witnesses.max_age / 8).clamp(Duration::from_millis(50), PATIENCE),
            witnesses,
            ledger: Arc::clone(ledger),
            published,
            client: client()?,
            sizes: BTreeMap::new(),
        };
        asking.recall();
        Ok(Some(asking))
    }

    /// Pause between two rounds when nothing new was signed.
    #[cfg(test)]
    pub(super) fn pause(&mut self, pause: Duration) {
        self.again_after = pause;
    }

    /// Asks about every new checkpoint, and again from time to time, until stopped.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut heads = self.published.heads();
        loop {
            let head = heads.borrow_and_update().clone();
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.round(&head) => {}
            }
            let changed = tokio::time::timeout(self.again_after, heads.changed());
            tokio::select! {
                () = stop.cancelled() => return,
                changed = changed => if matches!(changed, Ok(Err(_))) { return },
            }
        }
    }

    /// Asks all of them about one checkpoint and keeps it when enough vouch.
    async fn round(&mut self, head: &Head) {
        let asked: Vec<(PolicyWitness, u64)> = self
            .witnesses
            .policy
            .witnesses()
            .iter()
            .map(|witness| {
                let known = self.sizes.get(&witness.name).copied();
                (witness.clone(), known.unwrap_or(0))
            })
            .collect();
        let answers = asked
            .iter()
            .map(|(witness, old)| self.ask(witness, *old, head));
        let answers = join_all(answers).await;
        let Ok(mut note) = Note::parse(&head.note) else {
            return;
        };
        for ((witness, _), answer) in asked.iter().zip(answers) {
            match answer {
                Ok(signature) => {
                    self.sizes.insert(witness.name.clone(), head.size);
                    note.add(signature);
                }
                Err(error) => {
                    self.sizes.remove(&witness.name);
                    tracing::warn!(witness = witness.name, %error, "a witness does not vouch for the ledger");
                }
            }
        }
        if let Err(error) = self.keep(&note) {
            tracing::error!(%error, "the witnessed checkpoint cannot be kept");
        }
    }

    /// Asks one witness; once more when it cosigned another size last than was thought.
    async fn ask(
        &self,
        witness: &PolicyWitness,
        old: u64,
        head: &Head,
    ) -> Result<NoteSignature, Declined> {
        let mut old = old.min(head.size);
        for last in [false, true] {
            let response = self.post(witness, old, head).await?;
            let status = response.status();
            let body = response.text().await?;
            if status == StatusCode::CONFLICT && !last {
                let size = body
                    .trim_end()
                    .parse()
                    .map_err(|_| Declined::Answered(status))?;
                if size > head.size {
                    return Err(Declined::Ahead(size));
                }
                old = size;
                continue;
            }
            if status != StatusCode::OK {
                return Err(Declined::Answered(status));
            }
            return Ok(cosignature(witness, head, &body)?);
        }
        Err(Declined::Answered(StatusCode::CONFLICT))
    }

    async fn post(
        &self,
        witness: &PolicyWitness,
        old: u64,
        head: &Head,
    ) -> Result<reqwest::Response, Declined> {
        let (folder, size) = (self.published.folder(), head.size);
        let proof = tokio::task::spawn_blocking(move || {
            consistency(&TileHashes::new(&folder, size), old, size)
        });
        let proof = proof.await.unwrap_or(Err(TlogError::OutOfRange.into()))?;
        let request = AddCheckpoint {
            old,
            proof,
            checkpoint: Note::parse(&head.note)?,
        };
        let prefix = witness.url.as_deref().unwrap_or_default();
        let address = format!("{}/add-checkpoint", prefix.trim_end_matches('/'));
        let request = self.client.post(address).body(request.to_string());
        Ok(request.send().await?)
    }

    /// Keeps a checkpoint that the quorum vouches for, and tells the ledger since when.
    fn keep(&self, note: &Note) -> Result<(), FolderError> {
        match self.witnesses.policy.cosigned_at(note, &AwsEd25519) {
            Ok(Some(time)) => {
                let folder = self.published.folder();
                folder.put(WITNESSED, note.to_string().as_bytes())?;
                self.vouch(time);
                Ok(())
            }
            Ok(None) | Err(TlogError::Quorum) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// What was vouched for before the last stop.
    fn recall(&self) {
        let Ok(Some(text)) = self.published.folder().text(WITNESSED) else {
            return;
        };
        let time = Note::parse(&text)
            .and_then(|note| self.witnesses.policy.cosigned_at(&note, &AwsEd25519));
        if let Ok(Some(time)) = time {
            self.vouch(time);
        }
    }

    fn vouch(&self, time: u64) {
        let time = i64::try_from(time).ok();
        if let Some(at) = time.and_then(|time| Timestamp::from_second(time).ok()) {
            self.ledger.vouched(at);
        }
    }
}

/// The cosignature of `witness` in its answer. Lines by other keys are ignored.
fn cosignature(
    witness: &PolicyWitness,
    head: &Head,
    answer: &str,
) -> Result<NoteSignature, TlogError> {
    let mine = |signature: &NoteSignature| {
        signature.name() == witness.key.name() && signature.id() == witness.key.id()
    };
    let signature = answer
        .lines()
        .filter_map(|line| NoteSignature::parse(line).ok())
        .find(mine)
        .ok_or_else(|| TlogError::Unsigned(witness.key.name().to_owned()))?;
    let mut note = Note::parse(&head.note)?;
    note.add(signature.clone());
    witness.key.check_cosignature(&note, &AwsEd25519)?;
    Ok(signature)
}

#[expect(
    clippy::disallowed_methods,
    reason = "witnesses are no sources: nothing but checkpoints is sent, to addresses of the policy alone"
)]
pub(super) fn client() -> reqwest::Result<Client> {
    Client::builder()
        .timeout(PATIENCE)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
}
