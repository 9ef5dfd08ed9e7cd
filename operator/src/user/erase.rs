//! Deletes a user's items, batch by batch.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use aws_sdk_dynamodb::types::{DeleteRequest, WriteRequest};
use shared::sessions::item;
use tokio::time::sleep;

use super::UserItems;
use crate::fault;

/// DynamoDB's limit for one `BatchWriteItem`.
pub(crate) const BATCH: usize = 25;

/// Tries at what a batch left undone, each after a longer pause.
const TRIES: u32 = 10;

const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// How an erasure went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erased {
    /// Items that were deleted.
    pub deleted: u64,
    /// Items that are there all the same: the user was active meanwhile.
    pub left: u64,
}

impl UserItems {
    /// Deletes every item, and then looks what is left. `progress` is told how many were deleted, batch by batch: what
    /// it has heard of is gone, whatever happens next, and another run goes on with the rest.
    pub async fn erase(&self, progress: impl Fn(u64)) -> Result<Erased> {
        let mut deleted = 0;
        let mut start = None;
        loop {
            let keys = self.query().projection_expression(item::KEY).set_exclusive_start_key(start);
            let page = self.page(keys).await?;
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
            let output = write.send().await.map_err(|error| fault::of_call(error, &self.table));
            let output = output.context("deleting a batch of the user's items")?;
            left = output.unprocessed_items.and_then(|mut all| all.remove(&self.table)).unwrap_or_default();
            if left.is_empty() {
                return Ok(());
            }
            sleep(pause).await;
            pause *= 2;
        }
        bail!("DynamoDB leaves deletions undone: it has too much to do just now")
    }
}
