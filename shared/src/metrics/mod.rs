//! Metrics: an incremental view of all sessions, exact, at a cost that does not grow with them.
//!
//! Pure: what a session contributes ([`totals`]), how long sessions lasted ([`histogram`]), whose they were
//! ([`sketch`]), days and ranges ([`calendar`]), and which stream records a row has yet to take in ([`row`]). Then the
//! table ([`MetricsStore`]), and nothing else.

mod app;
pub mod calendar;
pub mod change;
mod figures;
pub mod histogram;
pub mod row;
pub mod sequence;
pub mod sketch;
mod store;
pub mod totals;

pub use app::{Reports, Rollup};
pub use figures::Figures;
pub use store::{Columns, MetricsError, MetricsStore, Rows};
