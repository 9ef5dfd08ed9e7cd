//! `GET /metrics/sessions`: the totals of a range of days.

use std::sync::Arc;

use lambda_http::{Body, Request, Response};
use serde::Serialize;
use shared::{
    clock::instant,
    http::{ApiError, reader::Reports, reply},
    metrics::{
        calendar::{first_instant, last_instant},
        reports,
    },
};

#[derive(Serialize)]
struct Reply {
    status: &'static str,
    data: Data,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    total_sessions: i64,
    engaged_sessions: i64,
    engagement_rate: f64,
    average_duration_minutes: f64,
    total_duration_minutes: f64,
    median_duration_minutes: f64,
    p90_duration_minutes: f64,
    renewed_sessions: i64,
    unique_users: u64,
    unique_users_relative_error: f64,
    start_date: String,
    end_date: String,
    time_zone: &'static str,
    as_of: Option<String>,
}

/// Sums the rows of the days in the range.
pub async fn handle(reports: Arc<Reports>, request: Request) -> Result<Response<Body>, ApiError> {
    let range = reports.range_for_reader(&request)?;
    let whole = reports::whole(&reports.store, range).await?;
    let sum = whole.summary;
    let data = Data {
        total_sessions: sum.counts.sessions,
        engaged_sessions: sum.counts.engaged,
        engagement_rate: sum.engagement_rate,
        average_duration_minutes: sum.average_minutes,
        total_duration_minutes: sum.total_minutes,
        median_duration_minutes: sum.median_minutes,
        p90_duration_minutes: sum.p90_minutes,
        renewed_sessions: sum.counts.renewed,
        unique_users: sum.users,
        unique_users_relative_error: sum.users_relative_error,
        start_date: instant(first_instant(range.first, reports.zone)),
        end_date: instant(last_instant(range.last, reports.zone)),
        time_zone: reports.zone.name(),
        as_of: whole.as_of.map(instant),
    };
    Ok(reply::json(&Reply { status: "success", data }))
}
