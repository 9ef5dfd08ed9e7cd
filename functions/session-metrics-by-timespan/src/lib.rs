//! `GET /metrics/sessions/by-timespan`: a range by day, week or month.

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

/// Named by the span: `date`, `week` (the date of its Monday) or `month` (`2026-01`), and again as `period`.
#[derive(Serialize)]
struct Row {
    period: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    week: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    month: Option<String>,
    #[serde(flatten)]
    figures: Figures,
}

/// Every period that the range touches, in order; one that the range cuts holds only the days within.
pub async fn handle(reports: Arc<Reports>, request: Request) -> Result<Response<Body>, ApiError> {
    let range = reports.range_for_reader(&request)?;
    let store = reports.store.until(input::deadline(&request));
    let span = Span::parse(input::query(&request, "span"))?;
    let periods = reports::by_period(&store, range, span).await?;
    let row = |(first, figures): (NaiveDate, Figures)| {
        let period = match span {
            Span::Daily | Span::Weekly => first.to_string(),
            Span::Monthly => first.format("%Y-%m").to_string(),
        };
        let named = |own: Span| (span == own).then(|| period.clone());
        Row {
            date: named(Span::Daily),
            week: named(Span::Weekly),
            month: named(Span::Monthly),
            figures,
            period,
        }
    };
    Ok(reply::json(&Reply { status: "success", data: periods.into_iter().map(row).collect() }))
}
