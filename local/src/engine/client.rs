//! Clients of an engine, on this machine or in an account.

use aws_sdk_dynamodb::{
    Client,
    config::{
        Credentials, Region, SharedHttpClient,
        retry::{RetryPartition, TokenBucket},
    },
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use reqwest::Url;
use shared::dynamodb::client::client_config;

use crate::host;

/// A client of the engine at `url`, by this way or the usual one. An engine on this machine takes any credentials; for
/// another, region and credentials come from where AWS tools look for them.
pub(crate) async fn client(url: &Url, http_client: Option<SharedHttpClient>) -> Client {
    if is_loopback(url) {
        let http_client = http_client.unwrap_or_else(|| Builder::new().build_http());
        // The SDK repeats no request any more where many have failed of late, in the whole process: that spares a service
        // which others share. Here it would have one user's trouble be another's.
        let repeats = RetryPartition::custom(url.to_string()).token_bucket(TokenBucket::unlimited());
        let config = client_config(http_client)
            .retry_partition(repeats.build())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("local", "local", None, None, "local"))
            .endpoint_url(url.as_str());
        return Client::from_conf(config.build());
    }
    let http_client = http_client
        .unwrap_or_else(|| Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https());
    let aws = aws_config::defaults(aws_config::BehaviorVersion::v2026_01_12())
        .http_client(http_client.clone())
        .load()
        .await;
    let mut config = client_config(http_client).endpoint_url(url.as_str());
    config.set_region(aws.region().cloned());
    config.set_credentials_provider(aws.credentials_provider());
    Client::from_conf(config.build())
}

/// A client of the streams of the same engine as `client`'s, by this way or the usual one.
pub(crate) fn streams_client(
    url: &Url,
    client: &Client,
    http_client: Option<SharedHttpClient>,
) -> aws_sdk_dynamodbstreams::Client {
    let config = client.config();
    let mut streams = aws_sdk_dynamodbstreams::Config::builder()
        .behavior_version(aws_sdk_dynamodbstreams::config::BehaviorVersion::v2026_01_12());
    streams.set_region(config.region().cloned());
    if is_loopback(url) {
        streams = streams
            .endpoint_url(url.as_str())
            .http_client(http_client.unwrap_or_else(|| Builder::new().build_http()))
            .credentials_provider(Credentials::new("local", "local", None, None, "local"));
    }
    aws_sdk_dynamodbstreams::Client::from_conf(streams.build())
}

/// Whether `url` names this machine, where data is nobody's and credentials are none.
pub(crate) fn is_loopback(url: &Url) -> bool {
    host::is_local(url.host_str().unwrap_or_default())
}
