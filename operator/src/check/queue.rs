//! The queue that takes the place of records which Lambda gave up.

use aws_sdk_lambda::types::EventSourceMappingConfiguration;
use aws_sdk_sqs::{Client, types::QueueAttributeName};

use super::Finding;

const THING: &str = "failures";

const COUNTS: [QueueAttributeName; 3] = [
    QueueAttributeName::ApproximateNumberOfMessages,
    QueueAttributeName::ApproximateNumberOfMessagesDelayed,
    QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
];

/// Looks at the queue that the mapping names.
pub(super) async fn look(client: &Client, mapping: Option<&EventSourceMappingConfiguration>) -> Finding {
    let Some(mapping) = mapping else {
        return Finding::not_looked_at(THING, "the mapping, which names the queue, is not known");
    };
    let failure = mapping.destination_config().and_then(|config| config.on_failure());
    let Some(arn) = failure.and_then(|failure| failure.destination()).filter(|arn| !arn.is_empty()) else {
        let advice = "Nobody would know of records that Lambda gives up: deploy the template's queue again.";
        return Finding::not_well(THING, "the mapping has no place for them", advice);
    };
    let parts: Vec<&str> = arn.split(':').collect();
    let &["arn", _, "sqs", _, account, name] = parts.as_slice() else {
        return Finding::not_looked_at(THING, format!("{arn} is no queue"));
    };
    let found = client.get_queue_url().queue_name(name).queue_owner_aws_account_id(account).send().await;
    let url = match found {
        Ok(found) => found.queue_url,
        Err(error) => return Finding::failed(THING, "sqs:GetQueueUrl", name, error),
    };
    let counted = client.get_queue_attributes().set_queue_url(url).set_attribute_names(Some(COUNTS.into()));
    let attributes = match counted.send().await {
        Ok(counted) => counted.attributes.unwrap_or_default(),
        Err(error) => return Finding::failed(THING, "sqs:GetQueueAttributes", name, error),
    };
    let counts = COUNTS.iter().map(|count| attributes.get(count).and_then(|text| text.parse::<u64>().ok()));
    match counts.sum::<Option<u64>>() {
        Some(0) => Finding::well(THING, format!("{name} is empty")),
        Some(count) => Finding::not_well(
            THING,
            format!("{name} has {count} messages: Lambda gave up on records of the stream"),
            "See RollupGaveUp in docs/operations.md: find the cause, repair the days, then empty the queue.",
        ),
        None => Finding::not_looked_at(THING, format!("{name} does not tell how many messages it has")),
    }
}
