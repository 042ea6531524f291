//! Real servers that vendors are reached through, as processes of their own on loopback: a broker, an SFTP server, a mail
//! server.
//!
//! They are the systems people run, from the system's packages (`./test.sh` installs them). A test that needs one fails where
//! it is missing.

pub mod broker;
pub mod mail;
pub mod publisher;
pub mod sftp;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

/// Longest wait for a server to listen.
const START: Duration = Duration::from_secs(20);

/// Attempts to find a port nobody else takes meanwhile.
const ATTEMPTS: usize = 5;

/// A process that ends with its owner.
#[derive(Debug)]
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended by itself cannot be killed, and need not be.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Finds a system's program, also where daemons are kept.
fn program(name: &str) -> io::Result<PathBuf> {
    let folders = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
    let paths = folders
        .iter()
        .map(|folder| PathBuf::from(folder).join(name));
    paths.into_iter().find(|path| path.exists()).ok_or_else(|| {
        io::Error::other(format!("`{name}` is not installed; ./test.sh installs it"))
    })
}

/// Runs `start` with free ports until the process it starts listens on one.
fn listening(mut start: impl FnMut(u16) -> io::Result<Child>) -> io::Result<(Process, SocketAddr)> {
    let mut last = io::Error::other("no attempt was made");
    for _ in 0..ATTEMPTS {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        match on_port(start(port)?, port) {
            Ok(running) => return Ok(running),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn on_port(child: Child, port: u16) -> io::Result<(Process, SocketAddr)> {
    let mut process = Process(child);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let deadline = Instant::now() + START;
    loop {
        if let Some(status) = process.0.try_wait()? {
            return Err(io::Error::other(format!("a server ended: {status}")));
        }
        if TcpStream::connect(address).is_ok() {
            return Ok((process, address));
        }
        if Instant::now() > deadline {
            return Err(io::Error::other("a server does not listen"));
        }
        // A process that starts gives no other sign.
        std::thread::sleep(Duration::from_millis(5));
    }
}
