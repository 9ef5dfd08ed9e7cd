//! The alarms of the stack that are on now.

use aws_sdk_cloudwatch::{Client, types::StateValue};

use super::{Finding, resources::Resources};

const THING: &str = "alarms";

/// What one `DescribeAlarms` may ask for.
const AT_ONCE: usize = 100;

/// Looks at all of them.
pub(super) async fn look(client: &Client, resources: Option<&Resources>, findings: &mut Vec<Finding>) {
    let Some(resources) = resources else {
        findings.push(Finding::not_looked_at(THING, "what the stack is made of is not known"));
        return;
    };
    let names = resources.of_type("AWS::CloudWatch::Alarm");
    if names.is_empty() {
        findings.push(Finding::remark(THING, "the stack has none", "Nobody would be told of trouble."));
        return;
    }
    let mut is_quiet = true;
    for some in names.chunks(AT_ONCE) {
        let asked = some.iter().map(|name| (*name).to_owned()).collect();
        let on = client.describe_alarms().set_alarm_names(Some(asked)).state_value(StateValue::Alarm);
        let told = match on.max_records(100).send().await {
            Ok(told) => told.metric_alarms.unwrap_or_default(),
            Err(error) => {
                findings.push(Finding::failed(
                    THING,
                    "cloudwatch:DescribeAlarms",
                    "the stack's alarms",
                    error,
                ));
                return;
            }
        };
        for alarm in told {
            is_quiet = false;
            let (name, reason) = (alarm.alarm_name(), alarm.state_reason());
            let says = format!("{} is on: {}", name.unwrap_or_default(), reason.unwrap_or_default());
            let advice = "See Alarms, and what to do, in docs/operations.md.";
            findings.push(Finding::not_well(THING, says, advice));
        }
    }
    if is_quiet {
        findings.push(Finding::well(THING, format!("none of {} is on", names.len())));
    }
}
