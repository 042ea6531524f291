//! Any bytes as a payload of one adapter, under the settings of its example and with the name, content type and topic of each
//! of its samples. `TURNPIKE_FUZZ_ADAPTER` names the adapter; its fixtures are the seeds.
#![no_main]

use std::{io::Cursor, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use turnpike_adapters::{
    adapter::{Adapter, Item, Message, Page, Verdict},
    registry::{self, Entry, Sample},
};
use turnpike_fuzz::{check_page, example, settings};

static FUZZED: LazyLock<(&'static Entry, Box<dyn Adapter>)> = LazyLock::new(|| {
    let id =
        std::env::var("TURNPIKE_FUZZ_ADAPTER").expect("TURNPIKE_FUZZ_ADAPTER names an adapter");
    let entry = registry::find(&id).unwrap_or_else(|| panic!("the registry has no adapter `{id}`"));
    (entry, example(entry))
});

fuzz_target!(|payload: &[u8]| {
    let (entry, adapter) = &*FUZZED;
    for sample in entry.samples {
        let first = decode(entry, &**adapter, sample, payload);
        let second = decode(entry, &**adapter, sample, payload);
        assert_eq!(first, second, "same bytes, another result");
        if let Ok((_, page)) = first {
            check_page(&page.reads, &page.rejected);
        }
    }
});

fn decode(
    entry: &Entry,
    adapter: &dyn Adapter,
    sample: &Sample,
    payload: &[u8],
) -> Result<(Option<Verdict>, Page), String> {
    let can = adapter.info().capabilities;
    let mut page = Page::default();
    if can.push || can.subscribe {
        let message = Message {
            content_type: Some(sample.content_type.to_owned()),
            topic: sample.topic.map(str::to_owned),
            body: payload.to_vec().into(),
        };
        let decoded = adapter
            .decode(&message)
            .map_err(|error| error.to_string())?;
        return Ok((None, decoded.page));
    }
    if can.file {
        let mut file = Cursor::new(payload);
        let verdict = adapter.decode_file(sample.name, &mut file, &mut |item: Item| {
            page.push(item);
            Ok(())
        });
        return Ok((Some(verdict.map_err(|error| error.to_string())?), page));
    }
    let saved = entry.saved_answer.expect("an adapter that decodes nothing");
    let page = saved(&settings(entry), payload).map_err(|error| error.to_string())?;
    Ok((None, page))
}
