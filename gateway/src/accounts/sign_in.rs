//! Signing in, enrolling, signing out.

use jiff::Timestamp;
use serde_json::json;
use turnpike_schemas::{
    agreement::{Assurance, Attributes},
    api::identity::{BeginSignIn, CompleteSignIn, Enrol, Enrolled, Session, SignIn, SignInBegun},
    ledger::{Admin, AdminAction, Personal},
};

use super::{AccountError, Accounts, Result, facts, invalid, words};
use crate::{
    control::{CODE_DIGITS, CODE_STEP_S, Denied, MAX_PASSWORD, MIN_PASSWORD, Profile},
    federation::word,
    identity::{Identity, Means, duties, oidc::FlowError},
    refusals::Refusals,
};

impl Accounts {
    /// Signs somebody in with password and code.
    ///
    /// # Errors
    /// [`AccountError::Denied`] and [`AccountError::Notice`], both on record.
    pub async fn sign_in(&self, request: SignIn, refusals: &Refusals) -> Result<Session> {
        let now = self.clock.now();
        if let Err(error) = self.acknowledged(request.acknowledged.as_deref()) {
            return Err(self
                .refuse(refusals, None, "notice", "password", error)
                .await);
        }
        let subject = request.subject;
        let tried = self
            .control
            .sign_in(&subject, request.password, &request.code, now)
            .await?;
        let denied = match tried {
            Ok(user) => match self.directory.organisation(&user.organisation) {
                Some(organisation) if duties::check(&user.roles).is_ok() => {
                    let profile = Profile {
                        subject: user.subject,
                        organisation: organisation.clone(),
                        roles: user.roles,
                        attributes: Attributes {
                            sworn: user.sworn,
                            training_until: user.training_until,
                            assurance: Assurance::Aal2,
                        },
                    };
                    return self.begin(profile, None, now).await;
                }
                _ => "organisation_or_roles",
            },
            Err(failed) if failed.locks => {
                self.locked(&subject).await?;
                failed.denied.as_str()
            }
            Err(failed) => failed.denied.as_str(),
        };
        // What was typed as a name is kept only where it is one: it could be the password.
        let by = (denied != Denied::Unknown.as_str()).then_some(subject.as_str());
        let error = AccountError::Denied(denied);
        Err(self.refuse(refusals, by, denied, "password", error).await)
    }

    /// That an account is locked is an entry of its own, however many refusals share one.
    async fn locked(&self, subject: &str) -> Result<()> {
        let facts = json!({ "account": subject, "change": "locked" });
        self.record(AdminAction::AccountChange, None, facts).await
    }

    fn acknowledged(&self, sent: Option<&str>) -> Result<()> {
        match self.notice_sha256() {
            Some(wanted) if sent != Some(wanted.as_str()) => Err(AccountError::Notice),
            _ => Ok(()),
        }
    }

    /// Records the sign-in, then begins the session.
    async fn begin(
        &self,
        profile: Profile,
        provider: Option<&str>,
        now: Timestamp,
    ) -> Result<Session> {
        let facts = json!({
            "means": if provider.is_some() { "provider" } else { "password" },
            "provider": provider,
            "assurance": word(&profile.attributes.assurance),
            "organisation": profile.organisation.id,
            "roles": words(&profile.roles),
            "notice_sha256": self.notice_sha256(),
        });
        self.record(AdminAction::SignIn, Some(&profile.subject), facts)
            .await?;
        let mut sessions = self.rules.sessions;
        let is_local = provider.is_none();
        if !is_local {
            sessions.longest = sessions.longest.min(self.rules.provider_session);
        }
        let begun = self
            .control
            .begin_session(profile.clone(), is_local, sessions, now);
        let (token, ends_at) = begun.await?;
        let mut caller = Identity::new(profile, Means::Session).who_am_i(self.idle_s());
        caller.ends_at = Some(ends_at);
        Ok(Session { token, caller })
    }

    /// Seconds of rest after which a session ends.
    #[must_use]
    pub fn idle_s(&self) -> Option<u64> {
        u64::try_from(self.rules.sessions.idle.as_secs()).ok()
    }

    async fn refuse(
        &self,
        refusals: &Refusals,
        by: Option<&str>,
        reason: &str,
        means: &str,
        error: AccountError,
    ) -> AccountError {
        let facts = facts(json!({ "reason": reason, "means": means }));
        let entry = Admin {
            action: AdminAction::SignInRefused,
            by: by.map(Personal::new),
            facts,
        };
        match refusals.sign_in(entry).await {
            Ok(()) => error,
            Err(error) => error.into(),
        }
    }

    /// Ends the caller's session, on record.
    ///
    /// # Errors
    /// The ledger or the store.
    pub async fn sign_out(&self, caller: &Identity, token: &str) -> Result<()> {
        let by = Some(caller.account());
        self.record(AdminAction::SignOut, by, json!({})).await?;
        Ok(self.control.end_session(token).await?)
    }

    /// Begins a sign-in at a provider.
    ///
    /// # Errors
    /// [`AccountError::Notice`] and [`AccountError::Flow`], both on record.
    pub async fn begin_at_provider(
        &self,
        request: BeginSignIn,
        refusals: &Refusals,
    ) -> Result<SignInBegun> {
        let now = self.clock.now();
        let begun = async {
            self.acknowledged(request.acknowledged.as_deref())?;
            let known = self.directory.providers();
            let provider = match &request.provider {
                Some(id) => known.iter().find(|provider| provider.id() == id),
                None => known.first().filter(|_| known.len() == 1),
            };
            let provider = provider.ok_or(FlowError::Provider)?;
            let acknowledged = self.notice_sha256();
            let redirect = &request.redirect_uri;
            let begun = self
                .flows
                .begin(provider, redirect, request.step_up, acknowledged, now);
            Ok(begun.await?)
        };
        match begun.await {
            Ok((address, flow)) => Ok(SignInBegun {
                authorization_url: address.to_string(),
                flow,
            }),
            Err(error) => Err(self.refuse_flow(refusals, error).await),
        }
    }

    /// Completes a sign-in at a provider.
    ///
    /// # Errors
    /// [`AccountError::Flow`], on record.
    pub async fn complete_at_provider(
        &self,
        request: CompleteSignIn,
        refusals: &Refusals,
    ) -> Result<Session> {
        let now = self.clock.now();
        let answer = (request.flow.as_str(), request.state.as_str(), request.code);
        let (providers, organisations) =
            (self.directory.providers(), self.directory.organisations());
        let completed = self.flows.complete(providers, answer, organisations, now);
        match completed.await {
            Ok(completed) => {
                let provider = Some(completed.provider.as_str());
                self.begin(completed.profile, provider, now).await
            }
            Err(error) => Err(self.refuse_flow(refusals, error.into()).await),
        }
    }

    async fn refuse_flow(&self, refusals: &Refusals, error: AccountError) -> AccountError {
        let reason = match &error {
            AccountError::Flow(error) => error.as_str(),
            _ => "notice",
        };
        self.refuse(refusals, None, reason, "provider", error).await
    }

    /// Sets the password of whoever has an enrolment code; gives the secret for the authenticator.
    ///
    /// # Errors
    /// [`AccountError::Denied`], on record; [`AccountError::Invalid`] for a password that is not taken.
    pub async fn enrol(&self, request: Enrol, refusals: &Refusals) -> Result<Enrolled> {
        let change = self.change().await;
        let length = request.password.chars().count();
        let taken = (MIN_PASSWORD..=MAX_PASSWORD).contains(&length)
            && !request.password.contains(&request.subject);
        let now = self.clock.now();
        let enrolled = if taken {
            let (subject, code) = (&request.subject, &request.enrolment);
            let enrolled = self.control.enrol(subject, code, request.password, now);
            enrolled.await?.map_err(Denied::as_str)
        } else {
            Err("password_rule")
        };
        match enrolled {
            Ok(secret) => {
                let facts = json!({ "account": request.subject, "change": "enrolled" });
                let by = Some(request.subject.as_str());
                // Recorded after the fact: until then nobody but the holder of the code has seen the secret.
                self.record(AdminAction::AccountChange, by, facts).await?;
                let text = secret.base32();
                Ok(Enrolled {
                    code_uri: format!(
                        "otpauth://totp/turnpike:{}?secret={text}&issuer=turnpike&digits={CODE_DIGITS}&period={CODE_STEP_S}",
                        request.subject
                    ),
                    code_secret: text,
                })
            }
            Err(reason) => {
                // Whoever guesses keeps nobody who changes accounts waiting for the disk.
                drop(change);
                let error = if reason == "password_rule" {
                    let rule = "must have 12 to 256 characters and not hold the account's name";
                    invalid("password", rule)
                } else {
                    AccountError::Denied(reason)
                };
                Err(self
                    .refuse(refusals, None, reason, "enrolment", error)
                    .await)
            }
        }
    }
}
