//! `check`: a look at a stack whose tables are an engine's, and whose other parts are played.

use std::process::Command;

use local::Server;
use serde_json::{Value, json};

use crate::{
    cloud::Stack,
    support::{Service, outcome, program, put_session_of, server},
};

/// The engine of a server, and the stack around it.
struct Stage {
    server: Server,
    stack: Stack,
}

impl Stage {
    async fn new() -> Self {
        let server = server().await;
        let described = server.client.describe_table().table_name("SessionsTable").send().await.unwrap();
        let stack = Stack::well(described.table.unwrap().latest_stream_arn().unwrap());
        Self { server, stack }
    }

    fn command(&self, service: &Service) -> Command {
        let mut command = program(&["--stack", "user-sessions", "check"]);
        command.env("AWS_ENDPOINT_URL", &service.url);
        command.env("AWS_ENDPOINT_URL_DYNAMODB", self.server.engine_url.as_str());
        command
    }

    /// The exit code, and what was found: things, states and words.
    fn found(&self, change: impl FnOnce(&mut Stack)) -> (i32, Vec<(String, String, String)>) {
        let mut stack = self.stack.clone();
        change(&mut stack);
        let service = stack.play();
        let (code, out, err) = outcome(self.command(&service).args(["--json", "--no-count"]));
        let told: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out} {err}"));
        assert_eq!((told["well"] == json!(true)), code == 0, "{told}");
        (code, found(&told))
    }
}

fn found(told: &Value) -> Vec<(String, String, String)> {
    let findings = told["findings"].as_array().unwrap().iter();
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap().to_owned();
    findings.map(|finding| (text(finding, "thing"), text(finding, "state"), text(finding, "says"))).collect()
}

/// Makes a stack sick.
type Change = fn(&mut Stack);

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_is_well_is_told_thing_by_thing() {
    let stage = Stage::new().await;
    let service = stage.stack.clone().play();
    // The metrics of the server's session follow.
    for _ in 0..100 {
        let (code, out, err) = outcome(&mut stage.command(&service));
        assert_eq!(code, 0, "{out} {err}");
        let lines: Vec<&str> = out.lines().collect();
        assert!(lines[0].starts_with("user-sessions (http://127.0.0.1:"), "{out}");
        let things =
            ["stack", "outputs", "sessions table", "stream", "time to live", "metrics table", "mapping"];
        let more = ["failures", "functions", "environment", "concurrency", "alarms", "figures"];
        for thing in things.iter().chain(&more) {
            let line = format!("{:<13}  {thing:<14}  ", "well");
            assert!(lines.iter().any(|told| told.starts_with(&line)), "{thing}: {out}");
        }
        // But for the protection of tables, of which the engine knows nothing, there is nothing to remark.
        let remarks = lines.iter().filter(|told| {
            told.starts_with("remark ") && !told.starts_with(&format!("{:<13}  protection ", "remark"))
        });
        assert_eq!(remarks.count(), 0, "{out}");
        assert!(err.contains("SESSIONS_TABLE=SessionsTable from the output SessionsTableName"), "{err}");
        if lines.last().unwrap().starts_with("0 not well, ") {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("it never was well");
}

/// One thing at a time, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn each_thing_that_is_not_well_is_told_and_nothing_else() {
    let stage = Stage::new().await;
    let sick: [(&str, &str, Change); 17] = [
        ("stack", "UPDATE_ROLLBACK_FAILED", |stack| stack.status = "UPDATE_ROLLBACK_FAILED"),
        ("outputs", "do not have REPORTING_TIME_ZONE", |stack| stack.outputs.truncate(4)),
        ("metrics table", "Gone: it does not exist in this account and region", |stack| {
            stack.outputs[1].1 = "Gone";
            for (_, told) in &mut stack.functions {
                told["Environment"]["Variables"]["METRICS_TABLE"] = json!("Gone");
            }
        }),
        ("mapping", "no function of the stack reads", |stack| stack.mappings.clear()),
        ("mapping", "reads an older stream of the table", |stack| {
            let stream = stack.mappings[0]["EventSourceArn"].as_str().unwrap();
            let (table, _) = stream.rsplit_once('/').unwrap();
            stack.mappings[0]["EventSourceArn"] = json!(format!("{table}/2020-01-31T12:00:00.000"));
        }),
        ("mapping", "user-sessions-Rollup-2: Disabled (USER_INITIATED): the metrics stand still", |stack| {
            stack.mappings[0]["State"] = json!("Disabled");
            stack.mappings[0]["StateTransitionReason"] = json!("USER_INITIATED");
        }),
        ("mapping", "no tumbling window", |stack| stack.mappings[0]["TumblingWindowInSeconds"] = json!(0)),
        ("mapping", "PROBLEM: Function call failed", |stack| {
            stack.mappings[0]["LastProcessingResult"] = json!("PROBLEM: Function call failed");
        }),
        ("failures", "has no place for them", |stack| {
            stack.mappings[0]["DestinationConfig"] = json!({ "OnFailure": {} });
        }),
        ("failures", "user-sessions-Failures-4 has 3 messages", |stack| stack.messages = "3"),
        ("functions", "the stack has none", |stack| {
            stack.resources.retain(|(kind, _)| *kind != "AWS::Lambda::Function");
            stack.mappings[0]["FunctionArn"] = json!("user-sessions-Rollup-2");
        }),
        ("functions", "user-sessions-Login-1 is Failed: no image", |stack| {
            stack.functions[0].1["State"] = json!("Failed");
            stack.functions[0].1["StateReason"] = json!("no image");
        }),
        ("functions", "user-sessions-Login-1: its last update is Failed: no role", |stack| {
            stack.functions[0].1["LastUpdateStatus"] = json!("Failed");
            stack.functions[0].1["LastUpdateStatusReason"] = json!("no role");
        }),
        ("environment", "user-sessions-Login-1 has SESSION_TIMEOUT_SECONDS=60 instead of 3600", |stack| {
            stack.functions[0].1["Environment"]["Variables"]["SESSION_TIMEOUT_SECONDS"] = json!("60");
        }),
        ("environment", "user-sessions-Login-1 has no METRICS_TABLE instead of MetricsTable", |stack| {
            let variables = &mut stack.functions[0].1["Environment"]["Variables"];
            variables.as_object_mut().unwrap().remove("METRICS_TABLE").unwrap();
        }),
        ("concurrency", "a reserve of 0 stops user-sessions-Rollup-2", |stack| {
            stack.stopped.push("user-sessions-Rollup-2");
        }),
        ("alarms", "user-sessions-ApiFails-3 is on: Threshold Crossed", |stack| {
            stack.alarms.push("user-sessions-ApiFails-3");
        }),
    ];
    for (thing, says, change) in sick {
        let (code, found) = stage.found(change);
        let not_well: Vec<_> = found.iter().filter(|(_, state, _)| state == "not_well").collect();
        // Without functions of its own the stack's mapping is nobody's.
        let expected = if says == "the stack has none" { 2 } else { 1 };
        assert_eq!((code, not_well.len()), (1, expected), "{says}: {found:?}");
        let told = not_well.iter().find(|(own, _, _)| own == thing);
        assert!(told.is_some_and(|(_, _, told)| told.contains(says)), "{says}: {not_well:?}");
        assert!(!found.iter().any(|(own, state, _)| own == thing && state == "well"), "{says}: {found:?}");
    }
}

/// What works and should be known of is no failure.
#[tokio::test(flavor = "multi_thread")]
async fn a_remark_is_no_failure() {
    let stage = Stage::new().await;
    let remarks: [(&str, &str, Change); 10] = [
        ("stack", "UPDATE_ROLLBACK_COMPLETE: the last deployment failed", |stack| {
            stack.status = "UPDATE_ROLLBACK_COMPLETE";
        }),
        ("stack", "UPDATE_IN_PROGRESS", |stack| stack.status = "UPDATE_IN_PROGRESS"),
        ("mapping", "another reads the stream too", |stack| {
            let mut another = stack.mappings[0].clone();
            another["FunctionArn"] = json!("arn:aws:lambda:us-east-1:123456789012:function:another");
            another["TumblingWindowInSeconds"] = json!(0);
            stack.mappings.insert(0, another);
        }),
        // Of the stack's own, the one with a window is the rollup's.
        ("mapping", "user-sessions-Login-1 reads the stream too", |stack| {
            let mut another = stack.mappings[0].clone();
            another["FunctionArn"] =
                json!("arn:aws:lambda:us-east-1:123456789012:function:user-sessions-Login-1");
            another["TumblingWindowInSeconds"] = json!(0);
            stack.mappings.insert(0, another);
        }),
        ("mapping", "it gives records up before the stream does", |stack| {
            stack.mappings[0]["MaximumRetryAttempts"] = json!(3);
        }),
        ("mapping", "it gives records up before the stream does", |stack| {
            stack.mappings[0]["MaximumRecordAgeInSeconds"] = json!(3_600);
        }),
        ("mapping", "user-sessions-Rollup-2: Updating", |stack| {
            stack.mappings[0]["State"] = json!("Updating");
        }),
        ("functions", "user-sessions-Login-1 is Inactive", |stack| {
            stack.functions[0].1["State"] = json!("Inactive");
        }),
        ("environment", "none of the settings is in user-sessions-Login-1", |stack| {
            stack.functions[0].1["Environment"] = json!({ "Variables": { "MY_OWN": "x" } });
        }),
        ("alarms", "the stack has none", |stack| {
            stack.resources.retain(|(kind, _)| *kind != "AWS::CloudWatch::Alarm");
        }),
    ];
    for (thing, says, change) in remarks {
        let (code, found) = stage.found(change);
        assert_eq!(code, 0, "{says}: {found:?}");
        let told =
            found.iter().any(|(own, state, told)| own == thing && state == "remark" && told.contains(says));
        assert!(told, "{says}: {found:?}");
    }
}

/// An operator's own have none of them.
#[tokio::test(flavor = "multi_thread")]
async fn functions_without_settings_are_not_counted_with_those_that_have_them() {
    let stage = Stage::new().await;
    for (own, expected) in [
        (
            1,
            &["1 functions have the stack's settings", "none of the settings is in user-sessions-Login-1"][..],
        ),
        (2, &["none of the settings is in user-sessions-Login-1, user-sessions-Rollup-2"]),
    ] {
        let (code, found) = stage.found(|stack| {
            for (_, told) in stack.functions.iter_mut().take(own) {
                told["Environment"] = json!({ "Variables": { "MY_OWN": "x" } });
            }
        });
        let told = found.iter().filter(|(thing, _, _)| thing == "environment");
        let told: Vec<&str> = told.map(|(_, _, says)| says.as_str()).collect();
        assert_eq!((code, told.as_slice()), (0, expected), "{found:?}");
    }
}

/// Each by itself: the rest is looked at all the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_read_is_told_with_the_action() {
    let stage = Stage::new().await;
    for (action, unseen) in [
        ("cloudformation:ListStackResources", &["stack", "functions", "alarms"][..]),
        ("lambda:ListEventSourceMappings", &["mapping", "failures"]),
        ("lambda:GetFunctionConfiguration", &["functions"]),
        ("lambda:GetFunctionConcurrency", &["concurrency"]),
        ("sqs:GetQueueUrl", &["failures"]),
        ("sqs:GetQueueAttributes", &["failures"]),
        ("cloudwatch:DescribeAlarms", &["alarms"]),
    ] {
        let (code, found) = stage.found(|stack| stack.denied.push(action));
        // The engine of the tests knows no backups.
        let not_looked_at =
            found.iter().filter(|(thing, state, _)| state == "not_looked_at" && thing != "recovery");
        let not_looked_at: Vec<_> = not_looked_at.collect();
        let things: Vec<&str> = not_looked_at.iter().map(|(thing, _, _)| thing.as_str()).collect();
        assert_eq!((code, things.as_slice()), (0, unseen), "{found:?}");
        let action = format!("no permission for {action}");
        assert!(not_looked_at[0].2.contains(&action), "{not_looked_at:?}");
    }
    // The tables, too.
    let denied = r#"{"__type":"x#AccessDeniedException","message":"x is not authorized to perform: dynamodb:Scan on y"}"#;
    let dynamodb = Service::start(|_| (400, denied.to_owned()));
    let service = stage.stack.clone().play();
    let mut command = stage.command(&service);
    let (code, out, err) = outcome(command.env("AWS_ENDPOINT_URL_DYNAMODB", &dynamodb.url));
    assert_eq!(code, 0, "{out} {err}");
    for line in [
        "not looked at  sessions table  SessionsTable: no permission for dynamodb:DescribeTable",
        "not looked at  metrics table   MetricsTable: no permission for dynamodb:DescribeTable",
        "not looked at  mapping         whose stream it should read is not known",
        "not looked at  figures         reading the sessions table: SessionsTable: no permission for dynamodb:Scan",
    ] {
        assert!(out.lines().any(|told| told.starts_with(line)), "{line}\n{out}");
    }
}

/// A table that was made by hand, without what the functions need.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_not_as_the_functions_need_it_is_told() {
    use aws_sdk_dynamodb::types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType, LocalSecondaryIndex, Projection,
        ProjectionType, ScalarAttributeType, TimeToLiveSpecification,
    };
    let stage = Stage::new().await;
    let attribute = |name: &str, kind: ScalarAttributeType| {
        AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().unwrap()
    };
    let key = |name: &str, kind: KeyType| {
        KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap()
    };
    let create = |name: &str, keys: [&str; 2]| {
        let create =
            stage.server.client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
        keys.into_iter().zip([KeyType::Hash, KeyType::Range]).fold(create, |create, (name, kind)| {
            create.attribute_definitions(attribute(name, ScalarAttributeType::S)).key_schema(key(name, kind))
        })
    };
    create("Plain", ["pk", "sk"]).send().await.unwrap();
    create("Other", ["user", "session"]).send().await.unwrap();
    // The index has the right keys, and more of each record than those; records go by another attribute.
    let index = LocalSecondaryIndex::builder()
        .index_name("active")
        .key_schema(key("pk", KeyType::Hash))
        .key_schema(key("activeDay", KeyType::Range))
        .projection(Projection::builder().projection_type(ProjectionType::All).build())
        .build()
        .unwrap();
    let wide = create("Wide", ["pk", "sk"]).local_secondary_indexes(index);
    wide.attribute_definitions(attribute("activeDay", ScalarAttributeType::N)).send().await.unwrap();
    let purge = TimeToLiveSpecification::builder().attribute_name("expires").enabled(true).build().unwrap();
    let update = stage.server.client.update_time_to_live().table_name("Wide");
    update.time_to_live_specification(purge).send().await.unwrap();
    let service = stage.stack.clone().play();
    for (table, shape, purge) in [
        ("Plain", "Plain: there is no local index active with the keys pk S, activeDay N", "off"),
        (
            "Wide",
            "Wide: there is no local index active with the keys pk S, activeDay N and KEYS_ONLY",
            "on, by expires and not purgeAt",
        ),
        ("Other", "Other: its keys are user S, session S and not pk S, sk S", "off"),
    ] {
        let mut command = stage.command(&service);
        let (code, out, err) = outcome(command.args(["--no-count", "--sessions-table", table]));
        assert_eq!(code, 1, "{out} {err}");
        for (thing, says) in [("sessions table", shape), ("stream", "off"), ("time to live", purge)] {
            let line = format!("{:<13}  {thing:<14}  {says}", "NOT WELL");
            assert!(out.lines().any(|told| told.starts_with(&line)), "{line}\n{out}");
        }
        // That is no longer what the functions have.
        assert!(out.contains(&format!("has SESSIONS_TABLE=SessionsTable instead of {table}")), "{out}");
    }
    // Of one that is not there no figures can be told, which is no want of a permission.
    let (code, out, err) = outcome(stage.command(&service).args(["--sessions-table", "Gone"]));
    let line = "NOT WELL       figures         reading the sessions table: Gone: it does not exist";
    assert!(code == 1 && out.lines().any(|told| told.starts_with(line)), "{out} {err}");
}

/// The engine of the tests knows no backups, so DynamoDB is played too: of all its tables it tells the same.
#[test]
fn data_that_may_be_lost_is_told() {
    let stream = "arn:aws:dynamodb:us-east-1:123456789012:table/SessionsTable/stream/2026-01-31T12:00:00.000";
    let service = Stack::well(stream).play();
    for (recovery, is_protected, state, says) in [
        ("ENABLED", true, "well", ["can be restored to any second", "is protected from deletion"]),
        ("DISABLED", false, "remark", ["cannot be restored to a point in time", "can be deleted"]),
    ] {
        let dynamodb = Service::answering(move |request| {
            let told = if request.head.contains("DescribeContinuousBackups") {
                json!({ "ContinuousBackupsDescription": {
                    "ContinuousBackupsStatus": "ENABLED",
                    "PointInTimeRecoveryDescription": { "PointInTimeRecoveryStatus": recovery },
                } })
            } else {
                json!({ "Table": { "TableStatus": "ACTIVE", "DeletionProtectionEnabled": is_protected } })
            };
            (200, told.to_string().into_bytes())
        });
        let mut command = program(&["--stack", "user-sessions", "check", "--no-count"]);
        command.env("AWS_ENDPOINT_URL", &service.url).env("AWS_ENDPOINT_URL_DYNAMODB", &dynamodb.url);
        let (_, out, err) = outcome(&mut command);
        for table in ["SessionsTable", "MetricsTable"] {
            for (thing, says) in ["recovery", "protection"].iter().zip(says) {
                let line = format!("{state:<13}  {thing:<14}  {table} {says}");
                assert!(out.lines().any(|told| told == line), "{line}\n{out} {err}");
            }
        }
    }
}

/// A session that is gone from the table, as after a purge that came too early, and one that is active.
#[tokio::test(flavor = "multi_thread")]
async fn figures_that_differ_are_told_and_may_be_on_their_way() {
    let stage = Stage::new().await;
    let service = stage.stack.clone().play();
    let line = || {
        let (code, out, err) = outcome(&mut stage.command(&service));
        let line =
            out.lines().find(|line| line.contains("  figures  ")).unwrap_or_else(|| panic!("{out} {err}"));
        (code, line.to_owned())
    };
    let now = shared::clock::Clock::system().now();
    let yesterday = now - chrono::TimeDelta::days(1);
    put_session_of(&stage.server.client, "alice", 7, yesterday, yesterday).await;
    put_session_of(&stage.server.client, "bob", 8, yesterday, yesterday).await;
    let day = yesterday.date_naive();
    let agree = format!("metrics and table agree on {day}, with 2 sessions");
    let mut told = line();
    for _ in 0..100 {
        if told.1.ends_with(&agree) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        told = line();
    }
    assert!(told.0 == 0 && told.1.ends_with(&agree), "{told:?}");
    let delete = stage.server.client.delete_item().table_name("SessionsTable");
    let key = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
    let delete =
        delete.key("pk", key("USER#bob")).key("sk", key("SESSION#0198c0de-0000-7000-8000-000000000008"));
    delete.send().await.unwrap();
    let (code, told) = line();
    assert!(
        code == 1 && told.starts_with(&format!("NOT WELL       figures         {day} differs: ")),
        "{told}"
    );
    // While one of the day is active, it may be a change that is on its way.
    put_session_of(&stage.server.client, "carol", 9, yesterday, now).await;
    let (code, told) = line();
    assert!(code == 0 && told.starts_with("remark         figures         "), "{told}");
}

/// The day before yesterday began more than two days ago, yesterday did not.
#[tokio::test(flavor = "multi_thread")]
async fn figures_are_looked_at_as_long_as_none_of_the_day_can_have_been_purged() {
    let stage = Stage::new().await;
    for (days, expected) in [
        ("2", "well           figures         metrics and table agree on "),
        ("1", "not looked at  figures         sessions of "),
    ] {
        let mut stack = stage.stack.clone();
        stack.outputs[3].1 = days;
        let service = stack.play();
        let (_, out, err) = outcome(&mut stage.command(&service));
        assert!(out.lines().any(|told| told.starts_with(expected)), "{expected}\n{out} {err}");
    }
}

#[test]
fn it_needs_a_stack() {
    let (code, out, err) = outcome(&mut program(&["check"]));
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("error: missing: --stack NAME"), "{err}");
}
