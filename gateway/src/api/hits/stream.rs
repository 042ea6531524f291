//! `GET /v1/hits/stream`: events as they happen (Server-Sent Events), taken up again where a connection ended.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    response::{
        IntoResponse as _, Response,
        sse::{Event as Line, KeepAlive, Sse},
    },
};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::Deserialize;
use tokio::{sync::watch::Receiver, time::Instant};
use turnpike_schemas::api::{Problem, hits::HitEvent};
use utoipa::IntoParams;

use crate::{
    api::{caller::Caller, problem::Failure},
    app::App,
    watch::{Event, WatchError},
};

/// The number of the last event somebody has.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// A sign of life where nothing happens.
const BEAT: Duration = Duration::from_secs(15);

/// Longest stream: who listens shows again who they are.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// Events read from the outbox at once.
const PAGE: u32 = 100;

/// Where to take up.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct Since {
    /// The same as the header `Last-Event-ID`, for those who cannot send it; the header counts where there are both.
    last_event_id: Option<u64>,
}

/// Events for one owner.
struct Following {
    app: Arc<App>,
    owner: String,
    /// The last event that was sent.
    sent: u64,
    page: VecDeque<Event>,
    /// The number it begins at is still to be sent: a connection that ends before anything happens is taken up there.
    begins: bool,
    woken: Receiver<u64>,
    until: Instant,
}

/// Follow your hits
///
/// Server-Sent Events: `event` is `hit`, `amended`, `reviewed` or `escalated`, `data` one JSON object, `id` the number to send as `Last-Event-ID`
/// when taking up again: nothing is missed and nothing comes twice. Without it, from now on. A comment comes every 15 seconds. After
/// 15 minutes the stream ends, and is taken up again with a token that is still good. An event stays for 7 days at least; what it
/// shows, as long as the source's agreement allows.
#[utoipa::path(
    get,
    path = "/v1/hits/stream",
    operation_id = "follow_hits",
    tag = "alerts",
    params(
        Since,
        ("Last-Event-ID" = Option<u64>, Header, description = "The number of the last event that arrived"),
    ),
    responses(
        (status = 200, description = "The events", content((HitEvent = "text/event-stream"))),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Not the number of an event", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or hits cannot be read", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(in crate::api) async fn follow(
    State(app): State<Arc<App>>,
    caller: Caller,
    since: Result<Query<Since>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    app.watches(&caller).await?;
    let Some(since) = last_event(&headers, since) else {
        return Err(app.not_a_hit(&caller, "last_event_id").await);
    };
    let owner = caller.0.subject().to_owned();
    // Listened for first, so that nothing happens between the outbox and here.
    let woken = app.hub.listen(&owner);
    let sent = match since {
        Some(since) => since,
        None => app.hits.latest().await?,
    };
    app.shows(&caller, &[("way", "stream".into()), ("from", sent.into())])
        .await?;
    let following = Following {
        app,
        owner,
        sent,
        page: VecDeque::new(),
        begins: true,
        woken,
        until: Instant::now() + LONGEST,
    };
    let lines = futures::stream::unfold(following, |mut following| async {
        let line = following.next().await?;
        Some((Ok::<_, Infallible>(line), following))
    });
    let beat = KeepAlive::new().interval(BEAT);
    let mut response = Sse::new(lines).keep_alive(beat).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that gather what they pass on would hold hits back.
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    Ok(response)
}

/// The number sent, nothing where none is; `None` for what is no number.
fn last_event(
    headers: &HeaderMap,
    since: Result<Query<Since>, QueryRejection>,
) -> Option<Option<u64>> {
    let Query(since) = since.ok()?;
    match headers.get(LAST_EVENT_ID) {
        None => Some(since.last_event_id),
        Some(value) => {
            let number = value.to_str().ok()?.trim();
            number.parse().ok().map(Some)
        }
    }
}

impl Following {
    /// The next event, once there is one; nothing at the end.
    async fn next(&mut self) -> Option<Line> {
        if std::mem::take(&mut self.begins) {
            return Some(Line::default().id(self.sent.to_string()));
        }
        loop {
            if let Some(event) = self.page.pop_front() {
                self.sent = event.seq;
                match self.line(&event) {
                    Ok(line) => return Some(line),
                    Err(error) => tracing::error!(%error, "an event cannot be sent"),
                }
                continue;
            }
            self.woken.mark_unchanged();
            let page = self.app.hits.after(self.sent, &self.owner, PAGE).await;
            match page {
                Ok(page) if page.is_empty() => self.wait().await?,
                Ok(page) => self.page = page.into(),
                Err(error) => {
                    tracing::error!(%error, "a stream of hits ends: the book cannot be read");
                    return None;
                }
            }
        }
    }

    /// Until something happens; nothing once the stream is over.
    async fn wait(&mut self) -> Option<()> {
        let stop = self.app.stop.clone();
        tokio::select! {
            () = stop.cancelled() => None,
            () = tokio::time::sleep_until(self.until) => None,
            woken = self.woken.changed() => woken.ok(),
        }
    }

    fn line(&self, event: &Event) -> Result<Line, WatchError> {
        let shown: HitEvent = event.shown(self.app.clock.now())?;
        let json = serde_json::to_string(&shown);
        let json = json.map_err(|_| WatchError::Unreadable("an event has no JSON"))?;
        Ok(Line::default()
            .id(event.seq.to_string())
            .event(event.kind.as_str())
            .data(json))
    }
}
