//! Who somebody is while they are not calling: whose alert lists a read is matched against is decided without a sign-in.

use std::sync::Arc;

use turnpike_schemas::agreement::{Assurance, Attributes};

use super::{Directory, Identity, Means, sound};
use crate::control::{ControlError, Profile};

impl Directory {
    /// Somebody who may sign in now, as they are now: of the configuration, with an account of the gateway's own store, or the
    /// person a configured system asks for. `assurance` is how sure the sign-in was that this rests on. Nobody where the account
    /// is gone, disabled or was never here: who is known through a provider alone is known only while signed in.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn standing(
        &self,
        subject: &str,
        assurance: Assurance,
    ) -> Result<Option<Identity>, ControlError> {
        if let Some(found) = self.of_configuration(subject) {
            return Ok(Some(found.at_most(assurance)));
        }
        let Some(control) = &self.control else {
            return Ok(None);
        };
        let Some(user) = control.user(subject).await?.filter(|user| !user.disabled) else {
            return Ok(None);
        };
        let organisation = self.organisations.get(&user.organisation);
        let (Some(organisation), Ok(roles)) = (organisation, sound(user.roles)) else {
            return Ok(None);
        };
        let profile = Profile {
            subject: user.subject,
            organisation: organisation.clone(),
            roles,
            attributes: Attributes {
                sworn: user.sworn,
                training_until: user.training_until,
                assurance,
            },
        };
        Ok(Some(Identity::new(profile, Means::Session)))
    }

    fn of_configuration(&self, subject: &str) -> Option<Identity> {
        let account = |name: &str| {
            let mut known = self.configured.values();
            known.find(|identity| identity.account() == name)
        };
        if let Some(found) = account(subject) {
            return Some(found.clone());
        }
        let (system, person) = subject.split_once('/')?;
        let system = account(system).filter(|found| found.is_system())?;
        Some(system.asking_for(person))
    }
}

impl Identity {
    fn at_most(mut self, assurance: Assurance) -> Self {
        let principal = Arc::make_mut(&mut self.principal);
        // A configured token is as sure as it is, whatever is said.
        principal.attributes.assurance = principal.attributes.assurance.min(assurance);
        self
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use turnpike_schemas::{
        agreement::{Organisation, OrganisationClass, Role},
        plate::Jurisdiction,
    };

    use super::*;
    use crate::config::{TokenHash, User};

    fn directory() -> Directory {
        let organisation = Organisation {
            id: "brookdale".to_owned(),
            class: OrganisationClass::StateLocal,
            jurisdiction: Jurisdiction::parse("US-OH").unwrap(),
        };
        let user = |subject: &str, role| User {
            subject: subject.to_owned(),
            organisation: organisation.clone(),
            roles: BTreeSet::from([role]),
            sworn: true,
            training_until: None,
            token: TokenHash::of(subject),
        };
        let users = [
            user("d.avery", Role::Investigator),
            user("cad", Role::System),
        ];
        Directory::new(&users, BTreeMap::new())
    }

    #[tokio::test]
    async fn somebody_of_the_configuration_is_known_without_calling() {
        let found = directory().standing("d.avery", Assurance::Aal3).await;
        let found = found.unwrap().unwrap();
        assert_eq!(found.subject(), "d.avery");
        assert!(found.has(Role::Investigator) && found.attributes().sworn);
        assert_eq!(found.attributes().assurance, Assurance::Aal1);
    }

    #[tokio::test]
    async fn a_system_stands_for_its_people_and_nobody_else_does() {
        let directory = directory();
        let of = async |subject| directory.standing(subject, Assurance::Aal1).await.unwrap();
        let found = of("cad/j.lee").await.unwrap();
        assert_eq!((found.account(), found.subject()), ("cad", "cad/j.lee"));
        assert_eq!(of("d.avery/j.lee").await, None);
        assert_eq!(of("nobody").await, None);
    }
}
