//! `turnpike report`: what is made from the ledger for those it is about.

mod precision;
mod public;
mod replay;
mod statement;
mod unused;

use std::io::Write;

use clap::Subcommand;
use jiff::{Timestamp, civil::Date, tz::Offset};

use super::exit::{Exit, Outcome};

pub(super) use replay::Replay;

#[derive(Debug, Subcommand)]
pub(super) enum ReportCommand {
    /// Say which accounts, roles, agreements and sources nobody uses
    Unused(unused::Unused),
    /// Say that an account is still needed, so that it may ask again
    Recertify(unused::Recertify),
    /// Show the owner of a source every question of a day that touched it
    Statement(statement::Statement),
    /// Make the public report of whole months
    Transparency(public::Transparency),
    /// Say how often hits of alert lists turned out to be right, by source and list
    Precision(precision::Precision),
    /// Recompute a public report from the files of a ledger and compare; no gateway needed
    Verify(public::Verify),
}

impl ReportCommand {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        match self {
            Self::Unused(command) => command.run(out).await,
            Self::Recertify(command) => command.run(out).await,
            Self::Statement(command) => command.run(out).await,
            Self::Transparency(command) => command.run(out).await,
            Self::Precision(command) => command.run(out).await,
            Self::Verify(command) => command.run(out),
        }
    }
}

/// A moment, or the first one of a day in UTC.
pub(super) fn day_or_time(text: &str) -> Result<Timestamp, String> {
    let day = || {
        let date = text.parse::<Date>().ok()?;
        Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()
    };
    text.parse::<Timestamp>()
        .ok()
        .or_else(day)
        .ok_or_else(|| "a day as in 2026-03-02, or a time as in 2026-03-02T12:00:00Z".to_owned())
}
