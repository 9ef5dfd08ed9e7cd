//! The client: how long it waits, what it tries again, and where it finds DynamoDB.

use std::time::Duration;

use aws_sdk_dynamodb::{
    Client, Config,
    config::{
        BehaviorVersion, Builder, Credentials, IdentityCache, Region, SharedHttpClient,
        StalledStreamProtectionConfig,
        endpoint::{DefaultResolver, Endpoint, EndpointFuture, Params, ResolveEndpoint},
        retry::RetryConfig,
        timeout::TimeoutConfig,
    },
    error::BoxError,
};

use super::{attempts::CountRetries, fault::RetryConflicts};
use crate::{
    clock::Clock,
    settings::{Environment, SettingsError},
};

/// How long a connection may take to be made, its TLS handshake included.
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

/// Where a deployed function finds DynamoDB, and as whom it asks: from the environment, which is all that Lambda gives.
/// The chain of other providers would only cost start-up time.
#[derive(Debug)]
pub struct Access {
    region: String,
    credentials: Credentials,
    endpoint: Endpoint,
}

impl Access {
    /// Reads it. DynamoDB's address is worked out here, once and for all calls: it is where a connection is opened ahead.
    pub async fn from_environment(environment: &Environment<'_>) -> Result<Self, BoxError> {
        let either = |first, second| {
            environment.required(first).or_else(|missing| environment.required(second).map_err(|_| missing))
        };
        let is_set = |name| environment.text(name).eq_ignore_ascii_case("true");
        let region = either("AWS_REGION", "AWS_DEFAULT_REGION")?;
        let credentials = Credentials::new(
            environment.required("AWS_ACCESS_KEY_ID")?,
            environment.required("AWS_SECRET_ACCESS_KEY")?,
            environment.required("AWS_SESSION_TOKEN").ok(),
            None,
            "environment",
        );
        // The region's, and not an account's own: that is one for all, and Lambda does not tell a function its account.
        let place = Params::builder()
            .region(&region)
            .use_fips(is_set("AWS_USE_FIPS_ENDPOINT"))
            .use_dual_stack(is_set("AWS_USE_DUALSTACK_ENDPOINT"))
            .set_endpoint(either("AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL").ok())
            .build()?;
        let endpoint = DefaultResolver::new().resolve_endpoint(&place).await?;
        Ok(Self { region, credentials, endpoint })
    }

    /// DynamoDB's address.
    pub(crate) fn url(&self) -> &str {
        self.endpoint.url()
    }

    /// A function's client.
    #[must_use]
    pub fn client(&self, http_client: SharedHttpClient) -> Client {
        let config = client_config(http_client)
            .region(Region::new(self.region.clone()))
            .credentials_provider(self.credentials.clone())
            .identity_cache(IdentityCache::no_cache())
            .endpoint_resolver(At(self.endpoint.clone()));
        Client::from_conf(config.build())
    }
}

/// One address, whatever is asked for.
#[derive(Debug)]
struct At(Endpoint);

impl ResolveEndpoint for At {
    fn resolve_endpoint<'a>(&'a self, _: &'a Params) -> EndpointFuture<'a> {
        EndpointFuture::ready(Ok(self.0.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn access(variables: &[(&str, &str)]) -> Result<String, String> {
        let lambdas =
            [("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "x"), ("AWS_SESSION_TOKEN", "x")];
        let variable = |name: &str| {
            let found = variables.iter().chain(&lambdas).find(|(own, _)| *own == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let access = Access::from_environment(&Environment::new(&variable)).await;
        access.map(|access| access.url().to_owned()).map_err(|cause| cause.to_string())
    }

    #[tokio::test]
    async fn the_environment_says_where_dynamodb_is() {
        for (variables, url) in [
            (&[("AWS_REGION", "eu-west-1")][..], "https://dynamodb.eu-west-1.amazonaws.com"),
            (&[("AWS_DEFAULT_REGION", "eu-west-1")], "https://dynamodb.eu-west-1.amazonaws.com"),
            (&[("AWS_REGION", "cn-north-1")], "https://dynamodb.cn-north-1.amazonaws.com.cn"),
            (
                &[("AWS_REGION", "us-east-1"), ("AWS_USE_FIPS_ENDPOINT", "true")],
                "https://dynamodb-fips.us-east-1.amazonaws.com",
            ),
            (
                &[("AWS_REGION", "us-east-1"), ("AWS_USE_DUALSTACK_ENDPOINT", "true")],
                "https://dynamodb.us-east-1.api.aws",
            ),
            (
                &[
                    ("AWS_REGION", "us-east-1"),
                    ("AWS_ENDPOINT_URL", "http://a:1"),
                    ("AWS_ENDPOINT_URL_DYNAMODB", ""),
                ],
                "http://a:1",
            ),
            (
                &[
                    ("AWS_REGION", "us-east-1"),
                    ("AWS_ENDPOINT_URL", "http://a:1"),
                    ("AWS_ENDPOINT_URL_DYNAMODB", "http://b:1"),
                ],
                "http://b:1",
            ),
        ] {
            assert_eq!(access(variables).await.as_deref(), Ok(url));
        }
    }

    #[tokio::test]
    async fn what_is_missing_is_named() {
        assert!(access(&[]).await.unwrap_err().contains("AWS_REGION"));
        let refusal =
            access(&[("AWS_REGION", "us-east-1"), ("AWS_SECRET_ACCESS_KEY", "")]).await.unwrap_err();
        assert!(refusal.contains("AWS_SECRET_ACCESS_KEY"), "{refusal}");
    }
}
