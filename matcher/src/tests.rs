//! The matcher against a list that is gone through, and against itself while it changes.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use proptest::prelude::*;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_600_000 + second).unwrap()
}

fn plate(text: &str) -> Plate {
    Plate::parse(text).unwrap()
}

fn issuer(code: &str) -> Option<Jurisdiction> {
    Jurisdiction::parse(code).ok()
}

fn entry(id: u32, text: &str, look_alike: bool) -> Entry {
    let wanted = match PlatePattern::parse(text) {
        Ok(pattern) => Wanted::Pattern(pattern),
        Err(_) => Wanted::Plate {
            plate: plate(text),
            look_alike,
        },
    };
    Entry {
        id,
        wanted,
        jurisdiction: None,
        expires_at: at(1_000),
    }
}

fn found(matcher: &Matcher, text: &str, issuer: Option<&Jurisdiction>, now: i64) -> Vec<Match> {
    let mut found = Vec::new();
    matcher.find(&plate(text), issuer, at(now), &mut found);
    found.sort_unstable();
    // Together with others it comes to the same.
    let (read, other) = (plate(text), plate("NOBODY"));
    let reads = (0..70).map(|n| {
        if n % 3 == 1 {
            (&read, issuer)
        } else {
            (&other, None)
        }
    });
    let mut each = Vec::new();
    matcher.find_each(reads, at(now), &mut each);
    for n in (0..70).filter(|n| n % 3 == 1) {
        let mut one: Vec<Match> = each
            .iter()
            .filter(|(at, _)| *at == n)
            .map(|(_, one)| *one)
            .collect();
        one.sort_unstable();
        assert_eq!(one, found, "read {n} of many");
    }
    found
}

/// What one entry is to a read, by the rules alone.
fn by_hand(
    entry: &Entry,
    read: &Plate,
    seen: Option<&Jurisdiction>,
    now: Timestamp,
) -> Option<Match> {
    let how = match &entry.wanted {
        Wanted::Plate { plate, .. } if plate == read => How::Exact,
        Wanted::Plate {
            plate,
            look_alike: true,
        } if plate.folded() == read.folded() => How::LookAlike,
        Wanted::Pattern(pattern) if pattern.matches(read) => How::Pattern,
        _ => return None,
    };
    let issuer = Jurisdiction::compare(entry.jurisdiction.as_ref(), seen);
    let fires =
        now.as_second() < entry.expires_at.as_second() && issuer != JurisdictionMatch::Different;
    let id = entry.id;
    fires.then_some(Match { id, how, issuer })
}

#[derive(Debug, Clone)]
enum Step {
    Insert(u32, String, bool, usize, i64),
    Remove(u32),
    Renew(u32, i64),
    Find(String, usize, i64),
}

const ISSUERS: [&str; 4] = ["", "US-OH", "US-GA", "US"];

/// Few letters, so that plates meet; some look alike, some of another script, some too long for a key.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[08OB1I]{1,4}",
        3 => "[08OB1I]{4}[?]{1,2}",
        2 => "[08]{2}[?][08]{2}",
        1 => "[ОВ08]{1,3}",
        1 => "[08OB]{11,12}",
        1 => "[08]{11}[?]",
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let (id, second) = (0_u32..40, 0_i64..50);
    prop_oneof![
        4 => (id.clone(), text(), any::<bool>(), 0_usize..4, second.clone())
            .prop_map(|(id, text, alike, issuer, ends)| Step::Insert(id, text, alike, issuer, ends)),
        2 => id.clone().prop_map(Step::Remove),
        1 => (id, second.clone()).prop_map(|(id, ends)| Step::Renew(id, ends)),
        4 => (text(), 0_usize..4, second).prop_map(|(text, issuer, now)| Step::Find(text.replace('?', "8"), issuer, now)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn it_finds_what_going_through_the_entries_finds(steps in proptest::collection::vec(step(), 1..120)) {
        let (matcher, mut held) = (Matcher::new(), BTreeMap::<u32, Entry>::new());
        for step in steps {
            match step {
                Step::Insert(id, text, look_alike, from, ends) => {
                    let new = Entry {
                        jurisdiction: issuer(ISSUERS[from]),
                        expires_at: at(ends),
                        ..entry(id, &text, look_alike)
                    };
                    let wanted = if held.contains_key(&id) { Err(Refused::Known) } else { Ok(()) };
                    prop_assert_eq!(matcher.insert(&new), wanted);
                    held.entry(id).or_insert(new);
                }
                Step::Remove(id) => {
                    let gone = held.remove(&id);
                    let wanted = gone.as_ref().map_or(Wanted::Plate { plate: plate("8"), look_alike: false }, |gone| gone.wanted.clone());
                    prop_assert_eq!(matcher.remove(id, &wanted), gone.is_some());
                }
                Step::Renew(id, ends) => {
                    let known = held.get_mut(&id);
                    prop_assert_eq!(matcher.renew(id, at(ends)), known.is_some());
                    known.into_iter().for_each(|known| known.expires_at = at(ends));
                }
                Step::Find(text, from, now) => {
                    let (read, seen) = (plate(&text), issuer(ISSUERS[from]));
                    let mut wanted: Vec<Match> = held.values()
                        .filter_map(|entry| by_hand(entry, &read, seen.as_ref(), at(now)))
                        .collect();
                    wanted.sort_unstable();
                    prop_assert_eq!(found(&matcher, &text, seen.as_ref(), now), wanted);
                }
            }
            prop_assert_eq!(matcher.len(), held.len());
        }
    }
}

#[test]
fn one_plate_can_be_on_many_lists_and_each_is_told_how_it_matched() {
    let matcher = Matcher::new();
    for new in [
        entry(1, "TPK0421", false),
        entry(2, "TPK0421", true),
        entry(3, "TPKO421", true),
        entry(4, "TPK04?1", false),
        entry(5, "TPK0422", true),
    ] {
        matcher.insert(&new).unwrap();
    }
    let how: Vec<(u32, How)> = found(&matcher, "TPK0421", None, 0)
        .into_iter()
        .map(|one| (one.id, one.how))
        .collect();
    assert_eq!(
        how,
        [
            (1, How::Exact),
            (2, How::Exact),
            (3, How::LookAlike),
            (4, How::Pattern)
        ]
    );
}

#[test]
fn an_entry_ends_at_its_second_and_a_renewed_one_goes_on() {
    let matcher = Matcher::new();
    let ends = entry(7, "TPK0421", false);
    matcher.insert(&ends).unwrap();
    assert_eq!(found(&matcher, "TPK0421", None, 999).len(), 1);
    assert!(found(&matcher, "TPK0421", None, 1_000).is_empty());
    assert!(matcher.renew(7, at(2_000)));
    assert_eq!(found(&matcher, "TPK0421", None, 1_999).len(), 1);
    assert!(matcher.remove(7, &ends.wanted));
    assert!(!matcher.renew(7, at(3_000)) && !matcher.remove(7, &ends.wanted));
    assert_eq!(matcher.insert(&ends), Ok(()), "the number is free again");
}

#[test]
fn another_issuer_never_matches_and_an_unknown_one_is_said_to_be_unknown() {
    let matcher = Matcher::new();
    let ohio = Entry {
        jurisdiction: issuer("US-OH"),
        ..entry(1, "TPK0421", false)
    };
    matcher.insert(&ohio).unwrap();
    let of = |code: &str| {
        let found = found(&matcher, "TPK0421", issuer(code).as_ref(), 0);
        found.first().map(|one| one.issuer)
    };
    assert_eq!(of("US-OH"), Some(JurisdictionMatch::Same));
    assert_eq!(of(""), Some(JurisdictionMatch::Unknown));
    assert_eq!(of("US"), Some(JurisdictionMatch::Unknown));
    assert_eq!(of("US-GA"), None);
    assert_eq!(of("CA-ON"), None);
}

#[test]
fn a_number_beyond_all_is_refused() {
    let matcher = Matcher::new();
    assert_eq!(
        matcher.insert(&entry(MAX_ENTRIES, "TPK0421", false)),
        Err(Refused::Number)
    );
    assert!(matcher.is_empty());
    assert_eq!(
        matcher.insert(&entry(MAX_ENTRIES - 1, "TPK0421", false)),
        Ok(())
    );
}

/// Entries that stay are found at every moment while others come and go around them, in the same places.
#[test]
fn whoever_matches_while_entries_change_misses_nothing_that_stays() {
    let matcher = Matcher::new();
    let text = |n: u32| format!("TPK{n:04}");
    let stays = |n: u32| n.is_multiple_of(2);
    for n in (0..4_000).filter(|n| stays(*n)) {
        matcher.insert(&entry(n, &text(n), false)).unwrap();
    }
    matcher.insert(&entry(9_000, "TPK?00?", false)).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let changing = scope.spawn(|| {
            for round in 0..20 {
                for n in (0..4_000).filter(|n| !stays(*n)) {
                    let new = entry(n, &text(n), true);
                    let pattern = entry(10_000 + n, &format!("TPK{}?{n:03}", round % 10), false);
                    matcher.insert(&new).unwrap();
                    matcher.insert(&pattern).unwrap();
                    assert!(matcher.renew(n, at(500)));
                    assert!(
                        matcher.remove(n, &new.wanted)
                            && matcher.remove(pattern.id, &pattern.wanted)
                    );
                }
            }
            done.store(true, Ordering::Release);
        });
        let looking = scope.spawn(|| {
            let mut rounds = 0_u32;
            while !done.load(Ordering::Acquire) {
                for n in (0..4_000).filter(|n| stays(*n)) {
                    let found = found(&matcher, &text(n), None, 0);
                    assert!(
                        found.iter().any(|one| one.id == n && one.how == How::Exact),
                        "{n}"
                    );
                    assert!(
                        found.iter().all(|one| one.id != n + 1),
                        "{n}: another's plate"
                    );
                }
                rounds += 1;
            }
            rounds
        });
        changing.join().unwrap();
        assert!(looking.join().unwrap() > 0);
    });
    assert_eq!(matcher.len(), 2_001);
    assert_eq!(found(&matcher, "TPK1000", None, 0).len(), 2);
    assert!(
        found(&matcher, "TPK1001", None, 0)
            .iter()
            .all(|one| one.id == 9_000)
    );
}
