//! The owner's story with the command line alone: take the log of the own source home, check it, find out who was meant.

use std::{fs, path::Path};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::Value;
use turnpike_gateway::ledger::{Keyring, read};
use turnpike_schemas::{
    ledger::{OwnerLeaf, Pseudonyms, Touching},
    tlog::{
        Checkpoint, Frontier, Hash, Hashes, KeyKind, LogProof, Note, NoteSignature, TlogError,
        VerifierKey, inclusion, leaf_hash, root_at,
    },
};

use super::installation::{Installation, PLATE, of_kind, question};

const TOLLS: &str = "state-tolls";

struct Nobody;

impl Pseudonyms for Nobody {
    fn pseudonym(&self, _: &str, _: &str, _: &str) -> String {
        String::new()
    }
}

async fn run(installation: &Installation, role: &str, args: &[&str]) -> (i32, String, String) {
    let output = installation
        .turnpike(role, &[&["ledger", "owner"], args].concat())
        .await;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// All leaves of the ledger.
struct Whole(Vec<Hash>);

impl Hashes for Whole {
    type Error = TlogError;

    fn node(&self, level: u32, index: u64) -> Result<Hash, TlogError> {
        let (first, width) = (index << level, 1_u64 << level);
        let leaves = self.0.iter().skip(usize::try_from(first).unwrap());
        let mut tree = Frontier::default();
        let taken = leaves.take(usize::try_from(width).unwrap());
        taken.for_each(|leaf| tree.append(*leaf));
        Ok(tree.root())
    }
}

fn signer() -> (Ed25519KeyPair, VerifierKey) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let public = pair.public_key().as_ref().try_into().unwrap();
    let key = VerifierKey::new("ledger.example", KeyKind::Log, public).unwrap();
    (pair, key)
}

/// Proofs that entry `index` is in the ledger, and the one before it.
fn proofs(data: &Path, index: u64) -> (String, String) {
    let entries = read(&data.join("ledger")).unwrap();
    let leaves = entries.map(|entry| leaf_hash(&entry.unwrap().canonical_bytes().unwrap()));
    let whole = Whole(leaves.collect());
    let size = whole.0.len() as u64;
    let origin = "ledger.example".to_owned();
    let root = root_at(&whole, size).unwrap();
    let body = Checkpoint { origin, size, root }.body();
    let (pair, key) = signer();
    let signature = pair.sign(body.as_bytes()).as_ref().to_vec();
    let signature = NoteSignature::new(key.name(), key.id(), signature).unwrap();
    let checkpoint = Note::new(body, vec![signature]).unwrap();
    let proof = |index| LogProof {
        extra: None,
        index,
        path: inclusion(&whole, index, size).unwrap(),
        checkpoint: checkpoint.clone(),
    };
    (proof(index).to_string(), proof(index - 1).to_string())
}

/// Leaves that the entries before `to` call for.
fn called_for(data: &Path, to: u64) -> Vec<(u64, String)> {
    let keys = Keyring::read(&data.join("ledger-keys")).unwrap();
    let mut touching = Touching::default();
    let entries = read(&data.join("ledger")).unwrap().map(Result::unwrap);
    let leaves = entries.filter(|entry| entry.index < to).flat_map(|entry| {
        let hash = leaf_hash(&entry.canonical_bytes().unwrap());
        touching.follow(&entry.opened(&keys), &hash, &Nobody)
    });
    let own = leaves.filter(|leaf| leaf.source == TOLLS);
    own.map(|leaf| (leaf.entry, leaf.leaf_hash)).collect()
}

#[tokio::test]
async fn an_owner_takes_the_log_of_its_source_home_and_checks_it_there() {
    let installation = Installation::with_history(|_| {}).await;
    for _ in 0..5 {
        installation.ask(&question(3)).await;
    }
    let (code, export, problem) = run(&installation, "source_owner", &["export", TOLLS]).await;
    assert_eq!(code, 0, "{problem}");
    let folder = installation.world.folder();
    let file = folder.join("export.jsonl");
    fs::write(&file, &export).unwrap();
    let path = file.to_str().unwrap();
    let (code, _, problem) = run(&installation, "source_owner", &["verify", path]).await;
    assert_eq!(code, 12, "who made the export could have made its record");
    assert!(problem.contains("not proven"), "{problem}");
    let vkey = folder.join("data/ledger/tree/vkey");
    let vkey = vkey.to_str().unwrap();
    let proven = ["verify", path, "--log-key", vkey];
    let (code, verified, problem) = run(&installation, "source_owner", &proven).await;
    assert_eq!(code, 0, "{problem}");
    assert!(
        verified.contains("proven to be in the ledger"),
        "{verified}"
    );
    assert!(
        verified.contains("5 decisions about questions"),
        "{verified}"
    );
    let head: Value = serde_json::from_str(export.lines().next().unwrap()).unwrap();
    let recorded = head["checkpoint"]["recorded"].as_u64().unwrap();
    let ledger = installation.ledger();
    let record = &ledger[usize::try_from(recorded).unwrap()]["body"];
    assert_eq!(record["facts"]["root"], head["checkpoint"]["root"]);
    let leaves: Vec<OwnerLeaf> = export
        .lines()
        .skip(1)
        .map(|leaf| OwnerLeaf::parse(leaf.as_bytes()).unwrap())
        .collect();
    let found: Vec<_> = leaves
        .iter()
        .map(|leaf| (leaf.entry, leaf.leaf_hash.clone()))
        .collect();
    let to = record["facts"]["to"].as_u64().unwrap();
    assert_eq!(
        found,
        called_for(&folder.join("data"), to),
        "as many as the ledger has, and the same"
    );
    for secret in [PLATE, "ines.moreau", "BRK-2026-000042", "brookdale-police"] {
        assert!(!export.contains(secret), "{secret}");
    }
    let lines: Vec<&str> = export.lines().collect();
    let (proof, other) = proofs(&folder.join("data"), recorded);
    fs::write(folder.join("proof"), proof).unwrap();
    fs::write(folder.join("other"), other).unwrap();
    let key = signer().1.to_string();
    for (proof, wanted) in [("proof", 0), ("other", 9)] {
        let args = ["verify", path, "--proof", proof, "--log-key", &key];
        let (code, _, problem) = run(&installation, "source_owner", &args).await;
        assert_eq!(code, wanted, "{problem}");
    }
    for withheld in 1..lines.len() {
        let mut fewer = lines.clone();
        fewer.remove(withheld);
        fs::write(folder.join("fewer.jsonl"), fewer.join("\n")).unwrap();
        let (code, _, problem) =
            run(&installation, "source_owner", &["verify", "fewer.jsonl"]).await;
        assert_eq!(code, 9, "{problem}");
    }
    installation.ask(&question(3)).await;
    let (_, later, _) = run(&installation, "source_owner", &["export", TOLLS]).await;
    fs::write(folder.join("later.jsonl"), &later).unwrap();
    let args = ["verify", "later.jsonl", "--after", path, "--log-key", vkey];
    assert_eq!(run(&installation, "source_owner", &args).await.0, 0);
    let args = ["verify", path, "--after", "later.jsonl"];
    assert_eq!(
        run(&installation, "source_owner", &args).await.0,
        9,
        "no continuation"
    );
    let readings = of_kind(&installation.ledger(), "admin")
        .into_iter()
        .filter(|entry| {
            entry["body"]["action"] == "ledger_read" && entry["body"]["by"] == "ola.brandt"
        })
        .count();
    assert_eq!(readings, 2);
    for (role, source) in [
        ("investigator", TOLLS),
        ("operator", TOLLS),
        ("source_owner", "harbor-tolls"),
    ] {
        assert_eq!(
            run(&installation, role, &["export", source]).await.0,
            4,
            "{role} {source}"
        );
    }
    assert_eq!(
        run(&installation, "auditor", &["export", "harbor-tolls"])
            .await
            .0,
        0
    );
}

#[tokio::test]
async fn who_a_pseudonym_is_takes_the_owner_and_an_auditor() {
    let installation = Installation::start(|_| {}).await;
    installation.ask(&question(3)).await;
    let (_, export, _) = run(&installation, "source_owner", &["export", TOLLS]).await;
    let mut leaves = export
        .lines()
        .skip(1)
        .map(|leaf| OwnerLeaf::parse(leaf.as_bytes()).unwrap());
    let person = leaves.find_map(|leaf| leaf.asked?.person).unwrap();
    let (code, request, _) = run(&installation, "source_owner", &["who", TOLLS, &person]).await;
    assert_eq!(code, 0);
    let tell = ["tell", request.trim()];
    assert_eq!(run(&installation, "source_owner", &tell).await.0, 4);
    assert_eq!(run(&installation, "operator", &tell).await.0, 4);
    let (code, told, problem) = run(&installation, "auditor", &tell).await;
    assert_eq!((code, told.trim()), (0, "ines.moreau"), "{problem}");
    assert_eq!(run(&installation, "auditor", &tell).await.0, 4, "told once");
    let ledger = installation.ledger();
    let steps: Vec<&Value> = ledger
        .iter()
        .map(|entry| &entry["body"]["facts"]["state"])
        .filter(|state| !state.is_null())
        .collect();
    assert_eq!(steps, ["asked", "told"]);
}
