//! Clients of what a stack is made of, its tables aside.

/// A client of each service.
#[derive(Clone, Debug)]
pub struct Cloud {
    /// Of the stack and its resources.
    pub cloudformation: aws_sdk_cloudformation::Client,
    /// Of the alarms.
    pub cloudwatch: aws_sdk_cloudwatch::Client,
    /// Of the functions, and of what feeds the rollup.
    pub lambda: aws_sdk_lambda::Client,
    /// Of the queue of failures.
    pub sqs: aws_sdk_sqs::Client,
}
