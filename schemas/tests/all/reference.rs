//! The reference agreement, and a question and a requester it permits.

use std::{collections::BTreeSet, fs, sync::LazyLock};

use jiff::Timestamp;
use turnpike_schemas::{
    agreement::{
        Action, Agreement, AgreementDocument, Alerts, Assurance, Attributes, Organisation,
        OrganisationClass, Requester, Role,
    },
    plate::{Jurisdiction, Plate},
    query::{AskedPlate, CaseRef, OnBehalfOf, Purpose, Query, TimeWindow},
    read::SourceId,
};

/// The text of the reference agreement.
pub(crate) fn text() -> String {
    fs::read_to_string(crate::committed::path("tests/all/reference-agreement.toml")).unwrap()
}

/// The reference agreement as a document, to change and validate.
pub(crate) fn document() -> AgreementDocument {
    static DOCUMENT: LazyLock<AgreementDocument> =
        LazyLock::new(|| toml::from_str(&text()).unwrap());
    DOCUMENT.clone()
}

/// The reference agreement after `change`.
pub(crate) fn agreement(change: impl FnOnce(&mut AgreementDocument)) -> Agreement {
    let mut document = document();
    change(&mut document);
    document.validate().unwrap()
}

/// Lets people be told of reads under the reference agreement.
pub(crate) fn alerts(document: &mut AgreementDocument) {
    document.actions.insert(Action::Alert);
    document.alerts = Some(Alerts {
        max_days: 30,
        confirm_days: 7,
        second_approval: true,
    });
}

/// An instant well inside the reference agreement.
pub(crate) fn now() -> Timestamp {
    "2026-07-01T12:00:00Z".parse().unwrap()
}

/// An organisation.
pub(crate) fn organisation(id: &str, class: OrganisationClass, area: &str) -> Organisation {
    Organisation {
        id: id.to_owned(),
        class,
        jurisdiction: Jurisdiction::parse(area).unwrap(),
    }
}

/// An investigator of a city police department the reference agreement serves.
pub(crate) fn requester() -> Requester {
    Requester {
        subject: "j.doe".to_owned(),
        organisation: organisation("brookdale-police", OrganisationClass::StateLocal, "US-OH"),
        roles: BTreeSet::from([Role::Investigator]),
        on_behalf_of: None,
        attributes: attributes(),
    }
}

/// What the reference agreement asks of a subject, and no more.
pub(crate) fn attributes() -> Attributes {
    Attributes {
        sworn: false,
        training_until: Some("2027-12-31".parse().unwrap()),
        assurance: Assurance::Aal2,
    }
}

/// The last day, asked for plate TPK0421 because of a stolen vehicle.
pub(crate) fn query() -> Query {
    query_over(window(-24 * 3600, 0))
}

/// The same question over another window.
pub(crate) fn query_over(window: TimeWindow) -> Query {
    Query::new(
        AskedPlate::Exact(Plate::parse("TPK0421").unwrap()),
        window,
        Purpose::StolenVehicle,
        CaseRef::parse("BRK-2026-000042").unwrap(),
        OnBehalfOf::Own,
    )
    .unwrap()
}

/// A window in seconds from [`now`].
pub(crate) fn window(from_s: i64, to_s: i64) -> TimeWindow {
    window_at(now(), from_s, to_s)
}

/// A window in seconds from `now`.
pub(crate) fn window_at(now: Timestamp, from_s: i64, to_s: i64) -> TimeWindow {
    let at = |seconds| now + jiff::SignedDuration::from_secs(seconds);
    TimeWindow::new(at(from_s), at(to_s)).unwrap()
}

/// The source of the reference agreement.
pub(crate) fn source() -> SourceId {
    SourceId::parse("lakeshore-tolls").unwrap()
}
