//! `turnpike serve`.

use std::{io::Write as _, sync::Arc};

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use turnpike_adapters::context::SystemClock;

use super::{
    ConfigFile,
    exit::{Exit, Outcome},
};
use crate::{
    app::{self, StartError},
    config::Config,
    ledger::LedgerError,
    telemetry,
};

/// Run the gateway
#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    file: ConfigFile,
}

impl Serve {
    pub(super) fn run(self) -> Result<Exit, Outcome> {
        let config =
            Config::load(&self.file.config).map_err(|problems| Outcome::config(&problems))?;
        telemetry::log(&config.log_level, config.log_format);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        runtime.block_on(serve(config))
    }
}

async fn serve(config: Config) -> Result<Exit, Outcome> {
    // Caught before the first question, so that none is cut off.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let running = app::start(config, Arc::new(SystemClock))
        .await
        .map_err(|error| {
            let exit = match &error {
                StartError::Ledger(LedgerError::Damaged(_) | LedgerError::Tree(_)) => Exit::Damaged,
                StartError::Source { .. } | StartError::Provider { .. } | StartError::Shape(_) => {
                    Exit::Config
                }
                _ => Exit::Failed,
            };
            Outcome::new(exit, error.to_string())
        })?;
    writeln!(
        std::io::stdout(),
        "turnpike is listening on http://{}",
        running.address
    )?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    running.stop().await;
    Ok(Exit::Done)
}
