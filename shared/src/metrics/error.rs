//! Why metrics cannot be read or written.

use thiserror::Error;

use crate::dynamodb::Fault;

/// Why an access to the metrics table failed.
#[derive(Debug, Error)]
pub enum MetricsError {
    /// A fault of DynamoDB.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The row was made with other settings. A change of them needs a new table and a recount.
    #[error("the row {row} of the metrics table is of {found}, and this deployment of {expected}")]
    Foreign {
        /// The row's sort key.
        row: String,
        /// The layout and zone that it was made with.
        found: String,
        /// Those that are set.
        expected: String,
    },
    /// The row is damaged.
    #[error("the row {row} of the metrics table is malformed: {cause}")]
    Malformed {
        /// The row's sort key, as far as it is known.
        row: String,
        /// The part that is wrong, and how.
        cause: String,
    },
}
