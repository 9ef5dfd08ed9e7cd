//! Metrics: an incremental view of all sessions, exact, at a cost that does not grow with them.
//!
//! Pure: what a session contributes ([`contribution`]) and what contributions add up to ([`totals`], of [`counts`], a
//! [`histogram`] and a [`sketch`]); days and ranges ([`calendar`]); what a stream record changes ([`delta`]) and which
//! records a row has yet to take in ([`row`]). Then the table ([`MetricsStore`]), what writes it ([`Rollup`]) and what
//! is read from it ([`reports`]).

pub mod calendar;
pub mod contribution;
pub mod counts;
pub mod delta;
mod error;
pub mod histogram;
pub mod item;
pub mod marks;
mod registers;
pub mod reports;
mod rollup;
pub mod row;
mod rows;
pub mod sequence;
mod settings;
pub mod sketch;
mod store;
pub mod totals;

pub use self::{error::MetricsError, rollup::Rollup, rows::Rows, settings::Settings, store::MetricsStore};
