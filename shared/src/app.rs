//! What a function is made of: its settings, read once, and its client.

use std::{env, ops::RangeInclusive, time::Duration};

use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::meta::region::ProvideRegion;
use aws_sdk_dynamodb::{
    Client, Config,
    config::{BehaviorVersion, SharedHttpClient, retry::RetryConfig, timeout::TimeoutConfig},
};
use chrono::TimeDelta;
use thiserror::Error;

use crate::{
    clock::Clock,
    counters::CountRetries,
    id::UserId,
    session::{Lifetimes, Moment},
    store::{RetryConflicts, Store},
};

pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// What the handlers of the session functions work with.
#[derive(Debug)]
pub struct App {
    /// The sessions table.
    pub store: Store,
    settings: Settings,
    clock: Clock,
}

/// The settings of the session functions; the template declares each as an environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `SESSIONS_TABLE`.
    pub sessions_table: String,
    /// `SESSION_TIMEOUT_SECONDS` and `SESSION_RETENTION_DAYS`.
    pub lifetimes: Lifetimes,
    /// `LOG_USER_ID=plain`: logs name users by their `sub` and not by its digest.
    pub log_plain_user_id: bool,
}

/// A setting that is missing or cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SettingsError {
    /// There is no such variable.
    #[error("the environment variable {0} is not set")]
    Missing(&'static str),
    /// The variable's value is not what it must be.
    #[error("the environment variable {name} must be {expected}, not {value:?}")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// What it takes.
        expected: &'static str,
        /// What it had.
        value: String,
    },
}

/// The environment variables of a function.
pub struct Environment<'a>(&'a dyn Fn(&str) -> Option<String>);

/// What handlers work with, made from a function's environment.
pub trait FromEnvironment: Sized {
    /// Reads the settings, once.
    fn from_environment(
        environment: &Environment<'_>,
        client: Client,
        clock: Clock,
    ) -> Result<Self, SettingsError>;
}

impl<'a> Environment<'a> {
    /// The variables that `variable` tells by name.
    #[must_use]
    pub fn new(variable: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self(variable)
    }

    /// A variable's value; empty without one.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        (self.0)(name).unwrap_or_default()
    }

    /// The value of a variable that must be there.
    pub fn required(&self, name: &'static str) -> Result<String, SettingsError> {
        Some(self.text(name)).filter(|value| !value.is_empty()).ok_or(SettingsError::Missing(name))
    }

    fn whole_number(
        &self,
        name: &'static str,
        range: RangeInclusive<i64>,
        expected: &'static str,
    ) -> Result<i64, SettingsError> {
        let value = self.required(name)?;
        match value.parse() {
            Ok(number) if range.contains(&number) => Ok(number),
            _ => Err(SettingsError::Invalid { name, expected, value }),
        }
    }
}

impl Settings {
    /// The settings that are in the environment.
    pub fn read(environment: &Environment<'_>) -> Result<Self, SettingsError> {
        let timeout = environment.whole_number(
            "SESSION_TIMEOUT_SECONDS",
            1..=2_592_000,
            "a whole number from 1 to 2592000",
        )?;
        let retention =
            environment.whole_number("SESSION_RETENTION_DAYS", 1..=3_650, "a whole number from 1 to 3650")?;
        let log_plain_user_id = match environment.text("LOG_USER_ID").as_str() {
            "" | "hash" => false,
            "plain" => true,
            value => {
                let (name, expected) = ("LOG_USER_ID", "hash or plain");
                return Err(SettingsError::Invalid { name, expected, value: value.to_owned() });
            }
        };
        Ok(Self {
            sessions_table: environment.required("SESSIONS_TABLE")?,
            lifetimes: Lifetimes {
                timeout: TimeDelta::seconds(timeout),
                retention: TimeDelta::days(retention),
            },
            log_plain_user_id,
        })
    }
}

impl FromEnvironment for App {
    fn from_environment(
        environment: &Environment<'_>,
        client: Client,
        clock: Clock,
    ) -> Result<Self, SettingsError> {
        Ok(Self::new(Settings::read(environment)?, client, clock))
    }
}

impl App {
    /// An app with the given parts.
    #[must_use]
    pub fn new(settings: Settings, client: Client, clock: Clock) -> Self {
        Self { store: Store::new(client, settings.sessions_table.clone()), settings, clock }
    }

    /// The moment of one invocation.
    #[must_use]
    pub fn moment(&self) -> Moment {
        self.settings.lifetimes.at(self.clock.now())
    }

    /// How long sessions live and records are kept.
    #[must_use]
    pub fn lifetimes(&self) -> Lifetimes {
        self.settings.lifetimes
    }

    /// The user as logs name it.
    #[must_use]
    pub fn log_name(&self, user: &UserId) -> String {
        if self.settings.log_plain_user_id { user.as_str().to_owned() } else { user.digest() }
    }
}

/// The client's configuration apart from where DynamoDB is: how long to wait, and what to try again.
///
/// The SDK's defaults suit batch jobs: they spend seconds on a refused connection, longer than a browser waits.
#[must_use]
pub fn client_config(http_client: SharedHttpClient) -> aws_sdk_dynamodb::config::Builder {
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

pub(crate) fn endpoint_from_environment() -> Option<String> {
    ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"]
        .into_iter()
        .find_map(|name| env::var(name).ok().filter(|url| !url.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let find = |name: &str| variables.iter().rev().find(|variable| variable.0 == name);
        Settings::read(&Environment::new(&|name| find(name).map(|variable| variable.1.to_owned())))
    }

    const COMPLETE: [(&str, &str); 3] = [
        ("SESSIONS_TABLE", "Sessions"),
        ("SESSION_TIMEOUT_SECONDS", "3600"),
        ("SESSION_RETENTION_DAYS", "90"),
    ];

    #[test]
    fn complete_settings_are_read() {
        let settings = read(&COMPLETE).unwrap();
        assert_eq!(settings.lifetimes.timeout, TimeDelta::hours(1));
        assert_eq!(settings.lifetimes.retention, TimeDelta::days(90));
        assert!(!settings.log_plain_user_id);
    }

    #[test]
    fn a_missing_or_useless_setting_is_named() {
        for (name, value, expected) in [
            ("SESSIONS_TABLE", "", "the environment variable SESSIONS_TABLE is not set"),
            (
                "SESSION_TIMEOUT_SECONDS",
                "0",
                "the environment variable SESSION_TIMEOUT_SECONDS must be a whole number from 1 to 2592000, not \"0\"",
            ),
            (
                "SESSION_RETENTION_DAYS",
                "ninety",
                "the environment variable SESSION_RETENTION_DAYS must be a whole number from 1 to 3650, not \"ninety\"",
            ),
            ("LOG_USER_ID", "yes", "the environment variable LOG_USER_ID must be hash or plain, not \"yes\""),
        ] {
            let variables = [&COMPLETE[..], &[(name, value)]].concat();
            assert_eq!(read(&variables).unwrap_err().to_string(), expected);
        }
    }
}
