//! A limit for every attempt.
//!
//! Innermost: each attempt has its own limit. Wrong is `timeout( retry( adapter ))`: the first attempt can eat
//! the whole limit, and the second, which might have been quick, never happens.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use turnpike_schemas::{
    agreement::{ImagePermit, IngestPermit, Permit},
    read::ImageRef,
};

use crate::{
    adapter::{
        Adapter, Batch, Cursor, Decoded, Image, Info, Item, Message, Page, ReadSeek, Subscription,
        Verdict,
    },
    context::{Context, monotonic},
    error::{Error, ErrorKind, Result},
};

/// Ends a call with `TimedOut` after a limit or at the context's deadline, whichever is first.
///
/// The adapter sees the same limit as its deadline. A call that begins after the deadline is not made.
/// Cancel safe as far as the adapter inside is: its call is dropped.
#[derive(Debug)]
pub struct TimeoutLayer {
    inner: Box<dyn Adapter>,
    limit: Duration,
}

impl TimeoutLayer {
    /// Gives every call of `inner` at most `limit`.
    #[must_use]
    pub fn new(inner: Box<dyn Adapter>, limit: Duration) -> Self {
        Self { inner, limit }
    }

    /// The context with its deadline brought forward to the limit, unless it has passed.
    fn tighten(&self, ctx: &Context, operation: &'static str) -> Result<Context> {
        let now = monotonic();
        if ctx.deadline() <= now {
            return Err(late(operation));
        }
        let limit = now.checked_add(self.limit);
        Ok(limit.map_or_else(|| ctx.clone(), |limit| ctx.until(limit)))
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Adapter for TimeoutLayer {
    fn info(&self) -> &Info {
        self.inner.info()
    }

    async fn search(&self, ctx: &Context, permit: &Permit) -> Result<Page> {
        let ctx = self.tighten(ctx, "search")?;
        limited(ctx.deadline(), "search", self.inner.search(&ctx, permit)).await
    }

    async fn poll(&self, ctx: &Context, permit: &IngestPermit, since: &Cursor) -> Result<Batch> {
        let ctx = self.tighten(ctx, "poll")?;
        limited(ctx.deadline(), "poll", self.inner.poll(&ctx, permit, since)).await
    }

    fn decode(&self, message: &Message) -> Result<Decoded> {
        self.inner.decode(message)
    }

    fn decode_file(
        &self,
        name: &str,
        file: &mut dyn ReadSeek,
        sink: &mut dyn FnMut(Item) -> Result<()>,
    ) -> Result<Verdict> {
        self.inner.decode_file(name, file, sink)
    }

    async fn image(&self, ctx: &Context, permit: &ImagePermit, image: &ImageRef) -> Result<Image> {
        let ctx = self.tighten(ctx, "image")?;
        limited(
            ctx.deadline(),
            "image",
            self.inner.image(&ctx, permit, image),
        )
        .await
    }

    fn subscription(&self) -> Option<Subscription> {
        self.inner.subscription()
    }
}

async fn limited<T>(
    deadline: Instant,
    operation: &'static str,
    call: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::time::timeout_at(deadline.into(), call)
        .await
        .unwrap_or_else(|_| Err(late(operation)))
}

fn late(operation: &'static str) -> Error {
    let message = "no complete answer within the time given";
    Error::new(ErrorKind::TimedOut, operation, message)
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    const LIMIT: Duration = Duration::from_secs(2);

    #[tokio::test(start_paused = true)]
    async fn an_attempt_ends_at_its_limit_or_at_the_deadline_whichever_is_first() {
        for (time, want) in [(8, 2), (2, 2), (1, 1)] {
            let (time, want) = (Duration::from_secs(time), Duration::from_secs(want));
            let script = Script::default();
            script.always(Step::Hang);
            let layer = TimeoutLayer::new(script.adapter(), LIMIT);
            let bench = Bench::with(time, Duration::ZERO);
            let started = monotonic();
            let error = layer.search(&bench.ctx, &bench.permit).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            assert_eq!(script.deadlines(), [started + want]);
            let took = monotonic() - started;
            assert!(took >= want && took <= want + Duration::from_millis(1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn poll_and_image_are_limited_as_well() {
        let script = Script::default();
        script.always(Step::Hang);
        let layer = TimeoutLayer::new(script.adapter(), LIMIT);
        let bench = Bench::new();
        let poll = layer
            .poll(&bench.ctx, &bench.ingest, &Cursor::default())
            .await;
        let image = layer
            .image(&bench.ctx, &bench.image_permit, &bench.image)
            .await;
        let kinds = [
            poll.unwrap_err().kind(),
            image.map(|_| ()).unwrap_err().kind(),
        ];
        assert_eq!((kinds, script.calls()), ([ErrorKind::TimedOut; 2], 2));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_in_time_and_an_error_in_time_pass_unchanged() {
        let script = Script::default();
        script.next([
            Step::Take(Duration::from_millis(1_990)),
            Step::Fail(ErrorKind::Malformed),
        ]);
        let layer = TimeoutLayer::new(script.adapter(), LIMIT);
        let bench = Bench::new();
        layer.search(&bench.ctx, &bench.permit).await.unwrap();
        let error = layer.search(&bench.ctx, &bench.permit).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_begins_after_the_deadline() {
        let script = Script::default();
        let layer = TimeoutLayer::new(script.adapter(), LIMIT);
        let bench = Bench::with(Duration::ZERO, Duration::ZERO);
        let error = layer.search(&bench.ctx, &bench.permit).await.unwrap_err();
        assert_eq!((error.kind(), script.calls()), (ErrorKind::TimedOut, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_beyond_all_time_is_no_limit() {
        let script = Script::default();
        let layer = TimeoutLayer::new(script.adapter(), Duration::MAX);
        let bench = Bench::new();
        layer.search(&bench.ctx, &bench.permit).await.unwrap();
        assert_eq!(script.deadlines(), [bench.ctx.deadline()]);
        assert_eq!(decode_both(&layer), (1, 1));
    }
}
