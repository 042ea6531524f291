//! The shape of what a source delivered since its shape was recorded: names and types of fields, never a value.
//!
//! Not every payload is looked at: the first hundred, and then one a second. So what few payloads have takes longer to be seen.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use turnpike_adapters::conformance::{Drift, Payload, Shape};
use turnpike_schemas::{api::DriftCount, hex::hex};

/// Payloads looked at before some are left out.
const ALL_OF: u64 = 100;

/// Then one in this time.
const PAUSE: SignedDuration = SignedDuration::from_secs(1);

/// A shape that has not changed is kept anew after this time, for its count.
const KEEP_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// Most different fields of one source: names without end are no format.
const MOST_FIELDS: usize = 4_000;

/// The shape of one source's deliveries.
#[derive(Debug)]
pub struct LiveShape {
    file: Option<PathBuf>,
    recorded: Option<Arc<Shape>>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    seen: Seen,
    looked_at: Option<Timestamp>,
    kept_at: Option<Timestamp>,
    drift: DriftCount,
}

/// What was seen, as it is kept in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Digest of the recorded shape it is compared with; none where none is recorded.
    recorded: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// Payloads looked at.
    pub payloads: u64,
    /// The shape of all of them.
    pub shape: Shape,
}

impl LiveShape {
    /// What `source` delivers, compared with `recorded`, and kept in `folder`. What was seen before goes on, unless another
    /// shape was recorded since. A file that cannot be read or written costs what was seen and no delivery.
    #[must_use]
    pub fn open(folder: &Path, source: &str, recorded: Option<Arc<Shape>>, now: Timestamp) -> Self {
        let before = Seen::read(folder, source).ok();
        let recorded_as = digest(recorded.as_deref());
        let seen = before.filter(|seen| seen.recorded == recorded_as && seen.shape.is_readable());
        let seen = seen.unwrap_or_else(|| Seen {
            recorded: recorded_as,
            ..Seen::none(now)
        });
        if let Err(error) = fs::create_dir_all(folder) {
            tracing::warn!(source, %error, "what is seen of a source's shape will not be kept");
        }
        Self::new(Some(file(folder, source)), recorded, seen)
    }

    /// One that keeps no file.
    #[must_use]
    pub fn unkept(now: Timestamp) -> Self {
        Self::new(None, None, Seen::none(now))
    }

    fn new(file: Option<PathBuf>, recorded: Option<Arc<Shape>>, seen: Seen) -> Self {
        let drift = compared(recorded.as_deref(), &seen.shape);
        Self {
            file,
            recorded,
            state: Mutex::new(State {
                seen,
                looked_at: None,
                kept_at: None,
                drift,
            }),
        }
    }

    /// Whether it is time to look at a payload. Whoever is told so looks at one.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let rested = state
            .looked_at
            .is_none_or(|last| now.duration_since(last) >= PAUSE);
        let is_due = state.seen.payloads < ALL_OF || rested;
        if is_due {
            state.looked_at = Some(now);
        }
        is_due
    }

    /// Looks at one payload; `plates` are what must not be in a shape, should it stand where a name does. Blocks on a small file.
    pub fn look(&self, payload: &Payload, plates: &[String], now: Timestamp) {
        // What is broken is refused elsewhere, or is of no form.
        let Ok(shape) = Shape::of(payload) else {
            return;
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut merged = state.seen.shape.clone();
        merged.merge(&shape.covering(plates));
        if merged.len() > MOST_FIELDS {
            return;
        }
        let changed = merged != state.seen.shape;
        state.seen.payloads += 1;
        if changed {
            state.drift = compared(self.recorded.as_deref(), &merged);
            state.seen.shape = merged;
        }
        let rested = state
            .kept_at
            .is_none_or(|last| now.duration_since(last) >= KEEP_EVERY);
        let Some(file) = self.file.as_ref().filter(|_| changed || rested) else {
            return;
        };
        state.kept_at = Some(now);
        if let Err(error) = keep(file, &state.seen) {
            tracing::warn!(%error, "what is seen of a source's shape could not be kept");
        }
    }

    /// How many fields differ from the recorded shape; `None` where none is recorded, or nothing was looked at yet.
    #[must_use]
    pub fn drift(&self) -> Option<DriftCount> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (self.recorded.is_some() && state.seen.payloads > 0).then_some(state.drift)
    }
}

impl Seen {
    fn none(since: Timestamp) -> Self {
        Self {
            recorded: None,
            since,
            payloads: 0,
            shape: Shape::default(),
        }
    }

    /// What a gateway has kept of `source` in `folder`.
    ///
    /// # Errors
    /// There is nothing, or it is not what a gateway wrote.
    pub fn read(folder: &Path, source: &str) -> io::Result<Self> {
        let bytes = fs::read(file(folder, source))?;
        serde_json::from_slice(&bytes).map_err(io::Error::other)
    }
}

fn file(folder: &Path, source: &str) -> PathBuf {
    folder.join(format!("{source}.json"))
}

/// Beside its place and then there, so that nobody reads half of one. Lost in a crash, it is seen again.
fn keep(file: &Path, seen: &Seen) -> io::Result<()> {
    let part = file.with_extension("part");
    fs::write(&part, serde_json::to_vec(seen)?)?;
    fs::rename(part, file)
}

fn digest(shape: Option<&Shape>) -> Option<String> {
    let text = serde_json::to_vec(shape?).ok()?;
    Some(hex(&Sha256::digest(text)))
}

fn compared(recorded: Option<&Shape>, seen: &Shape) -> DriftCount {
    let mut count = DriftCount::default();
    if seen.is_empty() {
        return count;
    }
    for drift in recorded
        .map(|recorded| recorded.drift(seen))
        .unwrap_or_default()
    {
        let one = match drift {
            Drift::New(_) => &mut count.new,
            Drift::Missing(_) => &mut count.missing,
            Drift::Retyped(..) => &mut count.retyped,
        };
        *one += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use turnpike_adapters::conformance::Via;

    use super::*;

    fn payload(text: &str) -> Payload {
        Payload::from_file(Via::Message, "message.json", text.as_bytes().to_vec())
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_772_323_200 + second).unwrap()
    }

    fn recorded() -> Option<Arc<Shape>> {
        let recorded = payload(r#"{"plate":"TPK0421","score":90,"lane":"2"}"#);
        Some(Arc::new(Shape::of(&recorded).unwrap()))
    }

    #[test]
    fn what_differs_is_counted_and_kept_without_a_value_over_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let open = || LiveShape::open(folder.path(), "lanes", recorded(), at(0));
        let live = open();
        assert_eq!(live.drift(), None, "nothing was looked at");
        live.look(
            &payload(r#"{"plate":"TPK0421","score":0.8137,"lane":"2"}"#),
            &[],
            at(0),
        );
        assert_eq!(live.drift(), Some(DriftCount::default()));
        let changed = r#"{"plate":"TPK0421","score":"0.8137","lens":"wide","TPKABC":true}"#;
        live.look(&payload(changed), &["TPKABC".to_owned()], at(1));
        let wanted = DriftCount {
            new: 2,
            missing: 1,
            retyped: 1,
        };
        assert_eq!(live.drift(), Some(wanted));
        assert_eq!(open().drift(), Some(wanted));
        let text = fs::read_to_string(folder.path().join("lanes.json")).unwrap();
        for value in ["TPK0421", "TPKABC", "wide", "0.8137"] {
            assert!(!text.contains(value), "{value} is in {text}");
        }
        let seen = Seen::read(folder.path(), "lanes").unwrap();
        assert_eq!((seen.payloads, seen.since), (2, at(0)));
    }

    #[test]
    fn another_recorded_shape_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let live = LiveShape::open(folder.path(), "lanes", recorded(), at(0));
        live.look(&payload(r#"{"lens":"wide"}"#), &[], at(0));
        let other = Arc::new(Shape::of(&payload(r#"{"lens":"wide"}"#)).unwrap());
        let live = LiveShape::open(folder.path(), "lanes", Some(other), at(9));
        assert_eq!(live.drift(), None);
        fs::write(folder.path().join("lanes.json"), "half").unwrap();
        let live = LiveShape::open(folder.path(), "lanes", recorded(), at(9));
        assert_eq!(
            live.drift(),
            None,
            "a file that is none costs what was seen"
        );
    }

    #[test]
    fn the_first_hundred_are_looked_at_and_then_one_a_second() {
        let live = LiveShape::unkept(at(0));
        for _ in 0..ALL_OF {
            assert!(live.is_due(at(0)));
            live.look(&payload("{}"), &[], at(0));
        }
        assert!(!live.is_due(at(0)));
        assert!(live.is_due(at(1)));
        assert!(!live.is_due(at(1)));
    }

    #[test]
    fn names_without_end_do_not_grow() {
        let live = LiveShape::unkept(at(0));
        for round in 0..6 {
            let fields: Vec<String> = (0..1_000)
                .map(|field| {
                    format!(
                        "\"a{}_{}\":1",
                        ["a", "b", "c", "d", "e", "f"][round],
                        words(field)
                    )
                })
                .collect();
            live.look(&payload(&format!("{{{}}}", fields.join(","))), &[], at(0));
        }
        let state = live.state.lock().unwrap();
        assert!(state.seen.shape.len() <= MOST_FIELDS && state.seen.payloads == 3);
    }

    /// A number in letters, as a name of a field could be.
    fn words(mut number: usize) -> String {
        let mut word = String::new();
        for _ in 0..3 {
            word.push(char::from(b'a' + u8::try_from(number % 26).unwrap()));
            number /= 26;
        }
        word
    }
}
