//! Reads of many items by their keys.

use aws_sdk_dynamodb::{Client, types::KeysAndAttributes};

use super::{Attributes, Fault, Retries, within};
use crate::clock::Deadline;

/// DynamoDB's limit for one `BatchGetItem`.
pub(crate) const BATCH: usize = 100;

/// The items of at most [`BATCH`] keys that there are, read consistently, in no order. Keys that DynamoDB leaves
/// unprocessed are asked for again.
pub(crate) async fn get_batch(
    client: &Client,
    table: &str,
    keys: Vec<Attributes>,
    deadline: Deadline,
) -> Result<Vec<Attributes>, Fault> {
    let mut found = Vec::with_capacity(keys.len());
    let mut retries = Retries::new(deadline);
    let mut left = Some(keys).filter(|keys| !keys.is_empty());
    while let Some(keys) = left.take() {
        let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build()?;
        let request = client.batch_get_item().request_items(table, wanted);
        let mut output = within(deadline, request.send()).await.map_err(Fault::from_sdk)?;
        found.extend(output.responses.take().and_then(|mut all| all.remove(table)).unwrap_or_default());
        left = output
            .unprocessed_keys
            .and_then(|mut all| all.remove(table))
            .map(|unprocessed| unprocessed.keys)
            .filter(|keys| !keys.is_empty());
        if left.is_some() {
            retries.pause(Fault::Unavailable("BatchGetItem left keys unprocessed".to_owned())).await?;
        }
    }
    Ok(found)
}
