//! `turnpike ledger mirror`: a second copy, elsewhere, that accepts only what continues it.

use std::{io::Write, path::PathBuf};

use clap::Args;
use reqwest::{Client, StatusCode};
use tokio::runtime::Runtime;

use super::log::{beside, failed, parse_key, read};
use crate::cli::client::client;
use crate::cli::exit::{Exit, Outcome};
use crate::cli::progress::entries_bar;
use crate::cli::words::counted;
use crate::tlog::{Folder, FolderError, FollowError, Origin, follow};

/// Name of the key file in a mirror.
const VKEY: &str = "vkey";

/// Follow another ledger: copy what is new once it is proved to continue what is here
#[derive(Debug, Args)]
pub(in crate::cli) struct Mirror {
    /// Address of the log, for instance `https://gateway.example/v1/ledger`, or a folder of static files
    from: String,
    /// Folder of the copy
    to: PathBuf,
    /// Public key of the log, or a file that holds it; remembered in the copy
    #[arg(long)]
    vkey: Option<String>,
    /// File that holds your token; the environment variable `TURNPIKE_TOKEN` does as well
    #[arg(long)]
    token_file: Option<PathBuf>,
    /// Your token, from the environment only: other users can see a command line
    #[arg(
        long = "token-from-environment-only",
        env = "TURNPIKE_TOKEN",
        hide = true,
        hide_env_values = true
    )]
    token: Option<String>,
}

/// A log behind an address.
struct Remote {
    prefix: String,
    client: Client,
    token: Option<String>,
    runtime: Runtime,
}

impl Mirror {
    pub(in crate::cli) fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let copy = Folder::new(&self.to);
        let known = beside(&copy)?;
        let key = match (&self.vkey, known.clone()) {
            (Some(given), _) => parse_key(given)?,
            (None, Some(known)) => known,
            (None, None) => {
                return Err(failed(
                    "whose ledger is this? give its public key with --vkey",
                ));
            }
        };
        if known.is_some_and(|known| known != key) {
            return Err(failed("this copy is of a ledger with another key"));
        }
        let origin = self.origin()?;
        let bar = entries_bar(0, "copying");
        let followed = follow(&*origin, &copy, &key, &mut |done, all| {
            bar.set_length(all);
            bar.set_position(done);
        });
        bar.finish_and_clear();
        let followed = followed.map_err(|error| refused(&error))?;
        copy.put(VKEY, format!("{key}\n").as_bytes())
            .map_err(|error| failed(error.to_string()))?;
        writeln!(
            out,
            "{}, {} of them new; what was here before is continued",
            counted(followed.to, "entry"),
            followed.to - followed.from
        )?;
        Ok(Exit::Done)
    }

    fn origin(&self) -> Result<Box<dyn Origin>, Outcome> {
        if !self.from.starts_with("http://") && !self.from.starts_with("https://") {
            return Ok(Box::new(Folder::new(&self.from)));
        }
        let token = match &self.token_file {
            Some(file) => Some(read(file)?.trim().to_owned()),
            None => self.token.clone(),
        };
        Ok(Box::new(Remote {
            prefix: self.from.trim_end_matches('/').to_owned(),
            client: client()?,
            token,
            runtime: crate::cli::runtime()?,
        }))
    }
}

impl Origin for Remote {
    fn fetch(&self, path: &str) -> Result<Option<Vec<u8>>, FolderError> {
        let mut request = self.client.get(format!("{}/{path}", self.prefix));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let unreachable = |error: reqwest::Error| FolderError::File {
            path: path.to_owned(),
            error: std::io::Error::other(error.without_url()),
        };
        self.runtime.block_on(async {
            let response = request.send().await.map_err(unreachable)?;
            match response.status() {
                StatusCode::NOT_FOUND => Ok(None),
                status if !status.is_success() => Err(FolderError::File {
                    path: path.to_owned(),
                    error: std::io::Error::other(format!("answered {status}")),
                }),
                _ => Ok(Some(response.bytes().await.map_err(unreachable)?.to_vec())),
            }
        })
    }
}

fn refused(error: &FollowError) -> Outcome {
    let exit = match error {
        FollowError::Folder(_) => Exit::Failed,
        _ => Exit::Damaged,
    };
    Outcome::new(exit, format!("nothing was taken over: {error}"))
}
