//! Credentials. A mapping names secrets; their values come from the call's context and are nowhere else.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, StatusCode, header};
use serde_json::json;
use url::{Url, form_urlencoded};

use super::{answer, request::unsendable};
use crate::{
    context::Context,
    error::{Error, ErrorKind, Result},
    token::{Token, Tokens},
};

const TOKEN: &str = "token";

/// How a source knows who asks.
#[derive(Debug)]
pub(in super::super) enum Auth {
    None,
    Basic { username: String, password: String },
    Bearer { token: String },
    ApiKey { header: HeaderName, key: String },
    OAuth2(OAuth2),
}

/// OAuth 2.0 client credentials.
#[derive(Debug)]
pub(in super::super) struct OAuth2 {
    pub(in super::super) client_id: String,
    pub(in super::super) client_secret: String,
    pub(in super::super) scope: Option<String>,
    pub(in super::super) audience: Option<String>,
    pub(in super::super) how: TokenRequest,
}

/// How a token is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum TokenRequest {
    /// Everything in a form.
    Form,
    /// Everything in a JSON object.
    Json,
    /// The credentials as basic authentication, the rest in a form.
    Basic,
}

/// A credential in use.
#[derive(Debug, Clone)]
pub(super) enum Credential {
    None,
    Header(HeaderName, HeaderValue),
    Token(Arc<Token>),
}

impl Auth {
    /// Names of the secrets it needs.
    pub(in super::super) fn secrets(&self) -> Vec<&str> {
        match self {
            Self::None => Vec::new(),
            Self::Basic { username, password } => vec![username, password],
            Self::Bearer { token } => vec![token],
            Self::ApiKey { key, .. } => vec![key],
            Self::OAuth2(oauth) => vec![&oauth.client_id, &oauth.client_secret],
        }
    }

    /// The credential to use, other than `refused`.
    ///
    /// # Errors
    /// `Config` without the secrets, and what the answer to a request for a token means.
    pub(super) async fn credential(
        &self,
        ctx: &Context,
        token_url: Option<&Url>,
        tokens: &Tokens,
        refused: Option<&Arc<Token>>,
    ) -> Result<Credential> {
        let authorization = |text: String, secret: &str| {
            let mut value = HeaderValue::try_from(text).map_err(|_| unsendable(secret))?;
            value.set_sensitive(true);
            Ok(Credential::Header(header::AUTHORIZATION, value))
        };
        match self {
            Self::None => Ok(Credential::None),
            Self::Basic { username, password } => {
                authorization(basic(ctx, username, password)?, password)
            }
            Self::Bearer { token } => {
                authorization(format!("Bearer {}", ctx.secret(token)?.expose()), token)
            }
            Self::ApiKey { header, key } => {
                let value = ctx.secret(key)?.expose();
                let mut value = HeaderValue::from_str(value).map_err(|_| unsendable(key))?;
                value.set_sensitive(true);
                Ok(Credential::Header(header.clone(), value))
            }
            Self::OAuth2(oauth) => {
                let fetch = oauth.fetch(ctx, token_url);
                tokens.get(ctx, refused, fetch).await.map(Credential::Token)
            }
        }
    }
}

impl Credential {
    /// Puts it on a request.
    pub(super) fn sign(&self, request: &mut Request<Bytes>) {
        let (name, value) = match self {
            Self::None => return,
            Self::Header(name, value) => (name.clone(), value.clone()),
            Self::Token(token) => (header::AUTHORIZATION, token.bearer()),
        };
        request.headers_mut().insert(name, value);
    }
}

fn basic(ctx: &Context, username: &str, password: &str) -> Result<String> {
    let pair = format!(
        "{}:{}",
        ctx.secret(username)?.expose(),
        ctx.secret(password)?.expose()
    );
    Ok(format!("Basic {}", STANDARD.encode(pair)))
}

impl OAuth2 {
    async fn fetch(&self, ctx: &Context, token_url: Option<&Url>) -> Result<Token> {
        let request = self.request(ctx, token_url)?;
        let asked_at = ctx.now();
        let response = ctx.send(request).await?;
        if response.status() != StatusCode::OK {
            return Err(answer::refusal(
                TOKEN,
                &response,
                &[429],
                &header::RETRY_AFTER,
                ctx.now(),
            ));
        }
        Token::granted(response.body(), asked_at)
    }

    fn request(&self, ctx: &Context, token_url: Option<&Url>) -> Result<Request<Bytes>> {
        let url = token_url.ok_or_else(|| config("`token_url` is missing"))?;
        let (id, secret) = (
            ctx.secret(&self.client_id)?,
            ctx.secret(&self.client_secret)?,
        );
        let mut fields = vec![("grant_type", "client_credentials")];
        if self.how != TokenRequest::Basic {
            fields.extend([
                ("client_id", id.expose()),
                ("client_secret", secret.expose()),
            ]);
        }
        fields.extend(self.scope.as_deref().map(|scope| ("scope", scope)));
        fields.extend(
            self.audience
                .as_deref()
                .map(|audience| ("audience", audience)),
        );
        let mut request = Request::post(url.as_str()).header(header::ACCEPT, "application/json");
        let body = if self.how == TokenRequest::Json {
            request = request.header(header::CONTENT_TYPE, "application/json");
            let fields = fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), json!(value)));
            serde_json::Value::Object(fields.collect()).to_string()
        } else {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            form_urlencoded::Serializer::new(String::new())
                .extend_pairs(fields)
                .finish()
        };
        let mut request = request
            .body(Bytes::from(body))
            .map_err(|_| config("`token_url` cannot be requested"))?;
        if self.how == TokenRequest::Basic {
            let text = basic(ctx, &self.client_id, &self.client_secret)?;
            let mut value =
                HeaderValue::try_from(text).map_err(|_| unsendable(&self.client_secret))?;
            value.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        Ok(request)
    }
}

fn config(message: &'static str) -> Error {
    Error::new(ErrorKind::Config, TOKEN, message)
}
