//! One lookup and the pages it leads to.

use std::{collections::HashSet, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use turnpike_schemas::{
    agreement::{Permit, UpstreamField},
    query::AskedPlate,
};

use super::{
    gather::Gathered,
    settings::Settings,
    status, token,
    wire::{Answer, Lookup, NEWEST_FIRST, Next},
};
use crate::{
    adapter::{Page, unsupported},
    context::Context,
    error::{Error, ErrorKind, Result},
    token::{Token, Tokens},
};

const OPERATION: &str = "search";

/// Asks for the reads `permit` covers, page by page.
///
/// # Errors
/// As [`crate::adapter::Adapter::search`]. `Unsupported` and `Undisclosed` come before anything is sent, a token request included.
pub(super) async fn run(
    settings: &Settings,
    tokens: &Tokens,
    ctx: &Context,
    permit: &Permit,
) -> Result<Page> {
    let body = lookup(settings, permit)?;
    let token = tokens.get(ctx, None, token::fetch(ctx, settings)).await?;
    let mut session = Session {
        settings,
        tokens,
        ctx,
        token,
        refreshed: false,
    };
    session.gather(body, permit).await
}

/// The requests of one search: they share a token, which is replaced at most once.
struct Session<'a> {
    settings: &'a Settings,
    tokens: &'a Tokens,
    ctx: &'a Context,
    token: Arc<Token>,
    refreshed: bool,
}

impl Session<'_> {
    /// A page id that comes back, has expired, or would be one page too many ends the search with what is
    /// there, marked as truncated: the reads at hand are good, but they are not all.
    async fn gather(&mut self, lookup: Bytes, permit: &Permit) -> Result<Page> {
        let mut gathered = Gathered::under(permit);
        let mut turned = HashSet::new();
        let mut response = self.lookup(lookup).await?;
        for pages_left in (0..self.settings.max_pages).rev() {
            let mut answer = Answer::parse(response.body())?;
            gathered.take(&mut answer);
            let page_id = match answer.next() {
                Next::Page(page_id) => page_id,
                Next::Unusable => break,
                Next::End => {
                    let missing = answer.total().is_some_and(|total| total > gathered.rows());
                    return Ok(gathered.finish(missing));
                }
            };
            if pages_left == 0 || gathered.is_full() || !turned.insert(page_id.clone()) {
                break;
            }
            match self.turn(&page_id).await? {
                Some(page) => response = page,
                None => break,
            }
        }
        Ok(gathered.finish(true))
    }

    async fn lookup(&mut self, body: Bytes) -> Result<Response<Bytes>> {
        let url = self.settings.lookup_url();
        let response = self
            .send(|| {
                Request::post(url.as_str())
                    .header(header::CONTENT_TYPE, "application/json")
                    .body(body.clone())
            })
            .await?;
        self.accept(response)
    }

    /// A further page; `None` when the source no longer has it.
    ///
    /// The manual lists 422 for a missing page id and is silent on how long pages live, so the two statuses
    /// that say "gone" in general count too.
    async fn turn(&mut self, page_id: &str) -> Result<Option<Response<Bytes>>> {
        let url = self.settings.page_url(page_id);
        let response = self
            .send(|| Request::get(url.as_str()).body(Bytes::new()))
            .await?;
        match response.status() {
            StatusCode::UNPROCESSABLE_ENTITY | StatusCode::NOT_FOUND | StatusCode::GONE => Ok(None),
            _ => self.accept(response).map(Some),
        }
    }

    /// Sends a request, and once more with another token if this one is refused and was not replaced before.
    async fn send(
        &mut self,
        request: impl Fn() -> http::Result<Request<Bytes>> + Sync,
    ) -> Result<Response<Bytes>> {
        let response = self.ctx.send(self.signed(request())?).await?;
        if response.status() != StatusCode::UNAUTHORIZED || self.refreshed {
            return Ok(response);
        }
        self.refreshed = true;
        self.token = self
            .tokens
            .get(
                self.ctx,
                Some(&self.token),
                token::fetch(self.ctx, self.settings),
            )
            .await?;
        self.ctx.send(self.signed(request())?).await
    }

    fn signed(&self, request: http::Result<Request<Bytes>>) -> Result<Request<Bytes>> {
        let mut request = request.map_err(|_| {
            Error::new(
                ErrorKind::Config,
                OPERATION,
                "`base_url` cannot be requested",
            )
        })?;
        let headers = request.headers_mut();
        headers.insert(header::AUTHORIZATION, self.token.bearer());
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        Ok(request)
    }

    fn accept(&self, response: Response<Bytes>) -> Result<Response<Bytes>> {
        if response.status() == StatusCode::OK {
            Ok(response)
        } else {
            Err(status::refusal(OPERATION, &response, self.ctx.now()))
        }
    }
}

/// The question in the vendor's words: plate, window, and of the rest what the agreement discloses.
///
/// The issuer is not named: the vendor may leave out rows whose state it did not read, and nobody would know.
fn lookup(settings: &Settings, permit: &Permit) -> Result<Bytes> {
    let query = permit.query();
    let AskedPlate::Exact(plate) = query.plate() else {
        return unsupported(OPERATION);
    };
    let case = permit
        .discloses(UpstreamField::CaseReference)
        .then(|| query.case().as_str());
    let window = permit.window();
    let lookup = Lookup {
        plate: plate.expose(),
        reason: reason(permit, case)?,
        start_date: window.from(),
        end_date: window.to(),
        limit: settings.page_size.min(permit.max_reads()),
        case_number: case,
        sort: NEWEST_FIRST,
    };
    serde_json::to_vec(&lookup).map(Bytes::from).map_err(|_| {
        Error::new(
            ErrorKind::Config,
            OPERATION,
            "the question cannot be written",
        )
    })
}

/// The vendor refuses a lookup without a reason, so an agreement that keeps the purpose to itself keeps us from asking.
fn reason(permit: &Permit, case: Option<&str>) -> Result<String> {
    if !permit.discloses(UpstreamField::Purpose) {
        return Err(Error::new(
            ErrorKind::Undisclosed,
            OPERATION,
            "the source insists on a reason and the agreement does not disclose the purpose",
        ));
    }
    let purpose = permit.query().purpose().as_str();
    Ok(case.map_or_else(|| purpose.to_owned(), |case| format!("{purpose} {case}")))
}
