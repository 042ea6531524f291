//! People who follow their hits, each over a connection of their own, as plain as it gets.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    sync::Notify,
};

use super::installation::token;

/// When the event of each wanted plate arrived.
#[derive(Default)]
pub(super) struct Heard {
    events: Mutex<HashMap<String, Instant>>,
    more: Notify,
}

impl Heard {
    pub(super) fn count(&self) -> usize {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.len()
    }

    /// Waits until so many plates have been told of.
    pub(super) async fn wait_for(&self, events: usize, longest: Duration) -> io::Result<()> {
        let until = tokio::time::Instant::now() + longest;
        while self.count() < events {
            let more = self.more.notified();
            if self.count() < events && tokio::time::timeout_at(until, more).await.is_err() {
                let there = self.count();
                return Err(io::Error::other(format!(
                    "only {there} of {events} wanted plates were told of"
                )));
            }
        }
        Ok(())
    }

    /// Time from each acknowledgement to its event. An event that was there before the acknowledgement arrived took none.
    pub(super) fn after(&self, acknowledged: &HashMap<String, Instant>) -> Vec<Duration> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let times = events.iter().filter_map(|(plate, heard)| {
            let acknowledged = acknowledged.get(plate)?;
            Some(heard.saturating_duration_since(*acknowledged))
        });
        times.collect()
    }

    fn hear(&self, plate: &str, at: Instant) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.entry(plate.to_owned()).or_insert(at);
        drop(events);
        self.more.notify_waiters();
        self.more.notify_one();
    }
}

/// Follows somebody's hits from now on. Returns once the stream has begun.
pub(super) async fn listen(address: &str, number: usize, heard: Arc<Heard>) -> io::Result<()> {
    let mut connection = TcpStream::connect(address).await?;
    let request = format!(
        "GET /v1/hits/stream HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\n\r\n",
        token(number)
    );
    connection.write_all(request.as_bytes()).await?;
    let mut lines = BufReader::new(connection).lines();
    let first = lines.next_line().await?.unwrap_or_default();
    if !first.starts_with("HTTP/1.1 200") {
        return Err(io::Error::other(format!("no stream of hits: {first}")));
    }
    // The number it begins at comes before anything happens.
    while let Some(line) = lines.next_line().await? {
        if line.starts_with("id:") {
            break;
        }
    }
    tokio::spawn(async move {
        // Sizes of chunks are lines of their own, and no event is longer than a chunk.
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(plate) = line.strip_prefix("data:").and_then(wanted) {
                heard.hear(plate, Instant::now());
            }
        }
    });
    Ok(())
}

/// The plate that was wanted.
fn wanted(event: &str) -> Option<&str> {
    let (_, rest) = event.split_once("\"wanted\":\"")?;
    rest.split_once('"').map(|(plate, _)| plate)
}
