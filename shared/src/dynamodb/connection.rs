//! The HTTPS connection of a deployed function to DynamoDB.

use std::{fs, time::Duration};

use aws_sdk_dynamodb::{config::SharedHttpClient, types::AttributeValue};
use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
    },
    shared::IntoShared,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use hyper::StatusCode;
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio::time::timeout;

use super::{client::Access, fault::account_of, https::Https};
use crate::settings::{Environment, SettingsError};

/// The certificate authorities behind AWS endpoints (<https://www.amazontrust.com/repository/>). Bundled, because
/// reading the platform's whole store takes longer than everything else at start-up.
const AMAZON_ROOTS: &[u8] = include_bytes!("amazon-roots.pem");

/// No longer is waited for a connection at start-up: the first request opens one by itself.
const OPENING: Duration = Duration::from_secs(1);

/// A pool of connections that can be opened before the first request.
#[derive(Clone, Debug)]
pub(crate) struct Connection(SharedHttpConnector);

impl Connection {
    /// A pool that trusts Amazon's authorities, or those in the file that `AWS_CA_BUNDLE` names. Nothing is opened yet.
    pub(crate) fn new(environment: &Environment<'_>) -> Result<Self, SettingsError> {
        Ok(Self(Https::new(trusted(environment)?).into_shared()))
    }

    /// The pool as the SDK's clients take it.
    pub(crate) fn http_client(&self) -> SharedHttpClient {
        let connector = self.0.clone();
        http_client_fn(move |_, _| connector.clone())
    }

    /// Opens a connection, by a rehearsal: a client takes a call through all that a call takes, and DynamoDB's health
    /// check is sent in its place, which needs no permission. A failure is left to the first request, which has its
    /// retries and its error message.
    pub(crate) async fn open(&self, access: &Access) {
        let in_place = InPlace { connection: self.clone(), url: access.url().to_owned() };
        let client = access.client(http_client_fn(move |_, _| in_place.clone().into_shared()));
        let nothing = || AttributeValue::S(String::new());
        let call = client
            .update_item()
            .table_name("rehearsal")
            .key("pk", nothing())
            .update_expression("SET #name = :value")
            .expression_attribute_names("#name", "name")
            .expression_attribute_values(":value", nothing());
        if let Err(cause) = call.send().await {
            let cause = account_of(&cause);
            tracing::warn!(cause, "no connection to DynamoDB could be opened ahead");
        }
    }

    async fn open_to(&self, url: &str) -> Result<(), String> {
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

/// Sends DynamoDB's health check in the place of each call, and says that the call was made.
#[derive(Clone, Debug)]
struct InPlace {
    connection: Connection,
    url: String,
}

impl HttpConnector for InPlace {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let Self { connection, url } = self.clone();
        HttpConnectorFuture::new(async move {
            let opened = connection.open_to(&url).await;
            // None that is tried again: the time for it is spent.
            opened.map_err(|cause| ConnectorError::other(cause.into(), None))?;
            let made = StatusCode::OK.into();
            Ok(HttpResponse::new(made, SdkBody::from("{}")))
        })
    }
}

fn trusted(environment: &Environment<'_>) -> Result<RootCertStore, SettingsError> {
    let name = "AWS_CA_BUNDLE";
    let file = environment.text(name);
    if file.is_empty() {
        return Ok(authorities(AMAZON_ROOTS).unwrap_or_else(RootCertStore::empty));
    }
    let authorities = fs::read(&file).ok().and_then(|pem| authorities(&pem));
    let expected = "the path of a file with certificates in PEM";
    authorities.ok_or(SettingsError::Invalid { name, expected, value: file })
}

/// Those in a text in PEM; `None` if there are none, or something else.
fn authorities(pem: &[u8]) -> Option<RootCertStore> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()?;
    let mut roots = RootCertStore::empty();
    // Among those of a whole system there are some that are too old to be read.
    roots.add_parsable_certificates(certificates);
    Some(roots).filter(|roots| !roots.is_empty())
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
        let connection = Connection::new(&Environment::new(&|_| None)).unwrap();
        let made = AtomicUsize::new(0);
        let serve = async {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                made.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(answer_all(stream, answer));
            }
        };
        let ask = async {
            let outcome = connection.open_to(&url).await;
            let _ = connection.open_to(&url).await;
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
        let connection = Connection::new(&Environment::new(&|_| None)).unwrap();
        assert!(connection.open_to(&url).await.is_err());
    }

    /// A function has no permission for it.
    #[tokio::test]
    async fn the_call_of_the_rehearsal_is_not_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let variable = |name: &str| match name {
            "AWS_CA_BUNDLE" => None,
            "AWS_ENDPOINT_URL_DYNAMODB" => Some(url.clone()),
            _ => Some("anything".to_owned()),
        };
        let environment = Environment::new(&variable);
        let access = Access::from_environment(&environment).await.unwrap();
        let connection = Connection::new(&environment).unwrap();
        let heard = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 1_024];
            let read = stream.read(&mut request).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            String::from_utf8(request[..read].to_vec()).unwrap()
        };
        let (heard, ()) = tokio::join!(heard, connection.open(&access));
        assert!(heard.starts_with("GET / HTTP/1.1\r\n"), "{heard}");
        assert!(!heard.contains("authorization"), "{heard}");
        assert!(timeout(Duration::from_millis(100), listener.accept()).await.is_err(), "it asks once");
    }

    #[test]
    fn all_of_amazons_authorities_are_trusted() {
        let certificates = str::from_utf8(AMAZON_ROOTS).unwrap().matches("BEGIN CERTIFICATE").count();
        assert_eq!(authorities(AMAZON_ROOTS).unwrap().len(), certificates);
    }

    #[test]
    fn a_bundle_that_holds_no_certificate_is_an_error_that_names_it() {
        let file = format!("{}/Cargo.toml", env!("CARGO_MANIFEST_DIR"));
        for file in [file.as_str(), "no such file"] {
            let error = Connection::new(&Environment::new(&|_| Some(file.to_owned()))).unwrap_err();
            let error = error.to_string();
            assert!(error.contains("AWS_CA_BUNDLE") && error.contains(file), "{error}");
        }
    }
}
