//! The API's document and the page that is made of it, for people and programs that come to a local server. Both are as
//! they were when this program was built.

use axum::{
    Router,
    http::header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    },
    response::IntoResponse,
    routing::{MethodRouter, get},
};

const DOCUMENT: &str = include_str!("../../../web/openapi.json");
const PAGE: &str = include_str!("../../../web/docs/dist/index.html");
const STYLE: &str = include_str!("../../../web/docs/docs.css");

/// The page is text and a style sheet. It asks nobody for anything, and nobody frames it.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Where they are. The template's routes are elsewhere: `template/api.rs` keeps these paths free.
pub(super) fn router() -> Router {
    Router::new()
        .route("/openapi.json", file("application/json", DOCUMENT))
        .route("/docs", file("text/html; charset=utf-8", PAGE))
        .route("/docs.css", file("text/css; charset=utf-8", STYLE))
}

fn file(content_type: &'static str, text: &'static str) -> MethodRouter {
    get(async move || {
        let headers = [
            (CONTENT_TYPE, content_type),
            // Another version of the server has others.
            (CACHE_CONTROL, "no-cache"),
            (CONTENT_SECURITY_POLICY, POLICY),
            (REFERRER_POLICY, "no-referrer"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        (headers, text).into_response()
    })
}
