//! The source owner's statement.

use serde_json::Value;

use super::{parsed, shown, text};
use crate::installation::{Installation, PLATE, now, of_kind, question};

#[tokio::test]
async fn the_owner_sees_every_question_that_touched_its_source_and_no_name() {
    let installation = Installation::with_history(|_| {}).await;
    for _ in 0..3 {
        installation.ask(&question(2)).await;
    }
    let day = now().strftime("%Y-%m-%d").to_string();
    let args = [
        "report",
        "statement",
        "--source",
        "state-tolls",
        "--day",
        &day,
    ];
    let run = async |role: &str, args: &[&str]| installation.turnpike(role, args).await;
    let json = [&args[..], &["--json"]].concat();
    let statement = parsed(&run("source_owner", &json).await);
    let ledger = installation.ledger();
    let of_source = |entry: &&&Value| entry["body"]["source"] == "state-tolls";
    let decisions = of_kind(&ledger, "decision");
    let decisions = decisions.iter().filter(of_source).count();
    assert_eq!(statement["questions"], decisions);
    assert_eq!(statement["lines"].as_array().unwrap().len(), 3);
    assert!(statement["reads"].as_u64().unwrap() >= 3, "{statement}");
    let users: Vec<&str> = statement["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["user"].as_str().unwrap())
        .collect();
    assert!(
        users
            .iter()
            .all(|user| *user == users[0] && user.len() > 10)
    );
    let whole = statement.to_string();
    for hidden in ["ines.moreau", PLATE, "BRK-2026-000042"] {
        assert!(!whole.contains(hidden), "{hidden}");
    }
    let table = shown(&run("source_owner", &args).await);
    for part in [
        "3 questions",
        "stolen vehicle",
        "brookdale-pd",
        "checkpoint",
        users[0],
    ] {
        assert!(table.contains(part), "{part}: {table}");
    }
    let other = [
        "report",
        "statement",
        "--source",
        "brookdale-police",
        "--day",
        &day,
    ];
    for (role, args) in [
        ("source_owner", &other),
        ("auditor", &args),
        ("operator", &args),
    ] {
        let refused = run(role, args).await;
        assert_eq!(refused.status.code(), Some(4), "{role}");
    }
    let tomorrow = [
        "report",
        "statement",
        "--source",
        "state-tolls",
        "--day",
        "2099-01-01",
    ];
    let early = run("source_owner", &tomorrow).await;
    assert!(text(&early.stderr).contains("a day that has begun"));
}

#[tokio::test]
async fn what_nobody_uses_fits_a_screen() {
    let installation = Installation::with_history(|_| {}).await;
    installation.ask(&question(2)).await;
    let unused = ["report", "unused", "--days", "30"];
    let json = [&unused[..], &["--json"]].concat();
    let json = parsed(&installation.turnpike("auditor", &json).await);
    let names = |list: &str, key: &str| -> Vec<String> {
        let list = json[list].as_array().unwrap().iter();
        list.map(|idle| idle[key].as_str().unwrap().to_owned())
            .collect()
    };
    let accounts = names("accounts", "subject");
    assert!(accounts.contains(&"sam.okafor".to_owned()), "{accounts:?}");
    assert!(!accounts.contains(&"ines.moreau".to_owned()));
    assert!(!names("sources", "name").contains(&"state-tolls".to_owned()));
    assert!(names("sources", "name").contains(&"harbor-tolls".to_owned()));
    let table = shown(&installation.turnpike("operator", &unused).await);
    for part in ["sam.okafor", "never", "harbor-tolls", "supervisor"] {
        assert!(table.contains(part), "{part}: {table}");
    }
}
