//! `GET /metrics/sessions/daily`: a range of days, one by one.

use std::sync::Arc;

use lambda_http::{Body, Request, Response};
use serde::Serialize;
use shared::{
    ApiError,
    metrics::{Columns, Figures, Reports, calendar::Range},
    reply,
};

#[derive(Serialize)]
struct Reply {
    status: &'static str,
    data: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    date: String,
    #[serde(flatten)]
    figures: Figures,
}

/// Every day of the range in order, those without sessions included.
pub async fn handle(reports: Arc<Reports>, request: Request) -> Result<Response<Body>, ApiError> {
    let range = reports.range_for_reader(&request)?;
    let rows = reports.store.read(range, Columns::Figures).await?;
    let row = |day: chrono::NaiveDate| Row {
        date: day.to_string(),
        figures: rows.sum(Range::of(day)).summary().into(),
    };
    Ok(reply::json(&Reply { status: "success", data: range.days().map(row).collect() }))
}
