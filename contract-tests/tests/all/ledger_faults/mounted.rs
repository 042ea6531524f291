//! The same on real file systems, with the gateway as a process of its own.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::process::Command;
use turnpike_contract_tests::{
    fault::Fault,
    world::{Gateway, World, link_command},
};
use turnpike_gateway::ledger;
use turnpike_schemas::ledger::{Entry, InterruptReason};

use super::{
    client::{Client, Form, PATIENCE, contacts, eventually, push_a_read, question, world},
    interruption, last_intent, parts,
};

/// Long enough for a disk to be filled while a source takes its time.
const SLOW: Duration = Duration::from_millis(700);

/// How the gateway's disk can be filled and freed from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    /// A small file system of its own, mounted where only the gateway sees it, by `unshare` with these flags.
    Mounted(&'static str),
    /// No room for longer files: works where nothing may be mounted.
    Limited,
}

struct Rig {
    world: World,
    gateway: Gateway,
    client: Client,
    room: Room,
}

impl Room {
    /// The real thing where the system permits it: as any user, else as root, else the limit.
    async fn best() -> Self {
        for flags in ["-Urm", "-m"] {
            let folder = tempfile::tempdir().unwrap();
            let script = format!("mount -t tmpfs none '{}'", folder.path().display());
            let mut trial = Command::new("unshare");
            let trial = trial
                .args([flags, "sh", "-c", &script])
                .stderr(Stdio::null());
            if trial.status().await.is_ok_and(|status| status.success()) {
                return Self::Mounted(flags);
            }
        }
        Self::Limited
    }

    /// A command that runs the gateway in this room.
    fn wrap(self, command: &Path, data: &Path) -> PathBuf {
        let (command_text, data) = (command.display(), data.display());
        let script = match self {
            Self::Mounted(flags) => format!(
                "exec unshare {flags} sh -c 'mount -t tmpfs -o size=24m,mode=0700 none \"$0\" && exec \"$@\"' '{data}' '{command_text}' \"$@\""
            ),
            // Beyond the limit the system sends a signal, which would end the gateway before it gets the error. Without
            // its privileges root, too, is bound by the permissions of folders.
            Self::Limited => format!(
                "trap '' XFSZ; [ \"$(id -u)\" != 0 ] || set -- setpriv --bounding-set=-all --inh-caps=-all '{command_text}' \"$@\"; [ \"$1\" = setpriv ] || set -- '{command_text}' \"$@\"; exec \"$@\""
            ),
        };
        let wrapper = command.with_file_name("in-a-room.sh");
        fs::write(&wrapper, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&wrapper, Permissions::from_mode(0o755)).unwrap();
        wrapper
    }
}

impl Rig {
    async fn start(room: Room) -> Self {
        let world = world(super::MANY).await;
        let program = env!("CARGO_BIN_EXE_turnpike-demo");
        let command = link_command(program.as_ref(), world.folder()).unwrap();
        let data = world.folder().join("data");
        fs::create_dir(&data).unwrap();
        let wrapper = room.wrap(&command, &data);
        let gateway = Gateway::start(&wrapper, &world.config()).await.unwrap();
        world.lakeside_road.set(Fault::Healthy);
        push_a_read(&world, gateway.address()).await;
        let client = Client {
            http: gateway.client().clone(),
            address: gateway.address().to_owned(),
            token: world.tokens.investigator.clone(),
        };
        Self {
            world,
            gateway,
            client,
            room,
        }
    }

    /// The data folder as the gateway sees it.
    fn data(&self) -> PathBuf {
        let root = format!("/proc/{}/root", self.gateway.id().unwrap());
        let data = self.world.folder().join("data");
        Path::new(&root).join(data.strip_prefix("/").unwrap())
    }

    fn entries(&self) -> Vec<Entry> {
        let entries = ledger::read(&self.data().join("ledger")).unwrap();
        entries.collect::<Result<_, _>>().unwrap()
    }

    /// Leaves no room for even the smallest entry.
    async fn fill(&self) {
        match self.room {
            Room::Mounted(_) => fill(&self.data().join("filler")),
            Room::Limited => {
                let segment = self.data().join("ledger/ledger-00000000.log");
                self.limit(&segment.metadata().unwrap().len().to_string())
                    .await;
            }
        }
        // A file system gives room in pages, so the last one is used up with the smallest entries there are.
        let stranger = self.client.with_token("nobody");
        eventually("the last page is full", async || {
            stranger.get("/v1/sources").await.status == 503
        })
        .await;
    }

    async fn free(&self) {
        match self.room {
            Room::Mounted(_) => fs::remove_file(self.data().join("filler")).unwrap(),
            Room::Limited => self.limit("unlimited").await,
        }
        eventually("ready again", async || self.client.is_ready().await).await;
    }

    /// Makes the ledger's folder read-only for every file that is opened from now on, or undoes it. The file system cannot
    /// simply be mounted again: the system refuses that while a file is open for writing.
    async fn read_only(&self, on: bool) {
        let folder = self.world.folder().join("data/ledger");
        let Room::Mounted(flags) = self.room else {
            let mode = if on { 0o500 } else { 0o700 };
            return fs::set_permissions(folder, Permissions::from_mode(mode)).unwrap();
        };
        let id = self.gateway.id().unwrap();
        let user = if flags.contains('U') {
            "-U --preserve-credentials"
        } else {
            ""
        };
        let action = if on {
            "mount -t tmpfs -o ro none"
        } else {
            "umount"
        };
        let script = format!("nsenter -t {id} {user} -m {action} '{}'", folder.display());
        let done = Command::new("sh").args(["-c", &script]).status().await;
        assert!(done.unwrap().success());
    }

    async fn limit(&self, bytes: &str) {
        let id = self.gateway.id().unwrap();
        let mut command = Command::new("prlimit");
        let command = command.args([format!("--pid={id}"), format!("--fsize={bytes}:unlimited")]);
        assert!(command.status().await.unwrap().success());
    }

    async fn ask(&self, form: Form) -> super::Reply {
        self.client.ask(&question(&self.world), form).await
    }

    async fn fill_between(&self, form: Form) -> super::Reply {
        self.world.lakeside_road.set(Fault::Latency(SLOW));
        let before = self.world.lakeside_road.connections();
        let filling = async {
            assert!(
                self.world
                    .lakeside_road
                    .connected(before + 1, PATIENCE)
                    .await
            );
            self.fill().await;
        };
        tokio::join!(self.ask(form), filling).0
    }

    async fn closed_as_interrupted(&self, intent: u64) {
        eventually("the withheld question is closed", async || {
            interruption(&self.entries(), intent) == Some(InterruptReason::LedgerUnavailable)
        })
        .await;
    }

    /// Stops the gateway in order.
    async fn stop(mut self) {
        let verified = ledger::verify(&self.data().join("ledger")).unwrap();
        assert_eq!(verified.open, Vec::<u64>::new());
        let script = format!("kill -TERM {}", self.gateway.id().unwrap());
        let sent = Command::new("sh").args(["-c", &script]).status().await;
        assert!(sent.unwrap().success());
        assert_eq!(self.gateway.ended().await.unwrap().code(), Some(0));
    }
}

/// Writes until there is no space left.
fn fill(filler: &Path) {
    let mut file = OpenOptions::new();
    let mut file = file.append(true).create(true).open(filler).unwrap();
    let mut piece = 1 << 20;
    while piece > 0 {
        if file.write_all(&vec![b'x'; piece]).is_err() {
            piece /= 2;
        }
    }
}

async fn a_full_disk_withholds_and_heals(room: Room) {
    let rig = Rig::start(room).await;
    assert_eq!(rig.ask(Form::Json).await.status, 200);

    rig.fill().await;
    let before = contacts(&rig.world);
    rig.ask(Form::Json).await.must_be_withheld_soon();
    rig.ask(Form::Lines).await.must_be_withheld_soon();
    let explained = rig.client.explain(&question(&rig.world)).await;
    explained.must_be_withheld_soon();
    assert!(!rig.client.is_ready().await);
    assert_eq!(contacts(&rig.world), before);
    rig.free().await;
    assert_eq!(rig.ask(Form::Json).await.status, 200);

    rig.fill_between(Form::Json).await.must_be_withheld();
    let withheld = last_intent(&rig.entries());
    rig.free().await;
    rig.closed_as_interrupted(withheld).await;

    let left = rig.fill_between(Form::Lines).await.must_break_off();
    let withheld = last_intent(&rig.entries());
    let durable = parts(&rig.entries(), withheld);
    assert!(left.iter().all(|source| durable.contains(source)));
    rig.free().await;
    rig.closed_as_interrupted(withheld).await;

    rig.world.lakeside_road.set(Fault::Healthy);
    assert_eq!(rig.ask(Form::Json).await.status, 200);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_answers_are_withheld_until_there_is_room_again() {
    a_full_disk_withholds_and_heals(Room::best().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_systems_limit_of_a_files_length_answers_are_withheld_until_it_is_raised() {
    a_full_disk_withholds_and_heals(Room::Limited).await;
}

async fn a_read_only_folder_withholds_until_a_restart(room: Room) {
    let rig = Rig::start(room).await;
    rig.read_only(true).await;
    // The open segment can still be written; the next one cannot be begun.
    eventually("the segment is full", async || {
        let asked = question(&rig.world);
        let explained = (0..16).map(|_| rig.client.explain(&asked));
        let explained = futures::future::join_all(explained).await;
        explained.iter().any(|reply| reply.status == 503)
    })
    .await;
    let before = contacts(&rig.world);
    rig.ask(Form::Json).await.must_be_withheld_soon();
    rig.ask(Form::Lines).await.must_be_withheld_soon();
    assert!(!rig.client.is_ready().await);
    rig.read_only(false).await;
    rig.ask(Form::Json).await.must_be_withheld_soon();
    assert!(!rig.client.is_ready().await);
    assert_eq!(contacts(&rig.world), before);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_read_only_file_system_answers_are_withheld_until_a_restart() {
    a_read_only_folder_withholds_until_a_restart(Room::best().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_folder_it_may_not_write_answers_are_withheld_until_a_restart() {
    a_read_only_folder_withholds_until_a_restart(Room::Limited).await;
}
