//! Writes that are all or nothing.

use aws_sdk_dynamodb::{
    Client, operation::transact_write_items::TransactWriteItemsError, types::TransactWriteItem,
};

use super::{Fault, within};
use crate::clock::Deadline;

/// How a transaction went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Transaction {
    /// All is written.
    Done,
    /// A condition did not hold, and nothing changed.
    Refused,
}

/// Writes all or nothing. The SDK gives every call a token of its own, so none is reused with other content.
pub(crate) async fn transact(
    client: &Client,
    writes: Vec<TransactWriteItem>,
    deadline: Deadline,
) -> Result<Transaction, Fault> {
    let request = client.transact_write_items().set_transact_items(Some(writes));
    match within(deadline, request.send()).await {
        Ok(_) => Ok(Transaction::Done),
        Err(error) => match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                Fault::from_cancellation(cancelled).map_or(Ok(Transaction::Refused), Err)
            }
            _ => Err(Fault::from_sdk(error)),
        },
    }
}
