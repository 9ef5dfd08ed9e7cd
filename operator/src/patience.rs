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
        // What is not said stays as the client had it: seconds, for a browser's patience.
        .disable_operation_timeout()
        .build();
    let retries = RetryConfig::standard().with_max_attempts(10).with_max_backoff(Duration::from_secs(20));
    let config = client.config().to_builder().timeout_config(timeouts).retry_config(retries);
    Client::from_conf(config.build())
}
