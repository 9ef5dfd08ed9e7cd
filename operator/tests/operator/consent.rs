//! An erasure waits for a yes, and so does an end of all sessions.

use std::sync::atomic::{AtomicUsize, Ordering};

use operator::commands::consent::ask;

use crate::support::{Service, outcome, program, put_live_session, put_session, server};

#[test]
fn only_yes_is_a_yes() {
    for (answer, is_yes) in [
        ("yes\n", true),
        (" yes \r\n", true),
        ("y\n", false),
        ("no\n", false),
        ("\n", false),
        ("", false),
        ("Yes\n", false),
    ] {
        let mut asked = Vec::new();
        let outcome = ask("2 items will be deleted.", answer.as_bytes(), &mut asked);
        assert_eq!(outcome.is_ok(), is_yes, "{answer:?}");
        assert_eq!(String::from_utf8(asked).unwrap(), "2 items will be deleted. Type yes to go on: ");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_terminal_it_takes_an_argument() {
    let server = server().await;
    put_session(&server.client, "alice", 2).await;
    put_session(&server.client, "bob", 1).await;
    let command = |arguments: &[&str]| {
        let mut command = program(&["--sessions-table", "SessionsTable"]);
        command.args(["--endpoint", server.engine_url.as_str()]).args(arguments);
        outcome(&mut command)
    };
    let (code, out, err) = command(&["erase", "alice"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("error: without a terminal nobody can be asked") && err.contains("--yes"), "{err}");
    assert_eq!(command(&["export", "alice"]).1.lines().count(), 2, "nothing was changed");
    for expected in ["2 items deleted, 0 left\n", "0 items deleted, 0 left\n"] {
        let (code, out, err) = command(&["erase", "--yes", "alice"]);
        assert_eq!((code, out.as_str()), (0, expected), "{err}");
        assert!(err.contains("erasing from the table SessionsTable (http://127.0.0.1:"), "{err}");
    }
    assert_eq!(command(&["export", "bob"]).1.lines().count(), 1, "others are left alone");
    let (_, _, err) = command(&["erase", "--yes", "a b"]);
    assert!(err.contains("is no user"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_takes_the_argument_too() {
    let server = server().await;
    put_live_session(&server.client, "alice", 3).await;
    put_live_session(&server.client, "alice", 4).await;
    let command = |arguments: &[&str]| {
        let mut command = program(&["--sessions-table", "SessionsTable", "--timeout-seconds", "3600"]);
        command.args(["--retention-days", "90", "--endpoint", server.engine_url.as_str()]).args(arguments);
        outcome(&mut command)
    };
    let (code, out, err) = command(&["end", "alice"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("error: without a terminal nobody can be asked whether to end: --yes"), "{err}");
    let count =
        |text: &str| command(&["export", "alice"]).1.lines().filter(|line| line.contains(text)).count();
    assert_eq!(count(r#""state":"active""#), 2, "nothing was changed");
    let (code, out, err) = command(&["end", "--yes", "alice"]);
    assert_eq!((code, out.as_str()), (0, "2 sessions ended, 0 live\n"), "{err}");
    assert_eq!(err.lines().filter(|line| line.contains("session ended")).count(), 2, "{err}");
    assert!(err.contains("ending sessions in the table SessionsTable (http://127.0.0.1:"), "{err}");
    assert_eq!((count(r#""state":"active""#), count(r#""endReason":"operator""#)), (0, 2));
    let (code, out, _) = command(&["end", "--yes", "alice"]);
    assert_eq!((code, out.as_str()), (0, "0 sessions ended, 0 live\n"));
    let (_, _, err) = command(&["end", "--yes", "a b"]);
    assert!(err.contains("is no user"), "{err}");
}

/// `script` plays the terminal, and types what it reads.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_person_at_a_terminal_is_asked() {
    use std::{
        io::Write,
        process::{Command, Stdio},
    };

    let server = server().await;
    put_live_session(&server.client, "alice", 3).await;
    put_live_session(&server.client, "alice", 4).await;
    let at_terminal = |arguments: &[&str], more: &str| {
        let mut command = program(&["--sessions-table", "SessionsTable", "--timeout-seconds", "3600"]);
        command.args(["--retention-days", "90", "--endpoint", server.engine_url.as_str()]).args(arguments);
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<_> = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect();
        let line = format!("{} {more}", words.join(" "));
        let mut script = Command::new("script");
        script.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        script.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        script.args(["-qec", &line, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = script.spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"yes\n").unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    // Who would not see the question is not asked.
    for command in ["end", "erase"] {
        let (code, told) = at_terminal(&[command, "alice"], "2>/dev/null");
        assert!(code == 1 && !told.contains(" left") && !told.contains(" live"), "{command}: {told}");
    }
    for (command, question, answer) in [
        ("end", "2 live sessions of the user alice in the table SessionsTable", "2 sessions ended, 0 live"),
        ("erase", "3 items of the user alice in the table SessionsTable", "3 items deleted, 0 left"),
    ] {
        let (code, told) = at_terminal(&[command, "alice"], "");
        assert!(code == 0 && told.contains(question) && told.contains(answer), "{command}: {code} {told}");
    }
    // Where there is nothing there is no question.
    for (command, answer) in [("end", "0 sessions ended, 0 live"), ("erase", "0 items deleted, 0 left")] {
        let (code, told) = at_terminal(&[command, "alice"], "");
        let is_asked = told.contains("Type yes");
        assert!(code == 0 && told.contains(answer) && !is_asked, "{command}: {code} {told}");
    }
}

/// DynamoDB has too much to do then, and more so for those who do not wait.
#[test]
fn deletions_that_are_left_undone_are_tried_again_later_and_later() {
    let key = r#"{"pk":{"S":"USER#alice"},"sk":{"S":"SESSION#1"}}"#;
    let writes = AtomicUsize::new(0);
    let service = Service::start(move |body| {
        if body.contains("RequestItems") {
            let is_undone = writes.fetch_add(1, Ordering::Relaxed) < 4;
            let undone = format!(r#""Sessions":[{{"DeleteRequest":{{"Key":{key}}}}}]"#);
            let left = if is_undone { undone } else { String::new() };
            return (200, format!(r#"{{"UnprocessedItems":{{{left}}}}}"#));
        }
        let (items, count) = if body.contains("COUNT") { ("", 0) } else { (key, 1) };
        (200, format!(r#"{{"Items":[{items}],"Count":{count},"ScannedCount":{count}}}"#))
    });
    let mut command = program(&["--sessions-table", "Sessions", "--endpoint", &service.url]);
    let start = std::time::Instant::now();
    let (code, out, err) = outcome(command.args(["erase", "--yes", "alice"]));
    assert_eq!((code, out.as_str()), (0, "1 items deleted, 0 left\n"), "{err}");
    assert_eq!(service.requests().len(), 1 + 5 + 1, "what there is, the batch, and what is left");
    // Each pause is twice as long as the one before.
    assert!(start.elapsed() >= std::time::Duration::from_millis(50 + 100 + 200 + 400));
}

/// A renewal is a transaction, and a write that meets one at the same item is refused.
#[test]
fn an_end_that_meets_a_transaction_is_tried_again() {
    let now = shared::clock::Clock::system().now().timestamp_millis();
    let key = r#""pk":{"S":"USER#alice"},"sk":{"S":"SESSION#0198c0de-0000-7000-8000-000000000001"}"#;
    let item = format!(
        r#"{{{key},"state":{{"S":"active"}},"startTime":{{"N":"{now}"}},"lastActiveTime":{{"N":"{now}"}},
        "contentEngaged":{{"BOOL":true}},"purgeAt":{{"N":"1"}}}}"#
    );
    let writes = AtomicUsize::new(0);
    let service = Service::start(move |body| {
        let written = writes.load(Ordering::Relaxed);
        if body.contains("IndexName") {
            let items = if written < 2 { format!("{{{key}}}") } else { String::new() };
            return (200, format!(r#"{{"Items":[{items}],"Count":1,"ScannedCount":1}}"#));
        }
        if body.contains("RequestItems") {
            return (200, format!(r#"{{"Responses":{{"Sessions":[{item}]}},"UnprocessedKeys":{{}}}}"#));
        }
        writes.fetch_add(1, Ordering::Relaxed);
        if written == 0 {
            let conflict = r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionConflictException"}"#;
            return (400, conflict.to_owned());
        }
        (200, "{}".to_owned())
    });
    let mut command = program(&["--sessions-table", "Sessions", "--timeout-seconds", "3600"]);
    command.args(["--retention-days", "90", "--endpoint", &service.url, "end", "--yes", "alice"]);
    let (code, out, err) = outcome(&mut command);
    assert_eq!((code, out.as_str()), (0, "1 sessions ended, 0 live\n"), "{err}");
}

/// As Ctrl-C does, while a batch is on its way.
#[cfg(unix)]
#[test]
fn an_interruption_is_told() {
    use std::{
        process::{Command, Stdio},
        thread,
        time::Duration,
    };

    let service = Service::start(|body| {
        if body.contains("RequestItems") {
            thread::sleep(Duration::from_mins(1));
        }
        let key = r#"{"pk":{"S":"USER#alice"},"sk":{"S":"SESSION#1"}}"#;
        (200, format!(r#"{{"Items":[{key}],"Count":1,"ScannedCount":1}}"#))
    });
    let mut command = program(&["--sessions-table", "Sessions", "erase", "--yes", "alice"]);
    command.args(["--endpoint", &service.url]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    while service.requests().len() < 2 {
        thread::sleep(Duration::from_millis(10));
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(err.contains("error: 0 items were deleted so far; run it again to go on: interrupted"), "{err}");
}
