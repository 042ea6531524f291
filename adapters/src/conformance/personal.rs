//! That no plate and no value gets where it should not.

use super::{Outcome, Subject, whole};

pub(super) fn reads_do_not_print_their_plate(subject: &Subject<'_>) -> Outcome {
    let mut problems = Vec::new();
    for payload in subject.payloads {
        let Ok(delivered) = payload.decode(subject.decoder()) else {
            continue;
        };
        let printed = format!("{delivered:?}");
        let reads = delivered.page.reads.iter();
        // A plate of a few characters is part of many words.
        let plates = reads.map(|read| read.plate.plate.expose());
        let mut plates = plates.filter(|text| text.chars().count() >= 4);
        if plates.any(|text| printed.contains(text)) {
            problems.push(format!("{}: a plate is printed", payload.what));
        }
    }
    Outcome::of(problems)
}

pub(super) fn rejections_name_field_and_rule_and_no_value(subject: &Subject<'_>) -> Outcome {
    let (mut problems, mut seen) = (Vec::new(), 0);
    for payload in subject.payloads {
        let delivered = match payload.decode(subject.decoder()) {
            Ok(delivered) => delivered,
            Err(error) => {
                seen += 1;
                if !subject.is_clean(&whole(&error)) {
                    problems.push(format!("{}: an error holds a value", payload.what));
                }
                continue;
            }
        };
        for rejection in delivered.page.rejected.iter().chain(&delivered.refused) {
            seen += 1;
            let text = format!("{} {}", rejection.field, rejection.rule);
            if !subject.is_clean(&text) {
                problems.push(format!("{}: a rejection holds a value", payload.what));
            }
            if rejection.rule.trim().is_empty() || text.len() >= 200 {
                problems.push(format!(
                    "{}: a rejection says too little or too much",
                    payload.what
                ));
            }
        }
    }
    if seen == 0 {
        return Outcome::NotApplicable("nothing was rejected".to_owned());
    }
    Outcome::of(problems)
}
