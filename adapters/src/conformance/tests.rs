//! That honest adapters pass and that each kind of cheat is found out by the check that is about it.

use async_trait::async_trait;
use serde_json::json;
use turnpike_schemas::{
    agreement::{ImagePermit, IngestPermit, Permit},
    plate::Plate,
    read::{Family, ImageRef, Observation, ZoneProvenance},
};

use super::*;
use crate::{
    adapter::{
        Adapter, Batch, Capabilities, Cursor, Decoded, Image, Info, Message, Page, ReadSeek,
        Rejection, Subscription, Verdict as FileVerdict, unsupported,
    },
    context::Context,
    error::{Error, ErrorKind, Result},
    registry::Evidence,
};

/// An adapter that does one thing wrong, named in its settings.
#[derive(Debug)]
struct Cheat {
    info: Info,
    how: String,
    decoded: std::sync::atomic::AtomicU64,
}

const ENTRY: Entry = Entry {
    id: "cheat",
    title: "A cheat",
    family: Family::Camera,
    capabilities: Capabilities {
        push: true,
        ..Capabilities::NONE
    },
    transport: "webhook, JSON",
    evidence: Evidence::ClientCode,
    cannot_give: "the truth",
    example: "",
    samples: &[],
    secrets: &[],
    optional_secrets: &[],
    hosts: |_| Ok(Vec::new()),
    build,
    saved_answer: None,
};

fn build(settings: &Value) -> Result<Box<dyn Adapter>> {
    let known = settings.as_object().is_some_and(|table| table.len() == 1);
    let how = settings["how"].as_str().unwrap_or_default().to_owned();
    if !known && how != "takes any setting" {
        return Err(Error::new(
            ErrorKind::Config,
            "settings",
            "unknown `pase_url`",
        ));
    }
    let mut info = Info {
        id: "cheat",
        version: "1",
        family: Family::Camera,
        capabilities: ENTRY.capabilities,
    };
    info.capabilities.search = how == "declares too much";
    Ok(Box::new(Cheat {
        info,
        how,
        decoded: 0.into(),
    }))
}

impl Cheat {
    fn read(&self, plate: &str, record: &str) -> Observation {
        let at = match self.how.as_str() {
            "wrong unit" => "1970-01-21T00:00:00Z",
            _ => "2026-03-04T07:15:30Z",
        };
        let mut read = Observation::new(
            record.to_owned(),
            Plate::parse(plate).unwrap(),
            at.parse().unwrap(),
            ZoneProvenance::InValue,
        );
        match self.how.as_str() {
            "nowhere" => (read.place.lat, read.place.lon) = (Some(0.0), Some(0.0)),
            "half a place" => read.place.lat = Some(1.0),
            "one identity" => read.record = "7".to_owned(),
            "no identity" => read.record.clear(),
            "remembers" => {
                let before = self
                    .decoded
                    .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                read.revision = before;
            }
            _ => {}
        }
        read
    }

    fn page(&self, body: &[u8]) -> Result<Page> {
        let mut page = Page::default();
        match serde_json::from_slice::<Value>(body) {
            Ok(Value::Object(fields)) => {
                let plate = fields.get("plate").and_then(Value::as_str).unwrap_or("x");
                let record = fields.get("id").and_then(Value::as_str).unwrap_or("x");
                match (self.how.as_str(), Plate::parse(plate)) {
                    ("rejects with a value", _) => {
                        page.rejected.push(Rejection::new(Some(0), "plate", plate));
                    }
                    ("panics", _) => panic!("as told"),
                    (_, Ok(_)) => page.reads.push(self.read(plate, record)),
                    (_, Err(_)) => page
                        .rejected
                        .push(Rejection::new(Some(0), "plate", "wrong")),
                }
                Ok(page)
            }
            _ if self.how == "passes over" => Ok(page),
            _ if self.how == "reads anything" => {
                page.reads.push(self.read("TPK0421", "x"));
                Ok(page)
            }
            _ if self.how == "another error" => {
                Err(Error::new(ErrorKind::Unavailable, "decode", "no"))
            }
            _ => Err(Error::new(ErrorKind::Malformed, "decode", "not JSON")),
        }
    }
}

#[async_trait]
impl Adapter for Cheat {
    fn info(&self) -> &Info {
        &self.info
    }

    async fn search(&self, _: &Context, _: &Permit) -> Result<Page> {
        unsupported("search")
    }

    async fn poll(&self, _: &Context, _: &IngestPermit, _: &Cursor) -> Result<Batch> {
        unsupported("poll")
    }

    fn decode(&self, message: &Message) -> Result<Decoded> {
        let page = self.page(&message.body)?;
        Ok(Decoded { page, reply: None })
    }

    fn decode_file(
        &self,
        _: &str,
        _: &mut dyn ReadSeek,
        _: &mut dyn FnMut(crate::adapter::Item) -> Result<()>,
    ) -> Result<FileVerdict> {
        unsupported("decode_file")
    }

    async fn image(&self, _: &Context, _: &ImagePermit, _: &ImageRef) -> Result<Image> {
        unsupported("image")
    }

    fn subscription(&self) -> Option<Subscription> {
        None
    }
}

fn results(entry: &Entry, settings: &Value, payloads: &[Payload]) -> Vec<CheckResult> {
    let adapter = (entry.build)(settings).unwrap();
    let subject = Subject {
        entry,
        settings,
        adapter: &*adapter,
        payloads,
        now: "2026-03-05T00:00:00Z".parse().unwrap(),
        forbidden: vec!["TPK0421".to_owned()],
    };
    let mut begun = 0;
    let results = check(&subject, |_| begun += 1);
    assert_eq!((begun, results.len()), (CHECKS.len(), CHECKS.len()));
    results
}

fn failed(results: &[CheckResult]) -> Vec<&str> {
    let failed = results
        .iter()
        .filter(|result| result.verdict == Verdict::Failed);
    failed.map(|result| &*result.check).collect()
}

fn messages() -> Vec<Payload> {
    let message = |name: &str, body: &'static str| Payload::from_file(Via::Message, name, body);
    vec![
        message("a.json", r#"{"plate":"TPK0421","id":"a"}"#),
        message("b.json", r#"{"plate":"TPX9999","id":"b"}"#),
    ]
}

#[test]
fn an_honest_adapter_passes_and_every_cheat_is_found_out() {
    let cases = [
        ("honest", vec![]),
        (
            "declares too much",
            vec!["info_declares_no_more_than_the_registry"],
        ),
        (
            "takes any setting",
            vec!["settings_nobody_documents_are_refused_by_name"],
        ),
        (
            "wrong unit",
            vec!["every_read_has_identity_plate_and_instant"],
        ),
        (
            "no identity",
            vec![
                "a_record_means_one_passage",
                "every_read_has_identity_plate_and_instant",
            ],
        ),
        ("one identity", vec!["a_record_means_one_passage"]),
        ("nowhere", vec!["no_read_is_at_nowhere"]),
        ("half a place", vec!["no_read_is_at_nowhere"]),
        (
            "remembers",
            vec!["decoding_is_pure", "an_adapter_decodes_on_after_nonsense"],
        ),
        (
            "rejects with a value",
            vec![
                "payloads_are_understood",
                "a_payload_holds_a_read",
                "rejections_name_field_and_rule_and_no_value",
            ],
        ),
        (
            "passes over",
            vec![
                "an_empty_payload_holds_no_read",
                "garbage_holds_no_read",
                "a_cut_payload_adds_no_read",
            ],
        ),
        (
            "reads anything",
            vec![
                "an_empty_payload_holds_no_read",
                "garbage_holds_no_read",
                "a_cut_payload_adds_no_read",
            ],
        ),
        (
            "another error",
            vec![
                "an_empty_payload_holds_no_read",
                "garbage_holds_no_read",
                "a_cut_payload_adds_no_read",
                "changed_bytes_are_survived",
                "bad_text_encoding_is_survived",
            ],
        ),
    ];
    for (how, wanted) in cases {
        let results = results(&ENTRY, &json!({ "how": how }), &messages());
        assert_eq!(failed(&results), wanted, "{how}: {results:#?}");
        let told = serde_json::to_string(&results).unwrap();
        assert!(!told.contains("TPK0421"), "{how}: {told}");
        let advised =
            |result: &CheckResult| (result.verdict == Verdict::Failed) == result.advice.is_some();
        assert!(results.iter().all(advised), "{how}");
    }
}

#[test]
fn a_panic_is_a_failed_check_and_no_end() {
    let results = results(&ENTRY, &json!({ "how": "panics" }), &messages());
    assert!(failed(&results).contains(&"decoding_is_pure"));
}

#[test]
fn without_payloads_nothing_about_them_is_claimed() {
    let results = results(&ENTRY, &json!({ "how": "honest" }), &[]);
    assert_eq!(failed(&results), [""; 0]);
    let understood = results
        .iter()
        .find(|result| result.check == "payloads_are_understood");
    assert_eq!(understood.unwrap().verdict, Verdict::NotApplicable);
}
