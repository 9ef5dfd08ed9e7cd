//! The keys with which an issuer signs: our own, or those that a provider publishes.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use serde::Deserialize;
use tokio::{sync::Mutex, time::Instant};

use super::development::DevelopmentProvider;

/// As long as API Gateway does.
pub(super) const KEPT: Duration = Duration::from_hours(2);

/// A key that is not in the set may be new; asking more often than this would let anybody make us ask.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// Where the keys come from.
pub(crate) enum Keys {
    /// The development identity provider's.
    Own(Arc<DevelopmentProvider>),
    /// A provider's, fetched when needed.
    Published(Published),
}

/// The keys that a provider publishes.
pub(crate) struct Published {
    issuer: String,
    http: reqwest::Client,
    fetched: Mutex<Fetched>,
}

struct Fetched {
    asked: Instant,
    keys: JwkSet,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl Keys {
    /// The key named `kid`.
    pub(crate) async fn find(&self, kid: &str) -> Option<Jwk> {
        match self {
            Self::Own(provider) => provider.key_set().await.find(kid).cloned(),
            Self::Published(published) => published.find(kid).await,
        }
    }
}

impl Published {
    /// The keys of `issuer`, which is asked at once, so that a wrong URL shows at start.
    pub(crate) async fn fetch(issuer: &str) -> Result<Self> {
        // Already installed is as good: a process may start several servers.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).build()?;
        let keys = ask(&http, issuer).await.with_context(|| format!("asking {issuer} for its keys"))?;
        let fetched = Mutex::new(Fetched { asked: Instant::now(), keys });
        Ok(Self { issuer: issuer.to_owned(), http, fetched })
    }

    async fn find(&self, kid: &str) -> Option<Jwk> {
        let mut fetched = self.fetched.lock().await;
        let age = fetched.asked.elapsed();
        if age > KEPT || (age > ASK_AGAIN && fetched.keys.find(kid).is_none()) {
            // Whether it answers or not: a provider that is down is not asked for each request.
            fetched.asked = Instant::now();
            match ask(&self.http, &self.issuer).await {
                Ok(keys) => fetched.keys = keys,
                Err(cause) => tracing::warn!(cause = format!("{cause:#}"), "the issuer's keys cannot be had"),
            }
        }
        fetched.keys.find(kid).cloned()
    }
}

async fn ask(http: &reqwest::Client, issuer: &str) -> Result<JwkSet> {
    let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let discovery: Discovery = get(http, &url).await?;
    ensure!(
        discovery.issuer == issuer,
        "it calls itself {}, and tokens must match that to the letter",
        discovery.issuer
    );
    get(http, &discovery.jwks_uri).await
}

async fn get<T: for<'a> Deserialize<'a>>(http: &reqwest::Client, url: &str) -> Result<T> {
    let response = http.get(url).send().await?.error_for_status()?;
    response.json().await.with_context(|| format!("reading {url}"))
}
