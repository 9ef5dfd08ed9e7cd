//! Creates the template's tables in an engine, as CloudFormation would.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use aws_sdk_dynamodb::{
    Client,
    operation::create_table::{CreateTableError, builders::CreateTableFluentBuilder},
    types::{
        AttributeDefinition, BillingMode, KeySchemaElement, LocalSecondaryIndex, Projection,
        StreamSpecification, TableDescription, TableStatus, TimeToLiveSpecification,
    },
};
use tokio::time::sleep;

use crate::template::{self, Table, TableDefinition, Template};

/// Creates each table that does not exist.
pub(crate) async fn create_all(client: &Client, tables: &[Table]) -> Result<()> {
    for table in tables {
        if !exists(client, table).await? {
            create(client, table).await.with_context(|| format!("creating the table {}", table.name))?;
        }
    }
    Ok(())
}

/// Checks that the tables which the functions use are there. In an account nothing is created: a table that is
/// missing means a wrong name.
pub(crate) async fn find_used(client: &Client, template: &Template) -> Result<()> {
    for table in &template.tables {
        let Some(variable) = template.variable_with(&table.name) else { continue };
        ensure!(
            exists(client, table).await?,
            "there is no table {} in this account and region: name the deployed {} in {variable}",
            table.name,
            table.logical_id
        );
    }
    Ok(())
}

/// Whether there is such a table. One of that name with other keys or indexes is an error.
async fn exists(client: &Client, table: &Table) -> Result<bool> {
    match client.describe_table().table_name(&table.name).send().await {
        Ok(output) => {
            let found = output.table.context("the engine does not describe the table")?;
            ensure!(
                has_shape_of(&found, &table.definition),
                "the table {} exists with other keys or indexes than the template's {}",
                table.name,
                table.logical_id
            );
            Ok(true)
        }
        Err(error) => match error.as_service_error() {
            Some(cause) if cause.is_resource_not_found_exception() => Ok(false),
            _ => Err(error).with_context(|| format!("looking for the table {}", table.name)),
        },
    }
}

/// Whether the attributes of keys and indexes are the same.
fn has_shape_of(found: &TableDescription, expected: &TableDefinition) -> bool {
    let mut shape = vec![names(found.key_schema(), |key| key.attribute_name())];
    for index in found.local_secondary_indexes() {
        shape.push(names(index.key_schema(), |key| key.attribute_name()));
    }
    let mut wanted = vec![names(&expected.key_schema, |key| &key.attribute_name)];
    for index in &expected.local_secondary_indexes {
        wanted.push(names(&index.key_schema, |key| &key.attribute_name));
    }
    shape == wanted
}

fn names<'a, K>(keys: &'a [K], name: impl Fn(&'a K) -> &'a str) -> Vec<&'a str> {
    keys.iter().map(name).collect()
}

async fn create(client: &Client, table: &Table) -> Result<()> {
    let definition = &table.definition;
    let request = request(client, &table.name, definition)?;
    if let Err(error) = request.send().await {
        // Another server made it in the meantime.
        if !error.as_service_error().is_some_and(CreateTableError::is_resource_in_use_exception) {
            return Err(error.into());
        }
        return wait_until_active(client, table).await;
    }
    wait_until_active(client, table).await?;
    if let Some(ttl) = &definition.time_to_live_specification {
        let ttl = TimeToLiveSpecification::builder()
            .attribute_name(&ttl.attribute_name)
            .enabled(ttl.enabled)
            .build()?;
        client.update_time_to_live().table_name(&table.name).time_to_live_specification(ttl).send().await?;
    }
    Ok(())
}

fn request(client: &Client, name: &str, definition: &TableDefinition) -> Result<CreateTableFluentBuilder> {
    let mut request = client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::from(definition.billing_mode.as_str()))
        .set_key_schema(Some(key_schema(&definition.key_schema)?));
    for attribute in &definition.attribute_definitions {
        let attribute = AttributeDefinition::builder()
            .attribute_name(&attribute.attribute_name)
            .attribute_type(attribute.attribute_type.as_str().into())
            .build()?;
        request = request.attribute_definitions(attribute);
    }
    for index in &definition.local_secondary_indexes {
        let projection =
            Projection::builder().projection_type(index.projection.projection_type.as_str().into()).build();
        let index = LocalSecondaryIndex::builder()
            .index_name(&index.index_name)
            .set_key_schema(Some(key_schema(&index.key_schema)?))
            .projection(projection)
            .build()?;
        request = request.local_secondary_indexes(index);
    }
    if let Some(stream) = &definition.stream_specification {
        let stream = StreamSpecification::builder()
            .stream_enabled(true)
            .stream_view_type(stream.stream_view_type.as_str().into())
            .build()?;
        request = request.stream_specification(stream);
    }
    Ok(request)
}

fn key_schema(schema: &[template::KeySchemaElement]) -> Result<Vec<KeySchemaElement>> {
    let element = |key: &template::KeySchemaElement| {
        let element = KeySchemaElement::builder()
            .attribute_name(&key.attribute_name)
            .key_type(key.key_type.as_str().into());
        Ok(element.build()?)
    };
    schema.iter().map(element).collect()
}

async fn wait_until_active(client: &Client, table: &Table) -> Result<()> {
    for _ in 0..100 {
        let output = client.describe_table().table_name(&table.name).send().await?;
        if output.table.and_then(|description| description.table_status) == Some(TableStatus::Active) {
            return Ok(());
        }
        sleep(Duration::from_millis(100)).await;
    }
    bail!("it did not become active")
}
