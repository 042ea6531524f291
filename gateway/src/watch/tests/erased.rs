//! Nothing of a hit is left once it may not be known, and none of it prints.

use super::*;

/// Whether any file of the folder holds the text.
pub(super) fn holds(shelf: &Shelf, text: &str) -> bool {
    let files = std::fs::read_dir(shelf.folder.path()).unwrap();
    let files = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
    files.into_iter().any(|bytes| {
        let mut windows = bytes.windows(text.len());
        windows.any(|window| window == text.as_bytes())
    })
}

#[tokio::test]
async fn at_its_time_what_was_shown_is_erased_and_what_is_counted_stays() {
    let mut shelf = Shelf::new();
    let mut early = opening(1, "kim");
    early.keep_until = at(100);
    early.seen.camera = Some("canary-camera".to_owned());
    let mut late = opening(2, "kim");
    late.told = Told::of(&"LATE77").unwrap();
    let changes = vec![Change::Open(Box::new(early)), Change::Open(Box::new(late))];
    shelf.book().apply(changes).await.unwrap();
    let before = shelf.book().purge(at(99)).await.unwrap();
    assert_eq!(before, Purged::default());
    assert!(holds(&shelf, PLATE) && holds(&shelf, "canary-camera"));

    let purged = shelf.book().purge(at(100)).await.unwrap();
    let expected = Purged {
        seconds: 0,
        hits: 1,
        parts: 1,
        bodies: 1,
        events: 0,
    };
    assert_eq!(purged, expected);
    assert!(!holds(&shelf, PLATE) && !holds(&shelf, "canary-camera"));
    assert!(holds(&shelf, "LATE77"));
    let row = shelf.book().get(&hit(1)).await.unwrap().unwrap();
    assert_eq!((row.told, row.state), (None, HitState::Unconfirmed));
    assert_eq!((row.told_at, row.list.as_str()), (at(1), "stolen"));
    let events = shelf.book().after(0, "kim", 10).await.unwrap();
    assert_eq!((events.len(), &events[0].body), (2, &None));
    let memory = shelf.book().memory(at(100)).await.unwrap();
    assert!(!memory.knows(&read(1)) && memory.knows(&read(2)));

    let old = at(100) + OUTBOX_KEPT;
    assert_eq!(shelf.book().purge(old).await.unwrap().events, 1);
    let end = at(1_000_000) + OUTBOX_KEPT;
    shelf.book().purge(end).await.unwrap();
    assert_eq!(shelf.book().after(0, "kim", 10).await.unwrap(), []);
    assert_eq!(shelf.book().latest().await.unwrap(), 2);
    shelf.reopen();
    let next = shelf.book().apply(vec![open(3, "kim")]).await.unwrap();
    assert_eq!(next[0].seq, 3, "no number is used twice");
    let precision = shelf.book().precision().await.unwrap();
    assert_eq!(precision[0].states, [(HitState::Unconfirmed, 3)].into());
}

#[tokio::test]
async fn no_plate_is_left_in_the_file_among_thousands_of_rows_that_move() {
    let mut shelf = Shelf::new();
    for batch in 0..8_u32 {
        let changes = (batch * 250..(batch + 1) * 250).map(|n| {
            let mut opening = opening(n, "kim");
            let text = "x".repeat(usize::try_from(n * 37 % 6_000).unwrap());
            let plate = if n % 3 == 0 { "KEPT99" } else { PLATE };
            opening.told = Told::of(&[text.as_str(), plate]).unwrap();
            if n % 3 != 0 {
                opening.keep_until = at(100 + i64::from(n % 2));
            }
            Change::Open(Box::new(opening))
        });
        shelf.book().apply(changes.collect()).await.unwrap();
        let fallen = (batch * 250..(batch + 1) * 250)
            .step_by(5)
            .map(|n| stop(n, Some((n, Standing::Corrected))));
        shelf.book().apply(fallen.collect()).await.unwrap();
        let again = (batch * 250..(batch + 1) * 250).step_by(10).map(|n| {
            let mut opening = opening(n, "kim");
            opening.keep_until = at(100);
            Change::Open(Box::new(opening))
        });
        shelf.book().apply(again.collect()).await.unwrap();
    }
    assert!(holds(&shelf, PLATE));
    shelf.book().purge(at(100)).await.unwrap();
    shelf.book().purge(at(101)).await.unwrap();
    assert!(!holds(&shelf, PLATE));
    shelf.reopen();
    assert!(!holds(&shelf, PLATE) && holds(&shelf, "KEPT99"));
}

#[tokio::test]
async fn nothing_prints_a_plate() {
    let shelf = Shelf::new();
    let change = open(1, "kim");
    let printed = format!("{change:?}");
    let events = shelf.book().apply(vec![change]).await.unwrap();
    let row = shelf.book().get(&hit(1)).await.unwrap().unwrap();
    let told = row.told.clone().unwrap();
    assert!(std::str::from_utf8(told.expose()).unwrap().contains(PLATE));
    for printed in [printed, format!("{events:?}"), format!("{row:?}")] {
        assert!(!printed.contains(PLATE), "{printed}");
        assert!(!printed.contains("84, 80, 75"), "nor its bytes: {printed}");
    }
}
