//! How the network misbehaves.

use std::time::Duration;

/// Behaviour that can be changed while the simulator runs. Counted faults go away by themselves.
#[derive(Clone, Debug)]
pub struct Switches {
    /// Which of the two published error shapes is used.
    pub error_body: ErrorBody,
    /// Answers 429 this many times.
    pub too_many: u32,
    /// Sent with a 429 as `retry-after`, in seconds.
    pub retry_after_s: Option<u32>,
    /// Answers [`Switches::fail_status`] this many times.
    pub fail_times: u32,
    /// The status of [`Switches::fail_times`].
    pub fail_status: u16,
    /// Answers 503 to this many token requests.
    pub token_failures: u32,
    /// Answers 403 to everything but token requests.
    pub forbidden: bool,
    /// This many page requests void the token they came with and answer 401.
    pub revoke_on_page: u32,
    /// This many page requests find their page expired (422).
    pub expire_pages: u32,
    /// Life of the tokens given from now on, as told in `expires_in` and as kept.
    pub token_life_s: u32,
    /// How many API requests a token given from now on is good for, whatever was told.
    pub token_uses: Option<u32>,
    /// Waits this long before each answer.
    pub latency: Duration,
    /// Sends each body in 16 pieces with this pause before each.
    pub slow_body: Option<Duration>,
    /// Sends every row twice in a row, so that some pairs straddle two pages.
    pub duplicates: bool,
    /// Sends the rows in no order, whatever was asked.
    pub shuffled: bool,
    /// Lets every next-page link lead back to the first page.
    pub page_cycle: bool,
    /// Plants [`crate::sim::CANARY`] in fields about people.
    pub personal_keys: bool,
    /// Rows added in front of every result.
    pub odd_rows: Vec<OddRow>,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            error_body: ErrorBody::Text,
            too_many: 0,
            retry_after_s: None,
            fail_times: 0,
            fail_status: 503,
            token_failures: 0,
            forbidden: false,
            revoke_on_page: 0,
            expire_pages: 0,
            token_life_s: 86_400,
            token_uses: None,
            latency: Duration::ZERO,
            slow_body: None,
            duplicates: false,
            shuffled: false,
            page_cycle: false,
            personal_keys: false,
            odd_rows: Vec::new(),
        }
    }
}

/// The error bodies: the schema says one thing, the example beside it another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorBody {
    /// `{"error": "..."}`.
    Text,
    /// `{"error": {"code", "message", "errors": [{"field", "message"}]}}`.
    Object,
}

/// A row that needs care; all but [`OddRow::OtherPlate`] carry the plate asked for where they
/// carry one, and lie in the window where they have a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OddRow {
    /// No `id`.
    NoId,
    /// No `capturedAt`.
    NoTime,
    /// `capturedAt` without a zone.
    LocalTime,
    /// `capturedAt` a number.
    NumericTime,
    /// No `device`.
    NoDevice,
    /// `device.location` is empty.
    NoPosition,
    /// No `plate`.
    NoPlate,
    /// `plate` is null.
    NullPlate,
    /// `plate.plate` is an empty string: nothing was read.
    EmptyPlate,
    /// `plate.plate` holds what is on no plate.
    BadPlate,
    /// `plate.plate` is a number.
    NumericPlate,
    /// `plate.confidence` is absent.
    NoConfidence,
    /// `plate.confidence` is 1.7.
    ConfidenceAboveOne,
    /// `plate.confidence` is a string.
    TextConfidence,
    /// No `state`.
    NoState,
    /// `state` is null.
    NullState,
    /// `state.state` is in no published list.
    UnknownState,
    /// A read of another plate than the one asked for.
    OtherPlate,
    /// A read of the plate a year before the window.
    OutsideWindow,
    /// The row is a string.
    NotAnObject,
}

impl OddRow {
    /// Every odd row.
    pub const ALL: [Self; 20] = [
        Self::NoId,
        Self::NoTime,
        Self::LocalTime,
        Self::NumericTime,
        Self::NoDevice,
        Self::NoPosition,
        Self::NoPlate,
        Self::NullPlate,
        Self::EmptyPlate,
        Self::BadPlate,
        Self::NumericPlate,
        Self::NoConfidence,
        Self::ConfidenceAboveOne,
        Self::TextConfidence,
        Self::NoState,
        Self::NullState,
        Self::UnknownState,
        Self::OtherPlate,
        Self::OutsideWindow,
        Self::NotAnObject,
    ];
}
