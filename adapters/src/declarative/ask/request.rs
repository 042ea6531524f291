//! A request from its template. Values are encoded for the place they stand in.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request as HttpRequest, header};
use serde_json::{Map, Number, Value};
use turnpike_schemas::agreement::{Permit, UpstreamField};
use url::{Url, form_urlencoded};

use super::template::{Filling, Hole, Template};
use crate::{
    context::Context,
    declarative::time::TimeFormat,
    error::{Error, ErrorKind, Result},
};

const OPERATION: &str = "search";

/// How a question is written.
#[derive(Debug)]
pub(in super::super) struct Request {
    pub(in super::super) method: Method,
    /// Segments below the source's address.
    pub(in super::super) path: Vec<Template>,
    pub(in super::super) query: Vec<(String, Template)>,
    pub(in super::super) headers: Vec<(HeaderName, HeaderText)>,
    pub(in super::super) body: Option<Body>,
    pub(in super::super) time: TimeFormat,
    pub(in super::super) page_size: u32,
    /// The source answers newest first, so that the first rows are the ones to keep.
    pub(in super::super) newest_first: bool,
    /// What needs an undisclosed part is left out; otherwise the source is not asked.
    pub(in super::super) leave_out_undisclosed: bool,
}

/// What a header says.
#[derive(Debug)]
pub(in super::super) enum HeaderText {
    Template(Template),
    /// The secret of this name.
    Secret(String),
}

/// What a request carries.
#[derive(Debug)]
pub(in super::super) enum Body {
    Json(Tree),
    Form(Vec<(String, Template)>),
}

/// JSON with holes.
#[derive(Debug)]
pub(in super::super) enum Tree {
    Template(Template),
    Fixed(Value),
    Table(Vec<(String, Tree)>),
    List(Vec<Tree>),
}

impl Request {
    /// Every template of the request.
    pub(in super::super) fn templates(&self) -> Vec<&Template> {
        let mut all: Vec<&Template> = self.path.iter().collect();
        all.extend(self.query.iter().map(|(_, template)| template));
        for (_, text) in &self.headers {
            if let HeaderText::Template(template) = text {
                all.push(template);
            }
        }
        match &self.body {
            Some(Body::Json(tree)) => tree.templates(&mut all),
            Some(Body::Form(fields)) => all.extend(fields.iter().map(|(_, template)| template)),
            None => {}
        }
        all
    }

    /// Whether a hole is anywhere.
    pub(in super::super) fn has(&self, hole: Hole) -> bool {
        self.templates()
            .iter()
            .any(|template| template.holes().any(|known| known == hole))
    }

    /// That the agreement lets the source know what the request would tell it.
    ///
    /// # Errors
    /// `Undisclosed`.
    pub(in super::super) fn is_disclosed(&self, permit: &Permit) -> Result<()> {
        let needs = [
            (Hole::Purpose, UpstreamField::Purpose, "the purpose"),
            (
                Hole::CaseReference,
                UpstreamField::CaseReference,
                "the case reference",
            ),
        ];
        for (hole, field, words) in needs {
            if self.has(hole) && !permit.discloses(field) && !self.leave_out_undisclosed {
                let message =
                    format!("the source insists on {words} and the agreement does not disclose it");
                return Err(Error::new(ErrorKind::Undisclosed, OPERATION, message));
            }
        }
        Ok(())
    }

    /// The request for one page.
    ///
    /// # Errors
    /// `Config` when it cannot be built, or a secret is missing.
    pub(in super::super) fn build(
        &self,
        base: &Url,
        filling: &Filling<'_>,
        ctx: &Context,
    ) -> Result<HttpRequest<Bytes>> {
        let url = self.url(base, filling)?;
        let mut request = HttpRequest::builder()
            .method(self.method.clone())
            .uri(url.as_str());
        let body = match &self.body {
            None => Bytes::new(),
            Some(Body::Json(tree)) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                let value = tree.fill(filling).unwrap_or(Value::Null);
                Bytes::from(value.to_string())
            }
            Some(Body::Form(fields)) => {
                request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
                let mut form = form_urlencoded::Serializer::new(String::new());
                for (name, template) in fields {
                    if let Some(text) = template.fill(filling) {
                        form.append_pair(name, &text);
                    }
                }
                Bytes::from(form.finish())
            }
        };
        let mut request = request.body(body).map_err(|_| unbuildable())?;
        self.set_headers(request.headers_mut(), filling, ctx)?;
        Ok(request)
    }

    /// A further page at an address the source gave, which was found to be one of its own.
    ///
    /// # Errors
    /// As [`Request::build`].
    pub(in super::super) fn follow(
        &self,
        url: &Url,
        filling: &Filling<'_>,
        ctx: &Context,
    ) -> Result<HttpRequest<Bytes>> {
        let request = HttpRequest::get(url.as_str()).body(Bytes::new());
        let mut request = request.map_err(|_| unbuildable())?;
        self.set_headers(request.headers_mut(), filling, ctx)?;
        Ok(request)
    }

    fn url(&self, base: &Url, filling: &Filling<'_>) -> Result<Url> {
        let mut url = base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty();
            for segment in &self.path {
                path.push(&segment.fill(filling).ok_or_else(unbuildable)?);
            }
        }
        if !self.query.is_empty() {
            let mut query = url.query_pairs_mut();
            for (name, template) in &self.query {
                if let Some(text) = template.fill(filling) {
                    query.append_pair(name, &text);
                }
            }
        }
        Ok(url)
    }

    fn set_headers(
        &self,
        headers: &mut http::HeaderMap,
        filling: &Filling<'_>,
        ctx: &Context,
    ) -> Result<()> {
        for (name, text) in &self.headers {
            let value = match text {
                HeaderText::Secret(secret) => {
                    let mut value = HeaderValue::from_str(ctx.secret(secret)?.expose())
                        .map_err(|_| unsendable(secret))?;
                    value.set_sensitive(true);
                    Some(value)
                }
                HeaderText::Template(template) => template
                    .fill(filling)
                    .map(|text| HeaderValue::try_from(text).map_err(|_| unbuildable()))
                    .transpose()?,
            };
            if let Some(value) = value {
                headers.insert(name, value);
            }
        }
        Ok(())
    }
}

impl Tree {
    fn templates<'t>(&'t self, into: &mut Vec<&'t Template>) {
        match self {
            Self::Template(template) => into.push(template),
            Self::Fixed(_) => {}
            Self::Table(rows) => rows.iter().for_each(|(_, tree)| tree.templates(into)),
            Self::List(items) => items.iter().for_each(|tree| tree.templates(into)),
        }
    }

    /// The value; `None` leaves the key out.
    fn fill(&self, filling: &Filling<'_>) -> Option<Value> {
        Some(match self {
            Self::Fixed(value) => value.clone(),
            Self::Template(template) => {
                let text = template.fill(filling)?;
                if template.is_number(filling) {
                    let number = text.parse::<i64>().map(Number::from);
                    number.map_or(Value::String(text), Value::Number)
                } else {
                    Value::String(text)
                }
            }
            Self::Table(rows) => {
                let rows = rows
                    .iter()
                    .filter_map(|(name, tree)| Some((name.clone(), tree.fill(filling)?)));
                Value::Object(rows.collect::<Map<_, _>>())
            }
            Self::List(items) => {
                Value::Array(items.iter().filter_map(|tree| tree.fill(filling)).collect())
            }
        })
    }
}

pub(super) fn unsendable(secret: &str) -> Error {
    let message = format!("secret `{secret}` cannot be sent in a header");
    Error::new(ErrorKind::Config, OPERATION, message)
}

fn unbuildable() -> Error {
    Error::new(
        ErrorKind::Config,
        OPERATION,
        "the request cannot be written from its template",
    )
}
