//! One question about one plate, and the pages of its answer.

use std::{cmp::Reverse, collections::HashSet};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use serde::Deserialize;
use serde_json::value::RawValue;
use turnpike_schemas::{agreement::Permit, query::AskedPlate, read::Observation};
use url::Url;

use super::{Settings, wire};
use crate::{
    adapter::{Item, Page, unsupported},
    context::Context,
    error::{Error, ErrorKind, Result, Retry},
    web,
};

const OPERATION: &str = "search";

/// A page of an answer. Say here in which section of the manual it is.
#[derive(Deserialize)]
struct Answer<'b> {
    /// Each is looked at by itself, so that one that is wrong costs one.
    #[serde(borrow)]
    reads: Vec<&'b RawValue>,
    /// What the next page is asked with; none on the last. It is sent as a parameter and never followed as an address.
    next: Option<String>,
}

/// Asks for the reads `permit` covers, page by page. Of the question only plate and window are told.
///
/// A page that was there before, or one too many, ends the search with what is there, marked as truncated.
///
/// # Errors
/// As [`crate::adapter::Adapter::search`]. `Unsupported` and a missing secret come before anything is sent.
pub(super) async fn run(settings: &Settings, ctx: &Context, permit: &Permit) -> Result<Page> {
    let AskedPlate::Exact(plate) = permit.query().plate() else {
        return unsupported(OPERATION);
    };
    let window = permit.window();
    let mut url = settings.base_url.clone();
    // INVARIANT: settings take http and https addresses only, and those have path segments.
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(["reads", "search"]);
    }
    url.query_pairs_mut()
        .append_pair("plate", plate.expose())
        .append_pair("from", &window.from().to_string())
        .append_pair("to", &window.to().to_string())
        .append_pair("limit", &settings.page_size.to_string());
    let mut gathered = Gathered::default();
    let (mut next, mut turned) = (None, HashSet::new());
    for _ in 0..settings.max_pages {
        let response = ctx.send(request(&url, next.as_deref(), ctx)?).await?;
        if response.status() != StatusCode::OK {
            return Err(refusal(&response, ctx));
        }
        match gathered.take(response.body(), Some(permit))? {
            None => return Ok(gathered.finish(permit, false)),
            Some(token) if !turned.insert(token.clone()) => break,
            token => next = token,
        }
    }
    Ok(gathered.finish(permit, true))
}

/// What a saved answer says, for `turnpike decode`.
///
/// # Errors
/// `Malformed` when it is none.
pub(super) fn saved(body: &[u8]) -> Result<Page> {
    let mut gathered = Gathered::default();
    gathered.page.truncated = gathered.take(body, None)?.is_some();
    Ok(gathered.page)
}

fn request(url: &Url, next: Option<&str>, ctx: &Context) -> Result<Request<Bytes>> {
    let mut url = url.clone();
    if let Some(next) = next {
        url.query_pairs_mut().append_pair("next", next);
    }
    let token = format!("Bearer {}", ctx.secret("token")?.expose());
    Request::get(url.as_str())
        .header(header::AUTHORIZATION, token)
        .header(header::ACCEPT, "application/json")
        .body(Bytes::new())
        .map_err(|_| Error::new(ErrorKind::Config, OPERATION, "it cannot be asked this way"))
}

/// What a status other than 200 means. What the vendor says beside it goes nowhere: it can repeat the question.
fn refusal(response: &Response<Bytes>, ctx: &Context) -> Error {
    let status = response.status().as_u16();
    let kind = match status {
        401 | 403 => ErrorKind::Unauthorized,
        400 | 404 | 422 => ErrorKind::Config,
        429 => ErrorKind::RateLimited,
        500..=599 => ErrorKind::Unavailable,
        _ => ErrorKind::Malformed,
    };
    let error = Error::new(kind, OPERATION, format!("answered with status {status}"));
    match web::wait(response.headers().get(header::RETRY_AFTER), ctx.now()) {
        Some(wait) if matches!(status, 429 | 500..=599) => error.with_retry(Retry::After(wait)),
        _ => error,
    }
}

/// The reads of an answer that comes in pages, one of each record.
#[derive(Default)]
struct Gathered {
    page: Page,
    records: u64,
}

impl Gathered {
    /// Takes a page in, and says what the next one is asked with.
    fn take(&mut self, body: &[u8], permit: Option<&Permit>) -> Result<Option<String>> {
        let malformed = |_| Error::new(ErrorKind::Malformed, OPERATION, "not a page of reads");
        let answer: Answer<'_> = serde_json::from_slice(body).map_err(malformed)?;
        for record in answer.reads {
            let position = self.records;
            self.records += 1;
            match wire::understood(record.get().as_bytes(), position) {
                Ok(Item::Read(read)) => self.place(*read, permit),
                Ok(other) => self.page.push(other),
                Err(_) => self.page.push(Item::Rejected(crate::adapter::Rejection::new(
                    Some(position),
                    "reads",
                    "not an object",
                ))),
            }
        }
        Ok(answer.next)
    }

    /// The vendor's own comparison is not relied on. Of two versions of a record the newer stays.
    fn place(&mut self, read: Observation, permit: Option<&Permit>) {
        let is_asked_for = permit.is_none_or(|permit| {
            permit.window().contains(read.captured_at) && permit.query().is_answered_by(&read.plate)
        });
        if !is_asked_for {
            self.page.push(Item::Skipped("not_asked_for"));
            return;
        }
        let mut known = self.page.reads.iter_mut();
        match known.find(|known| known.record == read.record) {
            None => self.page.reads.push(read),
            Some(known) => {
                if known.revision < read.revision {
                    *known = read;
                }
                self.page.push(Item::Skipped("duplicate"));
            }
        }
    }

    /// What was gathered, newest first, up to the permit's cap; `more` says that the vendor has more.
    fn finish(mut self, permit: &Permit, more: bool) -> Page {
        let cap = usize::try_from(permit.max_reads()).unwrap_or(usize::MAX);
        let reads = &mut self.page.reads;
        reads.sort_by_key(|read| Reverse(read.captured_at));
        self.page.truncated = more || reads.len() > cap;
        reads.truncate(cap);
        self.page
    }
}
