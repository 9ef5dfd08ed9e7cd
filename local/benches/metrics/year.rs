//! A year's query: over HTTP, without the gateway, and without the engine, beside its bare Queries.

use std::{collections::HashMap, sync::Arc};

use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, ReturnConsumedCapacity},
};
use chrono::{Datelike, NaiveDate};
use futures_util::future::try_join_all;
use local::Server;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use shared::metrics::{
    MetricsStore,
    calendar::{Range, Span},
    row,
};

use crate::{
    Scale,
    connectors::{Canned, client},
    median, ratio,
    rows::{self, Item},
    say,
};

/// Marks in a row that one shard after the other feeds.
const FEW_MARKS: usize = 7;

/// Marks in a row at 100 million sessions a day: some 15,000 heartbeats a second keep 32 shards busy, 8 in each lane; a
/// shard lives for about 4 hours, and a day's row is written for a little longer than a day.
const MANY_MARKS: usize = 8 * 7;

/// Rows that differ. A whole year's need not: what is done with one takes the same time.
const DIFFERENT: usize = 8;

/// What is read of a row.
const READ: [&str; 12] = [
    "pk",
    "sk",
    "version",
    "layout",
    "zone",
    "sessions",
    "engaged",
    "renewed",
    "durationMs",
    "durations",
    "users",
    "asOf",
];

struct Year {
    name: &'static str,
    days: Range,
    lanes: u8,
    /// Of the whole year.
    sessions: i64,
    rows: Vec<Item>,
}

pub(crate) async fn measure(server: &Server, scale: &Scale) -> Result<()> {
    let days = |year: i32| -> Result<Range> {
        let first = NaiveDate::from_ymd_opt(year, 1, 1).context("a day")?;
        Ok(Range { first, last: first + chrono::Days::new(scale.days - 1) })
    };
    // 2,740 sessions a day make a million a year. 25 million a lane are 50,000 doubled nine times.
    let (million, hundred_million) = ("a million sessions", "100 million sessions");
    for year in [
        Year::make(server, million, days(2030)?, 1, (2_740, 0), FEW_MARKS).await?,
        Year::make(server, million, days(2031)?, row::LANES, (685, 0), FEW_MARKS).await?,
        Year::make(server, hundred_million, days(2032)?, row::LANES, (68_500, 0), FEW_MARKS).await?,
        Year::make(server, "100 million sessions a day", days(2033)?, row::LANES, (50_000, 9), MANY_MARKS)
            .await?,
    ] {
        year.put(server).await?;
        year.measure(server, scale).await?;
    }
    Ok(())
}

impl Year {
    async fn make(
        server: &Server,
        name: &'static str,
        days: Range,
        lanes: u8,
        (sessions, doubled): (usize, u32),
        marks: usize,
    ) -> Result<Self> {
        let mut rows = Vec::new();
        for number in 0..DIFFERENT {
            let mut totals = rows::totals(sessions, number * 1_000_000)?;
            for _ in 0..doubled {
                totals.merge(&totals.clone());
            }
            rows.push(rows::row(server, days.first, totals, marks).await?);
        }
        let in_a_lane = i64::try_from(sessions)? << doubled;
        let sessions = in_a_lane * i64::from(lanes) * i64::try_from(days.days().count())?;
        Ok(Self { name, days, lanes, sessions, rows })
    }

    /// The items of a day.
    fn items(&self, day: NaiveDate) -> impl Iterator<Item = Item> {
        (0..self.lanes).map(move |lane| {
            let number = day.ordinal0() as usize * usize::from(self.lanes) + usize::from(lane);
            let mut item = self.rows[number % DIFFERENT].clone();
            let (pk, sk) = row::key(day, lane);
            item.insert("pk".to_owned(), AttributeValue::S(pk));
            item.insert("sk".to_owned(), AttributeValue::S(sk));
            item
        })
    }

    async fn put(&self, server: &Server) -> Result<()> {
        let (table, _) = rows::table(server)?;
        for day in self.days.days() {
            let put = |item| server.client.put_item().table_name(&table).set_item(Some(item)).send();
            try_join_all(self.items(day).map(put)).await?;
        }
        Ok(())
    }

    async fn measure(&self, server: &Server, scale: &Scale) -> Result<()> {
        let (table, store) = rows::table(server)?;
        let bytes = rows::size_of_item(&self.rows[0]);
        let Self { name, lanes, .. } = self;
        say(format_args!("a year of {name}: {} days of {lanes} rows of {bytes} bytes", scale.days));

        let bare = || async { self.bare(&server.client, &table).await.map(drop) };
        let floor = median(scale.requests, bare).await?;
        let (items, calls, units) = self.bare(&server.client, &table).await?;
        say(format_args!("  bare: {calls} Queries, {items} rows, {units:.0} read units in {floor:.1?}"));

        let http = Http::new(server, self).await?;
        let whole = median(scale.requests, || http.get("/metrics/sessions")).await?;
        let daily = median(scale.requests, || http.get("/metrics/sessions/daily")).await?;
        say(format_args!(
            "  over HTTP: all of it {whole:.1?}, {:.2} times the bare; by day {daily:.1?}, {:.2} times",
            ratio(whole, floor),
            ratio(daily, floor)
        ));

        let canned = self.canned()?;
        let passed = median(scale.requests, || async { pass_over(&canned) }).await?;
        let client = client(Canned(canned));
        let store_alone = MetricsStore::new(client.clone(), table.clone(), chrono_tz::UTC);
        let bare = || async { self.bare(&client, &table).await.map(drop) };
        let sdk = median(scale.requests, bare).await?;
        let read = median(scale.requests, || async {
            store_alone.read(self.days).await.map(drop).map_err(Into::into)
        });
        let read = read.await?;
        let whole = median(scale.requests, || self.sum(&store_alone)).await?;
        let daily = median(scale.requests, || self.sum_by_day(&store_alone)).await?;
        say(format_args!(
            "  without an engine: passing over the answers' JSON {passed:.1?}; the SDK alone {sdk:.1?}; rows read \
             {read:.1?}; all of it {whole:.1?}; by day {daily:.1?}"
        ));
        self.sum(&store).await
    }

    /// The whole, of which the sum is checked.
    async fn sum(&self, store: &MetricsStore) -> Result<()> {
        let sum = store.read(self.days).await?.sum(self.days).summary().counts;
        ensure!(sum.sessions == self.sessions, "{} sessions", sum.sessions);
        Ok(())
    }

    async fn sum_by_day(&self, store: &MetricsStore) -> Result<()> {
        let rows = store.read(self.days).await?;
        let sums = self.days.days().map(|day| rows.sum(Range::of(day)).summary().counts.sessions);
        ensure!(sums.sum::<i64>() == self.sessions, "the days do not add up");
        Ok(())
    }

    /// The year's rows and nothing else: how many, in how many calls, for how many units.
    async fn bare(&self, client: &Client, table: &str) -> Result<(usize, usize, f64)> {
        let parts = self.days.by_period(Span::Monthly).into_iter().map(|part| bare(client, table, part));
        let parts = try_join_all(parts).await?;
        Ok(parts.iter().fold((0, 0, 0.0), |sum, part| (sum.0 + part.0, sum.1 + part.1, sum.2 + part.2)))
    }

    /// The answers that an engine gives to the year's Queries, by month.
    fn canned(&self) -> Result<Arc<HashMap<String, String>>> {
        let months = self.days.by_period(Span::Monthly).into_iter().map(|part| {
            let items = part.days().flat_map(|day| self.items(day)).map(read_part);
            let items: Vec<Value> = items.collect::<Result<_>>()?;
            let answer = json!({ "Count": items.len(), "ScannedCount": items.len(), "Items": items });
            Ok((row::key(part.first, 0).0, answer.to_string()))
        });
        Ok(Arc::new(months.collect::<Result<_>>()?))
    }
}

/// What a reader asks for of an item, in DynamoDB's JSON.
fn read_part(mut item: Item) -> Result<Value> {
    item.retain(|name, _| READ.contains(&name.as_str()));
    rows::to_json(&item)
}

fn pass_over(answers: &HashMap<String, String>) -> Result<()> {
    for answer in answers.values() {
        std::hint::black_box(serde_json::from_str::<IgnoredAny>(answer)?);
    }
    Ok(())
}

/// The rows of a part of a month and nothing else: how many, in how many calls, for how many units.
async fn bare(client: &Client, table: &str, part: Range) -> Result<(usize, usize, f64)> {
    let query = client.query().table_name(table).return_consumed_capacity(ReturnConsumedCapacity::Total);
    let names = READ.map(|name| (format!("#{name}"), name.to_owned()));
    let mut pages = query
        .key_condition_expression("pk = :month AND sk BETWEEN :first AND :last")
        .projection_expression(READ.map(|name| format!("#{name}")).join(", "))
        .set_expression_attribute_names(Some(names.into()))
        .expression_attribute_values(":month", AttributeValue::S(row::key(part.first, 0).0))
        .expression_attribute_values(":first", AttributeValue::S(format!("DAY#{}#", part.first)))
        .expression_attribute_values(":last", AttributeValue::S(format!("DAY#{}#~", part.last)))
        .into_paginator()
        .send();
    let (mut items, mut calls, mut units) = (0, 0, 0.0);
    while let Some(page) = pages.next().await {
        let page = page?;
        items += page.items().len();
        calls += 1;
        units += page.consumed_capacity().and_then(|used| used.capacity_units).unwrap_or_default();
    }
    Ok((items, calls, units))
}

/// A reader of the metrics, who asks for a year.
struct Http {
    client: reqwest::Client,
    token: String,
    url: String,
    range: String,
}

impl Http {
    async fn new(server: &Server, year: &Year) -> Result<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().build()?;
        let form = [
            ("grant_type", "password"),
            ("username", "bench"),
            ("password", "x"),
            ("permissions", "metrics:read"),
        ];
        let tokens = client.post(format!("{}/oauth2/token", server.url)).form(&form).send().await?;
        let tokens: Value = tokens.json().await?;
        let token = tokens["access_token"].as_str().context("there is no token")?.to_owned();
        let range = format!("startDate={}&endDate={}", year.days.first, year.days.last);
        Ok(Self { client, token, url: server.url.clone(), range })
    }

    async fn get(&self, path: &str) -> Result<()> {
        let url = format!("{}{path}?{}", self.url, self.range);
        let answer = self.client.get(url).bearer_auth(&self.token).send().await?.error_for_status()?;
        ensure!(answer.bytes().await?.len() > 100, "an answer without figures");
        Ok(())
    }
}
