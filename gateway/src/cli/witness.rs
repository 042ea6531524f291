//! `turnpike witness`: vouches for ledgers from a machine of its own.

use std::{io::Write, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use turnpike_adapters::context::{Clock as _, SystemClock};
use turnpike_schemas::tlog::KeyKind;

use super::exit::{Exit, Outcome};
use super::ledger::parse_key;
use crate::config::HttpLimits;
use crate::server;
use crate::tlog::{Folder, SigningKey, Witness as Reference};

/// A request is some kilobytes, and few send one.
const LIMITS: HttpLimits = HttpLimits {
    max_connections: 256,
    header_timeout: Duration::from_secs(5),
    max_header_bytes: 16 << 10,
    body_timeout: Duration::from_secs(10),
    write_timeout: Duration::from_secs(10),
    max_query_bytes: 128 << 10,
    max_push_bytes: 128 << 10,
};

/// Run a witness that cosigns the checkpoints of ledgers (C2SP tlog-witness)
///
/// Prints its public key and address. Meant for an oversight body, on a machine the gateway's operator does not run.
#[derive(Debug, Args)]
pub(super) struct Witness {
    /// Where to listen; port 0 picks a free one
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Folder of the key and of what was cosigned last; never restore it from a copy
    #[arg(long)]
    state: PathBuf,
    /// Name of the witness, best an address without scheme; fixed with the key at the first start
    #[arg(long)]
    name: Option<String>,
    /// Public key of a ledger to vouch for, or a file that holds it. May be given several times
    #[arg(long = "log", required = true)]
    logs: Vec<String>,
}

impl Witness {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<Exit, Outcome> {
        let failed = |error: &dyn std::fmt::Display| Outcome::new(Exit::Failed, error.to_string());
        let logs = self
            .logs
            .iter()
            .map(|log| parse_key(log))
            .collect::<Result<_, _>>()?;
        std::fs::create_dir_all(&self.state)?;
        let file = self.state.join("witness.key");
        let signer = if file.exists() {
            SigningKey::load(&file, KeyKind::Witness)
        } else {
            SigningKey::create(&file, self.name.as_deref(), KeyKind::Witness)
        };
        let signer = signer.map_err(|error| failed(&error))?;
        if self
            .name
            .as_deref()
            .is_some_and(|name| name != signer.verifier().name())
        {
            return Err(failed(&"the key in the state folder has another name"));
        }
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let now = Arc::new(|| SystemClock.now());
        let witness = Reference::new(signer, logs, Folder::new(&self.state), now);
        let listener = server::bind(self.listen).await?;
        writeln!(out, "{}", witness.verifier())?;
        writeln!(
            out,
            "the witness is listening on http://{}",
            listener.local_addr()?
        )?;
        out.flush()?;
        let stop = CancellationToken::new();
        let serving = server::serve(listener, witness.router(), LIMITS, stop.clone());
        tokio::pin!(serving);
        tokio::select! {
            () = &mut serving => return Ok(Exit::Failed),
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
        serving.await;
        Ok(Exit::Done)
    }
}
