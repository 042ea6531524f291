//! Signatures, changes and what is recorded of them.

use std::{path::Path, sync::Arc};

use serde_json::Value;
use turnpike_schemas::{
    agreement::{Agreement, AgreementDocument, Role, Status},
    ledger::{AdminAction, Body},
    tlog::KeyKind,
};

use super::*;
use crate::{
    ledger::{Ledger, LedgerConfig},
    tlog::SigningKey,
};

const REFERENCE: &str = include_str!("../../../schemas/tests/all/reference-agreement.toml");

type Change = fn(&mut AgreementDocument);

fn agreement(change: impl FnOnce(&mut AgreementDocument)) -> Agreement {
    let mut document: AgreementDocument = toml::from_str(REFERENCE).unwrap();
    change(&mut document);
    document.validate().unwrap()
}

/// The next version, after `change`.
fn next(change: Change) -> Agreement {
    agreement(|document| {
        document.version = 4;
        document.supersedes =
            serde_json::from_value(Value::from("lakeshore-tolls@3")).unwrap_or_default();
        change(document);
    })
}

fn approval(holder: &str, role: Role) -> Approval {
    Approval {
        key: format!("{holder}.example"),
        holder: holder.to_owned(),
        role,
    }
}

/// A ledger that agreements were loaded into.
struct Loaded {
    folder: tempfile::TempDir,
    ledger: Ledger,
}

impl Loaded {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now = Arc::new(|| "2026-07-01T12:00:00Z".parse().unwrap());
        let opened = Ledger::open(folder.path(), LedgerConfig::default(), now).unwrap();
        Self {
            folder,
            ledger: opened.ledger,
        }
    }

    /// As the gateway does at its start.
    async fn load(
        &self,
        agreement: &Agreement,
        approvals: &[Approval],
        signed: bool,
    ) -> Result<usize, String> {
        let change = super::Change {
            agreement,
            approvals,
            signed,
        };
        let changed = admit(self.folder.path(), [change]).map_err(|error| error.to_string())?;
        let count = changed.len();
        for entry in changed.into_iter().flat_map(|changed| changed.entries) {
            self.ledger.admin(entry).await.unwrap();
        }
        Ok(count)
    }

    fn entries(&self, action: AdminAction) -> Vec<std::collections::BTreeMap<String, Value>> {
        let entries = crate::ledger::read(self.folder.path()).unwrap();
        let admin = entries.filter_map(|entry| match entry.unwrap().body {
            Body::Admin(admin) if admin.action == action => Some(admin.facts),
            _ => None,
        });
        admin.collect()
    }
}

const OWNER: (&str, Role) = ("ola.brandt", Role::SourceOwner);

#[tokio::test]
async fn the_first_version_needs_its_owner_and_is_on_record_whole() {
    let loaded = Loaded::new();
    let first = agreement(|_| {});
    let owner = [approval(OWNER.0, OWNER.1)];
    assert_eq!(loaded.load(&first, &owner, true).await, Ok(1));
    assert_eq!(loaded.load(&first, &owner, true).await, Ok(0), "once");
    let changes = loaded.entries(AdminAction::AgreementChange);
    assert_eq!(changes.len(), 1);
    let facts = &changes[0];
    assert_eq!(facts["agreement"], "lakeshore-tolls@3");
    assert_eq!(facts["sha256"], first.sha256());
    assert_eq!(
        (&facts["previous"], &facts["widening"]),
        (&Value::Null, &Value::from(false))
    );
    let document: AgreementDocument = serde_json::from_value(facts["document"].clone()).unwrap();
    assert_eq!(
        document.validate().unwrap(),
        first,
        "decisions can be made again from the ledger alone"
    );
    let notices = loaded.entries(AdminAction::Notice);
    assert_eq!(notices.len(), 1);
    assert_eq!(notices[0]["to"], "Lakeshore Bridge and Tunnel Authority");
    assert_eq!(notices[0]["signed_by"][0]["key"], "ola.brandt.example");
    assert!(!notices[0].contains_key("document"));
}

#[tokio::test]
async fn a_version_that_lets_more_through_needs_two_people_and_one_is_the_owner() {
    let owner = || approval("ola.brandt", Role::SourceOwner);
    let supervisor = || approval("sam.okafor", Role::Supervisor);
    let operator = || approval("lee.nakamura", Role::Operator);
    let same_person = approval("ola.brandt", Role::Operator);
    let wider = next(|document| {
        let federal = turnpike_schemas::agreement::OrganisationClass::Foreign;
        document.who.organisation_classes.insert(federal);
    });
    for (approvals, admitted) in [
        (vec![owner()], false),
        (vec![owner(), owner()], false),
        (vec![owner(), same_person], false),
        (
            vec![owner(), approval(" Ola.Brandt ", Role::Operator)],
            false,
        ),
        (vec![supervisor(), operator()], false),
        (vec![], false),
        (vec![owner(), supervisor()], true),
        (vec![owner(), operator()], true),
    ] {
        let loaded = Loaded::new();
        let first = agreement(|_| {});
        loaded.load(&first, &[owner()], true).await.unwrap();
        let result = loaded.load(&wider, &approvals, true).await;
        if admitted {
            assert_eq!(result, Ok(1));
            let changes = loaded.entries(AdminAction::AgreementChange);
            assert_eq!(changes[1]["previous_sha256"], first.sha256());
            assert_eq!(changes[1]["widening"], true);
            assert_eq!(
                changes[1]["wider"]["first"][0],
                "`who.organisation_classes`: organisations of class `foreign` may now ask"
            );
            continue;
        }
        let error = result.unwrap_err();
        assert!(
            error.contains("needs two people") && error.contains("`foreign` may now ask"),
            "{error}"
        );
        assert_eq!(loaded.entries(AdminAction::AgreementChange).len(), 1);
        // Taking files away changes nothing: the ledger knows what decided before. Where nothing is signed, nobody is held up.
        assert_eq!(loaded.load(&wider, &[], false).await, Ok(1));
    }
}

#[tokio::test]
async fn a_version_follows_the_one_that_decides_and_is_not_changed_in_place() {
    let loaded = Loaded::new();
    let owner = [approval(OWNER.0, OWNER.1)];
    let first = agreement(|_| {});
    loaded.load(&first, &owner, true).await.unwrap();
    let edited = agreement(|document| document.what.max_reads = 100);
    let error = loaded.load(&edited, &owner, true).await.unwrap_err();
    assert!(
        error.contains("was changed without a new version"),
        "{error}"
    );
    let skipping = agreement(|document| document.version = 5);
    let error = loaded.load(&skipping, &owner, true).await.unwrap_err();
    assert!(
        error.contains("does not supersede `lakeshore-tolls@3`"),
        "{error}"
    );
    let narrower = next(|document| document.what.max_reads = 100);
    assert_eq!(loaded.load(&narrower, &owner, true).await, Ok(1));
    let changes = loaded.entries(AdminAction::AgreementChange);
    assert_eq!(
        changes[1]["narrower"]["first"][0],
        "`what.max_reads`: reads in an answer: 100 instead of 200"
    );
    assert_eq!(changes[1]["widening"], false);
    let back = loaded.load(&first, &owner, true).await.unwrap_err();
    assert!(
        back.contains("does not supersede `lakeshore-tolls@4`"),
        "{back}"
    );
}

#[tokio::test]
async fn whoever_stops_a_source_needs_nobody_and_it_goes_on_as_it_was_or_not_at_all() {
    let loaded = Loaded::new();
    let owner = [approval(OWNER.0, OWNER.1)];
    let first = agreement(|_| {});
    loaded.load(&first, &owner, true).await.unwrap();
    let stopped = agreement(|document| document.status = Status::Suspended);
    assert_eq!(loaded.load(&stopped, &[], true).await, Ok(1));
    let other = agreement(|document| document.what.max_reads = 201);
    assert!(loaded.load(&other, &owner, true).await.is_err());
    assert_eq!(loaded.load(&first, &owner, true).await, Ok(1));
    let ended = agreement(|document| document.status = Status::Revoked);
    assert_eq!(loaded.load(&ended, &[], true).await, Ok(1));
    assert!(loaded.load(&first, &owner, true).await.is_err());
}

fn write(folder: &Path, agreement: &Agreement) -> (std::path::PathBuf, String) {
    let path = folder.join("tolls.toml");
    let text = toml::to_string(agreement.document()).unwrap();
    std::fs::write(&path, &text).unwrap();
    (path, text)
}

#[test]
fn two_keys_sign_one_note_and_only_those_that_count_are_approvals() {
    let folder = tempfile::tempdir().unwrap();
    let key = |name: &str| {
        let path = folder.path().join(format!("{}.key", name.len()));
        SigningKey::create(&path, Some(name), KeyKind::Log).unwrap()
    };
    let (owner, second, other) = (
        key("lakeshore.example/agreements"),
        key("operations.example"),
        key("harbor.example"),
    );
    let listed = |key: &SigningKey, holder: &str, role, sources: &[&str]| AgreementKey {
        key: key.verifier().clone(),
        holder: holder.to_owned(),
        role,
        sources: sources
            .iter()
            .map(|id| turnpike_schemas::read::SourceId::parse(id).unwrap())
            .collect(),
    };
    let keys = AgreementKeys(vec![
        listed(
            &owner,
            "ola.brandt",
            Role::SourceOwner,
            &["lakeshore-tolls"],
        ),
        listed(&second, "lee.nakamura", Role::Operator, &[]),
        listed(&other, "kim.duarte", Role::SourceOwner, &["harbor-tolls"]),
    ]);
    let agreement = agreement(|_| {});
    let (path, text) = write(folder.path(), &agreement);
    let text = text.as_bytes();
    sign(&path, &agreement, text, &second).unwrap();
    let error = verify(&path, &agreement, text, &keys).unwrap_err();
    assert!(matches!(error, SignatureError::NotSigned(_)), "{error}");
    sign(&path, &agreement, text, &owner).unwrap();
    sign(&path, &agreement, text, &other).unwrap();
    sign(&path, &agreement, text, &owner).unwrap();
    let approvals = verify(&path, &agreement, text, &keys).unwrap();
    let holders: Vec<&str> = approvals.iter().map(|it| it.holder.as_str()).collect();
    assert_eq!(holders, ["ola.brandt", "lee.nakamura"]);
    let note = std::fs::read_to_string(signature_file(&path)).unwrap();
    assert!(note.starts_with("turnpike.agreement/v1\nlakeshore-tolls@3\ndocument sha256:"));
    assert_eq!(note.matches("\u{2014} ").count(), 3, "{note}");
    // Every byte of the file and of the note counts.
    let forged = note.replace("lakeshore-tolls@3", "lakeshore-tolls@9");
    std::fs::write(signature_file(&path), forged).unwrap();
    assert!(verify(&path, &agreement, text, &keys).is_err());
    std::fs::write(signature_file(&path), note).unwrap();
    assert!(verify(&path, &agreement, b"another file", &keys).is_err());
}

#[test]
fn a_profile_is_filled_and_keeps_its_comments() {
    for profile in PROFILES {
        let text = profile.filled(&Filled {
            id: "brook-tolls",
            source: "brook-tolls",
            provider: "Brook \"Tolls\"",
            contact: "desk",
            signed_by: "brook.example",
            from: "2026-03-01".parse().unwrap(),
            until: "2027-03-01".parse().unwrap(),
            review: "2027-02-01".parse().unwrap(),
        });
        let document: AgreementDocument = toml::from_str(&text).unwrap();
        let document = document.validate().unwrap().document().clone();
        assert_eq!(document.provider, "Brook \"Tolls\"");
        assert_eq!(document.id, "brook-tolls");
        assert_eq!(document.review_due, "2027-02-01T00:00:00Z".parse().unwrap());
        assert!(text.contains("TO BE REVIEWED BY COUNSEL"));
        assert!(profile.table.contains("refuse, "), "{}", profile.name);
    }
}

/// What an entry cannot hold is compared with nothing at the next change, so that anything would be let through.
#[tokio::test]
async fn a_version_too_large_for_its_entry_is_not_admitted() {
    let loaded = Loaded::new();
    let owner = [approval(OWNER.0, OWNER.1)];
    let many = |n: u32| {
        move |document: &mut AgreementDocument| {
            let names = (0..n).map(|n| format!("department-{n:05}"));
            document.who.organisations = names.collect();
        }
    };
    let large = agreement(many(2_500));
    let error = loaded.load(&large, &owner, true).await.unwrap_err();
    assert!(error.contains("bytes as JSON"), "{error}");
    assert!(loaded.entries(AdminAction::AgreementChange).is_empty());
    let fits = agreement(many(1_500));
    assert_eq!(loaded.load(&fits, &owner, true).await, Ok(1));
}
