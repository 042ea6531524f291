//! The vehicles: invented plates, invented makes.

use std::sync::Arc;

use super::PROTAGONIST_PLATE;

/// The states whose plates drive through the town.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// US-OH.
    Ohio,
    /// US-GA.
    Georgia,
    /// US-PA.
    Pennsylvania,
    /// US-MI.
    Michigan,
}

impl State {
    /// Every state, in a fixed order.
    pub const ALL: [Self; 4] = [
        Self::Ohio,
        Self::Georgia,
        Self::Pennsylvania,
        Self::Michigan,
    ];

    /// The two-letter code, upper case.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Ohio => "OH",
            Self::Georgia => "GA",
            Self::Pennsylvania => "PA",
            Self::Michigan => "MI",
        }
    }

    /// The name in lower snake case.
    #[must_use]
    pub fn snake_name(self) -> &'static str {
        match self {
            Self::Ohio => "ohio",
            Self::Georgia => "georgia",
            Self::Pennsylvania => "pennsylvania",
            Self::Michigan => "michigan",
        }
    }
}

/// One vehicle of the town.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vehicle {
    /// Position in [`super::Town::vehicles`].
    pub index: usize,
    /// What is stamped on the plate; unique in the town.
    pub plate: String,
    /// Who issued it.
    pub state: State,
    /// Lower-case colour word.
    pub colour: &'static str,
    /// Lower-case invented make.
    pub make: &'static str,
    /// Lower-case invented model, without the make.
    pub model: &'static str,
    /// Lower-case body style.
    pub body: &'static str,
}

const COLOURS: [&str; 7] = [
    "blue",
    "white",
    "black",
    "red",
    "green",
    "brown",
    "silver-gray",
];
const MAKES: [&str; 5] = ["brookmotor", "halvern", "tessaly", "ovanto", "quillcar"];
const MODELS: [&str; 4] = ["one", "two", "trail", "cargo"];
const BODIES: [&str; 4] = [
    "sedan-standard",
    "suv-crossover",
    "truck-standard",
    "van-mini",
];

const MAX_VEHICLES: usize = 250_000;
const PLATE_SPACE: usize = 260_000;
/// Coprime with the plate space, so that stepping by it never repeats a plate.
const PLATE_STEP: usize = 7_919;

pub(super) fn protagonist() -> Vehicle {
    Vehicle {
        index: 0,
        plate: PROTAGONIST_PLATE.to_owned(),
        state: State::Ohio,
        colour: "blue",
        make: "brookmotor",
        model: "two",
        body: "sedan-standard",
    }
}

pub(super) fn build(seed: u64, vehicles: usize) -> Vec<Arc<Vehicle>> {
    let mut rng = fastrand::Rng::with_seed(seed ^ 0x5eed);
    let first = rng.usize(..PLATE_SPACE);
    let plates = (0..PLATE_SPACE)
        .map(|n| plate_text((first + n * PLATE_STEP) % PLATE_SPACE))
        .filter(|plate| plate != PROTAGONIST_PLATE);
    let others = plates.take(vehicles.clamp(1, MAX_VEHICLES) - 1);
    std::iter::once(protagonist())
        .chain(others.enumerate().map(|(n, plate)| Vehicle {
            index: n + 1,
            plate,
            state: rng.choice(State::ALL).unwrap_or(State::Ohio),
            colour: pick(&mut rng, &COLOURS),
            make: pick(&mut rng, &MAKES),
            model: pick(&mut rng, &MODELS),
            body: pick(&mut rng, &BODIES),
        }))
        .map(Arc::new)
        .collect()
}

fn pick(rng: &mut fastrand::Rng, words: &[&'static str]) -> &'static str {
    rng.choice(words).copied().unwrap_or("other")
}

fn plate_text(number: usize) -> String {
    let letter = char::from(b'A' + u8::try_from(number / 10_000).unwrap_or(0));
    format!("TP{letter}{:04}", number % 10_000)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_plate_is_issued_twice() {
        let vehicles = build(3, 30_000);
        let plates: HashSet<_> = vehicles.iter().map(|v| v.plate.clone()).collect();
        assert_eq!((vehicles.len(), plates.len()), (30_000, 30_000));
    }

    #[test]
    fn the_first_vehicle_is_the_protagonist_in_every_town() {
        for seed in 0..20 {
            assert_eq!(
                build(seed, 1).first().map(|v| v.plate.clone()),
                Some("TPK0421".into())
            );
        }
    }
}
