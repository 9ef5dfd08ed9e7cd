//! The HTTPS connection of a deployed function to DynamoDB.

use std::time::Duration;

use aws_sdk_dynamodb::{Client, config::SharedHttpClient};
use aws_smithy_http_client::{
    Connector, HttpClientError,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector, HttpConnectorSettings, SharedHttpConnector, http_client_fn},
        orchestrator::HttpRequest,
    },
    shared::IntoShared,
};

use super::client::{CONNECT_TIMEOUT, endpoint_from_environment};

/// The certificate authorities behind AWS endpoints (<https://www.amazontrust.com/repository/>). Bundled, because
/// reading the platform's whole store takes longer than everything else at start-up.
const AMAZON_ROOTS: &str = include_str!("amazon-roots.pem");

/// DynamoDB closes a connection that was idle for longer than about a minute.
const IDLE: Duration = Duration::from_secs(40);

/// A pool of connections that can be opened before the first request.
#[derive(Clone, Debug)]
pub(crate) struct Connection(SharedHttpConnector);

impl Connection {
    /// A pool that trusts Amazon's authorities alone. Nothing is opened yet.
    pub(crate) fn new() -> Result<Self, HttpClientError> {
        let roots = TrustStore::empty().with_pem_certificate(AMAZON_ROOTS);
        let connector = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(TlsContext::builder().with_trust_store(roots).build()?)
            .pool_idle_timeout(IDLE)
            .connector_settings(HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).build())
            .build();
        Ok(Self(connector.into_shared()))
    }

    /// The pool as the SDK's clients take it.
    pub(crate) fn http_client(&self) -> SharedHttpClient {
        let connector = self.0.clone();
        http_client_fn(move |_, _| connector.clone())
    }

    /// Opens a connection with DynamoDB's health check, which needs no permission. A failure is left to the first
    /// request, which has its retries and its error message.
    pub(crate) async fn open(&self, client: &Client) {
        let Some(request) = health_check(client) else { return };
        if let Err(cause) = self.0.call(request).await {
            tracing::warn!(?cause, "no connection to DynamoDB could be opened ahead");
        }
    }
}

fn health_check(client: &Client) -> Option<HttpRequest> {
    let config = client.config();
    let url = match endpoint_from_environment() {
        Some(url) => url,
        None => format!("https://dynamodb.{}.amazonaws.com/", config.region()?),
    };
    HttpRequest::get(url).ok()
}
