//! The HTTP side: questions, pages and every planned misbehaviour.

use std::collections::HashMap;

use axum::Router;
use axum::extract::{Query as Parameters, State as Extract};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, Uri, header};
use serde_json::{Value, json};

use super::entity::{plant, shaped};
use super::query::Query;
use super::{Observation, Request, Shape, Shared, State, TOKEN};
use crate::sim::lock;

pub(super) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/ngsi-ld/v1/entities", get(entities))
        .with_state(shared)
}

async fn entities(
    Extract(shared): Extract<Shared>,
    uri: Uri,
    headers: HeaderMap,
    Parameters(parameters): Parameters<HashMap<String, String>>,
) -> Response {
    let mut state = lock(&shared);
    let answer = state.answer(&headers, &parameters);
    let status = answer
        .as_ref()
        .map_or_else(|status| *status, |_| StatusCode::OK);
    state.requests.push(Request {
        target: uri.to_string(),
        q: parameters.get("q").cloned().unwrap_or_default(),
        status: status.as_u16(),
    });
    match answer {
        Ok((page, count)) => {
            let mut response = axum::Json(page).into_response();
            if let Some(count) = count {
                response
                    .headers_mut()
                    .insert("ngsild-results-count", count.into());
            }
            response
        }
        Err(status) => {
            let problem =
                json!({"type": "about:blank", "title": "refused", "detail": uri.to_string()});
            (status, axum::Json(problem)).into_response()
        }
    }
}

impl State {
    fn answer(
        &self,
        headers: &HeaderMap,
        parameters: &HashMap<String, String>,
    ) -> Result<(Vec<Value>, Option<usize>), StatusCode> {
        let token = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        if self.switches.refuse || token != Some(&format!("Bearer {TOKEN}")) {
            return Err(StatusCode::UNAUTHORIZED);
        }
        let parameter = |name: &str| parameters.get(name).map(String::as_str);
        let number = |name: &str, default: usize| match parameter(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| StatusCode::BAD_REQUEST),
        };
        let (limit, offset) = (number("limit", 20)?, number("offset", 0)?);
        let query = parameter("q").and_then(Query::parse);
        let (Some("APDSObservation"), Some(query), 1..=1000) = (parameter("type"), query, limit)
        else {
            return Err(StatusCode::BAD_REQUEST);
        };
        let found = self.found(&query);
        let offset = if self.switches.page_cycle { 0 } else { offset };
        let counted = parameter("count") == Some("true") && !self.switches.no_count;
        let count = counted.then_some(found.len());
        Ok((found.into_iter().skip(offset).take(limit).collect(), count))
    }

    /// What fulfils a query, in the order it is served.
    fn found(&self, query: &Query) -> Vec<Value> {
        let shape = self.switches.shape;
        let matching = self
            .entities
            .iter()
            .filter(|entity| query.holds(&entity.json(Shape::KeyValues)));
        let mut found: Vec<_> = matching.map(|entity| self.served(entity)).collect();
        if self.switches.shuffled {
            found.reverse();
            let middle = found.len() / 2;
            found.rotate_left(middle);
        }
        if self.switches.duplicates {
            found = found
                .into_iter()
                .flat_map(|entity| [entity.clone(), entity])
                .collect();
        }
        let model = self.entities.first();
        let odd = self.switches.odd.iter();
        let odd = odd.filter_map(|odd| model.map(|model| model.odd(*odd, shape)));
        odd.chain(found).collect()
    }

    fn served(&self, entity: &Observation) -> Value {
        let mut plain = entity.json(Shape::KeyValues);
        if self.switches.personal {
            plant(&mut plain);
        }
        shaped(plain, self.switches.shape)
    }
}
