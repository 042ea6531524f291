//! Issuers by number: there are few, and each entry has room for a number only.

use std::sync::{PoisonError, RwLock};

use turnpike_schemas::plate::{Jurisdiction, JurisdictionMatch};

use super::Refused;

/// Number 0 is no issuer; the others are never let go.
#[derive(Debug, Default)]
pub(crate) struct Issuers(RwLock<Vec<Jurisdiction>>);

impl Issuers {
    pub(crate) fn number(&self, issuer: Option<&Jurisdiction>) -> Result<u16, Refused> {
        let Some(issuer) = issuer else {
            return Ok(0);
        };
        let place = |known: &[Jurisdiction]| {
            let place = known.iter().position(|one| one == issuer)?;
            u16::try_from(place + 1).ok()
        };
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = place(&known) {
            return Ok(number);
        }
        drop(known);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = place(&known) {
            return Ok(number);
        }
        let number = u16::try_from(known.len() + 1).map_err(|_| Refused::Issuers)?;
        known.push(issuer.clone());
        Ok(number)
    }

    pub(crate) fn compare(&self, number: u16, seen: Option<&Jurisdiction>) -> JurisdictionMatch {
        let Some(place) = usize::from(number).checked_sub(1) else {
            return JurisdictionMatch::Unknown;
        };
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Jurisdiction::compare(known.get(place), seen)
    }
}
