//! One question and the pages it leads to.

use std::{collections::HashSet, sync::Arc};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use sha2::{Digest as _, Sha256};
use turnpike_schemas::{
    agreement::{Permit, UpstreamField},
    query::AskedPlate,
};
use url::Url;

use super::{
    auth::Credential,
    gather::{self, Gathered},
    paging::{After, Kind, Next, Step},
    template::Filling,
};
use crate::{
    adapter::{Page, unsupported},
    context::Context,
    declarative::mapping::{Mapping, Pull},
    error::{Error, ErrorKind, Result},
    token::{Token, Tokens},
};

const OPERATION: &str = "search";

/// Where a source is.
#[derive(Debug)]
pub(in super::super) struct Site<'s> {
    pub(in super::super) base: &'s Url,
    pub(in super::super) token_url: Option<&'s Url>,
    pub(in super::super) tokens: &'s Tokens,
}

/// Asks for the reads `permit` covers, page by page.
///
/// # Errors
/// As [`crate::adapter::Adapter::search`]. `Unsupported` and `Undisclosed` come before anything is sent, a token request included.
pub(in super::super) async fn run(
    mapping: &Mapping,
    site: &Site<'_>,
    ctx: &Context,
    permit: &Permit,
) -> Result<Page> {
    let Some(pull) = &mapping.pull else {
        return unsupported(OPERATION);
    };
    let query = permit.query();
    let AskedPlate::Exact(plate) = query.plate() else {
        return unsupported(OPERATION);
    };
    pull.request.is_disclosed(permit)?;
    let told = |field| permit.discloses(field);
    let window = permit.window();
    let page_size = pull.request.page_size;
    let filling = Filling {
        plate: plate.expose(),
        from: pull.request.time.write(window.from(), false),
        to: pull.request.time.write(window.to(), true),
        times_are_numbers: pull.request.time.is_number(),
        purpose: told(UpstreamField::Purpose).then(|| query.purpose().as_str()),
        case: told(UpstreamField::CaseReference).then(|| query.case().as_str()),
        limit: if pull.request.newest_first {
            page_size.min(permit.max_reads())
        } else {
            page_size
        },
        page: match pull.paging.kind {
            Kind::Page(first) => first,
            _ => 1,
        },
        offset: 0,
        token: None,
    };
    // Written before a token is asked for: a secret that is missing is told before anything is sent.
    let first = pull.request.build(site.base, &filling, ctx)?;
    let credential = pull
        .auth
        .credential(ctx, site.token_url, site.tokens, None)
        .await?;
    let mut session = Session {
        mapping,
        pull,
        site,
        ctx,
        filling,
        credential,
        refreshed: false,
    };
    session.gather(first, permit).await
}

/// The requests of one search: they share a credential, which is replaced at most once.
struct Session<'a> {
    mapping: &'a Mapping,
    pull: &'a Pull,
    site: &'a Site<'a>,
    ctx: &'a Context,
    filling: Filling<'a>,
    credential: Credential,
    refreshed: bool,
}

impl Session<'_> {
    /// A page that comes back, a link that leads elsewhere, or one page too many ends the search with what is there,
    /// marked as truncated: the reads at hand are good, but they are not all.
    async fn gather(&mut self, first: Request<Bytes>, permit: &Permit) -> Result<Page> {
        let mut gathered = Gathered::under(permit, self.pull.request.newest_first);
        let mut seen = HashSet::new();
        let mut request = first;
        for pages_left in (0..self.pull.paging.max_pages).rev() {
            let response = self.send(request).await?;
            let rules = &self.pull.rules;
            if !rules.status(OPERATION, &response, self.ctx.now())? {
                break;
            }
            let rows = gather::rows(self.mapping, response.body())?;
            rules.said(OPERATION, &response, &rows.answer.values, self.ctx.now())?;
            gather::list_is_there(self.mapping, &rows)?;
            let digest: [u8; 32] = Sha256::digest(response.body()).into();
            if !seen.insert(digest) {
                return Ok(gathered.finish(!rows.items.is_empty()));
            }
            let count = u64::try_from(rows.items.len()).unwrap_or(u64::MAX);
            gathered.take(rows.items);
            let after = After {
                values: &rows.answer.values,
                rows: count,
                all: gathered.rows(),
            };
            let next = self.pull.paging.next(self.site.base, &after);
            let step = match next {
                Next::End => break,
                Next::Page(_) if gathered.is_full() => return Ok(gathered.finish(true)),
                Next::Lost => return Ok(gathered.finish(true)),
                Next::Page(step) | Next::Perhaps(step) => step,
            };
            if pages_left == 0 || gathered.overflows() {
                return Ok(gathered.finish(true));
            }
            request = self.turn(step, gathered.rows())?;
        }
        Ok(gathered.finish(false))
    }

    fn turn(&mut self, step: Step, rows: u64) -> Result<Request<Bytes>> {
        match step {
            Step::Count => {
                self.filling.page += 1;
                self.filling.offset = rows;
            }
            Step::Token(token) => self.filling.token = Some(token),
            Step::Url(url) => return self.pull.request.follow(&url, &self.filling, self.ctx),
        }
        self.pull
            .request
            .build(self.site.base, &self.filling, self.ctx)
    }

    /// Sends a request, and once more with another token if this one is refused and was not replaced before.
    async fn send(&mut self, request: Request<Bytes>) -> Result<Response<Bytes>> {
        let again = request.clone();
        let response = self.ctx.send(self.signed(request)).await?;
        if response.status() != StatusCode::UNAUTHORIZED || self.refreshed {
            return Ok(response);
        }
        let Some(refused) = self.token() else {
            return Ok(response);
        };
        self.refreshed = true;
        self.credential = self
            .pull
            .auth
            .credential(
                self.ctx,
                self.site.token_url,
                self.site.tokens,
                Some(&refused),
            )
            .await?;
        self.ctx.send(self.signed(again)).await
    }

    fn token(&self) -> Option<Arc<Token>> {
        match &self.credential {
            Credential::Token(token) => Some(Arc::clone(token)),
            _ => None,
        }
    }

    fn signed(&self, mut request: Request<Bytes>) -> Request<Bytes> {
        self.credential.sign(&mut request);
        request
    }
}

/// An image below the address of the settings.
///
/// # Errors
/// As [`crate::adapter::Adapter::image`].
pub(in super::super) async fn image(
    mapping: &Mapping,
    site: &Site<'_>,
    ctx: &Context,
    base: &Url,
    reference: &str,
) -> Result<crate::adapter::Image> {
    use crate::declarative::images;

    let request = images::request(base, reference)?
        .body(Bytes::new())
        .map_err(|_| Error::new(ErrorKind::Config, "image", "address of the image"))?;
    let mut request = request;
    // Credentials are the source's: another host of the same source does not get them.
    if let Some(pull) = &mapping.pull
        && base.origin() == site.base.origin()
    {
        let credential = pull
            .auth
            .credential(ctx, site.token_url, site.tokens, None)
            .await?;
        credential.sign(&mut request);
    }
    let response = ctx.send(request).await?;
    match response.status().as_u16() {
        200 => images::image(response),
        404 | 410 => {
            let gone = Error::new(
                ErrorKind::Unavailable,
                "image",
                "the source no longer has the image",
            );
            Err(gone.with_retry(crate::error::Retry::Never))
        }
        _ => {
            let retry_after = http::header::RETRY_AFTER;
            let name = mapping
                .pull
                .as_ref()
                .map_or(&retry_after, |pull| &pull.rules.retry_after);
            let limited = mapping
                .pull
                .as_ref()
                .map_or(&[429][..], |pull| &pull.rules.limited);
            Err(super::answer::refusal(
                "image",
                &response,
                limited,
                name,
                ctx.now(),
            ))
        }
    }
}
