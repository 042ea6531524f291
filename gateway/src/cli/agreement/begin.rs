//! `turnpike agreement new`.

use std::{fs::OpenOptions, io::Write, path::PathBuf};

use clap::Args;
use jiff::{ToSpan as _, civil::Date, tz::Offset};
use turnpike_adapters::context::{Clock as _, SystemClock};
use turnpike_schemas::{agreement::AgreementDocument, read::is_identifier};

use super::super::exit::{Exit, Outcome};
use crate::agreements::{Filled, PROFILES, Profile};

/// Begin an agreement from a starting profile, to be reviewed by counsel
#[derive(Debug, Args)]
pub(in crate::cli) struct New {
    /// Starting profile; without one they are listed
    #[arg(long)]
    profile: Option<String>,
    /// Show what the profile decides instead of beginning an agreement
    #[arg(long, requires = "profile")]
    table: bool,
    /// The source it is about, which is also the agreement's id
    #[arg(long)]
    source: Option<String>,
    /// Who grants
    #[arg(long, default_value = "to be named")]
    provider: String,
    /// Whom to tell of incidents
    #[arg(long, default_value = "to be named")]
    contact: String,
    /// Name of the key that will sign it
    #[arg(long, default_value = "to-be-named.example")]
    signed_by: String,
    /// First day in effect, `YYYY-MM-DD`; today unless given. It ends after a year and is to be reviewed a month before
    #[arg(long)]
    from: Option<Date>,
    /// File to write, which must not exist; standard output unless given
    #[arg(long)]
    output: Option<PathBuf>,
}

impl New {
    pub(in crate::cli) fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let Some(name) = &self.profile else {
            for profile in PROFILES {
                let first = profile.document.lines().next().unwrap_or_default();
                writeln!(out, "{}", first.trim_start_matches("# Starting profile "))?;
            }
            return Ok(Exit::Done);
        };
        let profile = Profile::named(name).ok_or_else(|| {
            let known: Vec<&str> = PROFILES.iter().map(|profile| profile.name).collect();
            let message = format!("unknown profile `{name}`; known: {}", known.join(", "));
            Outcome::new(Exit::Usage, message)
        })?;
        if self.table {
            out.write_all(profile.table.as_bytes())?;
            return Ok(Exit::Done);
        }
        let text = self.filled(profile)?;
        match &self.output {
            None => out.write_all(text.as_bytes())?,
            Some(path) => {
                let file = OpenOptions::new().write(true).create_new(true).open(path);
                let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
                written.map_err(|error| {
                    Outcome::new(Exit::Failed, format!("{}: {error}", path.display()))
                })?;
                writeln!(
                    out,
                    "{}: have it reviewed by counsel, then `turnpike agreement check` and `sign` it",
                    path.display()
                )?;
            }
        }
        Ok(Exit::Done)
    }

    fn filled(&self, profile: &Profile) -> Result<String, Outcome> {
        let usage = |message: &str| Outcome::new(Exit::Usage, message.to_owned());
        let source = self.source.as_deref().unwrap_or(profile.name);
        if !is_identifier(source) {
            return Err(usage(
                "--source must be 1 to 64 characters of `a-z`, `0-9` and `-`",
            ));
        }
        let today = Offset::UTC.to_datetime(SystemClock.now()).date();
        let from = self.from.unwrap_or(today);
        let until = from.checked_add(1.year());
        let until = until.map_err(|_| usage("--from is too late"))?;
        let review = until.checked_sub(1.month());
        let text = profile.filled(&Filled {
            id: source,
            source,
            provider: &self.provider,
            contact: &self.contact,
            signed_by: &self.signed_by,
            from,
            until,
            review: review.map_err(|_| usage("--from is too early"))?,
        });
        let document: AgreementDocument =
            toml::from_str(&text).map_err(|error| Outcome::new(Exit::Failed, error.to_string()))?;
        document.validate().map_err(|problems| {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            Outcome::new(Exit::Usage, problems.join("; "))
        })?;
        Ok(text)
    }
}
