//! The functions of the stack: whether they can run, and whether they run with the stack's settings.

use std::collections::HashMap;

use aws_sdk_lambda::{
    Client,
    operation::get_function_configuration::GetFunctionConfigurationOutput,
    types::{LastUpdateStatus, State},
};

use super::{Finding, resources::Resources, settings::VARIABLES};

const THING: &str = "functions";
const ENVIRONMENT: &str = "environment";
const CONCURRENCY: &str = "concurrency";

/// Looks at each of them.
pub(super) async fn look(
    client: &Client,
    resources: Option<&Resources>,
    settings: &HashMap<String, String>,
    findings: &mut Vec<Finding>,
) {
    let Some(resources) = resources else {
        findings.push(Finding::not_looked_at(THING, "what the stack is made of is not known"));
        return;
    };
    let names = resources.of_type("AWS::Lambda::Function");
    if names.is_empty() {
        let advice = "Is this a stack of User Sessions, and not one around it?";
        findings.push(Finding::not_well(THING, "the stack has none", advice));
        return;
    }
    configurations(client, &names, settings, findings).await;
    concurrency(client, &names, findings).await;
}

async fn configurations(
    client: &Client,
    names: &[&str],
    settings: &HashMap<String, String>,
    findings: &mut Vec<Finding>,
) {
    let (mut sick, mut misled, mut foreign) = (Vec::new(), Vec::new(), Vec::new());
    for name in names {
        let function = match client.get_function_configuration().function_name(*name).send().await {
            Ok(function) => function,
            Err(error) => {
                let failed = Finding::failed(THING, "lambda:GetFunctionConfiguration", name, error);
                let is_denied = failed.state == super::State::NotLookedAt;
                sick.push(failed);
                // The others would be denied alike.
                if is_denied {
                    findings.append(&mut sick);
                    return;
                }
                continue;
            }
        };
        sick.extend(health(name, &function));
        let variables =
            function.environment.and_then(|environment| environment.variables).unwrap_or_default();
        match compared(&variables, settings) {
            None => foreign.push(*name),
            Some(differences) if differences.is_empty() => {}
            Some(differences) => misled.push(Finding::not_well(
                ENVIRONMENT,
                format!("{name} has {}", differences.join(", ")),
                "It was changed by hand, or a deployment did not come through: deploy again.",
            )),
        }
    }
    let all = names.len();
    if sick.iter().all(|finding| finding.state == super::State::Remark) {
        sick.insert(0, Finding::well(THING, format!("{all} functions can run, as they were last deployed")));
    }
    if misled.is_empty() && foreign.len() < all {
        let own = all - foreign.len();
        misled.push(Finding::well(ENVIRONMENT, format!("{own} functions have the stack's settings")));
    }
    if !foreign.is_empty() {
        misled.push(Finding::remark(
            ENVIRONMENT,
            format!("none of the settings is in {}", foreign.join(", ")),
            "All functions of the template have them: this is your own, or its environment was overwritten.",
        ));
    }
    findings.append(&mut sick);
    findings.append(&mut misled);
}

fn health(name: &str, function: &GetFunctionConfigurationOutput) -> Option<Finding> {
    let because = |reason: Option<&str>| reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    match function.state() {
        Some(State::Active) | None => {}
        Some(State::Inactive) => {
            let advice = "Lambda has put it away, and wakes it with the next request, which may fail.";
            return Some(Finding::remark(THING, format!("{name} is Inactive"), advice));
        }
        Some(State::Pending) => {
            return Some(Finding::remark(THING, format!("{name} is Pending"), "Check again in a minute."));
        }
        Some(state) => {
            let says = format!("{name} is {state}{}", because(function.state_reason()));
            return Some(Finding::not_well(
                THING,
                says,
                "It cannot be called. Mend the cause, and deploy again.",
            ));
        }
    }
    match function.last_update_status() {
        Some(LastUpdateStatus::Successful) | None => None,
        Some(status @ LastUpdateStatus::InProgress) => Some(Finding::remark(
            THING,
            format!("{name}: its update is {status}"),
            "Check again in a minute.",
        )),
        Some(status) => {
            let reason = because(function.last_update_status_reason());
            let says = format!("{name}: its last update is {status}{reason}");
            Some(Finding::not_well(
                THING,
                says,
                "It runs what was there before. Mend the cause, and deploy again.",
            ))
        }
    }
}

/// In which settings a function's variables differ; `None` if it has none of them.
fn compared(variables: &HashMap<String, String>, settings: &HashMap<String, String>) -> Option<Vec<String>> {
    if !VARIABLES.iter().any(|name| variables.contains_key(*name)) {
        return None;
    }
    let difference = |name: &&str| {
        let (has, should) = (variables.get(*name), settings.get(*name)?);
        let has = match has {
            Some(value) if value == should => return None,
            Some(value) => format!("{name}={value}"),
            None => format!("no {name}"),
        };
        Some(format!("{has} instead of {should}"))
    };
    Some(VARIABLES.iter().filter_map(difference).collect())
}

async fn concurrency(client: &Client, names: &[&str], findings: &mut Vec<Finding>) {
    let mut stopped = Vec::new();
    for name in names {
        match client.get_function_concurrency().function_name(*name).send().await {
            Ok(told) if told.reserved_concurrent_executions == Some(0) => stopped.push(*name),
            Ok(_) => {}
            Err(error) => {
                findings.push(Finding::failed(CONCURRENCY, "lambda:GetFunctionConcurrency", name, error));
                return;
            }
        }
    }
    findings.push(if stopped.is_empty() {
        Finding::well(CONCURRENCY, "no function was stopped by a reserve of 0")
    } else {
        Finding::not_well(
            CONCURRENCY,
            format!("a reserve of 0 stops {}", stopped.join(", ")),
            "Somebody stopped them, for a restore say: `aws lambda delete-function-concurrency --function-name NAME`, or \
             what the parameter ReservedConcurrency says.",
        )
    });
}
