//! `turnpike audit sample`.

use std::{io::Write, path::PathBuf};

use clap::Args;
use jiff::Timestamp;
use turnpike_schemas::{
    api::{SampleAnswer, SampleRequest},
    review::{
        Covered,
        sample::{self, Sampler, Share, Witnessed},
    },
    tlog::VerifierKey,
};

use super::super::{
    client::Server,
    exit::{Exit, Outcome},
    query::json,
    report::{Replay, day_or_time},
    table::time,
};
use super::list::print_questions;
use crate::cli::words::counted;
use crate::tlog::AwsEd25519;

/// Draw a sample that a witnessed checkpoint chooses, or recompute one
///
/// The checkpoint must come after the period, and should come from your witness, not from the operator. The steps are in
/// docs/review.md: with --ledger the sample is recomputed from the files, without a gateway.
#[derive(Debug, Args)]
pub(in crate::cli) struct Sample {
    /// Which part of the questions: `1%`
    #[arg(long)]
    share: Share,
    /// Start of the period: 2026-03-02, or 2026-03-02T12:00:00Z
    #[arg(long, value_parser = day_or_time)]
    from: Timestamp,
    /// End of the period, not included
    #[arg(long, value_parser = day_or_time)]
    to: Timestamp,
    /// File of the checkpoint with the witness's cosignature
    #[arg(long)]
    checkpoint: PathBuf,
    /// Verifier key of the witness, or a file that holds it
    #[arg(long)]
    witness: String,
    /// Recompute from this folder of the ledger
    #[arg(long)]
    ledger: Option<PathBuf>,
    /// Show plates and case references in full
    #[arg(long)]
    full: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

impl Sample {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let checkpoint = std::fs::read_to_string(&self.checkpoint).map_err(|error| {
            let file = self.checkpoint.display();
            Outcome::new(Exit::Failed, format!("{file} cannot be read: {error}"))
        })?;
        let witness = match std::fs::read_to_string(&self.witness) {
            Ok(key) => key.trim().to_owned(),
            Err(_) => self.witness.clone(),
        };
        if let Some(dir) = &self.ledger {
            return self.recompute(out, dir.clone(), &checkpoint, &witness);
        }
        let request = SampleRequest {
            from: self.from,
            to: self.to,
            share: self.share.in_percent(),
            checkpoint,
            witness,
        };
        let path = "/v1/ledger/questions:sample";
        let answer: SampleAnswer = self.server.post(path, &request).await?;
        if self.json {
            json(out, &answer)?;
            return Ok(Exit::Done);
        }
        self.headline(out, &answer.sample, &answer.covered, answer.cosigned_at)?;
        print_questions(out, &answer.questions, self.full)?;
        Ok(Exit::Done)
    }

    fn recompute(
        &self,
        out: &mut dyn Write,
        dir: PathBuf,
        checkpoint: &str,
        witness: &str,
    ) -> Result<Exit, Outcome> {
        let failed = |error: &dyn std::fmt::Display| Outcome::new(Exit::Failed, error.to_string());
        let key: VerifierKey = witness.parse().map_err(|error| failed(&error))?;
        let witnessed = Witnessed::open(checkpoint, &key, &AwsEd25519);
        let witnessed = witnessed.map_err(|error| failed(&error))?;
        let covered = Covered::from(&witnessed.checkpoint);
        let sampler = Sampler::new(self.from, self.to, covered.size);
        let mut sampler = sampler.map_err(|error| failed(&error))?;
        let replay = Replay::of(&dir, covered.size, &mut |entry| sampler.follow(entry))?;
        replay.require(&covered)?;
        let sample = sampler.draw(self.share, witnessed.seed);
        let sample = sample.map_err(|error| failed(&error))?;
        if self.json {
            json(out, &sample)?;
            return Ok(Exit::Done);
        }
        self.headline(out, &sample, &covered, witnessed.at)?;
        for entry in &sample.entries {
            writeln!(out, "{entry}")?;
        }
        Ok(Exit::Done)
    }

    fn headline(
        &self,
        out: &mut dyn Write,
        sample: &sample::Sample,
        covered: &Covered,
        at: Timestamp,
    ) -> std::io::Result<()> {
        writeln!(
            out,
            "{} of {} ({})\nperiod      {} to {}\ncheckpoint  {}, signed by the witness {}\nseed        {}\n",
            sample.entries.len(),
            counted(sample.population, "question"),
            self.share,
            time(self.from),
            time(self.to),
            counted(covered.size, "entry"),
            time(at),
            sample.seed,
        )
    }
}
