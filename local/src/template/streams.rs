//! Which functions read which tables' streams.

use anyhow::{Context, Result, ensure};

use super::document::EventSourceMapping;

/// A function that is fed a table's stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamMapping {
    /// The function's id in the template.
    pub function: String,
    /// The table's id in the template.
    pub table: String,
    /// The most records that it gets at once.
    pub batch_size: i32,
}

impl StreamMapping {
    /// The mapping, if the local server can behave like it: it knows no other way than this one.
    pub(super) fn of(mapping: EventSourceMapping) -> Result<Self> {
        let table = mapping.event_source_arn.strip_suffix(".StreamArn");
        let table =
            table.with_context(|| format!("the source {} is no table's stream", mapping.event_source_arn))?;
        ensure!(
            mapping.starting_position == "TRIM_HORIZON"
                && mapping.tumbling_window_in_seconds > 0
                && (mapping.maximum_retry_attempts, mapping.maximum_record_age_in_seconds) == (-1, -1)
                && !mapping.bisect_batch_on_function_error
                && mapping.parallelization_factor == 1,
            "a mapping that may skip or reorder records is not understood here"
        );
        Ok(Self { function: mapping.function_name, table: table.to_owned(), batch_size: mapping.batch_size })
    }
}
