//! Signing in, accounts and keys.
//!
//! Secrets occur once each: in the request that proves them and in the answer that hands them out.

use std::{collections::BTreeSet, fmt};

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    agreement::{Attributes, Organisation, Role},
    read::SourceId,
};

/// The system-use notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Notice {
    /// The text; `null` where none is configured.
    pub text: Option<String>,
    /// What a sign-in sends as `acknowledged`: SHA-256 of the text, as 64 hexadecimal digits.
    pub sha256: Option<String>,
    /// Providers of single sign-on, by identifier.
    pub providers: Vec<String>,
}

/// Signing in with a password and a one-time code.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The account.
    pub subject: String,
    /// The password.
    #[schema(format = Password)]
    pub password: String,
    /// The code the authenticator shows now, 6 digits.
    pub code: String,
    /// `sha256` of the notice, where there is one: whoever sends it has read it.
    #[serde(default)]
    pub acknowledged: Option<String>,
}

/// A session that began. The token is shown once.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// Sent as `Authorization: Bearer`.
    #[schema(format = Password)]
    pub token: String,
    /// Who signed in.
    pub caller: WhoAmI,
}

/// Who the gateway takes the caller for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhoAmI {
    /// The person or system.
    pub subject: String,
    /// Its organisation.
    pub organisation: Organisation,
    /// Its roles.
    pub roles: BTreeSet<Role>,
    /// Training, office and assurance of this sign-in.
    pub attributes: Attributes,
    /// How the caller was recognised: `configured`, `session`, `key` or `bearer`.
    pub means: String,
    /// When the session ends at the latest.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ends_at: Option<Timestamp>,
    /// Seconds without a request after which the session ends before that.
    pub idle_s: Option<u64>,
}

/// Setting the first password of an account.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Enrol {
    /// The account.
    pub subject: String,
    /// The enrolment code handed out when the account was made or reset.
    #[schema(format = Password)]
    pub enrolment: String,
    /// The password from now on: 12 to 256 characters.
    #[schema(format = Password, min_length = 12, max_length = 256)]
    pub password: String,
}

/// What an authenticator needs. Shown once.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Enrolled {
    /// The secret in base 32.
    #[schema(format = Password)]
    pub code_secret: String,
    /// The same as an `otpauth` address, for a QR code.
    #[schema(format = Password)]
    pub code_uri: String,
}

/// Sessions that were ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionsEnded {
    /// How many there were.
    pub ended: u32,
}

/// An account to be made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The person: 1 to 64 characters of `a-z`, `0-9`, `.`, `_`, `@` and `-`.
    #[schema(min_length = 1, max_length = 64, pattern = "^[a-z0-9._@-]+$")]
    pub subject: String,
    /// A configured organisation.
    pub organisation: String,
    /// Roles that go together.
    pub roles: BTreeSet<Role>,
    /// Whether the person is a sworn officer.
    #[serde(default)]
    pub sworn: bool,
    /// Last day of valid training.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub training_until: Option<Date>,
}

/// One change of an account. Anything else about it stays as it is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "change", deny_unknown_fields)]
pub enum UserChange {
    /// Other roles.
    Roles {
        /// All of them.
        roles: BTreeSet<Role>,
    },
    /// Other training or office.
    Standing {
        /// Whether the person is a sworn officer.
        sworn: bool,
        /// Last day of valid training.
        #[schema(value_type = Option<String>, format = Date)]
        training_until: Option<Date>,
    },
    /// Nobody signs in to it any more; its sessions end.
    Disable {},
    /// Password and authenticator are void, its sessions end, a disabled account comes back: whoever has the new
    /// enrolment code sets both anew.
    Reset {},
}

/// An account. Nothing secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Account {
    /// The person.
    pub subject: String,
    /// Identifier of the organisation.
    pub organisation: String,
    /// Roles.
    pub roles: BTreeSet<Role>,
    /// Whether the person is a sworn officer.
    pub sworn: bool,
    /// Last day of valid training.
    #[schema(value_type = Option<String>, format = Date)]
    pub training_until: Option<Date>,
    /// `enrolling`, `active`, `locked` or `disabled`.
    pub state: String,
    /// Last sign-in.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_seen_at: Option<Timestamp>,
}

/// An account after a change.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Changed {
    /// The account.
    pub account: Account,
    /// Enrolment code for the person, where one was made. Shown once.
    #[schema(format = Password)]
    pub enrolment: Option<String>,
}

/// Every account of the gateway's own store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Accounts {
    /// By subject.
    pub users: Vec<Account>,
}

/// A key to be made, for a system.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// The system: 1 to 64 characters of `a-z`, `0-9`, `.`, `_`, `@` and `-`.
    #[schema(min_length = 1, max_length = 64, pattern = "^[a-z0-9._@-]+$")]
    pub subject: String,
    /// A configured organisation.
    pub organisation: String,
    /// The role: `system`, `integrator` or `source_owner`.
    pub role: Role,
    /// The routes it opens, as in the API document, such as `/v1/queries`; every route of its role when left out.
    #[serde(default)]
    pub routes: Option<BTreeSet<String>>,
    /// The sources it may ask; all when left out.
    #[serde(default)]
    pub sources: Option<BTreeSet<SourceId>>,
    /// Days until it expires, 1 to 366.
    #[schema(minimum = 1, maximum = 366)]
    pub days: u16,
}

/// A key. Nothing secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiKey {
    /// Identifier: the second part of the key itself.
    pub id: String,
    /// The system.
    pub subject: String,
    /// Identifier of the organisation.
    pub organisation: String,
    /// The role.
    pub role: Role,
    /// Routes it opens; `null` for every route of its role.
    pub routes: Option<BTreeSet<String>>,
    /// Sources it may ask; `null` for all.
    pub sources: Option<BTreeSet<SourceId>>,
    /// From when on it is void.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// When it was revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
}

/// A key that was made. The key itself is shown once.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct KeyMade {
    /// What is known of it.
    pub key: ApiKey,
    /// Sent as `Authorization: Bearer`.
    #[schema(format = Password)]
    pub secret: String,
}

/// Every key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiKeys {
    /// Oldest first.
    pub keys: Vec<ApiKey>,
}

/// Beginning a sign-in at a provider.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BeginSignIn {
    /// Identifier of the provider; may be left out where there is one.
    #[serde(default)]
    pub provider: Option<String>,
    /// Where the provider sends the browser: `http://127.0.0.1:PORT/callback`, or an address that is configured.
    pub redirect_uri: String,
    /// Whether two factors are asked for.
    #[serde(default)]
    pub step_up: bool,
    /// `sha256` of the notice, where there is one.
    #[serde(default)]
    pub acknowledged: Option<String>,
}

/// A sign-in under way at a provider, for ten minutes.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct SignInBegun {
    /// Where the browser goes.
    pub authorization_url: String,
    /// Proof that whoever completes the sign-in began it.
    #[schema(format = Password)]
    pub flow: String,
}

/// Completing a sign-in at a provider.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CompleteSignIn {
    /// From the beginning.
    #[schema(format = Password)]
    pub flow: String,
    /// `state` as the browser brought it back.
    pub state: String,
    /// `code` as the browser brought it back.
    #[schema(format = Password)]
    pub code: String,
}

/// Says which type it is and nothing of what is in it.
macro_rules! closed {
    ($($name:ident),*) => {
        $(impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        })*
    };
}

closed!(
    SignIn,
    Session,
    Enrol,
    Enrolled,
    Changed,
    KeyMade,
    SignInBegun,
    CompleteSignIn
);
