//! A user's items as lines of JSON.

use std::io;

use anyhow::{Context, Result};
use chrono::DateTime;
use serde_json::{Map, Value, json};
use shared::reply::instant;

use super::UserItems;

/// The times of an item, and how many milliseconds are one of what each is counted in.
const TIMES: [(&str, i64); 4] = [("startTime", 1), ("lastActiveTime", 1), ("endTime", 1), ("purgeAt", 1_000)];

impl UserItems {
    /// Writes each item as a line of JSON: ids and times as the API has them, the rest as it is stored. Returns how many.
    /// One page is in memory at a time.
    pub async fn export(&self, mut lines: impl io::Write) -> Result<u64> {
        let mut written = 0;
        let mut start = None;
        loop {
            let page = self.page(self.query().set_exclusive_start_key(start)).await?;
            let mut text = Vec::new();
            for item in page.items.unwrap_or_default() {
                let item: Map<String, Value> = serde_dynamo::from_item(item)?;
                serde_json::to_writer(&mut text, &line(item))?;
                text.push(b'\n');
                written += 1;
            }
            lines.write_all(&text).and_then(|()| lines.flush()).context("writing the user's items")?;
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(written);
            }
        }
    }
}

/// An item for people and other programs: `pk` and `sk` as `user` and `sessionId`, and times as the API shows them.
fn line(mut item: Map<String, Value>) -> Value {
    for (own, shown, prefix) in [("pk", "user", "USER#"), ("sk", "sessionId", "SESSION#")] {
        if let Some(Value::String(key)) = item.remove(own) {
            item.insert(shown.to_owned(), json!(key.strip_prefix(prefix).unwrap_or(&key)));
        }
    }
    for (name, milliseconds) in TIMES {
        let number = item.get(name).and_then(Value::as_i64);
        let number = number.and_then(|number| number.checked_mul(milliseconds));
        if let Some(time) = number.and_then(DateTime::from_timestamp_millis) {
            item.insert(name.to_owned(), json!(instant(time)));
        }
    }
    Value::Object(item)
}
