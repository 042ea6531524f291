//! Every row that becomes durable is seen once, in order, also over a restart.

use std::collections::BTreeSet;

use super::*;
use crate::store::{Arrival, Marks};

async fn all(store: &Store, mut after: Marks, page: usize) -> (Vec<Arrival>, Marks) {
    let mut all = Vec::new();
    loop {
        let (rows, next) = store.arrivals(after.clone(), page).await.unwrap();
        assert!(rows.len() <= page);
        all.extend(rows);
        if next == after {
            return (all, next);
        }
        after = next;
    }
}

fn plates(rows: &[Arrival]) -> Vec<&str> {
    rows.iter().map(|row| row.plate.expose()).collect()
}

#[tokio::test]
async fn each_row_is_seen_once_whatever_the_page() {
    let bench = Bench::new();
    let texts: Vec<String> = (0..25).map(|n| format!("TPK{n:04}")).collect();
    for (n, text) in texts.iter().enumerate() {
        // Two months.
        let at = if n % 2 == 0 {
            "2026-03-19T10:00:00Z"
        } else {
            "2026-02-25T10:00:00Z"
        };
        bench
            .ingest(&[observation(&format!("r-{n}"), text, at)])
            .await;
    }
    for page in [1, 3, 1_000] {
        let (rows, end) = all(bench.store(), Marks::default(), page).await;
        assert_eq!(rows.len(), 25, "in pages of {page}");
        let seen: BTreeSet<&str> = plates(&rows).into_iter().collect();
        assert_eq!(seen.len(), 25);
        assert_eq!(end, *bench.store().marks().borrow());
    }
}

#[tokio::test]
async fn a_revision_arrives_and_a_duplicate_does_not() {
    let bench = Bench::new();
    let mut marks = bench.store().marks();
    let first = observation("r-1", "TPK0001", "2026-03-19T10:00:00Z");
    bench.ingest(std::slice::from_ref(&first)).await;
    assert!(marks.has_changed().unwrap(), "whoever follows is woken");
    let (_, after) = all(bench.store(), Marks::default(), 10).await;
    marks.mark_unchanged();
    bench.ingest(std::slice::from_ref(&first)).await;
    let (rows, after) = all(bench.store(), after, 10).await;
    assert_eq!(plates(&rows), Vec::<&str>::new());
    let corrected = Observation {
        revision: 1,
        ..observation("r-1", "TPK0002", "2026-03-19T10:00:00Z")
    };
    let withdrawn = Observation {
        revision: 2,
        retracted: true,
        ..corrected.clone()
    };
    bench.ingest(&[corrected]).await;
    let (rows, after) = all(bench.store(), after, 10).await;
    assert_eq!(plates(&rows), ["TPK0002"]);
    let read = rows[0].read.clone();
    let current = bench.store().current(vec![read.clone()]).await.unwrap();
    let current = current[0].as_ref().unwrap();
    assert_eq!(current.read.observation.plate.plate.expose(), "TPK0002");
    assert_eq!(current.keep_until, at("2026-04-28T10:00:00Z"));
    bench.ingest(&[withdrawn]).await;
    let (rows, _) = all(bench.store(), after, 10).await;
    assert_eq!(plates(&rows), ["TPK0002"]);
    let gone = bench.store().current(vec![read]).await.unwrap();
    assert!(gone[0].is_none());
}

#[tokio::test]
async fn marks_hold_over_a_restart_and_lead_nowhere_where_there_is_nothing() {
    let mut bench = Bench::new();
    bench
        .ingest(&[observation("r-1", "TPK0001", "2026-03-19T10:00:00Z")])
        .await;
    let (_, after) = all(bench.store(), Marks::default(), 10).await;
    let kept = Marks::from_rows(after.rows()).unwrap();
    assert_eq!(kept, after);
    bench
        .ingest(&[observation("r-2", "TPK0002", "2026-03-19T11:00:00Z")])
        .await;
    bench.reopen();
    let end = bench.store().marks().borrow().clone();
    let (rows, _) = all(bench.store(), kept.within(&end), 10).await;
    assert_eq!(plates(&rows), ["TPK0002"]);
    let beyond = [("2026-03".to_owned(), 99), ("2025-01".to_owned(), 7)];
    let beyond = Marks::from_rows(beyond).unwrap().within(&end);
    assert_eq!(beyond, end);
    assert_eq!(Marks::from_rows([("March".to_owned(), 1)]), None);
}
