//! The metrics table: reads of a range of days, and the conditional writes of rows.

use std::time::Duration;

use aws_sdk_dynamodb::{
    Client,
    operation::put_item::PutItemError,
    types::{Put, TransactWriteItem},
};
use chrono::NaiveDate;
use chrono_tz::Tz;
use futures_util::future::try_join_all;
use tokio::time::sleep;

use super::{
    calendar::{Range, Span},
    error::MetricsError,
    item,
    row::{LANES, Row},
    rows::Rows,
    totals::Totals,
};
use crate::{
    clock::Deadline,
    dynamodb::{Attributes, Expression, Fault, Transaction, transact, within},
};

/// How often a day is read again.
const READ_AGAIN: usize = 3;

/// More days than writes of one moment touch.
const TORN_AT_ONCE: usize = 31;

/// By then the write is done that the view was torn by.
const UNTIL_WRITTEN: Duration = Duration::from_millis(50);

/// How much older than the newest write a read may be. A strong one costs twice as much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Consistency {
    Eventual,
    Strong,
}

/// The metrics table, in one reporting time zone.
#[derive(Clone, Debug)]
pub struct MetricsStore {
    client: Client,
    table: String,
    zone: Tz,
    deadline: Deadline,
}

impl MetricsStore {
    /// The table named `table`, reached through `client`, with days of `zone`.
    #[must_use]
    pub fn new(client: Client, table: String, zone: Tz) -> Self {
        Self { client, table, zone, deadline: Deadline::NONE }
    }

    /// The same table for a request: what is asked of it fails once the deadline has passed.
    #[must_use]
    pub fn until(&self, deadline: Deadline) -> Self {
        Self { deadline, ..self.clone() }
    }

    /// A row, read consistently; an empty one if there is none.
    pub async fn get(&self, day: NaiveDate, lane: u8) -> Result<Row, MetricsError> {
        let get = self.client.get_item().table_name(&self.table).set_key(Some(item::key(day, lane)));
        let get = get.consistent_read(true).send();
        let output = within(self.deadline, get).await.map_err(Fault::from_sdk)?;
        output.item.map_or_else(|| Ok(Row::default()), |item| Ok(item::decode(&item, self.zone)?.1))
    }

    /// All rows of a day, read consistently, in the order of their lanes.
    pub async fn lanes(&self, day: NaiveDate) -> Result<Vec<Row>, MetricsError> {
        try_join_all((0..LANES).map(|lane| self.get(day, lane))).await
    }

    /// Puts `totals` in the place of a day's rows: the first lane has them, the others nothing, and marks stay. All or
    /// nothing: false, with nothing written, if any row is not as it was when `rows` were read.
    pub async fn replace(&self, day: NaiveDate, rows: &[Row], totals: Totals) -> Result<bool, MetricsError> {
        let mut totals = Some(totals);
        let mut writes = Vec::new();
        for (lane, row) in (0..LANES).zip(rows) {
            let next = Row {
                version: row.version + 1,
                totals: totals.take().unwrap_or_default(),
                marks: row.marks.clone(),
                as_of: row.as_of,
            };
            let Expression { text, values } = item::unchanged_since(row.version);
            let put = Put::builder()
                .table_name(&self.table)
                .set_item(Some(item::encode(day, lane, &next, self.zone)?))
                .condition_expression(text)
                .set_expression_attribute_values((!values.is_empty()).then_some(values))
                .build()
                .map_err(Fault::from)?;
            writes.push(TransactWriteItem::builder().put(put).build());
        }
        Ok(transact(&self.client, writes, self.deadline).await? == Transaction::Done)
    }

    /// Writes a row over the version before it; false if the table has another version.
    pub(super) async fn put(&self, day: NaiveDate, lane: u8, row: &Row) -> Result<bool, MetricsError> {
        let Expression { text, values } = item::unchanged_since(row.version.saturating_sub(1));
        let item = item::encode(day, lane, row, self.zone)?;
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        let put = put.condition_expression(text);
        let put = put.set_expression_attribute_values((!values.is_empty()).then_some(values));
        match within(self.deadline, put.send()).await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(Fault::from_sdk(error).into()),
            },
        }
    }

    /// The totals of each lane's row in a range, by day, and when the newest record in any of them was made. One
    /// Query for each month, all at once.
    ///
    /// A Query is no snapshot: of a session's changes in two rows it may find the later one alone. A day whose sum makes
    /// no sense for that is read again; what makes none then is no torn view, and neither is a month of such days.
    pub async fn read(&self, range: Range) -> Result<Rows, MetricsError> {
        let months = range.by_period(Span::Monthly);
        let mut rows = self.read_parts(months, Consistency::Eventual).await?;
        for _ in 0..READ_AGAIN {
            let days = rows.unsound();
            if days.is_empty() || days.len() > TORN_AT_ONCE {
                break;
            }
            sleep(UNTIL_WRITTEN).await;
            let days = days.into_iter().map(Range::of).collect();
            rows.replace(self.read_parts(days, Consistency::Strong).await?);
        }
        Ok(rows)
    }

    async fn read_parts(&self, parts: Vec<Range>, consistency: Consistency) -> Result<Rows, MetricsError> {
        let parts = parts.into_iter().map(|part| self.read_part(part, consistency));
        Ok(try_join_all(parts).await?.into_iter().flatten().collect())
    }

    /// The rows of a range within a month.
    async fn read_part(
        &self,
        part: Range,
        consistency: Consistency,
    ) -> Result<Vec<(NaiveDate, Row)>, MetricsError> {
        let projection = item::projection();
        let days = item::days(part);
        let pages = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(consistency == Consistency::Strong)
            .key_condition_expression(days.text)
            .set_expression_attribute_values(Some(days.values))
            .set_expression_attribute_names(Expression::names(&[&projection]))
            .projection_expression(projection)
            .into_paginator()
            .items()
            .send();
        let items = pages.collect::<Result<Vec<Attributes>, _>>();
        let items = within(self.deadline, items).await.map_err(Fault::from_sdk)?;
        items.iter().map(|item| item::decode(item, self.zone)).collect()
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::{Config, config::BehaviorVersion};

    use super::*;

    #[tokio::test]
    async fn what_is_asked_for_a_request_ends_with_it() {
        let config = Config::builder().behavior_version(BehaviorVersion::latest()).build();
        let store = MetricsStore::new(Client::from_conf(config), "Metrics".to_owned(), Tz::UTC);
        // Nothing is at the other end, so that any other end than this one has other words.
        let cause =
            store.until(Deadline::after(Duration::ZERO)).get(NaiveDate::default(), 0).await.unwrap_err();
        let cause = format!("{cause:?}");
        assert!(cause.contains("the time for the request is spent"), "{cause}");
    }
}
