//! Publishes to a broker: MQTT 3.1.1 by hand, as much of it as a vendor's box speaks.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const CONNECT: u8 = 0x10;
const CONNACK: u8 = 0x20;
const PUBLISH_AT_LEAST_ONCE: u8 = 0x32;
const PUBACK: u8 = 0x40;
const PING: u8 = 0xc0;
const PONG: u8 = 0xd0;

/// A connection that publishes.
#[derive(Debug)]
pub struct Publisher {
    stream: TcpStream,
    last: u16,
}

impl Publisher {
    /// Connects, with a name and a password where there are some.
    ///
    /// # Errors
    /// The broker cannot be reached or refuses.
    pub async fn connect(broker: SocketAddr, login: Option<(&str, &str)>) -> io::Result<Self> {
        let mut stream = TcpStream::connect(broker).await?;
        let flags = if login.is_some() { 0xc2 } else { 0x02 };
        // Protocol name and level, flags, no keep-alive, no client id.
        let mut body = text("MQTT")?;
        body.extend([4, flags, 0, 0]);
        body.extend(text("")?);
        if let Some((name, password)) = login {
            body.extend(text(name)?);
            body.extend(text(password)?);
        }
        stream.write_all(&packet(CONNECT, &body)?).await?;
        let mut publisher = Self { stream, last: 0 };
        match publisher.answer().await? {
            (CONNACK, body) if body.get(1) == Some(&0) => Ok(publisher),
            other => Err(io::Error::other(format!("not let in: {other:?}"))),
        }
    }

    /// Publishes, and waits until the broker has it.
    ///
    /// # Errors
    /// The broker does not take it.
    pub async fn publish(&mut self, topic: &str, payload: &[u8]) -> io::Result<()> {
        self.last = self.last.checked_add(1).unwrap_or(1);
        let mut body = text(topic)?;
        body.extend(self.last.to_be_bytes());
        body.extend(payload);
        let packet = packet(PUBLISH_AT_LEAST_ONCE, &body)?;
        self.stream.write_all(&packet).await?;
        match self.answer().await? {
            (PUBACK, body) if body == self.last.to_be_bytes() => Ok(()),
            other => Err(io::Error::other(format!("not taken: {other:?}"))),
        }
    }

    /// Whether the broker is there.
    ///
    /// # Errors
    /// It is not.
    pub async fn ping(&mut self) -> io::Result<()> {
        self.stream.write_all(&packet(PING, &[])?).await?;
        match self.answer().await? {
            (PONG, _) => Ok(()),
            other => Err(io::Error::other(format!("no answer: {other:?}"))),
        }
    }

    async fn answer(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let kind = self.stream.read_u8().await?;
        let mut length = 0_usize;
        for shift in [0, 7, 14, 21] {
            let byte = self.stream.read_u8().await?;
            length |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await?;
        Ok((kind, body))
    }
}

fn text(text: &str) -> io::Result<Vec<u8>> {
    let length = u16::try_from(text.len()).map_err(io::Error::other)?;
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.extend(text.as_bytes());
    Ok(bytes)
}

fn packet(kind: u8, body: &[u8]) -> io::Result<Vec<u8>> {
    let mut bytes = vec![kind];
    let mut left = body.len();
    loop {
        let byte = u8::try_from(left & 0x7f).map_err(io::Error::other)?;
        left >>= 7;
        bytes.push(if left > 0 { byte | 0x80 } else { byte });
        if left == 0 {
            break;
        }
    }
    bytes.extend(body);
    Ok(bytes)
}
