//! A proxy that breaks the road between a client and a simulated vendor.
//!
//! It carries one request per connection and closes after the answer, so that every request meets
//! the fault that is set at that moment. It knows no vendor: what a vendor itself gets wrong is a
//! switch of its simulator.

mod canned;
mod wire;

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    Healthy,
    /// Each answer comes this much later.
    Latency(Duration),
    /// The connection is reset before an answer.
    Reset,
    /// The answer stops after this many bytes, head included.
    Truncate(usize),
    /// The answer is no HTTP.
    Garbage,
    /// The answer is a body without an end.
    Endless,
    /// 429, with `retry-after` in seconds or without.
    TooMany {
        /// The header's value.
        retry_after_s: Option<u32>,
    },
    /// An empty answer with this status.
    Status(u16),
    /// 302 to another host: the trap, which counts who comes.
    Redirect,
    /// The connection is accepted and nothing is ever said.
    BlackHole,
    /// The first answer to a GET is given to every later GET, and the first answer to anything else to whatever has the same
    /// method and path.
    RepeatedPage,
}

#[derive(Debug)]
struct State {
    fault: Fault,
    /// How many more connections meet the fault; `None` is all of them.
    left: Option<u32>,
    pages: HashMap<Vec<u8>, Vec<u8>>,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    trap: SocketAddr,
    state: Mutex<State>,
    connections: watch::Sender<usize>,
    trapped: watch::Sender<usize>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_fault(&self) -> Fault {
        let mut state = self.lock();
        match &mut state.left {
            Some(0) => Fault::Healthy,
            Some(left) => {
                *left -= 1;
                state.fault
            }
            None => state.fault,
        }
    }
}

/// A running proxy. Dropping it closes its port and every connection through it.
#[derive(Debug)]
pub struct FaultProxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    tasks: Vec<JoinHandle<()>>,
}

impl FaultProxy {
    /// Starts a healthy proxy in front of `target`.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let trap = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            target,
            trap: trap.local_addr()?,
            state: Mutex::new(State {
                fault: Fault::Healthy,
                left: None,
                pages: HashMap::new(),
            }),
            connections: watch::Sender::new(0),
            trapped: watch::Sender::new(0),
        });
        let tasks = vec![
            tokio::spawn(accept(listener, Arc::clone(&shared))),
            tokio::spawn(spring(trap, Arc::clone(&shared))),
        ];
        Ok(Self {
            shared,
            address,
            tasks,
        })
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:port`, without a slash at the end.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every connection from now on meets `fault`.
    pub fn set(&self, fault: Fault) {
        *self.shared.lock() = State {
            fault,
            left: None,
            pages: HashMap::new(),
        };
    }

    /// The next `times` connections meet `fault`, later ones none.
    pub fn set_times(&self, fault: Fault, times: u32) {
        *self.shared.lock() = State {
            fault,
            left: Some(times),
            pages: HashMap::new(),
        };
    }

    /// Connections accepted so far; a connection carries at most one request.
    #[must_use]
    pub fn connections(&self) -> usize {
        *self.shared.connections.borrow()
    }

    /// Connections that followed a redirect into the trap.
    #[must_use]
    pub fn trapped(&self) -> usize {
        *self.shared.trapped.borrow()
    }

    /// Waits until at least `count` connections were accepted; false when not within `limit`.
    pub async fn connected(&self, count: usize, limit: Duration) -> bool {
        let mut connections = self.shared.connections.subscribe();
        let reached = connections.wait_for(|now| *now >= count);
        matches!(tokio::time::timeout(limit, reached).await, Ok(Ok(_)))
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Accepts for ever. The set of connections is its own, so aborting this ends them too.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        shared.connections.send_modify(|count| *count += 1);
        let fault = shared.next_fault();
        let shared = Arc::clone(&shared);
        // A broken connection is this proxy's trade: its error has nobody to go to.
        connections.spawn(async move { drop(carry(client, fault, &shared).await) });
        while connections.try_join_next().is_some() {}
    }
}

async fn spring(trap: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((mut client, _)) = trap.accept().await {
        shared.trapped.send_modify(|count| *count += 1);
        connections.spawn(async move {
            if wire::read_request(&mut client).await.is_ok() {
                drop(canned::status(&mut client, 200).await);
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn carry(mut client: TcpStream, fault: Fault, shared: &Shared) -> io::Result<()> {
    match fault {
        Fault::Reset => client.set_zero_linger(),
        Fault::BlackHole => std::future::pending().await,
        _ => {
            let request = wire::read_request(&mut client).await?;
            answer(client, fault, shared, &request).await
        }
    }
}

async fn answer(
    mut client: TcpStream,
    fault: Fault,
    shared: &Shared,
    request: &[u8],
) -> io::Result<()> {
    match fault {
        Fault::Garbage => canned::garbage(&mut client).await,
        Fault::Endless => canned::endless(&mut client).await,
        Fault::TooMany { retry_after_s } => canned::too_many(&mut client, retry_after_s).await,
        Fault::Status(status) => canned::status(&mut client, status).await,
        Fault::Redirect => canned::redirect(&mut client, shared.trap).await,
        Fault::Latency(latency) => {
            tokio::time::sleep(latency).await;
            wire::relay(&mut client, shared.target, request, None).await
        }
        Fault::Truncate(bytes) => {
            wire::relay(&mut client, shared.target, request, Some(bytes)).await
        }
        Fault::RepeatedPage => repeat(&mut client, shared, request).await,
        _ => wire::relay(&mut client, shared.target, request, None).await,
    }
}

async fn repeat(client: &mut TcpStream, shared: &Shared, request: &[u8]) -> io::Result<()> {
    let asked = asked(request);
    let kept = shared.lock().pages.get(asked).cloned();
    let page = match kept {
        Some(page) => page,
        None => wire::fetch(shared.target, request).await?,
    };
    shared
        .lock()
        .pages
        .entry(asked.to_owned())
        .or_insert_with(|| page.clone());
    wire::finish(client, &page).await
}

/// What requests have in common that get the same page.
fn asked(request: &[u8]) -> &[u8] {
    if request.starts_with(b"GET ") {
        return b"GET";
    }
    let line = request.split(|byte| *byte == b'\r').next();
    line.unwrap_or_default()
}

#[cfg(test)]
mod tests;
