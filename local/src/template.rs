//! What `template.yaml` says about routes, functions, settings and tables. The local server has no second list of
//! any of them, and refuses to start with a template that says something it does not understand.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::Path,
};

use anyhow::{Context, Result, bail, ensure};
use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::{Value, json};

use crate::{
    cloudformation::{self, Scope, text_of},
    permissions::Permissions,
};

/// The deployment that the template describes, with parameters and references resolved.
#[derive(Clone, Debug)]
pub struct Template {
    /// Every function, in the order of their names.
    pub functions: Vec<Function>,
    /// Every table, in the order of their names.
    pub tables: Vec<Table>,
    /// The one API.
    pub api: Api,
    /// Which functions read which tables' streams.
    pub streams: Vec<StreamMapping>,
}

/// A function that is fed a table's stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamMapping {
    /// The function's id in the template.
    pub function: String,
    /// The table's id in the template.
    pub table: String,
    /// The most records that it gets at once.
    pub batch_size: i32,
}

/// A Lambda function.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its id in the template.
    pub logical_id: String,
    /// The crate that holds its code: the last part of `CodeUri`.
    pub crate_name: String,
    /// Its environment variables.
    pub environment: BTreeMap<String, String>,
    /// The routes that invoke it.
    pub routes: Vec<Route>,
    /// What it may do with the tables.
    pub permissions: Permissions,
}

/// A route of the API.
#[derive(Clone, Debug)]
pub struct Route {
    /// The HTTP method.
    pub method: String,
    /// The path, with parameters in braces.
    pub path: String,
    /// The authorizer's name; `None` if anybody may call.
    pub authorizer: Option<String>,
    /// The scopes of which the token must have one, if there are any.
    pub scopes: Vec<String>,
}

/// The HTTP API.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Api {
    /// Which pages may call it.
    pub cors_configuration: Cors,
    /// Who may call it.
    auth: Auth,
    #[serde(default)]
    route_settings: BTreeMap<String, Value>,
    #[serde(rename = "DefaultRouteSettings")]
    _default_route_settings: Option<IgnoredAny>,
    #[serde(rename = "AccessLogSettings")]
    _access_log_settings: Option<IgnoredAny>,
    #[serde(default, rename = "FailOnWarnings")]
    _fail_on_warnings: bool,
}

/// Which pages may call the API, and how.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Cors {
    /// The origins, or `*`.
    pub allow_origins: Vec<String>,
    /// The request headers.
    pub allow_headers: Vec<String>,
    /// The methods.
    pub allow_methods: Vec<String>,
    /// For how many seconds a browser may remember this.
    pub max_age: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Auth {
    default_authorizer: Option<String>,
    authorizers: HashMap<String, Authorizer>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Authorizer {
    identity_source: String,
    #[serde(rename = "JwtConfiguration")]
    _jwt_configuration: JwtConfiguration,
}

/// Not used: here the tokens are those of the development identity provider, or of `--issuer`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct JwtConfiguration {
    #[serde(rename = "issuer")]
    _issuer: String,
    #[serde(rename = "audience")]
    _audience: Vec<String>,
}

/// A table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its id in the template.
    pub logical_id: String,
    /// The name it has here.
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

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Document {
    parameters: BTreeMap<String, Parameter>,
    globals: Globals,
    resources: BTreeMap<String, Resource>,
    #[serde(default)]
    conditions: BTreeMap<String, Value>,
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
struct Parameter {
    r#type: String,
    default: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Globals {
    function: GlobalFunction,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GlobalFunction {
    environment: Environment,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Environment {
    variables: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Resource {
    r#type: String,
    #[serde(default)]
    properties: Value,
    condition: Option<String>,
    #[serde(rename = "Metadata")]
    _metadata: Option<IgnoredAny>,
    #[serde(rename = "DeletionPolicy")]
    _deletion_policy: Option<IgnoredAny>,
    #[serde(rename = "UpdateReplacePolicy")]
    _update_replace_policy: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct FunctionProperties {
    code_uri: String,
    #[serde(default)]
    policies: Vec<Value>,
    #[serde(rename = "MemorySize")]
    _memory_size: Option<IgnoredAny>,
    #[serde(default)]
    environment: Environment,
    #[serde(default)]
    events: BTreeMap<String, Event>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Event {
    r#type: String,
    properties: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct HttpApiEvent {
    #[serde(rename = "ApiId")]
    _api_id: String,
    method: String,
    path: String,
    #[serde(default)]
    auth: EventAuth,
}

/// What the local pump cannot do otherwise is checked: it is to behave like the mapping.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct EventSourceMapping {
    event_source_arn: String,
    function_name: String,
    starting_position: String,
    batch_size: i32,
    tumbling_window_in_seconds: u32,
    maximum_retry_attempts: i64,
    maximum_record_age_in_seconds: i64,
    bisect_batch_on_function_error: bool,
    parallelization_factor: u32,
    #[serde(rename = "MaximumBatchingWindowInSeconds")]
    _maximum_batching_window_in_seconds: Option<u32>,
    #[serde(rename = "DestinationConfig")]
    _destination_config: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct EventAuth {
    authorizer: Option<String>,
    #[serde(default)]
    authorization_scopes: Vec<String>,
}

const FUNCTION: &str = "AWS::Serverless::Function";
const API: &str = "AWS::Serverless::HttpApi";
const TABLE: &str = "AWS::DynamoDB::Table";
const MAPPING: &str = "AWS::Lambda::EventSourceMapping";
/// Resources that change nothing about what the API does here.
const BESIDE: [&str; 9] = [
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::Cognito::UserPool",
    "AWS::Cognito::UserPoolClient",
    "AWS::Cognito::UserPoolDomain",
    "AWS::Cognito::UserPoolGroup",
    "AWS::Logs::LogGroup",
    "AWS::Logs::MetricFilter",
    "AWS::SQS::Queue",
];

impl Template {
    /// Reads the template at `path`. `overrides` gives the environment variables of the functions that are not as
    /// the template says.
    pub fn read(path: &Path, overrides: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let place = || format!("in {}", path.display());
        let text = fs::read_to_string(path).with_context(place)?;
        Self::parse(&text, overrides).with_context(place)
    }

    /// The table of that id.
    pub fn table(&self, logical_id: &str) -> Result<&Table> {
        let table = self.tables.iter().find(|table| table.logical_id == logical_id);
        table.with_context(|| format!("there is no table {logical_id}"))
    }

    /// The environment variable in which functions get `value`.
    pub(crate) fn variable_with(&self, value: &str) -> Option<&str> {
        let mut variables = self.functions.iter().flat_map(|function| &function.environment);
        variables.find(|(_, own)| *own == value).map(|(name, _)| name.as_str())
    }

    fn parse(text: &str, overrides: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let document: Document = serde_json::from_value(cloudformation::parse(text)?)?;
        let variables = |own: Environment| {
            let mut all = document.globals.function.environment.variables.clone();
            all.extend(own.variables);
            all
        };
        let names = table_names(&document, &overrides);
        let mut references: BTreeMap<String, Value> =
            names.iter().map(|(id, name)| (id.clone(), json!(name))).collect();
        for (name, value) in [("AWS::StackName", "local"), ("AWS::Region", "local")] {
            references.insert(name.to_owned(), json!(value));
        }
        for (name, parameter) in &document.parameters {
            references.insert(name.clone(), parameter_value(parameter));
        }
        for id in document.resources.keys() {
            references.entry(id.clone()).or_insert_with(|| json!(id));
        }
        let scope = Scope::with_conditions(references, &document.conditions)?;

        let (mut functions, mut tables, mut apis, mut streams) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (logical_id, resource) in &document.resources {
            let place = || format!("in resource {logical_id}");
            if let Some(name) = &resource.condition
                && !*scope.conditions.get(name).with_context(|| format!("there is no condition {name}"))?
            {
                continue;
            }
            match resource.r#type.as_str() {
                FUNCTION => {
                    let properties: FunctionProperties = read(&resource.properties).with_context(place)?;
                    functions.push((logical_id.clone(), properties));
                }
                API => apis.push(resolved::<Api>(&resource.properties, &scope).with_context(place)?),
                TABLE => tables.push(Table {
                    logical_id: logical_id.clone(),
                    name: names[logical_id].clone(),
                    definition: resolved(&resource.properties, &scope).with_context(place)?,
                }),
                MAPPING => {
                    let mapping: EventSourceMapping =
                        resolved(&resource.properties, &scope).with_context(place)?;
                    streams.push(mapping.read().with_context(place)?);
                }
                other if BESIDE.contains(&other) => {}
                other => bail!("resource {logical_id} is of the type {other}, which is not understood here"),
            }
        }
        let api = match apis.len() {
            1 => apis.remove(0),
            count => bail!("expected one {API}, found {count}"),
        };
        api.check()?;
        let functions = functions
            .into_iter()
            .map(|(logical_id, properties)| {
                let place = format!("in function {logical_id}");
                let mut environment = BTreeMap::new();
                for (name, value) in variables(properties.environment) {
                    let value = scope.resolve(&value).with_context(|| place.clone())?;
                    environment.insert(name.clone(), overrides(&name).unwrap_or_else(|| text_of(&value)));
                }
                let crate_name = properties
                    .code_uri
                    .trim_end_matches('/')
                    .rsplit('/')
                    .next()
                    .unwrap_or_default()
                    .to_owned();
                let routes = properties
                    .events
                    .iter()
                    .map(|(name, event)| {
                        api.route(event, &scope).with_context(|| format!("{place}, event {name}"))
                    })
                    .collect::<Result<_>>()?;
                let policies = scope.resolve(&json!(properties.policies)).with_context(|| place.clone())?;
                let permissions =
                    Permissions::read(&logical_id, policies, |table| names.get(table).cloned())?;
                Ok(Function { logical_id, crate_name, environment, routes, permissions })
            })
            .collect::<Result<Vec<_>>>()?;
        check_routes(&functions)?;
        api.check_settings(&functions)?;
        Ok(Self { functions, tables, api, streams })
    }
}

impl EventSourceMapping {
    fn read(self) -> Result<StreamMapping> {
        let table = self.event_source_arn.strip_suffix(".StreamArn");
        let table =
            table.with_context(|| format!("the source {} is no table's stream", self.event_source_arn))?;
        ensure!(
            self.starting_position == "TRIM_HORIZON"
                && self.tumbling_window_in_seconds > 0
                && (self.maximum_retry_attempts, self.maximum_record_age_in_seconds) == (-1, -1)
                && !self.bisect_batch_on_function_error
                && self.parallelization_factor == 1,
            "a mapping that may skip or reorder records is not understood here"
        );
        Ok(StreamMapping {
            function: self.function_name,
            table: table.to_owned(),
            batch_size: self.batch_size,
        })
    }
}

/// Each route once, and none that differs from another in the name of a parameter alone.
fn check_routes(functions: &[Function]) -> Result<()> {
    let mut seen = HashMap::<String, Vec<&Route>>::new();
    for route in functions.iter().flat_map(|function| &function.routes) {
        let mut shape = String::new();
        for segment in route.path.split('/') {
            let name = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            ensure!(
                name != Some("") && !name.unwrap_or(segment).contains(['{', '}', '*', ':', '+']),
                "the path {} is not understood here",
                route.path
            );
            shape.push('/');
            shape.push_str(if name.is_some() { "{}" } else { segment });
        }
        let others = seen.entry(shape).or_default();
        for other in others.iter() {
            ensure!(
                other.path == route.path && other.method != route.method,
                "{} {} cannot be told from {} {}",
                route.method,
                route.path,
                other.method,
                other.path
            );
        }
        others.push(route);
    }
    Ok(())
}

impl Api {
    fn check(&self) -> Result<()> {
        for (name, authorizer) in &self.auth.authorizers {
            ensure!(
                authorizer.identity_source == "$request.header.Authorization",
                "authorizer {name}: the identity source {} is not understood here",
                authorizer.identity_source
            );
        }
        let cors = &self.cors_configuration;
        ensure!(
            cors.allow_origins.iter().all(|origin| origin == "*" || !origin.contains('*')),
            "AllowOrigins: an origin with a wildcard in it is not understood here"
        );
        Ok(())
    }

    /// API Gateway refuses settings of a route that there is not.
    fn check_settings(&self, functions: &[Function]) -> Result<()> {
        let routes: Vec<String> = functions
            .iter()
            .flat_map(|function| &function.routes)
            .map(|route| format!("{} {}", route.method, route.path))
            .collect();
        for name in self.route_settings.keys() {
            ensure!(routes.contains(name), "RouteSettings: there is no route {name}");
        }
        Ok(())
    }

    fn route(&self, event: &Event, scope: &Scope) -> Result<Route> {
        ensure!(event.r#type == "HttpApi", "the event type {} is not understood here", event.r#type);
        let event: HttpApiEvent = resolved(&event.properties, scope)?;
        ensure!(
            ["GET", "POST", "PUT", "PATCH", "DELETE"].contains(&event.method.as_str()),
            "the method {} is not understood here",
            event.method
        );
        ensure!(
            event.path.starts_with('/') && !is_the_providers(&event.path),
            "the path {} is not understood here",
            event.path
        );
        let authorizer = match event.auth.authorizer.or_else(|| self.auth.default_authorizer.clone()) {
            Some(name) if name == "NONE" => None,
            Some(name) => {
                ensure!(self.auth.authorizers.contains_key(&name), "there is no authorizer {name}");
                Some(name)
            }
            None => None,
        };
        Ok(Route {
            method: event.method,
            path: event.path,
            authorizer,
            scopes: event.auth.authorization_scopes,
        })
    }
}

/// Paths at which the development identity provider is.
fn is_the_providers(path: &str) -> bool {
    path.starts_with("/oauth2/") || path.starts_with("/.well-known/")
}

/// The name of each table: what overrides the variable that refers to it, else its id.
fn table_names(document: &Document, overrides: impl Fn(&str) -> Option<String>) -> BTreeMap<String, String> {
    let variables = &document.globals.function.environment.variables;
    let named = |id: &str| {
        let variable = variables.iter().find(|(_, value)| **value == json!({ "Ref": id }));
        variable.and_then(|(name, _)| overrides(name)).unwrap_or_else(|| id.to_owned())
    };
    let tables = document.resources.iter().filter(|(_, resource)| resource.r#type == TABLE);
    tables.map(|(id, _)| (id.clone(), named(id))).collect()
}

/// The default; a parameter without one stands as an empty text.
fn parameter_value(parameter: &Parameter) -> Value {
    let default = parameter.default.clone().unwrap_or_else(|| json!(""));
    if parameter.r#type == "CommaDelimitedList" {
        text_of(&default).split(',').map(str::trim).filter(|item| !item.is_empty()).collect()
    } else {
        default
    }
}

fn read<T: DeserializeOwned>(value: &Value) -> Result<T> {
    Ok(T::deserialize(value)?)
}

fn resolved<T: DeserializeOwned>(value: &Value, scope: &Scope) -> Result<T> {
    read(&scope.resolve(value)?)
}
