//! A server on a free loopback port that stops when it is dropped.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A running HTTP server. Dropping it closes the port; answers under way are still finished.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl Server {
    /// Serves `router` on `127.0.0.1` and a port the system chooses.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(router: Router) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        // The sender is never used: dropping it is the signal.
        let until = async move { drop(stopped.await) };
        tokio::spawn(async move {
            drop(
                axum::serve(listener, router)
                    .with_graceful_shutdown(until)
                    .await,
            );
        });
        Ok(Self {
            address,
            _stop: stop,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:port`, without a slash at the end.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// A client that follows no redirect and uses no proxy.
///
/// # Errors
/// When TLS cannot be set up.
#[expect(
    clippy::disallowed_methods,
    reason = "a simulated vendor has no call context to borrow"
)]
pub fn client() -> io::Result<reqwest::Client> {
    let builder = reqwest::Client::builder().no_proxy();
    builder
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn a_dropped_server_gives_up_its_port() {
        let server = Server::start(Router::new()).await.unwrap();
        let address = server.address();
        assert!(TcpStream::connect(address).await.is_ok());
        drop(server);
        let gone = async {
            while TcpStream::connect(address).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        let limit = std::time::Duration::from_secs(20);
        assert!(tokio::time::timeout(limit, gone).await.is_ok());
    }
}
