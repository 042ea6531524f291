//! The auditor's story with the command line.

use serde_json::Value;

use super::{administered, done, parsed, shown, text};
use crate::installation::{Installation, PLATE, of_kind, question, with};

/// Asks about one plate five times, each time for another case.
async fn repeated(installation: &Installation) -> Vec<u64> {
    for case in 0..5 {
        let asked = with(
            question(2),
            "case_reference",
            format!("BRK-2026-10000{case}"),
        );
        installation.ask(&asked).await;
    }
    let ledger = installation.ledger();
    let intents = of_kind(&ledger, "intent").into_iter();
    intents
        .map(|entry| entry["index"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn an_auditor_finds_the_fifth_question_about_one_plate_and_judges_it() {
    let installation = Installation::start(|_| {}).await;
    let asked = repeated(&installation).await;
    let run = async |args: &[&str]| installation.turnpike("auditor", args).await;
    let flags = parsed(&run(&["audit", "flags", "--json"]).await);
    let flag = &flags["flags"][0];
    assert_eq!(flag["flag"]["rule"], "repeated_plate");
    assert_eq!(flag["flag"]["entry"].as_u64(), asked.last().copied());
    assert_eq!(flag["flag"]["entries"], serde_json::json!(asked));
    assert_eq!(flags["flags"].as_array().unwrap().len(), 1);
    let table = shown(&run(&["audit", "flags"]).await);
    assert!(table.contains("1 flag from") && table.contains("ines.moreau"));
    assert!(!table.contains(PLATE), "{table}");
    let list = shown(&run(&["audit", "list", "--flag", "repeated_plate"]).await);
    assert!(list.starts_with("5 of 5 questions"), "{list}");
    assert!(!list.contains(PLATE) && list.contains("flagged: repeated_plate"));
    let full = shown(&run(&["audit", "list", "--plate", PLATE, "--full"]).await);
    assert!(
        full.contains(PLATE) && full.contains("BRK-2026-100003"),
        "{full}"
    );
    let first = asked[0].to_string();
    let note = "No file of this number exists.";
    let finding = [
        "audit",
        "finding",
        &first,
        "--result",
        "unjustified",
        "--note",
        note,
    ];
    let told = done(&run(&finding).await);
    assert!(
        told.contains("is unjustified: on record as entry"),
        "{told}"
    );
    let found = parsed(&run(&["audit", "list", "--finding", "unjustified", "--json"]).await);
    assert_eq!(found["matched"], 1);
    assert_eq!(found["questions"][0]["question"]["entry"], asked[0]);
    let ledger = installation.ledger();
    let entry = administered(&ledger, "finding")[0];
    assert_eq!(entry["body"]["by"], "kim.duarte");
    assert_eq!(entry["body"]["facts"]["note"], note);
    let missing = [
        "audit", "finding", "999999", "--result", "unclear", "--note", "x",
    ];
    let missing = run(&missing).await;
    assert_eq!(missing.status.code(), Some(4));
    assert!(text(&missing.stderr).contains("no question begins"));
}

#[tokio::test]
async fn every_reading_is_on_record_with_its_filter_and_never_with_what_was_found() {
    let installation = Installation::start(|_| {}).await;
    repeated(&installation).await;
    let args = [
        "audit",
        "list",
        "--subject",
        "ines.moreau",
        "--outcome",
        "failed",
    ];
    let args = [
        &args[..],
        &["--source", "lakeside-police", "--from", "2026-01-01"],
    ]
    .concat();
    let list = shown(&installation.turnpike("auditor", &args).await);
    assert!(list.starts_with("5 of 5"), "{list}");
    let trail = ["audit", "trail", "--subject", "ines.moreau", "--json"];
    let trail = parsed(&installation.turnpike("auditor", &trail).await);
    assert_eq!(trail["questions"], 5);
    assert_eq!(trail["plates"][0]["plate"], PLATE);
    assert_eq!(
        trail["plates"][0]["case_references"]
            .as_array()
            .unwrap()
            .len(),
        5
    );
    let reached: Vec<&str> = trail["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|source| source["source"].as_str().unwrap())
        .collect();
    assert!(reached.contains(&"brookdale-police"), "{reached:?}");
    let table = shown(
        &installation
            .turnpike("auditor", &["audit", "trail", "--subject", "ines.moreau"])
            .await,
    );
    assert!(!table.contains(PLATE));
    let ledger = installation.ledger();
    let read = administered(&ledger, "ledger_read");
    assert_eq!(read.len(), 3);
    for entry in &read {
        assert_eq!(entry["body"]["by"], "kim.duarte");
        assert!(!entry.to_string().contains(PLATE), "{entry}");
    }
    assert_eq!(read[0]["body"]["facts"]["read"], "questions");
    let filter = &read[0]["body"]["facts"]["filter"]["filter"];
    assert_eq!(filter["subject"], "ines.moreau");
    assert_eq!(filter["source"], "lakeside-police");
}

#[tokio::test]
async fn only_those_whose_role_it_is_review_and_others_leave_a_refusal() {
    let installation = Installation::start(|_| {}).await;
    installation.ask(&question(2)).await;
    let commands: [(&str, &[&str]); 7] = [
        ("operator", &["audit", "list"]),
        ("investigator", &["audit", "trail", "--subject", "x"]),
        ("investigator", &["audit", "flags"]),
        ("source_owner", &["audit", "reviews"]),
        ("supervisor", &["report", "unused"]),
        ("auditor", &["report", "recertify", "x", "--note", "n"]),
        (
            "operator",
            &["audit", "sign-off", "2026-01-05", "--note", "n"],
        ),
    ];
    for (role, args) in commands {
        let before = of_kind(&installation.ledger(), "refused").len();
        let refused = installation.turnpike(role, args).await;
        assert_eq!(refused.status.code(), Some(4), "{role} {args:?}");
        assert!(text(&refused.stderr).contains("this needs the role"));
        let after = installation.ledger();
        let after = of_kind(&after, "refused");
        assert_eq!(after.len(), before + 1, "{role} {args:?}");
        assert_eq!(after[before]["body"]["reason"], "forbidden");
    }
    let own = ["audit", "flags", "--json"];
    let own: Value = parsed(&installation.turnpike("supervisor", &own).await);
    assert_eq!(own["flags"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn the_rules_are_listed_and_measured_without_a_gateway() {
    let installation = Installation::start(|_| {}).await;
    let folder = installation.world.folder();
    let rules = super::offline(folder, &["audit", "rules", "--config", "turnpike.toml"]).await;
    let rules = shown(&rules);
    for name in [
        "repeated_plate (auditor looks)",
        "out_of_hours (supervisor looks)",
        "fishing",
    ] {
        assert!(rules.contains(name), "{rules}");
    }
    let measure = [
        "audit",
        "rules",
        "--measure",
        "--defaults",
        "--organisations",
        "1",
    ];
    let measured = shown(&super::offline(folder, &measure).await);
    assert!(measured.contains("false flags"), "{measured}");
    let measured = [&measure[..], &["--json"]].concat();
    let measured = parsed(&super::offline(folder, &measured).await);
    assert_eq!(measured["missed"].as_array().unwrap().len(), 0);
    std::fs::write(
        folder.join("lax.toml"),
        format!(
            "{}\n[review]\nrepeats = 9\n",
            crate::installation::read(&installation.world.config())
        ),
    )
    .unwrap();
    let lax = [
        "audit",
        "rules",
        "--measure",
        "--config",
        "lax.toml",
        "--organisations",
        "1",
    ];
    let lax = super::offline(folder, &lax).await;
    assert_eq!(lax.status.code(), Some(1), "stories are missed");
    assert!(text(&lax.stderr).contains("are not found where they must be"));
}

#[tokio::test]
async fn a_declared_vehicle_is_flagged_at_the_first_question_and_its_plate_is_nowhere() {
    let installation = Installation::start(|_| {}).await;
    let declare = ["audit", "declare", PLATE];
    let told = done(&installation.turnpike("supervisor", &declare).await);
    assert!(told.contains("on the list"), "{told}");
    for file in crate::installation::files_under(&installation.world.folder().join("data")) {
        let bytes = std::fs::read(&file).unwrap();
        let holds = bytes
            .windows(PLATE.len())
            .any(|part| part == PLATE.as_bytes());
        assert!(!holds, "{}", file.display());
    }
    installation.ask(&question(2)).await;
    let flags = ["audit", "flags", "--rule", "declared_vehicle", "--json"];
    let flags = parsed(&installation.turnpike("auditor", &flags).await);
    assert_eq!(flags["flags"].as_array().unwrap().len(), 1);
    let nonsense = installation
        .turnpike("supervisor", &["audit", "declare", "?"])
        .await;
    assert_eq!(nonsense.status.code(), Some(4));
}
