//! What nobody uses: accounts, roles, agreements and sources.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::question::{Question, Questions, word};
use crate::agreement::Role;
use crate::ledger::{Action, Admin, AdminAction, Body, Entry, Personal};

/// Fact of an `account_change` entry: whose account.
pub const ACCOUNT: &str = "account";
/// Fact of an `account_change` entry: what was done.
pub const CHANGE: &str = "change";
/// The change that says an account is still needed: idleness is counted from then on.
pub const RECERTIFIED: &str = "recertified";

/// The change that says accounts are there: idleness of those that never ask is counted from then on.
pub const CONFIGURED: &str = "configured";
/// Fact of such a change: whose accounts.
pub const ACCOUNTS: &str = "accounts";

/// An account that is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Who.
    pub subject: String,
    /// The organisation.
    pub organisation: String,
    /// Its roles.
    pub roles: BTreeSet<Role>,
}

/// A source that is configured, and the agreement it is under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Governed {
    /// The source.
    pub source: String,
    /// The agreement, `id@version`.
    pub agreement: String,
}

/// When each account, role, agreement and source was last used, while entries go by.
#[derive(Debug, Default)]
pub struct Use {
    questions: Questions,
    subjects: BTreeMap<String, Timestamp>,
    roles: BTreeMap<(String, Role), Timestamp>,
    agreements: BTreeMap<String, Timestamp>,
    sources: BTreeMap<String, Timestamp>,
    certified: BTreeMap<String, Timestamp>,
    /// When each account was first on record.
    known: BTreeMap<String, Timestamp>,
    first: Option<Timestamp>,
    entries: u64,
}

/// What nobody used for a while.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Unused {
    /// As of when.
    #[schema(value_type = String, format = DateTime)]
    pub as_of: Timestamp,
    /// Days without use after which something counts as unused.
    pub days: u32,
    /// Entries this was counted from.
    pub entries: u64,
    /// When the ledger began: before that nothing is known.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// Accounts that may ask and have asked nothing.
    pub accounts: Vec<IdleAccount>,
    /// Roles somebody holds and has not used.
    pub roles: Vec<IdleRole>,
    /// Agreements under which no source was contacted.
    pub agreements: Vec<Idle>,
    /// Sources that were not contacted.
    pub sources: Vec<Idle>,
}

/// An account that asks nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IdleAccount {
    /// Who.
    #[schema(value_type = String)]
    pub subject: Personal,
    /// The organisation.
    pub organisation: String,
    /// The last question; absent when there never was one.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub last_asked_at: Option<Timestamp>,
    /// When somebody last said that the account is still needed.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub recertified_at: Option<Timestamp>,
    /// Whether it is closed to questions until somebody says so.
    pub dormant: bool,
}

/// A role that is held and not used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IdleRole {
    /// Who.
    #[schema(value_type = String)]
    pub subject: Personal,
    /// The role.
    pub role: Role,
    /// The last use on record; absent when there never was one.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
}

/// Something that is not used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Idle {
    /// Its name.
    pub name: String,
    /// The last use on record; absent when there never was one.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
}

impl Use {
    /// Takes the next entry into account.
    pub fn follow(&mut self, entry: &Entry) {
        self.entries += 1;
        self.first.get_or_insert(entry.at);
        match &entry.body {
            // To be told of a read is no use of an account.
            Body::Intent(intent) if intent.action != Action::Alert => {
                // A name whose key is destroyed is nobody's.
                let subject = intent.subject.text().unwrap_or_default();
                let roles = intent.asker.iter().flat_map(|asker| &asker.roles);
                let roles: Vec<Role> = roles.filter_map(|role| asking_role(role)).collect();
                for name in [Some(subject), system_of(subject)].into_iter().flatten() {
                    touch(&mut self.subjects, name.to_owned(), entry.at);
                    for role in &roles {
                        touch(&mut self.roles, (name.to_owned(), *role), entry.at);
                    }
                }
            }
            Body::Admin(admin) => {
                if let Some(by) = &admin.by {
                    for role in roles_of(admin.action) {
                        touch(&mut self.roles, (by.expose().to_owned(), *role), entry.at);
                    }
                }
                if admin.action == AdminAction::AccountChange {
                    self.change(admin, entry.at);
                }
            }
            _ => {}
        }
        let mut complete = Vec::new();
        self.questions.follow(entry, &mut complete);
        complete
            .iter()
            .for_each(|question| self.contacted(question));
    }

    fn change(&mut self, admin: &Admin, at: Timestamp) {
        let fact = |name| admin.facts.get(name).and_then(|fact| fact.as_str());
        let accounts = admin.facts.get(ACCOUNTS);
        let accounts = accounts.and_then(|accounts| accounts.as_array());
        let named = accounts.into_iter().flatten();
        let named = named.filter_map(|name| name.as_str()).chain(fact(ACCOUNT));
        for account in named {
            if fact(CHANGE) == Some(RECERTIFIED) {
                touch(&mut self.certified, account.to_owned(), at);
            } else {
                self.known.entry(account.to_owned()).or_insert(at);
            }
        }
    }

    fn contacted(&mut self, question: &Question) {
        for line in question.sources.iter().filter(|line| line.was_contacted()) {
            touch(&mut self.sources, line.source.clone(), question.at);
            if let Some(agreement) = &line.agreement {
                touch(&mut self.agreements, agreement.clone(), question.at);
            }
        }
    }

    /// Since when an account is idle: its last question, the last time somebody said that it is needed, or when it was
    /// put on record. `None` where nothing of it is on record.
    #[must_use]
    pub fn idle_since(&self, subject: &str) -> Option<Timestamp> {
        let known = [&self.subjects, &self.certified, &self.known];
        let known = known.into_iter().filter_map(|known| known.get(subject));
        known.max().copied()
    }

    /// Since when every account that is on record is idle.
    #[must_use]
    pub fn idle(&self) -> BTreeMap<String, Timestamp> {
        let known = [&self.subjects, &self.certified, &self.known];
        let mut idle = BTreeMap::new();
        for (subject, at) in known.into_iter().flatten() {
            touch(&mut idle, subject.clone(), *at);
        }
        idle
    }

    /// When an account last asked.
    #[must_use]
    pub fn last_asked(&self, subject: &str) -> Option<Timestamp> {
        self.subjects.get(subject).copied()
    }

    /// What nobody used in the last `days` days before `now`. `dormant_days` closes accounts.
    #[must_use]
    pub fn unused(
        &self,
        accounts: &[Account],
        governed: &[Governed],
        now: Timestamp,
        days: u32,
        dormant_days: Option<u32>,
    ) -> Unused {
        let since = now - SignedDuration::from_hours(24 * i64::from(days));
        let idle = |at: Option<Timestamp>| at.is_none_or(|at| at < since);
        let asks = |account: &&Account| account.roles.iter().any(|role| role.may_ask());
        let named = |name: &String, used: &BTreeMap<String, Timestamp>| Idle {
            name: name.clone(),
            last_used_at: used.get(name).copied(),
        };
        let sources = governed.iter().map(|one| named(&one.source, &self.sources));
        let agreements = governed
            .iter()
            .map(|one| named(&one.agreement, &self.agreements));
        let held = accounts.iter().flat_map(|account| {
            account.roles.iter().map(|role| IdleRole {
                subject: Personal::new(&account.subject),
                role: *role,
                last_used_at: self.roles.get(&(account.subject.clone(), *role)).copied(),
            })
        });
        Unused {
            as_of: now,
            days,
            entries: self.entries,
            since: self.first,
            accounts: accounts
                .iter()
                .filter(asks)
                .filter(|account| idle(self.last_asked(&account.subject)))
                .map(|account| IdleAccount {
                    subject: Personal::new(&account.subject),
                    organisation: account.organisation.clone(),
                    last_asked_at: self.last_asked(&account.subject),
                    recertified_at: self.certified.get(&account.subject).copied(),
                    dormant: is_dormant(self.idle_since(&account.subject), now, dormant_days),
                })
                .collect(),
            roles: held.filter(|role| idle(role.last_used_at)).collect(),
            agreements: agreements.filter(|one| idle(one.last_used_at)).collect(),
            sources: sources.filter(|one| idle(one.last_used_at)).collect(),
        }
    }
}

/// Whether an account that is idle since then may not ask. An account of which nothing is on record is new.
#[must_use]
pub fn is_dormant(since: Option<Timestamp>, now: Timestamp, days: Option<u32>) -> bool {
    let limit = days.map(|days| SignedDuration::from_hours(24 * i64::from(days)));
    limit
        .zip(since)
        .is_some_and(|(limit, since)| now.duration_since(since) > limit)
}

/// The account of a system that asks for a person, `SYSTEM/PERSON`: what it asks for others is use of it.
fn system_of(subject: &str) -> Option<&str> {
    subject.split_once('/').map(|(system, _)| system)
}

fn touch<K: Ord>(used: &mut BTreeMap<K, Timestamp>, key: K, at: Timestamp) {
    let last = used.entry(key).or_insert(at);
    *last = at.max(*last);
}

/// The role of this name, if it is one that asks.
fn asking_role(name: &str) -> Option<Role> {
    Role::ALL
        .into_iter()
        .find(|role| role.may_ask() && word(role) == name)
}

/// The roles an administrative action is evidence of.
fn roles_of(action: AdminAction) -> &'static [Role] {
    match action {
        AdminAction::LedgerRead | AdminAction::Finding | AdminAction::Review => &[Role::Auditor],
        AdminAction::Report => &[Role::SourceOwner, Role::Auditor],
        AdminAction::SourceCheck => &[Role::Integrator, Role::Operator],
        AdminAction::AccountChange | AdminAction::ConfigChange | AdminAction::KeyChange => {
            &[Role::Operator]
        }
        AdminAction::Justification => &[Role::Supervisor],
        _ => &[],
    }
}
