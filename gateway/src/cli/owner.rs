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
    tlog::{Ed25519, LogProof, leaf_hash},
};
use uuid::Uuid;

use super::{
    client::Server,
    exit::{Exit, Outcome},
    ledger::parse_key,
    words::counted,
};

/// How often, and how far apart, a proof is asked for until a checkpoint covers its entry.
const COVERED_TRIES: u32 = 20;
const COVERED_PAUSE: std::time::Duration = std::time::Duration::from_millis(250);

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
    /// Proof that the recording entry is in the ledger (c2sp.org/tlog-proof), if not the one in the export
    #[arg(long, requires = "log_key")]
    proof: Option<PathBuf>,
    /// Public key of the ledger, known from elsewhere than the gateway: `name+id+key`, or a file that holds it. Without it
    /// nothing is proven
    #[arg(long)]
    log_key: Option<String>,
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
    /// Proof that the recording entry is in the ledger (c2sp.org/tlog-proof).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    proof: Option<String>,
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
        let (size, recorded) = (checkpoint.size, checkpoint.recorded);
        let proof = match recorded {
            Some(index) => Some(self.proof(index).await?),
            None => None,
        };
        writeln!(out, "{}", json!(Head { checkpoint, proof }))?;
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

impl Export {
    /// A signed checkpoint covers the entry a moment after it was written.
    async fn proof(&self, index: u64) -> Result<String, Outcome> {
        let path = format!("/v1/ledger/entries/{index}/proof");
        let mut tries = 0;
        loop {
            tries += 1;
            match self.server.text(&path).await {
                Err(refused) if refused.exit == Exit::Refused && tries < COVERED_TRIES => {
                    tokio::time::sleep(COVERED_PAUSE).await;
                }
                proof => return proof,
            }
        }
    }
}

impl Verify {
    fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let text = read(&self.file)?;
        let key = self.log_key.as_deref().map(parse_key).transpose()?;
        let (checkpoint, proof, leaves) = parts(&text)?;
        let proof = match &self.proof {
            Some(file) => Some(read(file)?),
            None => proof,
        };
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
            let (_, _, before) = parts(&text)?;
            if !leaves.starts_with(&before) {
                return Err(damaged(
                    "the earlier export is not the beginning of this one: history was rewritten"
                        .to_owned(),
                ));
            }
        }
        writeln!(
            out,
            "{} of `{source}`, as many as recorded and the recorded ones",
            counted(head.size, "leaf")
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
            let (Some(key), Some(proof)) = (&key, &proof) else {
                return Err(unproven(key.is_some()));
            };
            let proof = LogProof::parse(proof);
            let proof = proof.ok().filter(|proof| proof.index == index);
            let proof =
                proof.ok_or_else(|| damaged("the proof is not about that entry".to_owned()))?;
            let signed = proof.verify(&leaf, key, &AwsEd25519);
            let signed = signed.map_err(|error| damaged(error.to_string()))?;
            writeln!(
                out,
                "proven to be in the ledger of {}\nthat `{}` signed",
                counted(signed.size(), "entry"),
                key.name()
            )?;
        } else if head.size > 0 {
            return Err(damaged(
                "no entry of the ledger records this head".to_owned(),
            ));
        }
        let asked = leaves
            .iter()
            .filter_map(|leaf| OwnerLeaf::parse(leaf.as_bytes()).ok());
        let asked = asked.filter(|leaf| leaf.asked.is_some()).count();
        writeln!(out, "{} about questions", counted(asked, "decision"))?;
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

/// Nothing is wrong, and nothing shows that the ledger holds it: whoever made the export could have made the record of it.
fn unproven(has_key: bool) -> Outcome {
    let missing = if has_key {
        "the export holds no proof; export it again, or name one with --proof"
    } else {
        "give --log-key with the public key of the ledger, which you have from elsewhere than the gateway"
    };
    let message =
        format!("not proven: nothing shows that the ledger holds the entry above; {missing}");
    Outcome::new(Exit::Unproven, message)
}

/// The checkpoint, the proof of its record and the leaves of an export.
fn parts(text: &str) -> Result<(OwnerCheckpoint, Option<String>, Vec<&str>), Outcome> {
    let mut lines = text.lines();
    let head = lines
        .next()
        .and_then(|line| serde_json::from_str::<Head>(line).ok());
    let head =
        head.ok_or_else(|| Outcome::new(Exit::Damaged, "this is no export of a source's log"))?;
    Ok((head.checkpoint, head.proof, lines.collect()))
}
