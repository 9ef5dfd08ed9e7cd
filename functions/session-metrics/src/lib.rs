//! `GET /metrics/sessions`: the totals of a range of days, and with `compare=previous` those of the range just before.

use std::sync::Arc;

use lambda_http::{Body, Request, Response};
use serde::Serialize;
use shared::{
    clock::instant,
    http::{ApiError, input, reader::Reports, reply},
    metrics::{
        calendar::{Range, first_instant, last_instant},
        histogram::EDGES,
        reports::{self, Whole},
    },
};

#[derive(Serialize)]
struct Reply {
    status: &'static str,
    data: Data,
}

#[derive(Serialize)]
struct Data {
    #[serde(flatten)]
    totals: Totals,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<Totals>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Totals {
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
    bounce_rate: f64,
    duration_distribution: Vec<Part>,
    start_date: String,
    end_date: String,
    time_zone: &'static str,
    as_of: Option<String>,
}

/// The sessions that lasted from so many minutes on, and less than so many; `null` is no limit.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    from_minutes: i64,
    to_minutes: Option<i64>,
    sessions: i64,
}

/// Sums the rows of the days in the range.
pub async fn handle(reports: Arc<Reports>, request: Request) -> Result<Response<Body>, ApiError> {
    let range = reports.range_for_reader(&request)?;
    let store = reports.store.until(input::deadline(&request));
    let (totals, previous) = match Reports::compared_range(&request, range)? {
        None => (reports::whole(&store, range).await?, None),
        Some(before) => {
            let (whole, previous) = reports::compared(&store, range, before).await?;
            (whole, Some(Totals::of(&previous, before, &reports)))
        }
    };
    let data = Data { totals: Totals::of(&totals, range, &reports), previous };
    Ok(reply::json(&Reply { status: "success", data }))
}

impl Totals {
    fn of(Whole { summary, as_of }: &Whole, range: Range, reports: &Reports) -> Self {
        Self {
            total_sessions: summary.counts.sessions,
            engaged_sessions: summary.counts.engaged,
            engagement_rate: summary.engagement_rate,
            average_duration_minutes: summary.average_minutes,
            total_duration_minutes: summary.total_minutes,
            median_duration_minutes: summary.median_minutes,
            p90_duration_minutes: summary.p90_minutes,
            renewed_sessions: summary.counts.renewed,
            unique_users: summary.users,
            unique_users_relative_error: summary.users_relative_error,
            bounce_rate: summary.bounce_rate,
            duration_distribution: parts(&summary.distribution),
            start_date: instant(first_instant(range.first, reports.zone)),
            end_date: instant(last_instant(range.last, reports.zone)),
            time_zone: reports.zone.name(),
            as_of: as_of.map(instant),
        }
    }
}

fn parts(distribution: &[i64]) -> Vec<Part> {
    let from = std::iter::once(0).chain(EDGES);
    let to = EDGES.into_iter().map(Some).chain([None]);
    let part = |((from_minutes, to_minutes), sessions): ((i64, Option<i64>), &i64)| Part {
        from_minutes,
        to_minutes,
        sessions: *sessions,
    };
    from.zip(to).zip(distribution).map(part).collect()
}
