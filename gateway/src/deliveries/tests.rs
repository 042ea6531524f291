use http_body_util::BodyExt as _;
use jiff::Timestamp;
use turnpike_schemas::ledger::{Body as Entry, Intent};
use uuid::Uuid;

use super::*;
use crate::ledger::{LedgerConfig, Opened, Ticket, read};

async fn begun(ledger: &Ledger) -> Ticket {
    let intent = serde_json::json!({
        "action": "query", "subject": "officer-17", "organisation": "brookdale-pd", "organisation_class": "local",
        "jurisdiction": "US-OH", "on_behalf_of": null, "purpose": "stolen_vehicle", "case_reference": "BD-2026-0042",
        "plate": "TPK0421", "plate_jurisdiction": null, "match": "exact",
        "window": { "from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z" }, "sources_wanted": { "count": 0, "names": [] }
    });
    let intent: Intent = serde_json::from_value(intent).unwrap();
    ledger.begin(Uuid::nil(), intent, vec![]).await.unwrap()
}

/// The deliveries on record after `hand_over`.
async fn recorded(hand_over: impl AsyncFnOnce(&Deliveries, OnRecord)) -> Vec<Delivery> {
    let folder = tempfile::tempdir().unwrap();
    let now = Arc::new(|| Timestamp::UNIX_EPOCH);
    let Opened { ledger, .. } = Ledger::open(folder.path(), LedgerConfig::default(), now).unwrap();
    let ledger = Arc::new(ledger);
    let ticket = begun(&ledger).await;
    let deliveries = Deliveries::new(&ledger);
    let answer = OnRecord {
        question: ticket.question(),
        intent: ticket.intent(),
    };
    hand_over(&deliveries, answer).await;
    deliveries.settled().await;
    let entries = read(folder.path()).unwrap().map(Result::unwrap);
    let delivered = entries.filter_map(|entry| match entry.body {
        Entry::Delivery(delivery) => {
            assert_eq!(entry.intent, Some(answer.intent));
            Some(delivery)
        }
        _ => None,
    });
    delivered.collect()
}

fn large() -> Vec<u8> {
    vec![b'x'; 3 * PIECE + 1]
}

#[tokio::test]
async fn a_body_taken_whole_is_completed_and_keeps_its_bytes_and_its_length() {
    let recorded = recorded(async |deliveries, answer| {
        for bytes in [large(), b"x".to_vec(), Vec::new()] {
            let body = deliveries.watch(answer, Body::from(bytes.clone()));
            assert_eq!(body.size_hint().exact(), Some(bytes.len() as u64));
            assert_eq!(body.collect().await.unwrap().to_bytes(), bytes);
        }
    })
    .await;
    let mut ended: Vec<_> = recorded
        .iter()
        .map(|delivery| (delivery.end, delivery.bytes))
        .collect();
    ended.sort_by_key(|(_, bytes)| *bytes);
    let whole = |bytes| (DeliveryEnd::Completed, bytes);
    assert_eq!(ended, [whole(0), whole(1), whole(large().len() as u64)]);
}

#[tokio::test]
async fn a_body_dropped_before_its_end_is_aborted_with_what_was_taken() {
    let recorded = recorded(async |deliveries, answer| {
        let mut body = deliveries.watch(answer, Body::from(large()));
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(first.len(), PIECE);
    })
    .await;
    let aborted = Delivery {
        end: DeliveryEnd::Aborted,
        bytes: PIECE as u64,
    };
    assert_eq!(recorded, [aborted]);
}
