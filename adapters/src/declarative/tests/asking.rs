//! Questions, against a scripted source: what is sent, and what becomes of the answers.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use turnpike_schemas::{
    agreement::{
        AgreementDocument, Organisation, OrganisationClass, Requester, Role, UpstreamField,
    },
    plate::{Jurisdiction, Plate},
    query::{AskedPlate, CaseRef, OnBehalfOf, Purpose, Query, TimeWindow},
};

use super::*;
use crate::{
    context::{Clock, Secret, Secrets, Transport},
    error::Retry,
};

const BOTH: [UpstreamField; 2] = [UpstreamField::Purpose, UpstreamField::CaseReference];

#[derive(Debug)]
struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        "2026-03-05T12:00:00Z".parse().unwrap()
    }
}

/// Token requests get token-1, token-2 ...; all others take from the queue.
#[derive(Debug, Default)]
struct Script {
    answers: Mutex<VecDeque<Response<Bytes>>>,
    sent: Mutex<Vec<String>>,
}

#[async_trait]
impl Transport for Script {
    async fn send(&self, request: Request<Bytes>, _: Instant) -> Result<Response<Bytes>> {
        let mut text = format!("{} {}", request.method(), request.uri());
        for name in ["authorization", "x-api-key", "content-type"] {
            if let Some(value) = request.headers().get(name) {
                text.push_str(&format!(" {name}={}", value.to_str().unwrap()));
            }
        }
        text.push_str(&format!(" {}", String::from_utf8_lossy(request.body())));
        let mut sent = self.sent.lock().unwrap();
        sent.push(text);
        if request.uri().path().ends_with("/token") {
            let count = sent.iter().filter(|sent| sent.contains("/token")).count();
            let body = format!(
                r#"{{"access_token":"token-{count}","token_type":"Bearer","expires_in":3600}}"#
            );
            return Ok(Response::new(Bytes::from(body)));
        }
        let answer = self.answers.lock().unwrap().pop_front();
        answer.ok_or_else(|| Error::new(ErrorKind::Unavailable, "send", "the script is over"))
    }
}

struct Bench {
    adapter: Box<dyn Adapter>,
    script: Arc<Script>,
}

impl Bench {
    fn new(mapping: &str, more: Value) -> Self {
        Self {
            adapter: source(mapping, more).unwrap_or_else(|error| panic!("{error}\n{mapping}")),
            script: Arc::new(Script::default()),
        }
    }

    fn answer(&self, status: u16, body: impl Into<Bytes>) {
        let response = Response::builder()
            .status(status)
            .body(body.into())
            .unwrap();
        self.script.answers.lock().unwrap().push_back(response);
    }

    async fn ask(&self, disclose: &[UpstreamField], max_reads: u32) -> Result<Page> {
        let secrets: Secrets = [
            ("client_id", "me"),
            ("client_secret", "s3cret"),
            ("username", "user"),
            ("password", "pass"),
            ("token", "fixed"),
            ("api_key", "k3y"),
        ]
        .map(|(name, value)| (name.to_owned(), Secret::new(value)))
        .into_iter()
        .collect();
        let ctx = Context::new(
            Arc::clone(&self.script) as Arc<dyn Transport>,
            Arc::new(Noon),
            Arc::new(secrets),
            Instant::now() + Duration::from_secs(5),
        );
        self.adapter
            .search(&ctx, &permit(disclose, max_reads))
            .await
    }

    fn sent(&self) -> Vec<String> {
        self.script.sent.lock().unwrap().clone()
    }
}

fn permit(disclose: &[UpstreamField], max_reads: u32) -> Permit {
    let mut document: AgreementDocument = toml::from_str(include_str!(
        "../../../../schemas/tests/all/reference-agreement.toml"
    ))
    .unwrap();
    document.upstream.disclose = disclose.iter().copied().collect();
    document.what.max_reads = max_reads;
    let requester = Requester {
        subject: "j.doe".to_owned(),
        organisation: Organisation {
            id: "brookdale-police".to_owned(),
            class: OrganisationClass::StateLocal,
            jurisdiction: Jurisdiction::parse("US-OH").unwrap(),
        },
        roles: BTreeSet::from([Role::Investigator]),
        on_behalf_of: None,
        attributes: turnpike_schemas::agreement::Attributes {
            sworn: false,
            training_until: Some("2027-12-31".parse().unwrap()),
            assurance: turnpike_schemas::agreement::Assurance::Aal2,
        },
    };
    let window = TimeWindow::new(
        "2026-03-01T00:00:00Z".parse().unwrap(),
        "2026-03-05T00:00:00.5Z".parse().unwrap(),
    );
    let query = Query::new(
        AskedPlate::Exact(Plate::parse("TPK 0421").unwrap()),
        window.unwrap(),
        Purpose::StolenVehicle,
        CaseRef::parse("BRK-2026-000042").unwrap(),
        OnBehalfOf::Own,
    );
    let agreement = document.validate().unwrap();
    agreement
        .permit(&requester, &query.unwrap(), Noon.now())
        .unwrap()
}

fn mapping(request: &str, rest: &str) -> String {
    format!(
        "mapping = 1\nfamily = \"police\"\nformat = \"json\"\n[request]\n{request}\n{rest}\n[records]\nat = \"/reads\"\n[fields]\nrecord = \"/id\"\nrevision = \"/rev\"\nplate.text = \"/plate\"\ncaptured_at = {{ at = \"/at\", time = \"rfc3339\" }}\n"
    )
}

fn base() -> Value {
    json!({ "base_url": "https://api.vendor.example/v1" })
}

fn row(id: u32, second: u32) -> String {
    format!(r#"{{"id":{id},"rev":1,"plate":"TPK0421","at":"2026-03-04T07:15:{second:02}Z"}}"#)
}

fn rows(rows: &[String], more: &str) -> String {
    format!(r#"{{"reads":[{}]{more}}}"#, rows.join(","))
}

const GET: &str =
    "path = \"/lookup\"\nquery = { plate = \"{plate}\", from = \"{from}\", to = \"{to}\" }";

#[tokio::test]
async fn values_are_encoded_for_the_place_they_stand_in() {
    let request = r#"path = "/a b/{case_reference}"
query = { q = "{plate}&x", from = "{from}", n = "{limit}" }
time = "epoch_s""#;
    let bench = Bench::new(&mapping(request, ""), base());
    bench.answer(200, rows(&[], ""));
    bench.ask(&BOTH, 50).await.unwrap();
    assert_eq!(
        bench.sent(),
        [
            "GET https://api.vendor.example/v1/a%20b/BRK-2026-000042?from=1772323200&n=100&q=TPK0421%26x "
        ]
    );

    let request = r#"method = "POST"
path = "/lookup"
body = { plate = "{plate}", to = "{to}", why = "\"{purpose}\"", n = "{limit}", fixed = [1, true], in = { to = "{to}" } }
time = "epoch_s"
newest_first = true"#;
    let bench = Bench::new(&mapping(request, ""), base());
    bench.answer(200, rows(&[], ""));
    bench.ask(&BOTH, 50).await.unwrap();
    let sent = bench.sent();
    let body: Value = serde_json::from_str(sent[0].split_once("json ").unwrap().1).unwrap();
    let want = json!({
        "plate": "TPK0421", "to": 1_772_668_801, "why": "\"stolen_vehicle\"", "n": 50, "fixed": [1, true], "in": { "to": 1_772_668_801 },
    });
    assert_eq!(body, want);

    let request = "method = \"POST\"\npath = \"/lookup\"\nform = { plate = \"{plate}\", why = \"{purpose} &\" }";
    let bench = Bench::new(&mapping(request, ""), base());
    bench.answer(200, rows(&[], ""));
    bench.ask(&BOTH, 50).await.unwrap();
    assert!(
        bench.sent()[0].ends_with("urlencoded plate=TPK0421&why=stolen_vehicle+%26"),
        "{:?}",
        bench.sent()
    );
}

#[tokio::test]
async fn what_is_not_disclosed_is_refused_or_left_out() {
    let request = "path = \"/lookup\"\nquery = { plate = \"{plate}\", why = \"{purpose}\", ref = \"{case_reference}\" }";
    for disclose in [&[][..], &BOTH[..1], &BOTH[1..]] {
        let bench = Bench::new(&mapping(request, "[auth]\nkind = \"oauth2\""), oauth());
        let error = bench.ask(disclose, 50).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Undisclosed);
        assert_eq!(bench.sent(), Vec::<String>::new());
    }
    let bench = Bench::new(
        &mapping(&format!("{request}\nundisclosed = \"leave_out\""), ""),
        base(),
    );
    bench.answer(200, rows(&[], ""));
    bench.ask(&[], 50).await.unwrap();
    assert_eq!(
        bench.sent(),
        ["GET https://api.vendor.example/v1/lookup?plate=TPK0421 "]
    );
}

fn oauth() -> Value {
    json!({ "base_url": "https://api.vendor.example/v1", "token_url": "https://login.vendor.example/token" })
}

#[tokio::test]
async fn each_kind_of_credential_is_sent_as_it_should() {
    for (auth, want) in [
        ("kind = \"none\"", ""),
        ("kind = \"basic\"", " authorization=Basic dXNlcjpwYXNz"),
        ("kind = \"bearer\"", " authorization=Bearer fixed"),
        (
            "kind = \"api_key\"\nheader = \"X-Api-Key\"",
            " x-api-key=k3y",
        ),
    ] {
        let bench = Bench::new(&mapping(GET, &format!("[auth]\n{auth}")), base());
        bench.answer(401, "");
        let error = bench.ask(&BOTH, 50).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
        let sent = bench.sent();
        assert_eq!(
            sent.len(),
            1,
            "a credential that never changes is not tried again"
        );
        assert!(sent[0].ends_with(&format!("00.5Z{want} ")), "{sent:?}");
    }
}

#[tokio::test]
async fn a_token_is_used_again_and_replaced_once() {
    for (how, want) in [
        (
            "",
            "urlencoded grant_type=client_credentials&client_id=me&client_secret=s3cret&scope=reads",
        ),
        (
            "credentials = \"basic\"",
            "authorization=Basic bWU6czNjcmV0 content-type=application/x-www-form-urlencoded grant_type=client_credentials&scope=reads",
        ),
        (
            "credentials = \"json\"",
            "json {\"grant_type\":\"client_credentials\",\"client_id\":\"me\",\"client_secret\":\"s3cret\",\"scope\":\"reads\"}",
        ),
    ] {
        let auth = format!("[auth]\nkind = \"oauth2\"\nscope = \"reads\"\n{how}");
        let bench = Bench::new(&mapping(GET, &auth), oauth());
        for status in [200, 200, 401, 200, 401, 401] {
            bench.answer(status, rows(&[], ""));
        }
        for _ in 0..3 {
            bench.ask(&BOTH, 50).await.unwrap();
        }
        let error = bench.ask(&BOTH, 50).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
        let sent = bench.sent();
        assert!(sent[0].ends_with(want), "{}", sent[0]);
        let tokens = sent.iter().filter(|sent| sent.contains("/token")).count();
        assert_eq!((sent.len(), tokens), (9, 3), "{sent:#?}");
        assert!(sent[8].contains("Bearer token-3"), "{sent:#?}");
    }
}

#[tokio::test]
async fn pages_are_turned_in_every_way() {
    let request = |extra: &str| GET.replace(" }", &format!(", {extra} }}"));
    let two = [row(1, 30), row(2, 20)];
    let one = [row(3, 10)];
    for (request, paging, first, second) in [
        (
            request("zp = \"{page}\""),
            "kind = \"page\"\nfirst = 0\ntotal = \"/n\"",
            r#","n":3"#,
            "&zp=1 ",
        ),
        (
            request("zo = \"{offset}\""),
            "kind = \"offset\"\nmore = \"/more\"",
            r#","more":true"#,
            "&zo=2 ",
        ),
        (
            request("zt = \"{token}\""),
            "kind = \"token\"\nat = \"/next\"",
            r#","next":"a&b""#,
            "&zt=a%26b ",
        ),
        (
            GET.to_owned(),
            "kind = \"next_url\"\nat = \"/next\"",
            r#","next":"/v1/lookup?page=2""#,
            "/v1/lookup?page=2 ",
        ),
    ] {
        let bench = Bench::new(&mapping(&request, &format!("[paging]\n{paging}")), base());
        bench.answer(200, rows(&two, first));
        bench.answer(200, rows(&one, r#","n":3,"more":false,"next":null"#));
        let page = bench.ask(&BOTH, 50).await.unwrap();
        let records: Vec<_> = page.reads.iter().map(|read| read.record.as_str()).collect();
        assert_eq!(
            (records, page.truncated),
            (vec!["1", "2", "3"], false),
            "{paging}"
        );
        assert!(
            bench.sent()[1].ends_with(second),
            "{paging}: {:?}",
            bench.sent()
        );
    }
}

#[tokio::test]
async fn a_link_to_another_host_and_a_page_that_repeats_end_truncated() {
    for (next, requests) in [
        (r#""https://elsewhere.example/v1/lookup""#, 1),
        (r#""https://api.vendor.example/other""#, 1),
        (r#""//elsewhere.example/""#, 1),
        ("7", 1),
        (r#""/v1/lookup?page=1""#, 2),
    ] {
        let bench = Bench::new(
            &mapping(GET, "[paging]\nkind = \"next_url\"\nat = \"/next\""),
            base(),
        );
        for _ in 0..30 {
            bench.answer(200, rows(&[row(1, 30)], &format!(r#","next":{next}"#)));
        }
        let page = bench.ask(&BOTH, 50).await.unwrap();
        assert_eq!((page.reads.len(), page.truncated), (1, true), "{next}");
        assert_eq!(bench.sent().len(), requests, "{next}");
    }
    let other = mapping(
        GET,
        "[paging]\nkind = \"next_url\"\nat = \"/next\"\nmax_pages = 4",
    );
    let bench = Bench::new(&other, base());
    for n in 0..30 {
        bench.answer(200, rows(&[row(n, n)], &format!(r#","next":"?page={n}""#)));
    }
    let page = bench.ask(&BOTH, 50).await.unwrap();
    assert_eq!(
        (page.reads.len(), page.truncated, bench.sent().len()),
        (4, true, 4)
    );
}

#[tokio::test]
async fn the_newest_are_kept_and_what_was_not_asked_for_is_left_out() {
    let other = r#"{"id":8,"plate":"TPX9999","at":"2026-03-04T07:15:30Z"}"#.to_owned();
    let old = r#"{"id":9,"plate":"TPK0421","at":"2025-03-04T07:15:30Z"}"#.to_owned();
    let newer = row(1, 45).replace("\"rev\":1", "\"rev\":2");
    let bench = Bench::new(&mapping(GET, ""), base());
    bench.answer(
        200,
        rows(
            &[
                row(2, 10),
                row(1, 30),
                other,
                old,
                row(3, 20),
                newer,
                "7".to_owned(),
            ],
            "",
        ),
    );
    let page = bench.ask(&BOTH, 2).await.unwrap();
    let records: Vec<_> = page
        .reads
        .iter()
        .map(|read| (read.record.as_str(), read.revision))
        .collect();
    assert_eq!((records, page.truncated), (vec![("1", 2), ("3", 1)], true));
    assert_eq!(page.skipped.get("not_asked_for"), Some(&2));
    assert_eq!(
        page.rejected,
        [Rejection::new(Some(6), "(record)", "not a JSON document")]
    );
}

#[tokio::test]
async fn statuses_and_errors_inside_an_answer_mean_what_the_mapping_says() {
    let rules = r#"[answer]
empty_status = [404]
limited_status = [429, 420]
retry_after = "x-wait"
errors = [
  { at = "/error/code", equals = ["slow"], means = "rate_limited" },
  { at = "/error", set = true, means = "wrong_request" },
]"#;
    for (status, body, kind) in [
        (400, "", ErrorKind::Config),
        (401, "", ErrorKind::Unauthorized),
        (403, "", ErrorKind::Unauthorized),
        (420, "", ErrorKind::RateLimited),
        (429, "", ErrorKind::RateLimited),
        (500, "", ErrorKind::Unavailable),
        (204, "", ErrorKind::Malformed),
        (418, "", ErrorKind::Malformed),
        (200, "", ErrorKind::Malformed),
        (200, "<html>TPK0421 sign in</html>", ErrorKind::Malformed),
        (200, "[]", ErrorKind::Malformed),
        (200, "{}", ErrorKind::Malformed),
        (200, r#"{"reads":"TPK0421"}"#, ErrorKind::Malformed),
        (200, r#"{"error":"TPK0421"}"#, ErrorKind::Config),
        (
            200,
            r#"{"error":{"code":"slow","message":"TPK0421"}}"#,
            ErrorKind::RateLimited,
        ),
        (
            200,
            r#"{"error":{"code":"other"},"reads":[]}"#,
            ErrorKind::Config,
        ),
    ] {
        let bench = Bench::new(&mapping(GET, rules), base());
        let mut response = Response::builder().status(status).header("x-wait", "7");
        response
            .headers_mut()
            .unwrap()
            .insert("retry-after", "9".parse().unwrap());
        let response = response.body(Bytes::from_static(body.as_bytes())).unwrap();
        bench.script.answers.lock().unwrap().push_back(response);
        let error = bench.ask(&BOTH, 50).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{status} {body}: {error}");
        assert!(!format!("{error} {error:?}").contains("TPK"), "{error:?}");
        if matches!(kind, ErrorKind::RateLimited | ErrorKind::Unavailable) {
            assert_eq!(
                error.retry(),
                Retry::After(Duration::from_secs(7)),
                "{status}"
            );
        }
    }
    for (status, body) in [
        (404, "<html>nothing</html>"),
        (200, r#"{"error":null,"reads":[]}"#),
    ] {
        let bench = Bench::new(&mapping(GET, rules), base());
        bench.answer(status, body);
        assert_eq!(bench.ask(&BOTH, 50).await.unwrap(), Page::default());
    }
}

#[tokio::test]
async fn the_parking_preset_asks_for_one_vehicle() {
    let settings = json!({ "mapping": { "preset": "parkmobile-rights" }, "base_url": "https://api.parkmobile.example" });
    let bench = Bench {
        adapter: build(&settings).unwrap(),
        script: Arc::new(Script::default()),
    };
    let fixture = include_str!("../fixtures/parkmobile-rights.json");
    bench.answer(200, fixture);
    bench.answer(404, "");
    let page = bench.ask(&[], 50).await.unwrap();
    assert_eq!((page.reads.len(), page.truncated), (1, false));
    assert_eq!(bench.ask(&[], 50).await.unwrap(), Page::default());
    assert_eq!(
        bench.sent()[0],
        "GET https://api.parkmobile.example/nforceapi/parkingrights/vehicle/TPK0421?format=json authorization=Basic dXNlcjpwYXNz x-api-key=k3y "
    );
}
