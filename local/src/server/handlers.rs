//! The template's functions, each made with its environment and its permissions.

use std::{collections::HashMap, sync::Arc};

use anyhow::{Context, Result, bail, ensure};
use aws_sdk_dynamodb::Client;
use shared::{clock::Clock, settings::Environment};

use super::gateway::Endpoint;
use crate::{
    functions::{self, Handler, Parts, StreamHandler},
    template::{Function, Template},
};

/// The endpoints, and the functions that read streams by their ids.
pub(crate) fn handlers(
    template: &Template,
    client: &Client,
    clock: &Clock,
) -> Result<(Vec<Endpoint>, HashMap<String, StreamHandler>)> {
    let (mut endpoints, mut readers) = (Vec::new(), HashMap::new());
    for function in &template.functions {
        let place = || format!("function {}", function.logical_id);
        match handler(function, client, clock).with_context(place)? {
            Handler::Endpoint(handler) => {
                for route in &function.routes {
                    endpoints.push(Endpoint { route: route.clone(), handler: Arc::clone(&handler) });
                }
            }
            Handler::Stream(handler) => {
                ensure!(function.routes.is_empty(), "{} reads a stream and can have no route", place());
                readers.insert(function.logical_id.clone(), handler);
            }
        }
    }
    Ok((endpoints, readers))
}

fn handler(function: &Function, client: &Client, clock: &Clock) -> Result<Handler> {
    let Function { crate_name, environment, permissions, .. } = function;
    let variable = |name: &str| environment.get(name).cloned();
    let client = permissions.guard(client);
    let parts = Parts { environment: Environment::new(&variable), client: &client, clock };
    match functions::handler(crate_name, &parts)? {
        Some(handler) => Ok(handler),
        None => bail!("there is no crate functions/{crate_name} here"),
    }
}
