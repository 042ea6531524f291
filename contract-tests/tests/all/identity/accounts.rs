//! Accounts, keys and sessions over the API.

use serde_json::{Value, json};

use super::{Desk, PASSWORD};
use crate::installation::{configure, of_kind, question};

#[tokio::test]
async fn the_first_account_is_on_record_before_anything_is_served() {
    let desk = Desk::start(|_| {}).await;
    let ledger = desk.ledger();
    let made = of_kind(&ledger, "admin");
    let made: Vec<_> = made
        .iter()
        .filter(|entry| entry["body"]["action"] == "account_change")
        .filter(|entry| entry["body"]["facts"]["change"] != "configured")
        .collect();
    assert_eq!(made.len(), 1);
    assert_eq!(made[0]["body"]["facts"]["change"], "bootstrap");
    assert_eq!(made[0]["body"]["facts"]["account"], "first.operator");
    assert_eq!(made[0]["body"]["facts"]["roles"], json!(["operator"]));
}

#[tokio::test]
async fn an_account_is_made_enrolled_changed_and_ended_and_each_step_is_one_entry() {
    let desk = Desk::start(|_| {}).await;
    let (_, operator) = desk.operator().await;
    let before = desk.ledger().len();
    let person = desk.hire(&operator, "ana.weiss", &["investigator"]).await;
    let token = desk.signed_in(&person).await;
    assert_eq!(
        desk.since(before),
        [
            "admin account_change added",
            "admin account_change enrolled",
            "admin sign_in"
        ]
    );
    let asked = desk
        .call("POST", "/v1/queries", Some(&token), Some(&question(2)))
        .await;
    assert_eq!(asked.status, 200, "{}", asked.body);
    let ledger = desk.ledger();
    let intent = of_kind(&ledger, "intent").pop().unwrap();
    assert_eq!(intent["body"]["subject"], "ana.weiss");
    assert_eq!(intent["body"]["asker"]["assurance"], "aal2");

    let who = desk.call("GET", "/v1/session", Some(&token), None).await;
    assert_eq!(who.body["subject"], "ana.weiss");
    assert_eq!(who.body["means"], "session");
    assert_eq!(who.body["idle_s"], 1_800);

    let change = async |body: Value| {
        desk.call("PATCH", "/v1/users/ana.weiss", Some(&operator), Some(&body))
            .await
    };
    let standing = json!({ "change": "standing", "sworn": true, "training_until": "2031-05-01" });
    assert_eq!(change(standing).await.status, 200);
    let who = desk.call("GET", "/v1/session", Some(&token), None).await;
    assert_eq!(who.body["attributes"]["sworn"], true, "it holds at once");
    assert_eq!(who.body["attributes"]["training_until"], "2031-05-01");

    let roles = change(json!({ "change": "roles", "roles": ["auditor"] })).await;
    assert_eq!(roles.status, 200, "{}", roles.body);
    let after = desk.call("GET", "/v1/session", Some(&token), None).await;
    assert_eq!(after.status, 401, "other roles end the session");
    assert_eq!(desk.last_refused()["detail"], "session_ended");
    let token = desk.signed_in(&person).await;
    let asked = desk
        .call("POST", "/v1/queries", Some(&token), Some(&question(2)))
        .await;
    assert_eq!(asked.status, 403, "the auditor cannot ask");

    let reset = change(json!({ "change": "reset" })).await;
    assert_eq!(reset.status, 200);
    assert_eq!(reset.body["account"]["state"], "enrolling");
    assert_eq!(desk.sign_in(&person, PASSWORD, "000000").await.status, 401);
    let enrolment = reset.body["enrolment"].as_str().unwrap();
    let person = desk.enrol("ana.weiss", enrolment).await;
    let token = desk.signed_in(&person).await;
    assert_eq!(change(json!({ "change": "disable" })).await.status, 200);
    assert_eq!(
        desk.call("GET", "/v1/session", Some(&token), None)
            .await
            .status,
        401
    );
    let refused = desk.sign_in(&person, PASSWORD, &desk.code(&person)).await;
    assert_eq!(refused.status, 401);
    let listed = desk.call("GET", "/v1/users", Some(&operator), None).await;
    let states: Vec<_> = listed.body["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| (&user["subject"], &user["state"]))
        .collect();
    assert_eq!(
        states,
        [
            (&json!("ana.weiss"), &json!("disabled")),
            (&json!("first.operator"), &json!("active"))
        ]
    );
}

#[tokio::test]
async fn nobody_looks_after_accounts_without_the_role_two_factors_and_somebody_else() {
    let desk = Desk::start(|_| {}).await;
    let (_, operator) = desk.operator().await;
    let person = desk.hire(&operator, "ana.weiss", &["investigator"]).await;
    let investigator = desk.signed_in(&person).await;
    let new = |roles: Value| json!({ "subject": "new.person", "organisation": "brookdale-pd", "roles": roles });
    let plain = new(json!(["investigator"]));
    let own = json!({ "change": "roles", "roles": ["integrator", "operator"] });
    let me = "/v1/users/first.operator";
    let (boss, staff) = (operator.as_str(), investigator.as_str());
    for (who, method, path, body, status, kind, detail) in [
        (
            desk.configured("operator"),
            "POST",
            "/v1/users",
            &plain,
            401,
            "insufficient_user_authentication",
            "assurance",
        ),
        (staff, "POST", "/v1/users", &plain, 403, "forbidden", "role"),
        (
            desk.configured("auditor"),
            "POST",
            "/v1/users",
            &plain,
            403,
            "forbidden",
            "role",
        ),
        (boss, "PATCH", me, &own, 403, "forbidden", "own_account"),
        (
            boss,
            "PATCH",
            me,
            &json!({ "change": "reset" }),
            403,
            "forbidden",
            "own_account",
        ),
        (
            boss,
            "POST",
            "/v1/users",
            &new(json!(["auditor", "operator"])),
            422,
            "invalid",
            "duties",
        ),
        (
            boss,
            "POST",
            "/v1/users",
            &new(json!(["operator", "investigator"])),
            422,
            "invalid",
            "duties",
        ),
        (
            boss,
            "POST",
            "/v1/users",
            &new(json!(["system"])),
            422,
            "invalid",
            "roles",
        ),
        (
            boss,
            "POST",
            "/v1/users",
            &new(json!([])),
            422,
            "invalid",
            "roles",
        ),
        (
            boss,
            "POST",
            "/v1/users",
            &json!({ "subject": "ana.weiss", "organisation": "brookdale-pd", "roles": ["auditor"] }),
            409,
            "exists",
            "exists",
        ),
        (
            boss,
            "POST",
            "/v1/users",
            &json!({ "subject": "ines.moreau", "organisation": "brookdale-pd", "roles": ["auditor"] }),
            409,
            "exists",
            "exists",
        ),
        (
            boss,
            "POST",
            "/v1/users",
            &json!({ "subject": "Not A Name", "organisation": "brookdale-pd", "roles": ["auditor"] }),
            422,
            "invalid",
            "subject",
        ),
        (
            boss,
            "POST",
            "/v1/users",
            &json!({ "subject": "new.person", "organisation": "nowhere", "roles": ["auditor"] }),
            422,
            "invalid",
            "organisation",
        ),
        (
            boss,
            "POST",
            "/v1/users",
            &json!({ "subject": "new.person" }),
            422,
            "invalid",
            "organisation",
        ),
        (
            boss,
            "PATCH",
            "/v1/users/nobody",
            &json!({ "change": "disable" }),
            404,
            "not_found",
            "missing",
        ),
        (
            boss,
            "PATCH",
            "/v1/users/ana.weiss",
            &json!({ "change": "roles", "roles": ["investigator", "auditor"] }),
            422,
            "invalid",
            "duties",
        ),
        (
            boss,
            "POST",
            "/v1/keys",
            &json!({ "subject": "spy", "organisation": "brookdale-pd", "role": "auditor", "days": 1 }),
            422,
            "invalid",
            "role",
        ),
        (
            boss,
            "POST",
            "/v1/keys",
            &json!({ "subject": "old", "organisation": "brookdale-pd", "role": "system", "days": 400 }),
            422,
            "invalid",
            "days",
        ),
        (
            boss,
            "DELETE",
            "/v1/keys/0123456789abcdef",
            &Value::Null,
            404,
            "not_found",
            "missing",
        ),
        (
            staff,
            "POST",
            "/v1/keys",
            &json!({}),
            403,
            "forbidden",
            "role",
        ),
    ] {
        let before = desk.ledger().len();
        let body = (!body.is_null()).then_some(body);
        let reply = desk.call(method, path, Some(who), body).await;
        assert_eq!(
            reply.status, status,
            "{method} {path} {body:?}: {}",
            reply.body
        );
        assert_eq!(reply.body["type"], format!("/problems/{kind}"), "{body:?}");
        let new = desk.since(before);
        assert_eq!(new.len(), 1, "{new:?}");
        assert_eq!(desk.last_refused()["detail"], detail, "{body:?}");
        assert!(desk.last_refused()["subject"].is_string());
    }
    let reply = desk
        .call("GET", "/v1/users", Some(desk.configured("operator")), None)
        .await;
    assert_eq!(
        reply.challenge,
        "Bearer realm=\"turnpike\", error=\"insufficient_user_authentication\", error_description=\"a sign-in of assurance aal2 is needed\", acr_values=\"aal2\""
    );
}

#[tokio::test]
async fn a_key_opens_its_routes_for_its_sources_and_its_people_until_it_ends() {
    let desk = Desk::start(|_| {}).await;
    let (_, operator) = desk.operator().await;
    let make = async |body: Value| {
        let reply = desk
            .call("POST", "/v1/keys", Some(&operator), Some(&body))
            .await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let secret = reply.body["secret"].as_str().unwrap().to_owned();
        (reply.body["key"]["id"].as_str().unwrap().to_owned(), secret)
    };
    let (id, key) = make(json!({
        "subject": "records-system", "organisation": "brookdale-pd", "role": "system", "days": 1,
        "routes": ["/v1/queries", "/v1/queries:explain"], "sources": ["state-tolls", "brookdale-police"],
    }))
    .await;
    let ask = async |person: Option<&str>, question: &Value| {
        desk.call_for("POST", "/v1/queries", (Some(&key), person), Some(question))
            .await
    };
    let asked = ask(Some("ines.moreau"), &question(2)).await;
    assert_eq!(asked.status, 200, "{}", asked.body);
    let rows = asked.body["sources"].as_array().unwrap();
    let contacted: Vec<_> = rows
        .iter()
        .map(|row| row["source"].as_str().unwrap())
        .collect();
    assert!(
        contacted.contains(&"state-tolls") && contacted.contains(&"brookdale-police"),
        "{contacted:?}"
    );
    let ledger = desk.ledger();
    let intent = of_kind(&ledger, "intent").pop().unwrap();
    assert_eq!(intent["body"]["subject"], "records-system/ines.moreau");
    assert_eq!(intent["body"]["sources_wanted"]["count"], 2);
    assert_eq!(ask(Some("INES.Moreau"), &question(2)).await.status, 200);
    let ledger = desk.ledger();
    let intent = of_kind(&ledger, "intent").pop().unwrap();
    assert_eq!(
        intent["body"]["subject"], "records-system/ines.moreau",
        "one person, however spelled"
    );

    let mut beyond = question(2);
    beyond["sources"] = json!(["harbor-parking"]);
    for (person, body, status, detail) in [
        (None, question(2), 403, "end_user"),
        (Some("two words"), question(2), 422, "x-end-user"),
        (Some(""), question(2), 422, "x-end-user"),
        (Some("ines.moreau"), beyond, 403, "key_sources"),
    ] {
        let before = desk.ledger().len();
        let reply = ask(person, &body).await;
        assert_eq!(reply.status, status, "{person:?} {}", reply.body);
        assert_eq!(desk.since(before).len(), 1);
        assert_eq!(desk.last_refused()["detail"], detail);
    }
    let elsewhere = desk.call("GET", "/v1/sources", Some(&key), None).await;
    assert_eq!(
        (elsewhere.status, &desk.last_refused()["detail"]),
        (403, &json!("key_routes"))
    );
    let investigator = desk.configured("investigator");
    let pretends = desk
        .call_for(
            "GET",
            "/v1/sources",
            (Some(investigator), Some("sam.okafor")),
            None,
        )
        .await;
    assert_eq!(pretends.status, 422, "a person asks for nobody else");

    let listed = desk.call("GET", "/v1/keys", Some(&operator), None).await;
    assert!(!listed.body.to_string().contains(&key));
    desk.pass(86_400);
    assert_eq!(ask(Some("ines.moreau"), &question(2)).await.status, 401);
    assert_eq!(desk.last_refused()["detail"], "key_expired");
    let operator = desk.call("GET", "/v1/session", Some(&operator), None).await;
    assert_eq!(operator.status, 401, "a day later the session is over");
    assert!(!id.is_empty());
}

#[tokio::test]
async fn a_revoked_key_is_void_at_once() {
    let desk = Desk::start(|_| {}).await;
    let (_, operator) = desk.operator().await;
    let body = json!({ "subject": "builder", "organisation": "turnpike-ops", "role": "integrator", "days": 30 });
    let made = desk
        .call("POST", "/v1/keys", Some(&operator), Some(&body))
        .await;
    let secret = made.body["secret"].as_str().unwrap();
    assert_eq!(
        desk.call("GET", "/v1/sources", Some(secret), None)
            .await
            .status,
        200
    );
    let path = format!("/v1/keys/{}", made.body["key"]["id"].as_str().unwrap());
    let before = desk.ledger().len();
    assert_eq!(
        desk.call("DELETE", &path, Some(&operator), None)
            .await
            .status,
        204
    );
    assert_eq!(desk.since(before), ["admin key_change revoked"]);
    assert_eq!(
        desk.call("GET", "/v1/sources", Some(secret), None)
            .await
            .status,
        401
    );
    assert_eq!(desk.last_refused()["detail"], "key_revoked");
}

#[tokio::test]
async fn without_the_notice_acknowledged_nobody_signs_in() {
    let desk = Desk::start(|world| {
        configure(
            world,
            "[identity]\nnotice = \"\"\"For official use. What you do here is recorded.\"\"\"",
        );
    })
    .await;
    let notice = desk.call("GET", "/v1/notice", None, None).await;
    assert_eq!(
        notice.body["text"],
        "For official use. What you do here is recorded."
    );
    let person = desk.enrol("first.operator", &desk.enrolment).await;
    let before = desk.ledger().len();
    let refused = desk.sign_in(&person, PASSWORD, &desk.code(&person)).await;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.body["type"], "/problems/notice_not_acknowledged");
    assert_eq!(desk.since(before), ["admin sign_in_refused notice"]);
    let body = json!({
        "subject": "first.operator", "password": PASSWORD, "code": desk.code(&person),
        "acknowledged": notice.body["sha256"],
    });
    let signed_in = desk.call("POST", "/v1/session", None, Some(&body)).await;
    assert_eq!(signed_in.status, 200, "{}", signed_in.body);
    let ledger = desk.ledger();
    assert_eq!(
        ledger.last().unwrap()["body"]["facts"]["notice_sha256"],
        notice.body["sha256"]
    );
}
