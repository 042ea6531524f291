//! `turnpike token`.

use std::io::Write;

use base64::Engine as _;
use clap::Args;

use super::exit::{Exit, Outcome};
use crate::config::TokenHash;

/// Make a token for a user or a pushing source, and the hash that goes into the configuration
#[derive(Debug, Args)]
pub(super) struct Token {}

impl Token {
    pub(super) fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let mut random = [0; 32];
        getrandom::fill(&mut random)
            .map_err(|error| Outcome::new(Exit::Failed, format!("no random numbers: {error}")))?;
        let token = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random);
        writeln!(out, "token         {token}")?;
        writeln!(out, "token_sha256  {}", TokenHash::of(&token).to_hex())?;
        writeln!(
            std::io::stderr(),
            "turnpike: give the token to its owner and keep only the hash; it is not shown again"
        )?;
        Ok(Exit::Done)
    }
}
