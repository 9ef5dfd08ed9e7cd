//! `GET /metrics/sessions/daily`: a range of days, one by one.

use std::sync::Arc;

use chrono::NaiveDate;
use lambda_http::{Body, Request, Response};
use serde::Serialize;
use shared::{
    http::{ApiError, input, reader::Reports, reply},
    metrics::{
        calendar::Span,
        reports::{self, Figures},
    },
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
    let store = reports.store.until(input::deadline(&request));
    let days = reports::by_period(&store, range, Span::Daily).await?;
    let row = |(day, figures): (NaiveDate, Figures)| Row { date: day.to_string(), figures };
    Ok(reply::json(&Reply { status: "success", data: days.into_iter().map(row).collect() }))
}
