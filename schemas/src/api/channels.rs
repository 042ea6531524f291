//! Channels: where owners and their systems are told of hits, when they are left alone, and what became of what they were to be told.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::hit::HitId;

/// Most deliveries in one answer.
pub const MAX_DELIVERIES: u32 = 200;

/// Shortest and longest span between two digests, in seconds.
pub const DIGEST_EVERY_S: std::ops::RangeInclusive<u32> = 60..=86_400;

/// Shortest and longest time after which a second person is told, in seconds.
pub const ESCALATE_AFTER_S: std::ops::RangeInclusive<u32> = 60..=86_400;

/// A channel that is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewChannel {
    /// Where you are told: a public `https` address for a webhook, `mailto:` with your address for mail, or the endpoint of a
    /// browser's push subscription together with its `keys`. Redirects are not followed.
    pub url: String,
    /// The keys of a push subscription: then `url` is its endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<PushKeys>,
    /// When it is told, and how much at once.
    #[serde(default, skip_serializing_if = "ChannelSettings::is_default")]
    pub settings: ChannelSettings,
}

/// What a browser hands out with a push subscription (`PushSubscription.toJSON().keys`), base64url.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PushKeys {
    /// The browser's public key: a point on P-256, uncompressed.
    pub p256dh: String,
    /// 16 bytes that only the browser and whoever it subscribed with know.
    #[schema(format = Password)]
    pub auth: String,
}

/// When a channel is told, and how much at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChannelSettings {
    /// Hours in which nothing is sent; what happens then is told together when they are over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet: Option<Quiet>,
    /// Everything is told together, at most so often: 60 to 86400 seconds. One by one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 60, maximum = 86400)]
    pub digest_every_s: Option<u32>,
}

/// Hours in which somebody is left alone. They may go over midnight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Quiet {
    /// Their beginning, `HH:MM`, included.
    pub from: String,
    /// Their end, `HH:MM`, excluded.
    pub to: String,
    /// The time zone, as in `America/New_York`.
    pub zone: String,
}

/// What was sent to an address to see whether it is yours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChannelCode {
    /// The code of the mail.
    pub code: String,
}

/// What a browser subscribes with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PushKey {
    /// `applicationServerKey`: the gateway's public key, base64url.
    pub key: String,
}

/// Who is told of a hit that you have not seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// A person of your organisation, who is told of hits of lists that are shared with them.
    pub to: String,
    /// After so many seconds, 60 to 86400, in which you neither showed the hit nor said what you found.
    #[schema(minimum = 60, maximum = 86400)]
    pub after_s: u32,
}

/// Whether somebody is told of hits that you have not seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Escalating {
    /// Who; nobody when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation: Option<Escalation>,
}

/// One address that is told of your hits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Channel {
    /// Its name.
    pub id: Uuid,
    /// How it is told.
    pub kind: ChannelKind,
    /// Where it is told.
    pub url: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub made_at: Timestamp,
    /// Until when the secret before this one signs as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub old_secret_until: Option<Timestamp>,
    /// Since when it is told nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub disabled_at: Option<Timestamp>,
    /// Why it is told nothing: `gone` when its receiver answered 410 (or a push service 404).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_why: Option<String>,
    /// Whether a code that was sent there is still to be given back: until then it is told nothing else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unconfirmed: bool,
    /// When it is told, and how much at once.
    #[serde(default, skip_serializing_if = "ChannelSettings::is_default")]
    pub settings: ChannelSettings,
}

/// How a channel is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// CloudEvents over HTTP, signed as Standard Webhooks.
    Webhook,
    /// Mail. Neither plate nor place is in it, unless the operator says otherwise.
    Email,
    /// Web push (RFC 8030, 8291, 8292). Neither plate nor place is in it.
    Push,
}

/// A channel, and for a webhook what signs. The secret is shown once.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct ChannelMade {
    /// The channel.
    pub channel: Channel,
    /// `whsec_` and base64, as libraries of Standard Webhooks take it. Only a webhook has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = Password)]
    pub secret: Option<String>,
}

/// Your channels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelList {
    /// Oldest first.
    pub channels: Vec<Channel>,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It is tried, or tried again.
    Waiting,
    /// Your system has it.
    Delivered,
    /// It was tried for a day, or your system wants nothing more: it is sent again only when you say so.
    Dead,
}

/// One event for one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelDelivery {
    /// Its place; a page begins before the last of the page before.
    pub place: u64,
    /// `webhook-id`: the same at every attempt.
    pub event: String,
    /// `hit`, `amended`, `reviewed`, `escalated`, `digest`, `test` or `confirm`.
    pub kind: String,
    /// The hit it tells of; of a digest the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hit: Option<HitId>,
    /// How many events it stands for.
    pub events: u64,
    /// What became of it.
    pub state: DeliveryState,
    /// Attempts that began.
    pub attempts: u32,
    /// When it was first to be told; after a replay, when that was.
    #[schema(value_type = String, format = DateTime)]
    pub made_at: Timestamp,
    /// When it is tried next, where it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_at: Option<Timestamp>,
    /// When it was delivered or given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub settled_at: Option<Timestamp>,
    /// What came of the last attempt, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// Deliveries of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryList {
    /// Latest first.
    pub deliveries: Vec<ChannelDelivery>,
}

/// Dead letters that were taken up again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Replayed {
    /// How many.
    pub replayed: u64,
}

impl DeliveryState {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }
}

impl ChannelSettings {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Debug for PushKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PushKeys")
    }
}

impl ChannelKind {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Email => "email",
            Self::Push => "push",
        }
    }
}

impl fmt::Debug for ChannelMade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelMade")
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}
