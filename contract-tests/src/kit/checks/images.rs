//! Fetching images. An adapter that fetches none refuses to, and sends nothing.

use turnpike_adapters::error::{ErrorKind, Retry};
use turnpike_schemas::read::ImageRef;

use super::decoding::history;
use crate::kit::{Behaviour, Bench, Operation, Outcome, require, say};

/// The image of the vendor; `None` once it is known that there are none and that nothing is sent.
async fn image(bench: &Bench) -> Result<Option<ImageRef>, String> {
    if bench.declares(Operation::Image) {
        let image = bench.sim_image().ok_or("declares images and has none")?;
        return Ok(Some(image));
    }
    let called = bench.call(Operation::Image, &bench.ctx()).await?;
    let refused = called
        .as_ref()
        .is_err_and(|error| error.kind() == ErrorKind::Unsupported);
    require(refused && bench.requests() == 0, || {
        format!("want Unsupported and no request, got {called:?}")
    })?;
    Ok(None)
}

pub(super) async fn an_image_is_fetched_whole(bench: &Bench) -> Outcome {
    let Some(image) = image(bench).await? else {
        return Ok(());
    };
    let fetched = bench.image(&image, &bench.ctx()).await?.map_err(say)?;
    let right = &*fetched.bytes == crate::sim::JPEG
        && fetched.content_type.starts_with("image/")
        && bench.arrived() == 1;
    require(right, || {
        format!("{fetched:?} after {} requests", bench.arrived())
    })
}

pub(super) async fn an_image_that_is_gone_is_an_error_and_asked_for_once(bench: &Bench) -> Outcome {
    let Some(image) = image(bench).await? else {
        return Ok(());
    };
    bench.sim.behave(Behaviour::NoImage)?;
    let called = bench.image(&image, &bench.ctx()).await?;
    let gone = called.as_ref().is_err_and(|error| {
        error.kind() == ErrorKind::Unavailable && error.retry() == Retry::Never
    });
    require(gone && bench.arrived() == 1, || {
        format!("{} requests, {called:?}", bench.arrived())
    })
}

pub(super) async fn a_huge_image_is_refused(bench: &Bench) -> Outcome {
    malformed_when(bench, Behaviour::HugeImage).await
}

pub(super) async fn an_image_that_is_something_else_is_refused(bench: &Bench) -> Outcome {
    malformed_when(bench, Behaviour::ImageIsPage).await
}

async fn malformed_when(bench: &Bench, behaviour: Behaviour) -> Outcome {
    let Some(image) = image(bench).await? else {
        return Ok(());
    };
    bench.sim.behave(behaviour)?;
    let called = bench.image(&image, &bench.ctx()).await?;
    let malformed = called
        .as_ref()
        .is_err_and(|error| error.kind() == ErrorKind::Malformed);
    require(malformed, || format!("want Malformed, got {called:?}"))
}

pub(super) async fn a_foreign_image_reference_is_refused_before_anything_is_sent(
    bench: &Bench,
) -> Outcome {
    let Some(image) = image(bench).await? else {
        return Ok(());
    };
    for reference in [
        "",
        "/",
        "..",
        "img/../../etc/passwd",
        "http://127.0.0.1:9/img/a",
        "//127.0.0.1:9/img/a",
        "img/a?b=c",
        "img/a/b",
        "file:///etc/passwd",
    ] {
        let foreign = ImageRef {
            reference: reference.to_owned(),
            ..image.clone()
        };
        let called = bench.image(&foreign, &bench.ctx()).await?;
        require(called.is_err() && bench.requests() == 0, || {
            format!("`{reference}`: {} requests, {called:?}", bench.requests())
        })?;
    }
    Ok(())
}

pub(super) async fn image_references_are_no_addresses_and_no_pictures(bench: &Bench) -> Outcome {
    for (read, _) in history(bench).await? {
        let declared = bench.declares(Operation::Image) || read.images.is_empty();
        let plain = |image: &ImageRef| {
            let reference = &image.reference;
            !reference.is_empty() && reference.len() < 300 && !reference.contains("://")
        };
        require(declared && read.images.iter().all(plain), || {
            format!("{read:?}")
        })?;
    }
    Ok(())
}
