//! Reads of many items by their keys.

use aws_sdk_dynamodb::{Client, types::KeysAndAttributes};

use super::{Attributes, Fault, Retries};

/// DynamoDB's limit for one `BatchGetItem`.
const BATCH: usize = 100;

/// The items of these keys that there are, read consistently, in no order. Keys that DynamoDB leaves unprocessed are
/// asked for again.
pub(crate) async fn get_all(
    client: &Client,
    table: &str,
    keys: &[Attributes],
) -> Result<Vec<Attributes>, Fault> {
    let mut found = Vec::with_capacity(keys.len());
    for batch in keys.chunks(BATCH) {
        get_batch(client, table, batch.to_vec(), &mut found).await?;
    }
    Ok(found)
}

async fn get_batch(
    client: &Client,
    table: &str,
    keys: Vec<Attributes>,
    found: &mut Vec<Attributes>,
) -> Result<(), Fault> {
    let mut retries = Retries::new();
    let mut left = Some(keys);
    while let Some(keys) = left.take() {
        let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build()?;
        let request = client.batch_get_item().request_items(table, wanted);
        let mut output = request.send().await.map_err(Fault::from_sdk)?;
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
    Ok(())
}
