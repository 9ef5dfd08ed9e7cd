//! Which pages may call the API, and how.

use std::time::Duration;

use anyhow::{Context, Result};
use axum::http::{HeaderName, HeaderValue, Method};
use reqwest::Url;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::{host, template::Cors};

pub(super) fn layer(cors: &Cors) -> Result<CorsLayer> {
    let origins = if cors.allow_origins.iter().any(|origin| origin == "*") {
        // Here anybody gets a token as anybody, so that a stranger's page could read what a developer has in the tables.
        AllowOrigin::predicate(|origin, _| is_of_this_machine(origin))
    } else {
        AllowOrigin::list(all::<HeaderValue>(&cors.allow_origins, "allowOrigins")?)
    };
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

/// Whether a page came from a server on this machine.
fn is_of_this_machine(origin: &HeaderValue) -> bool {
    let url = origin.to_str().ok().and_then(|origin| Url::parse(origin).ok());
    url.is_some_and(|url| {
        ["http", "https"].contains(&url.scheme()) && url.host_str().is_some_and(host::is_local)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_machine_are_its_own() {
        for origin in [
            "http://localhost:5173",
            "https://localhost",
            "http://127.0.0.1:8080",
            "http://[::1]:3000",
            "http://app.localhost",
        ] {
            assert!(is_of_this_machine(&HeaderValue::from_static(origin)), "{origin}");
        }
        for origin in [
            "null",
            "*",
            "",
            "https://example.com",
            "http://localhost.example.com",
            "file://localhost",
            "http://10.0.0.1",
        ] {
            assert!(!is_of_this_machine(&HeaderValue::from_static(origin)), "{origin}");
        }
    }
}
