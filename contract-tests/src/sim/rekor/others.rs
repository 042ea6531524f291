//! The messages that hold no plate.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::bodies::{AGENT_UID, COMPANY, DWELL_MS, uuid_of, vehicle_json};
use crate::sim::CANARY;

/// The agent's message of every minute.
#[must_use]
pub fn heartbeat(at: Timestamp) -> Value {
    json!({
        "data_type": "heartbeat", "version": 1, "company_id": COMPANY, "agent_uid": AGENT_UID,
        "agent_type": "alprd", "agent_version": "4.1.1", "timestamp": at.as_millisecond(),
        "video_streams": [{"camera_id": 2042, "camera_name": "Crossing", "is_streaming": true}],
    })
}

/// The message the web server sends when someone presses "test".
#[must_use]
pub fn test_message() -> Value {
    json!({"openalpr_webhook": "test"})
}

/// A vehicle the engine followed without ever seeing a plate.
#[must_use]
pub fn vehicle_without_plate(camera_id: u32, at: Timestamp) -> Value {
    let epoch_start = at.as_millisecond();
    json!({
        "data_type": "vehicle", "version": 1, "company_id": COMPANY, "agent_uid": AGENT_UID,
        "camera_id": camera_id, "epoch_start": epoch_start, "epoch_end": epoch_start + DWELL_MS,
        "best_uuid": uuid_of(camera_id, epoch_start),
        "vehicle": vehicle_json(["red", "quillcar", "trail", "suv-crossover"]),
        "vehicle_signature": CANARY,
    })
}
