//! How this vendor is asked for a token, and what its refusals mean.

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use url::form_urlencoded;

use super::{settings::Settings, status};
use crate::{
    context::Context,
    error::{Error, ErrorKind, Result},
    token::Token,
};

const OPERATION: &str = "token";

/// Asks for a token.
///
/// # Errors
/// `Config` without the secrets, and what the status of the answer means.
pub(super) async fn fetch(ctx: &Context, settings: &Settings) -> Result<Token> {
    let request = token_request(ctx, settings)?;
    let asked_at = ctx.now();
    let response = ctx.send(request).await?;
    if response.status() != StatusCode::OK {
        return Err(status::refusal(OPERATION, &response, ctx.now()));
    }
    Token::granted(response.body(), asked_at)
}

fn token_request(ctx: &Context, settings: &Settings) -> Result<Request<Bytes>> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials")
        .append_pair("client_id", ctx.secret("client_id")?.expose())
        .append_pair("client_secret", ctx.secret("client_secret")?.expose())
        .append_pair("audience", &settings.audience);
    if let Some(scope) = &settings.scope {
        form.append_pair("scope", scope);
    }
    Request::builder()
        .method(Method::POST)
        .uri(settings.token_url.as_str())
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ACCEPT, "application/json")
        .body(Bytes::from(form.finish()))
        .map_err(|_| {
            Error::new(
                ErrorKind::Config,
                OPERATION,
                "`token_url` cannot be requested",
            )
        })
}
