//! Any bytes as an event of the sessions table's stream. A record that nothing can be made of is left out; what must not
//! happen is that a batch fails for good, because it would hold up its shard.

use serde_json::Value;

use crate::service;

/// A longer name is no shard's, and has no place in a row.
const LONGEST_NAME: usize = 255;

pub(crate) fn feed(bytes: &[u8]) {
    service::with(|service| {
        let Some(Err(cause)) = service.deliver(bytes) else { return };
        let event: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let shard = event["shardId"].as_str().unwrap_or_default();
        assert!(shard.is_empty() || shard.len() > LONGEST_NAME, "the batch is never done: {cause}");
    });
}
