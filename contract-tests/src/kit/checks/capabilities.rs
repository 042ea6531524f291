//! What an adapter declares, and that it does nothing else.

use serde_json::Value;
use turnpike_adapters::adapter::{Capabilities, Message, Subscription};
use turnpike_adapters::error::{ErrorKind, Result as Called};
use url::Url;

use crate::kit::{Bench, Gives, Operation, Outcome, Sample, Via, require, say};

pub(super) async fn info_is_constant(bench: &Bench) -> Outcome {
    let before = bench.adapter.info().clone();
    for sample in bench.sim.samples().await?.iter().take(5) {
        drop(bench.decode(sample));
    }
    require(before == *bench.adapter.info(), || {
        "info changed".to_owned()
    })
}

pub(super) async fn info_declares_no_more_than_the_registry(bench: &Bench) -> Outcome {
    let (info, entry) = (bench.adapter.info(), bench.entry);
    let flags = |of: Capabilities| {
        [
            of.search,
            of.poll,
            of.push,
            of.file,
            of.subscribe,
            of.images,
            of.partial_plates,
            of.look_alike,
        ]
    };
    let more = flags(info.capabilities)
        .into_iter()
        .zip(flags(entry.capabilities))
        .any(|(declared, registered)| declared && !registered);
    require(
        (info.id, info.family) == (entry.id, entry.family) && !info.version.is_empty() && !more,
        || format!("info {info:?} is not what the registry says"),
    )
}

pub(super) async fn undeclared_search_is_unsupported_and_silent(bench: &Bench) -> Outcome {
    undeclared(bench, Operation::Search).await
}

pub(super) async fn undeclared_poll_is_unsupported_and_silent(bench: &Bench) -> Outcome {
    undeclared(bench, Operation::Poll).await
}

pub(super) async fn undeclared_images_are_unsupported_and_silent(bench: &Bench) -> Outcome {
    undeclared(bench, Operation::Image).await
}

pub(super) async fn a_subscription_is_named_if_declared_and_stays_with_the_source(
    bench: &Bench,
) -> Outcome {
    let named = bench.adapter.subscription();
    require(
        named.is_some() == bench.adapter.info().capabilities.subscribe,
        || format!("declared and named differ: {named:?}"),
    )?;
    let hosts = (bench.entry.hosts)(&bench.sim.settings()).map_err(say)?;
    let url = match &named {
        None => return Ok(()),
        Some(Subscription::Mqtt { broker, topics }) => {
            require(!topics.is_empty(), || "no topic".to_owned())?;
            broker
        }
        Some(Subscription::HttpStream { url }) => url,
    };
    let same = |host: &Url| {
        (host.scheme(), host.host_str(), host.port()) == (url.scheme(), url.host_str(), url.port())
    };
    require(hosts.iter().any(same), || {
        "the subscription leads to another host".to_owned()
    })
}

async fn undeclared(bench: &Bench, operation: Operation) -> Outcome {
    if bench.declares(operation) {
        return Ok(());
    }
    let called = bench.call(operation, &bench.ctx()).await?;
    unsupported(called)?;
    silent(bench)
}

pub(super) async fn undeclared_comparisons_are_unsupported_and_silent(bench: &Bench) -> Outcome {
    let capabilities = bench.adapter.info().capabilities;
    let mut look_alike = bench.question();
    look_alike.look_alike = true;
    let mut partial = bench.question();
    partial.plate = "TPK04?1".to_owned();
    for (declared, ask) in [
        (capabilities.look_alike, look_alike),
        (capabilities.partial_plates, partial),
    ] {
        if !(declared && capabilities.search) {
            unsupported(bench.search(&ask, &bench.ctx()).await?)?;
            silent(bench)?;
        }
    }
    Ok(())
}

pub(super) async fn undeclared_messages_are_unsupported(bench: &Bench) -> Outcome {
    let can = bench.adapter.info().capabilities;
    if can.push || can.subscribe {
        return Ok(());
    }
    for body in ["", "{}", "<a/>"] {
        unsupported(bench.adapter.decode(&Message::json(body)))?;
    }
    Ok(())
}

pub(super) async fn undeclared_files_are_unsupported(bench: &Bench) -> Outcome {
    if bench.adapter.info().capabilities.file {
        return Ok(());
    }
    for body in ["", "{}", "<a/>"] {
        let bytes = body.as_bytes().to_vec();
        let file = Sample::new("a file", Via::File, bytes, Gives::Refused);
        unsupported(bench.decode(&file))?;
    }
    Ok(())
}

pub(super) async fn building_and_decoding_contact_nobody(bench: &Bench) -> Outcome {
    let again = (bench.entry.build)(&bench.sim.settings()).map_err(say)?;
    for sample in bench.sim.samples().await?.iter().take(20) {
        drop(sample.decode(bench.entry, &*again));
    }
    silent(bench)
}

pub(super) async fn settings_nobody_documents_are_refused_by_name(bench: &Bench) -> Outcome {
    let mut settings = bench.sim.settings();
    if let Some(table) = settings.as_object_mut() {
        table.insert("pase_url".to_owned(), Value::from(7));
    }
    match (bench.entry.build)(&settings) {
        Err(error) if error.kind() == ErrorKind::Config => {
            require(error.to_string().contains("pase_url"), || {
                format!("the key is not named: {error}")
            })
        }
        other => Err(format!("want Config, got {other:?}")),
    }
}

pub(super) async fn every_declared_operation_works(bench: &Bench) -> Outcome {
    for operation in bench.remote() {
        let called = bench.call(operation, &bench.ctx()).await?;
        require(called.is_ok(), || format!("{operation:?}: {called:?}"))?;
    }
    let arrives = bench.adapter.info().capabilities;
    let delivers =
        arrives.search || arrives.poll || arrives.push || arrives.file || arrives.subscribe;
    require(delivers, || "declares no way for a read to come".to_owned())
}

fn unsupported<T: std::fmt::Debug>(called: Called<T>) -> Outcome {
    let refused = called
        .as_ref()
        .is_err_and(|error| error.kind() == ErrorKind::Unsupported);
    require(refused, || format!("want Unsupported, got {called:?}"))
}

fn silent(bench: &Bench) -> Outcome {
    let sent = bench.requests();
    require(sent == 0, || format!("{sent} requests were sent"))
}
