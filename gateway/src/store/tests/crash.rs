//! What is left when the process is gone between two instructions.

use std::{collections::BTreeMap, fs, path::Path};

use super::{
    super::{
        codec::{Row, micros, nanos},
        shelf::{Origin, Shelf},
    },
    *,
};

fn copy_files(from: &Path, to: &Path) {
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

/// The files as they are at an acknowledgement are those a killed process leaves behind.
#[tokio::test]
async fn files_taken_at_any_acknowledgement_hold_everything_acknowledged() {
    let bench = Bench::new();
    for n in 0..20_usize {
        let month = if n.is_multiple_of(2) { "02" } else { "03" };
        let captured_at = format!("2026-{month}-15T00:00:00Z");
        bench
            .ingest(&[observation(&format!("r{n}"), "TPK0421", &captured_at)])
            .await;
        let mut killed = Bench::new();
        killed.store = None;
        copy_files(bench.dir.path(), killed.dir.path());
        killed.reopen();
        assert_eq!(killed.found(exact("TPK0421")).await.len(), n + 1);
    }
}

/// Applies one observation to the shelf and makes it durable in the files that `survives` names only.
fn apply_and_crash(dir: &Path, read: &Observation, received_at: &str, survives: &[&str]) {
    let now = at("2026-03-20T12:00:00Z");
    let permit = ingest_permit("brookdale", 40);
    let keep_until = permit.keep_until(read.captured_at);
    let row = Row::encode(permit.source(), read.clone(), keep_until).unwrap();
    let provenance = serde_json::to_string(&provenance()).unwrap();
    let mut origin = Origin {
        source: "brookdale",
        received_at: nanos(at(received_at)),
        provenance: &provenance,
        numbers: BTreeMap::new(),
    };
    let mut shelf = Shelf::open(dir, 4).unwrap();
    shelf.apply(&row, &mut origin, micros(now).0).unwrap();
    for (month, file) in &mut shelf.months {
        let name = month.path(Path::new("")).display().to_string();
        if survives.iter().any(|survivor| name.contains(survivor)) {
            file.commit().unwrap();
        }
    }
}

#[tokio::test]
async fn a_move_between_months_cut_in_two_leaves_the_read_found_once() {
    for survives in [&["2026-02"][..], &["2026-03"], &[], &["2026-02", "2026-03"]] {
        let mut bench = Bench::new();
        bench.store = None;
        let both = ["2026-02", "2026-03"];
        let first = observation("r1", "TPK0421", "2026-03-01T00:00:10Z");
        apply_and_crash(bench.dir.path(), &first, "2026-03-02T00:00:00Z", &both);
        let moved = Observation {
            revision: 1,
            ..observation("r1", "TPK0421", "2026-02-28T23:59:50Z")
        };
        apply_and_crash(bench.dir.path(), &moved, "2026-03-02T00:00:01Z", survives);
        bench.reopen();
        let found = bench.found(exact("TPK0421")).await;
        assert_eq!(found.len(), 1, "{survives:?}");
        let revision = u64::from(survives.contains(&"2026-02"));
        assert_eq!(found[0].observation.revision, revision, "{survives:?}");
        bench.ingest(&[moved]).await;
        let found = bench.found(exact("TPK0421")).await;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].observation.revision, 1);
    }
}

#[tokio::test]
async fn a_join_of_two_months_cut_in_two_is_finished_at_the_next_start() {
    for survives in ["2026-02", "2026-03"] {
        let mut bench = Bench::new();
        bench.store = None;
        let both = ["2026-02", "2026-03"];
        let one = observation("r1", "TPK0421", "2026-02-28T12:00:00Z");
        let two = observation("r2", "TPK0421", "2026-03-01T12:00:00Z");
        apply_and_crash(bench.dir.path(), &one, "2026-03-02T00:00:00Z", &both);
        apply_and_crash(bench.dir.path(), &two, "2026-03-02T00:00:01Z", &both);
        let joining = Observation {
            aliases: vec!["r1".to_owned(), "r2".to_owned()],
            revision: 1,
            ..observation("r3", "TPK0499", "2026-03-01T12:00:00Z")
        };
        apply_and_crash(
            bench.dir.path(),
            &joining,
            "2026-03-02T00:00:02Z",
            &[survives],
        );
        bench.reopen();
        let left = bench.found(exact("TPK0421")).await.len();
        let joined = bench.found(exact("TPK0499")).await.len();
        assert_eq!(left + joined, 1, "{survives}");
        bench.ingest(&[joining]).await;
        assert_eq!(bench.found(exact("TPK0421")).await, []);
        let found = bench.found(exact("TPK0499")).await;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].id, id("brookdale", "r1"));
    }
}
