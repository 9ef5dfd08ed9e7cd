//! The demo's page and what it loads.

use std::sync::Arc;

use axum::{
    Router,
    extract::Path,
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::get,
};
use pages::files::Files;
use rust_embed::Embed;

use crate::server::gateway::{message, of_function};

/// What `npm run build:pages` made for the local server alone.
#[derive(Embed)]
#[folder = "../web/pages/dist/demo"]
struct Built;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page at `/`. The template has no route at its paths: `template/api.rs` keeps them free.
pub(crate) fn page() -> Router {
    let files = Arc::new(Files::of::<Built>());
    let assets = Arc::clone(&files);
    let page = async move |headers: HeaderMap| answer(&files, "demo.html", &headers);
    let asset = async move |Path(name): Path<String>, headers: HeaderMap| {
        answer(&assets, &format!("demo-assets/{name}"), &headers)
    };
    Router::new().route("/", get(page)).route("/demo-assets/{name}", get(asset))
}

fn answer(files: &Files, name: &str, headers: &HeaderMap) -> Response {
    match files.answer(name, headers, POLICY) {
        Some(answer) => of_function(answer),
        None => message(StatusCode::NOT_FOUND, "Not Found"),
    }
}
