//! `turnpike user`: accounts of the gateway's own store.

use std::{collections::BTreeSet, io::Write};

use clap::{Args, Subcommand};
use jiff::civil::Date;
use serde_json::Value;
use turnpike_adapters::context::{Clock as _, SystemClock};
use turnpike_schemas::{
    agreement::Role,
    api::identity::{Accounts, Changed, Enrol, Enrolled, NewUser, SessionsEnded, UserChange},
};

use super::{
    ConfigFile,
    client::Server,
    exit::{Exit, Outcome},
    prompt,
    query::json,
    table::{table, time, trimmed, unbroken},
    words::counted,
};
use crate::{
    accounts::{AccountError, check_user},
    app::CONTROL_FILE,
    config::Config,
    control::{Control, ControlError},
    federation::word,
    identity::Directory,
};

/// Look after accounts
#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Make the first account, an operator, in an empty store; the gateway must not be running
    Bootstrap(Bootstrap),
    /// Set password and authenticator with the enrolment code you were given
    Enrol(EnrolCommand),
    /// Make an account; its enrolment code goes to its person
    Add(Add),
    /// List accounts
    List(List),
    /// Give an account other roles; its sessions end
    Roles(Roles),
    /// Note training and office of a person
    Standing(Standing),
    /// Let nobody sign in to an account any more
    Disable(Name),
    /// Let a person set password and authenticator anew
    Reset(Name),
    /// End every session of somebody, also of a provider's (PROVIDER:SUBJECT)
    SignOut(Name),
}

/// The first account
#[derive(Debug, Args)]
pub(super) struct Bootstrap {
    #[command(flatten)]
    file: ConfigFile,
    /// The account
    subject: String,
    /// A configured organisation
    #[arg(long)]
    organisation: String,
}

/// Password and authenticator
///
/// Without a terminal, standard input holds the enrolment code and then the password, a line each.
#[derive(Debug, Args)]
pub(super) struct EnrolCommand {
    #[command(flatten)]
    server: Server,
    /// The account
    subject: String,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// A new account
#[derive(Debug, Args)]
pub(super) struct Add {
    #[command(flatten)]
    server: Server,
    /// The account
    subject: String,
    /// A configured organisation
    #[arg(long)]
    organisation: String,
    /// A role; may be given several times
    #[arg(long = "role", required = true, value_parser = role)]
    roles: Vec<Role>,
    /// The person is a sworn officer
    #[arg(long)]
    sworn: bool,
    /// Last day of valid training, as in 2026-12-31
    #[arg(long)]
    training_until: Option<Date>,
}

/// Every account
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    server: Server,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Other roles
#[derive(Debug, Args)]
pub(super) struct Roles {
    #[command(flatten)]
    server: Server,
    /// The account
    subject: String,
    /// A role; may be given several times
    #[arg(long = "role", required = true, value_parser = role)]
    roles: Vec<Role>,
}

/// Training and office
#[derive(Debug, Args)]
pub(super) struct Standing {
    #[command(flatten)]
    server: Server,
    /// The account
    subject: String,
    /// The person is a sworn officer
    #[arg(long)]
    sworn: bool,
    /// Last day of valid training, as in 2026-12-31; none when left out
    #[arg(long)]
    training_until: Option<Date>,
}

/// One account
#[derive(Debug, Args)]
pub(super) struct Name {
    #[command(flatten)]
    server: Server,
    /// The account
    subject: String,
}

/// A role by its word.
pub(super) fn role(text: &str) -> Result<Role, String> {
    let known = serde_json::from_value(Value::from(text));
    known.map_err(|_| {
        let words: Vec<_> = Role::ALL.iter().map(word).collect();
        format!("the roles are {}", words.join(", "))
    })
}

impl UserCommand {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        match self {
            Self::Bootstrap(command) => command.run(out).await,
            Self::Enrol(command) => command.run(out).await,
            Self::Add(command) => command.run(out).await,
            Self::List(command) => command.run(out).await,
            Self::Roles(Roles {
                server,
                subject,
                roles,
            }) => {
                let roles = roles.into_iter().collect();
                change(&server, &subject, &UserChange::Roles { roles }, out).await
            }
            Self::Standing(command) => {
                let standing = UserChange::Standing {
                    sworn: command.sworn,
                    training_until: command.training_until,
                };
                change(&command.server, &command.subject, &standing, out).await
            }
            Self::Disable(Name { server, subject }) => {
                change(&server, &subject, &UserChange::Disable {}, out).await
            }
            Self::Reset(Name { server, subject }) => {
                change(&server, &subject, &UserChange::Reset {}, out).await
            }
            Self::SignOut(Name { server, subject }) => {
                let path = format!("/v1/users/{}/sessions", segment(&subject)?);
                let ended: SessionsEnded = server.delete_for(&path).await?;
                let sessions = counted(ended.ended, "session");
                writeln!(out, "ended {sessions} of {subject}; on record")?;
                Ok(Exit::Done)
            }
        }
    }
}

impl Bootstrap {
    async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let config =
            Config::load(&self.file.config).map_err(|problems| Outcome::config(&problems))?;
        let new = NewUser {
            subject: self.subject,
            organisation: self.organisation,
            roles: BTreeSet::from([Role::Operator]),
            sworn: false,
            training_until: None,
        };
        let directory = Directory::new(&config.users, config.organisations);
        check_user(&new, &directory).map_err(wrong)?;
        std::fs::create_dir_all(&config.data_dir)?;
        let control = Control::open(&config.data_dir.join(CONTROL_FILE)).map_err(unusable)?;
        let enrolment = control.bootstrap(new, SystemClock.now()).await;
        let enrolment = enrolment.map_err(|error| match error {
            ControlError::Exists => Outcome::new(
                Exit::Refused,
                "there are accounts already: an operator makes further ones with `turnpike user add`",
            ),
            error => unusable(error),
        })?;
        writeln!(out, "{enrolment}")?;
        let note = "turnpike: this is the enrolment code, good for 3 days and not shown again; the account is recorded when the gateway starts";
        writeln!(std::io::stderr(), "{note}")?;
        Ok(Exit::Done)
    }
}

fn wrong(error: AccountError) -> Outcome {
    Outcome::new(Exit::Usage, error.to_string())
}

fn unusable(error: ControlError) -> Outcome {
    let exit = match error {
        ControlError::InUse => Exit::Unavailable,
        _ => Exit::Failed,
    };
    Outcome::new(exit, error.to_string())
}

impl EnrolCommand {
    async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let request = Enrol {
            subject: self.subject,
            enrolment: prompt::secret("enrolment code")?,
            password: prompt::secret("new password, 12 characters or more")?,
        };
        let enrolled: Enrolled = self.server.post_openly("/v1/enrolments", &request).await?;
        if self.json {
            json(out, &enrolled)?;
        } else {
            writeln!(out, "{}", enrolled.code_uri)?;
            let note = "turnpike: give this address to your authenticator, as a QR code or by hand; it is not shown again";
            writeln!(std::io::stderr(), "{note}")?;
        }
        Ok(Exit::Done)
    }
}

impl Add {
    async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let new = NewUser {
            subject: self.subject,
            organisation: self.organisation,
            roles: self.roles.into_iter().collect(),
            sworn: self.sworn,
            training_until: self.training_until,
        };
        let changed: Changed = self.server.post("/v1/users", &new).await?;
        shown(&changed, out)
    }
}

async fn change(
    server: &Server,
    subject: &str,
    change: &UserChange,
    out: &mut dyn Write,
) -> Result<Exit, Outcome> {
    if subject.is_empty() || subject.contains(['/', '?', '#', '%']) {
        return Err(Outcome::new(Exit::Usage, "that is no name of an account"));
    }
    let path = format!("/v1/users/{subject}");
    let changed: Changed = server.patch(&path, change).await?;
    shown(&changed, out)
}

/// The enrolment code alone goes to standard output: it is for somebody.
fn shown(changed: &Changed, out: &mut dyn Write) -> Result<Exit, Outcome> {
    let account = &changed.account;
    let roles: Vec<_> = account.roles.iter().map(word).collect();
    let (subject, state, roles) = (&account.subject, &account.state, roles.join(", "));
    writeln!(std::io::stderr(), "turnpike: {subject}: {state}, {roles}")?;
    if let Some(enrolment) = &changed.enrolment {
        writeln!(out, "{enrolment}")?;
        let note =
            "turnpike: give this enrolment code to its person; good for 3 days, not shown again";
        writeln!(std::io::stderr(), "{note}")?;
    }
    Ok(Exit::Done)
}

impl List {
    async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let accounts: Accounts = self.server.get("/v1/users").await?;
        if self.json {
            json(out, &accounts)?;
            return Ok(Exit::Done);
        }
        let mut shown = table(&["subject", "organisation", "roles", "state", "last seen"]);
        for user in accounts.users {
            let roles: Vec<_> = user.roles.iter().map(word).collect();
            let seen = user.last_seen_at.map_or("never".to_owned(), time);
            shown.add_row([
                user.subject,
                user.organisation,
                roles.join(" "),
                user.state,
                seen,
            ]);
        }
        unbroken(&mut shown, 1);
        writeln!(out, "{}", trimmed(&shown.to_string()))?;
        Ok(Exit::Done)
    }
}

/// A subject as one segment of a path.
fn segment(subject: &str) -> Result<String, Outcome> {
    let unfit = || Outcome::new(Exit::Usage, format!("`{subject}` is nobody's name"));
    let mut address = url::Url::parse("http://localhost/").map_err(|_| unfit())?;
    address
        .path_segments_mut()
        .map_err(|()| unfit())?
        .push(subject);
    Ok(address.path().trim_start_matches('/').to_owned())
}
