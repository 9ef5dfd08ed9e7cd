//! The metrics table: reads of a range of days, and the conditional write of a row.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::{
    Client,
    operation::{put_item::PutItemError, transact_write_items::TransactWriteItemsError},
    types::{AttributeValue, Put, TransactWriteItem},
};
use chrono::{
    DateTime, NaiveDate, Utc,
    serde::{ts_milliseconds, ts_milliseconds_option},
};
use chrono_tz::Tz;
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use thiserror::Error;

use super::{
    calendar::{Range, Span},
    change::Change,
    histogram::Histogram,
    row::{LANES, Mark, Row, key, lane_of},
    sequence::SequenceNumber,
    sketch::Sketch,
    totals::Totals,
};
use crate::{retry::Retries, store::StoreError};

/// The layout of a row: its attributes, the histogram's bounds, the sketch's size and hash, the number of lanes.
const LAYOUT: u32 = 1;

/// The metrics table, in one reporting time zone.
#[derive(Clone, Debug)]
pub struct MetricsStore {
    client: Client,
    table: String,
    zone: Tz,
}

/// Why metrics cannot be read or written.
#[derive(Debug, Error)]
pub enum MetricsError {
    /// A fault of the table.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The row was made with other settings. A change of them needs a new table and a recount.
    #[error("the row {row} of the metrics table is of {found}, and this deployment of {expected}")]
    Foreign {
        /// The row's sort key.
        row: String,
        /// What it was made with.
        found: String,
        /// What is set.
        expected: String,
    },
    /// The row is damaged.
    #[error("the row {row} of the metrics table is malformed: {cause}")]
    Malformed {
        /// The row's sort key, as far as it is known.
        row: String,
        /// What is wrong.
        cause: String,
    },
}

/// A row as it is stored. Times are epoch milliseconds.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    pk: String,
    sk: String,
    version: u64,
    layout: u32,
    zone: String,
    sessions: i64,
    engaged: i64,
    #[serde(default)]
    renewed: i64,
    duration_ms: i64,
    #[serde(default)]
    durations: ByteBuf,
    users: ByteBuf,
    #[serde(default, with = "ts_milliseconds_option", skip_serializing_if = "Option::is_none")]
    as_of: Option<DateTime<Utc>>,
    /// Only what writes needs them; readers do not ask for them.
    #[serde(default)]
    marks: BTreeMap<String, MarkItem>,
}

#[derive(Serialize, Deserialize)]
struct MarkItem {
    sequence: String,
    #[serde(with = "ts_milliseconds")]
    moved: DateTime<Utc>,
}

/// What a reader asks for. Nobody reads the marks but who writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Columns {
    /// Everything.
    All,
    /// Without the histogram of durations and the renewals.
    Figures,
}

impl Columns {
    fn projection(self) -> &'static str {
        match self {
            Self::All => {
                "pk, sk, version, layout, #zone, sessions, engaged, durationMs, #users, asOf, durations, renewed"
            }
            Self::Figures => "pk, sk, version, layout, #zone, sessions, engaged, durationMs, #users, asOf",
        }
    }
}

impl MetricsStore {
    /// The table named `table`, reached through `client`, with days of `zone`.
    #[must_use]
    pub fn new(client: Client, table: String, zone: Tz) -> Self {
        Self { client, table, zone }
    }

    /// Adds the changes of one shard that belong to `day` to its row, each once, however often they come.
    pub async fn apply(
        &self,
        day: NaiveDate,
        shard: &str,
        changes: &[&Change],
        now: DateTime<Utc>,
    ) -> Result<(), MetricsError> {
        let lane = lane_of(shard);
        let mut retries = Retries::new();
        loop {
            let row = self.get(day, lane).await?;
            let Some(next) = row.apply(shard, changes, now) else { return Ok(()) };
            match self.put(day, lane, &next).await {
                Ok(true) => return Ok(()),
                // Another shard of the lane was faster, or this is our own write whose answer was lost: read again.
                Ok(false) => {
                    retries
                        .pause(StoreError::Conflict(format!("the row of {day} was written meanwhile")))
                        .await?;
                }
                Err(MetricsError::Store(fault)) => retries.pause(fault).await?,
                Err(other) => return Err(other),
            }
        }
    }

    /// A row, read consistently; an empty one if there is none.
    pub async fn get(&self, day: NaiveDate, lane: u8) -> Result<Row, MetricsError> {
        let (pk, sk) = key(day, lane);
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(pk))
            .key("sk", AttributeValue::S(sk))
            .consistent_read(true)
            .send()
            .await
            .map_err(StoreError::from_sdk)?;
        match output.item {
            Some(item) => Ok(self.row(item)?.1),
            None => Ok(Row::default()),
        }
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
            let (condition, values) = unchanged_since(row.version);
            let put = Put::builder()
                .table_name(&self.table)
                .set_item(Some(self.item(day, lane, &next)?))
                .condition_expression(condition)
                .set_expression_attribute_values(values)
                .build()
                .map_err(|error| StoreError::unbuildable(&error))?;
            writes.push(TransactWriteItem::builder().put(put).build());
        }
        match self.client.transact_write_items().set_transact_items(Some(writes)).send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    StoreError::from_cancellation(cancelled).map_or(Ok(false), |fault| Err(fault.into()))
                }
                _ => Err(StoreError::from_sdk(error).into()),
            },
        }
    }

    /// Writes a row over the version before it; false if the table has another version.
    async fn put(&self, day: NaiveDate, lane: u8, row: &Row) -> Result<bool, MetricsError> {
        let (condition, values) = unchanged_since(row.version - 1);
        let put = self.client.put_item().table_name(&self.table).set_item(Some(self.item(day, lane, row)?));
        let put = put.condition_expression(condition).set_expression_attribute_values(values);
        match put.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(StoreError::from_sdk(error).into()),
            },
        }
    }

    /// The totals of each lane's row in a range, by day, and when the newest record in any of them was made. One
    /// Query for each month, all at once.
    pub async fn read(&self, range: Range, columns: Columns) -> Result<Rows, MetricsError> {
        let months = range.by_period(Span::Monthly).into_iter().map(|part| self.read_month(part, columns));
        let mut rows = Rows::default();
        for (day, row) in try_join_all(months).await?.into_iter().flatten() {
            rows.as_of = rows.as_of.max(row.as_of);
            rows.by_day.entry(day).or_default().push(row.totals);
        }
        Ok(rows)
    }

    async fn read_month(&self, part: Range, columns: Columns) -> Result<Vec<(NaiveDate, Row)>, MetricsError> {
        let (month, _) = key(part.first, 0);
        // Before and after all lanes.
        let (first, last) = (format!("DAY#{}#", part.first), format!("DAY#{}#~", part.last));
        let pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :month AND sk BETWEEN :first AND :last")
            .projection_expression(columns.projection())
            .expression_attribute_names("#zone", "zone")
            .expression_attribute_names("#users", "users")
            .expression_attribute_values(":month", AttributeValue::S(month))
            .expression_attribute_values(":first", AttributeValue::S(first))
            .expression_attribute_values(":last", AttributeValue::S(last))
            .into_paginator()
            .items()
            .send();
        let items: Vec<_> = pages.collect::<Result<_, _>>().await.map_err(StoreError::from_sdk)?;
        items.into_iter().map(|item| self.row(item)).collect()
    }

    fn row(&self, item: HashMap<String, AttributeValue>) -> Result<(NaiveDate, Row), MetricsError> {
        let name = item.get("sk").and_then(|sk| sk.as_s().ok()).cloned().unwrap_or_default();
        let malformed = |cause: String| MetricsError::Malformed { row: name.clone(), cause };
        // First of all: nothing else of a row of another layout need be as it is here.
        let text = |name: &str| match item.get(name) {
            Some(AttributeValue::S(text) | AttributeValue::N(text)) => text.clone(),
            _ => "none".to_owned(),
        };
        let (layout, zone) = (text("layout"), text("zone"));
        if (layout.as_str(), zone.as_str()) != (LAYOUT.to_string().as_str(), self.zone.name()) {
            return Err(MetricsError::Foreign {
                row: name,
                found: format!("layout {layout} in {zone}"),
                expected: format!("layout {LAYOUT} in {}", self.zone.name()),
            });
        }
        let item: Item = serde_dynamo::from_item(item).map_err(|error| malformed(error.to_string()))?;
        let day = item.sk.split('#').nth(1).and_then(|day| day.parse().ok());
        let day = day.ok_or_else(|| malformed("no day in its key".to_owned()))?;
        let totals = Totals {
            sessions: item.sessions,
            engaged: item.engaged,
            renewed: item.renewed,
            duration_ms: item.duration_ms,
            durations: Histogram::from_bytes(&item.durations)
                .map_err(|error| malformed(error.to_string()))?,
            users: Sketch::from_bytes(&item.users).map_err(|error| malformed(error.to_string()))?,
        };
        let mut marks = BTreeMap::new();
        for (shard, mark) in item.marks {
            let sequence = SequenceNumber::parse(&mark.sequence);
            let sequence = sequence.ok_or_else(|| malformed("a mark is no sequence number".to_owned()))?;
            marks.insert(shard, Mark { sequence, moved: mark.moved });
        }
        Ok((day, Row { version: item.version, totals, marks, as_of: item.as_of }))
    }

    fn item(
        &self,
        day: NaiveDate,
        lane: u8,
        row: &Row,
    ) -> Result<HashMap<String, AttributeValue>, MetricsError> {
        let (pk, sk) = key(day, lane);
        let mark = |(shard, mark): (&String, &Mark)| {
            (shard.clone(), MarkItem { sequence: mark.sequence.as_str().to_owned(), moved: mark.moved })
        };
        let item = Item {
            pk,
            sk: sk.clone(),
            version: row.version,
            layout: LAYOUT,
            zone: self.zone.name().to_owned(),
            sessions: row.totals.sessions,
            engaged: row.totals.engaged,
            renewed: row.totals.renewed,
            duration_ms: row.totals.duration_ms,
            durations: ByteBuf::from(row.totals.durations.to_bytes()),
            users: ByteBuf::from(row.totals.users.to_bytes()),
            as_of: row.as_of,
            marks: row.marks.iter().map(mark).collect(),
        };
        serde_dynamo::to_item(item)
            .map_err(|error| MetricsError::Malformed { row: sk, cause: error.to_string() })
    }
}

/// The condition that a row has this version still, with its values; version 0 is no row.
fn unchanged_since(version: u64) -> (&'static str, Option<HashMap<String, AttributeValue>>) {
    if version == 0 {
        return ("attribute_not_exists(pk)", None);
    }
    let before = AttributeValue::N(version.to_string());
    ("version = :before", Some(HashMap::from([(":before".to_owned(), before)])))
}

/// The sum without its users.
fn counts(lanes: &[Totals]) -> Totals {
    let mut sum = Totals::default();
    for lane in lanes {
        sum.merge_counts(lane);
    }
    sum
}

/// The rows of a range.
#[derive(Debug, Default)]
pub struct Rows {
    by_day: BTreeMap<NaiveDate, Vec<Totals>>,
    /// When the newest record in any of them was made.
    pub as_of: Option<DateTime<Utc>>,
}

impl Rows {
    /// The sum over the days of `range` as it is shown: day by day made sound, so that a range is what its days add up
    /// to.
    #[must_use]
    pub fn sum(&self, range: Range) -> Totals {
        let days = self.by_day.range(range.first..=range.last);
        let users = Sketch::of_all(days.clone().flat_map(|(_, lanes)| lanes).map(|lane| &lane.users));
        let mut sum = Totals { users, ..Totals::default() };
        for (day, lanes) in days {
            let counts = counts(lanes);
            if counts.is_sound() {
                sum.merge_counts(&counts);
            } else {
                tracing::error!(%day, "the sum over the day's rows makes no sense: the metrics need a recount");
                sum.merge_counts(&counts.made_sound());
            }
        }
        sum
    }

    /// The sum over a day's rows as they are.
    #[must_use]
    pub fn day(&self, day: NaiveDate) -> Totals {
        let lanes = self.by_day.get(&day).map(Vec::as_slice).unwrap_or_default();
        Totals { users: Sketch::of_all(lanes.iter().map(|lane| &lane.users)), ..counts(lanes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A view of the rows that is torn, or a table that began in the middle of a day's sessions.
    #[test]
    fn a_range_is_what_its_days_add_up_to_even_where_one_makes_no_sense() {
        let day = |day: u32| NaiveDate::from_ymd_opt(2026, 1, day).unwrap();
        let totals = |sessions: i64, engaged: i64| Totals { sessions, engaged, ..Totals::default() };
        let by_day = BTreeMap::from([
            (day(1), vec![totals(1, 0), totals(-2, -1)]),
            (day(2), vec![totals(3, 1), totals(-1, 0)]),
            (day(3), vec![totals(1, 2)]),
        ]);
        let rows = Rows { by_day, as_of: None };
        let shown = |range: Range| {
            let sum = rows.sum(range).summary();
            (sum.sessions, sum.engaged)
        };
        let days: Vec<_> = (1..=4).map(|number| shown(Range::of(day(number)))).collect();
        assert_eq!(days, [(0, 0), (2, 1), (1, 1), (0, 0)]);
        assert_eq!(shown(Range { first: day(1), last: day(4) }), (3, 2));
        let as_they_are = rows.day(day(1));
        assert_eq!((as_they_are.sessions, as_they_are.engaged), (-1, -1));
    }
}
