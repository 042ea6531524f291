//! Locking, resting sessions, training, assurance: what ends the right to call.

use serde_json::json;

use super::{Desk, PASSWORD};
use crate::installation::{configure, edit, question};

#[tokio::test]
async fn five_failures_lock_and_only_time_opens() {
    let desk = Desk::start(|_| {}).await;
    let (person, _) = desk.operator().await;
    for n in 1..=5 {
        let before = desk.ledger().len();
        let refused = desk.sign_in(&person, "not the password", "000000").await;
        assert_eq!(
            (refused.status, refused.body["type"].as_str()),
            (401, Some("/problems/sign_in_refused"))
        );
        let refused = "admin sign_in_refused password";
        let locked = "admin account_change locked";
        let wanted: &[&str] = if n == 5 {
            &[locked, refused]
        } else {
            &[refused]
        };
        assert_eq!(desk.since(before), wanted);
    }
    let before = desk.ledger().len();
    let locked = desk.sign_in(&person, PASSWORD, &desk.code(&person)).await;
    assert_eq!(locked.status, 401);
    assert_eq!(desk.since(before), ["admin sign_in_refused locked"]);
    desk.pass(600);
    assert_eq!(
        desk.sign_in(&person, PASSWORD, &desk.code(&person))
            .await
            .status,
        401,
        "10 minutes"
    );
    desk.pass(300);
    assert_eq!(
        desk.sign_in(&person, PASSWORD, &desk.code(&person))
            .await
            .status,
        200,
        "15 minutes"
    );
}

#[tokio::test]
async fn what_was_wrong_is_in_the_ledger_and_not_in_the_answer() {
    let desk = Desk::start(|_| {}).await;
    let (person, _) = desk.operator().await;
    let good = desk.code(&person);
    assert_eq!(desk.sign_in(&person, PASSWORD, &good).await.status, 200);
    let stranger = json!({ "subject": "granite kettle", "password": PASSWORD, "code": "123456" });
    let mut told = Vec::new();
    for (what, body) in [
        (
            "code",
            json!({ "subject": "first.operator", "password": PASSWORD, "code": good }),
        ),
        (
            "password",
            json!({ "subject": "first.operator", "password": "wrong", "code": desk.code(&person) }),
        ),
        ("unknown_account", stranger),
    ] {
        let reply = desk.call("POST", "/v1/session", None, Some(&body)).await;
        assert_eq!(reply.status, 401);
        told.push((reply.body["type"].clone(), reply.body["detail"].clone()));
        let ledger = desk.ledger();
        let entry = &ledger.last().unwrap()["body"];
        assert_eq!(entry["facts"]["reason"], what);
        let named = (what != "unknown_account").then_some("first.operator");
        assert_eq!(
            entry["by"].as_str(),
            named,
            "a password typed as a name is not kept"
        );
    }
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:?}");
}

#[tokio::test]
async fn a_session_rests_thirty_minutes_and_lives_its_hours() {
    let desk = Desk::start(|world| configure(world, "[identity]\nsession_hours = 2")).await;
    let (person, token) = desk.operator().await;
    let is_good = async |token: &str| {
        desk.call("GET", "/v1/session", Some(token), None)
            .await
            .status
            == 200
    };
    desk.pass(29 * 60);
    assert!(is_good(&token).await);
    desk.pass(30 * 60 + 1);
    assert!(!is_good(&token).await, "30:01 of rest");
    let token = desk.signed_in(&person).await;
    for _ in 0..5 {
        desk.pass(20 * 60);
        assert!(is_good(&token).await);
    }
    desk.pass(20 * 60);
    assert!(!is_good(&token).await, "two hours");

    let token = desk.signed_in(&person).await;
    let before = desk.ledger().len();
    assert_eq!(
        desk.call("DELETE", "/v1/session", Some(&token), None)
            .await
            .status,
        204
    );
    assert_eq!(desk.since(before), ["admin sign_out"]);
    assert!(!is_good(&token).await);
    let configured = desk
        .call(
            "DELETE",
            "/v1/session",
            Some(desk.configured("auditor")),
            None,
        )
        .await;
    assert_eq!(
        configured.status, 422,
        "what has no session has none to end"
    );
}

#[tokio::test]
async fn without_valid_training_nobody_asks_where_it_is_required() {
    let desk = Desk::start(|world| {
        configure(world, "[identity]\nrequire_training = true");
        edit(
            world,
            "turnpike.toml",
            "subject = \"sam.okafor\"\n",
            "subject = \"sam.okafor\"\ntraining_until = \"2099-01-01\"\n",
        );
    })
    .await;
    let ask = async |token: &str, person: Option<&str>| {
        desk.call_for(
            "POST",
            "/v1/queries",
            (Some(token), person),
            Some(&question(2)),
        )
        .await
        .status
    };
    let before = desk.ledger().len();
    assert_eq!(ask(desk.configured("investigator"), None).await, 403);
    assert_eq!(desk.since(before), ["refused query training"]);
    let before = desk.ledger().len();
    let path = "/v1/sources/brookdale-police/check";
    let checker = desk.configured(turnpike_contract_tests::world::CHECKER);
    let checked = desk
        .call("POST", path, Some(checker), Some(&question(2)))
        .await;
    assert_eq!(
        checked.status, 403,
        "a live check is a question: {}",
        checked.body
    );
    assert_eq!(desk.since(before), ["refused check training"]);
    assert_eq!(ask(desk.configured("supervisor"), None).await, 200);
    assert_eq!(
        ask(desk.configured("system"), Some("ines.moreau")).await,
        200,
        "a system's people are trained by its owner"
    );
    let (_, operator) = desk.operator().await;
    let person = desk.hire(&operator, "ana.weiss", &["investigator"]).await;
    let token = desk.signed_in(&person).await;
    assert_eq!(ask(&token, None).await, 403);
    let today = desk.now().strftime("%F").to_string();
    let standing = json!({ "change": "standing", "sworn": false, "training_until": today });
    let changed = desk
        .call(
            "PATCH",
            "/v1/users/ana.weiss",
            Some(&operator),
            Some(&standing),
        )
        .await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!(ask(&token, None).await, 200, "the last day counts");
    desk.pass(86_400);
    let token = desk.signed_in(&person).await;
    assert_eq!(ask(&token, None).await, 403, "the day after does not");
}

#[tokio::test]
async fn where_two_factors_are_demanded_a_configured_token_is_of_no_use_to_a_person() {
    let desk = Desk::start(|world| configure(world, "[identity]\nassurance = \"aal2\"")).await;
    let before = desk.ledger().len();
    let refused = desk
        .call(
            "GET",
            "/v1/sources",
            Some(desk.configured("investigator")),
            None,
        )
        .await;
    assert_eq!(refused.status, 401);
    assert!(
        refused.challenge.contains("acr_values=\"aal2\""),
        "{}",
        refused.challenge
    );
    assert_eq!(desk.since(before), ["refused unauthenticated assurance"]);
    let system = desk
        .call("GET", "/v1/sources", Some(desk.configured("system")), None)
        .await;
    assert_eq!(system.status, 200, "machines have one factor");
    let (_, operator) = desk.operator().await;
    assert_eq!(
        desk.call("GET", "/v1/sources", Some(&operator), None)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn taking_entries_home_and_approving_takes_two_factors() {
    let desk = Desk::start(|world| edit(world, "turnpike.toml", "step_up = \"aal1\"\n", "")).await;
    let nobody = "01890000-0000-7000-8000-000000000000";
    let note = json!({ "subject": "ines.moreau", "note": "still needed" });
    let before_2020 = json!({ "before": "2020-01-01" });
    let seal = format!("/v1/ledger/seals/{nobody}/confirm");
    let tell = format!("/v1/ledger/pseudonyms/{nobody}/confirm");
    for (role, method, path, body) in [
        ("auditor", "GET", "/v1/ledger/entries", None),
        ("auditor", "GET", "/v1/ledger/tile/entries/000", None),
        (
            "source_owner",
            "GET",
            "/v1/ledger/sources/state-tolls/entries?start=0&limit=1",
            None,
        ),
        ("auditor", "POST", "/v1/ledger/seals", Some(&before_2020)),
        ("auditor", "POST", seal.as_str(), None),
        ("auditor", "POST", tell.as_str(), None),
        (
            "supervisor",
            "POST",
            "/v1/reports/recertifications",
            Some(&note),
        ),
    ] {
        let before = desk.ledger().len();
        let refused = desk
            .call(method, path, Some(desk.configured(role)), body)
            .await;
        assert_eq!(refused.status, 401, "{path}: {}", refused.body);
        assert!(refused.challenge.contains("acr_values=\"aal2\""), "{path}");
        assert_eq!(
            desk.since(before),
            ["refused unauthenticated assurance"],
            "{path}"
        );
    }
    let (_, operator) = desk.operator().await;
    let person = desk.hire(&operator, "ana.weiss", &["auditor"]).await;
    let auditor = desk.signed_in(&person).await;
    let read = desk
        .call("GET", "/v1/ledger/entries", Some(&auditor), None)
        .await;
    assert_eq!(read.status, 200, "{}", read.body);
    for path in [&seal, &tell] {
        let before = desk.ledger().len();
        let new = desk.call("POST", path, Some(&auditor), None).await;
        assert_eq!(new.status, 403, "{path}: {}", new.body);
        assert_eq!(
            desk.since(before),
            ["refused forbidden new_account"],
            "{path}"
        );
    }
    desk.pass(7 * 86_400);
    let auditor = desk.signed_in(&person).await;
    let old = desk.call("POST", &seal, Some(&auditor), None).await;
    assert_eq!(
        old.status, 404,
        "a week later it is let through: {}",
        old.body
    );
}
