//! The same answer, source by source: each source's rows leave once their own outcome is durable.

use std::{sync::Arc, time::Duration};

use futures::StreamExt as _;
use tokio::sync::mpsc;
use turnpike_schemas::api::{Completeness, LedgerPosition, QueryRequest, StreamLine};

use super::{AskError, Federation, OnRecord, Plan, record, released};
use crate::{identity::Identity, ledger::LedgerError};

/// Lines waiting for a slow reader; the sources wait when it is full, up to the deadline.
const LINES: usize = 4;

/// Longest time a reader may take beyond the question's own deadline.
const SLOW_READER: Duration = Duration::from_secs(10);

/// A [`StreamLine`] as written, or the ledger's refusal that ends the stream.
pub type Line = Result<Vec<u8>, LedgerError>;

impl Federation {
    /// Asks every permitted source and gives each one's rows as soon as they are on record.
    ///
    /// The intent is durable when this returns. The stream ends with `done` once the outcome is durable; a reader that
    /// goes away ends the question, which is then closed as abandoned.
    ///
    /// # Errors
    /// [`AskError`]; then no source was contacted.
    pub async fn ask_streamed(
        self: Arc<Self>,
        identity: &Identity,
        request: &QueryRequest,
    ) -> Result<(OnRecord, mpsc::Receiver<Line>), AskError> {
        let plan = self.plan(identity, request).await?;
        let (sender, lines) = mpsc::channel(LINES);
        let (begun, on_record) = tokio::sync::oneshot::channel();
        let end = plan.deadline + SLOW_READER;
        tokio::spawn(async move {
            tokio::select! {
                // A dropped stream drops the ticket, and with it the question is closed as abandoned.
                () = sender.closed() => {}
                () = tokio::time::sleep_until(end.into()) => {}
                () = self.run(plan, begun, &sender) => {}
            }
        });
        match on_record.await {
            Ok(Ok(on_record)) => Ok((on_record, lines)),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(AskError::Ledger(LedgerError::Unavailable(
                crate::ledger::Unavailable::Closed,
            ))),
        }
    }

    async fn run(
        &self,
        plan: Plan,
        begun: tokio::sync::oneshot::Sender<Result<OnRecord, AskError>>,
        lines: &mpsc::Sender<Line>,
    ) {
        let mut running = match self.begin(plan).await {
            Ok(running) => running,
            Err(error) => {
                drop(begun.send(Err(error)));
                return;
            }
        };
        let first = StreamLine::Begun {
            query: running.id,
            window: running.query.window(),
            intent: running.ticket.intent(),
            justify_until: running.justify_until,
        };
        let on_record = OnRecord {
            question: running.id,
            intent: running.ticket.intent(),
        };
        if begun.send(Ok(on_record)).is_err() || lines.send(Ok(line(&first))).await.is_err() {
            return;
        }
        let (mut reports, mut count) = (Vec::new(), 0);
        while let Some(mut done) = running.pending.next().await {
            let covered = released::cover(&mut done.reads);
            let written = done.write();
            let part = record::source_outcome(&done.report, written.digest());
            if let Err(error) = self.ledger.outcome_part(&running.ticket, part).await {
                drop(lines.send(Err(error)).await);
                return;
            }
            self.released
                .remember(&running.requester, &running.query, covered, self.now());
            reports.push(done.report.clone());
            count += written.len();
            if lines
                .send(Ok(written.into_line(done.report)))
                .await
                .is_err()
            {
                return;
            }
        }
        let completeness = Completeness::of(&reports);
        let outcome = record::outcome(completeness, count, Vec::new());
        let last = self
            .ledger
            .finish(running.ticket, outcome)
            .await
            .map(|receipt| {
                line(&StreamLine::Done {
                    completeness,
                    ledger: LedgerPosition {
                        intent: receipt.intent,
                        outcome: receipt.outcome,
                    },
                })
            });
        drop(lines.send(last).await);
    }
}

/// The line without its end. A line that cannot be written is empty, and a stream without `done` is not an answer.
fn line(line: &StreamLine) -> Vec<u8> {
    serde_json::to_vec(line).unwrap_or_default()
}
