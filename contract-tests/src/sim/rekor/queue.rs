//! The agent's own queue: a message leaves it with a 2xx and not before.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::header;
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};

use super::{AgentConfig, Auth};
use crate::sim::{lock, take_one};

const KEPT_BODY_BYTES: usize = 4_096;

/// Behaviour that can be changed while the agent runs.
#[derive(Clone, Debug, Default)]
pub struct Switches {
    /// Holds everything back, so that it arrives late.
    pub paused: bool,
    /// Sends the newest message first.
    pub newest_first: bool,
    /// Treats this many 2xx as if they had been lost on the way, and sends again.
    pub lose_answers: u32,
    /// Sends this many messages once more after their 2xx.
    pub repeat: u32,
}

/// One post and its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Number of the message, from 1.
    pub message: u64,
    /// Which try it was, from 1.
    pub attempt: u32,
    /// The status, or `None` when there was no answer.
    pub status: Option<u16>,
    /// The start of the answer's body.
    pub body: String,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    pub(super) pending: usize,
    pub(super) posts: usize,
}

#[derive(Debug)]
struct Message {
    number: u64,
    attempts: u32,
    body: Bytes,
}

#[derive(Debug, Default)]
struct State {
    ready: VecDeque<Message>,
    reserved: usize,
    numbered: u64,
    answers: Vec<Answer>,
    switches: Switches,
    target: String,
}

#[derive(Debug)]
pub(super) struct Queue {
    config: AgentConfig,
    state: Mutex<State>,
    wake: Notify,
    progress: watch::Sender<Progress>,
}

impl Queue {
    pub(super) fn new(config: AgentConfig) -> Self {
        let state = State {
            target: config.target.clone(),
            ..State::default()
        };
        Self {
            config,
            state: Mutex::new(state),
            wake: Notify::new(),
            progress: watch::Sender::new(Progress::default()),
        }
    }

    pub(super) fn push(&self, mut message: Value) -> u64 {
        if let (Auth::CustomData(key), Some(fields)) = (&self.config.auth, message.as_object_mut())
        {
            fields.insert("custom_data".to_owned(), json!({ "API_KEY": key }));
        }
        self.push_bytes(message.to_string().into_bytes())
    }

    pub(super) fn push_bytes(&self, body: Vec<u8>) -> u64 {
        let number = {
            let mut state = lock(&self.state);
            state.numbered += 1;
            let number = state.numbered;
            state.ready.push_back(Message {
                number,
                attempts: 0,
                body: body.into(),
            });
            self.tell(&state);
            number
        };
        self.wake.notify_one();
        number
    }

    pub(super) fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut lock(&self.state).switches);
        self.wake.notify_one();
    }

    pub(super) fn retarget(&self, target: &str) {
        target.clone_into(&mut lock(&self.state).target);
    }

    pub(super) fn pending(&self) -> usize {
        self.progress.borrow().pending
    }

    pub(super) fn answers(&self) -> Vec<Answer> {
        lock(&self.state).answers.clone()
    }

    pub(super) async fn reached(&self, limit: Duration, goal: impl Fn(&Progress) -> bool) -> bool {
        let mut progress = self.progress.subscribe();
        let reached = tokio::time::timeout(limit, progress.wait_for(|now| goal(now))).await;
        matches!(reached, Ok(Ok(_)))
    }

    /// Posts messages for ever.
    pub(super) async fn work(self: Arc<Self>, client: reqwest::Client) {
        loop {
            let Some((message, target)) = self.reserve() else {
                self.wake.notified().await;
                continue;
            };
            let (status, body) = self.post(&client, &target, &message).await;
            if !self.settle(message, status, body) {
                tokio::time::sleep(self.config.retry_every).await;
            }
        }
    }

    fn reserve(&self) -> Option<(Message, String)> {
        let mut state = lock(&self.state);
        if state.switches.paused {
            return None;
        }
        let mut message = if state.switches.newest_first {
            state.ready.pop_back()
        } else {
            state.ready.pop_front()
        }?;
        message.attempts += 1;
        state.reserved += 1;
        if !state.ready.is_empty() {
            self.wake.notify_one();
        }
        Some((message, state.target.clone()))
    }

    async fn post(
        &self,
        client: &reqwest::Client,
        target: &str,
        message: &Message,
    ) -> (Option<u16>, String) {
        let request = client
            .post(target)
            .timeout(self.config.timeout)
            .header(header::CONTENT_TYPE, "application/json")
            .body(message.body.clone());
        let request = match &self.config.auth {
            Auth::None | Auth::CustomData(_) => request,
            Auth::Bearer(secret) => request.bearer_auth(secret),
            Auth::Basic { user, password } => request.basic_auth(user, Some(password)),
            Auth::Header { name, value } => request.header(name, value),
        };
        let Ok(response) = request.send().await else {
            return (None, String::new());
        };
        let status = response.status().as_u16();
        let body = response.bytes().await.unwrap_or_default();
        let kept = body.slice(..body.len().min(KEPT_BODY_BYTES));
        (Some(status), String::from_utf8_lossy(&kept).into_owned())
    }

    /// Files the outcome; true when the message is done with or may be sent again at once.
    fn settle(&self, message: Message, status: Option<u16>, body: String) -> bool {
        let mut state = lock(&self.state);
        state.reserved = state.reserved.saturating_sub(1);
        let (number, attempt) = (message.number, message.attempts);
        state.answers.push(Answer {
            message: number,
            attempt,
            status,
            body,
        });
        let good = status.is_some_and(|status| (200..300).contains(&status));
        let again = !good
            || take_one(&mut state.switches.lose_answers)
            || take_one(&mut state.switches.repeat);
        if again {
            state.ready.push_back(message);
        }
        self.tell(&state);
        good
    }

    fn tell(&self, state: &State) {
        let pending = state.ready.len() + state.reserved;
        self.progress.send_replace(Progress {
            pending,
            posts: state.answers.len(),
        });
    }
}
