//! An engine and what speaks with it.

use aws_sdk_dynamodb::{Client, config::SharedHttpClient};
use reqwest::Url;
use tokio::sync::watch;

use super::{Engine, client, streams_client};

/// An engine that can be called; the embedded one ends when it is dropped.
pub(crate) struct Connected {
    /// Where it is, for programs.
    pub(crate) url: Url,
    pub(crate) client: Client,
    pub(crate) streams: aws_sdk_dynamodbstreams::Client,
    /// The embedded one.
    pub(crate) engine: Option<Engine>,
    /// Changes whenever `client` has written something, where that is known.
    pub(crate) written: Option<watch::Receiver<()>>,
}

impl Connected {
    /// The embedded engine, by this way or without a network.
    pub(crate) async fn embedded(engine: Engine, way: Option<SharedHttpClient>) -> Self {
        let url = engine.url.clone();
        let written = way.is_none().then(|| engine.in_process.written());
        let in_process = engine.in_process.http_client();
        let client = client(&url, Some(way.unwrap_or_else(|| in_process.clone()))).await;
        let streams = streams_client(&url, &client, Some(in_process));
        Self { url, client, streams, engine: Some(engine), written }
    }

    /// The engine at `url`, by this way or the usual one.
    pub(crate) async fn at(url: Url, way: Option<SharedHttpClient>) -> Self {
        let client = client(&url, way).await;
        let streams = streams_client(&url, &client, None);
        Self { url, client, streams, engine: None, written: None }
    }
}
