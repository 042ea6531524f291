//! Files fetched from a real SFTP server.

use std::{
    fs,
    path::{Path, PathBuf},
};

use jiff::SignedDuration;
use serde_json::Value;
use turnpike_contract_tests::{
    sim::{
        niop::{Hub, Txn},
        servers::sftp::{SftpServer, user},
    },
    world::{Gateway, World},
};

use super::listening::{NO_LIMITS, add_agreement};
use crate::installation::{
    Installation, agree, configure, eventually, files_under, now, of_kind, question_about, reads_of,
};

const TOLLS: &str = "far-tolls";

/// A vendor whose files lie on a server.
struct Vendor {
    server: SftpServer,
    hub: Hub,
    number: u64,
}

impl Vendor {
    fn start() -> Self {
        let server = SftpServer::start().unwrap();
        let hub = Hub::new(&server.outgoing(), &server.outgoing().join("acks")).unwrap();
        Self {
            server,
            hub,
            number: 0,
        }
    }

    /// Lays a file with one plate out.
    fn lay_out(&mut self, plate: &str) -> PathBuf {
        self.number += 1;
        let number = i64::try_from(self.number).unwrap();
        let submitted = now() - SignedDuration::from_mins(100 - number);
        let at = now() - SignedDuration::from_hours(2);
        let txn = Txn::video(self.number, at, plate);
        self.hub
            .drop_file(&self.hub.stran(submitted, [txn]))
            .unwrap()
    }

    /// Adds it as a source; `key` is the fingerprint that is pinned.
    fn add_source(&self, world: &World, key: &str, more: &str) {
        add_agreement(world, TOLLS);
        let address = self.server.address();
        let user = user().unwrap();
        let client_key = self.server.client_key();
        configure(
            world,
            &format!(
                r#"
[[sources]]
id = "{TOLLS}"
adapter = "niop"
agreement = "agreements/{TOLLS}.toml"
allow_private_addresses = true
drop = {{ folder = "drops/far", settle_ms = 50, scan_ms = 100 }}

[sources.sftp]
host = "{}"
port = {}
user = "{user}"
host_key = "{key}"
secrets = {{ key = {{ file = "{}" }} }}
folder = "outgoing"
every_s = 1
settle_ms = 50
{more}
{NO_LIMITS}"#,
                address.ip(),
                address.port(),
                client_key.display(),
            ),
        );
    }
}

async fn found(installation: &Installation, plate: &str) -> usize {
    let answer = installation.ask(&question_about(plate, 3)).await;
    reads_of(&answer, TOLLS).len()
}

async fn taken(installation: &Installation, plate: &str) {
    eventually(plate, async || {
        (found(installation, plate).await == 1).then_some(())
    })
    .await;
}

/// Waits until nothing of a file is left to do: it is in `done/`, which comes after its record, and known as fetched. Ended
/// before that, the gateway rightly takes the file again.
async fn settled(installation: &Installation, file: &Path) {
    let folder = installation.world.folder();
    let name = file.file_name().unwrap().to_str().unwrap();
    let done = folder.join("drops/far/done").join(name);
    let memory = folder.join(format!("data/sftp/{TOLLS}.json"));
    eventually("the file is dealt with", async || {
        let known = fs::read_to_string(&memory).unwrap_or_default();
        (done.exists() && known.contains(name)).then_some(())
    })
    .await;
}

fn records(installation: &Installation) -> usize {
    let ledger = installation.ledger();
    let entries = of_kind(&ledger, "ingest").into_iter();
    entries
        .filter(|entry| entry["body"]["source"] == TOLLS)
        .count()
}

#[tokio::test]
async fn files_are_fetched_moved_once_they_are_durable_and_acknowledged() {
    let mut vendor = Vendor::start();
    let first = vendor.lay_out("TPX0001");
    let hidden = vendor.server.outgoing().join(".under-way");
    fs::write(&hidden, "half").unwrap();
    fs::create_dir_all(vendor.server.outgoing().join("folder")).unwrap();
    let key = vendor.server.host_key().unwrap();
    let installation = Installation::start(|world| {
        let more = "after = \"move\"\ndone = \"done\"\nacknowledgements = \"acks\"";
        vendor.add_source(world, &key, more);
    })
    .await;
    taken(&installation, "TPX0001").await;
    let done = vendor.server.outgoing().join("done");
    let name = first.file_name().unwrap();
    eventually("the file is moved", async || {
        done.join(name).exists().then_some(())
    })
    .await;
    assert!(!first.exists() && hidden.exists());
    let acks = eventually("an acknowledgement", async || {
        let acks = vendor.hub.acks().unwrap();
        (!acks.is_empty()).then_some(acks)
    })
    .await;
    assert_eq!(acks.len(), 1);

    let second = vendor.lay_out("TPX0002");
    taken(&installation, "TPX0002").await;
    eventually("the second is moved", async || {
        (!second.exists()).then_some(())
    })
    .await;
    assert_eq!(records(&installation), 2);
    let drops = installation.world.folder().join("drops/far");
    let left: Vec<PathBuf> = files_under(&drops)
        .into_iter()
        .filter(|file| file.parent() == Some(&drops))
        .collect();
    assert_eq!(left, Vec::<PathBuf>::new(), "nothing half fetched is left");
}

#[tokio::test]
async fn files_that_stay_on_the_server_are_fetched_once_also_over_a_kill() {
    let mut vendor = Vendor::start();
    let first = vendor.lay_out("TPX0001");
    let key = vendor.server.host_key().unwrap();
    let installation = Installation::start(|world| vendor.add_source(world, &key, "")).await;
    taken(&installation, "TPX0001").await;
    settled(&installation, &first).await;
    let Installation { world, gateway, .. } = installation;
    gateway.kill().await.unwrap();
    let command = world.folder().join("turnpike");
    let log = world.folder().join("gateway.log");
    let gateway = Gateway::start_logging(&command, &world.config(), &log).await;
    let installation = Installation::over(world, gateway.unwrap(), command);
    let second = vendor.lay_out("TPX0002");
    taken(&installation, "TPX0002").await;
    settled(&installation, &second).await;
    assert!(first.exists());
    assert_eq!(records(&installation), 2, "each was taken in once");
}

#[tokio::test]
async fn a_file_that_is_set_aside_stays_on_the_server() {
    let mut vendor = Vendor::start();
    // The first by name, so that it would be removed first.
    let broken = vendor
        .server
        .outgoing()
        .join("0000_0000_20260304071530.STRAN");
    fs::write(&broken, "no archive").unwrap();
    let key = vendor.server.host_key().unwrap();
    let installation = Installation::start(|world| {
        vendor.add_source(world, &key, "after = \"delete\"");
    })
    .await;
    let aside = installation.world.folder().join("drops/far/quarantine");
    let aside = aside.join(broken.file_name().unwrap());
    eventually("the file is set aside", async || {
        aside.exists().then_some(())
    })
    .await;
    let good = vendor.lay_out("TPX0001");
    taken(&installation, "TPX0001").await;
    eventually("the good one is removed", async || {
        (!good.exists()).then_some(())
    })
    .await;
    assert!(broken.exists() && aside.exists());
}

#[tokio::test]
async fn a_server_with_another_key_is_not_spoken_to() {
    let mut vendor = Vendor::start();
    vendor.lay_out("TPX0001");
    let other = vendor.server.other_key().unwrap();
    let installation = Installation::start(|world| vendor.add_source(world, &other, "")).await;
    eventually("a refusal", async || {
        let log = installation.log();
        log.contains("the server's key is not the one that is pinned")
            .then_some(())
    })
    .await;
    assert_eq!(found(&installation, "TPX0001").await, 0);
}

#[tokio::test]
async fn without_an_agreement_no_server_is_visited() {
    let mut vendor = Vendor::start();
    let file = vendor.lay_out("TPX0001");
    let key = vendor.server.host_key().unwrap();
    let installation = Installation::start(|world| {
        vendor.add_source(world, &key, "after = \"delete\"");
        agree(world, TOLLS, "\"active\"", "\"suspended\"");
    })
    .await;
    let entry = installation
        .recorded("a refusal", |entries| {
            let entries = of_kind(entries, "ingest").into_iter();
            let mut entries = entries.filter(|entry| entry["body"]["source"] == TOLLS);
            entries.next().cloned()
        })
        .await;
    assert_eq!(
        entry["body"]["refused"],
        Value::from("agreement_not_active")
    );
    assert!(file.exists());
}
