use std::collections::HashSet;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::sim::CANARY;
use crate::sim::server::client;
use crate::town::{Family, TownSize};

const FROM: &str = "2026-03-01T00:00:00Z";
const TO: &str = "2026-03-05T00:00:00Z";

struct Caller {
    http: reqwest::Client,
    sim: FlockSim,
    token: String,
}

struct Answer {
    status: u16,
    retry_after: Option<String>,
    body: Value,
}

async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let retry_after = response.headers().get("retry-after");
    Answer {
        status: response.status().as_u16(),
        retry_after: retry_after.map(|v| v.to_str().unwrap().to_owned()),
        body: response.json().await.unwrap(),
    }
}

impl Caller {
    async fn new() -> (Self, Town) {
        let start = FROM.parse().unwrap();
        let town = Town::new(
            21,
            TownSize {
                vehicles: 20,
                days: 4,
                start,
            },
        );
        let sim = FlockSim::with_town(&town).await.unwrap();
        let mut caller = Self {
            http: client().unwrap(),
            sim,
            token: String::new(),
        };
        caller.renew().await;
        (caller, town)
    }

    async fn renew(&mut self) {
        let token = self.ask_token(&[]).await;
        assert_eq!(token.status, 200);
        self.token = token.body["access_token"].as_str().unwrap().to_owned();
    }

    async fn ask_token(&self, changes: &[(&str, &str)]) -> Answer {
        let mut form = HashMap::from([
            ("grant_type", "client_credentials"),
            ("client_id", CLIENT_ID),
            ("client_secret", CLIENT_SECRET),
            ("audience", AUDIENCE),
        ]);
        form.extend(changes.iter().copied());
        answer(self.http.post(self.sim.token_url()).form(&form)).await
    }

    fn lookup_request(&self, body: &Value) -> reqwest::RequestBuilder {
        let url = format!("{}/reads/lookup", self.sim.base_url());
        self.http.post(url).bearer_auth(&self.token).json(body)
    }

    async fn lookup(&self, changes: Value) -> Answer {
        answer(self.lookup_request(&criteria(changes))).await
    }

    async fn page(&self, id: &str) -> Answer {
        let url = format!("{}/reads/lookup/page/{id}", self.sim.base_url());
        answer(self.http.get(url).bearer_auth(&self.token)).await
    }

    /// Every row of a lookup, page by page, at most `most` pages.
    async fn all(&self, changes: Value, most: usize) -> Vec<Value> {
        let mut answer = self.lookup(changes).await;
        let mut rows = Vec::new();
        for _ in 0..most {
            rows.extend(answer.body["results"].as_array().unwrap().clone());
            let Some(next) = answer.body["nextPageId"].as_str().map(str::to_owned) else {
                break;
            };
            answer = self.page(&next).await;
        }
        rows
    }
}

fn criteria(changes: Value) -> Value {
    let mut body = json!({
        "plate": "TPK0421", "reason": "stolen vehicle inquiry BRK-2026-000042",
        "startDate": FROM, "endDate": TO, "caseNumber": "BRK-2026-000042",
        "sort": [{"field": "capturedAt", "order": "desc"}],
    });
    for (key, value) in changes.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

fn times(rows: &[Value]) -> Vec<&str> {
    rows.iter()
        .map(|row| row["capturedAt"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_lookup_finds_what_the_oracle_says_newest_first_over_all_pages() {
    let (caller, town) = Caller::new().await;
    let expected = town.expected("TPK0421", FROM.parse().unwrap(), TO.parse().unwrap());
    let rows = caller.all(json!({"limit": 3, "state": "ohio"}), 100).await;
    let mut wanted: Vec<_> = expected
        .of(Family::Police)
        .iter()
        .map(|p| format!("{:.6}", p.at))
        .collect();
    wanted.reverse();
    assert!(wanted.len() > 6);
    assert_eq!(times(&rows), wanted);
    let lookup = &caller.sim.lookups()[0];
    assert_eq!((lookup.plate.as_str(), lookup.limit), ("TPK0421", 3));
    assert_eq!(lookup.case_number.as_deref(), Some("BRK-2026-000042"));
    assert_eq!(lookup.reason, "stolen vehicle inquiry BRK-2026-000042");
}

#[tokio::test]
async fn pages_link_both_ways_and_count_everything() {
    let (caller, _) = Caller::new().await;
    let first = caller.lookup(json!({"limit": 2})).await.body;
    assert!(first.get("previousPageId").is_none());
    let second = caller
        .page(first["nextPageId"].as_str().unwrap())
        .await
        .body;
    assert_eq!(first["totalItems"], second["totalItems"]);
    let back = caller
        .page(second["previousPageId"].as_str().unwrap())
        .await
        .body;
    assert_eq!(back["results"], first["results"]);
    assert_eq!(caller.page("pg-0-ffff").await.status, 422);
}

#[tokio::test]
async fn an_unknown_plate_gives_an_empty_answer() {
    let (caller, _) = Caller::new().await;
    let answer = caller.lookup(json!({"plate": "TPX9999"})).await;
    assert_eq!(
        (answer.status, answer.body),
        (200, json!({"results": [], "totalItems": 0}))
    );
}

#[tokio::test]
async fn tokens_are_given_for_the_right_secret_and_audience_only() {
    let (caller, _) = Caller::new().await;
    assert_eq!(
        caller.ask_token(&[("audience", "com.other")]).await.status,
        403
    );
    assert_eq!(
        caller.ask_token(&[("client_secret", "wrong")]).await.status,
        401
    );
    assert_eq!(
        caller.ask_token(&[("grant_type", "password")]).await.status,
        400
    );
    let statuses: Vec<_> = caller
        .sim
        .token_requests()
        .iter()
        .map(|t| t.status)
        .collect();
    assert_eq!(statuses, [200, 403, 401, 400]);
    assert!(!format!("{:?}", caller.sim.requests()).contains(CLIENT_SECRET));
}

#[tokio::test]
async fn criteria_are_checked_field_by_field() {
    let (caller, _) = Caller::new().await;
    caller.sim.switch(|s| s.error_body = ErrorBody::Object);
    let cases = [
        (json!({"plate": ""}), "plate"),
        (json!({"reason": null}), "reason"),
        (json!({"startDate": "2026-03-01"}), "startDate"),
        (json!({"endDate": "2026-02-01T00:00:00Z"}), "endDate"),
        (json!({"limit": 51}), "limit"),
        (json!({"limit": 0}), "limit"),
        (json!({"state": "OH"}), "state"),
        (
            json!({"sort": [{"field": "plate", "order": "asc"}]}),
            "sort",
        ),
        (
            json!({"minConfidences": [{"attribute": "plate", "minConfidence": 2}]}),
            "minConfidences",
        ),
        (json!({"radius": {"radius": {"latitude": 41.5}}}), "radius"),
    ];
    for (changes, field) in cases {
        let answer = caller.lookup(changes).await;
        let complaint = &answer.body["error"]["errors"][0]["field"];
        assert_eq!((answer.status, complaint), (422, &json!(field)));
    }
    assert!(caller.sim.lookups().is_empty());
}

#[tokio::test]
async fn filters_narrow_the_answer() {
    let (caller, _) = Caller::new().await;
    let total = |answer: Answer| answer.body["totalItems"].as_u64().unwrap();
    let all = total(caller.lookup(json!({})).await);
    assert_eq!(total(caller.lookup(json!({"state": "georgia"})).await), 0);
    let sure = json!({"minConfidences": [{"attribute": "plate", "minConfidence": 0.92}]});
    let near = json!({"radius": {"radius": {"latitude": 41.5, "longitude": -81.25, "radius": 2}}});
    for narrower in [sure, near] {
        let some = total(caller.lookup(narrower).await);
        assert!(some > 0 && some < all, "{some} of {all}");
    }
}

#[tokio::test]
async fn both_error_shapes_are_served() {
    let (mut caller, _) = Caller::new().await;
    caller.token = "nobody".into();
    assert!(caller.lookup(json!({})).await.body["error"].is_string());
    caller.sim.switch(|s| s.error_body = ErrorBody::Object);
    assert!(caller.lookup(json!({})).await.body["error"]["message"].is_string());
}

#[tokio::test]
async fn counted_failures_go_away() {
    let (caller, _) = Caller::new().await;
    caller.sim.switch(|s| {
        (s.too_many, s.retry_after_s) = (2, Some(7));
        (s.fail_times, s.fail_status) = (1, 500);
    });
    let first = caller.lookup(json!({})).await;
    assert_eq!(
        (first.status, first.retry_after.as_deref()),
        (429, Some("7"))
    );
    caller.sim.switch(|s| s.retry_after_s = None);
    let second = caller.lookup(json!({})).await;
    assert_eq!((second.status, second.retry_after), (429, None));
    assert_eq!(caller.lookup(json!({})).await.status, 500);
    assert_eq!(caller.lookup(json!({})).await.status, 200);
    caller.sim.switch(|s| s.token_failures = 1);
    assert_eq!(caller.ask_token(&[]).await.status, 503);
    assert_eq!(caller.ask_token(&[]).await.status, 200);
}

#[tokio::test]
async fn a_token_can_be_revoked_between_two_pages() {
    let (mut caller, _) = Caller::new().await;
    let next = caller.lookup(json!({"limit": 1})).await.body["nextPageId"].clone();
    let next = next.as_str().unwrap();
    caller.sim.switch(|s| s.revoke_on_page = 1);
    assert_eq!(caller.page(next).await.status, 401);
    assert_eq!(caller.page(next).await.status, 401);
    caller.renew().await;
    assert_eq!(caller.page(next).await.status, 200);
}

#[tokio::test]
async fn tokens_end_with_their_life_or_their_uses() {
    let (mut caller, _) = Caller::new().await;
    caller.sim.switch(|s| s.token_uses = Some(1));
    caller.renew().await;
    assert_eq!(caller.lookup(json!({})).await.status, 200);
    assert_eq!(caller.lookup(json!({})).await.status, 401);
    caller
        .sim
        .switch(|s| (s.token_uses, s.token_life_s) = (None, 0));
    assert_eq!(caller.ask_token(&[]).await.body["expires_in"], json!(0));
    caller.renew().await;
    assert_eq!(caller.lookup(json!({})).await.status, 401);
    caller.sim.switch(|s| s.token_life_s = 60);
    caller.renew().await;
    caller.sim.revoke_tokens();
    assert_eq!(caller.lookup(json!({})).await.status, 401);
}

#[tokio::test]
async fn pages_expire_and_scopes_are_missing_when_told_so() {
    let (caller, _) = Caller::new().await;
    let next = caller.lookup(json!({"limit": 1})).await.body["nextPageId"].clone();
    caller.sim.switch(|s| s.expire_pages = 1);
    assert_eq!(caller.page(next.as_str().unwrap()).await.status, 422);
    assert_eq!(caller.page(next.as_str().unwrap()).await.status, 200);
    caller.sim.switch(|s| s.forbidden = true);
    assert_eq!(caller.lookup(json!({})).await.status, 403);
    assert_eq!(caller.ask_token(&[]).await.status, 200);
}

#[tokio::test]
async fn a_slow_answer_and_a_slow_body_outlast_an_impatient_client() {
    let (caller, _) = Caller::new().await;
    let hurry = Duration::from_millis(50);
    caller
        .sim
        .switch(|s| s.slow_body = Some(Duration::from_secs(60)));
    let mut response = caller
        .lookup_request(&criteria(json!({})))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert!(tokio::time::timeout(hurry, response.chunk()).await.is_err());
    caller.sim.switch(|s| s.latency = Duration::from_secs(60));
    let response = caller
        .lookup_request(&criteria(json!({})))
        .timeout(hurry)
        .send()
        .await;
    assert!(response.unwrap_err().is_timeout());
    caller
        .sim
        .switch(|s| (s.latency, s.slow_body) = (Duration::ZERO, Some(Duration::ZERO)));
    assert_eq!(caller.lookup(json!({})).await.status, 200);
}

#[tokio::test]
async fn rows_come_twice_or_in_no_order_when_told_so() {
    let (caller, _) = Caller::new().await;
    let plain = caller.all(json!({"limit": 3}), 100).await;
    caller.sim.switch(|s| s.duplicates = true);
    let double = caller.all(json!({"limit": 3}), 100).await;
    let distinct: HashSet<_> = double.iter().map(|row| row["id"].to_string()).collect();
    assert_eq!(
        (double.len(), distinct.len()),
        (plain.len() * 2, plain.len())
    );
    caller
        .sim
        .switch(|s| (s.duplicates, s.shuffled) = (false, true));
    let shuffled = caller.all(json!({"limit": 50}), 1).await;
    assert_ne!(times(&shuffled), times(&plain));
    assert_eq!(shuffled.len(), plain.len());
}

#[tokio::test]
async fn a_page_cycle_never_ends() {
    let (caller, _) = Caller::new().await;
    caller.sim.switch(|s| s.page_cycle = true);
    let rows = caller.all(json!({"limit": 1}), 20).await;
    assert_eq!(rows.len(), 20);
    assert!(rows.iter().all(|row| row == &rows[0]));
}

#[tokio::test]
async fn odd_rows_and_personal_fields_are_planted_when_told_so() {
    let (caller, _) = Caller::new().await;
    caller.sim.switch(|s| s.odd_rows = OddRow::ALL.to_vec());
    let rows = caller.lookup(json!({})).await.body["results"].clone();
    let odd: HashSet<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(Value::to_string)
        .collect();
    assert!(odd.len() > OddRow::ALL.len());
    assert!(rows[0].get("id").is_none());
    assert_eq!(rows[19], json!("row"));
    assert!(!rows.to_string().contains(CANARY));
    caller.sim.switch(|s| s.personal_keys = true);
    let rows = caller.lookup(json!({})).await.body["results"].clone();
    assert_eq!(rows[20]["owner"]["name"], json!(CANARY));
}

#[tokio::test]
async fn every_request_is_remembered_with_its_answer() {
    let (mut caller, _) = Caller::new().await;
    caller.lookup(json!({})).await;
    caller.token.clear();
    caller.page("pg-0-0").await;
    let seen: Vec<_> = caller
        .sim
        .requests()
        .into_iter()
        .map(|r| (r.method, r.target, r.status))
        .collect();
    let wanted = [
        ("POST", "/oauth/token", 200),
        ("POST", "/api/v3/reads/lookup", 200),
        ("GET", "/api/v3/reads/lookup/page/pg-0-0", 401),
    ];
    let wanted = wanted.map(|(method, target, status)| (method.into(), target.into(), status));
    assert_eq!(seen, wanted);
}

#[tokio::test]
async fn a_late_read_shows_up_in_the_next_lookup() {
    let (caller, mut town) = Caller::new().await;
    let before = caller.lookup(json!({})).await.body["totalItems"]
        .as_u64()
        .unwrap();
    let protagonist = town.protagonist();
    let mut now = town.end() - jiff::SignedDuration::from_hours(3);
    let passage = loop {
        now += jiff::SignedDuration::from_mins(30);
        match town.next_live_of(&protagonist, now) {
            Some(passage) if passage.site.family == Family::Police => break passage,
            _ => {}
        }
    };
    caller.sim.add_passages([&passage]);
    let far = json!({"endDate": "2026-04-01T00:00:00Z"});
    assert_eq!(
        caller.lookup(far).await.body["totalItems"],
        json!(before + 1)
    );
}
