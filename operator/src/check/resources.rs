//! The stack itself: how its last deployment went, and what it is made of.

use aws_sdk_cloudformation::{
    Client,
    types::{ResourceStatus, StackResourceSummary},
};

use super::Finding;

const THING: &str = "stack";

/// What a stack is made of.
pub(super) struct Resources(Vec<StackResourceSummary>);

impl Resources {
    /// All of them, page by page.
    pub(super) async fn of(stack: &str, client: &Client) -> Result<Self, Finding> {
        let mut pages = client.list_stack_resources().stack_name(stack).into_paginator().send();
        let mut all = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| {
                Finding::failed(THING, "cloudformation:ListStackResources", "its resources", error)
            })?;
            all.extend(page.stack_resource_summaries.unwrap_or_default());
        }
        all.retain(|resource| resource.resource_status != Some(ResourceStatus::DeleteComplete));
        Ok(Self(all))
    }

    /// The physical ids of those of a type, like `AWS::Lambda::Function`.
    pub(super) fn of_type(&self, name: &str) -> Vec<&str> {
        let of_type = self.0.iter().filter(|resource| resource.resource_type.as_deref() == Some(name));
        of_type.filter_map(|resource| resource.physical_resource_id.as_deref()).collect()
    }
}

/// What the stack's status says.
pub(super) fn status(status: &str) -> Finding {
    match status {
        "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE" => Finding::well(THING, status),
        "UPDATE_ROLLBACK_COMPLETE" | "IMPORT_ROLLBACK_COMPLETE" => Finding::remark(
            THING,
            format!("{status}: the last deployment failed and was taken back"),
            "The stack's events say what failed; what was there before goes on.",
        ),
        _ if status.ends_with("_IN_PROGRESS") => Finding::remark(
            THING,
            format!("{status}: what follows may change yet"),
            "Check again when the deployment is over.",
        ),
        _ => Finding::not_well(
            THING,
            status,
            "The stack's events say what failed. Mend that, and deploy again.",
        ),
    }
}
