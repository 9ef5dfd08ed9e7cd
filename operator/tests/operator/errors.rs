//! What goes wrong between a person and AWS, in a line that says what to do.

use std::path::PathBuf;

use crate::support::{Service, outcome, program, server};

const TABLE: [&str; 4] = ["--sessions-table", "Sessions", "export", "alice"];

/// The one line of an error, without the settings that are told before.
fn error(command: &mut std::process::Command) -> String {
    let (code, out, err) = outcome(command);
    assert_eq!((code, out.as_str()), (1, ""), "{err}");
    assert_eq!(err.lines().count(), 2, "a setting and an error: {err}");
    err.lines().nth(1).unwrap().to_owned()
}

/// An AWS configuration file with this in it.
fn configuration(text: &str) -> PathBuf {
    let file = std::env::temp_dir().join(format!("operator-{}", uuid::Uuid::new_v4()));
    std::fs::write(&file, text).unwrap();
    file
}

/// DynamoDB that refuses with this error.
fn refusing(code: &'static str, message: &'static str) -> Service {
    let body = format!(r#"{{"__type":"com.amazon.coral.service#{code}","message":"{message}"}}"#);
    Service::start(move |_| (400, body.clone()))
}

#[test]
fn without_a_region_that_is_told() {
    for command in [program(&TABLE).env_remove("AWS_REGION"), program(&TABLE).env("AWS_REGION", "")] {
        let (code, _, err) = outcome(command);
        assert_eq!(code, 2);
        assert!(err.contains("error: no region: give --region or AWS_REGION"), "{err}");
    }
}

#[test]
fn without_credentials_that_is_told() {
    let mut command = program(&TABLE);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let told = error(command.args(["--endpoint", "http://127.0.0.1:1"]));
    assert!(told.contains("Sessions: there are no credentials that can be used: name a profile"), "{told}");
    // A repair reads the metrics first.
    let mut command = program(&["recount", "--sessions-table", "Sessions", "--metrics-table", "Metrics"]);
    command.args(["--timeout-seconds", "3600", "--retention-days", "90", "--time-zone", "UTC"]);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let day = (shared::clock::Clock::system().now() - chrono::TimeDelta::days(5)).date_naive().to_string();
    let repair = ["--endpoint", "http://127.0.0.1:1", "--repair", "--day", &day];
    let (code, _, err) = outcome(command.args(repair));
    assert!(code == 1 && err.contains("error: Metrics: there are no credentials that can be used"), "{err}");
}

/// What was set up and fails is told too, or nobody would know which file or program to look at.
#[test]
fn why_there_are_no_credentials_is_told() {
    let file = configuration("[default]\ncredential_process = exit 3\n");
    let mut command = program(&TABLE);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY").env("AWS_CONFIG_FILE", &file);
    let told = error(command.args(["--endpoint", "http://127.0.0.1:1"]));
    assert!(told.contains("Sessions: there are no credentials that can be used: name a profile"), "{told}");
    assert!(told.contains(" (Error retrieving credentials: external process exited with code "), "{told}");
    std::fs::remove_file(file).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_does_not_exist_is_told() {
    let server = server().await;
    let endpoint = ["--endpoint", server.engine_url.as_str()];
    let told = error(program(&TABLE).args(endpoint));
    assert!(told.contains("Sessions: it does not exist in this account and region"), "{told}");
    // The metrics table too, which is read after the sessions.
    let mut command =
        program(&["recount", "--sessions-table", "SessionsTable", "--metrics-table", "Metrics"]);
    command.args(["--timeout-seconds", "3600", "--retention-days", "90", "--time-zone", "UTC"]);
    let (code, _, err) = outcome(command.args(endpoint));
    assert!(code == 1 && err.contains("error: Metrics: it does not exist in this account"), "{err}");
}

#[test]
fn a_permission_that_is_missing_is_told() {
    let service = refusing(
        "AccessDeniedException",
        "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: dynamodb:Query on resource: \
         arn:aws:dynamodb:us-east-1:123456789012:table/Sessions because no identity-based policy allows it",
    );
    let told = error(program(&TABLE).args(["--endpoint", &service.url]));
    assert!(
        told.contains("Sessions: no permission for dynamodb:Query: access denied. docs/operations.md"),
        "{told}"
    );
}

#[test]
fn credentials_that_are_not_good_any_more_are_told() {
    let service =
        refusing("UnrecognizedClientException", "The security token included in the request is invalid.");
    let told = error(program(&TABLE).args(["--endpoint", &service.url]));
    assert!(told.contains("Sessions: AWS does not accept the credentials"), "{told}");
    // What has no advice of its own has the service's words.
    let service = refusing("ValidationException", "The table is upside down.");
    let told = error(program(&TABLE).args(["--endpoint", &service.url]));
    assert!(told.ends_with("Sessions: ValidationException: The table is upside down."), "{told}");
}

/// The template declares the variable so, for functions.
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_empty_is_none() {
    let server = server().await;
    let mut command = program(&["--sessions-table", "SessionsTable", "export", "alice"]);
    command.env("AWS_ENDPOINT_URL_DYNAMODB", "").env("AWS_ENDPOINT_URL", server.engine_url.as_str());
    let (code, out, err) = outcome(&mut command);
    assert_eq!((code, out.lines().count()), (0, 1), "{err}");
}

/// Where neither the argument nor its variable names another.
#[tokio::test(flavor = "multi_thread")]
async fn the_endpoint_that_a_profile_has_for_dynamodb_is_taken() {
    let server = server().await;
    let file = configuration(&format!(
        "[default]\nservices = here\n\n[services here]\ndynamodb =\n  endpoint_url = {}\n",
        server.engine_url.as_str()
    ));
    let mut command = program(&["--sessions-table", "SessionsTable", "export", "alice"]);
    let (code, out, err) = outcome(command.env("AWS_CONFIG_FILE", &file));
    assert_eq!((code, out.lines().count()), (0, 1), "{err}");
    std::fs::remove_file(file).unwrap();
}

/// As `operator export … | head -0` does.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_that_nobody_reads_is_no_panic() {
    use std::process::Stdio;
    let server = server().await;
    let mut command = program(&["--sessions-table", "SessionsTable", "export", "alice"]);
    command.args(["--endpoint", server.engine_url.as_str()]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(err.contains("error: not all was written: what reads the lines has ended"), "{err}");
}
