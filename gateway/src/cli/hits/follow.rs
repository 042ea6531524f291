//! `turnpike hits follow`: events as they happen, taken up where a connection ended.

use std::{
    collections::{BTreeMap, VecDeque},
    io::Write,
    time::{Duration, Instant},
};

use clap::Args;
use serde::Serialize;
use turnpike_schemas::{api::hits::HitEvent, hit::HitId};

use super::{
    super::{
        client::Server,
        exit::{Exit, Outcome},
        table::{clean, time},
    },
    print,
};

/// Shortest and longest wait before a connection is tried again.
const AGAIN: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// Longest line of a stream, in bytes.
const MAX_LINE: usize = 1 << 20;

/// Print each hit as it happens, until you end it
///
/// Connects again by itself: nothing is missed, and nothing is printed twice.
#[derive(Debug, Args)]
pub(in crate::cli) struct Follow {
    #[command(flatten)]
    server: Server,
    /// Number of the last event you have; from now on when left out
    #[arg(long)]
    since: Option<u64>,
    /// One JSON object a line, with `seq` to go on from
    #[arg(long)]
    json: bool,
    /// End after so many events
    #[arg(long)]
    count: Option<u64>,
}

/// One event of a stream.
#[derive(Debug, Default)]
struct Sent {
    id: Option<u64>,
    data: String,
}

/// What was shown of hits lately: who is told that one is no longer a match should not have to look for it.
#[derive(Debug, Default)]
struct Shown {
    hits: BTreeMap<HitId, String>,
    order: VecDeque<HitId>,
}

/// Hits that are remembered.
const REMEMBERED: usize = 10_000;

impl Shown {
    fn note(&mut self, event: &HitEvent) {
        let Some(notice) = &event.notice else { return };
        let observed = &notice.read.observation;
        let about = format!(
            "{}, read {} UTC by {}",
            clean(observed.plate.plate.expose()),
            time(observed.captured_at),
            notice.read.source
        );
        if self.hits.insert(event.hit.clone(), about).is_none() {
            self.order.push_back(event.hit.clone());
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.hits.remove(&oldest);
        }
    }

    fn of(&self, hit: &HitId) -> Option<&str> {
        self.hits.get(hit).map(String::as_str)
    }
}

/// An event, and what to go on from.
#[derive(Debug, Serialize)]
struct Numbered<'a> {
    seq: Option<u64>,
    #[serde(flatten)]
    event: &'a HitEvent,
}

fn tell(what: &str) -> Result<(), Outcome> {
    writeln!(std::io::stderr(), "turnpike: {what}")?;
    Ok(())
}

/// The lines of a stream, put together again.
#[derive(Debug, Default)]
struct Lines {
    rest: Vec<u8>,
    event: Sent,
}

impl Follow {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let (mut last, mut left) = (self.since, self.count.unwrap_or(u64::MAX));
        let mut shown = Shown::default();
        let (mut wait, mut was_connected) = (AGAIN.0, false);
        while left > 0 {
            let began = Instant::now();
            let connected = self.server.follow("/v1/hits/stream", last).await;
            match connected {
                Ok(response) => {
                    was_connected = true;
                    if last.is_none() {
                        tell("following your hits; end with Ctrl-C")?;
                    }
                    self.print(response, &mut last, &mut left, &mut shown, out)
                        .await?;
                }
                // What was good once is tried again; what never was is a mistake.
                Err(outcome) if !was_connected || outcome.exit == Exit::Refused => {
                    return Err(outcome);
                }
                Err(outcome) => tell(&format!("{outcome}; trying again"))?,
            }
            if left == 0 {
                break;
            }
            wait = if began.elapsed() > AGAIN.1 {
                AGAIN.0
            } else {
                AGAIN.1.min(wait * 2)
            };
            tokio::time::sleep(wait).await;
        }
        Ok(Exit::Done)
    }

    /// Prints until the stream ends.
    async fn print(
        &self,
        mut response: reqwest::Response,
        last: &mut Option<u64>,
        left: &mut u64,
        shown: &mut Shown,
        out: &mut dyn Write,
    ) -> Result<(), Outcome> {
        let mut lines = Lines::default();
        while let Ok(Some(part)) = response.chunk().await {
            for sent in lines.take(&part) {
                *last = sent.id.or(*last);
                if sent.data.is_empty() {
                    continue;
                }
                let event: HitEvent = serde_json::from_str(&sent.data).map_err(|_| {
                    let message = "an event is not understood; do both have the same version?";
                    Outcome::new(Exit::Failed, message)
                })?;
                if self.json {
                    let line = Numbered {
                        seq: sent.id,
                        event: &event,
                    };
                    let line = serde_json::to_string(&line)
                        .map_err(|error| Outcome::new(Exit::Failed, error.to_string()))?;
                    writeln!(out, "{line}")?;
                } else {
                    shown.note(&event);
                    print::event(out, &event, shown.of(&event.hit))?;
                }
                out.flush()?;
                *left = left.saturating_sub(1);
                if *left == 0 {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

impl Lines {
    /// Events that are whole now.
    fn take(&mut self, part: &[u8]) -> Vec<Sent> {
        self.rest.extend_from_slice(part);
        let mut whole = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\n', '\r']);
            if line.is_empty() {
                let event = std::mem::take(&mut self.event);
                let says = event.id.is_some() || !event.data.is_empty();
                whole.extend(Some(event).filter(|_| says));
            } else {
                self.event.line(line);
            }
        }
        if self.rest.len() > MAX_LINE {
            self.rest.clear();
        }
        whole
    }
}

impl Sent {
    /// A line of an event: a field, a colon, and perhaps a space (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).
    fn line(&mut self, line: &str) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.id = value.parse().ok(),
            "data" => self.data.push_str(value),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_put_together_however_they_arrive() {
        let stream =
            b"id: 6\n\n: beat\n\nid: 7\nevent: hit\ndata: {\"a\":1}\n\n:\n\nid: 8\r\ndata:{}\r\n\r\n";
        for size in [1, 2, 3, 7, stream.len()] {
            let mut lines = Lines::default();
            let events: Vec<(Option<u64>, String)> = stream
                .chunks(size)
                .flat_map(|part| lines.take(part))
                .map(|sent| (sent.id, sent.data))
                .collect();
            let wanted = [
                (Some(6), String::new()),
                (Some(7), "{\"a\":1}".to_owned()),
                (Some(8), "{}".to_owned()),
            ];
            assert_eq!(events, wanted, "in pieces of {size}");
        }
    }
}
