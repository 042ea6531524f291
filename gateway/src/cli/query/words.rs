//! What is typed, as what it means.

use jiff::SignedDuration;
use turnpike_schemas::{
    plate::Jurisdiction,
    query::{CaseRef, MatchMode, Note, Offence, OnBehalfOf, Purpose},
    read::SourceId,
};

pub(in crate::cli) fn purpose(text: &str) -> Result<Purpose, String> {
    let known = Purpose::ALL.iter().find(|purpose| purpose.as_str() == text);
    known.copied().ok_or_else(|| {
        let all: Vec<&str> = Purpose::ALL
            .iter()
            .map(|purpose| purpose.as_str())
            .collect();
        format!("a purpose is one of {}", all.join(", "))
    })
}

pub(in crate::cli) fn offence(text: &str) -> Result<Offence, String> {
    let known = Offence::ALL.iter().find(|offence| offence.as_str() == text);
    known.copied().ok_or_else(|| {
        let all: Vec<&str> = Offence::ALL
            .iter()
            .map(|offence| offence.as_str())
            .collect();
        format!("a type of offence is one of {}", all.join(", "))
    })
}

pub(in crate::cli) fn note(text: &str) -> Result<Note, String> {
    Note::parse(text).map_err(|error| error.to_string())
}

pub(super) fn match_mode(text: &str) -> Result<MatchMode, String> {
    match text {
        "exact" => Ok(MatchMode::Exact),
        "look_alike" | "look-alike" => Ok(MatchMode::LookAlike),
        "partial" => Ok(MatchMode::Partial),
        _ => Err("a plate is compared `exact`, `look_alike` or `partial`".to_owned()),
    }
}

pub(in crate::cli) fn case(text: &str) -> Result<CaseRef, String> {
    CaseRef::parse(text).map_err(|error| error.to_string())
}

pub(super) fn jurisdiction(text: &str) -> Result<Jurisdiction, String> {
    Jurisdiction::parse(text).map_err(|error| error.to_string())
}

pub(in crate::cli) fn on_behalf_of(text: &str) -> Result<OnBehalfOf, String> {
    OnBehalfOf::try_from(text.to_owned())
        .map_err(|_| "give `self`, or the identifier of an organisation".to_owned())
}

pub(in crate::cli) fn source(text: &str) -> Result<SourceId, String> {
    SourceId::parse(text).map_err(|error| error.to_string())
}

/// `90m`, `36h`, `7d`.
pub(in crate::cli) fn span(text: &str) -> Result<SignedDuration, String> {
    let wrong = || "a span is a number with `m`, `h` or `d`, such as `36h` or `7d`".to_owned();
    let (number, minutes) = [("m", 1), ("h", 60), ("d", 24 * 60)]
        .into_iter()
        .find_map(|(unit, minutes)| text.strip_suffix(unit).map(|number| (number, minutes)))
        .ok_or_else(wrong)?;
    let number: u32 = number.parse().map_err(|_| wrong())?;
    if number == 0 {
        return Err(wrong());
    }
    Ok(SignedDuration::from_mins(i64::from(number) * minutes))
}
