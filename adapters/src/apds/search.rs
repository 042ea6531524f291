//! One question about one plate, and the pages of its answer.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use turnpike_schemas::{
    agreement::Permit,
    plate::{Jurisdiction, Plate},
    query::{AskedPlate, TimeWindow},
};
use url::Url;

use super::{TOKEN, gather::Gathered, settings::Broker, status, wire};
use crate::{
    adapter::{Page, unsupported},
    context::Context,
    error::{Error, ErrorKind, Result},
};

const OPERATION: &str = "search";

/// How many entities there are in all.
const COUNT: &str = "ngsild-results-count";

/// Asks for the reads `permit` covers, page by page.
///
/// # Errors
/// As [`crate::adapter::Adapter::search`]. `Unsupported` and a missing token come before anything is sent.
pub(super) async fn run(
    broker: &Broker,
    visual: bool,
    ctx: &Context,
    permit: &Permit,
) -> Result<Page> {
    let AskedPlate::Exact(plate) = permit.query().plate() else {
        return unsupported(OPERATION);
    };
    let issuer = permit.query().jurisdiction();
    let window = broker.window_in_query.then(|| permit.window());
    let question = Question {
        broker,
        headers: headers(broker, ctx)?,
        query: query(plate, issuer, window),
    };
    question.gather(ctx, Gathered::under(permit, visual)).await
}

/// A question, ready to be asked page by page.
struct Question<'a> {
    broker: &'a Broker,
    headers: HeaderMap,
    query: String,
}

impl Question<'_> {
    /// A page that came before, an empty one in the middle, or one too many ends the search with what is there,
    /// marked as truncated: the reads at hand are good, but they may not be all.
    async fn gather(&self, ctx: &Context, mut gathered: Gathered<'_>) -> Result<Page> {
        for _ in 0..self.broker.max_pages {
            let response = ctx.send(self.page(gathered.rows())?).await?;
            if response.status() != StatusCode::OK {
                return Err(status::refusal(OPERATION, &response, ctx.now()));
            }
            let entities = wire::answer(OPERATION, response.body())?;
            if !entities.is_empty() && !gathered.is_new(response.body()) {
                return Ok(gathered.finish(true));
            }
            gathered.take(&entities);
            let total = total(&response);
            if total.map_or(entities.is_empty(), |total| gathered.rows() >= total) {
                return Ok(gathered.finish(false));
            }
            if entities.is_empty() {
                break;
            }
        }
        Ok(gathered.finish(true))
    }

    fn page(&self, offset: u64) -> Result<Request<Bytes>> {
        let mut request = Request::get(self.url(offset).as_str())
            .body(Bytes::new())
            .map_err(|_| {
                Error::new(
                    ErrorKind::Config,
                    OPERATION,
                    "`base_url` cannot be requested",
                )
            })?;
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }

    fn url(&self, offset: u64) -> Url {
        let mut url = self.broker.base_url.clone();
        // INVARIANT: settings take http and https addresses only, and those have path segments.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("entities");
        }
        url.query_pairs_mut()
            .append_pair("type", wire::TYPE)
            .append_pair("q", &self.query)
            .append_pair("limit", &self.broker.page_size.to_string())
            .append_pair("offset", &offset.to_string())
            .append_pair("count", "true");
        url
    }
}

/// How many entities answer the question, where the broker says so.
fn total(response: &Response<Bytes>) -> Option<u64> {
    let count = response.headers().get(COUNT)?;
    count.to_str().ok()?.trim().parse().ok()
}

fn headers(broker: &Broker, ctx: &Context) -> Result<HeaderMap> {
    let token = format!("Bearer {}", ctx.secret(TOKEN)?.expose());
    let mut token = HeaderValue::from_str(&token).map_err(|_| {
        Error::new(
            ErrorKind::Config,
            OPERATION,
            "secret `token` cannot be sent in a header",
        )
    })?;
    token.set_sensitive(true);
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, token);
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    if let Some(tenant) = &broker.tenant {
        headers.insert("ngsild-tenant", tenant.clone());
    }
    if let Some(context) = &broker.context {
        headers.insert(header::LINK, context.clone());
    }
    Ok(headers)
}

/// The question in the broker's query language (ETSI GS CIM 009, 4.9): the plate, and the window by either of the times
/// an observation may have. Nothing else of the question is told.
fn query(plate: &Plate, issuer: Option<&Jurisdiction>, window: Option<TimeWindow>) -> String {
    let spellings: Vec<_> = spellings(plate.expose(), issuer)
        .iter()
        .map(|text| format!("\"{text}\""))
        .collect();
    let plate = format!("observedCredentialId=={}", spellings.join(","));
    let Some(window) = window else { return plate };
    let (from, to) = (window.from(), window.to());
    format!(
        "{plate};(observationDateTime>={from}|observationStartDateTime>={from});\
        (observationDateTime<{to}|observationStartDateTime<{to})"
    )
}

/// The ways the plate may be stored: as it is, and, unless it is known not to be German, with `:` where the seal
/// is, which is after one to three letters.
fn spellings(plate: &str, issuer: Option<&Jurisdiction>) -> Vec<String> {
    let mut spellings = vec![plate.to_owned()];
    if issuer.is_none_or(|issuer| issuer.country() == "DE") {
        let letters = plate.chars().take_while(|c| c.is_alphabetic()).take(3);
        let ends = letters.scan(0, |end, letter| {
            *end += letter.len_utf8();
            Some(*end)
        });
        let sealed = ends.filter_map(|end| plate.split_at_checked(end));
        let sealed = sealed.filter(|(_, rest)| !rest.is_empty());
        spellings.extend(sealed.map(|(before, after)| format!("{before}:{after}")));
    }
    spellings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(plate: &str, issuer: Option<&str>) -> Vec<String> {
        let issuer = issuer.map(|code| Jurisdiction::parse(code).unwrap());
        spellings(plate, issuer.as_ref())
    }

    #[test]
    fn a_german_plate_is_asked_for_with_its_seal_in_each_place() {
        let all = ["BAB1234", "B:AB1234", "BA:B1234", "BAB:1234"];
        assert_eq!(spelled("BAB1234", None), all);
        assert_eq!(spelled("BAB1234", Some("DE-BE")), all);
        assert_eq!(spelled("BAB1234", Some("BE")), ["BAB1234"]);
        assert_eq!(spelled("1ABC123", None), ["1ABC123"]);
        assert_eq!(spelled("ÖK", None), ["ÖK", "Ö:K"]);
    }

    #[test]
    fn the_query_names_plate_and_window_and_nothing_else() {
        let plate = Plate::parse("1abc-123").unwrap();
        assert_eq!(
            query(&plate, None, None),
            "observedCredentialId==\"1ABC123\""
        );
        let window = TimeWindow::new(
            "2026-03-01T00:00:00Z".parse().unwrap(),
            "2026-03-02T00:00:00Z".parse().unwrap(),
        );
        assert_eq!(
            query(&plate, None, window.ok()),
            "observedCredentialId==\"1ABC123\";\
            (observationDateTime>=2026-03-01T00:00:00Z|observationStartDateTime>=2026-03-01T00:00:00Z);\
            (observationDateTime<2026-03-02T00:00:00Z|observationStartDateTime<2026-03-02T00:00:00Z)"
        );
    }
}
