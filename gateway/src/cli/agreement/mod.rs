//! `turnpike agreement`: begin, check, sign, show, list and compare agreements. No server needed.

mod begin;
mod compare;
mod look;
mod signing;

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use turnpike_schemas::agreement::{Agreement, AgreementDocument};

use super::exit::{Exit, Outcome};

#[derive(Debug, Subcommand)]
pub(super) enum AgreementCommand {
    /// Begin an agreement from a starting profile, to be reviewed by counsel
    New(begin::New),
    /// Make a key to sign agreements with
    Key(signing::Key),
    /// Check agreements: what is wrong, what has run out, what overlaps, who signed
    Check(look::Check),
    /// Sign an agreement; the signature goes into a file beside it
    Sign(signing::Sign),
    /// Show an agreement and who signed it
    Show(look::Show),
    /// List the agreements of the configuration
    List(look::List),
    /// Say what a new version lets through that the old one does not, and the other way round
    Diff(compare::Diff),
}

impl AgreementCommand {
    pub(super) fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        match self {
            Self::New(command) => command.run(out),
            Self::Key(command) => command.run(out),
            Self::Check(command) => command.run(out),
            Self::Sign(command) => command.run(out),
            Self::Show(command) => command.run(out),
            Self::List(command) => command.run(out),
            Self::Diff(command) => command.run(out),
        }
    }
}

/// An agreement in a file.
struct Written {
    path: PathBuf,
    text: String,
    agreement: Agreement,
}

impl Written {
    fn read(path: &Path) -> Result<Self, Outcome> {
        let wrong =
            |message: String| Outcome::new(Exit::Config, format!("{}: {message}", path.display()));
        let text = std::fs::read_to_string(path)
            .map_err(|error| wrong(format!("cannot be read: {error}")))?;
        let document: AgreementDocument =
            toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let agreement = document.validate().map_err(|problems| {
            let lines: Vec<String> = problems.iter().map(|it| format!("\n  {it}")).collect();
            wrong(lines.concat())
        })?;
        Ok(Self {
            path: path.to_owned(),
            text,
            agreement,
        })
    }
}
