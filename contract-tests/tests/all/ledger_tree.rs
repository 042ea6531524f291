//! The signed ledger as an auditor meets it: over HTTP and by the command line, beside a gateway that runs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use turnpike_contract_tests::world::Gateway;
use turnpike_gateway::tlog::{AwsEd25519, Folder};
use turnpike_schemas::tlog::{
    AddCheckpoint, LogProof, Note, NoteSignature, SignedCheckpoint, TileHashes, VerifierKey,
    consistency, leaf_hash,
};

use super::installation::{Installation, configure, eventually, of_kind, question, read};

fn told(output: &Output, code: i32) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    let shown = [out.as_slice(), err].map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
    assert_eq!(output.status.code(), Some(code), "{shown:?}");
    shown.concat()
}

/// Ends it as a service manager does.
async fn stop(gateway: &mut Gateway) {
    let id = gateway.id().unwrap().to_string();
    let asked = Command::new("kill")
        .args(["-TERM", &id])
        .status()
        .await
        .unwrap();
    assert!(asked.success() && gateway.ended().await.unwrap().success());
}

/// A gateway that answered one question, and what an auditor knows of it.
struct Site {
    installation: Installation,
    key: VerifierKey,
    answer: Value,
}

impl Site {
    async fn new() -> Self {
        let installation = Installation::with_history(|_| {}).await;
        let answer = installation.ask(&question(3)).await;
        let config = installation.world.config();
        let args = ["ledger", "vkey", "--config", config.to_str().unwrap()];
        let key = told(&installation.turnpike("operator", &args).await, 0);
        fs::write(installation.world.folder().join("vkey"), &key).unwrap();
        Self {
            key: key.trim_end().parse().unwrap(),
            installation,
            answer,
        }
    }

    fn path(&self, name: &str) -> String {
        let path = self.installation.world.folder().join(name);
        path.to_str().unwrap().to_owned()
    }

    async fn get(&self, path: &str, role: &str) -> (u16, Vec<u8>) {
        let token = self.installation.token(role);
        let request = self.installation.request("GET", path, Some(token));
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.bytes().await.unwrap().to_vec())
    }

    /// The checkpoint the gateway serves, once it covers `index`.
    async fn checkpoint(&self, index: u64) -> SignedCheckpoint {
        eventually("a checkpoint over the answer", async || {
            let (status, note) = self.get("/v1/ledger/checkpoint", "investigator").await;
            assert_eq!(status, 200);
            let note = String::from_utf8(note).unwrap();
            let signed = SignedCheckpoint::open(&note, &self.key, &AwsEd25519).unwrap();
            (signed.size() > index).then_some(signed)
        })
        .await
    }

    async fn run(&self, role: &str, args: &[&str], code: i32) -> String {
        told(&self.installation.turnpike(role, args).await, code)
    }
}

#[tokio::test]
async fn an_answer_is_proved_to_be_in_the_ledger_and_entries_are_for_auditors_on_record() {
    let site = Site::new().await;
    let outcome = site.answer["ledger"]["outcome"].as_u64().unwrap();
    let signed = site.checkpoint(outcome).await;
    let (status, proof) = site
        .get(
            &format!("/v1/ledger/entries/{outcome}/proof"),
            "investigator",
        )
        .await;
    assert_eq!(status, 200);
    let proof = LogProof::parse(&String::from_utf8(proof).unwrap()).unwrap();
    let entries = turnpike_gateway::ledger::read(Path::new(&site.path("data/ledger"))).unwrap();
    let index = usize::try_from(outcome).unwrap();
    let entry = entries.map(Result::unwrap).nth(index).unwrap();
    let leaf = leaf_hash(&entry.canonical_bytes().unwrap());
    proof.verify(&leaf, &site.key, &AwsEd25519).unwrap();

    let width = signed.size().min(256);
    let place = if width == 256 {
        "000".to_owned()
    } else {
        format!("000.p/{width}")
    };
    let hashes = format!("/v1/ledger/tile/0/{place}");
    assert_eq!(
        site.get(&hashes, "investigator").await.1.len() as u64,
        32 * width
    );
    let bundle = format!("/v1/ledger/tile/entries/{place}");
    assert_eq!(site.get(&bundle, "investigator").await.0, 403);
    assert_eq!(
        site.get(&bundle, "operator").await.0,
        403,
        "whoever runs it does not read it"
    );
    assert_eq!(site.get(&bundle, "auditor").await.0, 200);
    for missing in [
        "tile/0/999",
        "tile/0/0",
        "tile/9/000",
        "tile/entries/999",
        "entries/999999/proof",
        "entries/x/proof",
        "checkpoint/witnessed",
    ] {
        assert_eq!(
            site.get(&format!("/v1/ledger/{missing}"), "auditor")
                .await
                .0,
            404,
            "{missing}"
        );
    }
    for path in ["/v1/ledger/checkpoint", &hashes, &bundle] {
        let response = site
            .installation
            .request("GET", path, None)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 401, "{path}");
    }
    let ledger = site.installation.ledger();
    let refused = of_kind(&ledger, "refused");
    let count = refused
        .iter()
        .filter(|entry| entry["body"]["detail"] == "ledger_entries")
        .count();
    assert_eq!(count, 2);
    let read = of_kind(&ledger, "admin");
    let read: Vec<_> = read
        .iter()
        .filter(|entry| entry["body"]["action"] == "ledger_read")
        .collect();
    assert_eq!(read.len(), 1);
    assert_eq!(read[0]["body"]["facts"]["entries"], width);
}

#[tokio::test]
async fn the_ledger_is_verified_exported_proved_and_mirrored_by_the_command_line() {
    let site = Site::new().await;
    let outcome = site.answer["ledger"]["outcome"].as_u64().unwrap();
    site.checkpoint(outcome).await;
    let (data, vkey) = (site.path("data/ledger"), site.path("vkey"));
    let (export, mirror) = (site.path("export"), site.path("mirror"));
    let proof = site
        .run(
            "auditor",
            &["ledger", "prove", &outcome.to_string(), "--dir", &data],
            0,
        )
        .await;
    LogProof::parse(&proof).unwrap();
    site.run(
        "auditor",
        &["ledger", "prove", "99999999", "--dir", &data],
        2,
    )
    .await;
    let shown = site
        .run("auditor", &["ledger", "export", &export, "--dir", &data], 0)
        .await;
    assert!(shown.contains(&site.key.to_string()));
    site.run("auditor", &["ledger", "export", &export, "--dir", &data], 2)
        .await;
    let shown = site
        .run(
            "auditor",
            &["ledger", "verify", "--dir", &export, "--vkey", &vkey],
            0,
        )
        .await;
    assert!(shown.contains("every one as it was written") && shown.contains(site.key.name()));
    let untrusted = site
        .run("auditor", &["ledger", "verify", "--dir", &data], 0)
        .await;
    assert!(untrusted.contains("give --vkey from elsewhere"));

    let address = format!("{}/v1/ledger", site.installation.gateway.address());
    let follow = ["ledger", "mirror", &address, &mirror, "--vkey", &vkey];
    site.run("investigator", &follow, 1).await;
    site.run("auditor", &follow, 0).await;
    site.installation.ask(&question(2)).await;
    let shown = eventually("something new to copy", async || {
        let shown = site
            .run("auditor", &["ledger", "mirror", &address, &mirror], 0)
            .await;
        (!shown.contains(" 0 of them new")).then_some(shown)
    })
    .await;
    assert!(shown.contains("is continued"));
    let older = format!("{export}/checkpoint");
    let verify = [
        "ledger", "verify", "--dir", &mirror, "--vkey", &vkey, "--older", &older,
    ];
    let shown = site.run("auditor", &verify, 0).await;
    assert!(shown.contains("continues all 1 older checkpoints"));
    let newer = format!("{mirror}/checkpoint");
    let verify = [
        "ledger", "verify", "--dir", &export, "--vkey", &vkey, "--older", &newer,
    ];
    let shown = site.run("auditor", &verify, 9).await;
    assert!(shown.contains("rolled back"), "{shown}");
    site.run("auditor", &["ledger", "mirror", &export, &mirror], 9)
        .await;
}

#[tokio::test]
async fn a_gateway_does_not_start_over_a_ledger_that_lost_its_end() {
    let mut site = Site::new().await;
    let outcome = site.answer["ledger"]["outcome"].as_u64().unwrap();
    site.checkpoint(outcome).await;
    stop(&mut site.installation.gateway).await;
    let segment = PathBuf::from(site.path("data/ledger/ledger-00000000.log"));
    let bytes = fs::read(&segment).unwrap();
    let last = bytes
        .split_inclusive(|byte| *byte == b'\n')
        .next_back()
        .unwrap()
        .len();
    fs::write(&segment, &bytes[..bytes.len() - last]).unwrap();
    let config = site.installation.world.config();
    let config = config.to_str().unwrap();
    let shown = site
        .run("operator", &["serve", "--config", config], 9)
        .await;
    assert!(shown.contains("rolled back"), "{shown}");
    let shown = site
        .run("auditor", &["ledger", "verify", "--config", config], 9)
        .await;
    assert!(shown.contains("rolled back"), "{shown}");
    fs::write(&segment, &bytes).unwrap();
    site.run("auditor", &["ledger", "verify", "--config", config], 0)
        .await;
}

/// A `turnpike witness` of its own.
struct Process {
    child: tokio::process::Child,
    key: String,
    address: String,
}

impl Process {
    async fn start(site: &Site) -> Self {
        let folder = site.installation.world.folder();
        let mut child = Command::new(folder.join("turnpike"))
            .args(["witness", "--listen", "127.0.0.1:0", "--state"])
            .arg(folder.join("witness"))
            .args(["--name", "board.example/w", "--log", &site.path("vkey")])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let key = lines.next_line().await.unwrap().unwrap();
        let listening = lines.next_line().await.unwrap().unwrap();
        let (_, address) = listening.split_once("http://").unwrap();
        Self {
            child,
            key,
            address: format!("http://{address}"),
        }
    }
}

#[tokio::test]
async fn a_witness_of_its_own_vouches_for_a_gateway_and_refuses_its_fork() {
    let mut site = Site::new().await;
    let mut witness = Process::start(&site).await;
    stop(&mut site.installation.gateway).await;
    let world = &site.installation.world;
    let policy = format!(
        "witness board {} {}\nquorum board\n",
        witness.key, witness.address
    );
    fs::write(world.folder().join("witnesses"), policy).unwrap();
    configure(
        world,
        "[ledger]\nwitness_policy = \"witnesses\"\nwitness_max_age_s = 600",
    );
    let command = world.folder().join("turnpike");
    let log = world.folder().join("gateway.log");
    let gateway = Gateway::start_logging(&command, &world.config(), &log).await;
    site.installation.gateway = gateway.unwrap_or_else(|error| panic!("{error}: {}", read(&log)));
    let note = eventually("a witnessed checkpoint", async || {
        let (status, note) = site
            .get("/v1/ledger/checkpoint/witnessed", "investigator")
            .await;
        (status == 200).then(|| String::from_utf8(note).unwrap())
    })
    .await;
    let key: VerifierKey = witness.key.parse().unwrap();
    assert!(
        key.check_cosignature(&Note::parse(&note).unwrap(), &AwsEd25519)
            .is_ok()
    );
    eventually("ready", async || {
        (site.get("/readyz", "investigator").await.0 == 200).then_some(())
    })
    .await;
    site.installation.ask(&question(1)).await;
    stop(&mut site.installation.gateway).await;

    let (policy, vkey) = (site.path("witnesses"), site.path("vkey"));
    let data = site.path("data/ledger");
    let tree = Folder::new(site.path("data/ledger/tree"));
    let newest = tree.text("checkpoint").unwrap().unwrap();
    let signed = SignedCheckpoint::open(&newest, &site.key, &AwsEd25519).unwrap();
    let hashes = TileHashes::new(&tree, signed.size());
    let witnessed = SignedCheckpoint::open(&note, &site.key, &AwsEd25519).unwrap();
    let proof = consistency(&hashes, witnessed.size(), signed.size()).unwrap();
    let ask = async |old: u64, proof: Vec<_>, checkpoint: &Note| {
        let checkpoint = checkpoint.clone();
        let body = AddCheckpoint {
            old,
            proof,
            checkpoint,
        }
        .to_string();
        let address = format!("{}/add-checkpoint", witness.address);
        let request = site.installation.gateway.client().post(address).body(body);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    // What it cosigned last it says itself.
    let (status, size) = ask(0, Vec::new(), signed.note()).await;
    assert_eq!(status, 409);
    let size: u64 = size.trim_end().parse().unwrap();
    assert!(size >= witnessed.size() && size <= signed.size());
    let wrong = if proof.is_empty() {
        vec![leaf_hash(b"x")]
    } else {
        Vec::new()
    };
    assert_eq!(ask(size, wrong, signed.note()).await.0, 422);
    let right = consistency(&hashes, size, signed.size()).unwrap();
    let (status, line) = ask(size, right, signed.note()).await;
    assert_eq!(status, 200);
    let mut vouched = signed.note().clone();
    vouched.add(NoteSignature::parse(line.trim_end()).unwrap());
    let verify = [
        "ledger", "verify", "--dir", &data, "--vkey", &vkey, "--policy", &policy,
    ];
    let shown = site.run("auditor", &verify, 9).await;
    assert!(
        shown.contains("quorum"),
        "the log alone signed the newest: {shown}"
    );
    fs::write(
        site.path("data/ledger/tree/checkpoint"),
        vouched.to_string(),
    )
    .unwrap();
    let shown = site.run("auditor", &verify, 0).await;
    assert!(shown.contains("witnessed by the quorum"), "{shown}");
    witness.child.kill().await.unwrap();
}
