//! What the template lets each function do with which table or index. The local server refuses the rest, as IAM would:
//! a permission that is missing shows here, and not after a deployment.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Result, bail, ensure};
use aws_sdk_dynamodb::{
    Client,
    config::{
        ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeSerializationInterceptorContextRef,
    },
    error::BoxError,
    operation::{
        batch_get_item::BatchGetItemInput, get_item::GetItemInput, put_item::PutItemInput, query::QueryInput,
        transact_write_items::TransactWriteItemsInput, update_item::UpdateItemInput,
    },
    types::TransactWriteItem,
};
use aws_smithy_runtime_api::client::interceptors::context::Input;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

/// An action on a table or an index: `dynamodb:Query` on `SessionsTable/index/active`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access {
    /// `dynamodb:` and the operation, as IAM has it.
    pub action: String,
    /// The table's name, and `/index/` and the index's if that is meant.
    pub resource: String,
}

impl Access {
    fn new(operation: &str, table: Option<&str>, index: Option<&str>) -> Self {
        let table = table.unwrap_or_default();
        let resource = index.map_or_else(|| table.to_owned(), |index| format!("{table}/index/{index}"));
        Self { action: format!("dynamodb:{operation}"), resource }
    }
}

/// What one function may do, and what it has done.
#[derive(Clone, Debug)]
pub struct Permissions {
    /// The function's id in the template.
    pub function: String,
    /// What the template's statements say.
    pub granted: BTreeSet<Access>,
    used: Arc<Mutex<BTreeSet<Access>>>,
}

/// The most that any function may do, whatever its own policies say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boundary(pub BTreeSet<Access>);

/// A policy, as far as it is understood here. Another effect or a condition is an error.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Policy {
    statement: Vec<Statement>,
    #[serde(rename = "Version")]
    _version: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Statement {
    effect: Effect,
    action: OneOrMore,
    resource: String,
}

#[derive(Deserialize)]
enum Effect {
    Allow,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl Permissions {
    /// Reads the policies of a function, whose references are resolved. `tables` has the name of each table by its id.
    pub(super) fn read(
        function: &str,
        policies: Value,
        tables: &BTreeMap<String, String>,
        boundary: Option<&Boundary>,
    ) -> Result<Self> {
        let policies: Vec<Policy> = serde_json::from_value(policies)
            .with_context(|| format!("the policies of {function} are not understood here"))?;
        let mut granted = BTreeSet::new();
        for statement in policies.into_iter().flat_map(|policy| policy.statement) {
            let accesses = statement.accesses(tables, granted_beside);
            granted.extend(accesses.with_context(|| format!("a policy of {function}"))?);
        }
        if let Some(Access { action, resource }) =
            granted.iter().find(|access| boundary.is_some_and(|boundary| !boundary.0.contains(access)))
        {
            bail!("the permissions boundary does not let {function} do {action} on {resource}");
        }
        Ok(Self { function: function.to_owned(), granted, used: Arc::default() })
    }

    /// `client` with these permissions and no more.
    pub(crate) fn guard(&self, client: &Client) -> Client {
        Client::from_conf(client.config().to_builder().interceptor(self.clone()).build())
    }

    /// What the function has done so far.
    #[must_use]
    pub fn used(&self) -> BTreeSet<Access> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Boundary {
    /// The boundary that all functions have, if it is one of the template's `policies`: what else one may be is not
    /// known here, and bounds nothing.
    pub(super) fn read(
        reference: Option<&Value>,
        policies: &BTreeMap<String, Value>,
        tables: &BTreeMap<String, String>,
    ) -> Result<Option<Self>> {
        let id = reference.and_then(|reference| reference.get("Ref")?.as_str());
        let Some((id, policy)) = id.and_then(|id| policies.get_key_value(id)) else { return Ok(None) };
        let place = || format!("in resource {id}");
        let policy = Policy::deserialize(policy).with_context(place)?;
        let mut most = BTreeSet::new();
        for statement in policy.statement {
            most.extend(statement.accesses(tables, bounded_beside).with_context(place)?);
        }
        Ok(Some(Self(most)))
    }
}

impl Statement {
    /// What it grants on tables and indexes. `beside` tells what it may grant on something else.
    fn accesses(
        self,
        tables: &BTreeMap<String, String>,
        beside: fn(&str, &BTreeMap<String, String>) -> &'static [&'static str],
    ) -> Result<Vec<Access>> {
        let Self { effect: Effect::Allow, action, resource } = self;
        let actions = match action {
            OneOrMore::One(action) => vec![action],
            OneOrMore::More(actions) => actions,
        };
        // `T.Arn`, or `T.Arn/index/active`.
        let of_table = resource.split_once(".Arn").and_then(|(id, rest)| Some((tables.get(id)?, rest)));
        let Some((name, rest)) = of_table.filter(|(_, rest)| rest.is_empty() || rest.starts_with("/index/"))
        else {
            let understood = beside(&resource, tables);
            let all = actions.iter().all(|action| understood.contains(&action.as_str()));
            ensure!(all, "{actions:?} on {resource} is not understood here");
            return Ok(Vec::new());
        };
        ensure!(
            actions.iter().all(|action| action.starts_with("dynamodb:") && !action.contains('*')),
            "an action on {resource} is not understood here: {actions:?}"
        );
        let access = |action| Access { action, resource: format!("{name}{rest}") };
        Ok(actions.into_iter().map(access).collect())
    }
}

impl Intercept for Permissions {
    fn name(&self) -> &'static str {
        "permissions"
    }

    fn read_before_serialization(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let wanted = accesses(context.input()).ok_or("an operation that is not understood here")?;
        for access in wanted {
            if !self.granted.contains(&access) {
                let Self { function, .. } = self;
                let Access { action, resource } = access;
                return Err(format!("the template does not let {function} do {action} on {resource}").into());
            }
            self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(access);
        }
        Ok(())
    }
}

/// What a function may have granted on something beside tables and indexes: for the event source mapping, which acts in its
/// name, to read a table's stream and to note what it gave up, and whatever keys all that is encrypted with. Anything else
/// would be a right that no test sees used.
fn granted_beside(resource: &str, tables: &BTreeMap<String, String>) -> &'static [&'static str] {
    if resource.strip_suffix(".StreamArn").is_some_and(|id| tables.contains_key(id)) {
        &[
            "dynamodb:DescribeStream",
            "dynamodb:GetRecords",
            "dynamodb:GetShardIterator",
            "dynamodb:ListStreams",
        ]
    } else if resource.ends_with(".Arn") {
        &["sqs:SendMessage", "kms:Decrypt", "kms:GenerateDataKey"]
    } else {
        &[]
    }
}

/// The same of a boundary, which has to name what SAM gives to each role by itself: to write logs and traces.
fn bounded_beside(resource: &str, tables: &BTreeMap<String, String>) -> &'static [&'static str] {
    match granted_beside(resource, tables) {
        [] if resource == "*" => &["xray:PutTelemetryRecords", "xray:PutTraceSegments"],
        ["sqs:SendMessage", ..] => &[
            "sqs:SendMessage",
            "kms:Decrypt",
            "kms:GenerateDataKey",
            "logs:CreateLogStream",
            "logs:PutLogEvents",
        ],
        granted => granted,
    }
}

/// The permissions that an operation takes; a transaction takes those of its parts.
fn accesses(input: &Input) -> Option<Vec<Access>> {
    if let Some(input) = input.downcast_ref::<UpdateItemInput>() {
        return Some(vec![Access::new("UpdateItem", input.table_name(), None)]);
    }
    if let Some(input) = input.downcast_ref::<PutItemInput>() {
        return Some(vec![Access::new("PutItem", input.table_name(), None)]);
    }
    if let Some(input) = input.downcast_ref::<GetItemInput>() {
        return Some(vec![Access::new("GetItem", input.table_name(), None)]);
    }
    if let Some(input) = input.downcast_ref::<QueryInput>() {
        return Some(vec![Access::new("Query", input.table_name(), input.index_name())]);
    }
    if let Some(input) = input.downcast_ref::<BatchGetItemInput>() {
        let tables = input.request_items()?.keys();
        return Some(tables.map(|table| Access::new("BatchGetItem", Some(table), None)).collect());
    }
    let input = input.downcast_ref::<TransactWriteItemsInput>()?;
    input.transact_items().iter().map(part).collect()
}

fn part(item: &TransactWriteItem) -> Option<Access> {
    if let Some(update) = item.update() {
        return Some(Access::new("UpdateItem", Some(update.table_name()), None));
    }
    item.put().map(|put| Access::new("PutItem", Some(put.table_name()), None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::{BUILT_IN, Template, Values};

    fn parse(text: &str, parameters: &[(&str, &str)]) -> Result<Template> {
        let given =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Template::parse(text, &Values { given: &given, assumed: Vec::new() }, None, &|_| None)
    }

    #[test]
    fn the_boundary_is_what_the_functions_may_do_taken_together() {
        for tracing in ["Active", "PassThrough"] {
            let template = parse(BUILT_IN, &[("Tracing", tracing)]).unwrap();
            let granted: BTreeSet<Access> =
                template.functions.iter().flat_map(|function| function.permissions.granted.clone()).collect();
            assert_eq!(template.boundary, Some(Boundary(granted)));
        }
    }

    #[test]
    fn a_right_beyond_the_boundary_is_an_error_that_names_it() {
        let wider = BUILT_IN.replace(
            "              Action: dynamodb:GetItem\n",
            "              Action: [dynamodb:GetItem, dynamodb:Scan]\n",
        );
        let error = format!("{:#}", parse(&wider, &[]).unwrap_err());
        assert!(
            error.ends_with(
                "the permissions boundary does not let GetSession do dynamodb:Scan on SessionsTable"
            ),
            "{error}"
        );
        let without = wider.replace("    PermissionsBoundary: !Ref FunctionBoundary\n", "");
        assert_eq!(parse(&without, &[]).unwrap().boundary, None);
        let elsewhere = wider.replace("!Ref FunctionBoundary", "arn:aws:iam::000000000000:policy/boundary");
        assert_eq!(parse(&elsewhere, &[]).unwrap().boundary, None);
    }
}
