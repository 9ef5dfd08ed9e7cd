//! The two tables: there, with the keys and the index that the deployed code uses, and what the template switches on.

use aws_sdk_dynamodb::{
    Client,
    types::{
        AttributeDefinition, KeySchemaElement, PointInTimeRecoveryStatus, ProjectionType, StreamViewType,
        TableDescription, TableStatus, TimeToLiveStatus,
    },
};

use super::Finding;

/// Both tables have the same: names and types of the attributes.
const KEYS: &str = "pk S, sk S";

/// The index of the sessions that are stored as active.
const INDEX: (&str, &str) = ("active", "pk S, activeDay N");

/// The attribute that says when a record may be purged.
const PURGE_AT: &str = "purgeAt";

/// What there is to know of the sessions table.
pub(super) struct Table {
    pub(super) arn: String,
    /// The ARN of its stream, if that is on.
    pub(super) stream: Option<String>,
}

/// Looks at the sessions table; `None` if there is none to be seen.
pub(super) async fn sessions(client: &Client, name: &str, findings: &mut Vec<Finding>) -> Option<Table> {
    let table = described("sessions table", client, name, findings).await?;
    let (index, keys) = INDEX;
    let found = table.local_secondary_indexes().iter().find(|found| found.index_name() == Some(index));
    let has_index = found.is_some_and(|found| {
        let is_keys_only = found.projection().and_then(|projection| projection.projection_type());
        keys_of(found.key_schema(), table.attribute_definitions()) == keys
            && is_keys_only == Some(&ProjectionType::KeysOnly)
    });
    let missing =
        (!has_index).then(|| format!("there is no local index {index} with the keys {keys} and KEYS_ONLY"));
    findings.push(shape("sessions table", name, &table, missing));
    findings.push(stream(name, &table));
    findings.push(time_to_live(client, name).await);
    data_is_safe(client, name, &table, findings).await;
    let stream = table.latest_stream_arn().filter(|_| is_stream_on(&table)).map(str::to_owned);
    Some(Table { arn: table.table_arn?, stream })
}

/// Looks at the metrics table.
pub(super) async fn metrics(client: &Client, name: &str, findings: &mut Vec<Finding>) {
    if let Some(table) = described("metrics table", client, name, findings).await {
        findings.push(shape("metrics table", name, &table, None));
        data_is_safe(client, name, &table, findings).await;
    }
}

async fn described(
    thing: &'static str,
    client: &Client,
    name: &str,
    findings: &mut Vec<Finding>,
) -> Option<TableDescription> {
    match client.describe_table().table_name(name).send().await {
        Ok(output) => output.table,
        Err(error) => {
            findings.push(Finding::failed(thing, "dynamodb:DescribeTable", name, error));
            None
        }
    }
}

/// Status and keys, and what else the code needs and is `missing`.
fn shape(thing: &'static str, name: &str, table: &TableDescription, missing: Option<String>) -> Finding {
    let keys = keys_of(table.key_schema(), table.attribute_definitions());
    let wrong = (keys != KEYS).then(|| format!("its keys are {keys} and not {KEYS}")).or(missing);
    if let Some(wrong) = wrong {
        let advice =
            "Keys and local indexes are for ever: the functions need a table as the template makes it.";
        return Finding::not_well(thing, format!("{name}: {wrong}"), advice);
    }
    match table.table_status() {
        Some(TableStatus::Active) => Finding::well(thing, format!("{name} is ACTIVE, its keys are right")),
        Some(status @ TableStatus::Updating) => {
            Finding::remark(thing, format!("{name} is {status}"), "It works meanwhile. Check again later.")
        }
        status => {
            let status = status.map_or("in no state that is told", TableStatus::as_str);
            let advice = "Nothing can be written. A table that was deleted comes back from a backup, see Backups and \
                          restoring in docs/operations.md.";
            Finding::not_well(thing, format!("{name} is {status}"), advice)
        }
    }
}

/// `pk S, sk S`.
fn keys_of(schema: &[KeySchemaElement], attributes: &[AttributeDefinition]) -> String {
    let of_type = |name: &str| {
        let attribute = attributes.iter().find(|attribute| attribute.attribute_name == name);
        attribute.map_or("?", |attribute| attribute.attribute_type.as_str())
    };
    let keys = schema.iter().map(|key| format!("{} {}", key.attribute_name, of_type(&key.attribute_name)));
    keys.collect::<Vec<_>>().join(", ")
}

fn is_stream_on(table: &TableDescription) -> bool {
    table.stream_specification().is_some_and(|stream| stream.stream_enabled)
}

fn stream(name: &str, table: &TableDescription) -> Finding {
    let view = table.stream_specification().and_then(|stream| stream.stream_view_type());
    let advice = format!(
        "Without both images the metrics stand still. `aws dynamodb update-table --table-name {name} \
         --stream-specification StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES` (one with another view goes off \
         first), deploy again so that the mapping follows, and recount."
    );
    match (is_stream_on(table), view) {
        (true, Some(view @ StreamViewType::NewAndOldImages)) => {
            Finding::well("stream", format!("on, with {view}"))
        }
        (true, view) => {
            let view = view.map_or("no view", StreamViewType::as_str);
            Finding::not_well("stream", format!("on, with {view} and not NEW_AND_OLD_IMAGES"), advice)
        }
        (false, _) => Finding::not_well("stream", "off", advice),
    }
}

async fn time_to_live(client: &Client, name: &str) -> Finding {
    let thing = "time to live";
    let described = match client.describe_time_to_live().table_name(name).send().await {
        Ok(output) => output.time_to_live_description,
        Err(error) => return Finding::failed(thing, "dynamodb:DescribeTimeToLive", name, error),
    };
    let attribute = described.as_ref().and_then(|described| described.attribute_name());
    match described.as_ref().and_then(|described| described.time_to_live_status()) {
        Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling) if attribute == Some(PURGE_AT) => {
            Finding::well(thing, format!("on, by {PURGE_AT}"))
        }
        Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling) => Finding::not_well(
            thing,
            format!("on, by {} and not {PURGE_AT}", attribute.unwrap_or("no attribute")),
            "Records are never purged. Switch it off, and an hour later on again with the right attribute.",
        ),
        _ => Finding::not_well(
            thing,
            "off",
            format!(
                "Records are never purged. `aws dynamodb update-time-to-live --table-name {name} \
                 --time-to-live-specification Enabled=true,AttributeName={PURGE_AT}`"
            ),
        ),
    }
}

/// What is missed only once data is lost.
async fn data_is_safe(client: &Client, name: &str, table: &TableDescription, findings: &mut Vec<Finding>) {
    let thing = "recovery";
    findings.push(match client.describe_continuous_backups().table_name(name).send().await {
        Err(error) => Finding::failed(thing, "dynamodb:DescribeContinuousBackups", name, error),
        Ok(output) => {
            let described = output.continuous_backups_description;
            let recovery = described.and_then(|described| described.point_in_time_recovery_description);
            let status = recovery.and_then(|recovery| recovery.point_in_time_recovery_status);
            if status == Some(PointInTimeRecoveryStatus::Enabled) {
                Finding::well(thing, format!("{name} can be restored to any second"))
            } else {
                let advice = "The parameter PointInTimeRecovery switches it on.";
                Finding::remark(thing, format!("{name} cannot be restored to a point in time"), advice)
            }
        }
    });
    findings.push(if table.deletion_protection_enabled == Some(true) {
        Finding::well("protection", format!("{name} is protected from deletion"))
    } else {
        let advice = "The parameter DeletionProtection switches it on.";
        Finding::remark("protection", format!("{name} can be deleted"), advice)
    });
}
