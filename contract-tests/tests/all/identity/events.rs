//! Each kind of event, once as it should be and once refused: exactly one entry each.

use serde_json::{Value, json};

use super::{Desk, PASSWORD};

#[tokio::test]
async fn every_event_leaves_exactly_one_entry_done_or_refused() {
    let desk = Desk::start(|_| {}).await;
    let (person, operator) = desk.operator().await;
    let worker = desk.hire(&operator, "ana.weiss", &["investigator"]).await;
    let other = desk.signed_in(&worker).await;
    let code = desk.code(&person);
    let sign_in =
        |password: &str| json!({ "subject": "first.operator", "password": password, "code": code });
    let user =
        json!({ "subject": "new.person", "organisation": "brookdale-pd", "roles": ["auditor"] });
    let key = json!({ "subject": "records", "organisation": "brookdale-pd", "role": "system", "days": 3 });
    let roles = json!({ "change": "roles", "roles": ["supervisor"] });
    let enrol = json!({ "subject": "ana.weiss", "enrolment": "guess", "password": PASSWORD });
    let check = json!({
        "plate": "TPK0421", "window": crate::installation::question(1)["window"], "purpose": "stolen_vehicle",
        "case_reference": "BRK-2026-000042", "on_behalf_of": "self",
    });
    let (nobody, boss, staff) = (None, Some(operator.as_str()), Some(other.as_str()));
    let session = "/v1/session";
    for (what, method, path, who, body, status, wanted) in [
        (
            "sign-in refused",
            "POST",
            session,
            nobody,
            sign_in("wrong"),
            401,
            "admin sign_in_refused password",
        ),
        (
            "sign-in",
            "POST",
            session,
            nobody,
            sign_in(PASSWORD),
            200,
            "admin sign_in",
        ),
        (
            "a token that is not good",
            "GET",
            session,
            Some("tps_guess"),
            Value::Null,
            401,
            "refused unauthenticated session_ended",
        ),
        (
            "a key that is not good",
            "GET",
            session,
            Some("tpk_guess"),
            Value::Null,
            401,
            "refused unauthenticated unknown_key",
        ),
        (
            "an account made",
            "POST",
            "/v1/users",
            boss,
            user.clone(),
            200,
            "admin account_change added",
        ),
        (
            "an account not made",
            "POST",
            "/v1/users",
            staff,
            user,
            403,
            "refused forbidden role",
        ),
        (
            "an account changed",
            "PATCH",
            "/v1/users/new.person",
            boss,
            roles.clone(),
            200,
            "admin account_change roles",
        ),
        (
            "an account not changed",
            "PATCH",
            "/v1/users/new.person",
            staff,
            roles,
            403,
            "refused forbidden role",
        ),
        (
            "an enrolment refused",
            "POST",
            "/v1/enrolments",
            nobody,
            enrol,
            401,
            "admin sign_in_refused enrolment",
        ),
        (
            "a key made",
            "POST",
            "/v1/keys",
            boss,
            key.clone(),
            200,
            "admin key_change made",
        ),
        (
            "a key not made",
            "POST",
            "/v1/keys",
            staff,
            key,
            403,
            "refused forbidden role",
        ),
        (
            "accounts not listed",
            "GET",
            "/v1/users",
            staff,
            Value::Null,
            403,
            "refused forbidden role",
        ),
        (
            "a privileged act refused",
            "POST",
            "/v1/sources/state-tolls/check",
            staff,
            check,
            403,
            "refused check role",
        ),
        (
            "signed out",
            "DELETE",
            session,
            staff,
            Value::Null,
            204,
            "admin sign_out",
        ),
        (
            "sign-out refused",
            "DELETE",
            session,
            staff,
            Value::Null,
            401,
            "refused unauthenticated session_ended",
        ),
    ] {
        let before = desk.ledger().len();
        let body = (!body.is_null()).then_some(&body);
        let reply = desk.call(method, path, who, body).await;
        assert_eq!(reply.status, status, "{what}: {}", reply.body);
        assert_eq!(desk.since(before), [wanted], "{what}");
    }
}
