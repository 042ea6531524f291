//! The kit is worth what it catches: adapters that lie, and the check that finds each of them out.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::SignedDuration;
use turnpike_adapters::adapter::{
    Adapter, Batch, Cursor, Decoded, Image, Info, Item, Message, Page, ReadSeek, Subscription,
    Verdict,
};
use turnpike_adapters::context::Context;
use turnpike_adapters::error::Result;
use turnpike_adapters::registry::find;
use turnpike_contract_tests::kit::{self, Bench, CHECKS, Dress};
use turnpike_schemas::agreement::{ImagePermit, IngestPermit, Permit};
use turnpike_schemas::read::{Confidence, ImageRef};

/// What a cheat does to a page.
type Lie = fn(&mut Page);

/// An honest adapter whose pages are tampered with.
#[derive(Debug)]
struct Cheat {
    honest: Arc<dyn Adapter>,
    info: Info,
    lie: Lie,
}

#[async_trait]
impl Adapter for Cheat {
    fn info(&self) -> &Info {
        &self.info
    }

    async fn search(&self, ctx: &Context, permit: &Permit) -> Result<Page> {
        let mut page = self.honest.search(ctx, permit).await?;
        (self.lie)(&mut page);
        Ok(page)
    }

    async fn poll(&self, ctx: &Context, permit: &IngestPermit, since: &Cursor) -> Result<Batch> {
        self.honest.poll(ctx, permit, since).await
    }

    fn decode(&self, message: &Message) -> Result<Decoded> {
        let mut decoded = self.honest.decode(message)?;
        (self.lie)(&mut decoded.page);
        Ok(decoded)
    }

    fn decode_file(
        &self,
        name: &str,
        file: &mut dyn ReadSeek,
        sink: &mut dyn FnMut(Item) -> Result<()>,
    ) -> Result<Verdict> {
        let mut page = Page::default();
        let verdict = self.honest.decode_file(name, file, &mut |item| {
            page.push(item);
            Ok(())
        })?;
        (self.lie)(&mut page);
        for read in page.reads {
            sink(Item::Read(Box::new(read)))?;
        }
        for rejection in page.rejected {
            sink(Item::Rejected(rejection))?;
        }
        for (reason, count) in page.skipped {
            for _ in 0..count {
                sink(Item::Skipped(reason))?;
            }
        }
        Ok(verdict)
    }

    async fn image(&self, ctx: &Context, permit: &ImagePermit, image: &ImageRef) -> Result<Image> {
        self.honest.image(ctx, permit, image).await
    }

    fn subscription(&self) -> Option<Subscription> {
        self.honest.subscription()
    }
}

/// Whether `check` passes on `adapter` with this lie.
async fn passes(adapter: &str, check: &str, lie: Lie) -> bool {
    let (entry, bench) = (
        find(adapter).unwrap(),
        kit::benches(adapter).first().unwrap(),
    );
    let mut bench = Bench::start(entry, bench, Dress::Bare).await.unwrap();
    let honest = Arc::clone(&bench.adapter);
    let info = honest.info().clone();
    bench.adapter = Arc::new(Cheat { honest, info, lie });
    let check = CHECKS.iter().find(|known| known.name == check).unwrap();
    (check.run)(&bench).await.is_ok()
}

#[tokio::test]
async fn every_lie_is_found_out_and_the_truth_is_not() {
    let cases: [(&str, &str, Lie); 13] = [
        (
            "flock",
            "every_passage_of_the_plate_is_found_and_no_other",
            |page| {
                page.reads.pop();
            },
        ),
        ("flock", "reads_come_newest_first", |page| {
            page.reads.reverse()
        }),
        (
            "flock",
            "truncated_is_said_when_something_is_missing_and_only_then",
            |page| {
                page.truncated = false;
            },
        ),
        ("flock", "only_the_window_asked_for_is_answered", |page| {
            for read in &mut page.reads {
                read.captured_at -= SignedDuration::from_hours(5);
            }
        }),
        ("flock", "nothing_personal_survives_an_answer", |page| {
            for read in &mut page.reads {
                let owner = turnpike_contract_tests::sim::CANARY.to_owned();
                read.extra.insert("owner".to_owned(), owner);
            }
        }),
        ("flock", "nothing_found_is_an_empty_answer", |page| {
            page.truncated = true
        }),
        (
            "rekor",
            "confidences_are_on_the_scale_and_as_sent",
            |page| {
                for read in &mut page.reads {
                    read.plate.confidence = Confidence::new(1.0).ok();
                }
            },
        ),
        (
            "rekor",
            "a_correction_is_newer_and_of_the_same_passage",
            |page| {
                for read in &mut page.reads {
                    read.revision = 0;
                }
            },
        ),
        ("rekor", "no_read_is_at_nowhere", |page| {
            for read in &mut page.reads {
                (read.place.lat, read.place.lon) = (Some(0.0), Some(0.0));
            }
        }),
        (
            "niop",
            "every_passage_delivered_is_read_as_it_was",
            |page| {
                for read in &mut page.reads {
                    read.captured_at -= SignedDuration::from_hours(5);
                }
            },
        ),
        ("niop", "what_the_vendor_does_not_say_is_null", |page| {
            for read in &mut page.reads {
                read.plate.confidence = Confidence::new(1.0).ok();
            }
        }),
        ("niop", "a_bad_record_costs_one_record", |page| {
            page.rejected.clear()
        }),
        ("niop", "records_are_told_apart", |page| {
            for read in &mut page.reads {
                "one".clone_into(&mut read.record);
            }
        }),
    ];
    for (adapter, check, lie) in cases {
        assert!(
            passes(adapter, check, |_| {}).await,
            "{adapter}: {check}, the truth"
        );
        assert!(
            !passes(adapter, check, lie).await,
            "{adapter}: {check}, a lie"
        );
    }
}

#[tokio::test]
async fn an_adapter_that_says_nothing_of_what_its_source_insists_on_is_found_out() {
    let check = CHECKS
        .iter()
        .find(|known| known.name == "what_a_source_insists_on_is_declared");
    for lies in [false, true] {
        let bench = kit::benches("flock").first().unwrap();
        let mut bench = Bench::start(find("flock").unwrap(), bench, Dress::Bare)
            .await
            .unwrap();
        let honest = Arc::clone(&bench.adapter);
        let mut info = honest.info().clone();
        if lies {
            info.capabilities.needs = &[];
        }
        bench.adapter = Arc::new(Cheat {
            honest,
            info,
            lie: |_| {},
        });
        let passed = (check.unwrap().run)(&bench).await.is_ok();
        assert_eq!(passed, !lies);
    }
}
