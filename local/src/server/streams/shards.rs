//! The shards of a stream, and their order.

use anyhow::{Context, Result};
use aws_sdk_dynamodbstreams::{Client, types::Shard};

pub(super) async fn list(client: &Client, stream_arn: &str) -> Result<Vec<Shard>> {
    let mut shards = Vec::new();
    let mut after = None;
    loop {
        let request = client.describe_stream().stream_arn(stream_arn);
        let output = request.set_exclusive_start_shard_id(after).send().await.context("DescribeStream")?;
        let description = output.stream_description.context("the stream is not described")?;
        shards.extend(description.shards.unwrap_or_default());
        after = description.last_evaluated_shard_id;
        if after.is_none() {
            return Ok(shards);
        }
    }
}

/// Whether a shard's parent has yet to be read to its end: sessions of it go on in its children. A parent that the
/// stream no longer knows has nothing left.
pub(super) fn is_after(shard: &Shard, shards: &[Shard], is_done: impl Fn(&str) -> bool) -> bool {
    let is_known = |parent: &str| shards.iter().any(|shard| shard.shard_id() == Some(parent));
    shard.parent_shard_id().is_some_and(|parent| is_known(parent) && !is_done(parent))
}
