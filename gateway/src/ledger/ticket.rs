//! Proof that an intent is on disk.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool,
    Ordering::{Relaxed, SeqCst},
};
use std::sync::mpsc::SyncSender;

use turnpike_schemas::ledger::InterruptReason;
use uuid::Uuid;

use super::LedgerError;
use super::shared::{Owed, Shared};
use super::writer::Message;

/// Proof that an intent and its decisions are on disk. Only [`Ledger::begin`](super::Ledger::begin) makes one, and only
/// [`Ledger::finish`](super::Ledger::finish) takes it; one that is dropped instead leads to an `interrupted` entry.
#[must_use = "a question that was begun must be finished"]
pub struct Ticket {
    question: Uuid,
    intent: Option<u64>,
    /// The ledger is why there will be no outcome.
    ledger_failed: AtomicBool,
    gave_up: Arc<AtomicBool>,
    shared: Arc<Shared>,
    writer: SyncSender<Message>,
}

impl Ticket {
    /// The question.
    #[must_use]
    pub fn question(&self) -> Uuid {
        self.question
    }

    /// Index of the intent.
    #[must_use]
    pub fn intent(&self) -> u64 {
        self.intent.unwrap_or_default()
    }

    pub(super) fn blank(question: Uuid, shared: Arc<Shared>, writer: SyncSender<Message>) -> Self {
        let gave_up = Arc::new(AtomicBool::new(false));
        Self {
            question,
            intent: None,
            ledger_failed: AtomicBool::new(false),
            gave_up,
            shared,
            writer,
        }
    }

    /// The intent is on disk: from here on dropping the ticket is recorded.
    pub(super) fn arm(&mut self, intent: u64) {
        if self.intent.is_none() {
            self.intent = Some(intent);
            self.shared.open_tickets.fetch_add(1, Relaxed);
        }
    }

    /// Nothing is owed for this ticket any more.
    pub(super) fn disarm(&mut self) {
        if self.intent.take().is_some() {
            self.shared.open_tickets.fetch_sub(1, Relaxed);
        }
    }

    pub(super) fn blame_ledger(&self) {
        self.ledger_failed.store(true, SeqCst);
    }

    /// Takes note of a failure after which this ticket is dropped.
    pub(super) fn blame(&self, error: &LedgerError) {
        match error {
            LedgerError::Deadline => self.gave_up.store(true, SeqCst),
            LedgerError::Unavailable(_) => self.blame_ledger(),
            _ => {}
        }
    }

    /// Set when the caller stopped waiting, wherever the ticket is by then.
    pub(super) fn gave_up(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.gave_up)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let Some(intent) = self.intent else { return };
        self.disarm();
        let reason = if self.gave_up.load(SeqCst) {
            InterruptReason::LedgerDeadline
        } else if self.ledger_failed.load(SeqCst) {
            InterruptReason::LedgerUnavailable
        } else {
            InterruptReason::Abandoned
        };
        self.shared.owe(Owed {
            intent,
            question: Some(self.question),
            reason,
        });
        // A full queue needs no nudge: the writer looks at what it owes with every batch.
        drop(self.writer.try_send(Message::Nudge));
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("question", &self.question)
            .field("intent", &self.intent)
            .finish_non_exhaustive()
    }
}
