//! The first look at a sick stack: what it is made of, whether each part is as the deployed code needs it, and what to do
//! where one is not. Reads only.
//!
//! Parts are found by what they are (a resource's type, a mapping's source), and not by their names in the template: an
//! operator's own template may have others.

mod alarms;
mod cloud;
mod finding;
mod functions;
mod mapping;
mod metrics;
mod queue;
mod resources;
mod settings;
mod tables;

use std::collections::HashMap;

use self::resources::Resources;
pub use self::{
    cloud::Cloud,
    finding::{Finding, State},
};
use crate::Deployment;

/// A stack, and how to ask for what it is made of.
pub struct Check {
    /// Its name.
    pub stack: String,
    /// Its status, as `DescribeStacks` tells it.
    pub status: String,
    /// The settings that it should have, and a client of its tables.
    pub deployment: Deployment,
    /// Clients of all else.
    pub cloud: Cloud,
}

impl Check {
    /// Looks at everything but the figures.
    pub async fn look(&self) -> Vec<Finding> {
        let Deployment { client, settings, .. } = &self.deployment;
        let mut findings = vec![resources::status(&self.status)];
        findings.push(settings::complete(settings));
        let resources = match Resources::of(&self.stack, &self.cloud.cloudformation).await {
            Ok(resources) => Some(resources),
            Err(finding) => {
                findings.push(finding);
                None
            }
        };
        let table = match name(settings, "SESSIONS_TABLE") {
            Some(table) => tables::sessions(client, table, &mut findings).await,
            None => None,
        };
        if let Some(table) = name(settings, "METRICS_TABLE") {
            tables::metrics(client, table, &mut findings).await;
        }
        let mapping =
            mapping::look(&self.cloud.lambda, table.as_ref(), resources.as_ref(), &mut findings).await;
        findings.push(queue::look(&self.cloud.sqs, mapping.as_ref()).await);
        functions::look(&self.cloud.lambda, resources.as_ref(), settings, &mut findings).await;
        alarms::look(&self.cloud.cloudwatch, resources.as_ref(), &mut findings).await;
        findings
    }

    /// Counts yesterday's sessions, and compares that with the metrics. Reads the whole sessions table; `progress` is told
    /// of each page's items.
    pub async fn count_yesterday(&self, progress: impl Fn(u64)) -> Finding {
        metrics::look(&self.deployment, &progress).await
    }
}

fn name<'a>(settings: &'a HashMap<String, String>, variable: &str) -> Option<&'a str> {
    settings.get(variable).map(String::as_str)
}
