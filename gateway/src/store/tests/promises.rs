//! Intake, revisions and look-up.

use turnpike_schemas::{
    plate::Jurisdiction,
    read::{Attribute, Candidate, Confidence, ImageKind, ImageRef, ReadKind},
};

use super::*;

fn counts(stored: usize, revised: usize, duplicates: usize, expired: usize) -> Ingested {
    Ingested {
        stored,
        revised,
        duplicates,
        expired,
    }
}

fn revision(record: &str, revision: u64, text: &str, captured_at: &str) -> Observation {
    Observation {
        revision,
        ..observation(record, text, captured_at)
    }
}

fn with_aliases(record: &str, aliases: &[&str], revision: u64, text: &str) -> Observation {
    Observation {
        aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
        ..self::revision(record, revision, text, "2026-03-04T07:15:30Z")
    }
}

fn everything_known() -> Observation {
    let confidence = |value| Some(Confidence::new(value).unwrap());
    let attribute = |value: &str| {
        Some(Attribute {
            value: value.to_owned(),
            confidence: confidence(0.5),
        })
    };
    let mut full = observation("r1", "tpk-0421", "2026-03-04T07:15:30.412345678Z");
    full.aliases = vec!["also".to_owned()];
    full.revision = u64::MAX;
    full.kind = ReadKind::Session;
    full.captured_offset_s = Some(-18_000);
    full.plate.jurisdiction = Jurisdiction::parse("US-OH").ok();
    full.plate.jurisdiction_confidence = confidence(0.25);
    full.plate.confidence = confidence(0.75);
    full.plate.candidates = vec![Candidate {
        plate: plate("TPK-O421"),
        confidence: None,
    }];
    assert!(full.place.set_position(41.5, -81.25));
    full.place.site = Some("Brookdale".to_owned());
    full.place.camera = Some("Brook St EB".to_owned());
    full.place.lane = Some("2".to_owned());
    full.place.bearing_deg = Some(90.0);
    full.place.image_bearing_deg = Some(12.5);
    full.vehicle.make = attribute("Fjord");
    full.vehicle.model = attribute("Sedan");
    full.vehicle.colour = attribute("blue");
    full.vehicle.class = attribute("car");
    full.images = vec![ImageRef {
        kind: ImageKind::Plate,
        reference: "img/1".to_owned(),
        expires_at: Some(at("2026-04-01T00:00:00Z")),
    }];
    full.quality = vec!["offset_disagrees".to_owned()];
    full.extra = [("trip".to_owned(), "7".to_owned())].into();
    full
}

#[tokio::test]
async fn a_read_comes_back_as_it_was_sealed() {
    let bench = Bench::new();
    let full = everything_known();
    assert_eq!(
        bench.ingest(std::slice::from_ref(&full)).await,
        counts(1, 0, 0, 0)
    );
    let source = SourceId::parse("brookdale").unwrap();
    let sealed = PlateRead::seal(full, source, bench.clock.now(), provenance());
    let found = bench.found(exact("TPK0421")).await;
    assert_eq!(found, std::slice::from_ref(&sealed));
    let raw = |read: &PlateRead| read.observation.plate.plate.expose_raw().to_owned();
    assert_eq!(found.iter().map(raw).collect::<Vec<_>>(), ["tpk-0421"]);
    assert_eq!(
        bench.store().get(&sealed.id).await.unwrap(),
        Some(sealed.clone())
    );
    assert_eq!(bench.store().history(&sealed.id).await.unwrap(), [sealed]);
}

#[tokio::test]
async fn each_kind_of_plate_finds_its_reads_and_no_others() {
    let bench = Bench::new();
    let texts = ["TPK0421", "TPKO421", "TPK0422", "XTPK0421", "ТРК0421"];
    let reads: Vec<Observation> = texts
        .iter()
        .map(|text| observation(text, text, "2026-03-04T07:15:30Z"))
        .collect();
    bench.ingest(&reads).await;
    for (asked, want) in [
        (exact("TPK0421"), vec!["TPK0421"]),
        (look_alike("TPKO42I"), vec!["TPK0421", "TPKO421", "ТРК0421"]),
        (partial("TPK042?"), vec!["TPK0421", "TPK0422"]),
        (partial("???0421"), vec!["TPK0421", "ТРК0421"]),
        (partial("?TPK0421"), vec!["XTPK0421"]),
        (exact("TPK0499"), vec![]),
    ] {
        let mut found: Vec<String> = bench
            .found(asked.clone())
            .await
            .iter()
            .map(|read| read.observation.plate.plate.expose().to_owned())
            .collect();
        found.sort();
        assert_eq!(found, want, "{asked:?}");
    }
}

#[tokio::test]
async fn answers_are_newest_first_over_months_and_say_when_they_are_cut() {
    let bench = Bench::new();
    let captures = [
        "2026-02-28T23:59:59Z",
        "2026-03-01T00:00:00Z",
        "2026-02-20T12:00:00Z",
        "2026-03-19T12:00:00Z",
    ];
    for capture in captures {
        bench
            .ingest(&[observation(capture, "TPK0421", capture)])
            .await;
    }
    let captured = |found: &Found| -> Vec<String> {
        found
            .reads
            .iter()
            .map(|read| read.observation.captured_at.to_string())
            .collect()
    };
    let all = bench.search("brookdale", exact("TPK0421"), 4).await;
    assert_eq!(
        captured(&all),
        [captures[3], captures[1], captures[0], captures[2]]
    );
    assert!(!all.truncated);
    for asked in [exact("TPK0421"), partial("TPK04?1")] {
        let some = bench.search("brookdale", asked, 2).await;
        assert_eq!(captured(&some), [captures[3], captures[1]]);
        assert!(some.truncated);
    }
}

#[tokio::test]
async fn only_the_window_the_source_and_the_issuer_asked_for_answer() {
    let bench = Bench::new();
    let mut other_state = observation("r2", "TPK0421", "2026-03-04T07:15:30Z");
    other_state.plate.jurisdiction = Jurisdiction::parse("US-GA").ok();
    let at_end = observation("r3", "TPK0421", "2026-03-05T00:00:00Z");
    let first = observation("r1", "TPK0421", "2026-03-04T00:00:00Z");
    bench.ingest(&[first, other_state, at_end]).await;
    let elsewhere = observation("r4", "TPK0421", "2026-03-04T07:15:30Z");
    bench.ingest_as("harbor", 40, &[elsewhere]).await;

    let window = TimeWindow::new(at("2026-03-04T00:00:00Z"), at("2026-03-05T00:00:00Z")).unwrap();
    let ask = permit("brookdale", exact("TPK0421"), window, 9, bench.clock.now());
    let found = bench.store().search(&ask).await.unwrap();
    let records = |found: &Found| -> Vec<String> {
        found
            .reads
            .iter()
            .map(|read| read.observation.record.clone())
            .collect()
    };
    assert_eq!(records(&found), ["r2", "r1"]);
    let harbor = bench.search("harbor", exact("TPK0421"), 9).await;
    assert_eq!(records(&harbor), ["r4"]);
}

#[tokio::test]
async fn what_is_sent_again_is_a_duplicate() {
    let mut bench = Bench::new();
    let read = everything_known();
    bench.ingest(std::slice::from_ref(&read)).await;
    assert_eq!(
        bench.ingest(&[read.clone(), read.clone()]).await,
        counts(0, 0, 2, 0)
    );
    bench.reopen();
    assert_eq!(bench.ingest(&[read]).await, counts(0, 0, 1, 0));
    assert_eq!(bench.found(exact("TPK0421")).await.len(), 1);
}

#[tokio::test]
async fn the_larger_revision_is_current_whichever_comes_first() {
    for order in [[1, 2], [2, 1]] {
        let bench = Bench::new();
        for n in order {
            let text = if n == 1 { "TPK0421" } else { "TPK0499" };
            bench
                .ingest(&[revision("r1", n, text, "2026-03-04T07:15:30Z")])
                .await;
        }
        assert_eq!(bench.found(exact("TPK0421")).await.len(), 0);
        assert_eq!(bench.found(exact("TPK0499")).await.len(), 1);
        let history = bench.store().history(&id("brookdale", "r1")).await.unwrap();
        let revisions: Vec<u64> = history
            .iter()
            .map(|read| read.observation.revision)
            .collect();
        assert_eq!(revisions, [1, 2]);
    }
}

#[tokio::test]
async fn a_revision_number_used_twice_means_the_later_arrival() {
    let bench = Bench::new();
    for text in ["TPK0421", "TPK0499"] {
        bench
            .ingest(&[revision("r1", 1, text, "2026-03-04T07:15:30Z")])
            .await;
    }
    assert_eq!(bench.found(exact("TPK0421")).await.len(), 0);
    assert_eq!(bench.found(exact("TPK0499")).await.len(), 1);
    let again = revision("r1", 1, "TPK0421", "2026-03-04T07:15:30Z");
    assert_eq!(bench.ingest(&[again]).await, counts(0, 0, 1, 0));
    assert_eq!(bench.found(exact("TPK0499")).await.len(), 1);
}

/// A revision sent for `reason`.
fn corrected(revision: u64, text: &str, reason: &str) -> Observation {
    let mut read = self::revision("r1", revision, text, "2026-03-04T07:15:30Z");
    let reason = ("correction_reason".to_owned(), reason.to_owned());
    read.extra.extend([reason]);
    read
}

#[tokio::test]
async fn a_correction_that_says_nothing_new_only_raises_the_number() {
    let mut bench = Bench::new();
    let first = revision("r1", 1, "TPK0421", "2026-03-04T07:15:30Z");
    bench.ingest(std::slice::from_ref(&first)).await;
    let before = bench.clock.now();
    bench.clock.advance(SignedDuration::from_hours(1));
    let money = [corrected(5, "TPK0421", "05"), corrected(7, "TPK0421", "06")];
    assert_eq!(bench.ingest(&money).await, counts(0, 0, 2, 0));
    for _ in 0..2 {
        let history = bench.store().history(&id("brookdale", "r1")).await.unwrap();
        assert_eq!(history.len(), 1);
        let want = Observation {
            revision: 7,
            ..first.clone()
        };
        assert_eq!(
            (&history[0].observation, history[0].received_at),
            (&want, before)
        );
        bench.reopen();
    }
    let late = [first.clone(), corrected(6, "TPK0421", "05")];
    assert_eq!(bench.ingest(&late).await, counts(0, 0, 2, 0));
    assert_eq!(
        bench.ingest(&[corrected(8, "TPK0499", "01")]).await,
        counts(0, 1, 0, 0)
    );
    assert_eq!(
        bench.ingest(&[first, money[1].clone()]).await,
        counts(0, 0, 2, 0)
    );
    let history = bench.store().history(&id("brookdale", "r1")).await.unwrap();
    let revisions: Vec<u64> = history
        .iter()
        .map(|read| read.observation.revision)
        .collect();
    assert_eq!(revisions, [7, 8]);
    assert_eq!(bench.found(exact("TPK0421")).await, []);
}

#[tokio::test]
async fn what_was_true_again_later_is_a_version_of_its_own() {
    let bench = Bench::new();
    let texts = ["TPK0421", "TPK0499", "TPK0421"];
    for (number, text) in (1..).zip(texts) {
        let read = revision("r1", number, text, "2026-03-04T07:15:30Z");
        bench.ingest(&[read]).await;
    }
    let history = bench.store().history(&id("brookdale", "r1")).await.unwrap();
    assert_eq!(history.len(), 3);
    assert_eq!(
        bench.found(exact("TPK0421")).await[0].observation.revision,
        3
    );
    let mut other = corrected(4, "TPK0421", "05");
    other.extra.insert("toll_class".to_owned(), "3".to_owned());
    assert_eq!(
        bench.ingest(&[other]).await,
        counts(0, 1, 0, 0),
        "a class is content"
    );
}

#[tokio::test]
async fn a_correction_into_another_month_is_found_once() {
    let mut bench = Bench::new();
    bench
        .ingest(&[revision("r1", 1, "TPK0421", "2026-03-01T00:00:10Z")])
        .await;
    let moved = revision("r1", 2, "TPK0421", "2026-02-28T23:59:50Z");
    assert_eq!(bench.ingest(&[moved]).await, counts(0, 1, 0, 0));
    for _ in 0..2 {
        let found = bench.found(exact("TPK0421")).await;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].observation.revision, 2);
        let stats = bench
            .store()
            .source_stats(&SourceId::parse("brookdale").unwrap());
        assert_eq!(stats.held, 1);
        bench.reopen();
    }
}

#[tokio::test]
async fn a_withdrawn_read_is_in_its_history_only() {
    let bench = Bench::new();
    let read = revision("r1", 1, "TPK0421", "2026-03-04T07:15:30Z");
    let withdrawn = Observation {
        revision: 2,
        retracted: true,
        ..read.clone()
    };
    bench.ingest(&[read, withdrawn]).await;
    let r1 = id("brookdale", "r1");
    assert_eq!(bench.found(exact("TPK0421")).await, []);
    assert_eq!(bench.store().get(&r1).await.unwrap(), None);
    assert_eq!(bench.store().history(&r1).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_shared_alias_makes_a_revision_under_the_stored_id() {
    let mut bench = Bench::new();
    bench
        .ingest(&[with_aliases("r1", &["shared"], 1, "TPK0421")])
        .await;
    bench.reopen();
    let other = with_aliases("r2", &["shared", "more"], 2, "TPK0499");
    assert_eq!(bench.ingest(&[other]).await, counts(0, 1, 0, 0));
    bench.reopen();
    let third = with_aliases("r3", &["more"], 3, "TPK0477");
    assert_eq!(bench.ingest(&[third]).await, counts(0, 1, 0, 0));
    let found = bench.found(exact("TPK0477")).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].id, id("brookdale", "r1"));
    assert_eq!(bench.found(exact("TPK0499")).await, []);
    let elsewhere = with_aliases("r1", &["shared"], 9, "TPK0421");
    let elsewhere = bench.ingest_as("harbor", 40, &[elsewhere]).await;
    assert_eq!(elsewhere, counts(1, 0, 0, 0));
}

#[tokio::test]
async fn two_reads_that_turn_out_to_be_one_keep_the_older_id() {
    let bench = Bench::new();
    bench
        .ingest(&[with_aliases("r1", &["a"], 1, "TPK0421")])
        .await;
    bench.clock.advance(SignedDuration::from_secs(1));
    bench
        .ingest(&[with_aliases("r2", &["b"], 1, "TPK0422")])
        .await;
    let joining = with_aliases("r3", &["a", "b"], 2, "TPK0423");
    assert_eq!(bench.ingest(&[joining]).await, counts(0, 1, 0, 0));
    for (text, reads) in [("TPK0421", 0), ("TPK0422", 0), ("TPK0423", 1)] {
        assert_eq!(bench.found(exact(text)).await.len(), reads, "{text}");
    }
    for record in ["r1", "r2"] {
        let read = bench.store().get(&id("brookdale", record)).await.unwrap();
        assert_eq!(read.unwrap().id, id("brookdale", "r1"));
        let history = bench.store().history(&id("brookdale", record)).await;
        assert_eq!(history.unwrap().len(), 3);
    }
}

#[tokio::test]
async fn counters_survive_a_restart() {
    let mut bench = Bench::new();
    let source = SourceId::parse("brookdale").unwrap();
    assert_eq!(bench.store().source_stats(&source).held, 0);
    let reads = [
        observation("r1", "TPK0421", "2026-02-27T07:15:30Z"),
        observation("r2", "TPK0421", "2026-03-04T07:15:30Z"),
        revision("r2", 1, "TPK0422", "2026-03-04T07:15:30Z"),
    ];
    bench.ingest(&reads).await;
    for _ in 0..2 {
        let stats = bench.store().source_stats(&source);
        assert_eq!(stats.held, 2);
        assert_eq!(stats.last_received_at, Some(bench.clock.now()));
        bench.reopen();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deposits_from_many_callers_are_all_there() {
    let bench = Bench::new();
    let pushes = (0..8).map(|caller| {
        let bench = &bench;
        async move {
            for n in 0..20 {
                let record = format!("{caller}-{n}");
                let read = observation(&record, "TPK0421", "2026-03-04T07:15:30Z");
                assert_eq!(bench.ingest(&[read]).await.stored, 1);
            }
        }
    });
    futures::future::join_all(pushes).await;
    assert_eq!(bench.found(exact("TPK0421")).await.len(), 160);
}

#[tokio::test]
async fn a_full_queue_refuses_and_stores_nothing_of_it() {
    let bench = Bench::with(StoreConfig {
        max_waiting: 1,
        ..StoreConfig::default()
    });
    let blocker = bench.store().jobs().unwrap().reserve().await.unwrap();
    let deposit = Deposit {
        observations: vec![observation("r1", "TPK0421", "2026-03-04T07:15:30Z")],
        provenance: provenance(),
        received_at: bench.clock.now(),
    };
    let permit = ingest_permit("brookdale", 40);
    let refused = bench.store().ingest(&permit, deposit).await;
    assert_eq!(refused, Err(StoreError::Busy));
    drop(blocker);
    assert_eq!(bench.found(exact("TPK0421")).await, []);
}

#[tokio::test]
async fn a_damaged_month_is_refused_by_name() {
    let mut bench = Bench::new();
    bench
        .ingest(&[observation("r1", "TPK0421", "2026-03-04T07:15:30Z")])
        .await;
    bench.store = None;
    let month = bench.dir.path().join("reads-2026-03.db");
    let whole = std::fs::read(&month).unwrap();
    let mut scribbled = whole.clone();
    scribbled[..2_000].fill(7);
    for damaged in [
        whole[..5_000].to_vec(),
        scribbled,
        b"not a database, but long enough to look at it".repeat(40),
    ] {
        std::fs::write(&month, damaged).unwrap();
        match bench.open() {
            Err(StoreError::Corrupt { file, .. }) => assert_eq!(file, "reads-2026-03.db"),
            other => panic!("want a refusal, got {other:?}"),
        }
    }
    std::fs::write(&month, whole).unwrap();
    bench.reopen();
    assert_eq!(bench.found(exact("TPK0421")).await.len(), 1);
}

#[tokio::test]
async fn a_directory_has_one_owner() {
    let bench = Bench::new();
    assert!(matches!(bench.open(), Err(StoreError::InUse { .. })));
}

#[tokio::test]
async fn a_disk_that_refuses_is_an_error_and_the_store_recovers() {
    let bench = Bench::new();
    let month = bench.dir.path().join("reads-2026-03.db");
    std::fs::create_dir(&month).unwrap();
    let deposit = || Deposit {
        observations: vec![observation("r1", "TPK0421", "2026-03-04T07:15:30Z")],
        provenance: provenance(),
        received_at: bench.clock.now(),
    };
    let permit = ingest_permit("brookdale", 40);
    let refused = bench.store().ingest(&permit, deposit()).await;
    assert!(
        matches!(refused, Err(StoreError::Unavailable { .. })),
        "{refused:?}"
    );
    assert!(!bench.store().healthy());
    std::fs::remove_dir(&month).unwrap();
    let stored = bench.store().ingest(&permit, deposit()).await.unwrap();
    assert_eq!(stored.stored, 1);
    assert!(bench.store().healthy());
}

#[tokio::test]
async fn more_months_than_may_be_open_all_answer() {
    let mut bench = Bench::with(StoreConfig {
        max_open_months: 2,
        ..StoreConfig::default()
    });
    for month in 1..=9 {
        let read = observation(
            &format!("r{month}"),
            "TPK0421",
            &format!("2026-0{month}-01T00:00:00Z"),
        );
        bench.ingest_as("brookdale", 400, &[read]).await;
    }
    bench.clock.set(at("2026-09-20T00:00:00Z"));
    for _ in 0..2 {
        assert_eq!(bench.found(exact("TPK0421")).await.len(), 9);
        bench.reopen();
    }
}
