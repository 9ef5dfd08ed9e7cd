//! What the handlers of the session functions work with.

use aws_sdk_dynamodb::Client;
use chrono::TimeDelta;

use super::{
    client_policy::ClientPolicy,
    rules::{ClientInfo, Lifetimes, Limits, Moment},
    store::Store,
};
use crate::{
    clock::Clock,
    dynamodb::client::FromEnvironment,
    id::UserId,
    logging::UserNames,
    settings::{Environment, SettingsError},
};

/// The table, the settings and the clock.
#[derive(Debug)]
pub struct App {
    /// The sessions table.
    pub(super) store: Store,
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
    /// `MAX_SESSIONS_PER_USER` and `MAX_STARTS_PER_USER_PER_HOUR`.
    pub limits: Limits,
    /// `STORED_IP_ADDRESS` and `STORED_USER_AGENT`.
    pub clients: ClientPolicy,
    /// `LOG_USER_ID` and `LOG_USER_ID_KEY`.
    pub user_names: UserNames,
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
        let live = environment.whole_number_or(
            Limits::DEFAULT.live,
            "MAX_SESSIONS_PER_USER",
            1..=1_000,
            "a whole number from 1 to 1000",
        )?;
        let starts = environment.whole_number_or(
            Limits::DEFAULT.starts,
            "MAX_STARTS_PER_USER_PER_HOUR",
            0..=1_000,
            "a whole number from 0 to 1000",
        )?;
        Ok(Self {
            sessions_table: environment.required("SESSIONS_TABLE")?,
            lifetimes: Lifetimes {
                timeout: TimeDelta::seconds(timeout),
                retention: TimeDelta::days(retention),
            },
            limits: Limits { live, starts },
            clients: ClientPolicy::read(environment)?,
            user_names: UserNames::read(environment)?,
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

    /// How long sessions live and records are kept.
    #[must_use]
    pub fn lifetimes(&self) -> Lifetimes {
        self.settings.lifetimes
    }

    /// Of a device what a session of it keeps.
    pub(super) fn kept(&self, client: &ClientInfo) -> ClientInfo {
        self.settings.clients.apply(client)
    }

    pub(super) fn limits(&self) -> Limits {
        self.settings.limits
    }

    pub(super) fn moment(&self) -> Moment {
        self.settings.lifetimes.at(self.clock.now())
    }

    /// The user as logs name it.
    pub(super) fn log_name(&self, user: &UserId) -> String {
        self.settings.user_names.name(user)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use aws_sdk_dynamodb::{Config, config::BehaviorVersion};

    use super::*;

    /// An app whose table is nowhere.
    pub(crate) fn app() -> App {
        let config = Config::builder().behavior_version(BehaviorVersion::latest()).build();
        App::new(read(&COMPLETE).unwrap(), Client::from_conf(config), Clock::system())
    }

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
        assert_eq!(settings.limits, Limits { live: 100, starts: 300 });
        assert_eq!(settings.user_names, UserNames::Hash);
        assert_eq!(settings.clients, ClientPolicy::default());
        let own = [("MAX_SESSIONS_PER_USER", "1000"), ("MAX_STARTS_PER_USER_PER_HOUR", "0")];
        let settings = read(&[&COMPLETE[..], &own].concat()).unwrap();
        assert_eq!(settings.limits, Limits { live: 1_000, starts: 0 });
        let empty = own.map(|(name, _)| (name, ""));
        assert_eq!(read(&[&COMPLETE[..], &empty].concat()).unwrap().limits, Limits::DEFAULT);
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
            (
                "MAX_SESSIONS_PER_USER",
                "0",
                "the environment variable MAX_SESSIONS_PER_USER must be a whole number from 1 to 1000, not \"0\"",
            ),
            (
                "MAX_STARTS_PER_USER_PER_HOUR",
                "1001",
                "the environment variable MAX_STARTS_PER_USER_PER_HOUR must be a whole number from 0 to 1000, not \"1001\"",
            ),
            ("LOG_USER_ID", "yes", "the environment variable LOG_USER_ID must be hash or plain, not \"yes\""),
            (
                "STORED_IP_ADDRESS",
                "some",
                "the environment variable STORED_IP_ADDRESS must be full, truncated or none, not \"some\"",
            ),
        ] {
            let variables = [&COMPLETE[..], &[(name, value)]].concat();
            assert_eq!(read(&variables).unwrap_err().to_string(), expected);
        }
    }
}
