//! The HTTP API: its routes, who may call them, and which pages.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, json};

use super::{
    document::{HttpApiEvent, RouteEvent, resolved},
    scope::Scope,
};

/// The HTTP API, with what is checked or used of it here.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Api {
    definition_body: Definition,
    auth: Auth,
    #[serde(default)]
    route_settings: BTreeMap<String, Value>,
    #[serde(rename = "DefaultRouteSettings")]
    _default_route_settings: Option<IgnoredAny>,
    #[serde(rename = "AccessLogSettings")]
    _access_log_settings: Option<IgnoredAny>,
    #[serde(default, rename = "FailOnWarnings")]
    _fail_on_warnings: bool,
    #[serde(rename = "DisableExecuteApiEndpoint")]
    _disable_execute_api_endpoint: Option<IgnoredAny>,
}

/// The OpenAPI document to which SAM adds the routes of the functions.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Definition {
    #[serde(rename = "x-amazon-apigateway-cors")]
    cors: Cors,
    /// What SAM does not write down of the functions' routes: by path and method in lower case.
    paths: BTreeMap<String, BTreeMap<String, Operation>>,
    #[serde(rename = "servers")]
    _servers: Option<IgnoredAny>,
    #[serde(rename = "openapi")]
    _openapi: IgnoredAny,
    #[serde(rename = "info")]
    _info: IgnoredAny,
}

/// A route's part of an OpenAPI document.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Operation {
    #[serde(default)]
    parameters: Vec<Value>,
    responses: BTreeMap<String, Value>,
}

/// Which pages may call the API, and how.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cors {
    /// The origins, or `*`.
    pub allow_origins: Vec<String>,
    /// Whether a page may send cookies and the like.
    #[serde(default)]
    pub allow_credentials: bool,
    /// The request headers that a page may send.
    pub allow_headers: Vec<String>,
    /// The methods that a page may use.
    pub allow_methods: Vec<String>,
    /// The response headers that a page may read.
    #[serde(default)]
    pub expose_headers: Vec<String>,
    /// For how many seconds a browser may remember this.
    pub max_age: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Auth {
    default_authorizer: Option<String>,
    authorizers: HashMap<String, JwtAuthorizer>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct JwtAuthorizer {
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

/// What the gateway tells requests apart by, and who may send them.
#[derive(Clone, Debug)]
pub struct Route {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: String,
    /// From the slash on, with parameters in braces.
    pub path: String,
    /// The authorizer's name; `None` if anybody may call.
    pub authorizer: Option<String>,
    /// The scopes of which the token must have one, if there are any.
    pub scopes: Vec<String>,
}

impl Route {
    /// As events and route settings name it: `GET /user-sessions`.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The names of the path's parameters.
    fn parameters(&self) -> impl Iterator<Item = &str> {
        self.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
    }

    /// The path with its parameters' names left out. Paths of the same shape are the same to a router.
    fn shape(&self) -> Result<String> {
        let mut shape = String::new();
        for segment in self.path.split('/') {
            let name = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            ensure!(
                name != Some("") && !name.unwrap_or(segment).contains(['{', '}', '*', ':', '+']),
                "the path {} is not understood here",
                self.path
            );
            shape.push('/');
            shape.push_str(if name.is_some() { "{}" } else { segment });
        }
        Ok(shape)
    }
}

impl Api {
    /// Which pages may call it.
    #[must_use]
    pub fn cors(&self) -> &Cors {
        &self.definition_body.cors
    }

    /// Refuses what the gateway here would do in another way.
    pub(super) fn check(&self) -> Result<()> {
        for (name, authorizer) in &self.auth.authorizers {
            ensure!(
                authorizer.identity_source == "$request.header.Authorization",
                "authorizer {name}: the identity source {} is not understood here",
                authorizer.identity_source
            );
        }
        let cors = self.cors();
        ensure!(
            cors.allow_origins.iter().all(|origin| origin == "*" || !origin.contains('*')),
            "allowOrigins: an origin with a wildcard in it is not understood here"
        );
        ensure!(
            !cors.allow_credentials || cors.allow_origins.iter().all(|origin| origin != "*"),
            "allowCredentials needs named origins"
        );
        Ok(())
    }

    /// The route that an event of a function is.
    pub(super) fn route(&self, event: &RouteEvent, scope: &Scope) -> Result<Route> {
        ensure!(event.r#type == "HttpApi", "the event type {} is not understood here", event.r#type);
        let event: HttpApiEvent = resolved(&event.properties, scope)?;
        ensure!(
            ["GET", "POST", "PUT", "PATCH", "DELETE"].contains(&event.method.as_str()),
            "the method {} is not understood here",
            event.method
        );
        ensure!(is_served_here(&event.path), "the path {} is not understood here", event.path);
        let authorizer = event.auth.authorizer.or_else(|| self.auth.default_authorizer.clone());
        let authorizer = authorizer.filter(|name| name != "NONE");
        if let Some(name) = &authorizer {
            ensure!(self.auth.authorizers.contains_key(name), "there is no authorizer {name}");
        }
        let scopes = event.auth.authorization_scopes;
        Ok(Route { method: event.method, path: event.path, authorizer, scopes })
    }

    /// The document's operations are `routes`, those of the functions, and each is whole: API Gateway gets one OpenAPI document
    /// of both.
    pub(super) fn check_operations(&self, routes: &[Route]) -> Result<()> {
        let paths = &self.definition_body.paths;
        for route in routes {
            let operation = paths.get(&route.path).and_then(|path| path.get(&route.method.to_lowercase()));
            let operation =
                operation.with_context(|| format!("the DefinitionBody has no {}", route.key()))?;
            let parameters: Vec<_> = route.parameters().map(path_parameter).collect();
            ensure!(
                operation.parameters == parameters && !operation.responses.is_empty(),
                "in the DefinitionBody, {} lacks a parameter of its path, a schema or the responses",
                route.key()
            );
        }
        let operations = paths.values().map(BTreeMap::len).sum::<usize>();
        ensure!(operations == routes.len(), "the DefinitionBody has an operation that no function has");
        Ok(())
    }

    /// Each route once, none that differs from another in the name of a parameter alone, and no settings of a route that
    /// there is not, which API Gateway refuses.
    pub(super) fn check_routes(&self, routes: &[&Route]) -> Result<()> {
        let mut seen = HashMap::<String, Vec<&Route>>::new();
        for route in routes {
            let others = seen.entry(route.shape()?).or_default();
            for other in others.iter() {
                ensure!(
                    other.path == route.path && other.method != route.method,
                    "{} cannot be told from {}",
                    route.key(),
                    other.key()
                );
            }
            others.push(route);
        }
        for name in self.route_settings.keys() {
            ensure!(
                routes.iter().any(|route| route.key() == *name),
                "RouteSettings: there is no route {name}"
            );
        }
        Ok(())
    }
}

/// A parameter of a path as an OpenAPI document describes it.
fn path_parameter(name: &str) -> Value {
    json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } })
}

/// Whether the local server can serve a route at this path: it has something of its own at some, the development
/// identity provider and the demo.
pub(super) fn is_served_here(path: &str) -> bool {
    let own = ["/oauth2", "/.well-known", "/demo", "/demo-assets"];
    path.len() > 1
        && path.starts_with('/')
        && own
            .iter()
            .all(|own| path.strip_prefix(own).is_none_or(|rest| !rest.is_empty() && !rest.starts_with('/')))
}
