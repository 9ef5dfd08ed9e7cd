//! Rows of the metrics table: made up, put there, and weighed.

use std::{collections::HashMap, time::Duration};

use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::{Client, types::AttributeValue};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use local::Server;
use serde_json::Value;
use shared::{
    id::{SessionId, UserId},
    metrics::{
        MetricsStore,
        contribution::Contribution,
        marks::{Mark, Marks},
        row,
        sequence::SequenceNumber,
        totals::Totals,
    },
    sessions::rules::{ClientInfo, Session, State},
};

use crate::say;

pub(crate) type Item = HashMap<String, AttributeValue>;

/// The metrics table of a server: its name, and what reads and writes it.
pub(crate) fn table(server: &Server) -> Result<(String, MetricsStore)> {
    let name = server.template.table("MetricsTable")?.name.clone();
    Ok((name.clone(), MetricsStore::new(server.client.clone(), name, chrono_tz::UTC)))
}

pub(crate) fn time(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}

/// Sessions of that many users, of all durations up to 12 hours; the users are others for another `first`.
pub(crate) fn totals(sessions: usize, first: usize) -> Result<Totals> {
    let mut totals = Totals::default();
    for number in first..first + sessions {
        let user: UserId = format!("auth0|{number:024x}").parse()?;
        // From a second to 12 hours, each order of magnitude as often as another.
        let part = f64::from(u32::try_from(number * 7_919 % 10_007)?) / 10_007.0;
        let lasted = TimeDelta::from_std(Duration::from_secs_f64((part * 43_200_f64.ln()).exp()))?;
        let session = Session {
            id: SessionId::new(time(0)),
            start_time: time(0),
            last_active_time: time(0) + lasted,
            state: State::Active,
            content_engaged: number % 3 == 0,
            renewed_from: None,
            client: ClientInfo::default(),
        };
        totals.add(&user, &Contribution::of(&session));
    }
    Ok(totals)
}

/// Marks of so many shards.
fn marks(count: usize) -> Result<Marks> {
    let mark = |number: usize| {
        let sequence = SequenceNumber::parse(&format!("{}", 10_u128.pow(24) + number as u128));
        let mark = Mark { sequence: sequence.context("digits")?, moved: time(1_767_225_600) };
        Ok((format!("shardId-0000000176722560{number:04}-0a1b2c3d"), mark))
    };
    (0..count).map(mark).collect()
}

/// Says what DynamoDB counts for a row of so many sessions, fed by one shard.
pub(crate) async fn tell_weight(server: &Server, sessions: usize) -> Result<()> {
    let row = row(server, time(0).date_naive(), totals(sessions, 0)?, 1).await?;
    say(format_args!("a row of {sessions} sessions is {} bytes", size_of_item(&row)));
    Ok(())
}

/// The row of a day as the table has it, with marks of so many shards.
pub(crate) async fn row(server: &Server, day: NaiveDate, totals: Totals, shards: usize) -> Result<Item> {
    let (table, store) = table(server)?;
    let mut rows = store.lanes(day).await?;
    rows[0].marks = marks(shards)?;
    ensure!(store.replace(day, &rows, totals).await?, "someone else writes here");
    item_of(&server.client, &table, day).await
}

async fn item_of(client: &Client, table: &str, day: NaiveDate) -> Result<Item> {
    let (pk, sk) = row::key(day, 0);
    let get = client.get_item().table_name(table).consistent_read(true);
    let get = get.key("pk", AttributeValue::S(pk)).key("sk", AttributeValue::S(sk));
    get.send().await?.item.context("the row is not there")
}

pub(crate) fn size_of_item(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + size_of_value(value)).sum()
}

/// As DynamoDB's documentation says.
fn size_of_value(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(digits) => digits.trim_start_matches('-').len().div_ceil(2) + 1,
        AttributeValue::B(blob) => blob.as_ref().len(),
        _ => 1,
    }
}

/// A row in DynamoDB's JSON.
pub(crate) fn to_json(row: &Item) -> Result<Value> {
    Ok(serde_json::to_value(serde_dynamo::Item::from(row.clone()))?)
}

/// A row of which that is the JSON.
pub(crate) fn from_json(row: Value) -> Result<Item> {
    Ok(serde_json::from_value::<serde_dynamo::Item>(row)?.into())
}
