//! The car parks' broker as it notifies the gateway: in order, each notification again until it is taken.

use std::{io, time::Duration};

use serde_json::Value;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use crate::sim::apds::ApdsBroker;

/// Notifications waiting.
const WAITING: usize = 4_096;

/// Pause before a notification that was not taken is sent again.
const PAUSE: Duration = Duration::from_millis(200);

/// The notifying side. Dropping it stops it.
#[derive(Debug)]
pub struct Garages {
    waiting: mpsc::Sender<Vec<Value>>,
    target: watch::Sender<Option<String>>,
    notifying: JoinHandle<()>,
}

impl Garages {
    /// A broker that proves itself with `token`. Notifies nobody until it has a target.
    pub(super) fn start(token: &str) -> Self {
        let (waiting, queue) = mpsc::channel(WAITING);
        let (target, aim) = watch::channel(None);
        let notifying = tokio::spawn(notify_all(queue, aim, token.to_owned()));
        Self {
            waiting,
            target,
            notifying,
        }
    }

    /// Notifies this address from now on.
    pub(super) fn retarget(&self, target: &str) {
        self.target.send_replace(Some(target.to_owned()));
    }

    /// Sends one notification of these entities.
    ///
    /// # Errors
    /// Too many are waiting.
    pub fn send(&self, entities: Vec<Value>) -> io::Result<()> {
        self.waiting.try_send(entities).map_err(io::Error::other)
    }
}

impl Drop for Garages {
    fn drop(&mut self) {
        self.notifying.abort();
    }
}

async fn notify_all(
    mut queue: mpsc::Receiver<Vec<Value>>,
    mut aim: watch::Receiver<Option<String>>,
    token: String,
) {
    while let Some(entities) = queue.recv().await {
        loop {
            let Ok(target) = aim.wait_for(Option::is_some).await.map(|at| at.clone()) else {
                return;
            };
            let target = target.unwrap_or_default();
            match ApdsBroker::notify(&target, &entities, Some(&token)).await {
                Ok(200..300) => break,
                Ok(_) | Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}
