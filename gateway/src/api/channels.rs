//! `/v1/channels`: where the caller and their systems are told of hits, and who is told in the caller's place. Everybody sees and
//! changes their own alone.

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
    agreement::Assurance,
    api::{
        Problem,
        channels::{
            Channel, ChannelCode, ChannelDelivery, ChannelKind, ChannelList, ChannelMade,
            ChannelSettings, DeliveryList, DeliveryState, Escalating, Escalation, MAX_DELIVERIES,
            NewChannel, PushKey, Replayed,
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
    channels::{self, ChannelError, Kind, Page, State as Became, What},
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
/// You or your system are told of your hits from now on: by webhook, mail or web push. For a webhook the answer holds the secret that
/// signs, once; an address of mail is told once the code that was sent there is given back (`/v1/channels/{id}/confirm`).
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
        (status = 422, description = "The address may not be told, or not in this way", body = Problem, content_type = "application/problem+json"),
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
    let made = app.channels.make(subject, organisation, new).await;
    let (channel, secret) = app.done(&caller, made).await?;
    Ok(Json(ChannelMade {
        channel: shown(channel),
        secret: secret.map(|secret| secret.expose().to_owned()),
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
        (status = 422, description = "Only a webhook has a secret", body = Problem, content_type = "application/problem+json"),
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
        secret: Some(secret.expose().to_owned()),
    }))
}

/// Show that an address of mail is yours
///
/// With the code that was sent there. It is told of your hits from now on. After five wrong codes the channel is removed.
#[utoipa::path(
    post,
    path = "/v1/channels/{id}/confirm",
    operation_id = "confirm_channel",
    tag = "alerts",
    params(("id" = Uuid, Path, description = "The channel")),
    request_body = ChannelCode,
    responses(
        (status = 200, description = "The channel", body = Channel),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "You have no such channel", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body took too long", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not `application/json`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Another code was sent", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or channels cannot be looked up", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn confirm(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<Uuid>, PathRejection>,
    request: Request,
) -> Result<Json<Channel>, Failure> {
    app.told(&caller).await?;
    let ChannelCode { code } = app.known_body(&caller, request).await?;
    let confirmed = app
        .channels
        .confirm(named(path), caller.0.subject(), &code)
        .await;
    Ok(Json(shown(app.done(&caller, confirmed).await?)))
}

/// Say when a channel is told
///
/// Quiet hours and digests, in the place of those before. What waits is told by them.
#[utoipa::path(
    put,
    path = "/v1/channels/{id}/settings",
    operation_id = "set_channel",
    tag = "alerts",
    params(("id" = Uuid, Path, description = "The channel")),
    request_body = ChannelSettings,
    responses(
        (status = 200, description = "The channel", body = Channel),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "You have no such channel", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body took too long", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not `application/json`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Not hours, no zone, or no span", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or channels cannot be looked up", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn set(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<Uuid>, PathRejection>,
    request: Request,
) -> Result<Json<Channel>, Failure> {
    app.told(&caller).await?;
    let settings: ChannelSettings = app.known_body(&caller, request).await?;
    let set = app
        .channels
        .set(named(path), caller.0.subject(), &settings)
        .await;
    Ok(Json(shown(app.done(&caller, set).await?)))
}

/// Show what browsers subscribe with
///
/// The gateway's public key for web push: `applicationServerKey`. It stays the same.
#[utoipa::path(
    get,
    path = "/v1/push-key",
    operation_id = "push_key",
    tag = "alerts",
    responses(
        (status = 200, description = "The key", body = PushKey),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Web push is not set up here", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or channels cannot be looked up", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn push_key(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<PushKey>, Failure> {
    app.told(&caller).await?;
    let vapid = app.channels.vapid().await;
    let vapid = vapid.and_then(|vapid| vapid.ok_or(ChannelError::NotHere("web push")));
    let vapid = app.done(&caller, vapid).await?;
    Ok(Json(PushKey {
        key: vapid.public().to_owned(),
    }))
}

/// Show who is told of hits that you have not seen
#[utoipa::path(
    get,
    path = "/v1/escalation",
    operation_id = "escalation",
    tag = "alerts",
    responses(
        (status = 200, description = "Who, or nobody", body = Escalating),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or channels cannot be looked up", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn escalation(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<Escalating>, Failure> {
    app.told(&caller).await?;
    let found = app.channels.book().escalation(caller.0.subject()).await?;
    let escalation = found.map(|found| Escalation {
        to: found.to,
        after_s: u32::try_from(found.after.as_secs()).unwrap_or(u32::MAX),
    });
    Ok(Json(Escalating { escalation }))
}

/// Say who is told of hits that you have not seen
///
/// Of hits from now on, of lists that are shared with them, and where the agreement of the source lets them be told: that is decided
/// anew for each hit, and on record.
#[utoipa::path(
    put,
    path = "/v1/escalation",
    operation_id = "set_escalation",
    tag = "alerts",
    request_body = Escalating,
    responses(
        (status = 200, description = "Who, or nobody", body = Escalating),
        (status = 400, description = "Not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles do not allow this", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body took too long", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not `application/json`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Nobody who could be told, or no span", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or channels cannot be looked up", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn set_escalation(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> Result<Json<Escalating>, Failure> {
    app.told(&caller).await?;
    let asked: Escalating = app.known_body(&caller, request).await?;
    if let Some(to) = &asked.escalation
        && !app.is_second(&caller, &to.to).await?
    {
        return app.done(&caller, Err(ChannelError::Second)).await;
    }
    let subject = caller.0.subject();
    let set = app.channels.escalate(subject, asked.escalation.as_ref());
    let set = set.await;
    app.done(&caller, set).await?;
    Ok(Json(asked))
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
        kind: match channel.kind {
            Kind::Webhook => ChannelKind::Webhook,
            Kind::Email => ChannelKind::Email,
            Kind::Push => ChannelKind::Push,
        },
        unconfirmed: channel.unconfirmed,
        settings: channel.settings.written().clone(),
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
        What::Test { .. } | What::Confirm { .. } => (None, 0),
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

    /// Whether somebody else of the caller's organisation can be told while they are not signed in.
    async fn is_second(&self, caller: &Caller, to: &str) -> Result<bool, Failure> {
        let standing = self.directory.standing(to, Assurance::Aal1).await;
        let standing = standing.map_err(|_| ChannelError::Unreadable("who somebody is"))?;
        let organisation = &caller.0.organisation().id;
        let is_here = |found: crate::identity::Identity| {
            found.organisation().id == *organisation && found.may_ask()
        };
        Ok(to != caller.0.subject() && standing.is_some_and(is_here))
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
            ChannelError::Target(_) | ChannelError::Address(_) => "url",
            ChannelError::Keys(_) => "keys",
            ChannelError::Settings(error) => error.field(),
            ChannelError::NotHere(_) => "not_here",
            ChannelError::WrongCode => "code",
            ChannelError::Second => "to",
            ChannelError::After => "after_s",
            ChannelError::NoSecret => "secret",
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
            ChannelError::Target(_) | ChannelError::Address(_) => {
                Self::new(INVALID).because(text).at("url")
            }
            ChannelError::Keys(_) => Self::new(INVALID).because(text).at("keys"),
            ChannelError::Settings(error) => Self::new(INVALID).because(text).at(error.field()),
            ChannelError::NotHere(_) | ChannelError::NoSecret => Self::new(INVALID).because(text),
            ChannelError::WrongCode => Self::new(INVALID).because(text).at("code"),
            ChannelError::Second => Self::new(INVALID).because(text).at("escalation.to"),
            ChannelError::After => Self::new(INVALID).because(text).at("escalation.after_s"),
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
