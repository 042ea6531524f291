//! The HTTP API: routes, and the document generated from them.
//!
//! Every route is bounded in body, headers and time, answers errors as problem+json, and leaves an entry when it refuses.
//! The three of `system`, the notice and those that sign somebody in are the only ones that need no token besides the documentation.

mod alert_lists;
mod audit;
mod body;
mod caller;
mod channels;
mod checks;
mod entries;
mod hits;
mod layers;
mod ledger;
mod owners;
mod policy;
mod precision;
mod problem;
mod push;
mod queries;
mod reads;
mod reports;
mod review;
mod session;
mod sources;
mod system;
mod urgent;
mod users;

use std::sync::Arc;

use axum::{Router, middleware};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{Http, HttpAuthScheme, SecurityScheme},
};
use utoipa_axum::{router::OpenApiRouter, routes};
use utoipa_swagger_ui::SwaggerUi;

pub use caller::Caller;
pub use problem::{Failure, KINDS, Kind};

use crate::app::App;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "turnpike",
        description = "A federated gateway for licence-plate reads: one question about one plate, for one case, to every source whose agreement permits it, and one answer that says source by source what was searched and what was not.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    modifiers(&Security, &Problems),
    tags(
        (name = "questions", description = "Asking about a plate"),
        (name = "alerts", description = "Being told when a wanted plate is read"),
        (name = "cases", description = "What is owed for questions, and what stands beside them"),
        (name = "review", description = "What auditors, source owners and the public get to see of the ledger"),
        (name = "sources", description = "Where reads come from"),
        (name = "ledger", description = "The record of everything"),
        (name = "identity", description = "Signing in, accounts and keys"),
        (name = "system", description = "For whoever runs the gateway")
    )
)]
struct Document;

struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(
            "bearer",
            SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
        );
        components.add_security_scheme(
            "basic",
            SecurityScheme::Http(Http::new(HttpAuthScheme::Basic)),
        );
    }
}

/// Says which problems there are.
struct Problems;

impl Modify for Problems {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let mut text = document.info.description.take().unwrap_or_default();
        text.push_str("\n\nErrors are problem details (RFC 9457). `type` is one of:\n\n| type | status | meaning |\n|---|---|---|\n");
        for kind in KINDS {
            let status = kind.status.as_u16();
            text.push_str(&format!(
                "| `/problems/{}` | {status} | {} |\n",
                kind.name, kind.title
            ));
        }
        text.push_str("\n`instance` is the identity of the request, also sent as `x-request-id` and written in the gateway's log.");
        document.info.description = Some(text);
    }
}

fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(queries::ask))
        .routes(routes!(queries::explain))
        .routes(routes!(urgent::justify))
        .routes(routes!(urgent::list))
        .routes(routes!(urgent::note))
        .routes(routes!(audit::search))
        .routes(routes!(audit::trail))
        .routes(routes!(audit::sample))
        .routes(routes!(audit::finding))
        .routes(routes!(reports::flags))
        .routes(routes!(precision::precision))
        .routes(routes!(reports::reviews, reports::sign_off))
        .routes(routes!(reports::unused))
        .routes(routes!(reports::recertify))
        .routes(routes!(reports::declare))
        .routes(routes!(reports::statement))
        .routes(routes!(reports::transparency))
        .routes(routes!(alert_lists::lists, alert_lists::make))
        .routes(routes!(alert_lists::show, alert_lists::close))
        .routes(routes!(alert_lists::confirm_all))
        .routes(routes!(alert_lists::share))
        .routes(routes!(alert_lists::look_back))
        .routes(routes!(alert_lists::entries, alert_lists::add))
        .routes(routes!(alert_lists::remove))
        .routes(routes!(alert_lists::renew))
        .routes(routes!(alert_lists::confirm))
        .routes(routes!(alert_lists::approve))
        .routes(routes!(alert_lists::history))
        .routes(routes!(hits::list))
        .routes(routes!(hits::stream::follow))
        .routes(routes!(hits::show))
        .routes(routes!(hits::review))
        .routes(routes!(channels::list, channels::add))
        .routes(routes!(channels::remove))
        .routes(routes!(channels::rotate))
        .routes(routes!(channels::deliveries))
        .routes(routes!(channels::replay))
        .routes(routes!(channels::test))
        .routes(routes!(channels::confirm))
        .routes(routes!(channels::set))
        .routes(routes!(channels::push_key))
        .routes(routes!(channels::escalation, channels::set_escalation))
        .routes(routes!(sources::list))
        .routes(routes!(policy::show))
        .routes(routes!(push::push))
        .routes(routes!(checks::live))
        .routes(routes!(checks::payloads))
        .routes(routes!(reads::image))
        .routes(routes!(ledger::checkpoint))
        .routes(routes!(ledger::witnessed))
        .routes(routes!(ledger::tile))
        .routes(routes!(ledger::proof))
        .routes(routes!(entries::ledger_entries))
        .routes(routes!(entries::propose_seal))
        .routes(routes!(entries::confirm_seal))
        .routes(routes!(owners::owner_checkpoint))
        .routes(routes!(owners::owner_entries))
        .routes(routes!(owners::ask_who))
        .routes(routes!(owners::say_who))
        .routes(routes!(session::notice))
        .routes(routes!(session::sign_in, session::who, session::sign_out))
        .routes(routes!(session::begin))
        .routes(routes!(session::complete))
        .routes(routes!(session::enrol))
        .routes(routes!(users::list, users::add))
        .routes(routes!(users::change))
        .routes(routes!(users::end_sessions))
        .routes(routes!(users::keys, users::add_key))
        .routes(routes!(users::revoke_key))
        .routes(routes!(system::healthz))
        .routes(routes!(system::readyz))
        .routes(routes!(system::metrics))
}

/// OpenAPI has no word for a parameter that may hold slashes: the document names it like any other.
fn parts() -> (Router<Arc<App>>, utoipa::openapi::OpenApi) {
    let (router, mut document) = routes().split_for_parts();
    let paths = std::mem::take(&mut document.paths.paths);
    let named = paths
        .into_iter()
        .map(|(path, item)| (path.replace("{*", "{"), item));
    document.paths.paths = named.collect();
    (router, document)
}

/// The OpenAPI 3.1 document of the API, generated from the handlers.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    parts().1
}

/// The whole service.
pub fn router(app: Arc<App>) -> Router {
    let (router, document) = parts();
    router
        .merge(SwaggerUi::new("/docs").url("/openapi.json", document))
        .fallback(sources::not_found)
        .method_not_allowed_fallback(layers::method_not_allowed)
        .layer(middleware::from_fn(layers::around))
        .with_state(app)
}
