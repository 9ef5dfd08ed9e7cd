//! The engine alone: the same change of the same items with the same stream, called in this process from one thread.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use dynoxide::{AttributeValue, actions::update_item::UpdateItemRequest};
use local::{Options, Storage};
use shared::clock::Clock;

use super::load::count;

/// So many updates a second, of items of so many users.
pub(super) async fn updates(users: usize, time: Duration) -> Result<f64> {
    let storage = Storage::in_memory(&Options::default()).await?;
    let database = storage.database().context("there is no embedded engine")?.clone();
    let table = storage.template.table("SessionsTable")?.name.clone();
    tokio::task::spawn_blocking(move || -> Result<f64> {
        for user in 0..users {
            database.update_item(update(&table, user)).context("making an item")?;
        }
        let started = Instant::now();
        let mut updates = 0;
        while started.elapsed() < time {
            database.update_item(update(&table, updates % users)).context("an update")?;
            updates += 1;
        }
        Ok(count(updates) / started.elapsed().as_secs_f64())
    })
    .await?
}

/// What a heartbeat changes, without its condition.
fn update(table: &str, user: usize) -> UpdateItemRequest {
    let now = Clock::system().now();
    let text = |text: String| AttributeValue::S(text);
    let number = |number: i64| AttributeValue::N(number.to_string());
    let key = [
        ("pk", text(format!("USER#bench-{user}"))),
        ("sk", text("SESSION#0198c0de-0000-7000-8000-000000000001".to_owned())),
    ];
    let values = [
        (":now", number(now.timestamp_millis())),
        (":purge", number(now.timestamp() + 1_000_000)),
        (":day", number(now.timestamp() / 86_400)),
        (":state", text("active".to_owned())),
        (":agent", text("x".repeat(120))),
    ];
    let owned = |(name, value): (&str, AttributeValue)| (name.to_owned(), value);
    UpdateItemRequest {
        table_name: table.to_owned(),
        key: key.map(owned).into(),
        update_expression: Some(
            "SET lastActiveTime = :now, purgeAt = :purge, activeDay = :day, #state = :state, \
             startTime = if_not_exists(startTime, :now), userAgent = if_not_exists(userAgent, :agent)"
                .to_owned(),
        ),
        expression_attribute_names: Some(HashMap::from([("#state".to_owned(), "state".to_owned())])),
        expression_attribute_values: Some(values.map(owned).into()),
        ..UpdateItemRequest::default()
    }
}
