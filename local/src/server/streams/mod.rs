//! Streams: each one that the template maps to a function is fed to it.

pub(super) mod event;
mod pump;
mod shards;

use std::{collections::HashMap, sync::Arc};

use anyhow::{Context, Result};
use shared::clock::Clock;

pub(crate) use self::pump::Pump;
use crate::{engine::Connected, functions::StreamHandler, template::Template};

/// A pump for each stream that a function reads. `readers` has these functions by their ids.
pub(crate) async fn pumps(
    template: &Template,
    readers: &HashMap<String, StreamHandler>,
    connected: &Connected,
    clock: &Clock,
) -> Result<Vec<Pump>> {
    let Connected { client, streams, engine, written, .. } = connected;
    let mut pumps = Vec::new();
    for mapping in &template.streams {
        let handler = readers.get(&mapping.function);
        let handler =
            handler.with_context(|| format!("{} is no function that reads a stream", mapping.function))?;
        let table = template.table(&mapping.table)?.name.clone();
        let described = client.describe_table().table_name(&table).send().await?;
        let stream_arn = described.table.and_then(|table| table.latest_stream_arn);
        pumps.push(Pump {
            client: streams.clone(),
            stream_arn: stream_arn.with_context(|| format!("the table {table} has no stream"))?,
            table,
            batch_size: mapping.batch_size,
            handler: Arc::clone(handler),
            clock: clock.clone(),
            applied: engine.as_ref().map(|engine| engine.applied.clone()),
            written: written.clone(),
            shards: None,
            positions: HashMap::new(),
        });
    }
    Ok(pumps)
}
