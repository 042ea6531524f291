//! `turnpike agreement key` and `turnpike agreement sign`.

use std::{io::Write, path::PathBuf};

use clap::Args;
use turnpike_schemas::tlog::KeyKind;

use super::{
    super::exit::{Exit, Outcome},
    Written,
};
use crate::{agreements::sign, tlog::SigningKey};

/// Make a key to sign agreements with
#[derive(Debug, Args)]
pub(in crate::cli) struct Key {
    /// Name of the key, as in `lakeshore.example/agreements`
    #[arg(long)]
    name: String,
    /// File to write it to, which must not exist
    #[arg(long)]
    output: PathBuf,
}

/// Sign an agreement; the signature goes into a file beside it
#[derive(Debug, Args)]
pub(in crate::cli) struct Sign {
    /// The agreement
    file: PathBuf,
    /// Key file made by `turnpike agreement key`
    #[arg(long)]
    key: PathBuf,
}

fn failed(error: impl std::fmt::Display) -> Outcome {
    Outcome::new(Exit::Failed, error.to_string())
}

impl Key {
    pub(in crate::cli) fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let key = SigningKey::create(&self.output, Some(&self.name), KeyKind::Log);
        let key = key.map_err(failed)?;
        writeln!(out, "{}", key.verifier())?;
        writeln!(
            std::io::stderr(),
            "turnpike: the private key is in {}; the line above is public and goes into `agreement_keys`",
            self.output.display()
        )?;
        Ok(Exit::Done)
    }
}

impl Sign {
    pub(in crate::cli) fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let written = Written::read(&self.file)?;
        let key = SigningKey::load(&self.key, KeyKind::Log).map_err(failed)?;
        let name = key.verifier().name().to_owned();
        let (agreement, text) = (&written.agreement, written.text.as_bytes());
        let beside = sign(&written.path, agreement, text, &key).map_err(failed)?;
        writeln!(
            out,
            "{} signed {} in {}",
            name,
            agreement.reference(),
            beside.display()
        )?;
        if !agreement.document().signed_by.contains(&name) {
            writeln!(
                std::io::stderr(),
                "turnpike: `{name}` is not in `signed_by`: its signature counts as the second person's only"
            )?;
        }
        Ok(Exit::Done)
    }
}
