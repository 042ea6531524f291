//! Who is calling. One [`Directory`] over several ways to be known: a token in the configuration, a session of somebody
//! who signed in, the key of a system, a signed token of a provider.
//!
//! Every way ends in an [`Identity`], which names an organisation with class and jurisdiction, and roles that go together.

pub mod duties;
pub mod oidc;
mod standing;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::{Timestamp, tz::TimeZone};
use turnpike_schemas::{
    agreement::{Assurance, Attributes, Organisation, Requester, Role},
    api::identity::WhoAmI,
    query::OnBehalfOf,
    read::SourceId,
};

use crate::{
    config::{TokenHash, User},
    control::{
        Control, ControlError, KEY_PREFIX, Key, KeyState, Profile, SESSION_PREFIX, SessionFound,
        SessionLimits,
    },
};

/// Longest credential looked at, in bytes.
pub const MAX_CREDENTIAL: usize = 8_192;

/// A caller who is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    principal: Arc<Principal>,
    /// The person a system asks for.
    end_user: Option<Arc<str>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Principal {
    subject: String,
    organisation: Organisation,
    roles: BTreeSet<Role>,
    attributes: Attributes,
    means: Means,
    scope: Scope,
    ends_at: Option<Timestamp>,
}

/// How a caller was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// By a token whose hash is in the configuration.
    Configured,
    /// By the token of a session.
    Session,
    /// By a key.
    Key,
    /// By a signed token of a provider.
    Bearer,
}

/// What a credential is good for. The default is everything its roles allow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Routes it opens.
    pub routes: Option<BTreeSet<String>>,
    /// Sources it may ask.
    pub sources: Option<BTreeSet<SourceId>>,
}

/// Everyone who may sign in, and every organisation a question can be asked for.
#[derive(Debug, Default)]
pub struct Directory {
    configured: BTreeMap<TokenHash, Identity>,
    organisations: BTreeMap<String, Organisation>,
    control: Option<Control>,
    sessions: Option<SessionLimits>,
    providers: Vec<Arc<oidc::Provider>>,
}

/// Why a credential does not say who is calling.
#[derive(Debug, thiserror::Error)]
pub enum Unknown {
    /// It is not good. The word is the ledger's.
    #[error("{0}")]
    Refused(&'static str),
    /// It cannot be checked right now.
    #[error("accounts cannot be looked up: {0}")]
    Control(#[from] ControlError),
    /// Its provider cannot be asked for keys right now.
    #[error("the provider cannot be asked for its keys")]
    Provider,
}

/// The organisation a question is asked for is not known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`on_behalf_of` is neither `self` nor an organisation known here")]
pub struct UnknownOrganisation;

impl Means {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configured => "configured",
            Self::Session => "session",
            Self::Key => "key",
            Self::Bearer => "bearer",
        }
    }
}

impl Identity {
    pub(crate) fn new(profile: Profile, means: Means) -> Self {
        Self::scoped(profile, means, Scope::default(), None)
    }

    fn scoped(profile: Profile, means: Means, scope: Scope, ends_at: Option<Timestamp>) -> Self {
        let principal = Principal {
            subject: profile.subject,
            organisation: profile.organisation,
            roles: profile.roles,
            attributes: profile.attributes,
            means,
            scope,
            ends_at,
        };
        Self {
            principal: Arc::new(principal),
            end_user: None,
        }
    }

    /// Stable identifier of the person who asks: of the caller, or `SYSTEM/PERSON` where a system asks for a person.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.end_user.as_deref().unwrap_or(self.account())
    }

    /// Stable identifier of whoever presented the credential.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.principal.subject
    }

    /// The organisation.
    #[must_use]
    pub fn organisation(&self) -> &Organisation {
        &self.principal.organisation
    }

    /// The roles.
    #[must_use]
    pub fn roles(&self) -> &BTreeSet<Role> {
        &self.principal.roles
    }

    /// Training, office and assurance.
    #[must_use]
    pub fn attributes(&self) -> Attributes {
        self.principal.attributes
    }

    /// How the caller was recognised.
    #[must_use]
    pub fn means(&self) -> Means {
        self.principal.means
    }

    /// What the credential is good for.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.principal.scope
    }

    /// Whether the caller has the role.
    #[must_use]
    pub fn has(&self, role: Role) -> bool {
        self.principal.roles.contains(&role)
    }

    /// Whether any of the caller's roles may ask questions at all.
    #[must_use]
    pub fn may_ask(&self) -> bool {
        self.principal.roles.iter().any(|role| role.may_ask())
    }

    /// Whether it is a system, which asks for people only.
    #[must_use]
    pub fn is_system(&self) -> bool {
        self.has(Role::System)
    }

    /// Whether whoever presented the credential is a machine: a key, or a system.
    #[must_use]
    pub fn is_machine(&self) -> bool {
        self.is_system() || self.means() == Means::Key
    }

    /// Whether training is known to be valid on the day of `now`, UTC.
    #[must_use]
    pub fn is_trained(&self, now: Timestamp) -> bool {
        let today = TimeZone::UTC.to_datetime(now).date();
        let until = self.attributes().training_until;
        until.is_some_and(|until| until >= today)
    }

    /// Whether the sign-in was at least so sure.
    #[must_use]
    pub fn is_sure(&self, least: Assurance) -> bool {
        self.attributes().assurance >= least
    }

    /// The system, asking for a person of its organisation.
    #[must_use]
    pub fn asking_for(&self, person: &str) -> Self {
        Self {
            principal: Arc::clone(&self.principal),
            end_user: Some(format!("{}/{person}", self.account()).into()),
        }
    }

    /// Whether it names the person a system asks for.
    #[must_use]
    pub fn names_a_person(&self) -> bool {
        self.end_user.is_some()
    }

    /// What the caller may know about itself.
    #[must_use]
    pub fn who_am_i(&self, idle_s: Option<u64>) -> WhoAmI {
        WhoAmI {
            subject: self.account().to_owned(),
            organisation: self.organisation().clone(),
            roles: self.roles().clone(),
            attributes: self.attributes(),
            means: self.means().as_str().to_owned(),
            ends_at: self.principal.ends_at,
            idle_s: idle_s.filter(|_| self.means() == Means::Session),
        }
    }
}

impl Directory {
    /// A directory of the configured users and organisations.
    #[must_use]
    pub fn new(users: &[User], organisations: BTreeMap<String, Organisation>) -> Self {
        let configured = users.iter().map(|user| {
            let profile = Profile {
                subject: user.subject.clone(),
                organisation: user.organisation.clone(),
                roles: user.roles.clone(),
                attributes: Attributes {
                    sworn: user.sworn,
                    training_until: user.training_until,
                    assurance: Assurance::Aal1,
                },
            };
            (user.token, Identity::new(profile, Means::Configured))
        });
        Self {
            configured: configured.collect(),
            organisations,
            ..Self::default()
        }
    }

    /// The same with the accounts, sessions and keys of a store.
    #[must_use]
    pub fn with_control(mut self, control: Control, sessions: SessionLimits) -> Self {
        self.control = Some(control);
        self.sessions = Some(sessions);
        self
    }

    /// The same with providers of single sign-on.
    #[must_use]
    pub fn with_providers(mut self, providers: Vec<Arc<oidc::Provider>>) -> Self {
        self.providers = providers;
        self
    }

    /// The caller with this credential. Secrets are hashed before they are looked up, so timing tells nothing about stored hashes.
    ///
    /// # Errors
    /// [`Unknown`].
    pub async fn authenticate(
        &self,
        credential: &str,
        now: Timestamp,
    ) -> Result<Identity, Unknown> {
        if credential.len() > MAX_CREDENTIAL {
            return Err(Unknown::Refused("too_long"));
        }
        if let Some(identity) = self.configured.get(&TokenHash::of(credential)) {
            return Ok(identity.clone());
        }
        if credential.starts_with(SESSION_PREFIX) {
            return self.session(credential, now).await;
        }
        if credential.starts_with(KEY_PREFIX) {
            return self.key(credential, now).await;
        }
        if credential.bytes().filter(|byte| *byte == b'.').count() == 2 {
            return self.bearer(credential, now).await;
        }
        Err(Unknown::Refused("unknown_token"))
    }

    async fn session(&self, token: &str, now: Timestamp) -> Result<Identity, Unknown> {
        let (Some(control), Some(limits)) = (&self.control, self.sessions) else {
            return Err(Unknown::Refused("unknown_token"));
        };
        let found = control.session(token, limits, now).await?;
        let found = found.ok_or(Unknown::Refused("session_ended"))?;
        let ends_at = found.ends_at;
        let profile = self.current(found)?;
        Ok(Identity::scoped(
            profile,
            Means::Session,
            Scope::default(),
            Some(ends_at),
        ))
    }

    /// What a session stands for now: an account that was changed since is what it is now.
    fn current(&self, found: SessionFound) -> Result<Profile, Unknown> {
        let Some(user) = found.user else {
            return Ok(found.profile);
        };
        let organisation = self.organisations.get(&user.organisation);
        Ok(Profile {
            subject: user.subject,
            organisation: organisation
                .ok_or(Unknown::Refused("organisation"))?
                .clone(),
            roles: sound(user.roles)?,
            attributes: Attributes {
                sworn: user.sworn,
                training_until: user.training_until,
                ..found.profile.attributes
            },
        })
    }

    async fn key(&self, sent: &str, now: Timestamp) -> Result<Identity, Unknown> {
        let Some(control) = &self.control else {
            return Err(Unknown::Refused("unknown_token"));
        };
        match control.key(sent, now).await? {
            KeyState::Unknown => Err(Unknown::Refused("unknown_key")),
            KeyState::Expired => Err(Unknown::Refused("key_expired")),
            KeyState::Revoked => Err(Unknown::Refused("key_revoked")),
            KeyState::Good(key) => self.of_key(*key),
        }
    }

    fn of_key(&self, key: Key) -> Result<Identity, Unknown> {
        let organisation = self.organisations.get(&key.organisation);
        let profile = Profile {
            subject: key.subject,
            organisation: organisation
                .ok_or(Unknown::Refused("organisation"))?
                .clone(),
            roles: BTreeSet::from([key.role]),
            attributes: Attributes::default(),
        };
        let scope = Scope {
            routes: key.routes,
            sources: key.sources,
        };
        Ok(Identity::scoped(
            profile,
            Means::Key,
            scope,
            Some(key.expires_at),
        ))
    }

    async fn bearer(&self, token: &str, now: Timestamp) -> Result<Identity, Unknown> {
        let issuer = oidc::issuer_of(token).ok_or(Unknown::Refused("unknown_token"))?;
        let provider = self.providers.iter().find(|provider| provider.is(&issuer));
        let provider = provider.ok_or(Unknown::Refused("issuer"))?;
        let profile = provider
            .access(token, &self.organisations, now)
            .await
            .map_err(|bad| match bad {
                oidc::BadToken::Unavailable => Unknown::Provider,
                bad => Unknown::Refused(bad.as_str()),
            })?;
        Ok(Identity::new(profile, Means::Bearer))
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
            roles: identity.roles().clone(),
            on_behalf_of: other,
            attributes: identity.attributes(),
        })
    }

    /// A configured organisation.
    #[must_use]
    pub fn organisation(&self, id: &str) -> Option<&Organisation> {
        self.organisations.get(id)
    }

    /// Every configured organisation.
    #[must_use]
    pub fn organisations(&self) -> &BTreeMap<String, Organisation> {
        &self.organisations
    }

    /// Whether somebody of the configuration has this name already.
    #[must_use]
    pub fn configures(&self, subject: &str) -> bool {
        self.configured
            .values()
            .any(|identity| identity.account() == subject)
    }

    /// Providers of single sign-on.
    #[must_use]
    pub fn providers(&self) -> &[Arc<oidc::Provider>] {
        &self.providers
    }
}

fn sound(roles: BTreeSet<Role>) -> Result<BTreeSet<Role>, Unknown> {
    match duties::check(&roles) {
        Ok(()) => Ok(roles),
        Err(_) => Err(Unknown::Refused("roles")),
    }
}
