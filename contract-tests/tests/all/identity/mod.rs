//! Who is calling: accounts and keys of the gateway's own store, and what every route demands.

mod accounts;
mod command;
mod events;
mod limits;
mod provider;
mod routes;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use turnpike_adapters::context::Clock as _;
use turnpike_contract_tests::world::World;
use turnpike_gateway::control::{CodeSecret, Control};
use turnpike_schemas::{agreement::Role, api::identity::NewUser};

use super::installation::{Embedded, client, entries, eventually, now, of_kind};

pub(super) const PASSWORD: &str = "granite kettle 7 doves";

/// A gateway inside the test with its first operator, whose clock is the test's.
pub(super) struct Desk {
    pub(super) embedded: Embedded,
    client: reqwest::Client,
    enrolment: String,
}

/// What came back.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) challenge: String,
    pub(super) body: Value,
}

/// Somebody who enrolled.
pub(super) struct Person {
    subject: String,
    secret: CodeSecret,
}

/// Makes the first account in the store of a gateway that is not running; gives its enrolment code.
pub(super) fn bootstrap(world: &World) -> String {
    let folder = world.folder().join("data");
    std::fs::create_dir_all(&folder).unwrap();
    let new = NewUser {
        subject: "first.operator".to_owned(),
        organisation: "turnpike-ops".to_owned(),
        roles: [Role::Operator].into(),
        sworn: false,
        training_until: None,
    };
    let made = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let control = Control::open(&folder.join("control.sqlite")).unwrap();
        runtime.block_on(control.bootstrap(new, now())).unwrap()
    });
    made.join().unwrap()
}

impl Desk {
    pub(super) async fn start(change: impl FnOnce(&World)) -> Self {
        let mut enrolment = String::new();
        let embedded = Embedded::start(|world| {
            change(world);
            enrolment = bootstrap(world);
        });
        let desk = Self {
            embedded: embedded.await,
            client: client(),
            enrolment,
        };
        desk.reviewed().await;
        desk
    }

    /// The review notes the configured accounts beside the first calls; a test that counts entries must not meet it half-way.
    async fn reviewed(&self) {
        eventually("the configured accounts are on record", async || {
            let ledger = self.ledger();
            let noted = |entry: &Value| entry["body"]["facts"]["change"] == "configured";
            ledger.iter().any(noted).then_some(())
        })
        .await;
    }

    pub(super) fn now(&self) -> Timestamp {
        self.embedded.clock.now()
    }

    pub(super) fn pass(&self, seconds: i64) {
        self.embedded
            .clock
            .advance(SignedDuration::from_secs(seconds));
    }

    pub(super) fn address(&self) -> String {
        format!("http://{}", self.embedded.running.address)
    }

    pub(super) fn configured(&self, role: &str) -> &str {
        self.embedded.world.tokens.of(role).unwrap()
    }

    pub(super) async fn call(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Reply {
        self.call_for(method, path, (token, None), body).await
    }

    /// The same for a person a system names.
    pub(super) async fn call_for(
        &self,
        method: &str,
        path: &str,
        (token, person): (Option<&str>, Option<&str>),
        body: Option<&Value>,
    ) -> Reply {
        let address = format!("{}{path}", self.address());
        let method = method.parse::<http::Method>().unwrap();
        let mut request = self.client.request(method, address);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(person) = person {
            request = request.header("x-end-user", person);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.unwrap();
        let challenge = response.headers().get("www-authenticate");
        let challenge = challenge.map(|value| value.to_str().unwrap().to_owned());
        Reply {
            status: response.status().as_u16(),
            challenge: challenge.unwrap_or_default(),
            body: serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or(Value::Null),
        }
    }

    /// Sets password and authenticator.
    pub(super) async fn enrol(&self, subject: &str, enrolment: &str) -> Person {
        let body = json!({ "subject": subject, "enrolment": enrolment, "password": PASSWORD });
        let reply = self.call("POST", "/v1/enrolments", None, Some(&body)).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        Person {
            subject: subject.to_owned(),
            secret: CodeSecret::parse(reply.body["code_secret"].as_str().unwrap()).unwrap(),
        }
    }

    /// A sign-in as it should be; the clock goes on by a step, so that the next code is another.
    pub(super) async fn signed_in(&self, person: &Person) -> String {
        let reply = self.sign_in(person, PASSWORD, &self.code(person)).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body["token"].as_str().unwrap().to_owned()
    }

    pub(super) fn code(&self, person: &Person) -> String {
        self.pass(30);
        person.secret.at(self.now())
    }

    pub(super) async fn sign_in(&self, person: &Person, password: &str, code: &str) -> Reply {
        let body = json!({ "subject": person.subject, "password": password, "code": code });
        self.call("POST", "/v1/session", None, Some(&body)).await
    }

    /// The first operator, enrolled and signed in.
    pub(super) async fn operator(&self) -> (Person, String) {
        let person = self.enrol("first.operator", &self.enrolment).await;
        let token = self.signed_in(&person).await;
        (person, token)
    }

    /// Somebody new with these roles, enrolled.
    pub(super) async fn hire(&self, operator: &str, subject: &str, roles: &[&str]) -> Person {
        let body = json!({ "subject": subject, "organisation": "brookdale-pd", "roles": roles });
        let reply = self
            .call("POST", "/v1/users", Some(operator), Some(&body))
            .await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        self.enrol(subject, reply.body["enrolment"].as_str().unwrap())
            .await
    }

    pub(super) fn ledger(&self) -> Vec<Value> {
        entries(&self.embedded.world)
    }

    /// Entries since `before`, each as its kind and what tells it apart; what vendors send meanwhile is not asked for here.
    pub(super) fn since(&self, before: usize) -> Vec<String> {
        let ledger = self.ledger();
        let new = ledger.iter().skip(before);
        let new = new.filter(|entry| entry["kind"] != "ingest");
        new.map(|entry| {
            let body = &entry["body"];
            let word = body["action"].as_str().or(body["reason"].as_str());
            let more = body["facts"]["change"]
                .as_str()
                .or(body["facts"]["reason"].as_str())
                .or(body["detail"].as_str());
            let kind = entry["kind"].as_str().unwrap();
            let parts = [Some(kind), word, more].into_iter().flatten();
            parts.collect::<Vec<_>>().join(" ")
        })
        .collect()
    }

    pub(super) fn last_refused(&self) -> Value {
        let ledger = self.ledger();
        of_kind(&ledger, "refused").pop().unwrap()["body"].clone()
    }
}
