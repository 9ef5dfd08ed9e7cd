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

use aws_smithy_types::byte_stream::ByteStream;
use tokio::time::timeout;

use super::client::{CONNECT_TIMEOUT, endpoint_from_environment};

/// The certificate authorities behind AWS endpoints (<https://www.amazontrust.com/repository/>). Bundled, because
/// reading the platform's whole store takes longer than everything else at start-up.
const AMAZON_ROOTS: &str = include_str!("amazon-roots.pem");

/// DynamoDB closes a connection that was idle for longer than about a minute.
const IDLE: Duration = Duration::from_secs(40);

/// No longer is waited for a connection at start-up: the first request opens one by itself.
const OPENING: Duration = Duration::from_secs(1);

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
        let Some(url) = health_check(client) else { return };
        if let Err(cause) = self.open_to(url).await {
            tracing::warn!(cause, "no connection to DynamoDB could be opened ahead");
        }
    }

    async fn open_to(&self, url: String) -> Result<(), String> {
        let opening = async {
            let request = HttpRequest::get(url).map_err(|cause| cause.to_string())?;
            let answer = self.0.call(request).await.map_err(|cause| cause.to_string())?;
            // To its end: a connection with something left to read does not go back to the pool.
            let body = ByteStream::new(answer.into_body()).collect().await;
            body.map(drop).map_err(|cause| cause.to_string())
        };
        timeout(OPENING, opening).await.unwrap_or_else(|_| Err("it takes too long".to_owned()))
    }
}

fn health_check(client: &Client) -> Option<String> {
    match endpoint_from_environment() {
        Some(url) => Some(url),
        None => Some(format!("https://dynamodb.{}.amazonaws.com/", client.config().region()?)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };

    use super::*;

    /// What opening a connection comes to where the endpoint answers with these bytes and then says no more, and how
    /// many connections were made by that and by what follows.
    async fn opened(answer: &'static str) -> (Result<(), String>, usize) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let connection = Connection::new().unwrap();
        let made = AtomicUsize::new(0);
        let serve = async {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                made.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(answer_all(stream, answer));
            }
        };
        let ask = async {
            let outcome = connection.open_to(url.clone()).await;
            let _ = connection.open_to(url).await;
            outcome
        };
        tokio::select! {
            outcome = ask => (outcome, made.load(Ordering::Relaxed)),
            () = serve => unreachable!("it has no end"),
        }
    }

    async fn answer_all(mut stream: TcpStream, answer: &str) {
        let mut request = [0; 1_024];
        while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    }

    #[tokio::test]
    async fn an_opened_connection_is_used_again() {
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 21\r\n\r\nhealthy: dynamodb.x.y";
        assert_eq!(opened(answer).await, (Ok(()), 1));
    }

    /// A function would not come to its first request.
    #[tokio::test]
    async fn an_endpoint_that_does_not_answer_to_the_end_holds_nothing_up() {
        for answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 21\r\n\r\nhealthy: "] {
            assert_eq!(opened(answer).await, (Err("it takes too long".to_owned()), 2));
        }
    }

    #[tokio::test]
    async fn an_endpoint_that_refuses_holds_nothing_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        drop(listener);
        assert!(Connection::new().unwrap().open_to(url).await.is_err());
    }
}
