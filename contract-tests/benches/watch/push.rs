//! The source: reads as JSON, one or many a message.

use std::{
    collections::HashMap,
    fmt::Write as _,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    task::JoinSet,
};
use turnpike_adapters::context::{Clock as _, SystemClock};

use super::{
    fill::{ENTRIES, letter, plate},
    installation::{PUSHER, SOURCE},
};

/// Messages that may be under way.
const CONNECTIONS: usize = 32;

/// Letters of plates that nobody wants.
const OTHERS: &str = "CDEFHJKMNPRTUVWXY";

/// Plates of those who listen, one after the other, none twice.
pub(super) struct Wanted {
    listeners: usize,
    next: AtomicUsize,
}

impl Wanted {
    pub(super) fn of(listeners: usize) -> Self {
        let next = AtomicUsize::new(0);
        Self { listeners, next }
    }

    fn next(&self) -> io::Result<String> {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        let (list, entry) = (next % self.listeners, next / self.listeners);
        if entry < ENTRIES {
            Ok(plate(list, entry))
        } else {
            Err(io::Error::other("every wanted plate was read"))
        }
    }
}

/// Pushes, and remembers when wanted plates were acknowledged.
pub(super) struct Pusher {
    address: String,
    wanted: Wanted,
    reads: AtomicUsize,
    taken_in: AtomicUsize,
    acknowledged: Mutex<HashMap<String, Instant>>,
}

/// What a steady push came to.
pub(super) struct Pushed {
    pub(super) reads: usize,
    elapsed: Duration,
    /// From each message to its acknowledgement.
    pub(super) times: Vec<Duration>,
}

impl Pushed {
    pub(super) fn rate(&self) -> f64 {
        self.reads as f64 / self.elapsed.as_secs_f64()
    }
}

struct Message {
    body: String,
    reads: usize,
    wanted: Vec<String>,
}

struct Connection(BufReader<TcpStream>);

impl Pusher {
    pub(super) fn new(address: &str, wanted: Wanted) -> Self {
        Self {
            address: address.to_owned(),
            wanted,
            reads: AtomicUsize::new(0),
            taken_in: AtomicUsize::new(0),
            acknowledged: Mutex::default(),
        }
    }

    pub(super) fn taken_in(&self) -> usize {
        self.taken_in.load(Ordering::Relaxed)
    }

    pub(super) fn acknowledged(&self) -> HashMap<String, Instant> {
        let acknowledged = self.acknowledged.lock();
        acknowledged.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// So many reads, one in `wanted_in` of a wanted plate. The others have a form that no entry has.
    fn message(&self, reads: usize, wanted_in: usize) -> io::Result<Message> {
        let mut message = Message {
            body: "{\"reads\":[".to_owned(),
            reads,
            wanted: Vec::new(),
        };
        let at = SystemClock.now();
        for n in 0..reads {
            let number = self.reads.fetch_add(1, Ordering::Relaxed);
            let plate = if number % wanted_in == wanted_in - 1 {
                let wanted = self.wanted.next()?;
                message.wanted.push(wanted.clone());
                wanted
            } else {
                let place = number.wrapping_mul(7_919);
                let [a, b, c] = [place / 289, place / 17, place].map(|n| letter(OTHERS, n % 17));
                format!("{:03}{a}{b}{c}", place / 4_913 % 1_000)
            };
            let comma = if n == 0 { "" } else { "," };
            write!(
                message.body,
                r#"{comma}{{"id":"{number}","lpn":"{plate}","region":"OH","at":"{at}","gate":"G{}"}}"#,
                number % 50
            )
            .map_err(io::Error::other)?;
        }
        message.body.push_str("]}");
        Ok(message)
    }

    async fn push(&self, connection: &mut Connection, message: &Message) -> io::Result<Duration> {
        let head = format!(
            "POST /v1/sources/{SOURCE}/reads HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {PUSHER}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.address,
            message.body.len()
        );
        let begun = Instant::now();
        let request = [head.as_bytes(), message.body.as_bytes()].concat();
        connection.0.get_mut().write_all(&request).await?;
        connection.acknowledged().await?;
        let now = Instant::now();
        self.taken_in.fetch_add(message.reads, Ordering::Relaxed);
        let mut acknowledged = self
            .acknowledged
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for plate in &message.wanted {
            acknowledged.insert(plate.clone(), now);
        }
        Ok(now - begun)
    }
}

impl Connection {
    async fn open(address: &str) -> io::Result<Self> {
        let connection = TcpStream::connect(address).await?;
        connection.set_nodelay(true)?;
        Ok(Self(BufReader::new(connection)))
    }

    /// Reads an answer to its end.
    async fn acknowledged(&mut self) -> io::Result<()> {
        let (mut line, mut length, mut first) = (String::new(), 0, String::new());
        loop {
            line.clear();
            self.0.read_line(&mut line).await?;
            let text = line.trim_end();
            if text.is_empty() {
                break;
            }
            if first.is_empty() {
                text.clone_into(&mut first);
            }
            if let Some(value) = text.strip_prefix("content-length: ") {
                length = value.parse().map_err(io::Error::other)?;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await?;
        if first.starts_with("HTTP/1.1 200") {
            return Ok(());
        }
        let body = String::from_utf8_lossy(&body);
        Err(io::Error::other(format!("not taken in: {first} {body}")))
    }
}

/// `rate` messages of one read a second, whatever becomes of the ones before, until `stop`.
pub(super) async fn steadily(
    pusher: &Arc<Pusher>,
    rate: usize,
    wanted_in: usize,
    stop: Instant,
) -> io::Result<Pushed> {
    let (send, receive) = tokio::sync::mpsc::unbounded_channel::<()>();
    let receive = Arc::new(tokio::sync::Mutex::new(receive));
    let mut connections = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (pusher, receive) = (Arc::clone(pusher), Arc::clone(&receive));
        connections.spawn(async move {
            let mut connection = Connection::open(&pusher.address).await?;
            let mut times = Vec::new();
            loop {
                let next = receive.lock().await.recv().await;
                if next.is_none() {
                    return Ok::<_, io::Error>(times);
                }
                let message = pusher.message(1, wanted_in)?;
                times.push(pusher.push(&mut connection, &message).await?);
            }
        });
    }
    let started = Instant::now();
    let step = Duration::from_secs(1) / u32::try_from(rate).unwrap_or(1);
    let mut every = tokio::time::interval(step);
    while Instant::now() < stop {
        every.tick().await;
        send.send(()).map_err(io::Error::other)?;
    }
    drop(send);
    let mut times = Vec::new();
    while let Some(done) = connections.join_next().await {
        times.extend(done.map_err(io::Error::other)??);
    }
    Ok(Pushed {
        reads: times.len(),
        elapsed: started.elapsed(),
        times,
    })
}

/// Messages of `reads` reads, one after the other, until `stop`.
pub(super) async fn at_once(
    pusher: Arc<Pusher>,
    reads: usize,
    wanted_in: usize,
    stop: Instant,
) -> io::Result<()> {
    let mut connection = Connection::open(&pusher.address).await?;
    while Instant::now() < stop {
        let message = pusher.message(reads, wanted_in)?;
        pusher.push(&mut connection, &message).await?;
    }
    Ok(())
}
