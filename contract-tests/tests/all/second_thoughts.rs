//! What a vendor corrects or withdraws is corrected or gone in the next answer.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use turnpike_contract_tests::{town::Passage, world::World};

use super::installation::{
    Installation, configure, eventually, now, question, question_about, reads_of, row,
};

/// What the car parks take the plate for before they correct it.
const MISREAD: &str = "TPK0427";
const PARKING: &str = "harbor-parking";

/// A passage of the vehicle everybody asks about, some minutes ago.
fn parked(installation: &Installation, minutes: i64) -> Passage {
    let at = now() - SignedDuration::from_mins(minutes);
    installation.world.parked(at).unwrap()
}

/// The tests ask until it is so.
fn asking_often(world: &World) {
    configure(
        world,
        "[limits]\nuser_per_minute = 100000\norganisation_per_minute = 100000\n",
    );
}

fn captured(answer: &Value) -> Vec<Timestamp> {
    let reads = reads_of(answer, PARKING).into_iter();
    reads
        .map(|read| read["captured_at"].as_str().unwrap().parse().unwrap())
        .collect()
}

#[tokio::test]
async fn a_corrected_read_is_one_read_with_the_right_plate() {
    let installation = Installation::with_history(asking_often).await;
    let passage = parked(&installation, 30);
    installation.world.deliver_corrected(&passage).unwrap();
    let asked = question(1);
    let corrected = eventually("the correction is taken in", async || {
        let answer = installation.ask(&asked).await;
        let found = captured(&answer);
        let times = found.iter().filter(|at| **at == passage.at).count();
        (times > 0).then_some((times, answer))
    });
    let (times, answer) = corrected.await;
    assert_eq!(times, 1);
    let newest = reads_of(&answer, PARKING)[0];
    assert!(newest["revision"].as_u64().unwrap() > 0);
    let misread = installation.ask(&question_about(MISREAD, 1)).await;
    assert_eq!(row(&misread, PARKING)["outcome"], "empty");
}

#[tokio::test]
async fn a_withdrawn_read_is_in_no_answer() {
    let installation = Installation::with_history(asking_often).await;
    let (withdrawn, kept) = (parked(&installation, 30), parked(&installation, 20));
    installation.world.deliver_withdrawn(&withdrawn).unwrap();
    // Notifications come in order: once this one is there, the withdrawal is.
    installation.world.deliver(&kept, now()).unwrap();
    let found = eventually("what came after the withdrawal is there", async || {
        let found = captured(&installation.ask(&question(1)).await);
        found.contains(&kept.at).then_some(found)
    });
    assert!(!found.await.contains(&withdrawn.at));
}
