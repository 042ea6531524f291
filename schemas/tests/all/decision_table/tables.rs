//! The tables of single facets.

use turnpike_schemas::query::{CaseStanding, Purpose};

use super::{
    Question, axis, behalf,
    domain::{AREAS, Dim, EXCESSES, WINDOWS},
    facets::{
        CASES, DECLARATIONS, DEMANDS, LEVELS, LISTINGS, ON_FILE, REGISTERS, SUBJECTS, TIERS,
        TRAINED, URGENCY, WARRANTS, offences,
    },
    owned, part, span, word,
};

/// Title and axes of each.
pub(super) fn facets() -> Vec<(&'static str, Vec<Question>)> {
    vec![
        ("Table 4: the type of offence", offence()),
        ("Table 5: the subject", subject()),
        ("Table 6: single organisations", listing()),
        ("Table 7: the case", case()),
        ("Table 8: declarations", declaration()),
        ("Table 9: warrants and urgency", warrant()),
        ("Table 10: old reads", old()),
    ]
}

fn offence() -> Vec<Question> {
    let labels = offences()
        .into_iter()
        .enumerate()
        .map(|(number, offence)| match offence {
            _ if number == 0 => "homicide, unless the purpose names it".to_owned(),
            None => "not stated".to_owned(),
            Some(offence) => offence.to_string(),
        });
    vec![
        axis("purpose", Dim::Purpose, Purpose::ALL.iter().map(word)),
        axis("offence", Dim::Offence, labels),
    ]
}

fn subject() -> Vec<Question> {
    let of = |name, number, labels: &'static [&'static str]| {
        part(name, Dim::Subject, SUBJECTS, number, owned(labels))
    };
    let level = |name, number| {
        let labels = LEVELS.iter().map(word);
        part(name, Dim::Subject, SUBJECTS, number, labels)
    };
    vec![
        of("requires.sworn", 0, &["false", "true"]),
        of("sworn", 1, &["no", "yes"]),
        of("requires.training", 2, &["false", "true"]),
        of("trained until", 3, &TRAINED),
        level("requires.assurance", 4),
        level("assurance", 5),
    ]
}

fn listing() -> Vec<Question> {
    vec![
        axis("who.organisations", Dim::Listing, owned(&LISTINGS)),
        axis("on_behalf_of", Dim::Behalf, behalf()),
    ]
}

fn case() -> Vec<Question> {
    let standings = CaseStanding::ALL.iter().map(word);
    vec![
        part(
            "form",
            Dim::Case,
            CASES,
            0,
            owned(&["fits", "does not fit"]),
        ),
        part("register", Dim::Case, CASES, 1, REGISTERS.iter().map(word)),
        part("it said", Dim::Case, CASES, 2, standings),
    ]
}

fn declaration() -> Vec<Question> {
    let of = |name, number, labels| part(name, Dim::Declaration, DECLARATIONS, number, labels);
    vec![
        part(
            "demanded of",
            Dim::Declaration,
            DECLARATIONS,
            0,
            DEMANDS.iter().map(word),
        ),
        axis("jurisdiction", Dim::Area, owned(&AREAS)),
        axis("on_behalf_of", Dim::Behalf, behalf()),
        of("of the asking one", 1, owned(&ON_FILE)),
        of("of the one asked for", 2, owned(&ON_FILE)),
    ]
}

fn warrant() -> Vec<Question> {
    let demanded = DEMANDS.iter().map(word);
    vec![
        part("demanded of", Dim::Warrant, WARRANTS, 0, demanded),
        axis("jurisdiction", Dim::Area, owned(&AREAS)),
        axis("on_behalf_of", Dim::Behalf, behalf()),
        part(
            "warrant",
            Dim::Warrant,
            WARRANTS,
            1,
            owned(&["none", "named"]),
        ),
        urgent(),
        counts(),
    ]
}

fn urgent() -> Question {
    part("urgent", Dim::Warrant, WARRANTS, 2, owned(&["no", "yes"]))
}

fn counts() -> Question {
    let urgency = URGENCY.iter().map(word);
    part("conditions.urgent", Dim::Warrant, WARRANTS, 3, urgency)
}

fn old() -> Vec<Question> {
    let roles = Question {
        name: "roles",
        values: vec![
            ("investigator".to_owned(), vec![(Dim::Roles, 0)]),
            ("supervisor".to_owned(), vec![(Dim::Roles, 1)]),
        ],
    };
    let after = TIERS.map(|days| format!("{days} d"));
    let excess = EXCESSES.iter().map(word);
    let windows = WINDOWS.iter().map(|window| span(*window));
    vec![
        axis("supervisor_after", Dim::Tier, after.into_iter()),
        roles,
        axis("excess", Dim::Excess, excess),
        urgent(),
        counts(),
        axis("window", Dim::Window, windows),
    ]
}
