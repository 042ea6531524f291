//! What works beside the server: whatever fetches reads, and what is made of them.

use std::{path::Path, sync::Arc};

use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;
use turnpike_adapters::transport::{TransportConfig, http_hosts};

use super::StartError;
use crate::{
    channels::Sender,
    config,
    escalator::Escalator,
    federation::Source,
    ingest::{DropFolder, Intake, Listener, Poller, SftpPull},
    matching::{Answer, Matching},
    standing::{LookBacks, Scheduler},
};

/// What runs beside the server for as long as the gateway does.
#[derive(Debug, Default)]
pub(super) struct Workers {
    folders: Vec<DropFolder>,
    pollers: Vec<Poller>,
    listeners: Vec<Listener>,
    pulls: Vec<SftpPull>,
    pub(super) matching: Option<(Arc<Matching>, mpsc::Receiver<Answer>)>,
    pub(super) standing: Vec<Scheduler>,
    pub(super) sender: Option<Sender>,
    pub(super) escalator: Option<Escalator>,
    pub(super) look_backs: Option<LookBacks>,
}

pub(super) fn pinned(settings: &config::Source) -> TransportConfig {
    TransportConfig {
        allow_private: settings.allow_private_addresses,
        idle_connections: usize::try_from(settings.quota.concurrency.get()).unwrap_or(usize::MAX),
        ..TransportConfig::new(http_hosts(&settings.hosts))
    }
}

impl Workers {
    /// What `settings` ask for. Nobody is contacted yet.
    pub(super) fn add(
        &mut self,
        settings: &config::Source,
        source: &Arc<Source>,
        intake: &Arc<Intake>,
        data_dir: &Path,
    ) -> Result<(), StartError> {
        let (source, intake) = (|| Arc::clone(source), || Arc::clone(intake));
        let kept = |error| StartError::Kept {
            source_id: settings.id.clone(),
            error,
        };
        if let Some(drop) = settings.drop.clone() {
            let folder = DropFolder::open(source(), intake(), drop, &data_dir.join("spool"));
            self.folders
                .push(folder.map_err(|error| StartError::DropFolder {
                    source_id: settings.id.clone(),
                    error,
                })?);
        }
        if let Some((sftp, drop)) = settings.sftp.clone().zip(settings.drop.clone()) {
            let pull = SftpPull::open(source(), intake(), sftp, drop, &data_dir.join("sftp"));
            self.pulls.push(pull.map_err(kept)?);
        }
        if let Some(poll) = settings.poll {
            let poller = Poller::open(source(), intake(), poll, &data_dir.join("cursors"));
            self.pollers.push(poller.map_err(kept)?);
        }
        if let Some(listen) = settings.listen.clone() {
            let listener = Listener::open(source(), intake(), listen, pinned(settings));
            self.listeners
                .push(listener.map_err(|error| StartError::Source {
                    source_id: settings.id.clone(),
                    error,
                })?);
        }
        Ok(())
    }

    pub(super) fn spawn(self, tasks: &mut JoinSet<()>, stop: &CancellationToken) {
        for folder in self.folders {
            let (stop, runtime) = (stop.clone(), tokio::runtime::Handle::current());
            tasks.spawn_blocking(move || folder.run_blocking(stop, &runtime));
        }
        for pull in self.pulls {
            tasks.spawn(pull.run(stop.clone()));
        }
        for poller in self.pollers {
            tasks.spawn(poller.run(stop.clone()));
        }
        for listener in self.listeners {
            tasks.spawn(listener.run(stop.clone()));
        }
        if let Some((matching, answers)) = self.matching {
            tasks.spawn(matching.run(answers, stop.clone()));
        }
        for scheduler in self.standing {
            tasks.spawn(scheduler.run(stop.clone()));
        }
        if let Some(look_backs) = self.look_backs {
            tasks.spawn(look_backs.run(stop.clone()));
        }
        if let Some(escalator) = self.escalator {
            tasks.spawn(escalator.run(stop.clone()));
        }
        if let Some(sender) = self.sender {
            tasks.spawn(sender.run(stop.clone()));
        }
    }
}
