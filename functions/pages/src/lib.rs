//! `GET /dashboard`, `/docs`, `/openapi.json` and what pages load: files that are built in, and the settings that tell a
//! page where the API and the identity provider are. No table, and nothing that depends on who asks.

pub mod files;
mod settings;

use std::sync::Arc;

use lambda_http::{
    Body, Request, RequestExt, Response,
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    request::RequestContext,
};
use rust_embed::Embed;
use shared::{
    clock::Clock,
    http::{ApiError, reply},
    settings::{Environment, FromSettings, SettingsError},
};

use self::{files::Files, settings::Settings};

/// What `npm run build:pages` made.
#[derive(Embed)]
#[folder = "../../web/pages/dist/pages"]
struct Built;

const DOCUMENT: &[u8] = include_bytes!("../../../web/openapi.json");

/// A page that is text and a style sheet.
const NO_SCRIPT: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What the handler works with.
pub struct Pages {
    files: Files,
    settings: Settings,
    clock: Clock,
    /// The Content-Security-Policy of a page that calls the API.
    policy: String,
}

impl FromSettings for Pages {
    fn from_settings(environment: &Environment<'_>, clock: Clock) -> Result<Self, SettingsError> {
        let settings = Settings::read(environment)?;
        let policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' {}; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            settings.connect_sources.join(" ")
        );
        Ok(Self { files: Files::of::<Built>().with("openapi.json", DOCUMENT), settings, clock, policy })
    }
}

/// Answers by route: the path before it is the stage's or the domain's.
#[expect(clippy::unused_async, reason = "handlers are")]
pub async fn handle(pages: Arc<Pages>, request: Request) -> Result<Response<Body>, ApiError> {
    let headers = request.headers();
    let file = |name: &str, policy: &str| pages.files.answer(name, headers, policy).unwrap_or_else(not_found);
    let mut response = match route(&request).as_str() {
        "GET /dashboard" => file("dashboard.html", &pages.policy),
        "GET /docs" => file("docs.html", NO_SCRIPT),
        "GET /openapi.json" => file("openapi.json", NO_SCRIPT),
        "GET /settings.json" => reply::json(&pages.settings.shown(pages.clock.now())),
        "GET /assets/{file}" => {
            let parameters = request.path_parameters();
            let name = parameters.first("file").unwrap_or_default();
            file(&format!("assets/{name}"), NO_SCRIPT)
        }
        _ => not_found(),
    };
    files::guard(&mut response);
    Ok(response)
}

fn route(request: &Request) -> String {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.route_key.clone().unwrap_or_default(),
        _ => String::new(),
    }
}

/// As the gateway answers where it has no route.
fn not_found() -> Response<Body> {
    let mut response = Response::new(Body::from(r#"{"message":"Not Found"}"#));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
