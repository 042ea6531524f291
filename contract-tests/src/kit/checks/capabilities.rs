//! What an adapter declares, and that it does nothing else.

use turnpike_adapters::conformance::Decoder;
use turnpike_adapters::error::{ErrorKind, Result as Called};

use crate::kit::{Bench, Operation, Outcome, require, say};

pub(super) async fn the_family_is_the_one_of_the_vendor(bench: &Bench) -> Outcome {
    let (declared, is) = (bench.adapter.info().family.as_str(), bench.sim.family());
    let is = format!("{is:?}").to_lowercase();
    require(declared == is, || format!("want {is}, got {declared}"))
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

pub(super) async fn building_and_decoding_contact_nobody(bench: &Bench) -> Outcome {
    let settings = bench.sim.settings();
    let again = (bench.entry.build)(&settings).map_err(say)?;
    let decoder = Decoder {
        entry: bench.entry,
        settings: &settings,
        adapter: &*again,
    };
    for sample in bench.sim.samples().await?.iter().take(20) {
        drop(sample.decode(decoder));
    }
    silent(bench)
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
