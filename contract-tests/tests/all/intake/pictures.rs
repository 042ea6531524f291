//! Cameras that send pictures with what they read: the read is kept, the picture is not.

use jiff::SignedDuration;
use turnpike_contract_tests::sim::{
    CANARY, JPEG,
    hikvision::{Camera, Event},
    plate_recognizer::{Engine, Frame, Seen},
};
use turnpike_contract_tests::world::World;

use super::held;
use crate::installation::{Installation, files_under, now, question_about, read, reads_of};

const CAMERAS: &str = "main-street-cameras";

/// Gives the pushing source another adapter.
fn become_source(world: &World, adapter: &str, settings: &str) {
    let text = read(&world.config());
    let (before, rest) = text.split_once(&format!("id = \"{CAMERAS}\"")).unwrap();
    let (table, after) = rest.split_once("[[sources]]").unwrap_or((rest, ""));
    let push = table
        .lines()
        .find(|line| line.starts_with("push = "))
        .unwrap();
    let table = format!(
        "id = \"{CAMERAS}\"\nadapter = \"{adapter}\"\nagreement = \"agreements/{CAMERAS}.toml\"\n{push}\n\n\
         [sources.settings]\n{settings}\n"
    );
    let after = if after.is_empty() {
        String::new()
    } else {
        format!("[[sources]]{after}")
    };
    std::fs::write(world.config(), format!("{before}{table}\n{after}")).unwrap();
}

fn target(installation: &Installation) -> String {
    format!(
        "{}/v1/sources/{CAMERAS}/reads",
        installation.gateway.address()
    )
}

async fn count(installation: &Installation, plate: &str) -> usize {
    let answer = installation.ask(&question_about(plate, 3)).await;
    reads_of(&answer, CAMERAS).len()
}

/// That neither a picture nor anything personal is in any file.
fn nothing_is_kept(installation: &Installation) {
    for file in files_under(&installation.world.folder().join("data")) {
        let bytes = std::fs::read(&file).unwrap();
        for forbidden in [CANARY.as_bytes(), &JPEG[..64]] {
            let kept = bytes
                .windows(forbidden.len())
                .any(|window| window == forbidden);
            assert!(!kept, "{}", file.display());
        }
    }
}

#[tokio::test]
async fn a_hikvision_camera_is_answered_with_200_and_its_pictures_are_not_kept() {
    let policy = "zone_policy = \"trust_offset\"";
    let installation = Installation::start(|world| become_source(world, "hikvision", policy)).await;
    let token = &installation.world.tokens.cameras;
    let mut camera = Camera::new(&target(&installation), token).unwrap();
    let at = now() - SignedDuration::from_mins(5);
    let event = Event {
        occupants: true,
        ..Event::read(2042, at, "TPX0001")
    };
    assert_eq!(camera.post(&event, 3).await, [200]);
    let again = Event {
        resent: true,
        ..event.clone()
    };
    assert_eq!(camera.post(&again, 3).await, [200]);
    assert_eq!(count(&installation, "TPX0001").await, 1);
    camera.pictures = false;
    let other = Event::read(2042, at, "unknown");
    assert_eq!(camera.post(&other, 3).await, [200]);
    let local = Event {
        offset_hours: None,
        ..Event::read(2042, at, "TPX0002")
    };
    assert_eq!(
        camera.post(&local, 3).await,
        [200],
        "it is not sent for ever"
    );
    assert_eq!(count(&installation, "TPX0002").await, 0);
    assert_eq!(held(&installation, CAMERAS).await, 1);
    nothing_is_kept(&installation);
}

#[tokio::test]
async fn an_engine_sends_several_vehicles_and_its_pictures_are_not_kept() {
    let installation =
        Installation::start(|world| become_source(world, "plate-recognizer", "")).await;
    let token = format!("Bearer {}", installation.world.tokens.cameras);
    let mut engine = Engine::new(&target(&installation), &token).unwrap();
    let frame = Frame {
        seen: vec![
            Seen::plate("TPX0001"),
            Seen::no_plate(),
            Seen::plate("TPX0002"),
        ],
        private: true,
        ..Frame::read("brook-2", now() - SignedDuration::from_mins(5), "")
    };
    assert_eq!(engine.post(&frame, 3).await, [200]);
    engine.pictures = false;
    assert_eq!(engine.post(&frame, 3).await, [200]);
    for plate in ["TPX0001", "TPX0002"] {
        assert_eq!(count(&installation, plate).await, 1, "{plate}");
    }
    assert_eq!(held(&installation, CAMERAS).await, 2);
    nothing_is_kept(&installation);
}
