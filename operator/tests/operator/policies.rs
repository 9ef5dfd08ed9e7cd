//! The policies in docs/operations.md allow what the commands do, and no more.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use aws_sdk_dynamodb::{
    Client,
    config::{ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeTransmitInterceptorContextRef},
    error::BoxError,
};
use operator::{Command, Deployment};
use serde_json::Value;
use shared::clock::Clock;

use crate::support::{server, settings, then};

/// Actions and resources: `dynamodb:Query` on `table/SessionsTable`.
type Accesses = BTreeSet<(String, String)>;

/// Notes what DynamoDB is asked for.
#[derive(Clone, Debug, Default)]
struct Notes(Arc<Mutex<Accesses>>);

impl Intercept for Notes {
    fn name(&self) -> &'static str {
        "notes"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request();
        let target = request.headers().get("x-amz-target").unwrap();
        let (_, operation) = target.split_once('.').unwrap();
        let body = serde_json::from_slice(request.body().bytes().unwrap())?;
        self.0.lock().unwrap().extend(accesses(operation, &body));
        Ok(())
    }
}

/// What IAM asks for: for a transaction the actions of its parts.
fn accesses(operation: &str, body: &Value) -> Vec<(String, String)> {
    let access = |operation: &str, table: &str| (format!("dynamodb:{operation}"), format!("table/{table}"));
    match operation {
        "BatchWriteItem" => {
            let tables = body["RequestItems"].as_object().unwrap();
            tables.keys().map(|table| access(operation, table)).collect()
        }
        "TransactWriteItems" => {
            let parts =
                body["TransactItems"].as_array().unwrap().iter().flat_map(|part| part.as_object().unwrap());
            let item = |(kind, part): (&String, &Value)| {
                let operation = if kind == "ConditionCheck" { kind.clone() } else { format!("{kind}Item") };
                access(&operation, part["TableName"].as_str().unwrap())
            };
            parts.map(item).collect()
        }
        _ => {
            assert!(body.get("IndexName").is_none(), "an index is a resource of its own");
            vec![access(operation, body["TableName"].as_str().unwrap())]
        }
    }
}

/// The policies in the docs, by what they are for.
fn documented() -> BTreeMap<String, Accesses> {
    let docs =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operations.md")).unwrap();
    let mut policies = BTreeMap::new();
    for (before, after) in docs.match_indices("```json\n").map(|(at, fence)| docs.split_at(at + fence.len()))
    {
        let name = before.rsplit("**`").next().unwrap().split("`**").next().unwrap();
        let policy: Value = serde_json::from_str(after.split("```").next().unwrap()).unwrap();
        let statements = policy["Statement"].as_array().unwrap().iter().flat_map(|statement| {
            assert_eq!(statement["Effect"], "Allow");
            let resource = statement["Resource"].as_str().unwrap().rsplit(':').next().unwrap();
            let resource =
                resource.replace("SESSIONS_TABLE", "SessionsTable").replace("METRICS_TABLE", "MetricsTable");
            let actions = statement["Action"].as_array().unwrap().clone();
            actions.into_iter().map(move |action| (action.as_str().unwrap().to_owned(), resource.clone()))
        });
        policies.insert(name.to_owned(), statements.collect());
    }
    policies
}

#[tokio::test(flavor = "multi_thread")]
async fn each_command_does_what_its_policy_allows_and_no_more() {
    let server = server().await;
    let (day, sub) = (Some(then().date_naive()), "alice".to_owned());
    let commands = [
        ("recount", Command::Recount { repair: false, day: None, allow_fewer: false }),
        ("recount --repair", Command::Recount { repair: true, day, allow_fewer: true }),
        ("export", Command::Export { sub: sub.clone() }),
        ("erase", Command::Erase { sub, yes: true }),
    ];
    let mut documented = documented();
    for (name, command) in commands {
        let notes = Notes::default();
        let config = server.client.config().to_builder().interceptor(notes.clone());
        let deployment = Deployment {
            client: Client::from_conf(config.build()),
            place: String::new(),
            settings: settings(&server),
            clock: Clock::system(),
        };
        let outcome = command.run(&deployment, &mut Vec::new()).await;
        // The metrics may not have followed yet.
        assert!(outcome.is_ok() || name.starts_with("recount"), "{outcome:?}");
        assert_eq!(Some(notes.0.lock().unwrap().clone()), documented.remove(name), "{name}");
    }
    // The stack is asked for its outputs in one call, which the tests of `--stack` see.
    let stack = ("cloudformation:DescribeStacks".to_owned(), "stack/user-sessions/*".to_owned());
    assert_eq!(documented, BTreeMap::from([("--stack".to_owned(), BTreeSet::from([stack]))]));
}
