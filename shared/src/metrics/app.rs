//! What the metrics functions are made of.

use aws_sdk_dynamodb::Client;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use lambda_http::Request;

use super::{
    MetricsStore,
    calendar::{Range, RangeError},
};
use crate::{
    app::{Environment, FromEnvironment, SettingsError},
    caller::Caller,
    clock::Clock,
    error::ApiError,
    input,
};

/// What the handlers of the metrics endpoints work with.
#[derive(Debug)]
pub struct Reports {
    /// The metrics table.
    pub store: MetricsStore,
    /// `REPORTING_TIME_ZONE`.
    pub zone: Tz,
    permission: String,
    claims: Vec<String>,
}

impl FromEnvironment for Reports {
    fn from_environment(
        environment: &Environment<'_>,
        client: Client,
        _: Clock,
    ) -> Result<Self, SettingsError> {
        let zone = zone(environment)?;
        Ok(Self {
            store: MetricsStore::new(client, environment.required("METRICS_TABLE")?, zone),
            zone,
            permission: environment.text("METRICS_PERMISSION"),
            claims: environment
                .text("METRICS_PERMISSION_CLAIMS")
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
        })
    }
}

impl Reports {
    /// The range that a caller with the permission asks for.
    pub fn range_for_reader(&self, request: &Request) -> Result<Range, ApiError> {
        let caller = Caller::of(request)?;
        caller.user()?;
        if !caller.has_permission(&self.permission, &self.claims) {
            return Err(ApiError::Forbidden);
        }
        let (start, end) = (input::query(request, "startDate"), input::query(request, "endDate"));
        Ok(Range::parse(start, end, self.zone)?)
    }
}

/// What the rollup works with.
#[derive(Debug)]
pub struct Rollup {
    /// The metrics table.
    pub store: MetricsStore,
    /// `REPORTING_TIME_ZONE`.
    pub zone: Tz,
    clock: Clock,
}

impl FromEnvironment for Rollup {
    fn from_environment(
        environment: &Environment<'_>,
        client: Client,
        clock: Clock,
    ) -> Result<Self, SettingsError> {
        let zone = zone(environment)?;
        Ok(Self {
            store: MetricsStore::new(client, environment.required("METRICS_TABLE")?, zone),
            zone,
            clock,
        })
    }
}

impl Rollup {
    /// The time now.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}

fn zone(environment: &Environment<'_>) -> Result<Tz, SettingsError> {
    let (name, expected) = ("REPORTING_TIME_ZONE", "an IANA time zone like Europe/Berlin");
    let value = environment.required(name)?;
    value.parse().map_err(|_| SettingsError::Invalid { name, expected, value })
}

impl From<RangeError> for ApiError {
    fn from(error: RangeError) -> Self {
        Self::InvalidRange(error.to_string())
    }
}
