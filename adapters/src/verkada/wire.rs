//! The webhook as the vendor writes it (API reference, "LPR webhook"), as far as a read needs it.
//!
//! **Seconds and milliseconds stand in one object.** Which is which is decided by the field, never by the size of a value.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::Text;

/// Any webhook: all types can come to one address.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct Webhook<'a> {
    /// `lpr`, in one description `LPR`.
    pub(super) webhook_type: Option<Text<'a>>,
    /// A [`Detection`] in a webhook of type `lpr`.
    pub(super) data: Option<&'a RawValue>,
}

/// One plate at one camera. `crop` is not taken, as its order differs between the vendor's samples, and neither is
/// `image_url`.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct Detection<'a> {
    pub(super) camera_id: Option<Text<'a>>,
    /// **Seconds** since 1970, UTC.
    pub(super) created: Option<i64>,
    /// **Milliseconds** since 1970, UTC; newer, and up to about two seconds later than `created`.
    pub(super) detected: Option<i64>,
    pub(super) license_plate_number: Option<Text<'a>>,
    /// `us-ca`; in the newest messages only.
    pub(super) license_plate_state: Option<Text<'a>>,
    /// 0 to 1.
    pub(super) confidence: Option<f64>,
}
