//! A connection of which no more is read than is allowed, for protocols whose client takes in whatever comes.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that may still be read.
#[derive(Debug, Clone)]
pub(super) struct Left(Arc<AtomicU64>);

/// A connection that ends once nothing is left.
#[derive(Debug)]
pub(super) struct Measured<S> {
    pub(super) inner: S,
    pub(super) left: Left,
}

impl Default for Left {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(u64::MAX)))
    }
}

impl Left {
    /// Lets so many bytes be read from now on.
    pub(super) fn allow(&self, bytes: u64) {
        self.0.store(bytes, Relaxed);
    }

    /// Whether more was sent than was allowed.
    pub(super) fn is_used_up(&self) -> bool {
        self.0.load(Relaxed) == 0
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Measured<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left.is_used_up() {
            return Poll::Ready(Err(io::Error::other("more was sent than is allowed")));
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buffer);
        let read = (buffer.filled().len() - before) as u64;
        let left = self.left.0.load(Relaxed);
        self.left.allow(left.saturating_sub(read));
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Measured<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn no_more_is_read_than_is_allowed_until_more_is() {
        let (mut far, near) = tokio::io::duplex(1 << 20);
        far.write_all(&[7; 100]).await.unwrap();
        let left = Left::default();
        let mut near = Measured {
            inner: near,
            left: left.clone(),
        };
        let mut some = [0; 10];
        near.read_exact(&mut some).await.unwrap();
        left.allow(25);
        for _ in 0..3 {
            near.read_exact(&mut some).await.unwrap();
        }
        assert!(left.is_used_up());
        assert!(near.read_exact(&mut some).await.is_err());
        left.allow(60);
        for _ in 0..6 {
            near.read_exact(&mut some).await.unwrap();
        }
        near.write_all(b"still written").await.unwrap();
    }
}
