//! Channels: where owners' systems are told of hits, and what became of what they were to be told.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::hit::HitId;

/// Most deliveries in one answer.
pub const MAX_DELIVERIES: u32 = 200;

/// A channel that is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewChannel {
    /// Where your system is told: a public `https` address. Redirects are not followed.
    pub url: String,
}

/// One address that is told of your hits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Channel {
    /// Its name.
    pub id: Uuid,
    /// How it is told; always `webhook`.
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
    /// Why it is told nothing: `gone` when its receiver answered 410.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_why: Option<String>,
}

/// How a channel is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// CloudEvents over HTTP, signed as Standard Webhooks.
    Webhook,
}

/// A channel and what signs for it. The secret is shown once.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct ChannelMade {
    /// The channel.
    pub channel: Channel,
    /// `whsec_` and base64, as libraries of Standard Webhooks take it.
    #[schema(format = Password)]
    pub secret: String,
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
    /// `hit`, `amended`, `reviewed`, `digest` or `test`.
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

impl fmt::Debug for ChannelMade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelMade")
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}
