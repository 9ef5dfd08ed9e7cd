//! The client: how long it waits, what it tries again, and where it finds DynamoDB.

use std::{env, time::Duration};

use aws_config::{
    environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider},
    meta::region::ProvideRegion,
};
use aws_sdk_dynamodb::{
    Client, Config,
    config::{
        BehaviorVersion, Builder, SharedHttpClient, StalledStreamProtectionConfig, retry::RetryConfig,
        timeout::TimeoutConfig,
    },
};

use super::{attempts::CountRetries, fault::RetryConflicts};
use crate::{
    clock::Clock,
    settings::{Environment, SettingsError},
};

pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// What handlers work with, made from a function's environment.
pub trait FromEnvironment: Sized {
    /// Reads the settings, once.
    fn from_environment(
        environment: &Environment<'_>,
        client: Client,
        clock: Clock,
    ) -> Result<Self, SettingsError>;
}

/// The client's configuration apart from where DynamoDB is: how long to wait, and what to try again.
///
/// The SDK's defaults suit batch jobs: they spend seconds on a refused connection, longer than a browser waits. And they
/// watch for streams that stall, of which there are none: the timeout of an attempt goes for the whole of its answer.
#[must_use]
pub fn client_config(http_client: SharedHttpClient) -> Builder {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(Duration::from_millis(1_500))
        .operation_timeout(Duration::from_secs(5))
        .build();
    let retries = RetryConfig::standard()
        .with_max_attempts(4)
        .with_initial_backoff(Duration::from_millis(25))
        .with_max_backoff(Duration::from_millis(500));
    Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(http_client)
        .timeout_config(timeouts)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .retry_config(retries)
        .retry_classifier(RetryConflicts)
        .interceptor(CountRetries)
}

/// The client of a deployed function: region, credentials and (for `sam local invoke`) the endpoint come from
/// the environment, which is all that Lambda gives; the chain of other providers would only cost start-up time.
pub(crate) async fn client_from_environment(http_client: SharedHttpClient) -> Client {
    let region = EnvironmentVariableRegionProvider::new().region().await;
    let mut config = client_config(http_client)
        .region(region)
        .credentials_provider(EnvironmentVariableCredentialsProvider::new());
    config.set_endpoint_url(endpoint_from_environment());
    Client::from_conf(config.build())
}

pub(super) fn endpoint_from_environment() -> Option<String> {
    ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"]
        .into_iter()
        .find_map(|name| env::var(name).ok().filter(|url| !url.is_empty()))
}
