//! The last entry of an answer's life: whether it was handed over, written once that is known.
//!
//! Nothing waits for it. An answer without one was on its way when the process ended. What a body hands to the connection
//! the connection may still lose: `completed` says that we gave all of it, not that somebody read it.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use turnpike_schemas::ledger::{Delivery, DeliveryEnd};

use crate::{federation::OnRecord, ledger::Ledger};

/// What is handed over at once. A connection takes a few of these ahead, so that one that ends early is noticed.
const PIECE: usize = 64 * 1024;

/// Records the ends of answers.
#[derive(Debug)]
pub(crate) struct Deliveries {
    ledger: Arc<Ledger>,
    recording: TaskTracker,
}

/// A body that is handed over in pieces and reports its end.
struct Watched {
    body: Body,
    /// Of the last frame, what is not handed over yet.
    rest: Bytes,
    bytes: u64,
    is_whole: bool,
    answer: OnRecord,
    ledger: Arc<Ledger>,
    recording: TaskTracker,
}

impl Deliveries {
    pub(crate) fn new(ledger: &Arc<Ledger>) -> Self {
        Self {
            ledger: Arc::clone(ledger),
            recording: TaskTracker::new(),
        }
    }

    /// The same body, whose end will be on record.
    pub(crate) fn watch(&self, answer: OnRecord, body: Body) -> Body {
        Body::new(Watched {
            body,
            rest: Bytes::new(),
            bytes: 0,
            is_whole: false,
            answer,
            ledger: Arc::clone(&self.ledger),
            recording: self.recording.clone(),
        })
    }

    /// Waits until every end that is known is on record or failed to be.
    pub(crate) async fn settled(&self) {
        self.recording.close();
        self.recording.wait().await;
    }
}

impl Watched {
    fn next_piece(&mut self) -> Frame<Bytes> {
        let piece = self.rest.split_to(self.rest.len().min(PIECE));
        self.bytes = self.bytes.saturating_add(piece.len() as u64);
        self.is_whole = self.rest.is_empty() && self.body.is_end_stream();
        Frame::data(piece)
    }
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(self.next_piece())));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        Poll::Ready(match frame {
            None => {
                self.is_whole = true;
                None
            }
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => {
                    self.rest = data;
                    Some(Ok(self.next_piece()))
                }
                Err(other) => Some(Ok(other)),
            },
            Some(Err(error)) => Some(Err(error)),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, inner) = (self.rest.len() as u64, self.body.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(rest));
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let (ledger, answer) = (Arc::clone(&self.ledger), self.answer);
        let delivery = Delivery {
            end: if self.is_whole {
                DeliveryEnd::Completed
            } else {
                DeliveryEnd::Aborted
            },
            bytes: self.bytes,
        };
        let record = async move {
            let OnRecord { question, intent } = answer;
            if let Err(error) = ledger.deliver(question, intent, delivery).await {
                metrics::counter!("turnpike_deliveries_unrecorded_total").increment(1);
                tracing::warn!(%error, intent, "the end of an answer is not on record");
            }
        };
        match Handle::try_current() {
            Ok(runtime) => drop(self.recording.spawn_on(record, &runtime)),
            Err(_) => tracing::warn!("the end of an answer came after the end of the gateway"),
        }
    }
}

#[cfg(test)]
mod tests;
