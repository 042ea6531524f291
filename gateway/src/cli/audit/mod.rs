//! `turnpike audit`: what an auditor does with the ledger of a running gateway. Every reading is on record.

mod draw;
mod find;
mod list;
mod rules;
mod weeks;

use std::io::Write;

use clap::Subcommand;

use super::exit::{Exit, Outcome};

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// List questions by who asked, for whom, why, which source, when and what came of it
    List(list::List),
    /// List what the misuse rules have flagged
    Flags(list::Flags),
    /// Show every source and plate one user reached
    Trail(list::Trail),
    /// Draw a sample that a witnessed checkpoint chooses, or recompute one
    Sample(draw::Sample),
    /// Record what you found about a question
    Finding(find::Finding),
    /// List weeks and their reviews; overdue ones first
    Reviews(weeks::Reviews),
    /// Sign off the review of a week
    SignOff(weeks::SignOff),
    /// List the misuse rules, or measure them on a log whose misuse is known; no gateway needed
    Rules(rules::Rules),
    /// Declare an own vehicle, so that questions about it are flagged; only an HMAC of it is kept
    Declare(rules::Declare),
}

impl AuditCommand {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        match self {
            Self::List(command) => command.run(out).await,
            Self::Flags(command) => command.run(out).await,
            Self::Trail(command) => command.run(out).await,
            Self::Sample(command) => command.run(out).await,
            Self::Finding(command) => command.run(out).await,
            Self::Reviews(command) => command.run(out).await,
            Self::SignOff(command) => command.run(out).await,
            Self::Rules(command) => command.run(out),
            Self::Declare(command) => command.run(out).await,
        }
    }
}
