//! `turnpike key`: keys of systems.

use std::io::Write;

use clap::{Args, Subcommand};
use turnpike_schemas::{
    agreement::Role,
    api::identity::{ApiKeys, KeyMade, NewKey},
    read::SourceId,
};

use super::{
    client::Server,
    exit::{Exit, Outcome},
    query::json,
    table::{table, time, trimmed, unbroken},
    user::role,
};
use crate::federation::word;

/// Look after keys of systems
#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Make a key; it is shown once
    New(New),
    /// List keys
    List(List),
    /// Take a key back
    Revoke(Revoke),
}

/// A new key
#[derive(Debug, Args)]
pub(super) struct New {
    #[command(flatten)]
    server: Server,
    /// The system
    subject: String,
    /// A configured organisation
    #[arg(long)]
    organisation: String,
    /// `system`, `integrator` or `source_owner`
    #[arg(long, value_parser = role, default_value = "system")]
    role: Role,
    /// Days until it expires, 1 to 366
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=366))]
    days: u16,
    /// A route it opens, such as /v1/queries; may be given several times; every route of its role when left out
    #[arg(long = "route")]
    routes: Vec<String>,
    /// A source it may ask; may be given several times; all when left out
    #[arg(long = "source")]
    sources: Vec<String>,
}

/// Every key
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    server: Server,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// One key
#[derive(Debug, Args)]
pub(super) struct Revoke {
    #[command(flatten)]
    server: Server,
    /// Its identifier: the part of the key between `tpk_` and the next `_`
    #[arg(value_parser = identifier)]
    id: String,
}

fn identifier(text: &str) -> Result<String, String> {
    let fits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    fits.then(|| text.to_owned())
        .ok_or_else(|| "an identifier is 16 hexadecimal digits".to_owned())
}

impl KeyCommand {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        match self {
            Self::New(command) => command.run(out).await,
            Self::List(command) => command.run(out).await,
            Self::Revoke(command) => command.run().await,
        }
    }
}

impl New {
    async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let sources = self.sources.iter().map(|id| SourceId::parse(id));
        let sources = sources.collect::<Result<_, _>>();
        let sources = sources.map_err(|error| Outcome::new(Exit::Usage, error.to_string()))?;
        let new = NewKey {
            subject: self.subject,
            organisation: self.organisation,
            role: self.role,
            routes: (!self.routes.is_empty()).then(|| self.routes.into_iter().collect()),
            sources: (!self.sources.is_empty()).then_some(sources),
            days: self.days,
        };
        let made: KeyMade = self.server.post("/v1/keys", &new).await?;
        writeln!(out, "{}", made.secret)?;
        writeln!(
            std::io::stderr(),
            "turnpike: key {} for {}, until {}; it is not shown again",
            made.key.id,
            made.key.subject,
            time(made.key.expires_at)
        )?;
        Ok(Exit::Done)
    }
}

impl List {
    async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let keys: ApiKeys = self.server.get("/v1/keys").await?;
        if self.json {
            json(out, &keys)?;
            return Ok(Exit::Done);
        }
        let mut shown = table(&["id", "subject", "role", "until", "revoked"]);
        for key in keys.keys {
            shown.add_row([
                key.id,
                key.subject,
                word(&key.role),
                time(key.expires_at),
                key.revoked_at.map_or("no".to_owned(), time),
            ]);
        }
        unbroken(&mut shown, 1);
        writeln!(out, "{}", trimmed(&shown.to_string()))?;
        Ok(Exit::Done)
    }
}

impl Revoke {
    async fn run(self) -> Result<Exit, Outcome> {
        self.server.delete(&format!("/v1/keys/{}", self.id)).await?;
        writeln!(std::io::stderr(), "turnpike: the key is void")?;
        Ok(Exit::Done)
    }
}
