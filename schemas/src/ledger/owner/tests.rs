use super::*;
use crate::ledger::{
    Action, Admin, AdminAction, Completeness, Decision, Delivery, DeliveryEnd, Ingest, IngestWay,
    InterruptReason, Interrupted, Names, Nonce, Outcome, Refused, RefusedReason, SourceOutcome,
};

struct Plain;

impl Pseudonyms for Plain {
    fn pseudonym(&self, source: &str, domain: &str, text: &str) -> String {
        format!("{source}/{domain}/{}", text.len())
    }
}

/// A ledger in memory.
#[derive(Default)]
struct Book(Vec<Entry>);

impl Book {
    fn add(&mut self, intent: Option<u64>, body: Body) -> u64 {
        let index = self.0.len() as u64;
        self.0.push(Entry {
            index,
            at: Timestamp::UNIX_EPOCH,
            nonce: Nonce::from_bytes([7; 16]),
            question: Some(Uuid::from_u128(1)),
            intent,
            body,
        });
        index
    }

    fn ask(&mut self, sources: &[(&str, Verdict)]) -> u64 {
        let intent = self.add(None, Body::Intent(intent()));
        for (source, verdict) in sources {
            self.add(Some(intent), Body::Decision(decision(source, *verdict)));
        }
        intent
    }

    fn leaves(&self) -> Vec<OwnerLeaf> {
        let mut touching = Touching::default();
        let follow = |entry: &Entry| touching.follow(entry, &hash(entry), &Plain);
        self.0.iter().flat_map(follow).collect()
    }

    fn of(&self, source: &str) -> Vec<OwnerLeaf> {
        let leaves = self.leaves().into_iter();
        leaves.filter(|leaf| leaf.source == source).collect()
    }
}

fn hash(entry: &Entry) -> Hash {
    leaf_hash(&entry.canonical_bytes().unwrap())
}

fn intent() -> Intent {
    Intent {
        action: Action::Query,
        subject: Personal::new("officer-17"),
        organisation: "brookdale-pd".into(),
        organisation_class: "state_local".into(),
        jurisdiction: "US-OH".into(),
        on_behalf_of: None,
        purpose: "stolen_vehicle".into(),
        case_reference: Personal::new("BD-2026-0042"),
        plate: Personal::new("TPK0421"),
        plate_jurisdiction: None,
        match_mode: "exact".into(),
        window: Window {
            from: Timestamp::UNIX_EPOCH,
            to: Timestamp::UNIX_EPOCH,
        },
        sources_wanted: Names::of(vec!["tolls".into()]),
        image: None,
        asker: None,
        grounds: None,
    }
}

fn decision(source: &str, verdict: Verdict) -> Decision {
    Decision {
        source: source.into(),
        verdict,
        agreement: Some(format!("{source}@1")),
        agreement_sha256: None,
        policy_sha256: None,
        rules: vec!["rule".into()],
        obligations: vec![],
        decided_at: None,
        action: None,
    }
}

fn part(source: &str) -> SourceOutcome {
    SourceOutcome {
        source: source.into(),
        outcome: "empty".into(),
        count: 0,
        digest: None,
        truncated: false,
        took_ms: None,
        detail: None,
    }
}

fn outcome(sources: &[&str]) -> Body {
    Body::Outcome(Outcome {
        completeness: Completeness::Complete,
        reads: 0,
        sources: sources.iter().map(|source| part(source)).collect(),
    })
}

/// Every kind of entry, about two sources.
fn book() -> Book {
    let mut book = Book::default();
    let both = [("tolls", Verdict::Permit), ("parking", Verdict::Refuse)];
    let whole = book.ask(&both);
    book.add(Some(whole), outcome(&["tolls", "parking"]));
    let end = DeliveryEnd::Completed;
    book.add(Some(whole), Body::Delivery(Delivery { end, bytes: 1 }));
    let streamed = book.ask(&both);
    book.add(Some(streamed), Body::OutcomePart(part("tolls")));
    let reason = InterruptReason::Abandoned;
    book.add(Some(streamed), Body::Interrupted(Interrupted { reason }));
    let dry = book.add(None, Body::DryRun(intent()));
    book.add(
        Some(dry),
        Body::Decision(decision("parking", Verdict::Permit)),
    );
    let refused = Refused {
        source: Some("parking".into()),
        ..Refused::because(RefusedReason::Unauthenticated)
    };
    book.add(None, Body::Refused(refused));
    book.add(
        None,
        Body::Refused(Refused::because(RefusedReason::Forbidden)),
    );
    book.add(
        None,
        Body::Ingest(Ingest {
            source: "parking".into(),
            way: IngestWay::Push,
            accepted: 1,
            duplicates: 0,
            rejected: 0,
            rejected_by: BTreeMap::new(),
            payload_sha256: None,
            refused: None,
        }),
    );
    let facts = [
        ("source", json!("tolls")),
        ("remark", json!("about TPK0421")),
        ("passed", json!(true)),
    ];
    book.add(
        None,
        Body::Admin(Admin {
            action: AdminAction::SourceCheck,
            by: Some(Personal::new("officer-17")),
            facts: facts.map(|(name, fact)| (name.to_owned(), fact)).into(),
        }),
    );
    book
}

fn kinds(leaves: &[OwnerLeaf]) -> Vec<&'static str> {
    leaves.iter().map(|leaf| leaf.kind.as_str()).collect()
}

#[test]
fn every_entry_that_touches_a_source_is_a_leaf_of_its_log_and_no_other_is() {
    let book = book();
    let tolls = book.of("tolls");
    let expected = [
        "decision",
        "outcome",
        "decision",
        "outcome_part",
        "interrupted",
        "admin",
    ];
    assert_eq!(kinds(&tolls), expected);
    let parking = book.of("parking");
    let expected = [
        "decision", "outcome", "decision", "decision", "refused", "ingest",
    ];
    assert_eq!(kinds(&parking), expected);
    assert_eq!(book.leaves().len(), tolls.len() + parking.len());
    for leaf in book.leaves() {
        let entry = &book.0[usize::try_from(leaf.entry).unwrap()];
        assert_eq!(
            (leaf.leaf_hash.clone(), leaf.kind),
            (hash(entry).to_base64(), entry.body.kind())
        );
        let bytes = leaf.canonical_bytes().unwrap();
        assert_eq!(OwnerLeaf::parse(&bytes).unwrap(), leaf);
    }
}

#[test]
fn an_owner_sees_pseudonyms_of_its_own_and_nothing_of_other_sources() {
    for (source, other) in [("tolls", "parking"), ("parking", "tolls")] {
        let leaves = book().of(source);
        let asked = leaves.iter().find_map(|leaf| leaf.asked.clone()).unwrap();
        assert_eq!(asked.person.unwrap(), format!("{source}/person/10"));
        let text = serde_json::to_string(&leaves).unwrap();
        for secret in ["officer-17", "TPK0421", "BD-2026-0042", other] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

#[test]
fn a_log_followed_in_two_halves_is_the_log_followed_at_once() {
    let book = book();
    for half in 0..book.0.len() {
        let mut touching = Touching::default();
        let (first, second) = book.0.split_at(half);
        let mut leaves: Vec<_> = first
            .iter()
            .flat_map(|entry| touching.follow(entry, &hash(entry), &Plain))
            .collect();
        // A pause comes between questions and what follows them, never between an intent and its decisions.
        let between = second
            .first()
            .is_some_and(|entry| matches!(entry.body, Body::Decision(_)));
        if between {
            continue;
        }
        let kept = serde_json::to_string(&touching).unwrap();
        assert!(!kept.contains("officer") && !kept.contains("TPK"), "{kept}");
        let mut touching: Touching = serde_json::from_str(&kept).unwrap();
        leaves.extend(
            second
                .iter()
                .flat_map(|entry| touching.follow(entry, &hash(entry), &Plain)),
        );
        assert_eq!(leaves, book.leaves());
    }
}

#[test]
fn a_leaf_withheld_added_altered_or_moved_is_found() {
    let leaves: Vec<Vec<u8>> = book()
        .of("tolls")
        .iter()
        .map(|leaf| leaf.canonical_bytes().unwrap())
        .collect();
    let mut tree = Frontier::default();
    leaves.iter().for_each(|leaf| tree.append(leaf_hash(leaf)));
    let head = OwnerHead::of(&tree);
    let check = |leaves: &[Vec<u8>]| head.verify("tolls", leaves.iter().map(Vec::as_slice));
    assert_eq!(check(&leaves), Ok(()));
    for place in 0..leaves.len() {
        let mut withheld = leaves.clone();
        withheld.remove(place);
        assert!(matches!(
            check(&withheld),
            Err(OwnerError::Size {
                recorded: 6,
                found: 5
            })
        ));
        let mut twice = leaves.clone();
        twice.insert(place, leaves[place].clone());
        assert!(matches!(check(&twice), Err(OwnerError::Order(_))));
        let mut altered = leaves.clone();
        let other = String::from_utf8(altered[place].clone())
            .unwrap()
            .replace("1970", "1971");
        altered[place] = other.into_bytes();
        assert_eq!(check(&altered), Err(OwnerError::Root));
        // One withheld and another put in its place, so that the number is right.
        let mut replaced = withheld;
        let mut extra = OwnerLeaf::parse(leaves.last().unwrap()).unwrap();
        extra.entry += 1;
        replaced.push(extra.canonical_bytes().unwrap());
        assert_eq!(check(&replaced), Err(OwnerError::Root));
    }
    let mut moved = leaves.clone();
    moved.swap(0, 1);
    assert_eq!(check(&moved), Err(OwnerError::Order(1)));
    let foreign = head.verify("parking", leaves.iter().map(Vec::as_slice));
    assert_eq!(foreign, Err(OwnerError::Source(0)));
    let recorded = Admin {
        action: AdminAction::OwnerCheckpoint,
        by: None,
        facts: head.to_facts("tolls", 7),
    };
    let mut book = book();
    let index = book.add(None, Body::Admin(recorded));
    let record = &book.0[usize::try_from(index).unwrap()];
    assert_eq!(OwnerHead::recorded(record, "tolls"), Ok(head));
    assert_eq!(
        OwnerHead::recorded(record, "parking"),
        Err(OwnerError::Record)
    );
    assert_eq!(
        OwnerHead::recorded(&book.0[0], "tolls"),
        Err(OwnerError::Record)
    );
}
