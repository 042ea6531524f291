//! The accept loop: HTTP/1.1 with a limit on connections, on headers, on the time they take, and on clients that do not
//! take their answer.
//!
//! Own, because `axum::serve` installs no timer and hyper's header limit is then silently off.

mod unread;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;

use self::unread::WriteLimited;
use crate::config::HttpLimits;

/// How long open connections may finish at shutdown.
const DRAIN: Duration = Duration::from_secs(10);

/// Pause after the system refuses a connection, for example for want of file descriptors.
const BREATHER: Duration = Duration::from_millis(50);

/// Serves until cancelled, then lets open requests finish for a while.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: HttpLimits,
    stop: CancellationToken,
) {
    let connections = Arc::new(Semaphore::new(
        usize::try_from(limits.max_connections).unwrap_or(1),
    ));
    let graceful = GracefulShutdown::new();
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(limits.max_header_bytes)
        .max_headers(100);
    loop {
        // The place is taken before the connection: at the limit, callers wait in the system's queue.
        let place = tokio::select! {
            () = stop.cancelled() => break,
            place = Arc::clone(&connections).acquire_owned() => place,
        };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(BREATHER).await;
                continue;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its delay");
        }
        let connection = http.serve_connection(
            TokioIo::new(WriteLimited::new(stream, limits.write_timeout)),
            TowerToHyperService::new(router.clone()),
        );
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            let _place = place;
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended badly");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some connections were cut at shutdown");
    }
}

/// Binds a listener.
///
/// # Errors
/// The address cannot be bound.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}
