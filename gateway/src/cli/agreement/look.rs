//! `turnpike agreement check`, `show` and `list`.

use std::{io::Write, path::PathBuf};

use clap::Args;
use jiff::Timestamp;
use turnpike_adapters::context::{Clock as _, SystemClock};
use turnpike_schemas::agreement::AgreementDocument;

use super::{
    super::{
        ConfigFile,
        exit::{Exit, Outcome},
        table::{table, unbroken},
    },
    Written,
};
use crate::{
    agreements::{AgreementKeys, note_beside, verify},
    config::Config,
};

/// Check agreements: what is wrong, what has run out, what overlaps, who signed
#[derive(Debug, Args)]
pub(in crate::cli) struct Check {
    /// The agreements
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Check signatures with the keys of this configuration as well
    #[arg(long)]
    keys_of: Option<PathBuf>,
}

/// Show an agreement and who signed it
#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// The agreement
    file: PathBuf,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// List the agreements of the configuration
#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    #[command(flatten)]
    file: ConfigFile,
}

impl Check {
    pub(in crate::cli) fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let keys = self.keys_of.as_deref().map(|path| {
            let config = Config::load(path).map_err(|problems| Outcome::config(&problems))?;
            Ok::<_, Outcome>(config.agreement_keys)
        });
        let keys = keys.transpose()?;
        let (mut good, mut problems) = (Vec::new(), Vec::new());
        for path in &self.files {
            match Written::read(path) {
                Ok(written) => {
                    problems.extend(flaws(&written, keys.as_ref(), SystemClock.now()));
                    good.push(written);
                }
                Err(outcome) => problems.push(outcome.to_string()),
            }
        }
        problems.extend(overlaps(&good));
        if !problems.is_empty() {
            return Err(Outcome::new(Exit::Config, problems.join("\nturnpike: ")));
        }
        for written in &good {
            let (agreement, path) = (&written.agreement, written.path.display());
            let sha256 = agreement.sha256();
            writeln!(
                out,
                "{path}: {} is in order; sha256 {sha256}",
                agreement.reference()
            )?;
        }
        Ok(Exit::Done)
    }
}

/// What is wrong with one agreement although it can be read.
fn flaws(written: &Written, keys: Option<&AgreementKeys>, now: Timestamp) -> Vec<String> {
    let document = written.agreement.document();
    let mut flaws = Vec::new();
    let mut flaw = |key: &str, message: String| {
        flaws.push(format!("{}: `{key}`: {message}", written.path.display()));
    };
    if document.effective_until <= now {
        let message = format!("has run out at {}", document.effective_until);
        flaw("effective_until", message);
    } else if document.review_due <= now {
        let message = format!("is over since {}: review it", document.review_due);
        flaw("review_due", message);
    }
    let text = written.text.as_bytes();
    if let Some(keys) = keys {
        if let Err(error) = verify(&written.path, &written.agreement, text, keys) {
            flaw("signed_by", error.to_string());
        }
    } else if let Err(error) = note_beside(&written.path, &written.agreement, text) {
        flaw("signed_by", error.to_string());
    }
    flaws
}

/// Versions of one agreement that are in effect at the same time, or share a number.
fn overlaps(all: &[Written]) -> Vec<String> {
    let mut problems = Vec::new();
    for (number, one) in all.iter().enumerate() {
        for other in all.iter().skip(number + 1) {
            let (a, b) = (one.agreement.document(), other.agreement.document());
            if a.id == b.id && meet(a, b) {
                problems.push(format!(
                    "{} and {}: `effective_until`: versions {} and {} of `{}` are in effect at the same time; end one where the other begins",
                    one.path.display(),
                    other.path.display(),
                    a.version,
                    b.version,
                    a.id
                ));
            }
        }
    }
    problems
}

fn meet(a: &AgreementDocument, b: &AgreementDocument) -> bool {
    a.version == b.version
        || a.effective_from < b.effective_until && b.effective_from < a.effective_until
}

impl Show {
    pub(in crate::cli) fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let written = Written::read(&self.file)?;
        let (agreement, text) = (&written.agreement, written.text.as_bytes());
        if self.json {
            let json = serde_json::to_string_pretty(agreement.document());
            writeln!(out, "{}", json.map_err(std::io::Error::from)?)?;
            return Ok(Exit::Done);
        }
        writeln!(
            out,
            "# {}, sha256 {}",
            agreement.reference(),
            agreement.sha256()
        )?;
        match note_beside(&written.path, agreement, text) {
            Ok(Some(note)) => {
                for signature in note.signatures() {
                    let name = signature.name();
                    writeln!(out, "# carries a signature of {name}, not checked here")?;
                }
            }
            Ok(None) => writeln!(out, "# not signed")?,
            Err(error) => writeln!(out, "# {error}")?,
        }
        out.write_all(text)?;
        Ok(Exit::Done)
    }
}

impl List {
    pub(in crate::cli) fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let config =
            Config::load(&self.file.config).map_err(|problems| Outcome::config(&problems))?;
        let mut listed = table(&["source", "agreement", "until", "review due", "signed by"]);
        for source in &config.sources {
            let document = source.agreement.document();
            let by = source.approvals.iter();
            let by: Vec<String> = by.map(|approval| approval.holder.clone()).collect();
            listed.add_row([
                source.id.to_string(),
                source.agreement.reference().to_string(),
                day(document.effective_until),
                day(document.review_due),
                if by.is_empty() {
                    "nobody".to_owned()
                } else {
                    by.join(", ")
                },
            ]);
        }
        unbroken(&mut listed, 2);
        for line in listed.to_string().lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(Exit::Done)
    }
}

/// The day in UTC: agreements end and are reviewed on days.
fn day(at: Timestamp) -> String {
    at.strftime("%F").to_string()
}
