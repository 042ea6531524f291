//! Answers the proxy makes up itself.

use std::io;
use std::net::SocketAddr;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::wire::finish;

const GARBAGE: &[u8] = b"\x16\x03\x01\x00\xffthis is no answer at all\x00\x01\x02\r\n\r\n";
const BLANKS: [u8; 16 * 1024] = [b' '; 16 * 1024];

pub(super) async fn garbage(client: &mut TcpStream) -> io::Result<()> {
    finish(client, GARBAGE).await
}

/// Writes until the client goes away.
pub(super) async fn endless(client: &mut TcpStream) -> io::Result<()> {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n";
    client.write_all(head).await?;
    loop {
        client.write_all(&BLANKS).await?;
    }
}

pub(super) async fn too_many(client: &mut TcpStream, retry_after_s: Option<u32>) -> io::Result<()> {
    let header = retry_after_s.map(|seconds| format!("retry-after: {seconds}\r\n"));
    empty(client, 429, &header.unwrap_or_default()).await
}

pub(super) async fn status(client: &mut TcpStream, status: u16) -> io::Result<()> {
    empty(client, status, "").await
}

pub(super) async fn redirect(client: &mut TcpStream, to: SocketAddr) -> io::Result<()> {
    empty(client, 302, &format!("location: http://{to}/\r\n")).await
}

async fn empty(client: &mut TcpStream, status: u16, header: &str) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status} Fault\r\n{header}content-length: 0\r\nconnection: close\r\n\r\n"
    );
    finish(client, head.as_bytes()).await
}
