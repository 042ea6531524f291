//! What the ledger is told of a change before it is made.

use std::collections::BTreeMap;

use serde_json::Value;
use turnpike_schemas::{
    ledger::{Admin, AdminAction, Personal},
    query::OnBehalfOf,
};
use uuid::Uuid;

use super::{ListError, Listing, other};
use crate::{
    alerts::{List, NewList},
    identity::Identity,
};

/// Plates that one entry of the ledger names.
const PLATES: usize = 500;

fn admin(identity: &Identity, facts: impl IntoIterator<Item = (&'static str, Value)>) -> Admin {
    let facts = facts.into_iter();
    Admin {
        action: AdminAction::AlertChange,
        by: Some(Personal::new(identity.subject())),
        facts: facts
            .map(|(name, fact)| (name.to_owned(), fact))
            .collect::<BTreeMap<_, _>>(),
    }
}

/// A list is made, closed, or looked at as a whole.
pub(super) fn of_list(
    action: AdminAction,
    identity: &Identity,
    change: &'static str,
    id: Uuid,
    list: &NewList,
) -> Admin {
    let terms = &list.terms;
    let mut facts = vec![
        ("change", change.into()),
        ("list", id.to_string().into()),
        ("organisation", list.organisation.as_str().into()),
        ("purpose", terms.purpose.as_str().into()),
        ("case_reference", terms.case_reference.as_str().into()),
        ("legal_basis", terms.legal_basis.as_str().into()),
        ("look_alike", list.look_alike.into()),
        ("confidential", list.confidential.into()),
    ];
    if terms.on_behalf_of != OnBehalfOf::Own {
        facts.push(("on_behalf_of", other(&terms.on_behalf_of).into()));
    }
    if !list.shared.is_empty() {
        let shared = list.shared.iter().map(String::as_str);
        facts.push(("shared", shared.collect::<Vec<_>>().into()));
    }
    Admin {
        action,
        ..admin(identity, facts)
    }
}

impl Listing {
    /// Puts a change of entries on record; where it begins. More plates than fit are in the entries that follow it.
    pub(super) async fn record(
        &self,
        identity: &Identity,
        list: &List,
        change: &'static str,
        plates: &[(&'static str, Vec<String>)],
        counts: &[(&'static str, Value)],
    ) -> Result<u64, ListError> {
        let base = || {
            vec![
                ("change", change.into()),
                ("list", list.id.to_string().into()),
                ("organisation", list.list.organisation.as_str().into()),
                ("purpose", list.list.terms.purpose.as_str().into()),
                (
                    "case_reference",
                    list.list.terms.case_reference.as_str().into(),
                ),
            ]
        };
        let mut parts: Vec<Vec<(&'static str, Value)>> = Vec::new();
        for (name, plates) in plates {
            for chunk in plates.chunks(PLATES) {
                parts.push(vec![(*name, chunk.to_vec().into())]);
            }
        }
        if parts.is_empty() {
            parts.push(Vec::new());
        }
        let mut first = None;
        for part in parts {
            let mut facts = base();
            facts.extend(part);
            match first {
                None => facts.extend(counts.iter().cloned()),
                Some(entry) => facts.push(("entry", u64::into(entry))),
            }
            let written = self.ledger.admin(admin(identity, facts)).await?;
            first.get_or_insert(written);
        }
        Ok(first.unwrap_or_default())
    }
}
