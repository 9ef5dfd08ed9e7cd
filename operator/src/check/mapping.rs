//! What feeds the sessions' stream to the rollup: the event source mapping whose source is the sessions table's stream.

use aws_sdk_lambda::{Client, types::EventSourceMappingConfiguration};

use super::{Finding, resources::Resources, tables::Table};

const THING: &str = "mapping";

/// Looks at it, and returns it.
pub(super) async fn look(
    client: &Client,
    table: Option<&Table>,
    resources: Option<&Resources>,
    findings: &mut Vec<Finding>,
) -> Option<EventSourceMappingConfiguration> {
    let Some(table) = table else {
        findings.push(Finding::not_looked_at(THING, "whose stream it should read is not known"));
        return None;
    };
    let readers = match readers(client, table).await {
        Ok(readers) => readers,
        Err(finding) => {
            findings.push(finding);
            return None;
        }
    };
    // Somebody else may read the stream too, or another function of an operator's own.
    let own = resources.map(|resources| resources.of_type("AWS::Lambda::Function"));
    let is_own = |mapping: &EventSourceMappingConfiguration| {
        own.as_ref().is_none_or(|own| own.contains(&function(mapping)))
    };
    let (mut own, others): (Vec<_>, Vec<_>) = readers.into_iter().partition(is_own);
    // Of several it is the one with a window.
    own.sort_by_key(|mapping| mapping.tumbling_window_in_seconds.unwrap_or(0) == 0);
    let others: Vec<&str> = own.iter().skip(1).chain(&others).map(function).collect();
    if !others.is_empty() {
        let advice = "More than two readers of a stream slow each other down.";
        findings.push(Finding::remark(THING, format!("{} reads the stream too", others.join(", ")), advice));
    }
    let Some(mapping) = own.into_iter().next() else {
        findings.push(Finding::not_well(
            THING,
            "no function of the stack reads the sessions table's stream: the metrics stand still",
            "Deploy the template's event source mapping again, and recount: the stream keeps changes for a day.",
        ));
        return None;
    };
    findings.extend(judged(&mapping, table));
    Some(mapping)
}

/// All mappings whose source is a stream of the table, present or past.
async fn readers(client: &Client, table: &Table) -> Result<Vec<EventSourceMappingConfiguration>, Finding> {
    let streams = format!("{}/stream/", table.arn);
    let mut pages = client.list_event_source_mappings().into_paginator().send();
    let mut readers = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| {
            Finding::failed(THING, "lambda:ListEventSourceMappings", "the mappings of the account", error)
        })?;
        readers.extend(page.event_source_mappings.unwrap_or_default());
    }
    readers.retain(|mapping| mapping.event_source_arn().is_some_and(|source| source.starts_with(&streams)));
    Ok(readers)
}

/// The name of a mapping's function, without a version or an alias.
fn function(mapping: &EventSourceMappingConfiguration) -> &str {
    let arn = mapping.function_arn().unwrap_or_default();
    arn.split(':').nth(6).unwrap_or(arn)
}

fn judged(mapping: &EventSourceMappingConfiguration, table: &Table) -> Vec<Finding> {
    let not_well = |says: String, advice: String| Finding::not_well(THING, says, advice);
    let (id, name) = (mapping.uuid().unwrap_or_default(), function(mapping));
    let mut findings = Vec::new();
    if table.stream.is_some() && mapping.event_source_arn() != table.stream.as_deref() {
        findings.push(not_well(
            format!(
                "{name} reads an older stream of the table than {}",
                table.stream.as_deref().unwrap_or_default()
            ),
            "Deploy again so that the mapping reads the present stream, and recount.".to_owned(),
        ));
    }
    let state = mapping.state().unwrap_or("in no state that is told");
    let reason = mapping.state_transition_reason().map(|reason| format!(" ({reason})")).unwrap_or_default();
    match state {
        "Enabled" => {}
        "Creating" | "Enabling" | "Updating" => {
            findings.push(Finding::remark(THING, format!("{name}: {state}"), "Check again in a minute."));
        }
        _ => findings.push(not_well(
            format!("{name}: {state}{reason}: the metrics stand still"),
            format!("`aws lambda update-event-source-mapping --enabled --uuid {id}`, within a day of when it stopped."),
        )),
    }
    let window = mapping.tumbling_window_in_seconds();
    match window {
        Some(1..) => {}
        Some(_) => findings.push(not_well(
            format!("{name}: no tumbling window, without which the rollup is not told its shard"),
            format!("`aws lambda update-event-source-mapping --tumbling-window-in-seconds 30 --uuid {id}`"),
        )),
        None => findings.push(Finding::not_looked_at(THING, "whether it has a tumbling window is not told")),
    }
    let result = mapping.last_processing_result().unwrap_or("none");
    if result.starts_with("PROBLEM") {
        findings.push(not_well(
            format!("{name}: {result}"),
            "Look for ERROR in the log of the rollup. It is tried for a day; mended within that, nothing is lost."
                .to_owned(),
        ));
    }
    let gives_up = mapping.maximum_retry_attempts().is_some_and(|attempts| attempts != -1)
        || mapping.maximum_record_age_in_seconds().is_some_and(|age| age != -1)
        || mapping.bisect_batch_on_function_error() == Some(true);
    if gives_up {
        let advice = "The template has -1 attempts, -1 seconds and no bisecting: what is given up is lost.";
        findings.push(Finding::remark(
            THING,
            format!("{name}: it gives records up before the stream does"),
            advice,
        ));
    }
    if findings.iter().all(|finding| finding.state != super::State::NotWell) {
        let window = window.map_or_else(String::new, |seconds| format!(", with a window of {seconds} s"));
        let says = format!("{name} reads the table's stream, {state}{window}; last result: {result}");
        findings.insert(0, Finding::well(THING, says));
    }
    findings
}
