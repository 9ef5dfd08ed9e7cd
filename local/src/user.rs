//! For an operator: all that is stored of one user, written out or erased.

use std::{io, time::Duration};

use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::{
    Client,
    operation::query::builders::QueryFluentBuilder,
    types::{AttributeValue, DeleteRequest, Select, WriteRequest},
};
use chrono::DateTime;
use serde_json::{Map, Value, json};
use shared::{id::UserId, reply};
use tokio::time::sleep;

/// DynamoDB's limit for one `BatchWriteItem`.
const BATCH: usize = 25;

/// Tries at what a batch left undone, each after a longer pause.
const TRIES: u32 = 10;

const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The items of one user in the sessions table.
pub struct UserItems {
    client: Client,
    table: String,
    user: UserId,
}

/// How an erasure went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erased {
    /// Items that were deleted.
    pub deleted: u64,
    /// Items that are there all the same: the user was active meanwhile.
    pub left: u64,
}

impl UserItems {
    /// Those of the user whose tokens have this `sub`, in the table named `table`.
    pub fn new(client: Client, table: String, sub: &str) -> Result<Self> {
        let user = sub.parse().map_err(|_| {
            anyhow::anyhow!("{sub:?} is no user: a sub has 1 to 255 visible ASCII characters")
        })?;
        Ok(Self { client, table, user })
    }

    /// Writes each item as a line of JSON: ids and times as the API has them, the rest as it is stored. Returns how many.
    pub async fn export(&self, mut lines: impl io::Write) -> Result<u64> {
        let mut written = 0;
        let mut start = None;
        loop {
            let page = self
                .query()
                .set_exclusive_start_key(start)
                .send()
                .await
                .context("reading the user's items")?;
            for item in page.items.unwrap_or_default() {
                let item: Map<String, Value> = serde_dynamo::from_item(item)?;
                serde_json::to_writer(&mut lines, &line(item))?;
                lines.write_all(b"\n")?;
                written += 1;
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                lines.flush()?;
                return Ok(written);
            }
        }
    }

    /// Deletes every item, and then looks what is left. `progress` is told how many were deleted, batch by batch: what
    /// it has heard of is gone, whatever happens next, and another run goes on with the rest.
    pub async fn erase(&self, progress: impl Fn(u64)) -> Result<Erased> {
        let mut deleted = 0;
        let mut start = None;
        loop {
            let page = self
                .query()
                .projection_expression("pk, sk")
                .set_exclusive_start_key(start)
                .send()
                .await
                .context("reading the user's items")?;
            let mut requests = Vec::new();
            for key in page.items.unwrap_or_default() {
                let delete = DeleteRequest::builder().set_key(Some(key)).build()?;
                requests.push(WriteRequest::builder().delete_request(delete).build());
            }
            for batch in requests.chunks(BATCH) {
                self.write(batch.to_vec()).await?;
                deleted += batch.len() as u64;
                progress(batch.len() as u64);
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(Erased { deleted, left: self.count().await? });
            }
        }
    }

    async fn write(&self, batch: Vec<WriteRequest>) -> Result<()> {
        let mut left = batch;
        let mut pause = FIRST_PAUSE;
        for _ in 0..TRIES {
            let write = self.client.batch_write_item().request_items(&self.table, left);
            let output = write.send().await.context("deleting a batch of the user's items")?;
            left = output.unprocessed_items.and_then(|mut all| all.remove(&self.table)).unwrap_or_default();
            if left.is_empty() {
                return Ok(());
            }
            sleep(pause).await;
            pause *= 2;
        }
        ensure!(left.is_empty(), "DynamoDB leaves deletions undone: it has too much to do just now");
        Ok(())
    }

    async fn count(&self) -> Result<u64> {
        let mut pages = self.query().select(Select::Count).into_paginator().send();
        let mut count = 0;
        while let Some(page) = pages.next().await {
            count += u64::try_from(page.context("counting what is left")?.count)?;
        }
        Ok(count)
    }

    fn query(&self) -> QueryFluentBuilder {
        let partition = AttributeValue::S(format!("USER#{}", self.user.as_str()));
        let query = self.client.query().table_name(&self.table).consistent_read(true);
        query.key_condition_expression("pk = :user").expression_attribute_values(":user", partition)
    }
}

/// An item for people and other programs: `pk` and `sk` as `user` and `sessionId`, and times as the API shows them.
fn line(mut item: Map<String, Value>) -> Value {
    for (own, shown, prefix) in [("pk", "user", "USER#"), ("sk", "sessionId", "SESSION#")] {
        if let Some(Value::String(key)) = item.remove(own) {
            item.insert(shown.to_owned(), json!(key.strip_prefix(prefix).unwrap_or(&key)));
        }
    }
    for (name, milliseconds) in [("startTime", 1), ("lastActiveTime", 1), ("endTime", 1), ("purgeAt", 1_000)]
    {
        let number =
            item.get(name).and_then(Value::as_i64).and_then(|number| number.checked_mul(milliseconds));
        if let Some(time) = number.and_then(DateTime::from_timestamp_millis) {
            item.insert(name.to_owned(), json!(reply::instant(time)));
        }
    }
    Value::Object(item)
}
