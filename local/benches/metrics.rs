//! The metrics: what the rollup makes of stream records, and what a year's query costs.
//!
//! `cargo bench -p local --bench metrics`; `cargo test -p local --bench metrics` is a short run of it, which shows that
//! it works. The figures of one run belong together; those of two runs do not.

use std::{
    collections::{BTreeMap, HashMap},
    env,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use aws_lambda_events::event::dynamodb::TimeWindowEvent;
use aws_sdk_dynamodb::{
    Client,
    config::{Credentials, Region},
    primitives::Blob,
    types::{AttributeValue, ReturnConsumedCapacity},
};
use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
        orchestrator::{HttpRequest, HttpResponse},
    },
    http::StatusCode,
    shared::IntoShared,
};
use aws_smithy_types::body::SdkBody;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use futures_util::future::try_join_all;
use local::{Options, Server};
use serde_json::{Value, json};
use shared::{
    clock::Clock,
    dynamodb::client::{FromEnvironment, client_config},
    id::{SessionId, UserId},
    metrics::{
        MetricsStore, Rollup,
        calendar::{Range, Span},
        contribution::Contribution,
        totals::Totals,
    },
    sessions::rules::{ClientInfo, Session, State},
    settings::Environment,
};

/// Records in a batch: what the template's event source mapping asks for.
const BATCH: usize = 1_000;

/// Marks in a row at 100 million sessions a day: some 15,000 heartbeats a second keep 32 shards busy, 8 in each lane; a
/// shard lives for about 4 hours, and a day's row is written for a little longer than a day.
const MARKS: usize = 8 * 7;

struct Scale {
    batches: usize,
    rounds: usize,
    days: u64,
    sessions_in_a_row: usize,
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the figures")]
async fn main() -> Result<()> {
    let scale = if env::args().any(|argument| argument == "--bench") {
        Scale { batches: 100, rounds: 3, days: 365, sessions_in_a_row: 1_000_000 }
    } else {
        Scale { batches: 2, rounds: 1, days: 40, sessions_in_a_row: 1_000 }
    };
    let server = Server::start(Options::default()).await?;
    let table = server.template.table("MetricsTable")?.name.clone();
    let store = MetricsStore::new(server.client.clone(), table.clone(), chrono_tz::UTC);

    for sessions in [10, 1_000, scale.sessions_in_a_row] {
        println!(
            "a row of {sessions} sessions is {} bytes",
            row_bytes(&server.client, &table, &store, sessions).await?
        );
    }
    for round in 1..=scale.rounds {
        println!("round {round}");
        rollup(&server, &scale).await?;
    }
    year(&server.client, &table, &store, &scale).await
}

fn time(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}

/// Sessions of that many users, of all durations up to 12 hours.
fn totals(sessions: usize) -> Result<Totals> {
    let mut totals = Totals::default();
    for number in 0..sessions {
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

fn marks(count: usize) -> AttributeValue {
    let mark = |number: usize| {
        let fields = [
            ("sequence", AttributeValue::S(format!("{:025}", 1_234_567_890_123 + number))),
            ("moved", AttributeValue::N("1767225600000".to_owned())),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value));
        (format!("shardId-0000000176722560{number:04}-0a1b2c3d"), AttributeValue::M(fields.into()))
    };
    AttributeValue::M((0..count).map(mark).collect())
}

/// What DynamoDB counts for a row of so many sessions, fed by one shard.
async fn row_bytes(client: &Client, table: &str, store: &MetricsStore, sessions: usize) -> Result<usize> {
    let day = time(0).date_naive();
    let rows = store.lanes(day).await?;
    ensure!(store.replace(day, &rows, totals(sessions)?).await?, "someone else writes here");
    let mut item = item_of(client, table, day).await?;
    item.insert("marks".to_owned(), marks(1));
    Ok(size_of_item(&item))
}

async fn item_of(client: &Client, table: &str, day: NaiveDate) -> Result<HashMap<String, AttributeValue>> {
    let (pk, sk) = shared::metrics::row::key(day, 0);
    let get = client.get_item().table_name(table).consistent_read(true);
    let get = get.key("pk", AttributeValue::S(pk)).key("sk", AttributeValue::S(sk));
    get.send().await?.item.context("the row is not there")
}

fn size_of_item(item: &HashMap<String, AttributeValue>) -> usize {
    item.iter().map(|(name, value)| name.len() + size_of_value(value)).sum()
}

/// As DynamoDB's documentation says.
fn size_of_value(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(digits) => digits.trim_start_matches('-').len().div_ceil(2) + 1,
        AttributeValue::B(blob) => blob.as_ref().len(),
        AttributeValue::M(entries) => 3 + entries.len() + size_of_item(entries),
        _ => 1,
    }
}

/// Batches of a day's traffic as the stream brings it: mostly heartbeats, and sessions that start or end; some are of
/// the day before.
fn batches(count: usize, after: usize) -> Vec<String> {
    let session = |number: usize| {
        let start = 86_400_000 * i64::from(!number.is_multiple_of(10)) + 1_000;
        move |last: i64| {
            json!({
                "pk": { "S": format!("USER#auth0|{:024x}", number / 2) },
                "sk": { "S": format!("SESSION#0198c0de-0000-7000-8000-{number:012}") },
                "state": { "S": "active" },
                "startTime": { "N": start.to_string() },
                "lastActiveTime": { "N": (start + last).to_string() },
                "contentEngaged": { "BOOL": false },
                "activeDay": { "N": "20000" },
                "ipAddress": { "S": "203.0.113.7" },
                "userAgent": { "S": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0" },
                "purgeAt": { "N": "9999999999" },
            })
        }
    };
    let record = |place: usize| {
        let image = session(place);
        let (name, old) =
            if place.is_multiple_of(20) { ("INSERT", None) } else { ("MODIFY", Some(image(600_000))) };
        json!({
            "eventID": place.to_string(),
            "eventName": name,
            "awsRegion": "us-east-1",
            "dynamodb": {
                "ApproximateCreationDateTime": 1_767_225_600,
                "Keys": { "pk": image(0)["pk"], "sk": image(0)["sk"] },
                "NewImage": image(900_000),
                "OldImage": old.unwrap_or(json!({})),
                "SequenceNumber": format!("{:025}", 1_000_000 + place),
                "SizeBytes": 900,
                "StreamViewType": "NEW_AND_OLD_IMAGES",
            },
        })
    };
    let event = |batch: usize| {
        let records: Vec<Value> = (batch * BATCH..(batch + 1) * BATCH).map(record).collect();
        json!({
            "Records": records,
            "shardId": "shardId-00000001767225600000-0a1b2c3d",
            "window": { "start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:00:30Z" },
            "state": {},
            "isFinalInvokeForWindow": false,
            "isWindowTerminatedEarly": false,
        })
        .to_string()
    };
    (after..after + count).map(event).collect()
}

#[expect(clippy::print_stdout, reason = "the figures")]
async fn rollup(server: &Server, scale: &Scale) -> Result<()> {
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let per_second = |elapsed: Duration| (scale.batches * BATCH) as f64 / elapsed.as_secs_f64();
    let events = batches(scale.batches, 0);

    let started = Instant::now();
    for event in &events {
        std::hint::black_box(serde_json::from_str::<TimeWindowEvent>(event)?);
    }
    let floor = per_second(started.elapsed());

    let memory = Memory::default();
    let alone = fold(server, memory.client(), &events).await?;
    let alone = per_second(alone);
    let (writes, units) = memory.writes();
    println!(
        "  the rollup without an engine folds {alone:.0} records/s on one core; reading their JSON alone {floor:.0}/s, \
         ratio {:.2}",
        alone / floor
    );
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let per_thousand = |count: usize| count as f64 / scale.batches as f64;
    println!(
        "  for 1,000 records, of two days: {:.1} writes, {:.1} write units",
        per_thousand(writes),
        per_thousand(units)
    );

    // A table of their own for each round: what a row already has, it does not take in again.
    let fresh = Server::start(Options::default()).await?;
    let with = per_second(fold(&fresh, fresh.client.clone(), &events).await?);
    println!("  with the embedded engine {with:.0} records/s");
    Ok(())
}

/// How long the rollup takes for these events, one after the other.
async fn fold(server: &Server, client: Client, events: &[String]) -> Result<Duration> {
    let function = server.template.functions.iter().find(|function| function.crate_name == "rollup");
    let variables = &function.context("there is no rollup")?.environment;
    let variable = |name: &str| variables.get(name).cloned();
    let rollup = Arc::new(Rollup::from_environment(&Environment::new(&variable), client, Clock::system())?);
    let started = Instant::now();
    for event in events {
        let outcome = rollup::handle(Arc::clone(&rollup), serde_json::from_str(event)?).await;
        outcome.map_err(|cause| anyhow::anyhow!("{cause}"))?;
    }
    Ok(started.elapsed())
}

/// In the place of an engine, so that only the rollup's own work is measured: it keeps rows and answers at once.
#[derive(Clone, Debug, Default)]
struct Memory(Arc<Mutex<BTreeMap<String, Value>>>, Arc<Mutex<Vec<usize>>>);

impl Memory {
    fn client(&self) -> Client {
        let connector: SharedHttpConnector = self.clone().into_shared();
        let config = client_config(http_client_fn(move |_, _| connector.clone()))
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("bench", "bench", None, None, "bench"));
        Client::from_conf(config.build())
    }

    /// How many there were, and their units.
    fn writes(&self) -> (usize, usize) {
        let sizes = self.1.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        (sizes.len(), sizes.iter().map(|size| size.div_ceil(1_024)).sum())
    }

    fn answer(&self, request: &HttpRequest) -> Value {
        let body: Value =
            serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default();
        let mut rows = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(item) = body.get("Item") {
            let size = item.as_object().map(|item| item.iter().map(|(n, v)| n.len() + size_of_json(v)).sum());
            self.1.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(size.unwrap_or_default());
            rows.insert(item["sk"]["S"].to_string(), item.clone());
            return json!({});
        }
        rows.get(&body["Key"]["sk"]["S"].to_string()).map_or(json!({}), |item| json!({ "Item": item }))
    }
}

/// A value in DynamoDB's JSON.
fn size_of_json(value: &Value) -> usize {
    let Some((kind, value)) = value.as_object().and_then(|value| value.iter().next()) else { return 0 };
    let text = || value.as_str().unwrap_or_default().to_owned();
    match (kind.as_str(), value) {
        ("S", _) => size_of_value(&AttributeValue::S(text())),
        ("N", _) => size_of_value(&AttributeValue::N(text())),
        ("B", _) => size_of_value(&AttributeValue::B(Blob::new(STANDARD.decode(text()).unwrap_or_default()))),
        ("M", Value::Object(entries)) => {
            let entries_size: usize = entries.iter().map(|(n, v)| n.len() + size_of_json(v)).sum();
            3 + entries.len() + entries_size
        }
        _ => 1,
    }
}

impl HttpConnector for Memory {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut response = HttpResponse::new(
            StatusCode::try_from(200).unwrap_or_else(|_| unreachable!("a status")),
            SdkBody::from(self.answer(&request).to_string()),
        );
        response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
        HttpConnectorFuture::ready(Ok(response))
    }
}

/// A year's rows as large as 100 million sessions a day make them.
#[expect(clippy::print_stdout, reason = "the figures")]
async fn year(client: &Client, table: &str, store: &MetricsStore, scale: &Scale) -> Result<()> {
    // 25 million a lane: 50,000 doubled nine times.
    let mut large = totals(50_000)?;
    for _ in 0..9 {
        large.merge(&large.clone());
    }
    let first = NaiveDate::from_ymd_opt(2_030, 1, 1).context("a day")?;
    let days = Range { first, last: first + chrono::Days::new(scale.days - 1) };
    let rows = store.lanes(first).await?;
    ensure!(store.replace(first, &rows, large).await?, "someone else writes here");
    let mut item = item_of(client, table, first).await?;
    item.insert("marks".to_owned(), marks(MARKS));
    let bytes = size_of_item(&item);
    for day in days.days() {
        let put = |lane: u8| {
            let (pk, sk) = shared::metrics::row::key(day, lane);
            let mut item = item.clone();
            item.insert("pk".to_owned(), AttributeValue::S(pk));
            item.insert("sk".to_owned(), AttributeValue::S(sk));
            client.put_item().table_name(table).set_item(Some(item)).send()
        };
        try_join_all((0..4).map(put)).await?;
    }
    println!("a year's query: {} days of 4 rows of {bytes} bytes", scale.days);
    for round in 1..=scale.rounds.max(2) {
        let started = Instant::now();
        let bare =
            try_join_all(days.by_period(Span::Monthly).into_iter().map(|part| bare(client, table, part)));
        let bare = bare.await?;
        let floor = started.elapsed();
        let (items, calls, units) =
            bare.iter().fold((0, 0, 0.0), |sum, part| (sum.0 + part.0, sum.1 + part.1, sum.2 + part.2));

        let started = Instant::now();
        let rows = store.read(days).await?;
        let read = started.elapsed();
        let sum = rows.sum(days).summary().counts;
        let total = started.elapsed();
        let by_day_started = Instant::now();
        ensure!(sum.sessions == 4 * 50_000 * 512 * i64::try_from(scale.days)?, "{} sessions", sum.sessions);
        let by_day: i64 = days.days().map(|day| rows.sum(Range::of(day)).summary().counts.sessions).sum();
        let daily = read + by_day_started.elapsed();
        ensure!(by_day == sum.sessions, "the days do not add up");
        let ratio = |time: Duration| time.as_secs_f64() / floor.as_secs_f64();
        println!(
            "  round {round}: {calls} Queries, {items} rows, {units:.0} read units; bare {floor:.0?}; all of it \
             {total:.0?}, ratio {:.2}; by day {daily:.0?}, ratio {:.2}",
            ratio(total),
            ratio(daily)
        );
    }
    Ok(())
}

/// The rows of a part of a month and nothing else: how many, in how many calls, for how many units.
async fn bare(client: &Client, table: &str, part: Range) -> Result<(usize, usize, f64)> {
    let month = format!("MONTH#{:04}-{:02}", part.first.year(), part.first.month());
    let query = client.query().table_name(table).return_consumed_capacity(ReturnConsumedCapacity::Total);
    let mut pages = query
        .key_condition_expression("pk = :month AND sk BETWEEN :first AND :last")
        .projection_expression(
            "pk, sk, version, layout, #zone, sessions, engaged, renewed, durationMs, durations, #users, asOf",
        )
        .expression_attribute_names("#zone", "zone")
        .expression_attribute_names("#users", "users")
        .expression_attribute_values(":month", AttributeValue::S(month))
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
