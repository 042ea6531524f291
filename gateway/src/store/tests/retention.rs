//! What is past its time is unreadable at once and gone after a sweep.

use super::*;

const CANARY: &str = "TPKCANARY9";

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

fn removed(swept: &crate::store::Swept) -> u64 {
    swept.reads.values().sum()
}

async fn unreadable(bench: &Bench, record: &str) -> bool {
    let read = id("brookdale", record);
    bench.found(exact(CANARY)).await.is_empty()
        && bench.found(look_alike(CANARY)).await.is_empty()
        && bench.found(partial("TPKCANAR??")).await.is_empty()
        && bench.store().get(&read).await.unwrap().is_none()
        && bench.store().history(&read).await.unwrap().is_empty()
}

#[tokio::test]
async fn a_read_is_unreadable_the_moment_its_retention_ends() {
    let bench = Bench::new();
    bench
        .ingest_as(
            "brookdale",
            10,
            &[observation("r1", CANARY, "2026-03-12T00:00:00Z")],
        )
        .await;
    bench.clock.set(at("2026-03-21T23:59:59.999Z"));
    assert!(!unreadable(&bench, "r1").await);
    bench.clock.set(at("2026-03-22T00:00:00Z"));
    assert!(unreadable(&bench, "r1").await);
}

#[tokio::test]
async fn after_a_sweep_no_file_holds_an_expired_plate() {
    let bench = Bench::new();
    let mut gone = observation("r1", CANARY, "2026-03-02T00:00:00Z");
    gone.aliases = vec!["a1".to_owned()];
    let mut corrected = Observation {
        revision: 1,
        ..gone.clone()
    };
    corrected.place.lane = Some("2".to_owned());
    let kept = observation("r2", "TPK0421", "2026-03-18T00:00:00Z");
    bench.ingest(&[gone, corrected, kept]).await;
    assert!(holds(&bench.bytes_on_disk(), CANARY));
    bench.clock.set(at("2026-04-11T00:00:01Z"));
    let swept = bench.store().sweep().await.unwrap();
    assert_eq!((removed(&swept), swept.months), (2, 0));
    let folded = plate(CANARY).folded();
    assert!(!holds(&bench.bytes_on_disk(), CANARY));
    assert!(!holds(&bench.bytes_on_disk(), folded.expose()));
    assert!(holds(&bench.bytes_on_disk(), "TPK0421"));
    assert_eq!(bench.found(exact("TPK0421")).await.len(), 1);
}

#[tokio::test]
async fn a_month_wholly_past_goes_as_a_file() {
    let bench = Bench::new();
    let old = [
        observation("r1", CANARY, "2026-02-27T00:00:00Z"),
        observation("r2", CANARY, "2026-02-28T00:00:00Z"),
    ];
    bench.ingest(&old).await;
    bench
        .ingest(&[observation("r3", CANARY, "2026-03-20T00:00:00Z")])
        .await;
    assert_eq!(bench.found(exact(CANARY)).await.len(), 3);
    bench.clock.set(at("2026-04-10T00:00:00Z"));
    let swept = bench.store().sweep().await.unwrap();
    assert_eq!((removed(&swept), swept.months), (2, 1));
    assert!(!bench.dir.path().join("reads-2026-02.db").exists());
    assert_eq!(bench.found(exact(CANARY)).await.len(), 1);
    let stats = bench
        .store()
        .source_stats(&SourceId::parse("brookdale").unwrap());
    assert_eq!(stats.held, 1);
}

#[tokio::test]
async fn a_read_past_retention_on_arrival_is_counted_and_not_stored() {
    let bench = Bench::new();
    let late = observation("r1", CANARY, "2026-01-01T00:00:00Z");
    let ingested = bench.ingest(&[late]).await;
    assert_eq!((ingested.stored, ingested.expired), (0, 1));
    assert!(!holds(&bench.bytes_on_disk(), CANARY));
}

#[tokio::test]
async fn a_correction_to_a_capture_past_retention_removes_the_read() {
    let bench = Bench::new();
    bench
        .ingest(&[observation("r1", CANARY, "2026-03-12T00:00:00Z")])
        .await;
    let corrected = Observation {
        revision: 1,
        ..observation("r1", CANARY, "2026-01-12T00:00:00Z")
    };
    assert_eq!(bench.ingest(&[corrected]).await.expired, 1);
    assert!(unreadable(&bench, "r1").await);
    bench.store().sweep().await.unwrap();
    assert!(!holds(&bench.bytes_on_disk(), CANARY));
}

#[tokio::test]
async fn history_does_not_outlive_the_revision_that_replaced_it() {
    let bench = Bench::new();
    let reads = [
        observation("r1", CANARY, "2026-03-15T00:00:00Z"),
        Observation {
            revision: 1,
            ..observation("r1", CANARY, "2026-02-15T00:00:00Z")
        },
    ];
    bench.ingest(&reads).await;
    assert_eq!(bench.found(exact(CANARY)).await.len(), 1);
    bench.clock.set(at("2026-03-27T00:00:01Z"));
    assert!(unreadable(&bench, "r1").await);
    let swept = bench.store().sweep().await.unwrap();
    assert_eq!(removed(&swept), 2);
    assert!(!holds(&bench.bytes_on_disk(), CANARY));
}

#[tokio::test]
async fn pages_that_were_split_keep_nothing_of_what_is_deleted() {
    let bench = Bench::new();
    let mut random = fastrand::Rng::with_seed(7);
    let mut text = |mark: &str| {
        let tail: String = (0..6).map(|_| random.char('A'..='Z')).collect();
        format!("{mark}{tail}")
    };
    let mut expired = Vec::new();
    for batch in 0..30 {
        let mut reads = Vec::new();
        for n in 0..200 {
            let (mark, capture) = if n % 2 == 0 {
                ("XX", "2026-03-02T00:00:00Z")
            } else {
                ("YY", "2026-03-19T00:00:00Z")
            };
            let plate = text(mark);
            reads.push(observation(&format!("{batch}-{n}"), &plate, capture));
            if n % 2 == 0 {
                expired.push(plate);
            }
        }
        bench.ingest(&reads).await;
    }
    bench.clock.set(at("2026-04-11T12:00:00Z"));
    let swept = bench.store().sweep().await.unwrap();
    assert_eq!(removed(&swept), 3_000);
    let bytes = bench.bytes_on_disk();
    let marks = bytes.windows(3).filter(|window| window == b"XXA").count();
    let left = expired
        .iter()
        .filter(|text| text.starts_with("XXA") && holds(&bytes, text))
        .count();
    assert_eq!((left, marks), (0, 0));
}
