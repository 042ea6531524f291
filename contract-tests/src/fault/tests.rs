use axum::Router;
use axum::extract::{Path, Request};
use axum::routing::{get, post};
use reqwest::redirect::Policy;

use super::*;
use crate::sim::server::{Server, client};

const LIMIT: Duration = Duration::from_secs(20);
const HURRY: Duration = Duration::from_millis(100);

struct Road {
    http: reqwest::Client,
    proxy: FaultProxy,
    _server: Server,
}

impl Road {
    async fn new() -> Self {
        let router = Router::new()
            .route(
                "/page/{number}",
                get(|Path(number): Path<u32>| async move { format!("page {number}") }),
            )
            .route(
                "/echo",
                post(|request: Request| async move { request.into_body() }),
            );
        let server = Server::start(router).await.unwrap();
        let proxy = FaultProxy::start(server.address()).await.unwrap();
        Self {
            http: client().unwrap(),
            proxy,
            _server: server,
        }
    }

    async fn get_within(&self, number: u32, limit: Duration) -> reqwest::Result<(u16, String)> {
        let url = format!("{}/page/{number}", self.proxy.origin());
        let response = self.http.get(url).timeout(limit).send().await?;
        let status = response.status().as_u16();
        response.text().await.map(|text| (status, text))
    }

    async fn get(&self, number: u32) -> reqwest::Result<(u16, String)> {
        self.get_within(number, LIMIT).await
    }

    async fn page(&self, number: u32) -> (u16, String) {
        self.get(number).await.unwrap()
    }
}

fn page(number: u32) -> (u16, String) {
    (200, format!("page {number}"))
}

#[tokio::test]
async fn a_healthy_road_carries_requests_both_ways_one_per_connection() {
    let road = Road::new().await;
    assert_eq!(road.page(1).await, page(1));
    assert_eq!(road.page(2).await, page(2));
    let body = "b".repeat(300_000);
    let url = format!("{}/echo", road.proxy.origin());
    let echo = road.http.post(url).body(body.clone()).send().await.unwrap();
    assert_eq!(echo.text().await.unwrap(), body);
    assert_eq!(road.proxy.connections(), 3);
    assert!(road.proxy.connected(3, LIMIT).await);
}

#[tokio::test]
async fn latency_and_black_holes_outlast_an_impatient_client() {
    let road = Road::new().await;
    for fault in [Fault::Latency(Duration::from_secs(60)), Fault::BlackHole] {
        road.proxy.set(fault);
        assert!(
            road.get_within(1, HURRY).await.unwrap_err().is_timeout(),
            "{fault:?}"
        );
    }
    road.proxy.set(Fault::Latency(Duration::from_millis(1)));
    assert_eq!(road.page(1).await, page(1));
}

#[tokio::test]
async fn resets_garbage_and_truncation_are_errors_and_no_timeouts() {
    let road = Road::new().await;
    for fault in [
        Fault::Reset,
        Fault::Garbage,
        Fault::Truncate(10),
        Fault::Truncate(0),
    ] {
        road.proxy.set(fault);
        let error = road.get(1).await.unwrap_err();
        assert!(!error.is_timeout(), "{fault:?}: {error}");
    }
    road.proxy.set(Fault::Truncate(usize::MAX));
    assert_eq!(road.page(1).await, page(1));
}

#[tokio::test]
async fn a_truncated_body_keeps_its_head() {
    let road = Road::new().await;
    let url = format!("{}/echo", road.proxy.origin());
    road.proxy.set(Fault::Truncate(1_000));
    let echo = road
        .http
        .post(url)
        .body("b".repeat(5_000))
        .send()
        .await
        .unwrap();
    assert_eq!(echo.status(), 200);
    assert!(echo.bytes().await.is_err());
}

#[tokio::test]
async fn an_endless_body_never_ends() {
    let road = Road::new().await;
    road.proxy.set(Fault::Endless);
    let url = format!("{}/page/1", road.proxy.origin());
    let mut response = road.http.get(url).send().await.unwrap();
    let mut read = 0;
    while read < 4_000_000 {
        read += response.chunk().await.unwrap().unwrap().len();
    }
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn counted_statuses_go_away() {
    let road = Road::new().await;
    road.proxy.set_times(Fault::Status(503), 2);
    assert_eq!(road.page(1).await, (503, String::new()));
    assert_eq!(road.page(1).await.0, 503);
    assert_eq!(road.page(1).await, page(1));
}

#[tokio::test]
async fn too_many_says_when_to_come_back_or_does_not() {
    let road = Road::new().await;
    for retry_after_s in [Some(7), None] {
        road.proxy.set(Fault::TooMany { retry_after_s });
        let url = format!("{}/page/1", road.proxy.origin());
        let response = road.http.get(url).send().await.unwrap();
        assert_eq!(response.status(), 429);
        let header = response
            .headers()
            .get("retry-after")
            .map(|v| v.to_str().unwrap());
        assert_eq!(header, retry_after_s.map(|_| "7"));
    }
}

#[tokio::test]
async fn a_redirect_leads_into_a_trap_that_counts() {
    let road = Road::new().await;
    road.proxy.set(Fault::Redirect);
    assert_eq!(road.page(1).await.0, 302);
    assert_eq!(road.proxy.trapped(), 0);
    let url = format!("{}/page/1", road.proxy.origin());
    assert_eq!(naive_client().get(url).send().await.unwrap().status(), 200);
    assert_eq!(road.proxy.trapped(), 1);
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test needs a client that follows redirects"
)]
fn naive_client() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy();
    builder.redirect(Policy::limited(2)).build().unwrap()
}

#[tokio::test]
async fn a_repeated_page_is_given_to_every_later_get_until_the_fault_is_set_anew() {
    let road = Road::new().await;
    road.proxy.set(Fault::RepeatedPage);
    assert_eq!(road.page(1).await, page(1));
    assert_eq!(road.page(2).await, page(1));
    let url = format!("{}/echo", road.proxy.origin());
    let echo = road.http.post(url).body("mine").send().await.unwrap();
    assert_eq!(echo.text().await.unwrap(), "mine");
    road.proxy.set(Fault::RepeatedPage);
    assert_eq!(road.page(3).await, page(3));
}

#[tokio::test]
async fn a_dropped_proxy_gives_up_its_port_and_its_connections() {
    let road = Road::new().await;
    road.proxy.set(Fault::BlackHole);
    let address = road.proxy.address();
    let waiting = road.get(1);
    let proxy = &road.proxy;
    assert!(tokio::select! {
        _ = waiting => false,
        connected = proxy.connected(1, LIMIT) => connected,
    });
    drop(road);
    let gone = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(LIMIT, gone).await.is_ok());
}
