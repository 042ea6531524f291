//! Images: fetched on demand, through the gateway, for what was released to whom.

use jiff::SignedDuration;
use serde_json::Value;
use turnpike_contract_tests::sim::rekor::{Group, JPEG};

use super::installation::{
    Embedded, Installation, PATIENCE, PLATE, client, edit, now, of_kind, question, reads_of,
};

const CAMERAS: &str = "main-street-cameras";

async fn one_read(installation: &Installation) {
    let group = Group::read(2042, now() - SignedDuration::from_hours(1), PLATE);
    installation.world.cameras.send(&group.json());
    assert!(installation.world.cameras.drained(PATIENCE).await);
}

async fn fetch(installation: &Installation, role: &str, path: &str) -> reqwest::Response {
    let token = installation.token(role);
    let request = installation.request("GET", path, Some(token));
    request.send().await.unwrap()
}

async fn problem(response: reqwest::Response) -> (u16, String) {
    let status = response.status().as_u16();
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["status"], status);
    (status, problem["type"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn an_image_follows_its_answer_to_the_one_who_asked_and_is_on_record() {
    let installation = Installation::start(|_| {}).await;
    let cameras = &installation.world.cameras;
    one_read(&installation).await;
    let answer = installation.ask(&question(3)).await;
    let read = reads_of(&answer, CAMERAS)[0];
    let path = read["images"][0]["ref"].as_str().unwrap();
    assert_eq!(
        cameras.image_requests().len(),
        0,
        "nothing is fetched ahead"
    );

    let image = fetch(&installation, "investigator", path).await;
    assert_eq!(image.status(), 200);
    assert_eq!(image.headers()["content-type"], "image/jpeg");
    assert_eq!(image.headers()["cache-control"], "no-store");
    assert_eq!(image.bytes().await.unwrap(), JPEG);
    assert_eq!(cameras.image_requests().len(), 1);
    let ledger = installation.ledger();
    let intent = of_kind(&ledger, "intent").pop().unwrap();
    assert_eq!(intent["body"]["action"], "image");
    assert_eq!(intent["body"]["case_reference"], "BRK-2026-000042");
    let outcome = of_kind(&ledger, "outcome").pop().unwrap();
    assert_eq!(outcome["question"], intent["question"]);
    assert!(outcome["body"]["sources"][0]["digest"].is_string());

    let other = fetch(&installation, "supervisor", path).await;
    assert_eq!(
        problem(other).await,
        (404, "/problems/not_released".to_owned())
    );
    let beyond = path.replace("/images/0", "/images/1");
    let unknown = format!("/v1/reads/{}/images/0", "0".repeat(32));
    for (path, kind) in [
        (beyond.as_str(), "not_released"),
        (&unknown, "not_released"),
        ("/v1/reads/TPK0421/images/0", "not_found"),
        ("/v1/reads/%FF/images/0", "not_found"),
        (&path.replace("/images/0", "/images/-1"), "not_found"),
    ] {
        let refused = of_kind(&installation.ledger(), "refused").len();
        let answer = fetch(&installation, "investigator", path).await;
        assert_eq!(
            problem(answer).await,
            (404, format!("/problems/{kind}")),
            "{path}"
        );
        let now_refused = of_kind(&installation.ledger(), "refused").len();
        assert_eq!(now_refused, refused + 1, "{path}");
    }
    let auditor = fetch(&installation, "auditor", path).await;
    assert_eq!(problem(auditor).await.0, 403);
    assert_eq!(cameras.image_requests().len(), 1, "nobody was contacted");
}

#[tokio::test]
async fn an_image_the_source_does_not_give_is_a_problem_and_not_a_page_of_html() {
    let installation = Installation::start(|_| {}).await;
    let cameras = &installation.world.cameras;
    one_read(&installation).await;
    let answer = installation.ask(&question(3)).await;
    let read = reads_of(&answer, CAMERAS)[0];
    let path = read["images"][0]["ref"].as_str().unwrap();
    cameras.switch_images(|images| images.missing = true);
    let gone = fetch(&installation, "investigator", path).await;
    assert_eq!(problem(gone).await, (410, "/problems/gone".to_owned()));
    cameras.switch_images(|images| (images.missing, images.html) = (false, true));
    let html = fetch(&installation, "investigator", path).await;
    assert_eq!(
        problem(html).await,
        (502, "/problems/source_failed".to_owned())
    );
    let elsewhere = installation.world.police.base_url();
    cameras.switch_images(|images| {
        (images.html, images.redirect_to) = (false, Some(elsewhere.clone()));
    });
    let requests = installation.world.police.requests().len();
    let redirected = fetch(&installation, "investigator", path).await;
    assert_eq!(problem(redirected).await.0, 502);
    assert_eq!(installation.world.police.requests().len(), requests);
    let ledger = installation.ledger();
    let outcomes = of_kind(&ledger, "outcome");
    let failed = outcomes.iter().filter(|entry| {
        entry["body"]["sources"].as_array().unwrap().len() == 1
            && entry["body"]["sources"][0]["outcome"] == "failed"
    });
    assert_eq!(failed.count(), 3);
}

/// The camera engine with this quota.
async fn with_quota(quota: &str) -> Installation {
    let written = "allow_private_addresses = true\npush";
    let wanted = format!("allow_private_addresses = true\nquota = {quota}\npush");
    Installation::start(|world| edit(world, "turnpike.toml", written, &wanted)).await
}

async fn image_path(installation: &Installation) -> String {
    one_read(installation).await;
    let answer = installation.ask(&question(3)).await;
    let read = reads_of(&answer, CAMERAS)[0];
    read["images"][0]["ref"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_image_beyond_the_quota_of_its_source_is_for_later() {
    let installation = with_quota("{ requests = 4, per_s = 3600, burst = 2 }").await;
    let path = image_path(&installation).await;
    let later = fetch(&installation, "investigator", &path).await;
    let wait = later.headers()["retry-after"].to_str().unwrap();
    assert!(
        (1..=3_600).contains(&wait.parse::<u32>().unwrap()),
        "{wait}"
    );
    assert_eq!(
        problem(later).await,
        (503, "/problems/source_limited".to_owned())
    );
    assert!(installation.world.cameras.image_requests().is_empty());
}

#[tokio::test]
async fn an_image_that_does_not_come_in_time_says_so() {
    let installation = with_quota("{ requests = 100, attempt_timeout_ms = 100 }").await;
    let path = image_path(&installation).await;
    let slow = std::time::Duration::from_secs(5);
    let cameras = &installation.world.cameras;
    cameras.switch_images(|images| images.latency = slow);
    let late = fetch(&installation, "investigator", &path).await;
    assert_eq!(
        problem(late).await,
        (504, "/problems/source_timed_out".to_owned())
    );
}

#[tokio::test]
async fn an_hour_after_the_answer_the_question_must_be_asked_again() {
    let embedded = Embedded::start(|_| {}).await;
    let client = client();
    let group = Group::read(2042, now() - SignedDuration::from_hours(1), PLATE);
    embedded.world.cameras.send(&group.json());
    assert!(embedded.world.cameras.drained(PATIENCE).await);
    let answer = embedded.ask(&client, &question(3)).await;
    let read = reads_of(&answer, CAMERAS)[0];
    let path = read["images"][0]["ref"].as_str().unwrap().to_owned();
    embedded.clock.advance(SignedDuration::from_mins(59));
    let request = embedded.request(&client, "GET", &path);
    assert_eq!(request.send().await.unwrap().status(), 200);
    embedded.clock.advance(SignedDuration::from_mins(1));
    let request = embedded.request(&client, "GET", &path);
    assert_eq!(problem(request.send().await.unwrap()).await.0, 404);
}
