//! What `template.yaml` says about routes, functions, settings and tables. The local server has no second list of
//! any of them, and refuses to start with a template that says something it does not understand.

mod api;
mod cloudformation;
mod document;
mod functions;
mod pages;
pub mod permissions;
mod scope;
mod streams;
mod tables;

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use self::{
    document::{
        Document, EventSourceMapping, FunctionProperties, ManagedPolicy, Parameter, Resource, UserPoolClient,
        read, resolved,
    },
    functions::Surroundings,
    pages::PageRoutes,
    permissions::Boundary,
    scope::{Scope, text_of},
    tables::{TABLE, table_names},
};

pub use self::{
    api::{Api, Cors, Route},
    functions::Function,
    streams::StreamMapping,
    tables::{
        AttributeDefinition, KeySchemaElement, LocalSecondaryIndex, Projection, Stream, Table,
        TableDefinition, TimeToLive,
    },
};

/// The template of this repository, as it was when this program was built: so it runs wherever it is.
pub const BUILT_IN: &str = include_str!("../../../template.yaml");

/// Values of a template's parameters.
#[derive(Clone, Debug)]
pub struct Values<'a> {
    /// What somebody asks for: there must be such parameters.
    pub given: &'a BTreeMap<String, String>,
    /// What follows from other things: where there are such parameters, and nobody asked for something else.
    pub assumed: Vec<(&'static str, String)>,
}

/// The deployment that the template describes, with parameters and references resolved.
#[derive(Clone, Debug)]
pub struct Template {
    /// Every function, in the order of their ids.
    pub functions: Vec<Function>,
    /// Every table, in the order of their ids.
    pub tables: Vec<Table>,
    /// The one API.
    pub api: Api,
    /// Which functions read which tables' streams.
    pub streams: Vec<StreamMapping>,
    /// Where the sign-in page of the user pool may send users back to.
    pub callback_urls: Vec<String>,
    /// What no function may do more than, if the template says so.
    pub boundary: Option<Boundary>,
}

const FUNCTION: &str = "AWS::Serverless::Function";
const API: &str = "AWS::Serverless::HttpApi";
const MAPPING: &str = "AWS::Lambda::EventSourceMapping";
const MANAGED_POLICY: &str = "AWS::IAM::ManagedPolicy";
const USER_POOL_CLIENT: &str = "AWS::Cognito::UserPoolClient";
/// Resources that change nothing about what the API does here.
const BESIDE: [&str; 12] = [
    "AWS::ApiGatewayV2::ApiMapping",
    "AWS::ApiGatewayV2::DomainName",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::Cognito::UserPool",
    "AWS::Cognito::UserPoolDomain",
    "AWS::Cognito::UserPoolGroup",
    "AWS::KMS::Alias",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
    "AWS::Logs::MetricFilter",
    "AWS::SQS::Queue",
];

impl Template {
    /// Reads the template at `path`, or the one that is built in, with these values of its parameters; the others have
    /// their defaults. Its APIs are at `url`, where that is known. `overrides` gives the environment variables of the functions that are not as the template says.
    pub fn read(
        path: Option<&Path>,
        parameters: &Values<'_>,
        url: Option<&str>,
        overrides: impl Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        let Some(path) = path else {
            return Self::parse(BUILT_IN, parameters, url, &overrides)
                .context("in the template that is built in");
        };
        let place = || format!("in {}", path.display());
        let text = fs::read_to_string(path).with_context(place)?;
        Self::parse(&text, parameters, url, &overrides).with_context(place)
    }

    /// The table of that id.
    pub fn table(&self, logical_id: &str) -> Result<&Table> {
        let table = self.tables.iter().find(|table| table.logical_id == logical_id);
        table.with_context(|| format!("there is no table {logical_id}"))
    }

    /// What the first of the functions that get an environment variable of that name get in it.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        let mut functions = self.functions.iter();
        functions.find_map(|function| function.environment.get(name)).map(String::as_str)
    }

    /// The environment variable in which functions get `value`.
    pub(crate) fn variable_with(&self, value: &str) -> Option<&str> {
        let mut variables = self.functions.iter().flat_map(|function| &function.environment);
        variables.find(|(_, own)| *own == value).map(|(name, _)| name.as_str())
    }

    /// The same of the template in `text`.
    pub fn parse(
        text: &str,
        parameters: &Values<'_>,
        url: Option<&str>,
        overrides: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        let mut document = Document::parse(text)?;
        document.set(parameters.given)?;
        document.assume(&parameters.assumed)?;
        let table_names = table_names(&document, overrides);
        let scope =
            Scope::with_conditions(references(&document, &table_names), &document.conditions)?.at(url);
        let mut resources = Resources::default();
        for (logical_id, resource) in &document.resources {
            let added = resources.add(logical_id, resource, &scope, &table_names);
            added.with_context(|| format!("in resource {logical_id}"))?;
        }
        let api = resources.the_api()?;
        let globals = &document.globals.function;
        let boundary =
            Boundary::read(globals.permissions_boundary.as_ref(), &resources.policies, &table_names)?;
        let around = Surroundings {
            globals,
            scope: &scope,
            api: &api,
            table_names: &table_names,
            boundary: boundary.as_ref(),
            overrides,
        };
        let function = |(logical_id, properties)| Function::of(logical_id, properties, &around);
        let mut functions =
            std::mem::take(&mut resources.functions).into_iter().map(function).collect::<Result<Vec<_>>>()?;
        let operations: Vec<Route> = functions.iter().flat_map(|function| function.routes.clone()).collect();
        for (logical_id, routes) in resources.page_routes.by_function()? {
            let function = functions.iter_mut().find(|function| function.logical_id == logical_id);
            function.with_context(|| format!("there is no function {logical_id}"))?.routes.extend(routes);
        }
        api.check_routes(&functions.iter().flat_map(|function| &function.routes).collect::<Vec<_>>())?;
        api.check_operations(&operations)?;
        let Resources { tables, streams, callback_urls, .. } = resources;
        Ok(Self { functions, tables, api, streams, callback_urls, boundary })
    }
}

/// The resources that there are, by what they are.
#[derive(Default)]
struct Resources {
    functions: Vec<(String, FunctionProperties)>,
    tables: Vec<Table>,
    apis: Vec<Api>,
    streams: Vec<StreamMapping>,
    /// The policies that are resources of their own, by their ids.
    policies: BTreeMap<String, Value>,
    page_routes: PageRoutes,
    callback_urls: Vec<String>,
}

impl Resources {
    /// Adds a resource, if its condition holds.
    fn add(
        &mut self,
        logical_id: &str,
        resource: &Resource,
        scope: &Scope,
        table_names: &BTreeMap<String, String>,
    ) -> Result<()> {
        if let Some(name) = &resource.condition
            && !scope.condition(name)?
        {
            return Ok(());
        }
        let properties = &resource.properties;
        match resource.r#type.as_str() {
            FUNCTION => self.functions.push((logical_id.to_owned(), read(properties)?)),
            API => self.apis.push(resolved(properties, scope)?),
            TABLE => self.tables.push(Table {
                logical_id: logical_id.to_owned(),
                name: table_names[logical_id].clone(),
                definition: resolved(properties, scope)?,
            }),
            MAPPING => {
                let mapping: EventSourceMapping = resolved(properties, scope)?;
                self.streams.push(StreamMapping::of(mapping)?);
            }
            MANAGED_POLICY => {
                let policy: ManagedPolicy = resolved(properties, scope)?;
                self.policies.insert(logical_id.to_owned(), policy.policy_document);
            }
            USER_POOL_CLIENT => {
                let client: UserPoolClient = read(properties)?;
                self.callback_urls.extend(client.callback_urls(scope)?);
            }
            other if BESIDE.contains(&other) => {}
            _ if self.page_routes.add(logical_id, resource, scope)? => {}
            other => bail!("it is of the type {other}, which is not understood here"),
        }
        Ok(())
    }

    fn the_api(&mut self) -> Result<Api> {
        let api = match self.apis.len() {
            1 => self.apis.remove(0),
            count => bail!("expected one {API}, found {count}"),
        };
        api.check()?;
        Ok(api)
    }
}

/// What names stand for in the template: parameters for their defaults, tables for their names here, and every other
/// resource for its own id.
fn references(document: &Document, table_names: &BTreeMap<String, String>) -> BTreeMap<String, Value> {
    let mut references: BTreeMap<String, Value> =
        table_names.iter().map(|(id, name)| (id.clone(), json!(name))).collect();
    for (name, value) in [
        ("AWS::StackName", "local"),
        ("AWS::Region", "local"),
        ("AWS::Partition", "aws"),
        ("AWS::AccountId", "000000000000"),
    ] {
        references.insert(name.to_owned(), json!(value));
    }
    for (name, parameter) in &document.parameters {
        references.insert(name.clone(), parameter_value(parameter));
    }
    for id in document.resources.keys() {
        references.entry(id.clone()).or_insert_with(|| json!(id));
    }
    references
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
