//! What holds for every text and every number of the vocabulary.

use proptest::prelude::*;
use turnpike_schemas::{
    json_schema,
    plate::{Jurisdiction, JurisdictionMatch, Plate, PlatePattern},
    query::{AskedPlate, CaseRef, OnBehalfOf, TimeWindow},
    read::{Confidence, PlateRead, SourceId},
};

use crate::{reference, release};

/// A schema of one definition of a published schema, to compare with the parser of the same type.
fn definition(name: &str) -> jsonschema::Validator {
    let request = json_schema::document("QueryRequest").unwrap();
    jsonschema::validator_for(&request["$defs"][name]).unwrap()
}

fn code() -> impl Strategy<Value = Jurisdiction> {
    "(US|CA|DE)(-[A-Z]{2})?".prop_map(|text| Jurisdiction::parse(&text).unwrap())
}

proptest! {
    #[test]
    fn a_case_reference_passes_the_schema_exactly_if_it_parses(text in "[ -~\u{e9}]{0,6}|[A-Za-z0-9 ./_-]{0,70}") {
        let parsed = CaseRef::parse(&text).is_ok_and(|case| case.as_str() == text);
        let canonical = text.trim() == text;
        let valid = definition("CaseRef").is_valid(&text.clone().into());
        prop_assert_eq!(valid && canonical, parsed);
    }

    #[test]
    fn an_identifier_passes_the_schema_exactly_if_it_parses(text in "[a-zA-Z0-9_-]{0,6}|[a-z0-9-]{60,68}") {
        let valid = definition("SourceId").is_valid(&text.clone().into());
        prop_assert_eq!(valid, SourceId::parse(&text).is_ok());
        prop_assert_eq!(valid, OnBehalfOf::try_from(text).is_ok());
    }

    #[test]
    fn for_whom_is_written_as_it_was_read(text in "self|[a-z0-9][a-z0-9-]{0,20}") {
        let for_whom = OnBehalfOf::try_from(text.clone()).unwrap();
        prop_assert_eq!(for_whom == OnBehalfOf::Own, text == "self");
        prop_assert_eq!(String::from(for_whom), text);
    }

    #[test]
    fn an_area_holds_itself_and_its_subdivisions_and_never_a_different_one(a in code(), b in code()) {
        prop_assert!(a.within(&a));
        if a.within(&b) {
            let compared = Jurisdiction::compare(Some(&a), Some(&b));
            prop_assert!(compared != JurisdictionMatch::Different);
            prop_assert!(a == b || !b.has_subdivision());
        }
    }

    #[test]
    fn a_plate_answers_the_question_for_itself_in_every_way_of_asking(raw in "[A-Z0-9]{5,12}", unknown in 0_usize..5) {
        let plate = Plate::parse(&raw).unwrap();
        let mut text: Vec<char> = raw.chars().collect();
        text[unknown] = '?';
        let pattern = PlatePattern::parse(&text.iter().collect::<String>()).unwrap();
        prop_assert_eq!(pattern.known(), raw.len() - 1);
        for asked in [
            AskedPlate::Exact(plate.clone()),
            AskedPlate::LookAlike(plate.clone()),
            AskedPlate::Partial(pattern),
        ] {
            prop_assert!(asked.matches(&plate));
        }
    }

    #[test]
    fn look_alikes_answer_each_other_or_neither(a in "[O0QDI1LZ2S5B8]{3,4}", b in "[O0QDI1LZ2S5B8]{3,4}") {
        let (a, b) = (Plate::parse(&a).unwrap(), Plate::parse(&b).unwrap());
        let asks = |asked: &Plate, seen: &Plate| AskedPlate::LookAlike(asked.clone()).matches(seen);
        prop_assert_eq!(asks(&a, &b), asks(&b, &a));
        prop_assert!(a != b || asks(&a, &b));
    }

    #[test]
    fn a_part_of_a_window_lies_inside_it(from in -10_000_i64..10_000, span in 1_i64..10_000, cut in -10_000_i64..10_000, longest in 1_i64..10_000) {
        let window = reference::window(from, from + span);
        let cut = reference::now() + jiff::SignedDuration::from_secs(cut);
        let longest = jiff::SignedDuration::from_secs(longest);
        let short = window.at_most(longest);
        prop_assert!(short.from() == window.from() && short.to() <= window.to() && short.span() <= longest);
        let inside = |part: TimeWindow| part.from() >= window.from() && part.to() == window.to() && part.from() >= cut;
        prop_assert_eq!(window.not_before(cut).is_some(), cut < window.to());
        prop_assert!(window.not_before(cut).is_none_or(inside));
    }

    #[test]
    fn a_confidence_is_what_was_given_or_an_error(value in prop_oneof![-1.0..2.0_f64, any::<f64>()]) {
        match Confidence::new(value) {
            Ok(confidence) => prop_assert!((0.0..=1.0).contains(&value) && (confidence.get() - value).abs() == 0.0),
            Err(_) => prop_assert!(!(0.0..=1.0).contains(&value)),
        }
    }

    #[test]
    fn a_read_survives_its_json_whatever_the_vendor_called_things(
        site in "\\PC{0,20}",
        key in "\\PC{0,8}",
        revision in any::<u64>(),
        offset in proptest::option::of(any::<i32>()),
    ) {
        let mut read = release::read();
        read.observation.place.site = Some(site.clone());
        read.observation.extra.insert(key, site);
        read.observation.revision = revision;
        read.observation.captured_offset_s = offset;
        let back: PlateRead = serde_json::from_str(&serde_json::to_string(&read).unwrap()).unwrap();
        prop_assert_eq!(back, read);
    }

    #[test]
    fn what_cannot_be_parsed_is_not_repeated_in_the_error(text in "[A-Z]{5}[ -~]{25,40}") {
        let shown = [
            Plate::parse(&text).err().map(|error| error.to_string()),
            Jurisdiction::parse(&text).err().map(|error| error.to_string()),
            SourceId::parse(&text).err().map(|error| error.to_string()),
        ];
        let start: String = text.chars().take(5).collect();
        prop_assert!(shown.into_iter().flatten().all(|error| !error.contains(&start)));
    }
}
