//! The place of a read, from the message, its alert and what the operator knows about the camera.

use turnpike_schemas::read::{Observation, Place};

use super::{
    faults::Doubts,
    read::name,
    settings::{Camera, Settings},
    wire::Wire,
};

/// Where the capture was and where the vehicle went.
pub(super) fn fill_place(
    read: &mut Observation,
    message: &Wire<'_>,
    alert: Option<&Wire<'_>>,
    settings: &Settings,
    doubts: &mut Doubts,
) {
    let key = camera_key(message);
    let configured = key.as_deref().and_then(|key| settings.camera(key));
    let place = &mut read.place;
    set_position(place, message, configured, doubts);
    place.site = configured
        .and_then(|camera| camera.site.clone())
        .or_else(|| name(alert?.site_name.as_ref()));
    place.camera = camera_label(message)
        .or_else(|| camera_label(alert?))
        .or_else(|| name(alert?.camera_name.as_ref()));
    if place.camera.is_none() {
        place.camera = key;
    } else if let Some(key) = key {
        read.extra.insert("camera_id".to_owned(), key);
    }
    set_direction(place, message.travel_direction, configured, doubts);
}

fn camera_label(message: &Wire<'_>) -> Option<String> {
    name(message.web_server_config.as_ref()?.camera_label.as_ref())
}

fn camera_key(message: &Wire<'_>) -> Option<String> {
    let number = message.camera_id?;
    Some(match name(message.agent_uid.as_ref()) {
        Some(agent) => format!("{agent}/{number}"),
        None => number.to_string(),
    })
}

/// The operator's position of the camera comes first: an agent has one `gps_*` for all its cameras.
fn set_position(
    place: &mut Place,
    message: &Wire<'_>,
    configured: Option<&Camera>,
    doubts: &mut Doubts,
) {
    if let Some((lat, lon)) = configured.and_then(|camera| camera.lat.zip(camera.lon)) {
        place.set_position(lat, lon);
        return;
    }
    let is_set = |value: &f64| *value != 0.0 && *value != -1.0;
    let sent = message
        .gps_latitude
        .filter(is_set)
        .zip(message.gps_longitude.filter(is_set));
    if let Some((lat, lon)) = sent
        && !place.set_position(lat, lon)
    {
        doubts.note("position_off_scale");
    }
}

fn set_direction(
    place: &mut Place,
    travel_direction: Option<f64>,
    configured: Option<&Camera>,
    doubts: &mut Doubts,
) {
    let Some(direction) = travel_direction else {
        return;
    };
    if !(0.0..=360.0).contains(&direction) {
        doubts.note("direction_off_scale");
        return;
    }
    place.image_bearing_deg = Some(direction);
    place.bearing_deg = configured
        .and_then(|camera| camera.image_to_compass_deg)
        .map(|turn| (direction + turn).rem_euclid(360.0));
}
