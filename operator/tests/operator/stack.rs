//! `--stack`: the settings that a CloudFormation stack publishes.

use crate::support::{Service, outcome, program, server};

const OUTPUTS: [(&str, &str); 6] = [
    ("ApiUrl", "https://abc123.execute-api.us-east-1.amazonaws.com"),
    ("SessionsTableName", "SessionsTable"),
    ("MetricsTableName", "MetricsTable"),
    ("TimeoutSeconds", "3600"),
    ("RetentionDays", "90"),
    ("TimeZone", "UTC"),
];

/// CloudFormation with one stack, whose outputs are these.
fn cloudformation(outputs: &[(&str, &str)]) -> Service {
    let member = |(key, value): &(&str, &str)| {
        format!(
            "<member><OutputKey>{key}</OutputKey><OutputValue>{value}</OutputValue><Description>what it \
             is</Description></member>"
        )
    };
    let described = format!(
        "<DescribeStacksResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><DescribeStacksResult>\
         <Stacks><member><StackId>arn:aws:cloudformation:us-east-1:123456789012:stack/user-sessions/1</StackId>\
         <StackName>user-sessions</StackName><CreationTime>2026-01-31T12:00:00.000Z</CreationTime>\
         <StackStatus>UPDATE_COMPLETE</StackStatus><DisableRollback>false</DisableRollback><Outputs>{}</Outputs>\
         </member></Stacks></DescribeStacksResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>\
         </DescribeStacksResponse>",
        outputs.iter().map(member).collect::<String>()
    );
    Service::start(move |body| {
        if body.contains("Action=DescribeStacks&") && body.contains("StackName=user-sessions") {
            return (200, described.clone());
        }
        let error = "<ErrorResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><Error>\
                     <Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id other does not exist\
                     </Message></Error><RequestId>1</RequestId></ErrorResponse>";
        (400, error.to_owned())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn one_call_gives_what_is_not_given_otherwise() {
    let server = server().await;
    let service = cloudformation(&OUTPUTS);
    let mut command = program(&["--stack", "user-sessions", "recount", "--retention-days", "60"]);
    command.env("AWS_ENDPOINT_URL_CLOUDFORMATION", &service.url).env("SESSIONS_TABLE", "Another");
    let (code, out, err) = outcome(command.env("AWS_ENDPOINT_URL_DYNAMODB", server.engine_url.as_str()));
    assert!(
        out.starts_with(
            "SESSION_TIMEOUT_SECONDS=3600 SESSION_RETENTION_DAYS=60 REPORTING_TIME_ZONE=UTC \
             SESSIONS_TABLE=SessionsTable METRICS_TABLE=MetricsTable (http://127.0.0.1:"
        ),
        "{code} {out} {err}"
    );
    for line in [
        "SESSIONS_TABLE=SessionsTable from the output SessionsTableName of the stack user-sessions",
        "METRICS_TABLE=MetricsTable from the output MetricsTableName of the stack user-sessions",
        "SESSION_TIMEOUT_SECONDS=3600 from the output TimeoutSeconds of the stack user-sessions",
        "SESSION_RETENTION_DAYS=60 from --retention-days",
        "REPORTING_TIME_ZONE=UTC from the output TimeZone of the stack user-sessions",
    ] {
        assert!(err.lines().any(|told| told == line), "{line}\n{err}");
    }
    assert_eq!(service.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_is_not_asked_for_what_is_given() {
    let server = server().await;
    let service = cloudformation(&OUTPUTS);
    let mut command = program(&["--stack", "user-sessions", "export", "alice"]);
    command.env("AWS_ENDPOINT_URL_CLOUDFORMATION", &service.url);
    command.args(["--endpoint", server.engine_url.as_str(), "--sessions-table", "SessionsTable"]);
    let (code, out, err) = outcome(&mut command);
    assert_eq!((code, out.lines().count(), service.requests().len()), (0, 1, 0), "{err}");
    assert!(err.ends_with("1 items\n"), "{err}");
}

#[test]
fn a_stack_that_does_not_exist_is_told() {
    let service = cloudformation(&OUTPUTS);
    let mut command = program(&["--stack", "other", "recount"]);
    let (code, out, err) = outcome(command.env("AWS_ENDPOINT_URL_CLOUDFORMATION", &service.url));
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.starts_with("error: there is no stack other in the region us-east-1"), "{err}");
    assert_eq!(err.lines().count(), 1);
}

/// CloudFormation has the same code for it as for a stack that is not there.
#[test]
fn a_name_that_no_stack_can_have_is_told_in_cloudformations_words() {
    let service = Service::start(|_| {
        let error = "<ErrorResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><Error>\
                     <Type>Sender</Type><Code>ValidationError</Code><Message>1 validation error detected\
                     </Message></Error><RequestId>1</RequestId></ErrorResponse>";
        (400, error.to_owned())
    });
    let mut command = program(&["--stack", "a_b", "recount"]);
    let (code, out, err) = outcome(command.env("AWS_ENDPOINT_URL_CLOUDFORMATION", &service.url));
    let told = "error: reading the stack a_b: ValidationError: 1 validation error detected\n";
    assert_eq!((code, out.as_str(), err.as_str()), (1, "", told));
}

#[test]
fn an_output_that_is_missing_is_told_with_what_takes_its_place() {
    for missing in 1..OUTPUTS.len() {
        let outputs = [&OUTPUTS[..missing], &OUTPUTS[missing + 1..]].concat();
        let service = cloudformation(&outputs);
        let mut command = program(&["--stack", "user-sessions", "recount"]);
        let (code, out, err) = outcome(command.env("AWS_ENDPOINT_URL_CLOUDFORMATION", &service.url));
        assert_eq!((code, out.as_str()), (2, ""));
        let output = OUTPUTS[missing].0;
        assert!(
            err.starts_with(&format!("error: the stack user-sessions has no output {output}: ")),
            "{err}"
        );
    }
}

#[test]
fn an_output_that_cannot_be_used_is_told() {
    let outputs = OUTPUTS.map(|(key, value)| (key, if key == "TimeZone" { "Mars" } else { value }));
    let service = cloudformation(&outputs);
    let mut command = program(&["--stack", "user-sessions", "recount"]);
    let (code, _, err) = outcome(command.env("AWS_ENDPOINT_URL_CLOUDFORMATION", &service.url));
    assert!(
        code == 2 && err.contains("error: the output TimeZone of the stack user-sessions must be an"),
        "{err}"
    );
}
