//! Any text as a plate or a partial plate: within limits, stable, and equal to itself however it is asked.
#![no_main]

use libfuzzer_sys::fuzz_target;
use turnpike_schemas::{
    plate::{MAX_PLATE_CHARS, MIN_KNOWN_CHARS, Plate, PlatePattern},
    query::AskedPlate,
};

fuzz_target!(|raw: &str| {
    if let Ok(plate) = Plate::parse(raw) {
        assert!((1..=MAX_PLATE_CHARS).contains(&plate.chars()));
        assert_eq!(plate.expose_raw(), raw);
        let again = Plate::parse(plate.expose()).expect("a normal form is a plate");
        assert_eq!(again.expose(), plate.expose(), "not a normal form");
        assert_eq!(again.folded(), plate.folded());
        assert_eq!(plate.folded().expose().chars().count(), plate.chars());
        assert_eq!(plate.without_raw().expose_raw(), plate.expose());
        let json = serde_json::to_string(&plate).expect("a plate can be written");
        let back: Plate = serde_json::from_str(&json).expect("what was written can be read");
        assert_eq!(back.expose_raw(), raw);
        assert!(AskedPlate::Exact(plate.clone()).matches(&back));
        assert!(AskedPlate::LookAlike(plate.clone()).matches(&back));
    }
    if let Ok(pattern) = PlatePattern::parse(raw) {
        assert!((MIN_KNOWN_CHARS..MAX_PLATE_CHARS).contains(&pattern.known()));
        let again = PlatePattern::parse(pattern.expose()).expect("a normal form is a pattern");
        assert!(again == pattern);
        if let Ok(filled) = Plate::parse(&pattern.expose().replace('?', "7")) {
            let same_length = filled.chars() == pattern.expose().chars().count();
            assert!(!same_length || pattern.matches(&filled));
        }
    }
});
