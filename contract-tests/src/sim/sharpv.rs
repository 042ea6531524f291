//! A simulated gate camera: a SharpV that posts each plate read once, as JSON or XML.
//!
//! Made from the administrator guide: JSON carries the camera's wall clock without a zone, XML carries UTC with seven
//! fraction digits, `-` and -1.0 stand for what the camera does not know, 0.0 and 0.0 for no GPS. The guide says nothing
//! of retries, so a post that fails is lost, and the caller is told.

pub(super) mod bench;
mod bodies;
#[cfg(test)]
mod tests;
mod wrong;

use std::io;

pub use self::bodies::{Form, Read};
pub use self::wrong::{Wrong, WrongXml, deep};
use super::server;
use crate::town::Passage;

/// One running camera, or several that post to the same place.
#[derive(Debug)]
pub struct SharpVCamera {
    client: reqwest::Client,
    target: String,
    form: Form,
}

impl SharpVCamera {
    /// A camera that posts to `target`.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(target: &str, form: Form) -> io::Result<Self> {
        Ok(Self {
            client: server::client()?,
            target: target.to_owned(),
            form,
        })
    }

    /// Posts a read and returns the status it got. `token` is the secret of whoever receives, should there be one.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn post(&self, read: &Read, token: Option<&str>) -> io::Result<u16> {
        let mut request = self
            .client
            .post(&self.target)
            .header("content-type", self.form.content_type())
            .body(read.body(self.form));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.map_err(io::Error::other)?;
        Ok(answer.status().as_u16())
    }

    /// Posts the reads of every passage of a car park, unread plates included, and returns the statuses.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn post_passages<'a>(
        &self,
        passages: impl IntoIterator<Item = &'a Passage>,
        token: Option<&str>,
    ) -> io::Result<Vec<u16>> {
        let mut statuses = Vec::new();
        for read in passages.into_iter().filter_map(Read::of) {
            statuses.push(self.post(&read, token).await?);
        }
        Ok(statuses)
    }
}
