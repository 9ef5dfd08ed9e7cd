//! Calls that have no more time than the request that they are made for.

use aws_sdk_dynamodb::error::SdkError;

use crate::clock::Deadline;

/// What `call` comes to, or a timeout once the deadline has passed. A write that is cut off may have taken effect.
pub(crate) fn within<T, E, R>(
    deadline: Deadline,
    call: impl Future<Output = Result<T, SdkError<E, R>>>,
) -> impl Future<Output = Result<T, SdkError<E, R>>> {
    // A call of the SDK is so large that it would be moved about with all that waits for it.
    let call = Box::pin(call);
    async move {
        let outcome = deadline.limit(call).await;
        outcome.unwrap_or_else(|| Err(SdkError::timeout_error("the time for the request is spent")))
    }
}
