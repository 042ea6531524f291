//! Policies of the installation, and what is refused of them.

use std::fs;

use super::*;

fn site(text: &str) -> PolicySource {
    PolicySource {
        site: BTreeMap::from([("town.cedar".to_owned(), text.to_owned())]),
        ..PolicySource::default()
    }
}

fn problem(text: &str) -> String {
    Policy::new(&site(text)).unwrap_err().to_string()
}

const NO_WANTED_PERSONS: &str = r#"
@id("no_missing_persons")
forbid (principal is User, action, resource is Agreement)
when { context.purpose == Purpose::"missing_person" };
"#;

#[test]
fn a_policy_of_the_installation_forbids_and_is_no_disagreement() {
    let agreement = agreement(|_| {});
    let policy = Policy::new(&site(NO_WANTED_PERSONS)).unwrap();
    policy.learn(&agreement).unwrap();
    let decided = decide(&policy, &agreement, &query(Purpose::MissingPerson, -DAY));
    assert_eq!(refused(&decided), Some(Rule::SitePolicy));
    assert_eq!(decided.alarm, None);
    let last = decided.record.verdicts.last().unwrap();
    assert_eq!(last.engine, Engine::Site);
    assert_eq!(last.policies, ["town.cedar/no_missing_persons"]);
    let other = decide(&policy, &agreement, &query(Purpose::StolenVehicle, -DAY));
    assert!(other.decision.is_ok());
    assert_ne!(policy.sha256(), PolicySource::default().sha256());
}

#[test]
fn an_error_in_a_policy_of_the_installation_refuses_and_raises_an_alarm() {
    let overflow = r#"forbid (principal is User, action, resource is Agreement)
        when { context.now * 9223372036 == 1 };"#;
    let agreement = agreement(|_| {});
    let policy = Policy::new(&site(overflow)).unwrap();
    policy.learn(&agreement).unwrap();
    let decided = decide(&policy, &agreement, &query(Purpose::StolenVehicle, -DAY));
    assert_eq!(refused(&decided), Some(Rule::PolicyError));
    assert!(decided.alarm.is_some());
}

#[test]
fn a_permit_or_a_template_of_the_installation_is_refused_with_file_and_line() {
    let permit = problem("\n\npermit (principal, action, resource);");
    assert!(
        permit.starts_with("policy town.cedar, line 3: permits"),
        "{permit}"
    );
    let template = problem("\nforbid (principal == ?principal, action, resource);");
    assert!(
        template.starts_with("policy town.cedar, line 2: is a template"),
        "{template}"
    );
}

#[test]
fn a_policy_that_does_not_fit_the_schema_is_refused_with_file_and_line() {
    let typed = problem(
        "\nforbid (principal is User, action, resource is Agreement)\nwhen { context.plate == \"X\" };",
    );
    assert!(typed.starts_with("policy town.cedar, line 3: "), "{typed}");
    let broken = problem("forbid (principal, action, resource)\nwhen { 1 + };");
    assert!(
        broken.starts_with("policy town.cedar, line 2: "),
        "{broken}"
    );
    let twice = problem(&format!("{NO_WANTED_PERSONS}{NO_WANTED_PERSONS}"));
    assert!(twice.starts_with("policy town.cedar"), "{twice}");
}

#[test]
fn a_folder_is_read_by_file_name_and_has_an_end() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("town.cedar"), NO_WANTED_PERSONS).unwrap();
    fs::write(folder.path().join("notes.txt"), "not a policy").unwrap();
    let read = PolicySource::with_site(folder.path()).unwrap();
    assert_eq!(read, site(NO_WANTED_PERSONS));
    fs::write(folder.path().join("long.cedar"), " ".repeat(33 * 1024)).unwrap();
    let error = PolicySource::with_site(folder.path()).unwrap_err();
    assert!(error.message.contains("32 KiB"));
    let missing = PolicySource::with_site(&folder.path().join("nowhere")).unwrap_err();
    assert!(missing.message.contains("cannot be read"));
}
