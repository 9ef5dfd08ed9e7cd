//! The settings of whatever reads or writes metrics.

use aws_sdk_dynamodb::Client;
use chrono_tz::Tz;

use super::store::MetricsStore;
use crate::settings::{Environment, SettingsError};

/// Where the metrics are, and whose days they count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `METRICS_TABLE`.
    pub metrics_table: String,
    /// `REPORTING_TIME_ZONE`.
    pub zone: Tz,
}

impl Settings {
    /// The settings that are in the environment.
    pub fn read(environment: &Environment<'_>) -> Result<Self, SettingsError> {
        let (name, expected) = ("REPORTING_TIME_ZONE", "an IANA time zone like Europe/Berlin");
        let value = environment.required(name)?;
        let zone = value.parse().map_err(|_| SettingsError::Invalid { name, expected, value })?;
        Ok(Self { metrics_table: environment.required("METRICS_TABLE")?, zone })
    }

    /// The table, reached through `client`.
    #[must_use]
    pub fn store(&self, client: Client) -> MetricsStore {
        MetricsStore::new(client, self.metrics_table.clone(), self.zone)
    }
}
