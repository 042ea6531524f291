//! Against a listener on loopback that answers one prepared text per connection, in order.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;
use crate::{context::Secret, transport::TransportConfig};

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: multipart/mixed; boundary=edge\r\n\r\n";

struct Camera {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Camera {
    /// Answers each connection with the next text; the last one then stays silent where `hangs`.
    async fn says(answers: Vec<String>, hangs: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let camera = Self {
            address: listener.local_addr().unwrap(),
            heads: Arc::default(),
        };
        let heads = Arc::clone(&camera.heads);
        tokio::spawn(async move {
            let mut kept = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                heads.lock().unwrap().push(String::from_utf8(head).unwrap());
                stream.write_all(answer.as_bytes()).await.unwrap();
                if hangs {
                    kept.push(stream);
                }
            }
            std::future::pending::<()>().await;
        });
        camera
    }

    async fn open(&self, login: Option<&Login>) -> Result<PartStream> {
        let url: Url = format!("http://{}/stream?channel=1", self.address)
            .parse()
            .unwrap();
        let transport = HttpTransport::new(TransportConfig {
            allow_private: true,
            ..TransportConfig::new(vec![url.clone()])
        });
        let limits = StreamLimits {
            max_part: 100,
            open: Duration::from_secs(5),
            idle: Duration::from_millis(300),
        };
        transport.unwrap().open(&url, login, &limits).await
    }
}

fn login() -> Login {
    Login::new(Secret::new("camera"), Secret::new("hunter2"))
}

fn challenge(scheme: &str) -> String {
    format!(
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: {scheme}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
}

#[tokio::test]
async fn parts_come_one_by_one_and_silence_ends_it() {
    let parts = "--edge\r\nContent-Type: application/xml\r\nContent-Length: 4\r\n\r\n<a/>\r\n--edge\r\n\r\ntwo\r\n--edge\r\n";
    let camera = Camera::says(vec![format!("{HEAD}{parts}")], true).await;
    let mut stream = camera.open(None).await.unwrap();
    let first = stream.next().await.unwrap().unwrap();
    assert_eq!(first.content_type.as_deref(), Some("application/xml"));
    assert_eq!(&*first.body, b"<a/>");
    assert_eq!(&*stream.next().await.unwrap().unwrap().body, b"two");
    let error = stream.next().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

#[tokio::test]
async fn an_end_is_told_from_a_break() {
    let whole = format!("{HEAD}--edge\r\n\r\none\r\n--edge--");
    let camera = Camera::says(vec![whole], false).await;
    let mut stream = camera.open(None).await.unwrap();
    assert!(stream.next().await.unwrap().is_some());
    assert_eq!(stream.next().await.unwrap(), None);
    let cut = format!("{HEAD}--edge\r\n\r\non");
    let camera = Camera::says(vec![cut], false).await;
    let mut stream = camera.open(None).await.unwrap();
    let error = stream.next().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_challenge_is_answered_once_and_only_when_asked() {
    let ok = format!("{HEAD}--edge--");
    let digest = challenge("Digest realm=\"DS\", nonce=\"n\", qop=\"auth\"");
    let camera = Camera::says(vec![digest, ok.clone()], false).await;
    camera.open(Some(&login())).await.unwrap();
    let heads = camera.heads.lock().unwrap().clone();
    let [first, second] = heads.as_slice() else {
        panic!("{heads:?}")
    };
    assert!(!first.to_lowercase().contains("authorization"));
    assert!(second.contains("Digest username=\"camera\""), "{second}");
    assert!(second.contains("uri=\"/stream?channel=1\""), "{second}");
    assert!(!second.contains("hunter2"));

    let basic = challenge("Basic realm=\"DS\"");
    let camera = Camera::says(vec![basic.clone(), basic.clone(), ok], false).await;
    let error = camera.open(Some(&login())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert_eq!(camera.heads.lock().unwrap().len(), 2);
    let camera = Camera::says(vec![basic], false).await;
    let error = camera.open(None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
}

#[tokio::test]
async fn every_other_answer_is_an_error_with_a_decision() {
    for (answer, kind) in [
        (
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n",
            ErrorKind::Malformed,
        ),
        (
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
            ErrorKind::Unauthorized,
        ),
        (
            "HTTP/1.1 429 Wait\r\nContent-Length: 0\r\n\r\n",
            ErrorKind::RateLimited,
        ),
        (
            "HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n",
            ErrorKind::Unavailable,
        ),
        (
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            ErrorKind::Malformed,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
            ErrorKind::Malformed,
        ),
        ("garbage\r\n\r\n", ErrorKind::Unavailable),
    ] {
        let camera = Camera::says(vec![answer.to_owned()], false).await;
        let error = camera.open(None).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{answer}");
    }
}

#[tokio::test]
async fn a_part_that_is_too_large_ends_it() {
    let large = format!("{HEAD}--edge\r\nContent-Length: 101\r\n\r\n");
    let camera = Camera::says(vec![large], true).await;
    let mut stream = camera.open(None).await.unwrap();
    assert_eq!(
        stream.next().await.unwrap_err().kind(),
        ErrorKind::Malformed
    );
}

#[tokio::test]
async fn another_host_is_not_asked() {
    let camera = Camera::says(vec![format!("{HEAD}--edge--")], false).await;
    let transport = HttpTransport::new(TransportConfig {
        allow_private: true,
        ..TransportConfig::new(vec!["http://127.0.0.1:9/".parse().unwrap()])
    });
    let url = format!("http://{}/", camera.address).parse().unwrap();
    let limits = StreamLimits {
        max_part: 100,
        open: Duration::from_secs(5),
        idle: Duration::from_secs(5),
    };
    let error = transport
        .unwrap()
        .open(&url, None, &limits)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(camera.heads.lock().unwrap().is_empty());
}
