//! `/v1/channels`: where the caller's systems are told of hits. Everybody sees and changes their own alone.

use std::sync::Arc;

use axum::{
    Json,
    extract::{
        Path, Query, Request, State,
        rejection::{PathRejection, QueryRejection},
    },
};
use http::StatusCode;
use serde::Deserialize;
use turnpike_schemas::{
    api::{
        Problem,
        channels::{
            Channel, ChannelDelivery, ChannelKind, ChannelList, ChannelMade, DeliveryList,
            DeliveryState, MAX_DELIVERIES, NewChannel, Replayed,
        },
    },
    ledger::{Action, RefusedReason},
};
use utoipa::IntoParams;
use uuid::Uuid;

use super::{
    caller::Caller,
    problem::{EXISTS, FORBIDDEN, Failure, INVALID, NOT_FOUND, STORE_UNAVAILABLE},
};
use crate::{
    app::App,
    channels::{self, ChannelError, Page, State as Became, What},
};

/// Which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DeliveryParams {
    /// Only those of which this became.
    state: Option<DeliveryState>,
    /// Only those before this place: the last of the page before.
    before: Option<u64>,
    /// At most so many, 1 to 200; 100 when absent.
    limit: Option<u32>,
}

/// List your channels
#[utoipa::path(
    get,
    path = "/v1/channels",
    operation_id = "channels",
    tag = "alerts",
    responses(
        (status = 200, description = "Your channels; nothing secret", body = ChannelList),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or channels cannot be looked up", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<ChannelList>, Failure> {
    app.told(&caller).await?;
    let channels = app.channels.list(caller.0.subject()).await?;
    let channels = channels.into_iter().map(shown).collect();
    Ok(Json(ChannelList { channels }))
}

/// Make a channel
///
/// Your system is told of your hits from now on. The answer holds the secret that signs, once.
#[utoipa::path(
    post,
    path = "/v1/channels",
    operation_id = "add_channel",
    tag = "alerts",
    request_body = NewChannel,
    responses(
        (status = 200, description = "The channel and its secret", body = ChannelMade),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token, or a surer sign-in is needed", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body took too long", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "You have as many as one may have", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not `application/json`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The address may not be told", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or channels cannot be looked up", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn add(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> Result<Json<ChannelMade>, Failure> {
    app.told(&caller).await?;
    // Whoever has hits sent elsewhere takes them home.
    app.stepped_up(&caller).await?;
    let new: NewChannel = app.known_body(&caller, request).await?;
    let (subject, organisation) = (caller.0.subject(), &caller.0.organisation().id);
    let made = app.channels.make(subject, organisation, &new.url).await;
    let (channel, secret) = app.done(&caller, made).await?;
    Ok(Json(ChannelMade {
        channel: shown(channel),
        secret: secret.expose().to_owned(),
    }))
}

/// Remove a channel
///
/// What waits for it is not sent; each hit can still be asked for.
#[utoipa::path(
    delete,
    path = "/v1/channels/{id}",
    operation_id = "remove_channel",
    tag = "alerts",
    params(("id" = Uuid, Path, description = "The channel")),
    responses(
        (status = 204, description = "It is told nothing any more"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "You have no such channel", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or channels cannot be looked up", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<Uuid>, PathRejection>,
) -> Result<StatusCode, Failure> {
    app.told(&caller).await?;
    let removed = app.channels.remove(named(path), caller.0.subject()).await;
    app.done(&caller, removed).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make another secret for a channel
///
/// The answer holds it, once. For 24 hours the secret before it signs as well.
#[utoipa::path(
    post,
    path = "/v1/channels/{id}/rotate",
    operation_id = "rotate_channel",
    tag = "alerts",
    params(("id" = Uuid, Path, description = "The channel")),
    responses(
        (status = 200, description = "The channel and its new secret", body = ChannelMade),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "You have no such channel", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or channels cannot be looked up", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn rotate(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<Uuid>, PathRejection>,
) -> Result<Json<ChannelMade>, Failure> {
    app.told(&caller).await?;
    let rotated = app.channels.rotate(named(path), caller.0.subject()).await;
    let (channel, secret) = app.done(&caller, rotated).await?;
    Ok(Json(ChannelMade {
        channel: shown(channel),
        secret: secret.expose().to_owned(),
    }))
}

/// List what a channel was told
///
/// What was delivered is listed for 7 days; what waits or is dead stays.
#[utoipa::path(
    get,
    path = "/v1/channels/{id}/deliveries",
    operation_id = "channel_deliveries",
    tag = "alerts",
    params(("id" = Uuid, Path, description = "The channel"), DeliveryParams),
    responses(
        (status = 200, description = "Deliveries, the latest first", body = DeliveryList),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "You have no such channel", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or channels cannot be looked up", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn deliveries(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<Uuid>, PathRejection>,
    params: Result<Query<DeliveryParams>, QueryRejection>,
) -> Result<Json<DeliveryList>, Failure> {
    app.told(&caller).await?;
    let page = match page(params) {
        Ok(page) => page,
        Err(failure) => {
            let reason = RefusedReason::Malformed;
            return Err(app.refuse_other(&caller, reason, "query", failure).await);
        }
    };
    let (id, subject) = (named(path), caller.0.subject());
    let found = app.channels.deliveries(id, subject, page).await;
    let found = app.done(&caller, found).await?;
    Ok(Json(DeliveryList {
        deliveries: found.into_iter().map(delivery).collect(),
    }))
}

/// Send the dead letters of a channel again
///
/// Each under its name, and tried for another day. A channel that was disabled is told again.
#[utoipa::path(
    post,
    path = "/v1/channels/{id}/replay",
    operation_id = "replay_channel",
    tag = "alerts",
    params(("id" = Uuid, Path, description = "The channel")),
    responses(
        (status = 200, description = "How many there are", body = Replayed),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "You have no such channel", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or channels cannot be looked up", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn replay(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<Uuid>, PathRejection>,
) -> Result<Json<Replayed>, Failure> {
    app.told(&caller).await?;
    let replayed = app.channels.replay(named(path), caller.0.subject()).await;
    let replayed = app.done(&caller, replayed).await?;
    Ok(Json(Replayed {
        replayed: u64::try_from(replayed).unwrap_or(u64::MAX),
    }))
}

/// Send a test event to a channel
///
/// It tells of no hit and no plate. What came of it is in the list of deliveries.
#[utoipa::path(
    post,
    path = "/v1/channels/{id}/test",
    operation_id = "test_channel",
    tag = "alerts",
    params(("id" = Uuid, Path, description = "The channel")),
    responses(
        (status = 200, description = "The delivery; it waits its turn", body = ChannelDelivery),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "You have no such channel", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or channels cannot be looked up", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn test(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<Uuid>, PathRejection>,
) -> Result<Json<ChannelDelivery>, Failure> {
    app.told(&caller).await?;
    let sent = app.channels.test(named(path), caller.0.subject()).await;
    Ok(Json(delivery(app.done(&caller, sent).await?)))
}

/// What is no name of a channel is the name of none.
fn named(path: Result<Path<Uuid>, PathRejection>) -> Uuid {
    path.map(|Path(id)| id).unwrap_or_default()
}

fn page(params: Result<Query<DeliveryParams>, QueryRejection>) -> Result<Page, Failure> {
    let wrong = || {
        Failure::new(INVALID)
            .because("`state` is `waiting`, `delivered` or `dead`, `before` a place, and `limit` 1 to 200")
            .at("query")
    };
    let Query(params) = params.map_err(|_| wrong())?;
    let limit = params.limit.unwrap_or(100);
    if !(1..=MAX_DELIVERIES).contains(&limit) {
        return Err(wrong());
    }
    Ok(Page {
        state: params.state.map(|state| match state {
            DeliveryState::Waiting => Became::Waiting,
            DeliveryState::Delivered => Became::Delivered,
            DeliveryState::Dead => Became::Dead,
        }),
        before: params.before,
        limit,
    })
}

fn shown(channel: channels::Channel) -> Channel {
    Channel {
        id: channel.id,
        kind: ChannelKind::Webhook,
        url: channel.url.into(),
        made_at: channel.made_at,
        old_secret_until: channel.old_until,
        disabled_at: channel.disabled.map(|disabled| disabled.at),
        disabled_why: channel
            .disabled
            .map(|disabled| disabled.why.as_str().to_owned()),
    }
}

fn delivery(delivery: channels::Delivery) -> ChannelDelivery {
    let (hit, events) = match &delivery.what {
        What::One(seen) => (Some(seen.hit.clone()), 1),
        What::Digest { first, count, .. } => (Some(first.hit.clone()), *count),
        What::Test { .. } => (None, 0),
    };
    let is_waiting = delivery.state == Became::Waiting;
    ChannelDelivery {
        place: delivery.place,
        kind: delivery.what.as_str().to_owned(),
        event: delivery.event,
        hit,
        events,
        state: match delivery.state {
            Became::Waiting => DeliveryState::Waiting,
            Became::Delivered => DeliveryState::Delivered,
            Became::Dead => DeliveryState::Dead,
        },
        attempts: delivery.attempts,
        made_at: delivery.made_at,
        next_at: is_waiting.then_some(delivery.next_at),
        settled_at: delivery.settled_at,
        answer: delivery.answer,
    }
}

impl App {
    /// Lets through whoever may have alert lists, and so may be told of hits. Otherwise the refusal is recorded.
    async fn told(&self, caller: &Caller) -> Result<(), Failure> {
        if !caller.0.may_ask() {
            let failure = Failure::new(FORBIDDEN)
                .because("channels are for the roles `investigator`, `supervisor` and `system`");
            let reason = RefusedReason::Forbidden;
            return Err(self.refuse_other(caller, reason, "role", failure).await);
        }
        self.fit(caller, Action::Alert).await
    }

    /// What was done, or the problem with its refusal on record.
    async fn done<T>(&self, caller: &Caller, done: Result<T, ChannelError>) -> Result<T, Failure> {
        let error = match done {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let detail = match &error {
            ChannelError::Missing => "missing",
            ChannelError::TooMany => "channels",
            ChannelError::Target(_) => "url",
            _ => return Err(error.into()),
        };
        let reason = RefusedReason::Malformed;
        Err(self
            .refuse_other(caller, reason, detail, error.into())
            .await)
    }
}

impl From<ChannelError> for Failure {
    fn from(error: ChannelError) -> Self {
        let text = error.to_string();
        match error {
            ChannelError::Missing => Self::new(NOT_FOUND).because(text),
            ChannelError::TooMany => Self::new(EXISTS).because(text),
            ChannelError::Target(_) => Self::new(INVALID).because(text).at("url"),
            ChannelError::Ledger(error) => error.into(),
            error => {
                tracing::error!(%error, "channels cannot be used");
                Self::new(STORE_UNAVAILABLE)
                    .because("nothing was changed; try again, and tell the operator if it stays")
                    .after(1)
            }
        }
    }
}
