//! Invented messages of a Rekor agent, the same for every bench that decodes them.

use serde_json::{Value, json};

/// Message number `n`: one in twenty with crops, one in ten a preview, one in ten an alert.
pub(crate) fn message(n: u64) -> Value {
    let mut group = group(n);
    if n % 20 == 7 {
        let crop = "QUJD".repeat(10 * 1024);
        for key in ["vehicle_crop_jpeg", "overview_jpeg"] {
            put(&mut group, key, json!(crop));
        }
    }
    if n % 10 == 3 {
        put(&mut group, "is_preview", json!(true));
    }
    if n % 10 != 5 {
        return group;
    }
    json!({
        "data_type": "alpr_alert", "version": 1, "epoch_time": 1_772_608_532_000_u64 + n, "agent_uid": AGENT,
        "alert_list": "Brookdale stolen", "alert_list_id": 17, "site_name": "Brookdale",
        "camera_name": "Brook St EB", "camera_number": 2042, "plate_number": plate(n), "description": "none",
        "list_type": "alert", "group": group,
    })
}

const AGENT: &str = "AGENTAGENTAGENTAGENTAGENTAGENTAGENTAGENT";

fn put(message: &mut Value, key: &str, value: Value) {
    if let Some(object) = message.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}

fn plate(n: u64) -> String {
    format!("TPK{:04}", n % 10_000)
}

fn group(n: u64) -> Value {
    let start = 1_772_608_530_412_u64 + n * 977;
    let uuid = |frame: u64| format!("{AGENT}-2042-{}", start + frame * 130);
    let uuids: Vec<_> = (0..6).map(uuid).collect();
    let candidates: Vec<_> = (0_u32..10)
        .map(|c| json!({ "plate": plate(n + u64::from(c) * 7), "confidence": 92.4 - f64::from(c) * 3.1, "matches_template": 1 }))
        .collect();
    let named = |name: &str| -> Vec<_> {
        (0..8).map(|k| json!({ "name": format!("{name}{k}"), "confidence": 88.125 / f64::from(k + 1) })).collect()
    };
    let path: Vec<_> = (0..12)
        .map(|k| json!({ "x": 10 + k * 9, "y": 20 + k, "w": 300 + k, "h": 200 + k, "t": k * 130, "f": 10 + k * 2 }))
        .collect();
    let corners =
        json!([{ "x": 1, "y": 1 }, { "x": 60, "y": 1 }, { "x": 60, "y": 20 }, { "x": 1, "y": 20 }]);
    json!({
        "data_type": "alpr_group", "version": 3, "epoch_start": start, "epoch_end": start + 1598,
        "frame_start": 10, "frame_end": 31, "company_id": "00000000-0000-4000-8000-000000000001",
        "agent_uid": AGENT, "agent_version": "4.1.1", "agent_type": "alprd", "camera_id": 2042,
        "gps_latitude": 41.0001, "gps_longitude": -81.0002, "country": "us",
        "uuids": uuids, "plate_indexes": [0, 0, 0, 0, 0, 0], "best_uuid": uuid(3), "best_uuid_epoch_ms": start + 390,
        "best_plate_number": plate(n), "best_confidence": 92.412_345, "best_region": "us-oh", "best_region_confidence": 71.25,
        "best_plate": {
            "plate": plate(n), "confidence": 92.412_345, "matches_template": 1, "plate_index": 0, "region": "us-oh",
            "region_confidence": 70, "processing_time_ms": 31.5, "coordinates": corners,
            "vehicle_region": { "x": 0, "y": 0, "width": 400, "height": 300 }, "plate_crop_jpeg": "QUJD".repeat(300),
            "candidates": candidates,
        },
        "candidates": candidates, "matches_template": true, "travel_direction": 271.5, "is_parked": false, "is_preview": false,
        "vehicle": {
            "color": named("blue"), "make": named("brookmotor"), "make_model": named("brookmotor0_two"),
            "body_type": named("sedan-standard"), "year": named("2010-2014"), "orientation": named("45"),
            "missing_plate": named("no"), "is_vehicle": named("yes"),
        },
        "vehicle_path": path, "plate_path": path, "vehicle_signature": "QUJD".repeat(100),
    })
}
