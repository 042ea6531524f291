//! `turnpike ledger owner`: the log of one source, taken home and checked there.

use std::{fs, io::Write, path::PathBuf};

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use serde_json::json;
use turnpike_schemas::{
    api::{
        MAX_ENTRIES, OwnerCheckpoint, OwnerLeaves, PseudonymAsked, PseudonymRequest,
        PseudonymResolved,
    },
    ledger::{Entry, OwnerHead, OwnerLeaf},
    read::SourceId,
    tlog::{Ed25519, LogProof, VerifierKey, leaf_hash},
};
use uuid::Uuid;

use super::{
    client::Server,
    exit::{Exit, Outcome},
};

/// The log of one source, for its owner
#[derive(Debug, Args)]
pub(super) struct Owner {
    #[command(subcommand)]
    command: OwnerCommand,
}

#[derive(Debug, Subcommand)]
enum OwnerCommand {
    /// Print the whole log of a source, up to its checkpoint, to be kept and checked
    Export(Export),
    /// Check an export: nothing withheld, added or altered up to the checkpoint the ledger records; no gateway needed
    Verify(Verify),
    /// Ask who a pseudonym is; an auditor must confirm it
    Who(Who),
    /// Confirm somebody's question about a pseudonym, and see who it is
    Tell(Tell),
}

#[derive(Debug, Args)]
struct Export {
    #[command(flatten)]
    server: Server,
    /// The source
    #[arg(value_parser = SourceId::parse)]
    source: SourceId,
}

#[derive(Debug, Args)]
struct Verify {
    /// The export
    file: PathBuf,
    /// An earlier export, of which this one must be the continuation
    #[arg(long)]
    after: Option<PathBuf>,
    /// Proof that the recording entry is in the ledger (c2sp.org/tlog-proof)
    #[arg(long, requires = "log_key")]
    proof: Option<PathBuf>,
    /// Public key of the ledger, `name+id+key`, known from elsewhere than the gateway
    #[arg(long)]
    log_key: Option<VerifierKey>,
}

#[derive(Debug, Args)]
struct Who {
    #[command(flatten)]
    server: Server,
    /// The source
    #[arg(value_parser = SourceId::parse)]
    source: SourceId,
    /// A `person` of an export
    pseudonym: String,
}

#[derive(Debug, Args)]
struct Tell {
    #[command(flatten)]
    server: Server,
    /// What `owner who` printed
    request: Uuid,
}

/// First line of an export; the leaves follow, one a line.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    checkpoint: OwnerCheckpoint,
}

impl Owner {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        match self.command {
            OwnerCommand::Export(export) => export.run(out).await,
            OwnerCommand::Verify(verify) => verify.run(out),
            OwnerCommand::Who(who) => who.run(out).await,
            OwnerCommand::Tell(tell) => tell.run(out).await,
        }
    }
}

impl Export {
    async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let of = format!("/v1/ledger/sources/{}", self.source);
        let checkpoint: OwnerCheckpoint = self.server.get(&format!("{of}/checkpoint")).await?;
        let size = checkpoint.size;
        writeln!(out, "{}", json!(Head { checkpoint }))?;
        let mut from = 0;
        while from < size {
            let limit = u64::from(MAX_ENTRIES).min(size - from);
            let path = format!("{of}/entries?start={from}&limit={limit}");
            let page: OwnerLeaves = self.server.get(&path).await?;
            if page.leaves.is_empty() {
                return Err(Outcome::new(
                    Exit::Damaged,
                    "the gateway has fewer leaves than its checkpoint says",
                ));
            }
            for leaf in &page.leaves {
                writeln!(out, "{leaf}")?;
            }
            from += page.leaves.len() as u64;
        }
        Ok(Exit::Done)
    }
}

impl Verify {
    fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let text = read(&self.file)?;
        let (checkpoint, leaves) = parts(&text)?;
        let source = checkpoint.source.to_string();
        let head = OwnerHead {
            size: checkpoint.size,
            root: checkpoint.root.clone(),
        };
        let damaged = |problem: String| Outcome::new(Exit::Damaged, problem);
        let verified = head.verify(&source, leaves.iter().map(|leaf| leaf.as_bytes()));
        verified.map_err(|error| damaged(error.to_string()))?;
        if let Some(earlier) = &self.after {
            let text = read(earlier)?;
            let (_, before) = parts(&text)?;
            if !leaves.starts_with(&before) {
                return Err(damaged(
                    "the earlier export is not the beginning of this one: history was rewritten"
                        .to_owned(),
                ));
            }
        }
        writeln!(
            out,
            "{} leaves of `{source}`, as many as recorded and the recorded ones",
            head.size
        )?;
        if let (Some(index), Some(entry)) = (checkpoint.recorded, &checkpoint.entry) {
            let parsed = Entry::parse(entry.as_bytes())
                .ok()
                .filter(|entry| entry.index == index);
            let recorded = parsed.and_then(|entry| OwnerHead::recorded(&entry, &source).ok());
            if recorded.as_ref() != Some(&head) {
                return Err(damaged(
                    "the entry of the ledger does not record this head".to_owned(),
                ));
            }
            let leaf = leaf_hash(entry.as_bytes());
            writeln!(out, "recorded by entry {index} of the ledger,\nleaf {leaf}")?;
            if let Some((file, key)) = self.proof.as_ref().zip(self.log_key.as_ref()) {
                let proof = LogProof::parse(&read(file)?);
                let proof = proof.ok().filter(|proof| proof.index == index);
                let proof =
                    proof.ok_or_else(|| damaged("the proof is not about that entry".to_owned()))?;
                let signed = proof.verify(&leaf, key, &AwsEd25519);
                let signed = signed.map_err(|error| damaged(error.to_string()))?;
                writeln!(
                    out,
                    "in the ledger of {} entries that `{}` signed",
                    signed.size(),
                    key.name()
                )?;
            }
        } else if head.size > 0 {
            return Err(damaged(
                "no entry of the ledger records this head".to_owned(),
            ));
        }
        let asked = leaves
            .iter()
            .filter_map(|leaf| OwnerLeaf::parse(leaf.as_bytes()).ok());
        let asked = asked.filter(|leaf| leaf.asked.is_some()).count();
        writeln!(out, "{asked} decisions about questions")?;
        Ok(Exit::Done)
    }
}

impl Who {
    async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let path = format!("/v1/ledger/sources/{}/pseudonyms", self.source);
        let pseudonym = self.pseudonym;
        let asked: PseudonymAsked = self
            .server
            .post(&path, &PseudonymRequest { pseudonym })
            .await?;
        writeln!(out, "{}", asked.request)?;
        writeln!(
            std::io::stderr(),
            "turnpike: an auditor tells who it is: turnpike ledger owner tell {}",
            asked.request
        )?;
        Ok(Exit::Done)
    }
}

impl Tell {
    async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let path = format!("/v1/ledger/pseudonyms/{}/confirm", self.request);
        let told: PseudonymResolved = self.server.post(&path, &json!({})).await?;
        writeln!(out, "{}", told.subject)?;
        Ok(Exit::Done)
    }
}

/// The signature algorithm of the ledger.
struct AwsEd25519;

impl Ed25519 for AwsEd25519 {
    fn verify(&self, public_key: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, public_key);
        key.verify(message, signature).is_ok()
    }
}

fn read(file: &std::path::Path) -> Result<String, Outcome> {
    fs::read_to_string(file).map_err(|error| {
        Outcome::new(
            Exit::Failed,
            format!("{} cannot be read: {error}", file.display()),
        )
    })
}

/// The checkpoint and the leaves of an export.
fn parts(text: &str) -> Result<(OwnerCheckpoint, Vec<&str>), Outcome> {
    let mut lines = text.lines();
    let head = lines
        .next()
        .and_then(|line| serde_json::from_str::<Head>(line).ok());
    let head =
        head.ok_or_else(|| Outcome::new(Exit::Damaged, "this is no export of a source's log"))?;
    Ok((head.checkpoint, lines.collect()))
}
