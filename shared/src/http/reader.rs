//! Readers of metrics: what the endpoints work with, and who may call them.

use aws_sdk_dynamodb::Client;
use chrono_tz::Tz;
use lambda_http::Request;

use super::{ApiError, caller::Caller, input};
use crate::{
    clock::Clock,
    dynamodb::client::FromEnvironment,
    metrics::{
        MetricsStore, Settings,
        calendar::{Range, RangeError},
    },
    settings::{Environment, SettingsError},
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
        let settings = Settings::read(environment)?;
        let claims = environment.text("METRICS_PERMISSION_CLAIMS");
        Ok(Self {
            store: settings.store(client),
            zone: settings.zone,
            permission: environment.text("METRICS_PERMISSION"),
            claims: claims.split_whitespace().map(str::to_owned).collect(),
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

    /// The range with which a request for `range` wants that compared; `None` if with none.
    pub fn compared_range(request: &Request, range: Range) -> Result<Option<Range>, ApiError> {
        match input::query(request, "compare") {
            None => Ok(None),
            Some("previous") => Ok(Some(range.previous()?)),
            Some(_) => Err(RangeError::NotAComparison.into()),
        }
    }
}
