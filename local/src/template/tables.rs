//! The tables: keys, indexes, time to live and stream, and the names that they have here.

use std::collections::BTreeMap;

use serde::{Deserialize, de::IgnoredAny};
use serde_json::json;

use super::document::Document;

pub(super) const TABLE: &str = "AWS::DynamoDB::Table";

/// A table of the deployment, or of this machine in its place.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its id in the template, by which policies and streams name it.
    pub logical_id: String,
    /// The name by which requests name it.
    pub name: String,
    /// Keys, indexes, TTL and stream.
    pub definition: TableDefinition,
}

/// The properties of a table that an engine needs.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are CloudFormation's")]
pub struct TableDefinition {
    pub attribute_definitions: Vec<AttributeDefinition>,
    pub key_schema: Vec<KeySchemaElement>,
    #[serde(default)]
    pub local_secondary_indexes: Vec<LocalSecondaryIndex>,
    pub time_to_live_specification: Option<TimeToLive>,
    pub stream_specification: Option<Stream>,
    pub billing_mode: String,
    #[serde(rename = "DeletionProtectionEnabled")]
    _deletion_protection_enabled: Option<IgnoredAny>,
    #[serde(rename = "SSESpecification")]
    _sse_specification: Option<IgnoredAny>,
    /// Of a table that was restored under a name of its own. Here it has another, as all tables do.
    #[serde(rename = "TableName")]
    _table_name: Option<IgnoredAny>,
    #[serde(rename = "Tags")]
    _tags: Option<IgnoredAny>,
    #[serde(rename = "PointInTimeRecoverySpecification")]
    _point_in_time_recovery_specification: Option<IgnoredAny>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are CloudFormation's")]
pub struct AttributeDefinition {
    pub attribute_name: String,
    pub attribute_type: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are CloudFormation's")]
pub struct KeySchemaElement {
    pub attribute_name: String,
    pub key_type: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are CloudFormation's")]
pub struct LocalSecondaryIndex {
    pub index_name: String,
    pub key_schema: Vec<KeySchemaElement>,
    pub projection: Projection,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are CloudFormation's")]
pub struct Projection {
    pub projection_type: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are CloudFormation's")]
pub struct TimeToLive {
    pub attribute_name: String,
    pub enabled: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are CloudFormation's")]
pub struct Stream {
    pub stream_view_type: String,
}

/// The name of each table by its id: what overrides the variable that refers to it, else the id.
pub(super) fn table_names(
    document: &Document,
    overrides: &dyn Fn(&str) -> Option<String>,
) -> BTreeMap<String, String> {
    let named = |id: &str| {
        let reference = json!({ "Ref": id });
        let variable = document.shared_variables().iter().find(|(_, value)| **value == reference);
        variable.and_then(|(name, _)| overrides(name)).unwrap_or_else(|| id.to_owned())
    };
    let tables = document.resources.iter().filter(|(_, resource)| resource.r#type == TABLE);
    tables.map(|(id, _)| (id.clone(), named(id))).collect()
}
