//! The HTTPS client of a deployed function, as the SDK takes it.
//!
//! It speaks HTTP/1.1 alone, as DynamoDB does. The SDK's own client has HTTP/2, proxies, pools and the platform's
//! certificates besides, which each function would carry to each cold start.

use std::{
    error::Error,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use aws_smithy_runtime_api::client::{
    connection::{CaptureSmithyConnection, ConnectionMetadata},
    http::{HttpConnector, HttpConnectorFuture},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
};
use aws_smithy_types::body::SdkBody;
use hyper::Uri;
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{
        Client,
        connect::{CaptureConnection, HttpConnector as Tcp, capture_connection},
    },
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use tokio::time::timeout;
use tower_service::Service;

use super::client::CONNECT_TIMEOUT;

/// DynamoDB closes a connection that was idle for longer than about a minute.
const IDLE: Duration = Duration::from_secs(40);

type BoxError = Box<dyn Error + Send + Sync>;

/// A pool of connections.
#[derive(Clone, Debug)]
pub(super) struct Https(Client<InTime, SdkBody>);

impl Https {
    /// A pool that trusts these authorities. Nothing is opened yet.
    pub(super) fn new(roots: RootCertStore) -> Self {
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has the suites of TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = Tcp::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let mut pool = Client::builder(TokioExecutor::new());
        pool.pool_idle_timeout(IDLE).pool_timer(TokioTimer::new());
        Self(pool.build(InTime(HttpsConnector::from((tcp, tls)))))
    }
}

impl HttpConnector for Https {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(cause) => return HttpConnectorFuture::ready(Err(ConnectorError::user(cause.into()))),
        };
        let connection = capture_connection(&mut request);
        if let Some(asked) = request.extensions().get::<CaptureSmithyConnection>() {
            asked.set_connection_retriever(move || Some(metadata(connection.clone())));
        }
        let answer = self.0.request(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await.map_err(|cause| connector_error(cause.into()))?;
            HttpResponse::try_from(answer.map(SdkBody::from_body_1_x))
                .map_err(|cause| ConnectorError::other(cause.into(), None))
        })
    }
}

/// What the SDK needs of a connection: after a fault that may be the connection's, it wants no other request on it.
fn metadata(connection: CaptureConnection) -> ConnectionMetadata {
    let poison = move || {
        if let Some(connection) = connection.connection_metadata().as_ref() {
            connection.poison();
        }
    };
    ConnectionMetadata::builder().proxied(false).poison_fn(poison).build()
}

/// What stopped a call, as the SDK's retries sort it: all but an answer that makes no sense may pass.
fn connector_error(error: BoxError) -> ConnectorError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error.as_ref());
    while let Some(error_or_cause) = cause {
        let of_http = error_or_cause.downcast_ref::<hyper::Error>();
        if of_http.is_some_and(|error| error.is_parse() || error.is_user()) {
            return ConnectorError::other(error, None);
        }
        cause = error_or_cause.source();
    }
    ConnectorError::io(error)
}

/// Connections that are made in time, or not.
#[derive(Clone, Debug)]
struct InTime(HttpsConnector<Tcp>);

impl Service<Uri> for InTime {
    type Response = <HttpsConnector<Tcp> as Service<Uri>>::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connecting = self.0.call(to);
        Box::pin(async {
            let late = |_| io::Error::new(io::ErrorKind::TimedOut, "no connection in time");
            timeout(CONNECT_TIMEOUT, connecting).await.map_err(late)?
        })
    }
}
