//! How the sources are doing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    agreement::AgreementRef,
    read::{Family, SourceId},
};

/// How a source delivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// Asked live, nothing kept.
    Pull,
    /// Polled with a cursor.
    Poll,
    /// Pushes messages.
    Push,
    /// Drops files.
    File,
    /// Listened to: a broker, or a stream.
    Subscribe,
}

/// What a source needs somebody for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// The two engines that must both permit did not come to one answer about it: refused, and an alarm in the ledger.
    Policy,
    /// Its agreement is not in force: nothing is asked or taken in.
    Agreement,
    /// It refuses what it is asked as wrong.
    Configuration,
    /// It refuses the gateway's credentials.
    Credentials,
    /// It cannot be reached, or is left alone for now because it failed repeatedly.
    Unreachable,
    /// What it sent or answered last could not be understood.
    Garbled,
    /// Messages in its name are refused: their token, secret or signature is missing or wrong.
    Proof,
    /// Nothing has ever come from it.
    NeverSeen,
    /// Nothing has come from it for longer than configured.
    Silent,
    /// The latest call was not made or not answered, because a limit is reached.
    Limited,
    /// Many of its latest records are rejected.
    Rejects,
    /// Its clock is off.
    Clock,
    /// Its agreement ends within two weeks.
    AgreementEnds,
}

/// How a source is doing. Counts are since the start of the gateway.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SourceHealth {
    /// What it needs somebody for, worst first; empty when all is well.
    pub needs: Vec<Need>,
    /// When the newest read that came was captured; absent for sources that are asked live.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub last_read_at: Option<Timestamp>,
    /// From capture to arrival of the newest read of the latest delivery, in milliseconds.
    #[schema(required)]
    pub lag_ms: Option<u64>,
    /// How far the source's clock is ahead of the gateway's, in milliseconds, where something shows it: what it says the
    /// time is, or a capture in the future.
    #[schema(required)]
    pub clock_skew_ms: Option<i64>,
    /// Records that came, rejected ones included.
    pub records: u64,
    /// Share of the latest records that was rejected, 0 to 1.
    #[schema(required, minimum = 0, maximum = 1)]
    pub rejected_share: Option<f64>,
    /// Records that were held already.
    pub duplicates: u64,
    /// Messages, files and polls that were refused as a whole.
    pub refused: u64,
    /// Messages in its name whose token, secret or signature was missing or wrong.
    pub unproven: u64,
    /// Fields in which what it pushes, drops or publishes differs from its recorded shape; absent where none is recorded, or
    /// nothing came.
    #[schema(required)]
    pub drift: Option<DriftCount>,
    /// Decisions about it on which the two engines did not come to one answer.
    #[serde(default)]
    pub policy_alarms: u64,
    /// Calls made to it.
    pub calls: u64,
    /// Calls that failed, by kind of error.
    pub errors: BTreeMap<String, u64>,
    /// Requests that were not sent for want of quota.
    pub throttled: u64,
    /// Requests that may be sent to it right now; absent for sources that are not called.
    #[schema(required)]
    pub quota_left: Option<u32>,
}

/// How many fields differ from a recorded shape.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DriftCount {
    /// Not in the recorded shape.
    pub new: u32,
    /// Always there in the recorded shape, and not in everything now.
    pub missing: u32,
    /// Of another type.
    pub retyped: u32,
}

/// One configured source as shown to a user who may ask or runs the installation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SourceInfo {
    /// The source.
    pub source: SourceId,
    /// Its name for people.
    pub title: String,
    /// Its family.
    pub family: Family,
    /// The adapter.
    pub adapter: String,
    /// How it delivers.
    pub delivery: Vec<Delivery>,
    /// The agreement, `id@version`.
    pub agreement: AgreementRef,
    /// State of the circuit breaker: `closed`, `open`, `half_open`; absent for sources that are not asked live.
    #[schema(required)]
    pub breaker: Option<String>,
    /// When the source last sent or answered anything.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub last_seen_at: Option<Timestamp>,
    /// Reads held for this source.
    #[schema(required)]
    pub reads_held: Option<u64>,
    /// Records rejected since start.
    pub rejected: u64,
    /// How it is doing.
    pub health: SourceHealth,
}

/// The list of sources.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SourceList {
    /// Every configured source.
    pub sources: Vec<SourceInfo>,
}
