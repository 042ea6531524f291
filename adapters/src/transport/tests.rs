//! Against a listener on loopback that answers with prepared bytes.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::error::Retry;

const PLATE: &str = "TPK0421";

/// What the listener does once it has read the head of a request.
#[derive(Clone)]
enum Act {
    /// Writes the bytes and closes.
    Say(String),
    /// Writes the bytes and keeps the connection open without another word.
    Hang(&'static str),
}

struct Listener {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Listener {
    async fn that(act: Act) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let this = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            heads: Arc::default(),
        };
        let (connections, heads) = (Arc::clone(&this.connections), Arc::clone(&this.heads));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, act.clone(), Arc::clone(&heads)));
            }
        });
        this
    }

    async fn says(bytes: impl Into<String>) -> Self {
        Self::that(Act::Say(bytes.into())).await
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn config(&self) -> TransportConfig {
        TransportConfig {
            allow_private: true,
            ..TransportConfig::new(vec![self.url("/").parse().unwrap()])
        }
    }

    fn transport(&self) -> HttpTransport {
        HttpTransport::new(self.config()).unwrap()
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TcpStream, act: Act, heads: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else {
            return;
        };
        head.push(byte);
    }
    heads.lock().unwrap().push(String::from_utf8(head).unwrap());
    match act {
        Act::Say(bytes) => stream.write_all(bytes.as_bytes()).await.unwrap(),
        Act::Hang(bytes) => {
            stream.write_all(bytes.as_bytes()).await.unwrap();
            std::future::pending::<()>().await;
        }
    }
}

fn get(url: &str) -> http::Request<Bytes> {
    http::Request::get(url).body(Bytes::new()).unwrap()
}

fn in_secs(secs: u64) -> Instant {
    monotonic() + Duration::from_secs(secs)
}

async fn outcome(transport: &HttpTransport, url: &str) -> Result<http::Response<Bytes>> {
    transport.send(get(url), in_secs(20)).await
}

async fn failed(transport: &HttpTransport, url: &str) -> Error {
    outcome(transport, url).await.unwrap_err()
}

fn printed(error: &Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(format!("{error} {error:?}"), |text, cause| {
        format!("{text} {cause} {cause:?}")
    })
}

#[tokio::test]
async fn an_answer_comes_back_with_status_headers_and_body_whatever_the_status() {
    for status in [
        "200 OK",
        "304 Not Modified",
        "404 Not Found",
        "429 Slow",
        "503 Down",
    ] {
        let body = if status.starts_with("304") {
            ""
        } else {
            "seen"
        };
        let length = body.len();
        let listener = Listener::says(format!(
            "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nretry-after: 7\r\n\r\n{body}"
        ))
        .await;
        let answer = outcome(&listener.transport(), &listener.url("/v1"))
            .await
            .unwrap();
        assert!(status.starts_with(answer.status().as_str()));
        assert_eq!(answer.headers()["retry-after"], "7");
        assert_eq!(answer.body(), body);
    }
}

#[tokio::test]
async fn method_headers_and_body_reach_the_source_as_given() {
    let listener = Listener::says("HTTP/1.1 204 No Content\r\n\r\n").await;
    let request = http::Request::post(listener.url("/v1/search?a=b"))
        .header("x-key", "k")
        .body(Bytes::from_static(b"{}"))
        .unwrap();
    listener
        .transport()
        .send(request, in_secs(20))
        .await
        .unwrap();
    let head = listener
        .heads
        .lock()
        .unwrap()
        .remove(0)
        .to_ascii_lowercase();
    assert!(
        head.starts_with("post /v1/search?a=b http/1.1\r\n"),
        "{head}"
    );
    assert!(head.contains("\r\nx-key: k\r\n") && head.contains("\r\ncontent-length: 2\r\n"));
    assert!(head.contains("\r\nuser-agent: turnpike/"));
    assert!(
        !head.contains("accept-encoding"),
        "compression is not asked for: {head}"
    );
}

#[tokio::test]
async fn any_other_origin_is_refused_and_nothing_is_sent() {
    let (pinned, other) = (Listener::says("").await, Listener::says("").await);
    let transport = pinned.transport();
    let port = pinned.address.port();
    let strangers = [
        other.url("/"),
        format!("https://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://127.0.0.2:{port}/"),
        "http://127.0.0.1/".to_owned(),
        format!("http://user:word@127.0.0.1:{port}/"),
        format!("http://127.0.0.1:{port}@{}/", other.address),
        "/relative".to_owned(),
    ];
    for url in strangers {
        let error = failed(&transport, &url).await;
        assert_eq!(
            (error.kind(), error.retry()),
            (ErrorKind::Config, Retry::Never),
            "{url}"
        );
    }
    assert_eq!((pinned.connections(), other.connections()), (0, 0));
}

#[tokio::test]
async fn a_request_cannot_pose_as_another_host() {
    let listener = Listener::says("").await;
    let request = http::Request::get(listener.url("/"))
        .header("host", "elsewhere.example")
        .body(Bytes::new())
        .unwrap();
    let error = listener
        .transport()
        .send(request, in_secs(20))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), listener.connections()),
        (ErrorKind::Config, 0)
    );
}

#[tokio::test]
async fn a_redirect_is_malformed_and_not_followed() {
    let target = Listener::says("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    for status in [301, 302, 303, 307, 308] {
        let location = target.url("/?plate=TPK0421");
        let listener = Listener::says(format!(
            "HTTP/1.1 {status} Go\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"
        ))
        .await;
        let mut config = listener.config();
        config.hosts.push(target.url("/").parse().unwrap());
        let error = failed(&HttpTransport::new(config).unwrap(), &listener.url("/")).await;
        assert_eq!(error.kind(), ErrorKind::Malformed);
        assert_eq!(
            error.to_string(),
            format!("send: redirected with status {status}")
        );
    }
    assert_eq!(target.connections(), 0, "even to a pinned host");
}

#[tokio::test]
async fn a_body_over_the_cap_is_malformed_however_it_is_framed() {
    let (fits, over) = ("x".repeat(64), "x".repeat(65));
    let announced = |body: &str| format!("content-length: {}\r\n\r\n{body}", body.len());
    let chunked = |body: &str| {
        let pieces: String = body.chars().map(|c| format!("1\r\n{c}\r\n")).collect();
        format!("transfer-encoding: chunked\r\n\r\n{pieces}0\r\n\r\n")
    };
    let until_closed = |body: &str| format!("\r\n{body}");
    let framings: [&dyn Fn(&str) -> String; 3] = [&announced, &chunked, &until_closed];
    for framing in framings {
        let answer = async |body: &str| {
            let listener = Listener::says(format!("HTTP/1.1 200 OK\r\n{}", framing(body))).await;
            let config = TransportConfig {
                max_body: 64,
                ..listener.config()
            };
            outcome(&HttpTransport::new(config).unwrap(), &listener.url("/")).await
        };
        assert_eq!(answer(&fits).await.unwrap().body(), fits.as_str());
        let error = answer(&over).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed);
        assert_eq!(
            error.to_string(),
            "send: the answer is larger than 64 bytes"
        );
    }
}

#[tokio::test]
async fn an_endless_announcement_is_refused_before_its_body() {
    let huge = "HTTP/1.1 200 OK\r\ncontent-length: 1099511627776\r\n\r\n";
    let listener = Listener::that(Act::Hang(huge)).await;
    let error = failed(&listener.transport(), &listener.url("/")).await;
    assert_eq!(error.kind(), ErrorKind::Malformed, "{error}");
}

#[tokio::test]
async fn a_compressed_body_arrives_as_sent() {
    let head = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n";
    let listener = Listener::says(format!("{head}\u{1f}abc")).await;
    let answer = outcome(&listener.transport(), &listener.url("/"))
        .await
        .unwrap();
    assert_eq!(answer.body().as_ref(), b"\x1fabc");
    assert_eq!(answer.headers()["content-encoding"], "gzip");
}

#[tokio::test]
async fn silence_and_a_stalled_body_end_at_the_deadline() {
    for words in ["", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"] {
        let listener = Listener::that(Act::Hang(words)).await;
        let deadline = monotonic() + Duration::from_millis(50);
        let transport = listener.transport();
        let error = transport
            .send(get(&listener.url("/")), deadline)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(monotonic() >= deadline);
    }
}

#[tokio::test]
async fn nothing_is_sent_once_the_deadline_has_passed() {
    let listener = Listener::says("").await;
    let transport = listener.transport();
    let error = transport
        .send(get(&listener.url("/")), monotonic())
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), listener.connections()),
        (ErrorKind::TimedOut, 0)
    );
}

#[tokio::test]
async fn a_source_that_is_not_there_or_breaks_off_is_unavailable() {
    let gone = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}/", listener.local_addr().unwrap())
    };
    let config = TransportConfig {
        allow_private: true,
        ..TransportConfig::new(vec![gone.parse().unwrap()])
    };
    let mut errors = vec![failed(&HttpTransport::new(config).unwrap(), &gone).await];
    let broken = [
        "",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhal",
        "not http at all\r\n\r\n",
    ];
    for words in broken {
        let listener = Listener::says(words).await;
        errors.push(failed(&listener.transport(), &listener.url("/")).await);
    }
    for error in errors {
        let seen = (error.kind(), error.retry());
        assert_eq!(seen, (ErrorKind::Unavailable, Retry::Backoff), "{error}");
    }
}

#[tokio::test]
async fn an_https_host_is_not_spoken_to_in_clear() {
    let listener = Listener::says("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let url = listener.url("/").replace("http:", "https:");
    let config = TransportConfig {
        hosts: vec![url.parse().unwrap()],
        connect_timeout: Duration::from_millis(100),
        ..listener.config()
    };
    let transport = HttpTransport::new(config).unwrap();
    let wrong_scheme = failed(&transport, &listener.url("/")).await;
    assert_eq!(
        (wrong_scheme.kind(), listener.connections()),
        (ErrorKind::Config, 0)
    );
    let error = failed(&transport, &url).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.to_string(), "send: the source cannot be reached");
    assert_eq!(
        listener.connections(),
        1,
        "the handshake is part of connecting"
    );
    assert!(
        listener.heads.lock().unwrap().is_empty(),
        "no request left in clear"
    );
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_at_the_moment_of_connecting() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let listener = Listener::says(answer).await;
    let url = format!("http://localhost:{}/", listener.address.port());
    let config = TransportConfig::new(vec![url.parse().unwrap()]);
    let inside = TransportConfig {
        allow_private: true,
        ..config.clone()
    };
    let error = failed(&HttpTransport::new(config).unwrap(), &url).await;
    assert_eq!(
        (error.kind(), listener.connections()),
        (ErrorKind::Config, 0),
        "{error}"
    );
    let answer = outcome(&HttpTransport::new(inside).unwrap(), &url).await;
    assert!(answer.is_ok() && listener.connections() == 1);
}

#[test]
fn hosts_that_may_not_be_spoken_to_are_refused_before_any_request() {
    let hosts = [
        "http://127.1/",
        "http://0x7f000001/",
        "http://017700000001/",
        "http://2130706433/",
        "http://[::1]/",
        "http://[::ffff:169.254.169.254]/",
        "https://169.254.169.254/latest/meta-data",
        "https://10.1.2.3/",
        "https://user@reads.example/",
        "https://user:word@reads.example/",
        "ftp://reads.example/",
        "file:///etc/hosts",
        "data:text/plain,x",
    ];
    for host in hosts {
        let config = TransportConfig::new(vec![host.parse().unwrap()]);
        let error = HttpTransport::new(config).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{host}");
        assert!(!error.to_string().contains("word"));
    }
    let public = TransportConfig::new(vec!["https://reads.example/".parse().unwrap()]);
    assert!(HttpTransport::new(public).is_ok());
}

#[tokio::test]
async fn no_error_names_what_was_asked() {
    let broken = [
        Act::Say(String::new()),
        Act::Say("garbage\r\n\r\n".to_owned()),
        Act::Say("HTTP/1.1 302 Go\r\nlocation: /?plate=TPK0421\r\n\r\n".to_owned()),
        Act::Say("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nTPK0421".to_owned()),
        Act::Say(format!("HTTP/1.1 200 OK\r\n\r\n{}", PLATE.repeat(99))),
        Act::Hang("HTTP/1.1 200 OK\r\ncontent-length: 60\r\n\r\nTPK0421"),
    ];
    let mut urls = vec![format!("http://elsewhere.example/?plate={PLATE}")];
    for act in broken {
        let listener = Listener::that(act).await;
        let config = TransportConfig {
            max_body: 64,
            ..listener.config()
        };
        let transport = HttpTransport::new(config).unwrap();
        urls.push(listener.url(&format!("/reads/{PLATE}?plate={PLATE}")));
        for url in &urls {
            let deadline = monotonic() + Duration::from_millis(200);
            let error = transport.send(get(url), deadline).await.unwrap_err();
            let text = printed(&error);
            assert!(!text.contains(PLATE) && !text.contains("plate="), "{text}");
        }
    }
}
