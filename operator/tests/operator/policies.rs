//! The policies in docs/operations.md allow what the commands do, and no more.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::{
    Client,
    config::{
        ConfigBag, Credentials, Intercept, RuntimeComponents, SharedCredentialsProvider,
        interceptors::BeforeTransmitInterceptorContextRef,
    },
    error::BoxError,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use operator::{
    Command, Deployment,
    check::{Check, Cloud},
};
use serde_json::Value;
use shared::clock::Clock;

use crate::{
    cloud::Stack,
    support::{put_live_session, server, settings, then},
};

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

/// Notes what any other service is asked for, as IAM names that: `sqs:GetQueueUrl`.
#[derive(Clone, Debug, Default)]
struct Actions(Arc<Mutex<BTreeSet<String>>>);

impl Intercept for Actions {
    fn name(&self) -> &'static str {
        "actions"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let metadata = config.load::<Metadata>().unwrap();
        let service = metadata.service().to_ascii_lowercase();
        self.0.lock().unwrap().insert(format!("{service}:{}", metadata.name()));
        Ok(())
    }
}

/// What IAM asks for: for a transaction the actions of its parts.
fn accesses(operation: &str, body: &Value) -> Vec<(String, String)> {
    let access = |operation: &str, table: &str| (format!("dynamodb:{operation}"), format!("table/{table}"));
    match operation {
        "BatchGetItem" | "BatchWriteItem" => {
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
            let table = body["TableName"].as_str().unwrap();
            // An index is a resource of its own.
            match body.get("IndexName") {
                Some(index) => vec![access(operation, &format!("{table}/index/{}", index.as_str().unwrap()))],
                None => vec![access(operation, table)],
            }
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
    put_live_session(&server.client, "alice", 2).await;
    let commands = [
        ("recount", Command::Recount { repair: false, day: None, allow_fewer: false }),
        ("recount --repair", Command::Recount { repair: true, day, allow_fewer: true }),
        ("export", Command::Export { sub: sub.clone() }),
        ("end", Command::End { sub: sub.clone(), yes: true }),
        ("erase", Command::Erase { sub, yes: true }),
    ];
    let mut documented = documented();
    for (name, command) in commands {
        // Before these the local server brings the metrics to where the sessions are.
        let is_of_metrics = |(_, resource): &(String, String)| resource == "table/MetricsTable";
        assert_eq!(command.reads_metrics(), documented[name].iter().any(is_of_metrics), "{name}");
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
    documented.remove("check").unwrap();
    // The stack is asked for its outputs in one call, which the tests of `--stack` see.
    let stack = ("cloudformation:DescribeStacks".to_owned(), "stack/user-sessions/*".to_owned());
    assert_eq!(documented, BTreeMap::from([("--stack".to_owned(), BTreeSet::from([stack]))]));
}

/// Of what is no table the actions are compared, and not the resources.
#[tokio::test(flavor = "multi_thread")]
async fn a_check_does_what_its_policy_allows_and_no_more() {
    let server = server().await;
    let described = server.client.describe_table().table_name("SessionsTable").send().await.unwrap();
    let service = Stack::well(described.table.unwrap().latest_stream_arn().unwrap()).play();
    let (notes, actions) = (Notes::default(), Actions::default());
    let aws = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "test", "test", None, None, "test",
        )))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(&service.url)
        .build();
    let cloudformation = aws_sdk_cloudformation::config::Builder::from(&aws).interceptor(actions.clone());
    let cloudwatch = aws_sdk_cloudwatch::config::Builder::from(&aws).interceptor(actions.clone());
    let lambda = aws_sdk_lambda::config::Builder::from(&aws).interceptor(actions.clone());
    let sqs = aws_sdk_sqs::config::Builder::from(&aws).interceptor(actions.clone());
    let config = server.client.config().to_builder().interceptor(notes.clone());
    let check = Check {
        stack: "user-sessions".to_owned(),
        status: "UPDATE_COMPLETE".to_owned(),
        deployment: Deployment {
            client: Client::from_conf(config.build()),
            place: String::new(),
            settings: settings(&server),
            clock: Clock::system(),
        },
        cloud: Cloud {
            cloudformation: aws_sdk_cloudformation::Client::from_conf(cloudformation.build()),
            cloudwatch: aws_sdk_cloudwatch::Client::from_conf(cloudwatch.build()),
            lambda: aws_sdk_lambda::Client::from_conf(lambda.build()),
            sqs: aws_sdk_sqs::Client::from_conf(sqs.build()),
        },
    };
    check.look().await;
    check.count_yesterday(|_| ()).await;
    let documented = documented().remove("check").unwrap();
    let (tables, others): (Accesses, Accesses) =
        documented.into_iter().partition(|(action, _)| action.starts_with("dynamodb:"));
    assert_eq!(*notes.0.lock().unwrap(), tables);
    let others: BTreeSet<String> = others.into_iter().map(|(action, _)| action).collect();
    assert_eq!(*actions.0.lock().unwrap(), others);
}
