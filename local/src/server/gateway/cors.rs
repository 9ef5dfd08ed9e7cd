//! Which pages may call the API, and how.

use std::time::Duration;

use anyhow::{Context, Result};
use axum::http::{HeaderName, HeaderValue, Method};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::{
    server::guard::{Origin, is_of_this_machine},
    template::Cors,
};

/// As the template says, and for the origins that were let in by name. Any origin is any of this machine here.
pub(super) fn layer(cors: &Cors, let_in: &[Origin]) -> Result<CorsLayer> {
    let named = all::<HeaderValue>(&cors.allow_origins, "allowOrigins")?;
    let (is_any, let_in) = (named.iter().any(|origin| origin == "*"), let_in.to_vec());
    let origins = AllowOrigin::predicate(move |origin, _| {
        let is_named = if is_any { is_of_this_machine(origin) } else { named.contains(origin) };
        is_named || let_in.iter().any(|known| known.is(origin))
    });
    Ok(CorsLayer::new()
        .allow_origin(origins)
        .allow_credentials(cors.allow_credentials)
        .allow_headers(all::<HeaderName>(&cors.allow_headers, "allowHeaders")?)
        .allow_methods(all::<Method>(&cors.allow_methods, "allowMethods")?)
        .expose_headers(all::<HeaderName>(&cors.expose_headers, "exposeHeaders")?)
        .max_age(Duration::from_secs(cors.max_age)))
}

fn all<T>(texts: &[String], name: &'static str) -> Result<Vec<T>>
where
    T: for<'a> TryFrom<&'a [u8], Error: std::error::Error + Send + Sync + 'static>,
{
    let parsed = texts.iter().map(|text| T::try_from(text.as_bytes()).context(name));
    parsed.collect()
}
