//! Settings from arguments and from the environment, and what is said of one that is not there.

use crate::support::{outcome, program, server};

const SETTINGS: [(&str, &str, &str); 5] = [
    ("--sessions-table", "SESSIONS_TABLE", "SessionsTable"),
    ("--metrics-table", "METRICS_TABLE", "MetricsTable"),
    ("--timeout-seconds", "SESSION_TIMEOUT_SECONDS", "3600"),
    ("--retention-days", "SESSION_RETENTION_DAYS", "90"),
    ("--time-zone", "REPORTING_TIME_ZONE", "UTC"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_recount_takes_its_settings_from_arguments() {
    let server = server().await;
    let mut command = program(&["recount", "--endpoint", server.engine_url.as_str()]);
    // Before and behind the command; an argument wins over a variable.
    command.args(SETTINGS.iter().flat_map(|(argument, _, value)| [argument, value]));
    let (code, out, err) = outcome(command.env("SESSIONS_TABLE", "Other"));
    assert!(out.starts_with("SESSION_TIMEOUT_SECONDS=3600 SESSION_RETENTION_DAYS=90"), "{code} {out} {err}");
    assert!(out.contains("1 items read"), "{out}");
    for (argument, variable, value) in SETTINGS {
        assert!(err.contains(&format!("{variable}={value} from {argument}\n")), "{err}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recount_takes_its_settings_from_the_environment() {
    let server = server().await;
    // Until the metrics have followed, days differ, which is a failure of its own.
    for _ in 0..200 {
        let mut command = program(&["recount"]);
        command.env("AWS_ENDPOINT_URL_DYNAMODB", server.engine_url.as_str());
        command.envs(SETTINGS.map(|(_, variable, value)| (variable, value)));
        let (code, out, err) = outcome(&mut command);
        assert!(err.contains("SESSIONS_TABLE=SessionsTable from the environment variable SESSIONS_TABLE"));
        if code == 0 {
            assert!(out.ends_with("not among them\nMetrics and sessions agree.\n"), "{out}");
            return;
        }
        assert!(
            err.contains("1 days differ. --repair --day DAY mends one that is settled."),
            "{code} {out} {err}"
        );
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the metrics did not follow");
}

#[test]
fn a_missing_setting_is_named_by_argument_variable_and_stack() {
    for (argument, variable, _) in SETTINGS {
        let mut command = program(&["recount"]);
        let others = SETTINGS.iter().filter(|setting| setting.1 != variable);
        command.envs(others.map(|(_, variable, value)| (variable, value)));
        // An empty one is a missing one.
        let (code, out, err) = outcome(command.env(variable, ""));
        assert_eq!((code, out.as_str()), (2, ""));
        assert!(err.starts_with(&format!("error: missing: {argument} or {variable}. --stack")), "{err}");
    }
    // The others need the sessions table alone.
    let (code, _, err) = outcome(&mut program(&["export", "alice"]));
    assert!(code == 2 && err.contains("missing: --sessions-table or SESSIONS_TABLE. "), "{err}");
}

#[test]
fn a_setting_that_cannot_be_used_is_refused_by_where_it_is_from() {
    for (argument, variable, value, expected) in [
        ("--timeout-seconds", "SESSION_TIMEOUT_SECONDS", "0", "a whole number from 1 to 2592000, not \"0\""),
        ("--retention-days", "SESSION_RETENTION_DAYS", "ten", "a whole number from 1 to 3650, not \"ten\""),
        ("--time-zone", "REPORTING_TIME_ZONE", "Mars", "an IANA time zone like Europe/Berlin, not \"Mars\""),
    ] {
        let good = SETTINGS.map(|(_, variable, value)| (variable, value));
        let argument_and_value = format!("{argument}={value}");
        let (code, out, err) = outcome(program(&["recount", &argument_and_value]).envs(good));
        assert_eq!((code, out.as_str()), (2, ""));
        assert!(err.ends_with(&format!("error: {argument} must be {expected}\n")), "{err}");
        let (_, _, err) = outcome(program(&["recount"]).envs(good).env(variable, value));
        assert!(err.ends_with(&format!("the environment variable {variable} must be {expected}\n")), "{err}");
    }
    let (code, _, err) = outcome(&mut program(&["recount", "--repair"]));
    assert!(code == 2 && err.contains("--day"), "{err}");
    let (code, _, err) =
        outcome(&mut program(&["export", "x", "--sessions-table", "T", "--endpoint", "nowhere"]));
    assert!(code == 2 && err.contains("--endpoint must be a URL"), "{err}");
}

/// Each setting that the docs list, and no other, is an argument; the template publishes each output.
#[test]
fn the_docs_and_the_template_have_every_setting() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let docs = std::fs::read_to_string(format!("{root}/docs/operations.md")).unwrap();
    let template = std::fs::read_to_string(format!("{root}/template.yaml")).unwrap();
    let (_, outputs) = template.split_once("\nOutputs:\n").unwrap();
    let rows: Vec<Vec<&str>> = docs
        .lines()
        .filter(|line| line.starts_with("| `--"))
        .map(|line| line.split('|').map(|cell| cell.trim().trim_matches('`')).collect())
        .collect();
    let (_, _, err) = outcome(&mut program(&["recount"]));
    for (argument, variable, _) in SETTINGS {
        let row = rows.iter().find(|row| row[1] == argument).unwrap();
        assert_eq!(row[2], variable);
        assert!(outputs.contains(&format!("\n  {}:\n", row[3])), "{}", row[3]);
        assert!(err.contains(&format!("{argument} or {variable}")), "{err}");
    }
    let (_, help, _) = outcome(&mut program(&["--help"]));
    assert!(rows.iter().all(|row| help.contains(&format!("{} <", row[1]))), "{help}");
    assert_eq!(rows.len(), SETTINGS.len() + 2, "region and endpoint");
}

/// The tables of a deployment in the place of each other, or one in the place of both.
#[tokio::test(flavor = "multi_thread")]
async fn tables_that_cannot_be_right_are_refused() {
    let server = server().await;
    let run = |sessions: &str, metrics: &str, more: &[&str]| {
        let mut command = program(&["recount", "--endpoint", server.engine_url.as_str()]);
        command.envs(SETTINGS.map(|(_, variable, value)| (variable, value)));
        outcome(command.args(["--sessions-table", sessions, "--metrics-table", metrics]).args(more))
    };
    let (code, _, err) = run("SessionsTable", "SessionsTable", &[]);
    assert!(code == 1 && err.contains("are in two tables, not in one"), "{code} {err}");
    // The metrics follow the server's one session.
    for _ in 0..200 {
        let (code, out, err) = run("MetricsTable", "SessionsTable", &[]);
        if !out.contains("agree") {
            assert_eq!(code, 1);
            assert!(err.contains("the table MetricsTable has items and none of this service"), "{out} {err}");
            let repair = ["--repair", "--day", "2026-01-31"];
            let (code, _, err) = run("MetricsTable", "SessionsTable", &repair);
            assert!(code == 1 && !err.contains("is now as"), "{err}");
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the metrics did not follow");
}

/// Not to be told of an option that nobody gave, because a region is in the environment.
#[test]
fn without_a_command_there_is_help() {
    let (code, out, err) = outcome(program(&[]).env("AWS_REGION", "us-east-1"));
    assert_eq!(code, 2);
    assert!(out.contains("Usage: operator [OPTIONS] <COMMAND>") && out.contains("Commands:"), "{out} {err}");
}
