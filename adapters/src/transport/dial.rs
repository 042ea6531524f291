//! A plain TCP connection to a pinned host, under the same rule about addresses as HTTP.

use std::{net::SocketAddr, time::Duration};

use tokio::net::TcpStream;

use super::address::{AddressRefused, FilteredResolver};

/// Why nobody was reached.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    #[error("{0}")]
    Refused(#[from] AddressRefused),
    #[error("the host cannot be reached")]
    Unreachable(#[source] std::io::Error),
    #[error("the host did not answer in time")]
    TimedOut,
}

/// Connects to the first address of `host` that answers and may be connected to.
pub(super) async fn dial(
    host: &str,
    port: u16,
    allow_private: bool,
    limit: Duration,
) -> Result<TcpStream, DialError> {
    let attempt = async {
        // A literal IPv6 address stands in brackets in a URL, and without them for the resolver.
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let found = tokio::net::lookup_host((name, port)).await;
        let found = found.map_err(DialError::Unreachable)?;
        let admitted = FilteredResolver::new(allow_private).admit(found)?;
        let admitted: Vec<SocketAddr> = admitted.collect();
        let stream = TcpStream::connect(&*admitted).await;
        let stream = stream.map_err(DialError::Unreachable)?;
        stream.set_nodelay(true).map_err(DialError::Unreachable)?;
        Ok(stream)
    };
    tokio::time::timeout(limit, attempt)
        .await
        .unwrap_or(Err(DialError::TimedOut))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_that_are_not_public_are_dialled_only_where_allowed() {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .unwrap();
        let port = listener.local_addr().unwrap().port();
        let limit = Duration::from_secs(5);
        for host in ["127.0.0.1", "localhost", "[::1]"] {
            let refused = dial(host, port, false, limit).await;
            assert!(matches!(refused, Err(DialError::Refused(_))), "{host}");
        }
        assert!(dial("127.0.0.1", port, true, limit).await.is_ok());
    }
}
