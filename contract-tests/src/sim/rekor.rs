//! A simulated camera engine: an agent that posts webhooks until it gets a 2xx, and its images.
//!
//! Like the vendor's agent it keeps every message in a queue of its own, so delivery is
//! at-least-once, may be hours late and may be out of order. Nothing is signed: the shared secret
//! travels with each message.

pub(super) mod bench;
mod bodies;
mod images;
mod others;
mod queue;
#[cfg(test)]
mod tests;
mod wrong;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinHandle;

pub use self::bodies::{AGENT_UID, Gps, Group};
pub use self::images::{ImageSwitches, JPEG};
pub use self::others::{heartbeat, test_message, vehicle_without_plate};
pub use self::queue::{Answer, Switches};
pub use self::wrong::{Wrong, deep, oversized};
use super::server;
use crate::town::Passage;

/// How the agent proves who it is.
#[derive(Clone)]
pub enum Auth {
    /// Not at all.
    None,
    /// `Authorization: Bearer ...`.
    Bearer(String),
    /// `Authorization: Basic ...`.
    Basic {
        /// User name.
        user: String,
        /// Password.
        password: String,
    },
    /// A header of its own.
    Header {
        /// Header name.
        name: String,
        /// Header value.
        value: String,
    },
    /// `custom_data.API_KEY` inside every message that is a JSON object.
    CustomData(String),
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Auth(..)")
    }
}

/// How the agent is set up.
#[derive(Clone, Debug)]
pub struct AgentConfig {
    /// Where it posts to.
    pub target: String,
    /// How it proves who it is.
    pub auth: Auth,
    /// Pause after a failed post.
    pub retry_every: Duration,
    /// How long it waits for an answer.
    pub timeout: Duration,
    /// Parallel posts, at least 1.
    pub upload_threads: usize,
}

impl AgentConfig {
    /// One thread, a bearer secret, a retry every 20 ms.
    #[must_use]
    pub fn new(target: &str, secret: &str) -> Self {
        Self {
            target: target.to_owned(),
            auth: Auth::Bearer(secret.to_owned()),
            retry_every: Duration::from_millis(20),
            timeout: Duration::from_secs(10),
            upload_threads: 1,
        }
    }
}

/// The running agent. Dropping it stops the posts, whatever is still in the queue, and closes the
/// image server.
#[derive(Debug)]
pub struct RekorAgent {
    queue: Arc<queue::Queue>,
    images: images::Images,
    workers: Vec<JoinHandle<()>>,
}

impl RekorAgent {
    /// Starts the agent and its image server.
    ///
    /// # Errors
    /// When no port can be bound or TLS cannot be set up.
    pub async fn start(config: AgentConfig) -> io::Result<Self> {
        let client = server::client()?;
        let images = images::Images::start().await?;
        let threads = config.upload_threads.max(1);
        let queue = Arc::new(queue::Queue::new(config));
        let worker = || tokio::spawn(Arc::clone(&queue).work(client.clone()));
        let workers = (0..threads).map(|_| worker()).collect();
        Ok(Self {
            queue,
            images,
            workers,
        })
    }

    /// Queues a message and returns its number, from 1.
    pub fn send(&self, message: &Value) -> u64 {
        self.queue.push(message.clone())
    }

    /// Queues bytes that need not be JSON and returns their number.
    pub fn send_bytes(&self, bytes: impl Into<Vec<u8>>) -> u64 {
        self.queue.push_bytes(bytes.into())
    }

    /// Queues the final group of every passage of a camera site, unread plates included, and
    /// returns how many there were.
    pub fn send_passages<'a>(&self, passages: impl IntoIterator<Item = &'a Passage>) -> usize {
        let mut sent = 0;
        for group in passages.into_iter().filter_map(Group::of) {
            self.send(&group.json());
            sent += 1;
        }
        sent
    }

    /// Changes the behaviour from the next post on.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        self.queue.switch(change);
    }

    /// Changes the behaviour of the image server from the next request on.
    pub fn switch_images(&self, change: impl FnOnce(&mut ImageSwitches)) {
        self.images.switch(change);
    }

    /// Posts to another address from now on, for instance after the receiver came back elsewhere.
    pub fn retarget(&self, target: &str) {
        self.queue.retarget(target);
    }

    /// Messages that no 2xx has been seen for yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.queue.pending()
    }

    /// Every post so far with its outcome, oldest first.
    #[must_use]
    pub fn answers(&self) -> Vec<Answer> {
        self.queue.answers()
    }

    /// Waits until the queue is empty; false when it is not within `limit`.
    pub async fn drained(&self, limit: Duration) -> bool {
        self.queue
            .reached(limit, |progress| progress.pending == 0)
            .await
    }

    /// Waits until at least `posts` posts have an outcome; false when not within `limit`.
    pub async fn posted(&self, posts: usize, limit: Duration) -> bool {
        self.queue
            .reached(limit, |progress| progress.posts >= posts)
            .await
    }

    /// `http://127.0.0.1:port` of the image server; images are at `/img/{uuid}.jpg`.
    #[must_use]
    pub fn images_origin(&self) -> String {
        self.images.origin()
    }

    /// The image names asked for, oldest first.
    #[must_use]
    pub fn image_requests(&self) -> Vec<String> {
        self.images.requests()
    }
}

impl Drop for RekorAgent {
    fn drop(&mut self) {
        self.workers.iter().for_each(JoinHandle::abort);
    }
}
