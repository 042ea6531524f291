//! Ledgers written here, honest and tampered with, before verifiers that share no code with us: Go's `x/mod/sumdb` and
//! Python's `pymerkle` (`docs/verify`). Each tampered copy must be refused by both, and by `turnpike ledger verify`.

mod tamper;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use turnpike_gateway::ledger::{self, Ledger, LedgerConfig, LedgerError, TreeConfig};
use turnpike_gateway::tlog::{AwsEd25519, Expected, Export, Folder, SigningKey, check_folder};
use turnpike_schemas::ledger::{Entry, Ingest, IngestWay};
use turnpike_schemas::tlog::{
    Checkpoint, Frontier, KeyKind, Note, SignedCheckpoint, VerifierKey, leaf_hash,
};

/// Entries of the honest ledger: two full bundles and a part of a third.
const SIZE: usize = 700;

/// Entries the auditor's newest checkpoint covers.
const KEPT: usize = 650;

/// What the auditor has: the public key and a checkpoint from earlier.
struct Auditor {
    dir: tempfile::TempDir,
    key: VerifierKey,
    kept: SignedCheckpoint,
}

/// What whoever runs the ledger has.
struct Operator {
    signer: SigningKey,
    entries: Vec<Vec<u8>>,
}

/// What one verifier said of each folder.
type Verdicts = Vec<bool>;

impl Auditor {
    fn vkey(&self) -> PathBuf {
        self.dir.path().join("vkey")
    }

    fn older(&self) -> PathBuf {
        self.dir.path().join("kept")
    }

    /// The verdicts of `turnpike ledger verify`.
    fn ours(&self, folders: &[PathBuf]) -> Verdicts {
        let expected = Expected {
            older: vec![self.kept.clone()],
            policy: None,
        };
        let is_entry =
            |index: u64, bytes: &[u8]| Entry::parse(bytes).is_ok_and(|entry| entry.index == index);
        let check = |folder: &PathBuf| {
            let folder = Folder::new(folder);
            check_folder(&folder, &self.key, &expected, &is_entry, &mut |_| ()).is_ok()
        };
        folders.iter().map(check).collect()
    }

    fn foreign(&self, mut verifier: Command, folders: &[PathBuf]) -> Verdicts {
        let (vkey, older) = (self.vkey(), self.older());
        let args = [Path::new("--vkey"), &vkey, Path::new("--older"), &older];
        let output = verifier.args(args).args(folders).output().unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        let complaints = String::from_utf8(output.stderr).unwrap();
        let verdicts: Verdicts = told.lines().map(|line| line.starts_with("OK ")).collect();
        assert_eq!(verdicts.len(), folders.len(), "{told}{complaints}");
        let all_well = verdicts.iter().all(|well| *well);
        assert_eq!(
            output.status.code(),
            Some(i32::from(!all_well)),
            "{complaints}"
        );
        verdicts
    }
}

impl Operator {
    /// Any entries under a checkpoint of any size, signed by the real key: what only the operator can forge.
    fn publish(&self, entries: &[Vec<u8>], to: &Path) -> SignedCheckpoint {
        let mut tree = Frontier::default();
        let folder = Folder::new(to);
        let mut export = Export::new(&folder);
        for entry in entries {
            tree.append(leaf_hash(entry));
            export.add(entry).unwrap();
        }
        let signed = sign(&self.signer, tree.size(), &tree);
        export.finish(&signed).unwrap();
        signed
    }
}

fn sign(signer: &SigningKey, size: u64, tree: &Frontier) -> SignedCheckpoint {
    let head = Checkpoint {
        origin: signer.verifier().name().to_owned(),
        size,
        root: tree.root(),
    };
    let note = Note::new(head.body(), vec![signer.sign(&head.body()).unwrap()]).unwrap();
    SignedCheckpoint::open(&note.to_string(), signer.verifier(), &AwsEd25519).unwrap()
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The Go verifier, built from what Debian installs, without network.
fn go() -> PathBuf {
    static BUILT: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    BUILT
        .get_or_init(|| {
            let program = root().join("target/verify-go/verify");
            let built = Command::new("go")
                .args(["build", "-o"])
                .arg(std::path::absolute(&program).unwrap())
                .current_dir(root().join("docs/verify/go"))
                .envs([
                    ("GOPROXY", "off"),
                    ("GOFLAGS", "-mod=mod"),
                    ("GO111MODULE", "on"),
                ])
                .output()
                .expect("Go is needed: `./test.sh` installs golang-go and golang-golang-x-mod-dev");
            let said = String::from_utf8_lossy(&built.stderr);
            assert!(built.status.success(), "{said}");
            program
        })
        .clone()
}

/// The Python verifier, in the environment that `./test.sh` makes.
fn python() -> Command {
    let program = root().join("target/verify-python/bin/python");
    assert!(
        program.exists(),
        "pymerkle is needed: `./test.sh` installs it into target/verify-python"
    );
    let mut command = Command::new(program);
    command.arg(root().join("docs/verify/python/verify.py"));
    command
}

fn config(dir: &Path) -> LedgerConfig {
    LedgerConfig {
        deadline: Duration::from_secs(30),
        tree: Some(TreeConfig {
            key_file: dir.join("ledger.key"),
            origin: Some("gateway.example/ledger".into()),
            interval: Duration::from_millis(10),
        }),
        ..LedgerConfig::default()
    }
}

async fn write(dir: &Path, count: usize) {
    let now = Arc::new(|| Timestamp::UNIX_EPOCH);
    let ledger = Ledger::open(&dir.join("ledger"), config(dir), now)
        .unwrap()
        .ledger;
    let entry = |number: usize| Ingest {
        source: "brookdale-police".into(),
        way: IngestWay::Push,
        accepted: number as u64,
        duplicates: 0,
        rejected: 0,
        rejected_by: Default::default(),
        payload_sha256: None,
        refused: None,
    };
    let written = join_all((0..count).map(|number| ledger.ingest(entry(number)))).await;
    assert!(written.iter().all(Result::is_ok));
    ledger.close().await.unwrap();
}

/// A ledger that a gateway wrote in two runs; the auditor kept the checkpoint between them.
async fn world() -> (Auditor, Operator, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), KEPT).await;
    let tree = dir.path().join("ledger/tree");
    fs::copy(tree.join("checkpoint"), dir.path().join("kept")).unwrap();
    fs::copy(tree.join("vkey"), dir.path().join("vkey")).unwrap();
    write(dir.path(), SIZE - KEPT).await;
    let signer = SigningKey::load(&dir.path().join("ledger.key"), KeyKind::Log).unwrap();
    let key = signer.verifier().clone();
    let open = |path: &Path| {
        let note = fs::read_to_string(path).unwrap();
        SignedCheckpoint::open(&note, &key, &AwsEd25519).unwrap()
    };
    let mut entries = Vec::new();
    ledger::verify_each::<LedgerError>(&dir.path().join("ledger"), |_, entry| {
        entries.push(entry.to_vec());
        Ok(())
    })
    .unwrap();
    assert_eq!(entries.len(), SIZE);
    let export = dir.path().join("export");
    let folder = Folder::new(&export);
    let mut copy = Export::new(&folder);
    entries.iter().for_each(|entry| copy.add(entry).unwrap());
    copy.finish(&open(&tree.join("checkpoint"))).unwrap();
    let kept = open(&dir.path().join("kept"));
    assert_eq!(kept.size(), KEPT as u64);
    (
        Auditor { dir, key, kept },
        Operator { signer, entries },
        export,
    )
}

#[tokio::test]
async fn two_foreign_verifiers_accept_what_was_written_and_refuse_every_tampered_copy() {
    let (auditor, operator, export) = world().await;
    let honest = vec![export.clone()];
    assert_eq!(auditor.ours(&honest), [true]);
    assert_eq!(auditor.foreign(Command::new(go()), &honest), [true]);
    assert_eq!(auditor.foreign(python(), &honest), [true]);

    let cases = tamper::cases(&operator);
    assert!(cases.len() >= 200, "{} tampered copies", cases.len());
    let folders: Vec<PathBuf> = cases
        .iter()
        .enumerate()
        .map(|(number, case)| {
            let copy = auditor.dir.path().join(format!("tampered/{number:03}"));
            case.make(&export, &copy);
            copy
        })
        .collect();
    let verdicts = [
        ("turnpike", auditor.ours(&folders)),
        ("go", auditor.foreign(Command::new(go()), &folders)),
        ("python", auditor.foreign(python(), &folders)),
    ];
    for (verifier, verdicts) in verdicts {
        let missed: Vec<&str> = cases
            .iter()
            .zip(verdicts)
            .filter_map(|(case, accepted)| accepted.then_some(case.name.as_str()))
            .collect();
        assert!(missed.is_empty(), "{verifier} accepts {missed:?}");
    }
}

#[tokio::test]
async fn a_verifier_names_the_entry_at_fault() {
    let (auditor, operator, export) = world().await;
    let case = tamper::flip_in_entry(&operator, 612);
    let copy = auditor.dir.path().join("tampered");
    case.make(&export, &copy);
    let mut go = Command::new(go());
    let vkey = auditor.vkey();
    for verifier in [&mut go, &mut python()] {
        let output = verifier
            .arg("--vkey")
            .arg(&vkey)
            .arg(&copy)
            .output()
            .unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(
            told.starts_with("FAIL ") && told.contains("entry 612 "),
            "{told}"
        );
    }
    let folder = Folder::new(&copy);
    let expected = Expected::default();
    let fault = check_folder(&folder, &auditor.key, &expected, &|_, _| true, &mut |_| ());
    assert_eq!(
        fault.unwrap_err().to_string(),
        "entry 612 is not the one that was signed"
    );
}
