//! `turnpike ledger`: reads the files, no server needed.

mod log;
mod mirror;
mod tree;
mod verify;

use std::path::PathBuf;

use clap::Args;

pub(super) use self::{
    log::parse_key,
    mirror::Mirror,
    tree::{Export, Prove, Vkey},
    verify::Verify,
};
use super::{
    ConfigFile,
    exit::{Exit, Outcome},
};
use crate::config::Config;

/// Where the ledger is.
#[derive(Debug, Args)]
struct Folder {
    /// Folder of the ledger, instead of the one of the configuration
    #[arg(long)]
    dir: Option<PathBuf>,
    #[command(flatten)]
    file: ConfigFile,
}

impl Folder {
    fn path(&self) -> Result<PathBuf, Outcome> {
        match &self.dir {
            Some(dir) => Ok(dir.clone()),
            None => {
                let config = Config::load(&self.file.config)
                    .map_err(|problems| Outcome::config(&problems))?;
                Ok(config.data_dir.join("ledger"))
            }
        }
    }
}

pub(super) fn damaged(damage: &impl std::fmt::Display) -> Outcome {
    Outcome::new(
        Exit::Damaged,
        format!("the ledger is damaged: {damage}; keep the files as they are and tell the auditor"),
    )
}
