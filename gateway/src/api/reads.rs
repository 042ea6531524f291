//! `GET /v1/reads/{id}/images/{n}`.

use std::sync::Arc;

use axum::{
    extract::{Path, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header};
use turnpike_schemas::{
    api::Problem,
    ledger::{Action, RefusedReason},
    read::ReadId,
};

use super::{
    caller::{Caller, rate_limit},
    problem::{Failure, NOT_FOUND},
};
use crate::{app::App, federation::ImageError};

/// Content types passed on; anything else a source sends is not shown.
const IMAGE_TYPES: [&str; 3] = ["image/jpeg", "image/png", "image/webp"];

/// Fetch an image
///
/// Image `n` of a read that an answer released to you within the last hour. Fetched from the source on demand, decided and
/// recorded like a question, never stored.
#[utoipa::path(
    get,
    path = "/v1/reads/{id}/images/{n}",
    tag = "questions",
    params(("id" = ReadId, Path, description = "The read"), ("n" = u32, Path, description = "Position in the read's `images`, from 0")),
    responses(
        (status = 200, description = "The image", content((Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png"), (Vec<u8> = "image/webp"))),
        (status = 401, description = "No valid token", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Roles or agreement refuse", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Not released to you within the last hour, or the source gives no images", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "The source no longer has it", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "A limit is reached", body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "The source did not give it", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The ledger cannot be written, or no more requests may be made to the source right now: `Retry-After`", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "The source did not answer in time", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
pub(super) async fn image(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Failure> {
    let standing = app.admit(&caller, Action::Image).await?;
    let parsed = path.ok().and_then(|Path((id, n))| {
        let id = ReadId::try_from(id).ok()?;
        Some((id, n.parse::<usize>().ok()?))
    });
    let Some((id, n)) = parsed else {
        let failure = Failure::new(NOT_FOUND)
            .because("a read id is 32 hexadecimal digits, an image a number from 0");
        return Err(app
            .refuse(
                &caller,
                Action::Image,
                RefusedReason::Malformed,
                "path",
                None,
                failure,
            )
            .await);
    };
    match app.federation.image(&caller.0, &id, n).await {
        Ok(fetched) => {
            let sent = fetched
                .image
                .content_type
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase();
            let content_type = IMAGE_TYPES
                .into_iter()
                .find(|known| *known == sent)
                .unwrap_or("application/octet-stream");
            let image = fetched.image.bytes.into_response();
            let mut response = app.delivered(fetched.on_record, image);
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
            headers.insert(
                header::CONTENT_SECURITY_POLICY,
                HeaderValue::from_static("default-src 'none'; sandbox"),
            );
            rate_limit(headers, standing);
            Ok(response)
        }
        Err(error @ ImageError::NotReleased) => {
            let failure = app
                .refuse(
                    &caller,
                    Action::Image,
                    RefusedReason::Forbidden,
                    "not_released",
                    None,
                    error.into(),
                )
                .await;
            Err(failure.with_standing(standing))
        }
        Err(error) => Err(Failure::from(error).with_standing(standing)),
    }
}
