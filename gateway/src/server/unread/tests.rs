//! Over real sockets, through the whole accept loop.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, routing::get};
use futures::{StreamExt as _, stream};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;

use crate::{config::HttpLimits, server::serve};

const PATIENCE: Duration = Duration::from_secs(20);

const WRITE_TIMEOUT: Duration = Duration::from_millis(150);

/// Tells when the body it belongs to is gone.
struct Gone(mpsc::UnboundedSender<()>);

impl Drop for Gone {
    fn drop(&mut self) {
        let _gone = self.0.send(());
    }
}

async fn start(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = HttpLimits {
        max_connections: 4,
        header_timeout: PATIENCE,
        max_header_bytes: 32 << 10,
        body_timeout: PATIENCE,
        write_timeout: WRITE_TIMEOUT,
        max_query_bytes: 1 << 10,
        max_push_bytes: 1 << 10,
    };
    tokio::spawn(serve(listener, router, limits, CancellationToken::new()));
    address
}

async fn connect(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    stream
}

#[tokio::test]
async fn a_client_that_does_not_read_loses_its_connection() {
    let (gone, mut is_gone) = mpsc::unbounded_channel();
    let endless = move || {
        let gone = Gone(gone.clone());
        let chunks = stream::repeat(vec![b'x'; 64 << 10]);
        let chunks = chunks.map(move |chunk| {
            let _held = &gone;
            Ok::<_, Infallible>(chunk)
        });
        async { Body::from_stream(chunks) }
    };
    let address = start(Router::new().route("/", get(endless))).await;
    let mut client = connect(address).await;
    let cut = tokio::time::timeout(PATIENCE, is_gone.recv()).await;
    cut.expect("the answer is given up").unwrap();
    // What the system had already taken can still be read; then it ends.
    let mut rest = Vec::new();
    let end = tokio::time::timeout(PATIENCE, client.read_to_end(&mut rest)).await;
    drop(end.expect("the connection is closed"));
    assert!(!rest.ends_with(b"\r\n0\r\n\r\n"), "it is no whole answer");
}

/// Lets time pass, without waiting for it. It stands still for nobody afterwards: sockets are real.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn an_answer_whose_parts_come_slowly_is_whole() {
    let (parts, waiting) = mpsc::unbounded_channel::<String>();
    let waiting = Arc::new(Mutex::new(Some(waiting)));
    let slow = move || {
        let waiting = waiting.lock().unwrap().take().unwrap();
        let lines = stream::unfold(waiting, |mut waiting| async move {
            let line = waiting.recv().await?;
            Some((Ok::<_, Infallible>(line), waiting))
        });
        async { Body::from_stream(lines) }
    };
    let address = start(Router::new().route("/", get(slow))).await;
    let mut client = connect(address).await;
    let mut answer = String::new();
    for line in 0..4 {
        parts.send(format!("{line}\n")).unwrap();
        while !answer.contains(&format!("\r\n{line}\n\r\n")) {
            let mut some = [0; 1 << 10];
            let read = tokio::time::timeout(PATIENCE, client.read(&mut some)).await;
            let read = read.unwrap().unwrap();
            assert!(read > 0, "the answer is cut: {answer}");
            answer.push_str(std::str::from_utf8(&some[..read]).unwrap());
        }
        pass(WRITE_TIMEOUT * 3).await;
    }
    drop(parts);
    let read = tokio::time::timeout(PATIENCE, client.read_to_string(&mut answer)).await;
    read.unwrap().unwrap();
    assert!(answer.ends_with("0\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn a_client_that_reads_slowly_gets_everything() {
    const CHUNK: usize = 1 << 20;
    const CHUNKS: usize = 24;
    let taken = Arc::new(AtomicUsize::new(0));
    let large = {
        let taken = Arc::clone(&taken);
        move || {
            let taken = Arc::clone(&taken);
            let chunks = stream::iter(0..CHUNKS).map(move |_| {
                taken.fetch_add(1, Ordering::SeqCst);
                Ok::<_, Infallible>(vec![b'x'; CHUNK])
            });
            async { Body::from_stream(chunks) }
        }
    };
    let address = start(Router::new().route("/", get(large))).await;
    let mut client = connect(address).await;
    let (mut buffer, mut got, mut before, mut passed) = (vec![0; CHUNK], 0, 0, Duration::ZERO);
    loop {
        let read = tokio::time::timeout(PATIENCE, client.read(&mut buffer)).await;
        match read.unwrap().unwrap() {
            0 => break,
            bytes => got += bytes,
        }
        // Each time the server could go on writing, it waits again for nearly as long as it may.
        let now = taken.load(Ordering::SeqCst);
        if now > before {
            before = now;
            passed += WRITE_TIMEOUT * 2 / 3;
            pass(WRITE_TIMEOUT * 2 / 3).await;
        }
    }
    assert!(got > CHUNK * CHUNKS, "{got}");
    assert!(passed > WRITE_TIMEOUT * 3, "{passed:?}");
}
