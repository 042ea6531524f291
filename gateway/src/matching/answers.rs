//! Reads that a source gave when an entry asked it, on their way to the task that settles what is told.

use tokio::sync::{mpsc, oneshot};

use crate::store::Current;

/// Answers that may wait at once.
const WAITING: usize = 16;

/// What one entry was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(super) entry: u64,
    pub(super) reads: Vec<Current>,
    pub(super) settled: oneshot::Sender<()>,
}

/// Where answers are handed in. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Answers(mpsc::Sender<Answer>);

impl Answers {
    /// Where answers are handed in, and where they come out.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Answer>) {
        let (sender, receiver) = mpsc::channel(WAITING);
        (Self(sender), receiver)
    }

    /// Hands an answer in. `true` once what came of it is on disk; otherwise nothing is certain, and the same reads may be handed
    /// in again.
    pub(crate) async fn settle(&self, entry: u64, reads: Vec<Current>) -> bool {
        if reads.is_empty() {
            return true;
        }
        let (settled, done) = oneshot::channel();
        let answer = Answer {
            entry,
            reads,
            settled,
        };
        self.0.send(answer).await.is_ok() && done.await.is_ok()
    }
}
