//! The shape of what comes: looked at for whoever asks how it differs from the recorded one, and kept to it where that is
//! demanded.
//!
//! What is set aside is path and rule: a shape holds no value, and names that may be values are covered.

use std::{io::Read as _, path::Path, sync::Arc};

use jiff::Timestamp;
use turnpike_adapters::{
    adapter::{Message, Page, Rejection},
    conformance::{Payload, Shape, ShapeError, Via},
};
use turnpike_schemas::ledger::IngestWay;

use super::{Intake, IntakeError, files::name_of};
use crate::federation::Source;

/// Differences kept of one payload.
const MOST: usize = 100;

/// A payload whose shape is wanted.
pub(super) struct Look {
    /// It is time to look at one.
    is_due: bool,
    payload: Payload,
}

/// A longer file is not looked at: a part of one would lack what its end holds.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

impl Intake {
    /// The message as something to look at, where its shape is demanded or it is time to look.
    pub(super) fn look_at(&self, source: &Source, message: &Message) -> Option<Look> {
        let is_due = source.live_shape.is_due(self.clock.now());
        (is_due || source.shape.is_some()).then(|| Look {
            is_due,
            payload: Payload {
                what: String::new(),
                via: Via::Message,
                name: String::new(),
                content_type: message.content_type.clone(),
                topic: message.topic.clone(),
                bytes: message.body.clone(),
            },
        })
    }

    /// Looks at a message that was understood as `page`, and that it has the shape recorded for its source, where that is
    /// demanded. One that has not is on record and set aside.
    ///
    /// # Errors
    /// [`IntakeError::Drifted`]; others when that cannot be recorded or set aside.
    pub(super) async fn keeps_shape(
        &self,
        source: &Arc<Source>,
        way: IngestWay,
        Look { is_due, payload }: Look,
        page: &Page,
        digest: &str,
    ) -> Result<(), IntakeError> {
        if is_due {
            look(source, &payload, plates(page), self.clock.now()).await;
        }
        let drift = compared(source, payload, plates(page)).await;
        let Some(first) = drift.first() else {
            return Ok(());
        };
        let now = self.clock.now();
        source.tally.took_in(now, 0, drift.len() as u64);
        self.quarantine
            .put(&source.id, digest, &drift, now)
            .await
            .map_err(IntakeError::Quarantine)?;
        let rule = format!("drift: {}: {}", first.field, first.rule);
        self.refused(source, way, &rule, Some(digest)).await?;
        Err(IntakeError::Drifted(first.clone()))
    }

    /// Looks at a file, where it is time to, and how it differs from the shape demanded of its source; nothing where none is,
    /// or the file is too long to be looked at.
    pub(super) async fn file_drift(
        &self,
        source: &Arc<Source>,
        path: &Path,
    ) -> std::io::Result<Vec<Rejection>> {
        let now = self.clock.now();
        let is_due = source.live_shape.is_due(now);
        if source.shape.is_none() && !is_due {
            return Ok(Vec::new());
        }
        let (name, path) = (name_of(path), path.to_owned());
        let read = move || {
            let mut bytes = Vec::new();
            let mut file = std::fs::File::open(path)?.take(MOST_BYTES + 1);
            file.read_to_end(&mut bytes)?;
            Ok::<_, std::io::Error>(bytes)
        };
        let bytes = tokio::task::spawn_blocking(read).await;
        let bytes = bytes.map_err(std::io::Error::other)??;
        if bytes.len() as u64 > MOST_BYTES {
            tracing::warn!(source = %source.id, "a file is too long to be compared with the recorded shape");
            return Ok(Vec::new());
        }
        let payload = Payload::from_file(Via::File, &name, bytes);
        if is_due {
            look(source, &payload, Vec::new(), now).await;
        }
        Ok(compared(source, payload, Vec::new()).await)
    }
}

/// One that cannot be looked at costs nothing else.
async fn look(source: &Arc<Source>, payload: &Payload, plates: Vec<String>, now: Timestamp) {
    let (seen, payload) = (Arc::clone(source), payload.clone());
    let look = move || seen.live_shape.look(&payload, &plates, now);
    if tokio::task::spawn_blocking(look).await.is_err() {
        tracing::warn!(source = %source.id, "the shape of a payload cannot be told");
    }
}

/// What tells a vehicle and must not be in a shape, should it stand where a name does.
fn plates(page: &Page) -> Vec<String> {
    let reads = page.reads.iter();
    let texts = reads.flat_map(|read| [read.plate.plate.expose(), read.plate.plate.expose_raw()]);
    texts.map(str::to_owned).collect()
}

async fn compared(source: &Arc<Source>, payload: Payload, plates: Vec<String>) -> Vec<Rejection> {
    let Some(recorded) = source.shape.clone() else {
        return Vec::new();
    };
    let compare = move || match Shape::of(&payload) {
        Ok(today) => {
            let drift = recorded.drift(&today.covering(&plates));
            drift
                .iter()
                .take(MOST)
                .map(turnpike_adapters::conformance::Drift::rejection)
                .collect()
        }
        Err(error @ (ShapeError::Broken | ShapeError::TooWide)) => {
            vec![Rejection::new(None, "(message)", error.to_string())]
        }
    };
    let compared = tokio::task::spawn_blocking(compare).await;
    compared.unwrap_or_else(|_| {
        vec![Rejection::new(
            None,
            "(message)",
            "its shape cannot be told",
        )]
    })
}
