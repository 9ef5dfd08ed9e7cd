//! Faults of DynamoDB: which of them pass, and so call for another try.

use std::{error::Error as _, iter::successors};

use aws_sdk_dynamodb::{
    error::{BuildError, ProvideErrorMetadata, SdkError},
    operation::{RequestId, put_item::PutItemError, update_item::UpdateItemError},
    types::error::TransactionCanceledException,
};
use aws_smithy_runtime_api::client::{
    interceptors::context::InterceptorContext,
    retries::classifiers::{ClassifyRetry, RetryAction},
};
use aws_smithy_types::retry::ErrorKind;
use thiserror::Error;

use crate::counters::Counter;

/// Why an access failed although nothing was wrong with the request. Names the cause, for the log.
#[derive(Debug, Error)]
pub enum Fault {
    /// Another transaction was at the same record. Nothing was written.
    #[error("conflict: {0}")]
    Conflict(String),
    /// Timed out, unreachable, or failed in itself. A write may or may not have taken effect.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// More than the table takes for now. The SDK has slowed down already, or it was a transaction; going on at once
    /// would only keep it so. Nothing was written.
    #[error("throttled: {0}")]
    Throttled(String),
    /// What belongs to one partition key is as large as a local index allows. Nothing was written.
    #[error("full: {0}")]
    Full(String),
    /// Refused for a reason that another try does not mend: a missing table or permission, say.
    #[error("refused: {0}")]
    Refused(String),
}

impl Fault {
    /// What the SDK could not mend by itself. Conditions that did not hold are no faults: look for them before.
    pub(crate) fn from_sdk<E>(error: SdkError<E>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let cause = account_of(&error);
        match error {
            SdkError::ConstructionFailure(_) => Self::Refused(cause),
            SdkError::ServiceError(service) => match service.err().code() {
                Some("TransactionConflictException") => Self::Conflict(cause),
                Some("TransactionInProgressException") => Self::Unavailable(cause),
                Some("ItemCollectionSizeLimitExceededException") => Self::Full(cause),
                Some(code) if THROTTLED.contains(&code) => Self::Throttled(cause),
                // An answer of success that cannot be read is one that was lost on its way.
                _ if service.raw().status().is_server_error() || service.raw().status().is_success() => {
                    Self::Unavailable(cause)
                }
                _ => Self::Refused(cause),
            },
            _ => Self::Unavailable(cause),
        }
    }

    /// What cancelled a transaction, or `None` if it was one of its conditions.
    pub(super) fn from_cancellation(cancelled: &TransactionCanceledException) -> Option<Self> {
        let codes: Vec<&str> =
            cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code()).collect();
        if codes.contains(&"ConditionalCheckFailed") {
            return None;
        }
        let cause = format!("the transaction was cancelled: {}", codes.join(", "));
        Some(if codes.contains(&"ItemCollectionSizeLimitExceeded") {
            Self::Full(cause)
        } else if codes.iter().any(|code| THROTTLED_IN_TRANSACTION.contains(code)) {
            Self::Throttled(cause)
        } else if codes.contains(&"TransactionConflict") {
            Self::Conflict(cause)
        } else {
            Self::Refused(cause)
        })
    }
}

/// What an error and its causes say of themselves, and AWS's code and id of the request. Not all that the SDK knows:
/// among that is the answer as it came, and there may be stored items in it.
pub(super) fn account_of<E>(error: &SdkError<E>) -> String
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let mut account = error.to_string();
    let causes = successors(error.source(), |&cause| cause.source()).map(ToString::to_string);
    let named = [error.code(), error.message(), error.request_id()].into_iter().flatten().map(str::to_owned);
    for more in causes.chain(named) {
        if !account.contains(&more) {
            account = format!("{account}: {more}");
        }
    }
    account
}

/// A request that lacks a part. None of ours does.
impl From<BuildError> for Fault {
    fn from(error: BuildError) -> Self {
        Self::Refused(error.to_string())
    }
}

/// Error codes that say "slower".
const THROTTLED: &[&str] =
    &["ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException"];

/// The same as reasons of a cancelled transaction.
const THROTTLED_IN_TRANSACTION: &[&str] = &["ProvisionedThroughputExceeded", "ThrottlingError"];

/// Makes the SDK repeat a single write that met a transaction at the same item, which by itself it does not.
///
/// A transaction that was cancelled is not repeated here: its caller looks at the record again first.
#[derive(Debug)]
pub struct RetryConflicts;

impl ClassifyRetry for RetryConflicts {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else {
            return RetryAction::NoActionIndicated;
        };
        let met_transaction = error.as_operation_error().is_some_and(|error| {
            matches!(error.downcast_ref(), Some(UpdateItemError::TransactionConflictException(_)))
                || matches!(error.downcast_ref(), Some(PutItemError::TransactionConflictException(_)))
        });
        if met_transaction {
            Counter::Conflict.count();
            RetryAction::retryable_error(ErrorKind::ThrottlingError)
        } else {
            RetryAction::NoActionIndicated
        }
    }

    fn name(&self) -> &'static str {
        "transaction conflict"
    }
}
