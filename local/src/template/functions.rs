//! The functions: where their code is, their environment, routes and permissions.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result};
use serde_json::json;

use super::{
    api::{Api, Route},
    document::{FunctionProperties, GlobalFunction, Variables},
    permissions::{Boundary, Permissions},
    scope::{Scope, text_of},
};

/// A function as it is deployed.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its id in the template.
    pub logical_id: String,
    /// The crate that holds its code: the last part of `CodeUri`.
    pub crate_name: String,
    /// The memory that it has, in MB.
    pub memory: u32,
    /// How long an invocation of it may take.
    pub timeout: Duration,
    /// All variables that it gets, those of every function among them.
    pub environment: BTreeMap<String, String>,
    /// The routes that invoke it; none if it reads a stream.
    pub routes: Vec<Route>,
    /// What it may do with the tables.
    pub permissions: Permissions,
}

/// What a function's properties refer to.
pub(super) struct Surroundings<'a> {
    pub(super) globals: &'a GlobalFunction,
    pub(super) scope: &'a Scope,
    pub(super) api: &'a Api,
    pub(super) table_names: &'a BTreeMap<String, String>,
    pub(super) boundary: Option<&'a Boundary>,
    pub(super) overrides: &'a dyn Fn(&str) -> Option<String>,
}

impl Function {
    pub(super) fn of(
        logical_id: String,
        properties: FunctionProperties,
        around: &Surroundings,
    ) -> Result<Self> {
        let place = || format!("in function {logical_id}");
        let environment = around.environment(properties.environment).with_context(place)?;
        let code_uri = properties.code_uri.trim_end_matches('/');
        let crate_name = code_uri.rsplit('/').next().unwrap_or_default().to_owned();
        let route = |(name, event)| {
            let route = around.api.route(event, around.scope);
            route.with_context(|| format!("{}, event {name}", place()))
        };
        let routes = properties.events.iter().map(route).collect::<Result<_>>()?;
        let policies = around.scope.resolve(&json!(properties.policies)).with_context(place)?;
        let permissions = Permissions::read(&logical_id, policies, around.table_names, around.boundary)?;
        let memory = properties.memory_size.unwrap_or(around.globals.memory_size);
        let timeout = Duration::from_secs(properties.timeout.unwrap_or(around.globals.timeout));
        Ok(Self { logical_id, crate_name, memory, timeout, environment, routes, permissions })
    }
}

impl Surroundings<'_> {
    /// The variables that all functions have, a function's own, and what overrides either.
    fn environment(&self, own: Variables) -> Result<BTreeMap<String, String>> {
        let mut variables = self.globals.environment.variables.clone();
        variables.extend(own.variables);
        let mut environment = BTreeMap::new();
        for (name, value) in variables {
            let value = self.scope.resolve(&value)?;
            let value = (self.overrides)(&name).unwrap_or_else(|| text_of(&value));
            environment.insert(name, value);
        }
        Ok(environment)
    }
}

#[cfg(test)]
mod tests {
    use crate::template::{BUILT_IN, Template, Values};

    use super::*;

    #[test]
    fn a_function_has_its_own_memory_and_timeout_or_those_of_all() {
        let text = BUILT_IN.replace("    MemorySize: 128\n", "    MemorySize: 192\n").replace(
            "      CodeUri: functions/logout\n",
            "      CodeUri: functions/logout\n      Timeout: 7\n",
        );
        let values = Values { given: &BTreeMap::new(), assumed: Vec::new() };
        let template = Template::parse(&text, &values, None, &|_| None).unwrap();
        let of = |name: &str| {
            let function = template.functions.iter().find(|function| function.crate_name == name).unwrap();
            (function.memory, function.timeout)
        };
        let (memory, timeout) = of("heartbeat");
        assert_eq!(memory, 192);
        assert_eq!(of("logout"), (192, Duration::from_secs(7)));
        assert_ne!(timeout, Duration::from_secs(7));
        assert_eq!(of("rollup").1, timeout);
        assert_ne!(of("rollup").0, 192, "it names its own");
    }
}
