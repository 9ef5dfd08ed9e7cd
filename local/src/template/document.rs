//! The shape of the document, as far as it is understood here: what is in none of these structures is an error. A field
//! that begins with an underscore may be there and changes nothing.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::{Value, json};

use super::{
    cloudformation,
    scope::{Scope, text_of},
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Document {
    pub(super) parameters: BTreeMap<String, Parameter>,
    pub(super) globals: Globals,
    pub(super) resources: BTreeMap<String, Resource>,
    #[serde(default)]
    pub(super) conditions: BTreeMap<String, Value>,
    #[serde(rename = "Rules")]
    _rules: Option<IgnoredAny>,
    #[serde(rename = "AWSTemplateFormatVersion")]
    _version: IgnoredAny,
    #[serde(rename = "Transform")]
    _transform: IgnoredAny,
    #[serde(rename = "Description")]
    _description: Option<IgnoredAny>,
    #[serde(rename = "Outputs")]
    _outputs: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Parameter {
    pub(super) r#type: String,
    pub(super) default: Option<Value>,
    pub(super) allowed_values: Option<Vec<Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Globals {
    pub(super) function: GlobalFunction,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GlobalFunction {
    pub(super) memory_size: u32,
    pub(super) timeout: u64,
    pub(super) environment: Variables,
    pub(super) permissions_boundary: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Variables {
    pub(super) variables: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Resource {
    pub(super) r#type: String,
    #[serde(default)]
    pub(super) properties: Value,
    pub(super) condition: Option<String>,
    #[serde(rename = "Metadata")]
    _metadata: Option<IgnoredAny>,
    #[serde(rename = "DependsOn")]
    _depends_on: Option<IgnoredAny>,
    #[serde(rename = "DeletionPolicy")]
    _deletion_policy: Option<IgnoredAny>,
    #[serde(rename = "UpdateReplacePolicy")]
    _update_replace_policy: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct FunctionProperties {
    pub(super) code_uri: String,
    #[serde(default)]
    pub(super) policies: Vec<Value>,
    pub(super) memory_size: Option<u32>,
    pub(super) timeout: Option<u64>,
    #[serde(default)]
    pub(super) environment: Variables,
    #[serde(default)]
    pub(super) events: BTreeMap<String, RouteEvent>,
}

/// What invokes a function beside an event source mapping.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct RouteEvent {
    pub(super) r#type: String,
    pub(super) properties: Value,
}

/// The properties of a [`RouteEvent`] of the type `HttpApi`, the only one that is understood.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct HttpApiEvent {
    #[serde(rename = "ApiId")]
    _api_id: String,
    pub(super) method: String,
    pub(super) path: String,
    #[serde(default)]
    pub(super) auth: RouteAuth,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct RouteAuth {
    pub(super) authorizer: Option<String>,
    #[serde(default)]
    pub(super) authorization_scopes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct EventSourceMapping {
    pub(super) event_source_arn: String,
    pub(super) function_name: String,
    pub(super) starting_position: String,
    pub(super) batch_size: i32,
    pub(super) tumbling_window_in_seconds: u32,
    pub(super) maximum_retry_attempts: i64,
    pub(super) maximum_record_age_in_seconds: i64,
    pub(super) bisect_batch_on_function_error: bool,
    pub(super) parallelization_factor: u32,
    #[serde(rename = "MaximumBatchingWindowInSeconds")]
    _maximum_batching_window_in_seconds: Option<u32>,
    #[serde(rename = "DestinationConfig")]
    _destination_config: Option<IgnoredAny>,
}

/// A policy that several roles may have.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ManagedPolicy {
    pub(super) policy_document: Value,
    #[serde(rename = "Description")]
    _description: Option<IgnoredAny>,
}

/// Of a user pool's client only where its sign-in page may send users: the provider for development stands in for that.
#[derive(Deserialize)]
pub(super) struct UserPoolClient {
    #[serde(default, rename = "CallbackURLs")]
    callback_urls: Value,
}

impl UserPoolClient {
    pub(super) fn callback_urls(&self, scope: &Scope) -> Result<Vec<String>> {
        let urls: Option<Vec<String>> = resolved(&self.callback_urls, scope).context("in CallbackURLs")?;
        Ok(urls.unwrap_or_default())
    }
}

impl Document {
    pub(super) fn parse(text: &str) -> Result<Self> {
        Ok(serde_json::from_value(cloudformation::parse(text)?)?)
    }

    /// Gives parameters other values than their defaults.
    pub(super) fn set(&mut self, values: &BTreeMap<String, String>) -> Result<()> {
        for (name, value) in values {
            let parameter = self.parameters.get_mut(name);
            let parameter = parameter.with_context(|| format!("there is no parameter {name}"))?;
            if let Some(allowed) = &parameter.allowed_values {
                let allowed: Vec<String> = allowed.iter().map(text_of).collect();
                ensure!(allowed.contains(value), "{name} is one of {}, not {value}", allowed.join(", "));
            }
            parameter.default = Some(match parameter.r#type.as_str() {
                "Number" => json!(value.parse::<i64>().with_context(|| format!("{name} is a number"))?),
                _ => json!(value),
            });
        }
        Ok(())
    }

    /// Gives these parameters values, if they are there and have none but an empty default.
    pub(super) fn assume(&mut self, values: &[(&str, String)]) -> Result<()> {
        let is_open = |name: &str| {
            let parameter = self.parameters.get(name);
            parameter
                .is_some_and(|parameter| parameter.default.as_ref().is_none_or(|value| *value == json!("")))
        };
        let values = values.iter().filter(|(name, _)| is_open(name));
        let values = values.map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        self.set(&values)
    }

    /// The environment variables that all functions have.
    pub(super) fn shared_variables(&self) -> &BTreeMap<String, Value> {
        &self.globals.function.environment.variables
    }
}

/// Properties in their shape, as they are written.
pub(super) fn read<T: DeserializeOwned>(value: &Value) -> Result<T> {
    Ok(T::deserialize(value)?)
}

/// Properties in their shape, without intrinsic functions.
pub(super) fn resolved<T: DeserializeOwned>(value: &Value, scope: &Scope) -> Result<T> {
    read(&scope.resolve(value)?)
}
