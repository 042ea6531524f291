//! Callers over plain sockets, so that asking costs as little as possible on the shared processors.

use std::{
    io,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

use super::installation::TOKEN;

/// Where to ask, and how a whole answer begins.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) address: String,
    /// Found near the beginning of every answer in which no source is missing.
    pub(super) whole: &'static str,
    /// The window of every question, `[from, to]`.
    pub(super) window: [String; 2],
}

/// What a load came to.
pub(super) struct Load {
    pub(super) elapsed: Duration,
    /// Times of the answers, shortest first.
    pub(super) times: Vec<Duration>,
}

impl Load {
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    pub(super) fn rate(&self) -> f64 {
        self.times.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// The time that `percent` of the answers kept.
    pub(super) fn percentile(&self, percent: usize) -> Duration {
        let at = (self.times.len() * percent / 100).min(self.times.len().saturating_sub(1));
        self.times.get(at).copied().unwrap_or_default()
    }
}

/// `callers` ask again and again until `span` is over, each over one connection.
///
/// # Errors
/// An answer is an error or not whole: then the figures would mean nothing.
pub(super) async fn run(target: &Target, callers: usize, span: Duration) -> io::Result<Load> {
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        tasks.spawn(call(target.clone(), caller, started + span));
    }
    let mut times = Vec::new();
    while let Some(done) = tasks.join_next().await {
        times.extend(done??);
    }
    times.sort_unstable();
    Ok(Load {
        elapsed: started.elapsed(),
        times,
    })
}

/// One answer, parsed.
pub(super) async fn once(target: &Target) -> io::Result<Value> {
    let mut connection = Connection::open(target).await?;
    connection.ask(&question(target, 0)).await?;
    Ok(serde_json::from_slice(connection.body())?)
}

async fn call(target: Target, caller: usize, until: Instant) -> io::Result<Vec<Duration>> {
    let mut connection = Connection::open(&target).await?;
    let mut times = Vec::new();
    let mut number = caller;
    while Instant::now() < until {
        let question = question(&target, number);
        let asked = Instant::now();
        connection.ask(&question).await?;
        times.push(asked.elapsed());
        connection.check(target.whole)?;
        number += 64;
    }
    Ok(times)
}

fn question(target: &Target, number: usize) -> Vec<u8> {
    let [from, to] = &target.window;
    let body = json!({
        "plate": format!("TPK{:04}", number % 10_000),
        "window": {"from": from, "to": to},
        "purpose": "stolen_vehicle",
        "case_reference": "BRK-2026-000042",
        "on_behalf_of": "self",
        "deadline_ms": 30_000,
    })
    .to_string();
    format!(
        "POST /v1/queries HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        target.address,
        body.len()
    )
    .into_bytes()
}

struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
    head: usize,
}

impl Connection {
    async fn open(target: &Target) -> io::Result<Self> {
        let stream = TcpStream::connect(&target.address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            answer: Vec::new(),
            head: 0,
        })
    }

    async fn ask(&mut self, question: &[u8]) -> io::Result<()> {
        self.stream.write_all(question).await?;
        self.answer.clear();
        let mut length = None;
        while length.is_none_or(|length| self.answer.len() < length) {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if length.is_none()
                && let Some(head) = self.answer.windows(4).position(|end| end == b"\r\n\r\n")
            {
                self.head = head + 4;
                length = Some(self.head + self.content_length()?);
            }
        }
        Ok(())
    }

    fn content_length(&self) -> io::Result<usize> {
        let head = self.answer.get(..self.head).unwrap_or_default();
        let head = String::from_utf8_lossy(head).to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        length.ok_or_else(|| io::Error::other("an answer without a length"))
    }

    fn body(&self) -> &[u8] {
        self.answer.get(self.head..).unwrap_or_default()
    }

    fn check(&self, whole: &str) -> io::Result<()> {
        let start = self.body().get(..160).unwrap_or_default();
        if String::from_utf8_lossy(start).contains(whole) {
            return Ok(());
        }
        let told = self
            .answer
            .get(..self.answer.len().min(600))
            .unwrap_or_default();
        let told = String::from_utf8_lossy(told).into_owned();
        Err(io::Error::other(format!("not a whole answer: {told}")))
    }
}
