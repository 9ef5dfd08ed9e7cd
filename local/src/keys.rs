//! The keys with which an issuer signs: our own, or those that a provider publishes.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use serde::Deserialize;
use tokio::{sync::Mutex, time::Instant};

use crate::identity::Identity;

/// As long as API Gateway does.
const KEPT: Duration = Duration::from_hours(2);

/// A key that is not in the set may be new; asking more often than this would let anybody make us ask.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// Where the keys come from.
pub(crate) enum Keys {
    /// The development identity provider's.
    Own(Arc<Identity>),
    /// A provider's, fetched when needed.
    Published(Published),
}

/// The keys that a provider publishes.
pub(crate) struct Published {
    issuer: String,
    http: reqwest::Client,
    fetched: Mutex<Option<(Instant, JwkSet)>>,
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
            Self::Own(identity) => identity.key_set().await.find(kid).cloned(),
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
        let published = Self { issuer: issuer.to_owned(), http, fetched: Mutex::new(None) };
        let keys = published.ask().await.with_context(|| format!("asking {issuer} for its keys"))?;
        *published.fetched.lock().await = Some((Instant::now(), keys));
        Ok(published)
    }

    async fn find(&self, kid: &str) -> Option<Jwk> {
        let mut fetched = self.fetched.lock().await;
        let stale = match fetched.as_ref() {
            Some((at, keys)) => at.elapsed() > KEPT || (keys.find(kid).is_none() && at.elapsed() > ASK_AGAIN),
            None => true,
        };
        if stale {
            match self.ask().await {
                Ok(keys) => *fetched = Some((Instant::now(), keys)),
                Err(cause) => tracing::warn!(cause = format!("{cause:#}"), "the issuer's keys cannot be had"),
            }
        }
        fetched.as_ref().and_then(|(_, keys)| keys.find(kid)).cloned()
    }

    async fn ask(&self) -> Result<JwkSet> {
        let url = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let discovery: Discovery = self.get(&url).await?;
        ensure!(
            discovery.issuer == self.issuer,
            "it calls itself {}, and tokens must match that to the letter",
            discovery.issuer
        );
        self.get(&discovery.jwks_uri).await
    }

    async fn get<T: for<'a> Deserialize<'a>>(&self, url: &str) -> Result<T> {
        let response = self.http.get(url).send().await?.error_for_status()?;
        response.json().await.with_context(|| format!("reading {url}"))
    }
}
