//! The routes of the pages: an API beside the one that SAM knows, with routes and integrations of its own and nobody
//! who asks for a token.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, de::IgnoredAny};

use super::{
    api::{Route, is_served_here},
    document::{Resource, resolved},
    scope::Scope,
};

/// The resources of such APIs, by their ids, as far as they are read.
#[derive(Default)]
pub(super) struct PageRoutes {
    apis: BTreeMap<String, PageApi>,
    integrations: BTreeMap<String, Integration>,
    routes: BTreeMap<String, PageRoute>,
    stages: BTreeMap<String, Stage>,
    permissions: BTreeMap<String, Permission>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PageApi {
    protocol_type: String,
    #[serde(rename = "Name")]
    _name: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the names are CloudFormation's")]
struct Integration {
    api_id: String,
    integration_type: String,
    integration_uri: String,
    payload_format_version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PageRoute {
    api_id: String,
    route_key: String,
    target: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the names are CloudFormation's")]
struct Stage {
    api_id: String,
    stage_name: String,
    auto_deploy: bool,
    #[serde(rename = "DefaultRouteSettings")]
    _default_route_settings: Option<IgnoredAny>,
    #[serde(rename = "AccessLogSettings")]
    _access_log_settings: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Permission {
    function_name: String,
    action: String,
    principal: String,
    source_arn: String,
}

impl PageRoutes {
    /// Adds a resource if it is of such an API; tells whether it is.
    pub(super) fn add(&mut self, logical_id: &str, resource: &Resource, scope: &Scope) -> Result<bool> {
        let (id, properties) = (logical_id.to_owned(), &resource.properties);
        match resource.r#type.as_str() {
            "AWS::ApiGatewayV2::Api" => drop(self.apis.insert(id, resolved(properties, scope)?)),
            "AWS::ApiGatewayV2::Integration" => {
                drop(self.integrations.insert(id, resolved(properties, scope)?));
            }
            "AWS::ApiGatewayV2::Route" => drop(self.routes.insert(id, resolved(properties, scope)?)),
            "AWS::ApiGatewayV2::Stage" => drop(self.stages.insert(id, resolved(properties, scope)?)),
            "AWS::Lambda::Permission" => drop(self.permissions.insert(id, resolved(properties, scope)?)),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The routes by the function that each invokes. What would not work when it is deployed is an error.
    pub(super) fn by_function(&self) -> Result<BTreeMap<String, Vec<Route>>> {
        let mut routes = BTreeMap::<String, Vec<Route>>::new();
        for (id, route) in &self.routes {
            let (function, route) = self.resolve(route).with_context(|| format!("in resource {id}"))?;
            routes.entry(function.to_owned()).or_default().push(route);
        }
        Ok(routes)
    }

    fn resolve(&self, route: &PageRoute) -> Result<(&str, Route)> {
        let PageRoute { api_id, route_key, target } = route;
        let (method, path) = route_key.split_once(' ').context("RouteKey is a method and a path")?;
        ensure!(method == "GET" && is_served_here(path), "the route {route_key} is not understood here");
        let api = self.apis.get(api_id).with_context(|| format!("there is no API {api_id}"))?;
        ensure!(api.protocol_type == "HTTP", "an API of type {} is not understood here", api.protocol_type);
        let is_live =
            |stage: &Stage| stage.api_id == *api_id && stage.stage_name == "$default" && stage.auto_deploy;
        ensure!(
            self.stages.values().any(is_live),
            "{api_id} has no stage $default that is deployed by itself"
        );
        let integration = target.strip_prefix("integrations/").and_then(|id| self.integrations.get(id));
        let integration = integration.with_context(|| format!("there is no integration {target}"))?;
        ensure!(
            integration.api_id == *api_id
                && integration.integration_type == "AWS_PROXY"
                && integration.payload_format_version == "2.0",
            "{target} is not understood here"
        );
        let function = integration.integration_uri.strip_suffix(".Arn");
        let function = function.with_context(|| format!("{target} is no function's"))?;
        let may_invoke = |permission: &Permission| {
            permission.function_name == function
                && permission.action == "lambda:InvokeFunction"
                && permission.principal == "apigateway.amazonaws.com"
                && permission.source_arn.ends_with(&format!(":{api_id}/*"))
        };
        ensure!(self.permissions.values().any(may_invoke), "{api_id} may not invoke {function}");
        let (method, path) = (method.to_owned(), path.to_owned());
        Ok((function, Route { method, path, authorizer: None, scopes: Vec::new() }))
    }
}
