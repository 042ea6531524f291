//! `turnpike source`: bringing a source in, checking it, and seeing when its payloads change.

mod check;
mod drift;
mod new;
mod payloads;
mod report;
mod sample;

use std::io::Write;

use clap::Subcommand;

use super::{
    decode,
    exit::{Exit, Outcome},
};

#[derive(Debug, Subcommand)]
pub(super) enum SourceCommand {
    /// Write a commented mapping file, or the folders of an adapter in Rust, to start from
    New(new::New),
    /// Check a source: payloads in a folder, or live under a permit; what failed and what to do
    Check(check::Check),
    /// Show what a payload would become: the same as `turnpike decode`
    Decode(decode::Decode),
    /// Print an invented payload in a vendor's format
    Sample(sample::Sample),
    /// Compare the shape of payloads with the recorded one: new, missing and retyped fields
    Drift(drift::Drift),
}

impl SourceCommand {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        match self {
            Self::New(command) => command.run(out),
            Self::Check(command) => command.run(out).await,
            Self::Decode(command) => command.run(out),
            Self::Sample(command) => command.run(out),
            Self::Drift(command) => command.run(out),
        }
    }
}
