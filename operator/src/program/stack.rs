//! What a CloudFormation stack publishes of itself.

use std::collections::HashMap;

use anyhow::{Context, Result, anyhow};
use aws_sdk_cloudformation::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::describe_stacks::DescribeStacksError,
};
use clap::Arg;

use super::{connection::Aws, setting::global};
use crate::fault;

/// The argument that names a stack.
pub(super) fn arg() -> Arg {
    global(
        "stack",
        "NAME",
        "The deployed stack, whose outputs give the settings that are not given otherwise",
    )
}

/// A stack as CloudFormation describes it.
pub(super) struct Described {
    /// How its last deployment went: `UPDATE_COMPLETE`, say.
    pub(super) status: String,
    /// Its outputs, by their keys.
    pub(super) outputs: HashMap<String, String>,
}

/// The stack `name`. One `DescribeStacks`.
pub(super) async fn describe(name: &str, aws: &Aws) -> Result<Described> {
    let described = Client::new(aws.config()).describe_stacks().stack_name(name).send().await;
    let described = described.map_err(|error| {
        if does_not_exist(&error) {
            let region = aws.region();
            return anyhow!(
                "there is no stack {name} in the region {region} of this account: check its name, --region and whose \
                 credentials these are"
            );
        }
        fault::of_call(error, &format!("reading the stack {name}"))
    })?;
    let stack = described.stacks.unwrap_or_default().into_iter().next();
    let stack = stack.with_context(|| format!("CloudFormation tells nothing of the stack {name}"))?;
    let status = stack.stack_status.map(|status| status.as_str().to_owned()).unwrap_or_default();
    let outputs = stack.outputs.unwrap_or_default().into_iter();
    let outputs = outputs.filter_map(|output| Some((output.output_key?, output.output_value?))).collect();
    Ok(Described { status, outputs })
}

/// CloudFormation has no error of its own for this.
fn does_not_exist(error: &SdkError<DescribeStacksError>) -> bool {
    error.as_service_error().is_some_and(|service| {
        service.code() == Some("ValidationError")
            && service.message().is_some_and(|message| message.contains("does not exist"))
    })
}
