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

/// The routes with the functions behind them.
pub(crate) fn endpoints(template: &Template, client: &Client, clock: &Clock) -> Result<Vec<Endpoint>> {
    let mut endpoints = Vec::new();
    for function in template.functions.iter().filter(|function| !is_reader(template, function)) {
        let place = || format!("function {}", function.logical_id);
        match handler(function, client, clock).with_context(place)? {
            Handler::Endpoint(handler) => {
                for route in &function.routes {
                    endpoints.push(Endpoint {
                        route: route.clone(),
                        handler: Arc::clone(&handler),
                        timeout: function.timeout,
                    });
                }
            }
            Handler::Stream(_) => bail!("{} is fed no stream", place()),
        }
    }
    Ok(endpoints)
}

/// The functions that read streams, by their ids.
pub(crate) fn readers(
    template: &Template,
    client: &Client,
    clock: &Clock,
) -> Result<HashMap<String, StreamHandler>> {
    let mut readers = HashMap::new();
    for function in template.functions.iter().filter(|function| is_reader(template, function)) {
        let place = || format!("function {}", function.logical_id);
        ensure!(function.routes.is_empty(), "{} reads a stream and can have no route", place());
        match handler(function, client, clock).with_context(place)? {
            Handler::Stream(handler) => readers.insert(function.logical_id.clone(), handler),
            Handler::Endpoint(_) => bail!("{} is no function that reads a stream", function.logical_id),
        };
    }
    Ok(readers)
}

fn is_reader(template: &Template, function: &Function) -> bool {
    template.streams.iter().any(|stream| stream.function == function.logical_id)
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
