//! What holds for every message and answer.

use proptest::prelude::*;

use super::*;
use crate::frigate::sweep::Position;

const TOPICS: [&str; 3] = [
    "frigate/tracked_object_update",
    "frigate/events",
    "frigate/available",
];

fn exits(page: &Page) -> String {
    format!("{} {page:?}", serde_json::to_string(&page.reads).unwrap())
}

fn taken(body: &[u8]) -> Option<Batch> {
    let settings = Settings::parse(&both()).unwrap();
    let mut position = Position::default();
    position.span("2026-03-04T12:00:00Z".parse().unwrap(), &settings);
    position.take(body, &settings).ok()
}

#[test]
fn names_and_faces_never_come_out() {
    let adapter = adapter(&both());
    for (topic, body) in [(TOPICS[0], UPDATE), (TOPICS[1], EVENT_END)] {
        assert!(body.contains("CANARY"));
        assert!(!exits(&said(&*adapter, topic, body)).contains("CANARY"));
    }
    let batch = taken(EVENTS.as_bytes()).unwrap();
    assert!(EVENTS.contains("CANARY"));
    assert!(!format!("{batch:?} {}", exits(&batch.page)).contains("CANARY"));
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_without_panic(body in proptest::collection::vec(any::<u8>(), 0..200), topic in 0..TOPICS.len()) {
        let adapter = adapter(&both());
        let message = Message::json(body.clone()).under(TOPICS[topic]);
        let first = adapter.decode(&message).unwrap();
        prop_assert_eq!(first, adapter.decode(&message).unwrap());
        drop(taken(&body));
    }

    #[test]
    fn changed_messages_are_decoded_without_panic_and_print_no_plate(
        which in 0..2_usize,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let (topic, text) = [(TOPICS[0], UPDATE), (TOPICS[1], EVENT_END)][which];
        let mut body = text.as_bytes().to_vec();
        let mut page = EVENTS.as_bytes().to_vec();
        for (at, byte) in changes {
            let (here, there) = (at.index(body.len()), at.index(page.len()));
            body[here] = byte;
            page[there] = byte;
        }
        let adapter = adapter(&both());
        let decoded = adapter.decode(&Message::json(body).under(topic)).unwrap();
        let printed = format!("{decoded:?}");
        prop_assert!(!printed.contains("TPK0421"));
        drop(taken(&page));
    }
}
