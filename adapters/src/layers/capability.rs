//! Refuses what an adapter does not declare, before anything else is spent on it.
//!
//! Outermost: an undeclared operation must not wake the breaker, spend retries or wait for quota. Wrong is
//! `breaker( capability( adapter ))`: while the breaker is open a source that can never be searched would be
//! called unavailable instead of unsupported, and somebody would wait for it to come back.

use async_trait::async_trait;
use turnpike_schemas::{
    agreement::{ImagePermit, IngestPermit, Permit},
    query::MatchMode,
    read::ImageRef,
};

use crate::{
    adapter::{
        Adapter, Batch, Cursor, Decoded, Image, Info, Item, Message, Page, ReadSeek, Subscription,
        Verdict, unsupported,
    },
    context::Context,
    error::Result,
};

/// Answers an operation that is not among the declared capabilities with `Unsupported`; the adapter inside is
/// not called. A kind of plate comparison counts as an operation.
#[derive(Debug)]
pub struct CapabilityLayer {
    inner: Box<dyn Adapter>,
}

impl CapabilityLayer {
    /// Holds `inner` to what it declares.
    #[must_use]
    pub fn new(inner: Box<dyn Adapter>) -> Self {
        Self { inner }
    }

    fn compares(&self, mode: MatchMode) -> bool {
        let capabilities = self.inner.info().capabilities;
        match mode {
            MatchMode::Exact => true,
            MatchMode::LookAlike => capabilities.look_alike,
            MatchMode::Partial => capabilities.partial_plates,
        }
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Adapter for CapabilityLayer {
    fn info(&self) -> &Info {
        self.inner.info()
    }

    async fn search(&self, ctx: &Context, permit: &Permit) -> Result<Page> {
        let compares = self.compares(permit.query().plate().mode());
        if !self.info().capabilities.search || !compares {
            return unsupported("search");
        }
        self.inner.search(ctx, permit).await
    }

    async fn poll(&self, ctx: &Context, permit: &IngestPermit, since: &Cursor) -> Result<Batch> {
        if !self.info().capabilities.poll {
            return unsupported("poll");
        }
        self.inner.poll(ctx, permit, since).await
    }

    fn decode(&self, message: &Message) -> Result<Decoded> {
        let can = self.info().capabilities;
        if !(can.push || can.subscribe) {
            return unsupported("decode");
        }
        self.inner.decode(message)
    }

    fn decode_file(
        &self,
        name: &str,
        file: &mut dyn ReadSeek,
        sink: &mut dyn FnMut(Item) -> Result<()>,
    ) -> Result<Verdict> {
        if !self.info().capabilities.file {
            return unsupported("decode_file");
        }
        self.inner.decode_file(name, file, sink)
    }

    async fn image(&self, ctx: &Context, permit: &ImagePermit, image: &ImageRef) -> Result<Image> {
        if !self.info().capabilities.images {
            return unsupported("image");
        }
        self.inner.image(ctx, permit, image).await
    }

    fn subscription(&self) -> Option<Subscription> {
        if !self.info().capabilities.subscribe {
            return None;
        }
        self.inner.subscription()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};
    use crate::{adapter::Capabilities, error::ErrorKind};

    fn refused<T>(outcome: Result<T>) -> bool {
        outcome.is_err_and(|error| error.kind() == ErrorKind::Unsupported)
    }

    #[tokio::test]
    async fn nothing_undeclared_reaches_the_adapter() {
        let script = Script::default().declaring(Capabilities::default());
        let layer = CapabilityLayer::new(script.adapter());
        let bench = Bench::new();
        assert!(refused(layer.search(&bench.ctx, &bench.permit).await));
        assert!(refused(
            layer
                .poll(&bench.ctx, &bench.ingest, &Cursor::default())
                .await
        ));
        assert!(refused(
            layer
                .image(&bench.ctx, &bench.image_permit, &bench.image)
                .await
        ));
        assert!(refused(layer.decode(&Message::json("{}"))));
        let mut file = std::io::Cursor::new(b"");
        assert!(refused(
            layer.decode_file("a.csv", &mut file, &mut |_| Ok(()))
        ));
        assert_eq!((script.calls(), bench.sends()), (0, 0));
    }

    #[tokio::test]
    async fn what_is_declared_reaches_the_adapter() {
        let script = Script::default();
        let layer = CapabilityLayer::new(script.adapter());
        let bench = Bench::new();
        layer.search(&bench.ctx, &bench.permit).await.unwrap();
        layer
            .poll(&bench.ctx, &bench.ingest, &Cursor::default())
            .await
            .unwrap();
        layer
            .image(&bench.ctx, &bench.image_permit, &bench.image)
            .await
            .unwrap();
        assert_eq!(decode_both(&layer), (1, 1));
        assert_eq!(script.calls(), 5);
    }

    #[tokio::test]
    async fn a_comparison_that_is_not_declared_is_refused_and_others_are_not() {
        let script = Script::default().declaring(Capabilities {
            search: true,
            ..Capabilities::default()
        });
        let layer = CapabilityLayer::new(script.adapter());
        let bench = Bench::new();
        for permit in other_permits() {
            assert!(refused(layer.search(&bench.ctx, &permit).await));
        }
        assert_eq!(script.calls(), 0);
        layer.search(&bench.ctx, &bench.permit).await.unwrap();
        let willing = CapabilityLayer::new(Script::default().adapter());
        for permit in other_permits() {
            willing.search(&bench.ctx, &permit).await.unwrap();
        }
    }

    #[test]
    fn a_subscription_is_named_only_where_it_is_declared() {
        let undeclared = Script::default().declaring(Capabilities::NONE);
        let undeclared = CapabilityLayer::new(undeclared.adapter());
        assert_eq!(undeclared.subscription(), None);
        let declared = CapabilityLayer::new(Script::default().adapter());
        assert_eq!(declared.subscription(), Some(subscribed()));
    }
}
