//! Just enough HTTP to pass one request on and bring its answer back.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::TcpStream;

const HEAD_END: &[u8] = b"\r\n\r\n";
const MOST_HEAD_BYTES: usize = 64 * 1024;

/// Reads one request: its head and as much body as `content-length` says.
pub(super) async fn read_request(client: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut request = Vec::new();
    let head = loop {
        if let Some(place) = request.windows(HEAD_END.len()).position(|w| w == HEAD_END) {
            break place + HEAD_END.len();
        }
        if request.len() > MOST_HEAD_BYTES || client.read_buf(&mut request).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    let wanted = head + content_length(request.get(..head).unwrap_or_default());
    while request.len() < wanted {
        if client.read_buf(&mut request).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(request)
}

/// Passes `request` on and brings back the answer, or only its first `most` bytes.
pub(super) async fn relay(
    client: &mut TcpStream,
    target: SocketAddr,
    request: &[u8],
    most: Option<usize>,
) -> io::Result<()> {
    let upstream = ask(target, request).await?;
    let most = most
        .and_then(|most| u64::try_from(most).ok())
        .unwrap_or(u64::MAX);
    copy(&mut upstream.take(most), client).await?;
    client.shutdown().await
}

/// The whole answer to `request`.
pub(super) async fn fetch(target: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    ask(target, request).await?.read_to_end(&mut answer).await?;
    Ok(answer)
}

/// Sends the last bytes of an answer.
pub(super) async fn finish(client: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    client.write_all(bytes).await?;
    client.shutdown().await
}

async fn ask(target: SocketAddr, request: &[u8]) -> io::Result<TcpStream> {
    let mut upstream = TcpStream::connect(target).await?;
    upstream.write_all(&closing(request)).await?;
    Ok(upstream)
}

/// The request with `connection: close` as its first header, so that the answer says the same and
/// ends with the connection.
fn closing(request: &[u8]) -> Vec<u8> {
    let line = request
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(0, |place| place + 1);
    let (line, rest) = request.split_at(line);
    [line, b"connection: close\r\n", rest].concat()
}

fn content_length(head: &[u8]) -> usize {
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    text.lines()
        .filter_map(|line| line.strip_prefix("content-length:"))
        .find_map(|value| value.trim().parse().ok())
        .unwrap_or(0)
}
