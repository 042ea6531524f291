//! Released reads as the bytes that leave: written once, hashed for the record, and sent as they were hashed.

use jiff::Timestamp;
use serde::Serialize;
use turnpike_schemas::{
    api::{Completeness, LedgerPosition, SourceReport, StreamLine},
    ledger::Digest,
    query::TimeWindow,
    read::{PlateRead, ReadId},
};
use uuid::Uuid;

use super::OnRecord;

/// About what one read takes as JSON.
const READ_BYTES: usize = 1_024;

/// The reads of one source as JSON lines, in the order in which they are released.
#[derive(Debug, Default)]
pub(super) struct Written {
    lines: Vec<u8>,
    rows: Vec<Row>,
}

/// Where a read stands among the lines, and what it is ordered by.
#[derive(Debug)]
struct Row {
    captured_at: Timestamp,
    id: ReadId,
    start: usize,
    end: usize,
}

/// An answer whose reads are written already.
#[derive(Debug)]
pub struct Answered {
    pub(super) head: Head,
    pub(super) tail: Tail,
    pub(super) parts: Vec<Written>,
}

/// What stands before the reads of an [`Answer`](turnpike_schemas::api::Answer).
#[derive(Debug, Serialize)]
pub(super) struct Head {
    pub(super) query: Uuid,
    pub(super) completeness: Completeness,
    pub(super) window: TimeWindow,
}

/// What stands after them.
#[derive(Debug, Serialize)]
pub(super) struct Tail {
    pub(super) sources: Vec<SourceReport>,
    pub(super) ledger: LedgerPosition,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) justify_until: Option<Timestamp>,
}

impl Written {
    /// Writes `reads`.
    ///
    /// # Errors
    /// A read cannot be written.
    pub(super) fn of(reads: &[PlateRead]) -> serde_json::Result<Self> {
        let mut lines = Vec::with_capacity(reads.len() * READ_BYTES);
        let mut rows = Vec::with_capacity(reads.len());
        for read in reads {
            let start = lines.len();
            serde_json::to_writer(&mut lines, read)?;
            rows.push(Row {
                captured_at: read.observation.captured_at,
                id: read.id.clone(),
                start,
                end: lines.len(),
            });
            lines.push(b'\n');
        }
        Ok(Self { lines, rows })
    }

    /// How many reads there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// SHA-256 over the lines; `None` where there are none.
    pub(super) fn digest(&self) -> Option<Digest> {
        (!self.rows.is_empty()).then(|| Digest::of(&self.lines))
    }

    /// The line of a stream that holds these reads, without its end.
    pub(super) fn into_line(self, report: SourceReport) -> Vec<u8> {
        let around = StreamLine::Source {
            report,
            reads: Vec::new(),
        };
        let mut line = serde_json::to_vec(&around).unwrap_or_default();
        // `reads` is the last field: its empty list and the object are opened again.
        line.truncate(line.len().saturating_sub(b"]}".len()));
        line.reserve(self.lines.len() + 2);
        push_list(&mut line, self.reads().map(|(_, read)| read));
        line.extend_from_slice(b"]}");
        line
    }

    fn reads(&self) -> impl Iterator<Item = (&Row, &[u8])> {
        let text = |row: &Row| self.lines.get(row.start..row.end).unwrap_or_default();
        self.rows.iter().map(move |row| (row, text(row)))
    }
}

impl Answered {
    /// Where the question stands in the ledger.
    #[must_use]
    pub fn on_record(&self) -> OnRecord {
        OnRecord {
            question: self.head.query,
            intent: self.tail.ledger.intent,
        }
    }

    /// The answer as JSON: what an [`Answer`](turnpike_schemas::api::Answer) with these reads, newest first, would be written as.
    ///
    /// # Errors
    /// A part of it cannot be written.
    pub fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        let mut reads: Vec<(&Row, &[u8])> = self.parts.iter().flat_map(Written::reads).collect();
        reads.sort_by(|(a, _), (b, _)| {
            let newest = b.captured_at.cmp(&a.captured_at);
            newest.then_with(|| a.id.cmp(&b.id))
        });
        let tail = serde_json::to_vec(&self.tail)?;
        let written: usize = self.parts.iter().map(|part| part.lines.len()).sum();
        let mut body = Vec::with_capacity(512 + written + tail.len());
        serde_json::to_writer(&mut body, &self.head)?;
        // Both are objects: the brace that ends the first and the one that begins the last make room for the reads.
        body.pop();
        body.extend_from_slice(b",\"reads\":[");
        push_list(&mut body, reads.into_iter().map(|(_, read)| read));
        body.extend_from_slice(b"],");
        body.extend_from_slice(tail.get(1..).unwrap_or_default());
        Ok(body)
    }
}

/// The items with commas between them.
fn push_list<'a>(body: &mut Vec<u8>, items: impl Iterator<Item = &'a [u8]>) {
    for (n, item) in items.enumerate() {
        if n > 0 {
            body.push(b',');
        }
        body.extend_from_slice(item);
    }
}

#[cfg(test)]
mod tests {
    use turnpike_schemas::{
        api::{Answer, SourceOutcome},
        plate::Plate,
        read::{Family, Observation, Provenance, SourceId, ZoneProvenance},
    };

    use super::*;

    fn read(source: &str, record: &str, at: &str) -> PlateRead {
        let plate = Plate::parse("TPK0421").unwrap();
        let observation = Observation::new(
            record.to_owned(),
            plate,
            at.parse().unwrap(),
            ZoneProvenance::Format,
        );
        let provenance = Provenance {
            adapter: "flock".to_owned(),
            adapter_version: "1".to_owned(),
            agreement: None,
            payload_sha256: "00".repeat(32),
        };
        let source = SourceId::parse(source).unwrap();
        PlateRead::seal(
            observation,
            source,
            "2026-03-05T00:00:00Z".parse().unwrap(),
            provenance,
        )
    }

    fn answered(parts: &[Vec<PlateRead>]) -> Answered {
        let from: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        let to: Timestamp = "2026-03-08T00:00:00Z".parse().unwrap();
        Answered {
            head: Head {
                query: Uuid::nil(),
                completeness: Completeness::Complete,
                window: TimeWindow::new(from, to).unwrap(),
            },
            tail: Tail {
                sources: Vec::new(),
                ledger: LedgerPosition {
                    intent: 3,
                    outcome: 5,
                },
                justify_until: None,
            },
            parts: parts
                .iter()
                .map(|reads| Written::of(reads).unwrap())
                .collect(),
        }
    }

    #[test]
    fn the_bytes_are_those_of_the_answer_with_its_reads_newest_first() {
        let early = read("a", "1", "2026-03-04T07:00:00Z");
        let late = read("a", "2", "2026-03-04T09:00:00Z");
        let between = read("b", "1", "2026-03-04T08:00:00Z");
        let same = read("b", "2", "2026-03-04T09:00:00Z");
        let body = answered(&[
            vec![late.clone(), early.clone()],
            vec![same.clone(), between.clone()],
        ])
        .to_json()
        .unwrap();
        let answer: Answer = serde_json::from_slice(&body).unwrap();
        let mut newest = [late, same];
        newest.sort_by(|a, b| a.id.cmp(&b.id));
        let [first, second] = newest;
        assert_eq!(answer.reads, [first, second, between, early]);
        assert_eq!(serde_json::to_vec(&answer).unwrap(), body);
    }

    #[test]
    fn an_answer_without_reads_is_whole_too() {
        let body = answered(&[Vec::new()]).to_json().unwrap();
        let answer: Answer = serde_json::from_slice(&body).unwrap();
        assert!(answer.reads.is_empty());
        assert_eq!(serde_json::to_vec(&answer).unwrap(), body);
        assert_eq!(Written::default().digest(), None);
    }

    #[test]
    fn a_line_of_a_stream_is_the_line_with_its_reads() {
        let reads = vec![
            read("a", "2", "2026-03-04T09:00:00Z"),
            read("a", "1", "2026-03-04T07:00:00Z"),
        ];
        for reads in [Vec::new(), reads] {
            let report = SourceReport {
                source: SourceId::parse("a").unwrap(),
                family: Family::Police,
                agreement: None,
                outcome: SourceOutcome::TimedOut,
                took_ms: 7,
                obligations: vec![],
                may_hold_back: false,
            };
            let line = Written::of(&reads).unwrap().into_line(report.clone());
            let wanted = StreamLine::Source { report, reads };
            assert_eq!(line, serde_json::to_vec(&wanted).unwrap());
        }
    }

    #[test]
    fn what_is_hashed_is_what_is_sent_line_by_line() {
        let reads = [
            read("a", "2", "2026-03-04T09:00:00Z"),
            read("a", "1", "2026-03-04T07:00:00Z"),
        ];
        let written = Written::of(&reads).unwrap();
        let lines: String = reads
            .iter()
            .map(|read| serde_json::to_string(read).unwrap() + "\n")
            .collect();
        assert_eq!(written.digest(), Some(Digest::of(lines.as_bytes())));
        assert_eq!(written.len(), 2);
    }
}
