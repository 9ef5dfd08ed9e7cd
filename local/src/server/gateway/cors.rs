//! Which pages may call the API, and how.

use std::time::Duration;

use anyhow::{Context, Result};
use axum::http::{HeaderName, HeaderValue, Method};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::template::Cors;

pub(super) fn layer(cors: &Cors) -> Result<CorsLayer> {
    let origins = if cors.allow_origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        let origins = cors.allow_origins.iter().map(|origin| origin.parse());
        AllowOrigin::list(origins.collect::<Result<Vec<HeaderValue>, _>>().context("AllowOrigins")?)
    };
    let headers = cors.allow_headers.iter().map(|name| name.parse());
    let methods = cors.allow_methods.iter().map(|name| name.parse());
    Ok(CorsLayer::new()
        .allow_origin(origins)
        .allow_headers(headers.collect::<Result<Vec<HeaderName>, _>>().context("AllowHeaders")?)
        .allow_methods(methods.collect::<Result<Vec<Method>, _>>().context("AllowMethods")?)
        .max_age(Duration::from_secs(cors.max_age)))
}
