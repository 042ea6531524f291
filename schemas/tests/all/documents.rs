//! Agreements as documents: what must be written down, what may not, and what is checked.

use std::collections::{BTreeMap, BTreeSet};

use turnpike_schemas::{
    agreement::{Action, AgreementDocument, Alerts, Register, Role, Rule, Urgent},
    query::{Offence, Purpose},
};

use crate::reference;

/// Keys that may be left out, and what that means.
const OPTIONAL: [&str; 15] = [
    "supersedes",
    "why.offences",
    "why.offences.violent_crime",
    "how_far.lookback_days_for",
    "how_far.lookback_days_for.missing_person",
    "what.image_kinds",
    "conditions.home",
    "conditions.declarations",
    "plates",
    "plates.look_alike",
    "plates.partial",
    "upstream",
    "upstream.disclose",
    "retention",
    // Is then 0, and a retention of nothing does not load.
    "retention.days",
];

fn parse(table: &toml::Table) -> Result<AgreementDocument, String> {
    toml::from_str(&table.to_string()).map_err(|error| error.to_string())
}

fn table() -> toml::Table {
    reference::text().parse().unwrap()
}

/// Paths of every key, `plates.partial.min_known`.
fn keys(table: &toml::Table, above: &str) -> Vec<String> {
    table
        .iter()
        .flat_map(|(key, value)| {
            let path = format!("{above}{key}");
            let below = value
                .as_table()
                .map(|table| keys(table, &format!("{path}.")))
                .unwrap_or_default();
            std::iter::once(path).chain(below)
        })
        .collect()
}

/// The table that holds the key at `path`, and the key.
fn holder<'t, 'p>(table: &'t mut toml::Table, path: &'p str) -> (&'t mut toml::Table, &'p str) {
    let mut parts = path.split('.').peekable();
    let mut at = table;
    loop {
        let part = parts.next().unwrap();
        if parts.peek().is_none() {
            return (at, part);
        }
        at = at.get_mut(part).unwrap().as_table_mut().unwrap();
    }
}

#[test]
fn the_reference_agreement_is_valid_and_survives_its_toml_and_json() {
    let document = reference::document();
    let agreement = document.clone().validate().unwrap();
    assert_eq!(agreement.reference().as_str(), "lakeshore-tolls@3");
    let toml = toml::to_string(&document).unwrap();
    let json = serde_json::to_string(&document).unwrap();
    assert_eq!(
        toml::from_str::<AgreementDocument>(&toml).unwrap(),
        document
    );
    let again: AgreementDocument = serde_json::from_str(&json).unwrap();
    assert_eq!(again.validate().unwrap().sha256(), agreement.sha256());
}

#[test]
fn every_change_of_the_document_changes_its_hash() {
    let plain = reference::agreement(|_| {});
    let mut hashes = BTreeSet::from([plain.sha256().to_owned()]);
    for change in [
        (|d| d.version = 4) as fn(&mut AgreementDocument),
        |d| d.what.max_reads = 201,
        |d| d.why.prohibited = [Purpose::WantedPerson].into(),
        |d| d.version = 5,
        |d| d.review_due = d.effective_from,
        |d| d.who.organisations.clear(),
        |d| d.who.requires.sworn = true,
        |d| {
            d.why
                .offences
                .get_mut(&Purpose::ViolentCrime)
                .unwrap()
                .clear()
        },
        |d| d.case.patterns.clear(),
        |d| d.case.register = Register::Require,
        |d| d.how_far.supervisor_after_days = 61,
        |d| d.how_far.lookback_days_for.clear(),
        |d| d.places.excluded.clear(),
        |d| d.places.position_decimals = 2,
        |d| d.what.confidence_floor_percent = 61,
        |d| d.how_much.user_per_hour = 61,
        |d| d.conditions.urgent = Urgent::LikeAny,
        |d| d.conditions.declarations.clear(),
        |d| d.duties.confirm_match = false,
        |d| d.plates.look_alike = false,
        |d| d.retention = None,
        |d| d.upstream.disclose.clear(),
    ] {
        let changed = reference::agreement(|document| {
            document.actions.remove(&Action::Ingest);
            change(document);
        });
        assert!(hashes.insert(changed.sha256().to_owned()));
    }
}

#[test]
fn every_key_left_out_is_an_error_that_names_it_unless_it_is_optional() {
    let all = keys(&table(), "");
    assert!(
        all.contains(&"why.prohibited".to_owned()) && all.len() > 60,
        "{all:?}"
    );
    for path in all {
        let mut table = table();
        let (holder, key) = holder(&mut table, &path);
        holder.remove(key);
        match parse(&table) {
            Ok(_) => assert!(OPTIONAL.contains(&path.as_str()), "`{path}` was not missed"),
            Err(error) => {
                assert!(
                    !OPTIONAL.contains(&path.as_str()),
                    "`{path}` is optional: {error}"
                );
                assert!(
                    error.contains(&format!("missing field `{key}`")),
                    "{path}: {error}"
                );
            }
        }
    }
}

#[test]
fn an_unknown_key_at_any_depth_is_an_error_that_names_it() {
    let tables = keys(&table(), "")
        .into_iter()
        .filter(|path| {
            let mut table = table();
            let (holder, key) = holder(&mut table, path);
            holder[key].is_table()
        })
        .map(|path| format!("{path}.surprise"));
    for path in tables.chain(["surprise".to_owned()]) {
        let mut table = table();
        let (holder, key) = holder(&mut table, &path);
        holder.insert(key.to_owned(), true.into());
        let error = parse(&table).unwrap_err();
        let by_purpose = ["unknown field", "unknown variant"];
        assert!(
            by_purpose
                .iter()
                .any(|what| error.contains(&format!("{what} `surprise`"))),
            "{path}: {error}"
        );
    }
}

#[test]
fn what_is_left_out_is_refused() {
    let mut table = table();
    for key in ["plates", "upstream", "retention"] {
        table.remove(key);
    }
    table.insert("actions".to_owned(), vec!["query"].into());
    let document = parse(&table).unwrap();
    assert!(!document.plates.look_alike && document.plates.partial.is_none());
    assert!(document.upstream.disclose.is_empty());
    let agreement = document.validate().unwrap();
    let refusal = agreement.ingest_permit(reference::now()).unwrap_err();
    assert_eq!(refusal.rule, Rule::ActionNotAllowed);
}

#[test]
fn each_empty_list_alone_refuses_everything() {
    for (empty, rule) in [
        (
            (|d| d.actions.clear()) as fn(&mut AgreementDocument),
            Rule::ActionNotAllowed,
        ),
        (
            |d| d.who.organisations.clear(),
            Rule::OrganisationNotAllowed,
        ),
        (|d| d.case.patterns.clear(), Rule::CasePatternMismatch),
        (|d| d.why.purposes.clear(), Rule::PurposeNotAllowed),
        (|d| d.who.roles.clear(), Rule::RoleNotAllowed),
        (
            |d| d.who.organisation_classes.clear(),
            Rule::OrganisationClassNotAllowed,
        ),
        (
            |d| d.who.jurisdictions.clear(),
            Rule::JurisdictionNotAllowed,
        ),
    ] {
        let agreement = reference::agreement(empty);
        let (requester, query) = (reference::requester(), reference::query());
        let refusal = agreement
            .permit(&requester, &query, reference::now())
            .unwrap_err();
        assert_eq!(refusal.rule, rule);
    }
    let empty = reference::agreement(|document| document.what.fields.clear());
    let image = empty.image_permit(
        &reference::requester(),
        &reference::query(),
        reference::now(),
    );
    assert_eq!(image.unwrap_err().rule, Rule::ActionNotAllowed);
}

#[test]
fn a_prohibition_beats_the_permission_for_every_purpose() {
    for purpose in Purpose::ALL {
        let decide = |prohibited: &[Purpose]| {
            let agreement = reference::agreement(|document| {
                document.why.purposes = Purpose::ALL.into();
                let criminal = Purpose::ALL.into_iter().filter(|it| it.is_criminal());
                document.why.offences = criminal
                    .map(|purpose| (purpose, Offence::ALL.into()))
                    .collect();
                document.why.prohibited = prohibited.iter().copied().collect();
            });
            let query = turnpike_schemas::query::Query::new(
                reference::query().plate().clone(),
                reference::query().window(),
                purpose,
                reference::query().case().clone(),
                reference::query().on_behalf_of().clone(),
            )
            .unwrap()
            .about(Offence::Robbery);
            let permit = agreement.permit(&reference::requester(), &query, reference::now());
            permit.map(|_| ()).map_err(|refusal| refusal.rule)
        };
        assert_eq!(decide(&[]), Ok(()));
        assert_eq!(decide(&[purpose]), Err(Rule::PurposeProhibited));
    }
}

#[test]
fn validation_names_every_problem_at_once() {
    let mut document = reference::document();
    document.id = "Lake Shore".to_owned();
    document.version = 0;
    document.provider = " ".to_owned();
    document.legal_basis.clear();
    document.effective_until = document.effective_from;
    document.who.roles = BTreeSet::from([Role::Investigator, Role::Auditor]);
    document.how_far.lookback_days = 0;
    document.how_far.max_window_days = 36_501;
    document.supersedes = None;
    document.version = 2;
    document.contact.clear();
    document.signed_by = BTreeSet::from(["two words".to_owned()]);
    document.who.organisations = BTreeSet::from(["Brookdale".to_owned()]);
    document.why.offences = BTreeMap::from([(Purpose::MissingPerson, BTreeSet::new())]);
    document.how_far.lookback_days_for = BTreeMap::from([(Purpose::MissingPerson, 0)]);
    document.how_far.supervisor_after_days = 0;
    document.places.position_decimals = 7;
    document.what.image_kinds.clear();
    document.what.confidence_floor_percent = 101;
    document.how_much.user_per_hour = 0;
    document.how_much.organisation_per_day = 0;
    document.conditions.home = None;
    document.conditions.declarations[0]
        .sha256
        .make_ascii_uppercase();
    document.duties.feed_hours = 0;
    document.duties.delete_after_days = 0;
    document.duties.onward_transfer = BTreeSet::from(["*".to_owned()]);
    document.what.max_reads = 0;
    let partial = document.plates.partial.as_mut().unwrap();
    partial.min_known = 3;
    partial.max_window_days = 32;
    document.retention.as_mut().unwrap().days = 0;
    let problems = document.clone().validate().unwrap_err();
    let named: Vec<&str> = problems.iter().map(|problem| problem.key).collect();
    assert_eq!(
        named,
        [
            "id",
            "supersedes",
            "provider",
            "legal_basis",
            "contact",
            "signed_by",
            "effective_until",
            "who.roles",
            "who.organisations",
            "why.offences",
            "why.offences",
            "how_far.lookback_days",
            "how_far.lookback_days_for",
            "how_far.supervisor_after_days",
            "how_far.max_window_days",
            "where.position_decimals",
            "what.max_reads",
            "what.confidence_floor_percent",
            "how_much.user_per_hour",
            "how_much.organisation_per_day",
            "plates.partial.min_known",
            "plates.partial.max_window_days",
            "what.image_kinds",
            "conditions.home",
            "conditions.declarations",
            "duties.feed_hours",
            "duties.delete_after_days",
            "duties.onward_transfer",
            "retention",
        ]
    );
    document.retention = None;
    document.alerts = Some(Alerts {
        max_days: 367,
        confirm_days: 0,
        second_approval: false,
    });
    let without: BTreeMap<&str, String> = document
        .validate()
        .unwrap_err()
        .into_iter()
        .map(|problem| (problem.key, problem.to_string()))
        .collect();
    assert_eq!(
        without.get("retention").map(String::as_str),
        Some("`retention` is required with action `ingest`: say how long reads are kept")
    );
    for key in ["alerts", "alerts.max_days", "alerts.confirm_days"] {
        assert!(without.contains_key(key), "{key}: {without:?}");
    }
}

#[test]
fn a_role_that_does_not_ask_cannot_be_let_in_by_an_agreement() {
    for role in Role::ALL {
        let mut document = reference::document();
        document.who.roles = BTreeSet::from([role]);
        assert_eq!(document.validate().is_ok(), role.may_ask(), "{role:?}");
    }
}
