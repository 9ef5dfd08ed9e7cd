//! How long to wait, and how often to try again, for a person at a terminal.

use std::time::Duration;

use aws_sdk_dynamodb::{
    Client,
    config::{retry::RetryConfig, timeout::TimeoutConfig},
};

/// The same client for a person who waits at a terminal, perhaps far from AWS: a page of a megabyte may take its time,
/// and throttling passes.
#[must_use]
pub fn patient(client: &Client) -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(10))
        .operation_attempt_timeout(Duration::from_mins(1))
        // What is not said here stays as it is in the functions' own client, which gives up after seconds.
        .operation_timeout(Duration::from_mins(10))
        .build();
    let retries = RetryConfig::standard().with_max_attempts(10).with_max_backoff(Duration::from_secs(20));
    let config = client.config().to_builder().timeout_config(timeouts).retry_config(retries);
    Client::from_conf(config.build())
}

#[cfg(test)]
mod tests {
    use aws_smithy_http_client::Builder;
    use shared::dynamodb::client::client_config;

    use super::*;

    #[test]
    fn no_timeout_of_the_functions_is_left() {
        let hasty = Client::from_conf(client_config(Builder::new().build_http()).build());
        let patient = patient(&hasty);
        let timeouts = patient.config().timeout_config().unwrap();
        assert!(timeouts.operation_attempt_timeout().unwrap() >= Duration::from_mins(1));
        assert!(timeouts.operation_timeout().is_none_or(|most| most >= Duration::from_mins(1)));
    }
}
