//! Who is calling: bearer tokens from the configuration.
//!
//! Full identity (single sign-on, keys, training dates) joins later behind the same [`Directory`].

use std::{collections::BTreeMap, sync::Arc};

use turnpike_schemas::agreement::{Organisation, Requester, Role};
use turnpike_schemas::query::OnBehalfOf;

use crate::config::{TokenHash, User};

/// A caller whose token was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    user: Arc<Account>,
}

#[derive(Debug, PartialEq, Eq)]
struct Account {
    subject: String,
    organisation: Organisation,
    roles: std::collections::BTreeSet<Role>,
}

/// Everyone who may sign in, and every organisation a question can be asked for.
#[derive(Debug)]
pub struct Directory {
    accounts: BTreeMap<TokenHash, Identity>,
    organisations: BTreeMap<String, Organisation>,
}

/// The organisation a question is asked for is not known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`on_behalf_of` is neither `self` nor an organisation known here")]
pub struct UnknownOrganisation;

impl Identity {
    /// Stable identifier of the person or system.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.user.subject
    }

    /// The organisation.
    #[must_use]
    pub fn organisation(&self) -> &Organisation {
        &self.user.organisation
    }

    /// Whether the caller has the role.
    #[must_use]
    pub fn has(&self, role: Role) -> bool {
        self.user.roles.contains(&role)
    }

    /// Whether any of the caller's roles may ask questions at all.
    #[must_use]
    pub fn may_ask(&self) -> bool {
        [Role::Investigator, Role::Supervisor, Role::System]
            .into_iter()
            .any(|role| self.has(role))
    }
}

impl Directory {
    /// A directory of the configured users and organisations.
    #[must_use]
    pub fn new(users: &[User], organisations: BTreeMap<String, Organisation>) -> Self {
        let accounts = users.iter().map(|user| {
            let account = Account {
                subject: user.subject.clone(),
                organisation: user.organisation.clone(),
                roles: user.roles.clone(),
            };
            (
                user.token,
                Identity {
                    user: Arc::new(account),
                },
            )
        });
        Self {
            accounts: accounts.collect(),
            organisations,
        }
    }

    /// The caller with this token. The token is hashed before it is looked up, so timing tells nothing about stored hashes.
    #[must_use]
    pub fn authenticate(&self, token: &str) -> Option<&Identity> {
        self.accounts.get(&TokenHash::of(token))
    }

    /// The caller as agreements see it, with the organisation asked for resolved.
    ///
    /// # Errors
    /// [`UnknownOrganisation`].
    pub fn requester(
        &self,
        identity: &Identity,
        on_behalf_of: &OnBehalfOf,
    ) -> Result<Requester, UnknownOrganisation> {
        let other = match on_behalf_of {
            OnBehalfOf::Own => None,
            OnBehalfOf::Organisation(id) if *id == identity.organisation().id => None,
            OnBehalfOf::Organisation(id) => Some(
                self.organisations
                    .get(id)
                    .ok_or(UnknownOrganisation)?
                    .clone(),
            ),
        };
        Ok(Requester {
            subject: identity.subject().to_owned(),
            organisation: identity.organisation().clone(),
            roles: identity.user.roles.clone(),
            on_behalf_of: other,
            attributes: turnpike_schemas::agreement::Attributes::default(),
        })
    }

    /// Every subject and every organisation id, for limits that are kept per caller.
    pub fn callers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.accounts
            .values()
            .map(|identity| (identity.subject(), identity.organisation().id.as_str()))
    }
}
