//! `turnpike report unused` and `turnpike report recertify`.

use std::io::Write;

use clap::Args;
use jiff::Timestamp;
use turnpike_schemas::{
    api::{Recertification, Recorded},
    ledger::Personal,
    review::unused::{self, Idle},
};

use super::super::{
    client::Server,
    exit::{Exit, Outcome},
    query::json,
    table::{clean, shortened, table, time, trimmed, unbroken},
};
use crate::cli::words::counted;
use crate::federation::word;

/// Say which accounts, roles, agreements and sources nobody uses
#[derive(Debug, Args)]
pub(in crate::cli) struct Unused {
    /// Days without use
    #[arg(long, default_value_t = 90)]
    days: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

/// Say that an account is still needed, so that it may ask again
#[derive(Debug, Args)]
pub(in crate::cli) struct Recertify {
    /// Whose account
    subject: String,
    /// Why it is still needed, at most 500 characters
    #[arg(long)]
    note: String,
    #[command(flatten)]
    server: Server,
}

impl Unused {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let path = format!("/v1/reports/unused?days={}", self.days);
        let unused: unused::Unused = self.server.get(&path).await?;
        if self.json {
            json(out, &unused)?;
            return Ok(Exit::Done);
        }
        let since = unused.since.map_or_else(|| "-".to_owned(), time);
        writeln!(
            out,
            "Not used in {} before {} UTC\n({}, the first of {since})\n",
            counted(unused.days, "day"),
            time(unused.as_of),
            counted(unused.entries, "entry")
        )?;
        let mut accounts = table(&["account", "organisation", "last question (utc)", "may ask"]);
        for idle in &unused.accounts {
            accounts.add_row([
                shortened(&clean(idle.subject.expose()), 24),
                shortened(&idle.organisation, 20),
                last(idle.last_asked_at),
                if idle.dormant { "no" } else { "yes" }.to_owned(),
            ]);
        }
        print(out, &mut accounts, unused.accounts.is_empty(), "accounts")?;
        let mut roles = table(&["role", "held by", "last use (utc)"]);
        for idle in &unused.roles {
            roles.add_row([
                word(&idle.role),
                shortened(&clean(idle.subject.expose()), 24),
                last(idle.last_used_at),
            ]);
        }
        print(out, &mut roles, unused.roles.is_empty(), "roles")?;
        idle(out, "agreement", &unused.agreements)?;
        idle(out, "source", &unused.sources)?;
        Ok(Exit::Done)
    }
}

fn idle(out: &mut dyn Write, what: &str, list: &[Idle]) -> std::io::Result<()> {
    let mut rows = table(&[what, "last contact (utc)"]);
    for one in list {
        rows.add_row([one.name.clone(), last(one.last_used_at)]);
    }
    print(out, &mut rows, list.is_empty(), &format!("{what}s"))
}

fn print(
    out: &mut dyn Write,
    rows: &mut comfy_table::Table,
    is_empty: bool,
    what: &str,
) -> std::io::Result<()> {
    if is_empty {
        return writeln!(out, "All {what} are used.\n");
    }
    unbroken(rows, 4);
    writeln!(out, "{}\n", trimmed(&rows.to_string()))
}

fn last(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "never".to_owned(), time)
}

impl Recertify {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let request = Recertification {
            subject: Personal::new(&self.subject),
            note: self.note,
        };
        let path = "/v1/reports/recertifications";
        let recorded: Recorded = self.server.post(path, &request).await?;
        writeln!(
            out,
            "The account is still needed: on record as entry {}. It may ask.",
            recorded.entry
        )?;
        Ok(Exit::Done)
    }
}
