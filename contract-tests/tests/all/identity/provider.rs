//! Single sign-on against Canaille, a provider of OpenID Connect, as a process of its own: its log-in form, its tokens, its keys.

use std::{collections::BTreeMap, path::PathBuf, process::Stdio};

use base64::Engine as _;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};
use turnpike_contract_tests::world::World;
use turnpike_gateway::control::CodeSecret;
use url::Url;

use super::{Desk, command::Shell};
use crate::{
    installation::{Installation, PATIENCE, configure, now, of_kind, question},
    tree::root,
};

/// Never connected to: the browser of these tests stops where it is sent back.
const BACK: &str = "http://127.0.0.1:7/callback";

const AUTHORIZATIONS: &str = "/v1/session/authorizations";

const COMPLETE: &str = "/v1/session/authorizations:complete";

/// A running provider, its people and its clients.
struct Canaille {
    told: Value,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Canaille {
    async fn start() -> Self {
        let folder = root().join("contract-tests/provider");
        let python = python();
        assert!(
            python.exists(),
            "{} is missing: ./test.sh installs it, or: python3 -m venv target/provider && target/provider/bin/pip install -r contract-tests/provider/requirements.txt",
            python.display()
        );
        let mut child = Command::new(python)
            .arg(folder.join("serve.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut provider = Self {
            told: Value::Null,
            stdin: child.stdin.take().unwrap(),
            stdout: BufReader::new(child.stdout.take().unwrap()).lines(),
            _child: child,
        };
        provider.told = provider.line().await;
        provider
    }

    async fn line(&mut self) -> Value {
        let line = tokio::time::timeout(3 * PATIENCE, self.stdout.next_line()).await;
        let line = line.expect("the provider answers").unwrap();
        serde_json::from_str(&line.expect("the provider runs")).unwrap()
    }

    async fn tell(&mut self, command: &str) -> Value {
        let line = format!("{command}\n");
        self.stdin.write_all(line.as_bytes()).await.unwrap();
        self.stdin.flush().await.unwrap();
        self.line().await
    }

    fn issuer(&self) -> &str {
        self.told["issuer"].as_str().unwrap()
    }

    fn configure(&self, world: &World) {
        let secret = self.told["client"].as_str().unwrap();
        std::fs::write(world.folder().join("secrets/agency"), secret).unwrap();
        configure(
            world,
            &format!(
                r#"
[[providers]]
id = "agency"
issuer = "{}"
audience = "turnpike-api"
client_id = "turnpike"
client_secret = {{ file = "secrets/agency" }}
allow_private_addresses = true
algorithms = ["RS256"]
leeway_s = 300
scopes = ["openid", "profile", "groups", "address"]
claims = {{ organisation = "website", jurisdiction = "address.region", roles = "groups" }}
roles = {{ "plate-investigators" = "investigator", "plate-auditors" = "auditor" }}
systems = [{{ client_id = "records-system", organisation = "brookdale-pd", role = "system" }}]
"#,
                self.issuer()
            ),
        );
    }

    /// An access token by client credentials.
    async fn system_token(&self, name: &str) -> String {
        let secret = self.told["systems"][name].as_str().unwrap();
        let form = [("grant_type", "client_credentials"), ("scope", "profile")];
        let request = browser_client()
            .post(format!("{}/oauth/token", self.issuer()))
            .basic_auth(name, Some(secret))
            .form(&form);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// Goes where a browser is sent, fills in the provider's forms, and gives where it is sent back.
    async fn browse(&self, address: &str, name: &str) -> Url {
        let person = &self.told["people"][name];
        let secret = CodeSecret::parse(person["code_secret"].as_str().unwrap()).unwrap();
        let client = browser_client();
        let mut cookies: BTreeMap<String, String> = BTreeMap::new();
        let mut at: Url = address.parse().unwrap();
        let mut form: Option<Vec<(&str, String)>> = None;
        for _ in 0..24 {
            let jar: Vec<_> = cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let request = match form.take() {
                Some(fields) => client.post(at.clone()).form(&fields),
                None => client.get(at.clone()),
            };
            let response = request
                .header("cookie", jar.join("; "))
                .send()
                .await
                .unwrap();
            for cookie in response.headers().get_all("set-cookie") {
                let pair = cookie.to_str().unwrap().split(';').next().unwrap();
                let (name, value) = pair.split_once('=').unwrap();
                cookies.insert(name.to_owned(), value.to_owned());
            }
            if let Some(location) = response.headers().get("location") {
                at = at.join(location.to_str().unwrap()).unwrap();
                if !at.as_str().starts_with(self.issuer()) {
                    return at;
                }
                continue;
            }
            let status = response.status();
            let page = response.text().await.unwrap();
            let token =
                hidden(&page, "csrf_token").unwrap_or_else(|| panic!("{status} {at}: {page}"));
            let filled = match at.path() {
                "/login" => ("login", name.to_owned()),
                "/auth/password" => ("password", person["password"].as_str().unwrap().to_owned()),
                "/auth/otp" => ("otp", secret.at(now())),
                _ => ("answer", "accept".to_owned()),
            };
            form = Some(vec![("csrf_token", token), filled]);
        }
        panic!("the provider sends the browser round and round: {at}");
    }
}

fn python() -> PathBuf {
    root().join("target/provider/bin/python")
}

#[expect(
    clippy::disallowed_methods,
    reason = "a browser of a test, not a source's transport"
)]
fn browser_client() -> reqwest::Client {
    let none = reqwest::redirect::Policy::none();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(none)
        .build()
        .unwrap()
}

/// The value of a hidden field.
fn hidden(page: &str, name: &str) -> Option<String> {
    let field = page.split(&format!("name=\"{name}\"")).nth(1)?;
    Some(
        field
            .split("value=\"")
            .nth(1)?
            .split('"')
            .next()?
            .to_owned(),
    )
}

fn parameter(address: &Url, name: &str) -> String {
    let mut pairs = address.query_pairs();
    pairs
        .find(|(key, _)| key == name)
        .unwrap_or_else(|| panic!("{name} is not in {address}"))
        .1
        .into_owned()
}

impl Desk {
    /// A sign-in at the provider up to where the browser is sent back.
    async fn authorized(&self, provider: &Canaille, name: &str) -> Value {
        let begun = self
            .call(
                "POST",
                AUTHORIZATIONS,
                None,
                Some(&json!({ "redirect_uri": BACK })),
            )
            .await;
        assert_eq!(begun.status, 200, "{}", begun.body);
        let address = begun.body["authorization_url"].as_str().unwrap();
        let asked: Url = address.parse().unwrap();
        assert_eq!(parameter(&asked, "code_challenge_method"), "S256");
        assert!(!parameter(&asked, "nonce").is_empty());
        let back = provider.browse(address, name).await;
        assert!(back.as_str().starts_with(BACK), "{back}");
        json!({ "flow": begun.body["flow"], "state": parameter(&back, "state"), "code": parameter(&back, "code") })
    }
}

#[tokio::test]
async fn a_person_of_a_provider_signs_in_by_its_form_and_is_who_its_claims_say() {
    let mut provider = Canaille::start().await;
    provider.tell(&format!("redirect {BACK}")).await;
    let desk = Desk::start(|world| provider.configure(world)).await;
    let answer = desk.authorized(&provider, "rosa.lind").await;
    let before = desk.ledger().len();
    let signed_in = desk.call("POST", COMPLETE, None, Some(&answer)).await;
    assert_eq!(signed_in.status, 200, "{}", signed_in.body);
    assert_eq!(desk.since(before), ["admin sign_in"]);
    let caller = &signed_in.body["caller"];
    assert_eq!(caller["subject"], "agency:rosa.lind");
    assert_eq!(caller["organisation"]["id"], "brookdale-pd");
    assert_eq!(caller["roles"], json!(["investigator"]));
    assert_eq!(
        caller["attributes"]["assurance"], "aal2",
        "password and one-time code"
    );
    let token = signed_in.body["token"].as_str().unwrap();
    let asked = desk
        .call("POST", "/v1/queries", Some(token), Some(&question(2)))
        .await;
    assert_eq!(asked.status, 200, "{}", asked.body);
    let ledger = desk.ledger();
    assert_eq!(
        of_kind(&ledger, "intent").pop().unwrap()["body"]["subject"],
        "agency:rosa.lind"
    );

    let is_good = async |token: &str| {
        let who = desk.call("GET", "/v1/session", Some(token), None).await;
        who.status == 200
    };
    for _ in 0..2 {
        desk.pass(29 * 60);
        assert!(is_good(token).await);
    }
    desk.pass(2 * 60);
    assert!(
        !is_good(token).await,
        "used, and an hour old: ask the provider again"
    );
    let again = desk.authorized(&provider, "rosa.lind").await;
    let again = desk.call("POST", COMPLETE, None, Some(&again)).await;
    let token = again.body["token"].as_str().unwrap();
    assert!(is_good(token).await);
    let (_, operator) = desk.operator().await;
    let before = desk.ledger().len();
    let path = "/v1/users/agency:rosa.lind/sessions";
    let ended = desk.call("DELETE", path, Some(&operator), None).await;
    assert_eq!((ended.status, &ended.body["ended"]), (200, &json!(1)));
    assert_eq!(desk.since(before), ["admin account_change sessions_ended"]);
    assert!(!is_good(token).await && is_good(&operator).await);

    let before = desk.ledger().len();
    assert_eq!(
        desk.call("POST", COMPLETE, None, Some(&answer))
            .await
            .status,
        401,
        "an answer is good once"
    );
    assert_eq!(desk.since(before), ["admin sign_in_refused flow"]);
    for (name, reason) in [
        ("milo.park", "token_roles"),
        ("omar.reed", "token_roles"),
        ("vera.holt", "token_affiliation"),
        ("ada.quill", "token_organisation"),
    ] {
        let answer = desk.authorized(&provider, name).await;
        let before = desk.ledger().len();
        let refused = desk.call("POST", COMPLETE, None, Some(&answer)).await;
        assert_eq!(refused.status, 401, "{name}: {}", refused.body);
        assert_eq!(refused.body["type"], "/problems/sign_in_refused");
        assert_eq!(
            desk.since(before),
            [format!("admin sign_in_refused {reason}")],
            "{name}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_is_not_one_to_this_sign_in_signs_nobody_in() {
    let mut provider = Canaille::start().await;
    provider.tell(&format!("redirect {BACK}")).await;
    let desk = Desk::start(|world| provider.configure(world)).await;
    let (mine, other) = (
        desk.authorized(&provider, "rosa.lind").await,
        desk.authorized(&provider, "rosa.lind").await,
    );
    let late = desk.authorized(&provider, "rosa.lind").await;
    let mix = |flow: &Value, state: &Value, code: &Value| json!({ "flow": flow["flow"], "state": state["state"], "code": code["code"] });
    for (what, body, reason) in [
        ("another's state", mix(&mine, &other, &mine), "state"),
        ("after a wrong answer", mine.clone(), "flow"),
        (
            "another's code: its PKCE verifier does not fit",
            mix(&other, &other, &mine),
            "exchange",
        ),
        (
            "no flow",
            json!({ "flow": "guess", "state": "guess", "code": "guess" }),
            "flow",
        ),
    ] {
        let before = desk.ledger().len();
        let refused = desk.call("POST", COMPLETE, None, Some(&body)).await;
        assert_eq!(refused.status, 401, "{what}: {}", refused.body);
        assert_eq!(
            desk.since(before),
            [format!("admin sign_in_refused {reason}")],
            "{what}"
        );
    }
    desk.pass(600);
    let before = desk.ledger().len();
    assert_eq!(
        desk.call("POST", COMPLETE, None, Some(&late)).await.status,
        401
    );
    assert_eq!(
        desk.since(before),
        ["admin sign_in_refused flow"],
        "ten minutes later"
    );
    for (body, field) in [
        (
            json!({ "redirect_uri": "http://evil.example/callback" }),
            "redirect_uri",
        ),
        (
            json!({ "redirect_uri": "http://127.0.0.1:80/elsewhere" }),
            "redirect_uri",
        ),
        (
            json!({ "redirect_uri": BACK, "provider": "nowhere" }),
            "provider",
        ),
    ] {
        let before = desk.ledger().len();
        let refused = desk.call("POST", AUTHORIZATIONS, None, Some(&body)).await;
        assert_eq!(
            (refused.status, refused.body["field"].as_str()),
            (422, Some(field))
        );
        assert_eq!(
            desk.since(before),
            [format!("admin sign_in_refused {field}")]
        );
    }
    provider.tell("quit").await;
    let begun = desk
        .call(
            "POST",
            AUTHORIZATIONS,
            None,
            Some(&json!({ "redirect_uri": BACK })),
        )
        .await;
    assert_eq!(
        begun.status, 401,
        "nobody is signed in by a provider that is away"
    );
}

/// `header.claims.signature` with one part replaced.
fn altered(token: &str, part: usize, with: &str) -> String {
    let mut parts: Vec<&str> = token.split('.').collect();
    parts[part] = with;
    parts.join(".")
}

fn b64(value: &Value) -> String {
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string())
}

fn decoded(token: &str, part: usize) -> Value {
    let part = token.split('.').nth(part).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(part)
        .unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn a_system_asks_with_client_credentials_and_forged_tokens_contact_nobody() {
    let provider = Canaille::start().await;
    let desk = Desk::start(|world| provider.configure(world)).await;
    let token = provider.system_token("records-system").await;
    let asked = desk
        .call_for(
            "POST",
            "/v1/queries",
            (Some(&token), Some("ines.moreau")),
            Some(&question(2)),
        )
        .await;
    assert_eq!(asked.status, 200, "{}", asked.body);
    let ledger = desk.ledger();
    let subject = of_kind(&ledger, "intent").pop().unwrap()["body"]["subject"].clone();
    assert_eq!(subject, "agency:records-system/ines.moreau");
    let alone = desk
        .call("POST", "/v1/queries", Some(&token), Some(&question(2)))
        .await;
    assert_eq!(alone.status, 403, "a system asks for somebody");

    let stray = provider.system_token("stray-system").await;
    let (mut none, mut confused, mut jumped) =
        (decoded(&token, 0), decoded(&token, 0), decoded(&token, 0));
    none["alg"] = json!("none");
    confused["alg"] = json!("HS256");
    jumped["kid"] = json!("another");
    let mut promoted = decoded(&token, 1);
    promoted["sub"] = json!("rosa.lind");
    let mut elsewhere = decoded(&token, 1);
    elsewhere["iss"] = json!("https://login.other.example");
    for (what, forged, detail) in [
        ("a client that is no system here", stray, "token_system"),
        (
            "no signature",
            altered(&altered(&token, 0, &b64(&none)), 2, ""),
            "token_algorithm",
        ),
        (
            "a symmetric algorithm",
            altered(&token, 0, &b64(&confused)),
            "token_algorithm",
        ),
        (
            "a key there is not",
            altered(&token, 0, &b64(&jumped)),
            "token_key",
        ),
        (
            "other claims",
            altered(&token, 1, &b64(&promoted)),
            "token_signature",
        ),
        (
            "another issuer",
            altered(&token, 1, &b64(&elsewhere)),
            "issuer",
        ),
        (
            "the signature of another token",
            altered(&token, 2, "AAAA"),
            "token_signature",
        ),
        ("huge", format!("{token}{}", "A".repeat(9_000)), "too_long"),
    ] {
        let before = desk.ledger().len();
        let refused = desk
            .call_for(
                "POST",
                "/v1/queries",
                (Some(&forged), Some("ines.moreau")),
                Some(&question(2)),
            )
            .await;
        assert_eq!(refused.status, 401, "{what}: {}", refused.body);
        assert_eq!(refused.body["type"], "/problems/unauthenticated", "{what}");
        assert_eq!(
            refused.challenge, "Bearer realm=\"turnpike\", error=\"invalid_token\"",
            "{what}"
        );
        assert_eq!(
            desk.since(before),
            [format!("refused unauthenticated {detail}")],
            "{what}: one entry and no intent"
        );
    }
    let lives =
        decoded(&token, 1)["exp"].as_i64().unwrap() - decoded(&token, 1)["iat"].as_i64().unwrap();
    desk.embedded
        .clock
        .advance(SignedDuration::from_secs(lives + 600));
    let expired = desk.call("GET", "/v1/session", Some(&token), None).await;
    assert_eq!(
        (expired.status, &desk.last_refused()["detail"]),
        (401, &json!("token_expired"))
    );
}

#[tokio::test]
async fn keys_that_rotate_are_followed_and_keys_that_are_withdrawn_are_not() {
    let mut provider = Canaille::start().await;
    let desk = Desk::start(|world| provider.configure(world)).await;
    let old = provider.system_token("records-system").await;
    let is_good = async |token: &str| {
        desk.call("GET", "/v1/session", Some(token), None)
            .await
            .status
            == 200
    };
    assert!(is_good(&old).await);
    let kid = provider.tell("rotate").await["kid"].clone();
    let new = provider.system_token("records-system").await;
    assert_eq!(decoded(&new, 0)["kid"], kid);
    assert!(!is_good(&new).await, "keys were fetched less than 30 s ago");
    desk.pass(31);
    assert!(is_good(&new).await);
    assert!(is_good(&old).await, "still published");
    provider.tell("retire").await;
    desk.pass(15 * 60);
    assert!(is_good(&new).await);
    assert!(!is_good(&old).await, "withdrawn");
    assert_eq!(desk.last_refused()["detail"], "token_key");
    provider.tell("quit").await;
    desk.pass(60 * 60);
    assert!(
        is_good(&new).await,
        "keys are kept while the provider is away"
    );
    desk.pass(12 * 60 * 60);
    let away = desk.call("GET", "/v1/session", Some(&new), None).await;
    assert_eq!(
        (away.status, &desk.last_refused()["detail"]),
        (503, &json!("provider_unavailable"))
    );
}

#[tokio::test]
async fn the_command_signs_in_through_a_browser_and_its_own_port() {
    let mut provider = Canaille::start().await;
    let installation = Installation::start(|world| provider.configure(world)).await;
    let folder = installation.world.folder().to_owned();
    let shell = Shell {
        command: folder.join("turnpike"),
        server: installation.gateway.address().to_owned(),
        folder: folder.clone(),
    };
    let mut login = shell
        .start("session", &["login", "--provider", "agency"])
        .spawn()
        .unwrap();
    let mut said = BufReader::new(login.stderr.take().unwrap()).lines();
    let mut line = async || said.next_line().await.unwrap().unwrap();
    assert_eq!(line().await, "open this address in a browser:");
    let address = line().await;
    let back = parameter(&address.parse().unwrap(), "redirect_uri");
    provider.tell(&format!("redirect {back}")).await;
    let back = provider.browse(&address, "rosa.lind").await;
    let page = browser_client().get(back).send().await.unwrap();
    assert_eq!(
        page.text().await.unwrap(),
        "Signed in. You can close this window."
    );
    assert_eq!(
        line().await,
        "turnpike: signed in as agency:rosa.lind of brookdale-pd"
    );
    assert!(login.wait().await.unwrap().success());
    let who = shell.start("session", &["whoami"]).output().await.unwrap();
    let who = String::from_utf8(who.stdout).unwrap();
    assert!(
        who.contains("agency:rosa.lind") && who.contains("aal2"),
        "{who}"
    );
}
